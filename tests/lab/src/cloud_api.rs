//! The APIs of Google and Azure that tell who may reach a cluster's control plane, and Azure's login before one of them.
//!
//! Wire format: GKE's `projects.locations.clusters.get`, Azure's "Managed Clusters - Get", and Microsoft's identity
//! platform, "client credentials flow, with a federated credential".

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::HOSTILE_TEXT;
use crate::answer::Answer;
use crate::azure_imds::{AZURE_TOKEN, SUBSCRIPTION};
use crate::fault::Fault;
use crate::gce::GOOGLE_TOKEN;
use crate::pki::Pki;
use crate::request::Request;
use crate::server::Server;
use crate::vocabulary::vocabulary;
use crate::web::{Application, Web};

vocabulary! {
    /// What the cluster's control plane lets in, and what its cloud answers instead of telling it.
    CloudApiFault {
        /// Only a network that does not hold CAST AI's address may reach the control plane.
        Blocked = "blocked",
        /// The same, and the list is being changed.
        BlockedWhileChanging = "blocked-while-changing",
        /// The same, and the list has 150 networks.
        BlockedByMany = "blocked-by-many",
        /// The same, and a service tag stands in the list (Azure).
        BlockedBesideTag = "blocked-beside-tag",
        /// An entry of the list holds what a shell would run.
        BlockedByHostile = "blocked-by-hostile",
        /// A network that holds CAST AI's address may reach the control plane.
        Listed = "listed",
        /// Only another network may, and addresses of Google Cloud (GKE).
        Google = "google",
        /// The control plane has no address on the internet.
        Private = "private",
        /// The nodes are a service principal, as clusters of old are (Azure).
        ServicePrincipal = "service-principal",
        /// The caller lacks the permission.
        Forbidden = "forbidden",
        /// The token is none that is valid.
        Expired = "expired",
        /// There is no such cluster.
        NotFound = "not-found",
        /// Too many requests.
        RateLimited = "rate-limited",
        /// An error of its own.
        ServerError = "server-error",
        /// JSON that is not about a cluster.
        SomethingElse = "something-else",
        /// Errors that hold escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
    } or Line(Fault)
}

/// Which API it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `container.googleapis.com`.
    Google,
    /// `management.azure.com`.
    Azure,
    /// `login.microsoftonline.com`.
    Login,
}

/// How an API is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which.
    pub kind: Kind,
    /// Where it listens.
    pub addr: SocketAddr,
    /// The name of its certificate.
    pub name: String,
    /// The token that it accepts, or that it gives for [`FEDERATED_TOKEN`].
    pub token: String,
}

/// A running API.
#[derive(Debug)]
pub struct CloudApi {
    server: Server<CloudApiFault>,
}

struct App {
    options: Options,
}

/// The token of the service account that the login exchanges.
pub const FEDERATED_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.lab-federated-token.c2ln";
/// The tenant of the login.
pub const TENANT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
/// The client id of the identity as which the kubelets of a pretend cluster pull images.
pub const KUBELET: &str = "12121212-3434-5656-7878-909090909090";
/// The client id of the service principal that they may be instead.
pub const PRINCIPAL: &str = "21212121-4343-6565-8787-090909090909";
/// The application that the service account stands for.
pub const CLIENT: &str = "99999999-8888-7777-6666-555555555555";

const GKE: &str = "/v1/projects/lab-project/locations/europe-west3/clusters/lab";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

// === impl Options ===

impl Options {
    /// An API of this kind under a name.
    pub fn new(kind: Kind, name: &str) -> Self {
        let (last, token) = match kind {
            Kind::Google => (1, GOOGLE_TOKEN),
            Kind::Azure => (2, AZURE_TOKEN),
            Kind::Login => (3, AZURE_TOKEN),
        };
        let addr = SocketAddr::from(([127, 0, 80, last], 0));
        Self {
            kind,
            addr,
            name: name.to_owned(),
            token: token.to_owned(),
        }
    }
}

// === impl CloudApi ===

impl CloudApi {
    /// Starts listening; must be called inside a runtime.
    pub fn start(pki: &Pki, options: Options) -> io::Result<Self> {
        let (addr, names) = (
            options.addr,
            vec![options.name.clone(), options.addr.ip().to_string()],
        );
        Ok(Self {
            server: Server::start(addr, Arc::new(Web::new(App { options }, pki, names)))?,
        })
    }
}

impl Deref for CloudApi {
    type Target = Server<CloudApiFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl App ===

impl Application for App {
    type Fault = CloudApiFault;

    fn line(fault: &CloudApiFault) -> Option<&Fault> {
        if let CloudApiFault::Line(line) = fault {
            Some(line)
        } else {
            None
        }
    }

    fn answer(&self, request: &Request, fault: Option<&CloudApiFault>) -> Answer {
        let kind = self.options.kind;
        if kind == Kind::Login {
            return self.login(request, fault);
        }
        let authorized =
            request.header("authorization") == Some(&format!("Bearer {}", self.options.token));
        match fault {
            Some(CloudApiFault::RateLimited) => {
                error(kind, 429, "RESOURCE_EXHAUSTED", "Quota exceeded.")
            }
            Some(CloudApiFault::ServerError) => {
                error(kind, 500, "INTERNAL", "Internal error encountered.")
            }
            Some(CloudApiFault::Expired) => unauthenticated(kind),
            _ if !authorized => unauthenticated(kind),
            Some(CloudApiFault::Hostile) => error(kind, 403, "PERMISSION_DENIED", HOSTILE_TEXT),
            Some(CloudApiFault::Forbidden) => forbidden(kind),
            _ if request.method != "GET" => {
                error(kind, 405, "INVALID_ARGUMENT", "Method not allowed.")
            }
            Some(CloudApiFault::SomethingElse) => {
                Answer::json(200, &json!({ "kind": "something", "properties": [] }))
            }
            Some(CloudApiFault::NotFound) => missing(kind),
            _ if kind == Kind::Google && request.path() == GKE => Answer::json(200, &gke(fault)),
            _ if kind == Kind::Azure && request.path().eq_ignore_ascii_case(&aks_path()) => {
                match request.query("api-version").as_deref() {
                    Some("2024-09-01") => Answer::json(200, &aks(fault)),
                    _ => error(
                        kind,
                        400,
                        "InvalidApiVersionParameter",
                        "The api-version is invalid.",
                    ),
                }
            }
            _ => missing(kind),
        }
    }
}

impl App {
    fn login(&self, request: &Request, fault: Option<&CloudApiFault>) -> Answer {
        let refused = |status, error: &str, what: &str| {
            Answer::json(
                status,
                &json!({ "error": error, "error_description": what, "error_codes": [700_016] }),
            )
        };
        let form: Vec<(String, String)> = request.parameters();
        let field = |name: &str| {
            form.iter()
                .find(|(of, _)| of == name)
                .map(|(_, value)| value.as_str())
        };
        let scope = field("scope").unwrap_or_default();
        let assertion = field("client_assertion").unwrap_or_default();
        match fault {
            Some(CloudApiFault::ServerError) => {
                refused(503, "temporarily_unavailable", "AADSTS90033: try again.")
            }
            _ if request.method != "POST"
                || request.path() != format!("/{TENANT}/oauth2/v2.0/token") =>
            {
                refused(404, "invalid_request", "AADSTS90002: Tenant not found.")
            }
            Some(CloudApiFault::Forbidden) => refused(
                401,
                "invalid_client",
                "AADSTS70021: No matching federated identity record found.",
            ),
            Some(CloudApiFault::Hostile) => refused(
                400,
                "invalid_client",
                &format!("{HOSTILE_TEXT} {assertion}"),
            ),
            _ if field("grant_type") != Some("client_credentials")
                || field("client_assertion_type") != Some(JWT_BEARER)
                || !scope.ends_with("/.default") =>
            {
                refused(
                    400,
                    "invalid_request",
                    "AADSTS900144: The request body is incomplete.",
                )
            }
            _ if field("client_id") != Some(CLIENT) || assertion != FEDERATED_TOKEN => refused(
                401,
                "invalid_client",
                "AADSTS700213: No matching federated identity record found.",
            ),
            _ => Answer::json(
                200,
                &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": self.options.token }),
            ),
        }
    }
}

fn aks_path() -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/lab-group/providers/Microsoft.ContainerService/managedClusters/lab"
    )
}

/// The networks of a state; nothing when everybody may reach the control plane.
fn networks(fault: Option<&CloudApiFault>) -> Option<Vec<String>> {
    let one = |network: &str| Some(vec!["203.0.113.0/24".to_owned(), network.to_owned()]);
    match fault? {
        CloudApiFault::Blocked | CloudApiFault::BlockedWhileChanging | CloudApiFault::Google => {
            one("198.51.100.7/32")
        }
        CloudApiFault::BlockedByMany => Some(
            (0..150)
                .map(|last| format!("198.51.100.{last}/32"))
                .collect(),
        ),
        CloudApiFault::BlockedBesideTag => one("AzureCloud"),
        CloudApiFault::BlockedByHostile => one("$(reboot)"),
        CloudApiFault::Listed => one("35.221.40.0/24"),
        _ => None,
    }
}

fn gke(fault: Option<&CloudApiFault>) -> Value {
    let private = fault == Some(&CloudApiFault::Private);
    let mut cluster = json!({
        "status": if fault == Some(&CloudApiFault::BlockedWhileChanging) { "RECONCILING" } else { "RUNNING" },
        "masterAuthorizedNetworksConfig": {},
        "controlPlaneEndpointsConfig": {
            "dnsEndpointConfig": { "endpoint": "gke-lab.europe-west3.gke.goog" },
            "ipEndpointsConfig": { "enabled": true, "enablePublicEndpoint": !private },
        },
    });
    if private {
        cluster["privateClusterConfig"] = json!({ "enablePrivateEndpoint": true });
    }
    if let Some(networks) = networks(fault) {
        let blocks: Vec<_> = networks
            .iter()
            .map(|network| json!({ "displayName": "lab", "cidrBlock": network }))
            .collect();
        let google = fault == Some(&CloudApiFault::Google);
        cluster["masterAuthorizedNetworksConfig"] =
            json!({ "enabled": true, "cidrBlocks": blocks, "gcpPublicCidrsAccessEnabled": google });
    }
    cluster
}

fn aks(fault: Option<&CloudApiFault>) -> Value {
    let changing = fault == Some(&CloudApiFault::BlockedWhileChanging);
    let principal = fault == Some(&CloudApiFault::ServicePrincipal);
    let kubelet = json!({ "kubeletidentity": { "clientId": KUBELET, "objectId": CLIENT } });
    json!({
        "id": aks_path(),
        "name": "lab",
        "location": "westeurope",
        "properties": {
            "provisioningState": if changing { "Updating" } else { "Succeeded" },
            "servicePrincipalProfile": { "clientId": if principal { PRINCIPAL } else { "msi" } },
            "identityProfile": if principal { Value::Null } else { kubelet },
            "nodeResourceGroup": "MC_lab-group_lab_westeurope",
            "apiServerAccessProfile": {
                "authorizedIPRanges": networks(fault),
                "enablePrivateCluster": fault == Some(&CloudApiFault::Private),
            },
        },
    })
}

fn error(kind: Kind, status: u16, code: &str, message: &str) -> Answer {
    match kind {
        Kind::Google => Answer::json(
            status,
            &json!({ "error": { "code": status, "message": message, "status": code } }),
        ),
        _ => Answer::json(
            status,
            &json!({ "error": { "code": code, "message": message } }),
        ),
    }
}

fn unauthenticated(kind: Kind) -> Answer {
    match kind {
        Kind::Google => error(
            kind,
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials.",
        ),
        _ => error(
            kind,
            401,
            "ExpiredAuthenticationToken",
            "The access token expiry UTC time is earlier than now.",
        ),
    }
}

fn forbidden(kind: Kind) -> Answer {
    match kind {
        Kind::Google => error(
            kind,
            403,
            "PERMISSION_DENIED",
            "Required \"container.clusters.get\" permission(s) for \"projects/lab-project/locations/europe-west3/clusters/lab\".",
        ),
        _ => error(
            kind,
            403,
            "AuthorizationFailed",
            "The client 'lab' does not have authorization to perform action \
             'Microsoft.ContainerService/managedClusters/read' over scope 'lab' or the scope is invalid.",
        ),
    }
}

fn missing(kind: Kind) -> Answer {
    match kind {
        Kind::Google => error(kind, 404, "NOT_FOUND", "Not found."),
        _ => error(kind, 404, "ResourceNotFound", "The resource was not found."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::get;

    #[tokio::test]
    async fn a_cluster_is_shown_to_its_own_token_and_in_its_state() {
        let pki = Pki::new("lab");
        let google = CloudApi::start(&pki, Options::new(Kind::Google, "container.lab")).unwrap();
        let azure = CloudApi::start(&pki, Options::new(Kind::Azure, "management.lab")).unwrap();
        let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
        let gke = async |token: &str| {
            get(&pki, google.addr(), "container.lab", GKE, &bearer(token))
                .await
                .unwrap()
        };
        assert!(gke("other").await.contains("UNAUTHENTICATED"));
        assert!(gke(AZURE_TOKEN).await.contains("UNAUTHENTICATED"));
        assert!(
            gke(GOOGLE_TOKEN)
                .await
                .contains("\"masterAuthorizedNetworksConfig\":{}")
        );
        google.set(CloudApiFault::Google).await;
        assert!(
            gke(GOOGLE_TOKEN)
                .await
                .contains("\"gcpPublicCidrsAccessEnabled\":true")
        );
        let path = aks_path();
        let aks = async |query: &str| {
            get(
                &pki,
                azure.addr(),
                "management.lab",
                &format!("{path}{query}"),
                &bearer(AZURE_TOKEN),
            )
            .await
            .unwrap()
        };
        assert!(aks("").await.contains("InvalidApiVersionParameter"));
        assert!(
            aks("?api-version=2024-09-01")
                .await
                .contains("\"authorizedIPRanges\":null")
        );
        azure.set(CloudApiFault::Listed).await;
        assert!(
            aks("?api-version=2024-09-01")
                .await
                .contains("35.221.40.0/24")
        );
    }
}
