//! Fake Google metadata server, as a GKE pod sees it.
//!
//! Wire format: Compute Engine's "About VM metadata" and "Predefined metadata keys"; GKE's "About
//! Workload Identity".

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::json;

use crate::HOSTILE_TEXT;
use crate::fault::Fault;
use crate::fault_enum::fault_enum;
use crate::http_service::{HttpHandler, HttpService};
use crate::request::Request;
use crate::response::Response;
use crate::server::Server;

fault_enum! {
    /// Faults of Google's metadata server.
    GceFault {
        /// The instance has no `cluster-name` attribute.
        NoClusterName = "no-cluster-name",
        /// The `cluster-name` attribute is empty.
        EmptyClusterName = "empty-cluster-name",
        /// The zone has no region that the agent can parse.
        OddZone = "odd-zone",
        /// The instance has no service account.
        NoServiceAccount = "no-service-account",
        /// The `Metadata-Flavor` header of the request is lost.
        HeaderLost = "header-lost",
        /// Another server answers, without the `Metadata-Flavor` header.
        OtherServer = "other-server",
        /// 429 to everything.
        RateLimited = "rate-limited",
        /// 503 to everything.
        Unavailable = "unavailable",
        /// 500 to everything.
        ServerError = "server-error",
        /// Values with escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
    } or Generic(Fault)
}

/// Settings of the metadata server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on.
    pub addr: SocketAddr,
    /// Project ID.
    pub project: String,
    /// Name of the cluster.
    pub cluster: String,
    /// Location of the cluster: a region or a zone.
    pub location: String,
    /// Zone of the node.
    pub zone: String,
    /// Access token to issue.
    pub token: String,
}

/// A running metadata server.
#[derive(Debug)]
pub struct Gce {
    server: Server<GceFault>,
}

struct Handler {
    options: Options,
}

/// Default access token.
pub const GOOGLE_TOKEN: &str = "ya29.lab-google-access-token-0123456789";

const ROOT: &str = "/computeMetadata/v1/";

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 60, 1], 0)),
            project: "lab-project".to_owned(),
            cluster: "lab".to_owned(),
            location: "europe-west3".to_owned(),
            zone: "europe-west3-b".to_owned(),
            token: GOOGLE_TOKEN.to_owned(),
        }
    }
}

// === impl Gce ===

impl Gce {
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

impl Deref for Gce {
    type Target = Server<GceFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl Handler ===

impl HttpHandler for Handler {
    type Fault = GceFault;

    fn generic_fault(fault: &GceFault) -> Option<&Fault> {
        if let GceFault::Generic(generic) = fault {
            Some(generic)
        } else {
            None
        }
    }

    fn respond(&self, request: &Request, fault: Option<&GceFault>) -> Response {
        let response = match fault {
            Some(GceFault::HeaderLost) => forbidden("Missing Metadata-Flavor:Google header."),
            Some(GceFault::RateLimited) => Response::text(429, "Too Many Requests"),
            Some(GceFault::Unavailable) => Response::text(503, "Service Unavailable"),
            Some(GceFault::ServerError) => Response::text(500, "Internal Server Error"),
            _ if request.header("x-forwarded-for").is_some() => {
                forbidden("Request has X-Forwarded-For header.")
            }
            _ if request.header("metadata-flavor") != Some("Google") => {
                forbidden("Missing Metadata-Flavor:Google header.")
            }
            _ if request.method != "GET" => Response::text(405, "Method Not Allowed"),
            _ => self.value(request, fault),
        };
        match fault {
            Some(GceFault::OtherServer) => response.with_header("Server", "nginx"),
            _ => response
                .with_header("Metadata-Flavor", "Google")
                .with_header("Server", "Metadata Server for VM"),
        }
    }
}

impl Handler {
    fn value(&self, request: &Request, fault: Option<&GceFault>) -> Response {
        let Options {
            project,
            cluster,
            location,
            zone,
            token,
            ..
        } = &self.options;
        let accounts = fault != Some(&GceFault::NoServiceAccount);
        let value = match request.path().strip_prefix(ROOT) {
            Some(_) if fault == Some(&GceFault::Hostile) => HOSTILE_TEXT.to_owned(),
            Some("project/project-id") => project.clone(),
            Some("instance/zone") if fault == Some(&GceFault::OddZone) => {
                "projects/1234567890/zones/lab".to_owned()
            }
            Some("instance/zone") => format!("projects/1234567890/zones/{zone}"),
            Some("instance/attributes/cluster-name") if fault == Some(&GceFault::NoClusterName) => {
                return not_found();
            }
            Some("instance/attributes/cluster-name")
                if fault == Some(&GceFault::EmptyClusterName) =>
            {
                String::new()
            }
            Some("instance/attributes/cluster-name") => cluster.clone(),
            Some("instance/attributes/cluster-location") => location.clone(),
            Some("instance/service-accounts/default/email") if accounts => {
                format!("lab@{project}.iam.gserviceaccount.com")
            }
            Some("instance/service-accounts/default/token") if accounts => {
                let token =
                    json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" });
                return Response::json(200, &token);
            }
            _ => return not_found(),
        };
        Response::new(200, "application/text", value).with_header("ETag", "5f2a1c0d9e8b7a64")
    }
}

fn not_found() -> Response {
    Response::html(404, "Error 404 (Not Found)!!1")
}

fn forbidden(why: &str) -> Response {
    Response::new(
        403,
        "text/html; charset=UTF-8",
        format!("<!DOCTYPE html>\n<html lang=en>\n<p>{why}</p></html>\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::get_plain;

    #[tokio::test]
    async fn values_require_the_header_and_no_proxy() {
        let gce = Gce::start(Options::default()).unwrap();
        let get_value = async |path: &str, headers: &str| {
            get_plain(gce.addr(), &format!("/computeMetadata/v1/{path}"), headers)
                .await
                .unwrap()
        };
        let flavor = "Metadata-Flavor: Google\r\n";
        assert!(
            get_value("project/project-id", "")
                .await
                .starts_with("HTTP/1.1 403")
        );
        let forwarded = format!("{flavor}X-Forwarded-For: 10.0.0.1\r\n");
        assert!(
            get_value("project/project-id", &forwarded)
                .await
                .starts_with("HTTP/1.1 403")
        );
        let response = get_value("project/project-id", flavor).await;
        assert!(
            response.ends_with("lab-project") && response.contains("Metadata-Flavor: Google\r\n"),
            "{response}"
        );
        assert!(
            get_value("instance/attributes/other", flavor)
                .await
                .starts_with("HTTP/1.1 404")
        );
        gce.set(GceFault::OtherServer).await;
        assert!(
            !get_value("project/project-id", flavor)
                .await
                .contains("Metadata-Flavor")
        );
    }
}
