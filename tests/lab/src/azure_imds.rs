//! Fake Azure instance metadata service: instance metadata and managed-identity tokens.
//!
//! Wire format: Azure's "Instance Metadata Service" and "Use managed identities on a virtual
//! machine".

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::HOSTILE_TEXT;
use crate::fault::Fault;
use crate::fault_enum::fault_enum;
use crate::http_service::{HttpHandler, HttpService};
use crate::request::Request;
use crate::response::Response;
use crate::server::Server;

fault_enum! {
    /// Faults of Azure's instance metadata service.
    AzureImdsFault {
        /// 403 to everything: access from pods is restricted.
        Restricted = "restricted",
        /// The `Metadata` header of the request is lost.
        HeaderLost = "header-lost",
        /// 400: the API version is unknown.
        VersionUnknown = "version-unknown",
        /// 429 to everything.
        RateLimited = "rate-limited",
        /// 410 to everything: the service is being updated.
        Gone = "gone",
        /// 500 to everything.
        ServerError = "server-error",
        /// The metadata has no subscription ID.
        NoSubscription = "no-subscription",
        /// The node has no managed identity.
        NoIdentity = "no-identity",
        /// The node has several managed identities and the request names none.
        ManyIdentities = "many-identities",
        /// Values with escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
    } or Generic(Fault)
}

/// Settings of the metadata service.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on.
    pub addr: SocketAddr,
    /// Subscription ID.
    pub subscription: String,
    /// Resource group of the nodes.
    pub node_resource_group: String,
    /// Region of the node.
    pub location: String,
    /// Access token to issue for every resource.
    pub token: String,
}

/// A running metadata service.
#[derive(Debug)]
pub struct AzureImds {
    server: Server<AzureImdsFault>,
}

struct Handler {
    options: Options,
}

/// Default access token.
pub const AZURE_TOKEN: &str = "eyJ0eXAiOiJKV1QifQ.lab-azure-access-token.c2ln";
/// Default subscription ID.
pub const SUBSCRIPTION: &str = "00000000-1111-2222-3333-444444444444";

/// Supported API versions; the real service has more.
const VERSIONS: &[&str] = &["2018-02-01", "2021-02-01", "2021-05-01", "2021-12-13"];

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 70, 1], 0)),
            subscription: SUBSCRIPTION.to_owned(),
            node_resource_group: "MC_lab-group_lab_westeurope".to_owned(),
            location: "westeurope".to_owned(),
            token: AZURE_TOKEN.to_owned(),
        }
    }
}

// === impl AzureImds ===

impl AzureImds {
    /// Starts listening. Requires a tokio runtime.
    pub fn start(options: Options) -> io::Result<Self> {
        Ok(Self {
            server: Server::start(
                options.addr,
                Arc::new(HttpService::plain(Handler { options })),
            )?,
        })
    }
}

impl Deref for AzureImds {
    type Target = Server<AzureImdsFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl Handler ===

impl HttpHandler for Handler {
    type Fault = AzureImdsFault;

    fn generic_fault(fault: &AzureImdsFault) -> Option<&Fault> {
        if let AzureImdsFault::Generic(generic) = fault {
            Some(generic)
        } else {
            None
        }
    }

    fn respond(&self, request: &Request, fault: Option<&AzureImdsFault>) -> Response {
        let header = request
            .header("metadata")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let version = request.query("api-version");
        let known = version
            .as_deref()
            .is_some_and(|version| VERSIONS.contains(&version));
        let response = match fault {
            Some(AzureImdsFault::Restricted) => {
                bad(403, "Forbidden. Access to this endpoint is not allowed")
            }
            Some(AzureImdsFault::RateLimited) => bad(429, "Too many requests"),
            Some(AzureImdsFault::Gone) => bad(410, "Gone. The service is being updated"),
            Some(AzureImdsFault::ServerError) => bad(500, "Internal server error"),
            Some(AzureImdsFault::HeaderLost) => {
                bad(400, "Bad request. Required metadata header not specified")
            }
            _ if !header => bad(400, "Bad request. Required metadata header not specified"),
            _ if request.header("x-forwarded-for").is_some() => {
                bad(400, "Bad request. X-Forwarded-For header is not allowed")
            }
            _ if request.method != "GET" => bad(405, "Method not allowed"),
            _ if version.is_none() => bad(
                400,
                "Bad request. api-version was not specified in the request",
            ),
            Some(AzureImdsFault::VersionUnknown) => bad(400, "Bad request. api-version is invalid"),
            _ if !known => bad(400, "Bad request. api-version is invalid"),
            _ => match request.path() {
                "/metadata/instance" => Response::json(200, &self.instance(fault)),
                "/metadata/identity/oauth2/token" => self.identity(request, fault),
                _ => bad(404, "Not found"),
            },
        };
        response.with_header("Server", "IMDS/150.870.65.1854")
    }
}

impl Handler {
    fn instance(&self, fault: Option<&AzureImdsFault>) -> Value {
        let Options {
            subscription,
            node_resource_group,
            location,
            ..
        } = &self.options;
        let location = if fault == Some(&AzureImdsFault::Hostile) {
            HOSTILE_TEXT
        } else {
            location
        };
        let mut compute = json!({
            "azEnvironment": "AzurePublicCloud",
            "location": location,
            "name": "aks-nodepool1-12345678-vmss_0",
            "osType": "Linux",
            "resourceGroupName": node_resource_group,
            "subscriptionId": subscription,
            "tagsList": [{ "name": "aks-managed-orchestrator", "value": "Kubernetes:1.33.0" }],
            "vmScaleSetName": "aks-nodepool1-12345678-vmss",
            "vmSize": "Standard_D4s_v5",
        });
        if fault == Some(&AzureImdsFault::NoSubscription) {
            compute["subscriptionId"] = json!("");
        }
        json!({ "compute": compute, "network": { "interface": [] } })
    }

    fn identity(&self, request: &Request, fault: Option<&AzureImdsFault>) -> Response {
        let invalid = |why: &str| {
            Response::json(
                400,
                &json!({ "error": "invalid_request", "error_description": why }),
            )
        };
        let Some(resource) = request.query("resource") else {
            return invalid("Required query variable 'resource' is missing");
        };
        match fault {
            Some(AzureImdsFault::NoIdentity) => invalid("Identity not found"),
            Some(AzureImdsFault::ManyIdentities) if request.query("client_id").is_none() => {
                invalid(
                    "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in \
                 the token request",
                )
            }
            _ => Response::json(
                200,
                &json!({
                    "access_token": self.options.token,
                    "client_id": "55555555-6666-7777-8888-999999999999",
                    "expires_in": "86399",
                    "expires_on": "1893456000",
                    "ext_expires_in": "86399",
                    "not_before": "1700000000",
                    "resource": resource,
                    "token_type": "Bearer",
                }),
            ),
        }
    }
}

fn bad(status: u16, why: &str) -> Response {
    Response::json(status, &json!({ "error": why }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::get_plain;

    #[tokio::test]
    async fn metadata_requires_the_header_a_version_and_no_proxy() {
        let imds = AzureImds::start(Options::default()).unwrap();
        let get_metadata = async |target: &str, headers: &str| {
            get_plain(imds.addr(), target, headers).await.unwrap()
        };
        let (valid, header) = (
            "/metadata/instance?api-version=2021-05-01&format=json",
            "Metadata: True\r\n",
        );
        for (target, headers, status) in [
            (valid, header, "200"),
            (valid, "", "400"),
            (
                valid,
                "Metadata: True\r\nX-Forwarded-For: 10.0.0.1\r\n",
                "400",
            ),
            ("/metadata/instance?format=json", header, "400"),
            ("/metadata/instance?api-version=2011-01-01", header, "400"),
            (
                "/metadata/identity/oauth2/token?api-version=2018-02-01",
                header,
                "400",
            ),
            (
                "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fx%2F",
                header,
                "200",
            ),
            ("/metadata/other?api-version=2021-05-01", header, "404"),
        ] {
            let response = get_metadata(target, headers).await;
            assert_eq!(&response[9..12], status, "{target} {headers:?}: {response}");
        }
    }
}
