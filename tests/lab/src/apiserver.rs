//! A Kubernetes API server, as far as the agent's way to it goes: one service address and several endpoints.
//!
//! Wire format: the Kubernetes API reference (`Status`, `Namespace`, `EndpointSliceList`, `version.Info`),
//! with the texts of the upstream API server.

mod api;
mod follow;
mod logs;
mod object;
mod storage;
pub mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use api::Api;
pub use logs::{Gap, Logs};
use serde_json::Value;
pub use storage::Objects;

use crate::fault::Fault;
use crate::journal::lock;
use crate::pki::Pki;
use crate::server::Server;
use crate::vocabulary::vocabulary;
use crate::web::Web;

vocabulary! {
    /// What the API server can do wrong.
    ApiFault {
        /// 401: the token is not accepted, as after its service account was made anew.
        Unauthorized = "unauthorized",
        /// 401, as for an expired token: the server does not say why.
        TokenExpired = "token-expired",
        /// 403 by RBAC: the service account may not read.
        Forbidden = "forbidden",
        /// 403 for `system:anonymous`: something on the way takes the token off.
        AnonymousForbidden = "anonymous-forbidden",
        /// 403 by RBAC for the endpoint slices alone.
        SlicesForbidden = "slices-forbidden",
        /// 429 by priority and fairness.
        Throttled = "throttled",
        /// 429 by something in front of the API server.
        ThrottledByProxy = "throttled-by-proxy",
        /// 500: `etcdserver: request timed out`.
        EtcdTimeout = "etcd-timeout",
        /// 500: `etcdserver: leader changed`.
        EtcdLeaderChanged = "etcd-leader-changed",
        /// 504 with etcd's text.
        EtcdGatewayTimeout = "etcd-gateway-timeout",
        /// 500 `InternalError`.
        ServerError = "server-error",
        /// 503: `apiserver not ready`.
        NotReady = "not-ready",
        /// 403 whose message holds escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
        /// 403 by RBAC for this resource alone.
        Denied(String) = "denied" like "nodes",
    } or Line(Fault)
}

/// How an API server is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The service address, `KUBERNETES_SERVICE_HOST`.
    pub service: SocketAddr,
    /// The addresses behind it.
    pub endpoints: Vec<SocketAddr>,
    /// The tokens it accepts.
    pub tokens: Vec<String>,
    /// `gitVersion`.
    pub version: String,
    /// DNS names in its certificate beside those of the service.
    pub names: Vec<String>,
}

/// A running API server.
#[derive(Debug)]
pub struct ApiServer {
    service: Server<ApiFault>,
    endpoints: Vec<Server<ApiFault>>,
    state: Arc<Mutex<State>>,
    objects: Objects,
    logs: Logs,
}

#[derive(Debug, Default)]
struct State {
    tokens: Vec<String>,
    slices: Vec<SocketAddr>,
    /// Objects by the path under which they are read.
    objects: BTreeMap<String, Value>,
    /// Resources that the account may not read, as RBAC names them.
    denied: BTreeSet<String>,
}

/// The names that every API server's certificate has.
///
/// The first is the common name and differs from that of a cluster's authority, `kubernetes`:
/// `OpenSSL` takes a certificate whose subject is its issuer for self-signed.
const NAMES: [&str; 4] = [
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "kubernetes.default",
    "kubernetes",
];

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            service: SocketAddr::from(([127, 96, 0, 1], 0)),
            endpoints: vec![
                SocketAddr::from(([127, 0, 10, 1], 0)),
                SocketAddr::from(([127, 0, 10, 2], 0)),
            ],
            tokens: vec![crate::TOKEN.to_owned()],
            version: "v1.33.2".to_owned(),
            names: Vec::new(),
        }
    }
}

// === impl ApiServer ===

impl ApiServer {
    /// Starts listening; must be called inside a runtime.
    pub fn start(pki: &Pki, options: Options) -> io::Result<Self> {
        let addresses = std::iter::once(&options.service)
            .chain(&options.endpoints)
            .map(|addr| addr.ip().to_string());
        let names = NAMES
            .iter()
            .map(ToString::to_string)
            .chain(options.names)
            .chain(addresses)
            .collect();
        let state = Arc::new(Mutex::new(State {
            tokens: options.tokens,
            ..State::default()
        }));
        let (objects, logs) = (Objects::default(), Logs::default());
        objects.replace(workload::healthy());
        let api = Api {
            version: options.version,
            state: state.clone(),
            objects: objects.clone(),
            logs: logs.clone(),
        };
        let web = Arc::new(Web::new(api, pki, names));

        let service = Server::start(options.service, web.clone())?;
        let mut endpoints: Vec<Server<ApiFault>> = Vec::new();
        for addr in options.endpoints {
            let like_first = endpoints
                .first()
                .map(|first| SocketAddr::new(addr.ip(), first.addr().port()));
            let server = match like_first.filter(|_| addr.port() == 0) {
                Some(like_first) => Server::start(like_first, web.clone())
                    .or_else(|_taken| Server::start(addr, web.clone())),
                None => Server::start(addr, web.clone()),
            };
            endpoints.push(server?);
        }
        lock(&state).slices = endpoints.iter().map(Server::addr).collect();
        Ok(Self {
            service,
            endpoints,
            state,
            objects,
            logs,
        })
    }

    /// The service address.
    pub fn addr(&self) -> SocketAddr {
        self.service.addr()
    }

    /// What it stores.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The logs of containers.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// What stands behind the service address, as one server.
    pub fn service(&self) -> &Server<ApiFault> {
        &self.service
    }

    /// The servers of the endpoint slices.
    pub fn endpoints(&self) -> &[Server<ApiFault>] {
        &self.endpoints
    }

    /// Lets all addresses misbehave.
    pub async fn set(&self, fault: impl Into<ApiFault>) {
        let fault = fault.into();
        self.objects.cut_watches();
        self.service.set(fault.clone()).await;
        for endpoint in &self.endpoints {
            endpoint.set(fault.clone()).await;
        }
    }

    /// Lets all addresses behave.
    pub async fn heal(&self) {
        self.service.heal().await;
        for endpoint in &self.endpoints {
            endpoint.heal().await;
        }
    }

    /// Accepts these tokens and no others from now on.
    pub fn set_tokens(&self, tokens: Vec<String>) {
        lock(&self.state).tokens = tokens;
    }

    /// Has this object under a path such as `/api/v1/namespaces/a/configmaps/b`, or none.
    pub fn set_object(&self, path: &str, object: Option<Value>) {
        let objects = &mut lock(&self.state).objects;
        match object {
            Some(object) => drop(objects.insert(path.to_owned(), object)),
            None => drop(objects.remove(path)),
        }
    }

    /// Lets the account read everything but these resources, such as `configmaps` or `pods/log`.
    pub fn deny(&self, resources: &[&str]) {
        lock(&self.state).denied = resources.iter().map(ToString::to_string).collect();
    }

    /// What the endpoint slices list from now on.
    pub fn set_slices(&self, endpoints: Vec<SocketAddr>) {
        lock(&self.state).slices = endpoints;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::get;

    const BEARER: &str = concat!(
        "Authorization: Bearer ",
        "lab-service-account-token",
        "\r\n"
    );

    #[tokio::test]
    async fn a_token_opens_what_anonymous_may_not_see() {
        let pki = Pki::new("kubernetes");
        let api = ApiServer::start(&pki, Options::default()).unwrap();
        let name = "kubernetes.default.svc";
        let ask = async |path: &str, headers: &str| {
            get(&pki, api.addr(), name, path, headers).await.unwrap()
        };
        assert!(
            ask("/version", "")
                .await
                .contains(r#""gitVersion":"v1.33.2""#)
        );
        assert!(
            ask("/api/v1/namespaces/kube-system", "")
                .await
                .contains("system:anonymous")
        );
        assert!(
            ask("/version", "Authorization: Bearer wrong\r\n")
                .await
                .starts_with("HTTP/1.1 401 ")
        );
        assert!(
            ask("/api/v1/namespaces/kube-system", BEARER)
                .await
                .contains(r#""kind":"Namespace""#)
        );
        let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices\
                      ?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes";
        let listed = ask(slices, BEARER).await;
        assert!(
            listed.contains("127.0.10.1") && listed.contains("127.0.10.2"),
            "{listed}"
        );
    }

    #[tokio::test]
    async fn one_endpoint_fails_alone() {
        let pki = Pki::new("kubernetes");
        let api = ApiServer::start(&pki, Options::default()).unwrap();
        let [first, second] = api.endpoints() else {
            panic!("two endpoints")
        };
        first.set(Fault::Refused).await;
        let refused = get(&pki, first.addr(), "127.0.10.1", "/version", "")
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        get(&pki, second.addr(), "127.0.10.2", "/version", "")
            .await
            .unwrap();
        first.heal().await;
        get(&pki, first.addr(), "127.0.10.1", "/version", "")
            .await
            .unwrap();
    }
}
