//! Fake kubelet: serves container logs to a kube-apiserver.
//!
//! Wire format: `GET /containerLogs/NAMESPACE/POD/CONTAINER` with the parameters of `PodLogOptions`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::apiserver::ContainerLogs;
use crate::fault::Fault;
use crate::http_service::{HttpHandler, HttpService};
use crate::pki::Pki;
use crate::request::Request;
use crate::response::Response;
use crate::server::Server;

/// A running kubelet. A kube-apiserver without a CA for kubelets trusts any certificate.
#[derive(Debug)]
pub struct Kubelet {
    server: Server<Fault>,
}

struct Handler {
    logs: ContainerLogs,
}

// === impl Kubelet ===

impl Kubelet {
    /// Starts serving these logs. Requires a tokio runtime.
    pub fn start(pki: &Pki, addr: SocketAddr, logs: &ContainerLogs) -> io::Result<Self> {
        let handler = Handler { logs: logs.clone() };
        let service = HttpService::tls(handler, pki, vec![addr.ip().to_string()]);
        let server = Server::start(addr, Arc::new(service))?;
        Ok(Self { server })
    }

    /// Returns the address.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }
}

// === impl Handler ===

impl HttpHandler for Handler {
    type Fault = Fault;

    fn generic_fault(fault: &Fault) -> Option<&Fault> {
        Some(fault)
    }

    fn respond(&self, request: &Request, _fault: Option<&Fault>) -> Response {
        let path = request.path().trim_start_matches('/');
        match *path.split('/').collect::<Vec<_>>() {
            ["containerLogs", _namespace, pod, container] => {
                self.logs.respond(request, pod, container)
            }
            _ => Response::text(404, "404 page not found\n"),
        }
    }
}
