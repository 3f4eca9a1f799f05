//! Fake image registry: the root of the OCI distribution API.
//!
//! Wire format: "Open Container Initiative Distribution Specification", end-1, and the Docker
//! registry token authentication.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::json;

use crate::HOSTILE_TEXT;
use crate::fault::Fault;
use crate::fault_enum::fault_enum;
use crate::http_service::{HttpHandler, HttpService};
use crate::pki::Pki;
use crate::request::Request;
use crate::response::Response;
use crate::server::Server;

fault_enum! {
    /// Faults of an image registry.
    RegistryFault {
        /// 403: the registry's network rules do not allow this address.
        Forbidden = "forbidden",
        /// 429: too many requests from this address.
        RateLimited = "rate-limited",
        /// 503.
        Unavailable = "unavailable",
        /// A page of a filter in front of the registry, with status 200.
        BlockPage = "block-page",
        /// 404 with escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
    } or Generic(Fault)
}

/// DNS name in the certificate.
pub const NAME: &str = "registry.lab";
/// Address to listen on, without a port.
const ADDRESS: [u8; 4] = [127, 0, 90, 1];

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    server: Server<RegistryFault>,
}

struct Handler;

// === impl Registry ===

impl Registry {
    /// Starts listening. Requires a tokio runtime.
    pub fn start(pki: &Pki) -> io::Result<Self> {
        let service = HttpService::tls(Handler, pki, vec![NAME.to_owned()]);
        let address = SocketAddr::from((ADDRESS, 0));
        Ok(Self {
            server: Server::start(address, Arc::new(service))?,
        })
    }
}

impl Deref for Registry {
    type Target = Server<RegistryFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl Handler ===

impl HttpHandler for Handler {
    type Fault = RegistryFault;

    fn generic_fault(fault: &RegistryFault) -> Option<&Fault> {
        if let RegistryFault::Generic(generic) = fault {
            Some(generic)
        } else {
            None
        }
    }

    fn respond(&self, request: &Request, fault: Option<&RegistryFault>) -> Response {
        let error = |status: u16, code: &str, message: &str| {
            let error = json!({ "errors": [{ "code": code, "message": message, "detail": null }] });
            Response::json(status, &error)
        };
        match fault {
            Some(RegistryFault::Forbidden) => error(403, "DENIED", "client with IP is not allowed"),
            Some(RegistryFault::RateLimited) => error(429, "TOOMANYREQUESTS", "pull rate limit"),
            Some(RegistryFault::Unavailable) => error(503, "UNAVAILABLE", "try again later"),
            Some(RegistryFault::BlockPage) => Response::new(
                200,
                "text/html",
                "<html><head><title>Blocked by policy</title></head></html>",
            ),
            Some(RegistryFault::Hostile) => Response::text(404, HOSTILE_TEXT),
            _ if request.path() == "/v2/" => {
                let challenge = format!("Bearer realm=\"https://{NAME}/token\",service=\"{NAME}\"");
                error(401, "UNAUTHORIZED", "authentication required")
                    .with_header("WWW-Authenticate", &challenge)
                    .with_header("Docker-Distribution-Api-Version", "registry/2.0")
            }
            _ => error(404, "NAME_UNKNOWN", "repository name not known to registry"),
        }
    }
}
