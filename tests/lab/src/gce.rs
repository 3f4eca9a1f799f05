//! Google's metadata server, as a pod of GKE sees it.
//!
//! Wire format: Compute Engine's "About VM metadata" and "Predefined metadata keys"; GKE's "About Workload Identity".

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::json;

use crate::HOSTILE_TEXT;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::request::Request;
use crate::server::Server;
use crate::vocabulary::vocabulary;
use crate::web::{Application, Web};

vocabulary! {
    /// What Google's metadata server can do wrong.
    GceFault {
        /// The instance has no attribute `cluster-name`.
        NoClusterName = "no-cluster-name",
        /// The attribute `cluster-name` is empty.
        EmptyClusterName = "empty-cluster-name",
        /// The zone is none that the agent finds a region in.
        OddZone = "odd-zone",
        /// There is no service account.
        NoServiceAccount = "no-service-account",
        /// The header of the request gets lost on the way.
        HeaderLost = "header-lost",
        /// Everything is answered, and not by Google's metadata server.
        Impostor = "impostor",
        /// 429 to everything.
        RateLimited = "rate-limited",
        /// 503 to everything.
        Unavailable = "unavailable",
        /// 500 to everything.
        ServerError = "server-error",
        /// Values that hold escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
    } or Line(Fault)
}

/// How the metadata server is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The project.
    pub project: String,
    /// The cluster's name.
    pub cluster: String,
    /// Where the cluster is: a region or a zone.
    pub location: String,
    /// The node's zone.
    pub zone: String,
    /// The token that it gives.
    pub token: String,
}

/// A running metadata server.
#[derive(Debug)]
pub struct Gce {
    server: Server<GceFault>,
}

struct App {
    options: Options,
}

/// The token that it gives by default.
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
    /// Starts listening; must be called inside a runtime.
    pub fn start(options: Options) -> io::Result<Self> {
        Ok(Self {
            server: Server::start(
                options.addr,
                Arc::new(Web::over(App { options }, None, Vec::new())),
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

// === impl App ===

impl Application for App {
    type Fault = GceFault;

    fn line(fault: &GceFault) -> Option<&Fault> {
        if let GceFault::Line(line) = fault {
            Some(line)
        } else {
            None
        }
    }

    fn answer(&self, request: &Request, fault: Option<&GceFault>) -> Answer {
        let answer = match fault {
            Some(GceFault::HeaderLost) => forbidden("Missing Metadata-Flavor:Google header."),
            Some(GceFault::RateLimited) => Answer::text(429, "Too Many Requests"),
            Some(GceFault::Unavailable) => Answer::text(503, "Service Unavailable"),
            Some(GceFault::ServerError) => Answer::text(500, "Internal Server Error"),
            _ if request.header("x-forwarded-for").is_some() => {
                forbidden("Request has X-Forwarded-For header.")
            }
            _ if request.header("metadata-flavor") != Some("Google") => {
                forbidden("Missing Metadata-Flavor:Google header.")
            }
            _ if request.method != "GET" => Answer::text(405, "Method Not Allowed"),
            _ => self.value(request, fault),
        };
        match fault {
            Some(GceFault::Impostor) => answer.with("Server", "nginx"),
            _ => answer
                .with("Metadata-Flavor", "Google")
                .with("Server", "Metadata Server for VM"),
        }
    }
}

impl App {
    fn value(&self, request: &Request, fault: Option<&GceFault>) -> Answer {
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
                return missing();
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
                return Answer::json(200, &token);
            }
            _ => return missing(),
        };
        Answer::new(200, "application/text", value).with("ETag", "5f2a1c0d9e8b7a64")
    }
}

fn missing() -> Answer {
    Answer::html(404, "Error 404 (Not Found)!!1")
}

fn forbidden(why: &str) -> Answer {
    Answer::new(
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
    async fn a_value_needs_the_header_and_no_proxy() {
        let gce = Gce::start(Options::default()).unwrap();
        let ask = async |path: &str, headers: &str| {
            get_plain(gce.addr(), &format!("/computeMetadata/v1/{path}"), headers)
                .await
                .unwrap()
        };
        let flavor = "Metadata-Flavor: Google\r\n";
        assert!(
            ask("project/project-id", "")
                .await
                .starts_with("HTTP/1.1 403")
        );
        let forwarded = format!("{flavor}X-Forwarded-For: 10.0.0.1\r\n");
        assert!(
            ask("project/project-id", &forwarded)
                .await
                .starts_with("HTTP/1.1 403")
        );
        let given = ask("project/project-id", flavor).await;
        assert!(
            given.ends_with("lab-project") && given.contains("Metadata-Flavor: Google\r\n"),
            "{given}"
        );
        assert!(
            ask("instance/attributes/other", flavor)
                .await
                .starts_with("HTTP/1.1 404")
        );
        gce.set(GceFault::Impostor).await;
        assert!(
            !ask("project/project-id", flavor)
                .await
                .contains("Metadata-Flavor")
        );
    }
}
