//! Fake cloud APIs: GKE and AKS cluster descriptions, and Microsoft's login.
//!
//! Wire format: GKE's `projects.locations.clusters.get`, Azure's "Managed Clusters - Get", and
//! Microsoft identity platform, "client credentials flow, with a federated credential".

mod aks;
mod gke;
mod login;

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::json;

use crate::HOSTILE_TEXT;
use crate::azure_imds::AZURE_TOKEN;
use crate::fault::Fault;
use crate::fault_enum::fault_enum;
use crate::gce::GOOGLE_TOKEN;
use crate::http_service::{HttpHandler, HttpService};
use crate::pki::Pki;
use crate::request::Request;
use crate::response::Response;
use crate::server::Server;

fault_enum! {
    /// Control-plane access states of the cluster, and API errors.
    CloudApiFault {
        /// Access is limited to a network that does not contain CAST AI's address.
        Blocked = "blocked",
        /// As `blocked`, during an update of the allow list.
        BlockedWhileChanging = "blocked-while-changing",
        /// As `blocked`, with 150 networks in the allow list.
        BlockedByLongList = "blocked-by-long-list",
        /// As `blocked`, with a service tag in the allow list (Azure).
        BlockedWithServiceTag = "blocked-with-service-tag",
        /// As `blocked`, with a shell command in the allow list.
        BlockedByHostileEntry = "blocked-by-hostile-entry",
        /// Access is limited to a network that contains CAST AI's address.
        Listed = "listed",
        /// Access is limited to another network and Google Cloud addresses (GKE).
        GoogleOnly = "google-only",
        /// The control plane has no public endpoint.
        Private = "private",
        /// The nodes use a service principal, as in legacy clusters (Azure).
        ServicePrincipal = "service-principal",
        /// The caller lacks the permission.
        Forbidden = "forbidden",
        /// The access token is invalid or expired.
        Expired = "expired",
        /// The cluster does not exist.
        NotFound = "not-found",
        /// Too many requests.
        RateLimited = "rate-limited",
        /// Internal server error.
        ServerError = "server-error",
        /// JSON that does not describe a cluster.
        UnrelatedJson = "unrelated-json",
        /// Errors that hold escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
    } or Generic(Fault)
}

/// Cloud API to imitate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `container.googleapis.com`.
    Google,
    /// `management.azure.com`.
    Azure,
    /// `login.microsoftonline.com`.
    Login,
}

/// Settings of a cloud API.
#[derive(Clone, Debug)]
pub struct Options {
    /// API to imitate.
    pub kind: Kind,
    /// Address to listen on.
    pub addr: SocketAddr,
    /// DNS name in the certificate.
    pub name: String,
    /// Access token to accept, or to issue in exchange for [`FEDERATED_TOKEN`].
    pub token: String,
}

/// A running cloud API.
#[derive(Debug)]
pub struct CloudApi {
    server: Server<CloudApiFault>,
}

struct Handler {
    options: Options,
}

/// Service-account token that the login exchanges for an access token.
pub const FEDERATED_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.lab-federated-token.c2ln";
/// Tenant ID of the login.
pub const TENANT_ID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
/// Client ID of the identity with which the kubelets of the cluster pull images.
pub const KUBELET_CLIENT_ID: &str = "12121212-3434-5656-7878-909090909090";
/// Client ID of the service principal that the kubelets use in legacy clusters.
pub const SERVICE_PRINCIPAL_CLIENT_ID: &str = "21212121-4343-6565-8787-090909090909";
/// Client ID of the application that the service account is federated with.
pub const WORKLOAD_CLIENT_ID: &str = "99999999-8888-7777-6666-555555555555";

// === impl Options ===

impl Options {
    /// Default settings for an API of this kind, with a certificate for `name`.
    pub fn new(kind: Kind, name: &str) -> Self {
        let (host, token) = match kind {
            Kind::Google => (1, GOOGLE_TOKEN),
            Kind::Azure => (2, AZURE_TOKEN),
            Kind::Login => (3, AZURE_TOKEN),
        };
        let addr = SocketAddr::from(([127, 0, 80, host], 0));
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
    /// Starts listening. Requires a tokio runtime.
    pub fn start(pki: &Pki, options: Options) -> io::Result<Self> {
        let (addr, names) = (
            options.addr,
            vec![options.name.clone(), options.addr.ip().to_string()],
        );
        Ok(Self {
            server: Server::start(
                addr,
                Arc::new(HttpService::tls(Handler { options }, pki, names)),
            )?,
        })
    }
}

impl Deref for CloudApi {
    type Target = Server<CloudApiFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl Handler ===

impl HttpHandler for Handler {
    type Fault = CloudApiFault;

    fn generic_fault(fault: &CloudApiFault) -> Option<&Fault> {
        if let CloudApiFault::Generic(generic) = fault {
            Some(generic)
        } else {
            None
        }
    }

    fn respond(&self, request: &Request, fault: Option<&CloudApiFault>) -> Response {
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
            Some(CloudApiFault::UnrelatedJson) => {
                Response::json(200, &json!({ "kind": "something", "properties": [] }))
            }
            Some(CloudApiFault::NotFound) => not_found(kind),
            _ if kind == Kind::Google && request.path() == gke::PATH => {
                Response::json(200, &gke::cluster(fault))
            }
            _ if kind == Kind::Azure && request.path().eq_ignore_ascii_case(&aks::path()) => {
                match request.query("api-version").as_deref() {
                    Some("2024-09-01") => Response::json(200, &aks::cluster(fault)),
                    _ => error(
                        kind,
                        400,
                        "InvalidApiVersionParameter",
                        "The api-version is invalid.",
                    ),
                }
            }
            _ => not_found(kind),
        }
    }
}

/// Returns the allow list, or `None` if access is unrestricted.
fn authorized_networks(fault: Option<&CloudApiFault>) -> Option<Vec<String>> {
    let with_default = |network: &str| Some(vec!["203.0.113.0/24".to_owned(), network.to_owned()]);
    match fault? {
        CloudApiFault::Blocked
        | CloudApiFault::BlockedWhileChanging
        | CloudApiFault::GoogleOnly => with_default("198.51.100.7/32"),
        CloudApiFault::BlockedByLongList => Some(
            (0..150)
                .map(|last| format!("198.51.100.{last}/32"))
                .collect(),
        ),
        CloudApiFault::BlockedWithServiceTag => with_default("AzureCloud"),
        CloudApiFault::BlockedByHostileEntry => with_default("$(reboot)"),
        CloudApiFault::Listed => with_default("35.221.40.0/24"),
        _ => None,
    }
}

fn error(kind: Kind, status: u16, code: &str, message: &str) -> Response {
    match kind {
        Kind::Google => Response::json(
            status,
            &json!({ "error": { "code": status, "message": message, "status": code } }),
        ),
        _ => Response::json(
            status,
            &json!({ "error": { "code": code, "message": message } }),
        ),
    }
}

fn unauthenticated(kind: Kind) -> Response {
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

fn forbidden(kind: Kind) -> Response {
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

fn not_found(kind: Kind) -> Response {
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
    async fn clusters_require_their_token_and_show_the_allow_list() {
        let pki = Pki::new("lab");
        let google = CloudApi::start(&pki, Options::new(Kind::Google, "container.lab")).unwrap();
        let azure = CloudApi::start(&pki, Options::new(Kind::Azure, "management.lab")).unwrap();
        let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
        let get_gke = async |token: &str| {
            get(
                &pki,
                google.addr(),
                "container.lab",
                gke::PATH,
                &bearer(token),
            )
            .await
            .unwrap()
        };
        assert!(get_gke("other").await.contains("UNAUTHENTICATED"));
        assert!(get_gke(AZURE_TOKEN).await.contains("UNAUTHENTICATED"));
        assert!(
            get_gke(GOOGLE_TOKEN)
                .await
                .contains("\"masterAuthorizedNetworksConfig\":{}")
        );
        google.set(CloudApiFault::GoogleOnly).await;
        assert!(
            get_gke(GOOGLE_TOKEN)
                .await
                .contains("\"gcpPublicCidrsAccessEnabled\":true")
        );
        let path = aks::path();
        let get_aks = async |query: &str| {
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
        assert!(get_aks("").await.contains("InvalidApiVersionParameter"));
        assert!(
            get_aks("?api-version=2024-09-01")
                .await
                .contains("\"authorizedIPRanges\":null")
        );
        azure.set(CloudApiFault::Listed).await;
        assert!(
            get_aks("?api-version=2024-09-01")
                .await
                .contains("35.221.40.0/24")
        );
    }
}
