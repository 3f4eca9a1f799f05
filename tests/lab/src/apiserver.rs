//! Fake Kubernetes API server with one service address and several endpoints.
//!
//! Wire format: the Kubernetes API reference (`Status`, `Namespace`, `EndpointSliceList`,
//! `version.Info`), with the messages of the upstream API server.

mod access_review;
mod handler;
mod list_watch;
mod logs;
mod object_store;
mod pods;
mod resource;
mod responses;
pub mod workload;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use access_review::Roles;
use handler::Handler;
pub use logs::{ContainerLogs, LogFault};
pub use object_store::ObjectStore;
use serde_json::Value;
pub use writes::Refusal;

use crate::fault::Fault;
use crate::fault_enum::fault_enum;
use crate::http_service::HttpService;
use crate::mutex::lock;
use crate::pki::Pki;
use crate::server::Server;

fault_enum! {
    /// Faults of the API server.
    ApiFault {
        /// 401: the token is invalid, as after its service account was recreated.
        Unauthorized = "unauthorized",
        /// 401 to tokens that it has issued itself.
        IssuedTokensUnauthorized = "issued-tokens-unauthorized",
        /// 401: the token has expired. The response is the same as `unauthorized`.
        TokenExpired = "token-expired",
        /// 403 by RBAC: the service account has no permissions.
        Forbidden = "forbidden",
        /// 403 for `system:anonymous`: a proxy strips the token.
        AnonymousForbidden = "anonymous-forbidden",
        /// 403 by RBAC for endpoint slices only.
        SlicesForbidden = "slices-forbidden",
        /// 429 by API Priority and Fairness.
        Throttled = "throttled",
        /// 429 by a proxy in front of the API server.
        ThrottledByProxy = "throttled-by-proxy",
        /// 500: `etcdserver: request timed out`.
        EtcdTimeout = "etcd-timeout",
        /// 500: `etcdserver: leader changed`.
        EtcdLeaderChanged = "etcd-leader-changed",
        /// 504 with etcd's message.
        EtcdGatewayTimeout = "etcd-gateway-timeout",
        /// etcd does not answer: neither do requests for stored objects.
        EtcdHang = "etcd-hang",
        /// The same, and `/readyz` does not know yet.
        StorageHang = "storage-hang",
        /// 403 by RBAC for reviews of the account's own permissions too.
        ReviewsForbidden = "reviews-forbidden",
        /// 500 `InternalError`.
        ServerError = "server-error",
        /// 503: `apiserver not ready`.
        NotReady = "not-ready",
        /// Watches end with an error event that has the request's credentials.
        EchoInWatch = "echo-in-watch",
        /// The pages of a list never end.
        EndlessPages = "endless-pages",
        /// 403 with escape sequences, line feeds and markup in its message.
        Hostile = "hostile",
    } with {
        /// 403 by RBAC for this resource only.
        Denied(String) = "denied" like "nodes",
    } or Generic(Fault)
}

/// Settings of an API server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address of the service, `KUBERNETES_SERVICE_HOST`.
    pub service: SocketAddr,
    /// Addresses of the endpoints behind the service.
    pub endpoints: Vec<SocketAddr>,
    /// Bearer tokens to accept.
    pub tokens: Vec<String>,
    /// `gitVersion`.
    pub version: String,
    /// DNS names in the certificate, in addition to those of the service.
    pub names: Vec<String>,
}

/// A running API server.
#[derive(Debug)]
pub struct ApiServer {
    service: Server<ApiFault>,
    endpoints: Vec<Server<ApiFault>>,
    state: Arc<Mutex<State>>,
    objects: ObjectStore,
    logs: ContainerLogs,
}

#[derive(Debug, Default)]
struct State {
    tokens: Vec<String>,
    slices: Vec<SocketAddr>,
    /// Extra objects by request path.
    objects: BTreeMap<String, Value>,
    /// Permissions of the service account.
    roles: Roles,
    /// Where the proxy reaches pods, by name.
    pod_addresses: BTreeMap<String, SocketAddr>,
    /// Namespaces that do not exist.
    missing_namespaces: BTreeSet<String>,
    /// Objects that admission refuses.
    refusals: Vec<Refusal>,
}

/// DNS names in every API server's certificate.
///
/// The first one is the common name. It differs from that of the cluster CA, `kubernetes`: OpenSSL
/// takes a certificate for self-signed if its subject equals its issuer.
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
    /// Starts listening. Requires a tokio runtime.
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
            objects: BTreeMap::from([(
                workload::SERVICE_ACCOUNT_PATH.to_owned(),
                workload::service_account(),
            )]),
            ..State::default()
        }));
        let (objects, logs) = (ObjectStore::default(), ContainerLogs::default());
        objects.replace(workload::healthy());
        let api = Handler {
            version: options.version,
            state: state.clone(),
            objects: objects.clone(),
            logs: logs.clone(),
        };
        let web = Arc::new(HttpService::tls(api, pki, names));

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

    /// Returns the service address.
    pub fn addr(&self) -> SocketAddr {
        self.service.addr()
    }

    /// Returns the stored objects.
    pub fn objects(&self) -> &ObjectStore {
        &self.objects
    }

    /// Returns the container logs.
    pub fn logs(&self) -> &ContainerLogs {
        &self.logs
    }

    /// Returns the server at the service address.
    pub fn service(&self) -> &Server<ApiFault> {
        &self.service
    }

    /// Returns the servers of the endpoints.
    pub fn endpoints(&self) -> &[Server<ApiFault>] {
        &self.endpoints
    }

    /// Injects a fault at all addresses.
    pub async fn set(&self, fault: impl Into<ApiFault>) {
        let fault = fault.into();
        self.objects.close_watches();
        self.service.set(fault.clone()).await;
        for endpoint in &self.endpoints {
            endpoint.set(fault.clone()).await;
        }
    }

    /// Removes the faults at all addresses.
    pub async fn heal(&self) {
        self.service.heal().await;
        for endpoint in &self.endpoints {
            endpoint.heal().await;
        }
    }

    /// Replaces the accepted bearer tokens.
    pub fn set_tokens(&self, tokens: Vec<String>) {
        lock(&self.state).tokens = tokens;
    }

    /// Serves `object` at a path such as `/api/v1/namespaces/a/configmaps/b`, or removes it.
    pub fn set_object(&self, path: &str, object: Option<Value>) {
        let objects = &mut lock(&self.state).objects;
        match object {
            Some(object) => drop(objects.insert(path.to_owned(), object)),
            None => drop(objects.remove(path)),
        }
    }

    /// Forwards requests to `pods/proxy` of a pod to this address, whatever their port.
    pub fn forward_to(&self, pod: &str, address: SocketAddr) {
        let addresses = &mut lock(&self.state).pod_addresses;
        addresses.insert(pod.to_owned(), address);
    }

    /// Denies the service account access to these resources only, such as `configmaps`, `pods/log`
    /// or `create pods`.
    pub fn deny(&self, resources: &[&str]) {
        lock(&self.state).roles.denied = resources.iter().map(ToString::to_string).collect();
    }

    /// Grants the service account access to a denied resource in this namespace only.
    pub fn grant_in(&self, namespace: &str, resource: &str) {
        let granted = (namespace.to_owned(), resource.to_owned());
        lock(&self.state).roles.granted_in.insert(granted);
    }

    /// Sets whether an authorizer beside RBAC grants the permissions, which rules reviews cannot
    /// list.
    pub fn set_rules_incomplete(&self, incomplete: bool) {
        lock(&self.state).roles.incomplete = incomplete;
    }

    /// Replaces what admission refuses when an object is created.
    pub fn set_refusals(&self, refusals: &[Refusal]) {
        lock(&self.state).refusals = refusals.to_vec();
    }

    /// Lets these namespaces not exist.
    pub fn set_missing_namespaces(&self, namespaces: &[&str]) {
        let missing = namespaces.iter().map(ToString::to_string).collect();
        lock(&self.state).missing_namespaces = missing;
    }

    /// Replaces the addresses in the endpoint slices.
    pub fn set_slices(&self, endpoints: Vec<SocketAddr>) {
        lock(&self.state).slices = endpoints;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::get;

    const BEARER: &str = concat!("Authorization: Bearer ", "lab-sa-7Qx2mVt9Kd4RwZ8b", "\r\n");

    #[tokio::test]
    async fn token_grants_access_that_anonymous_lacks() {
        let pki = Pki::new("kubernetes");
        let api = ApiServer::start(&pki, Options::default()).unwrap();
        let name = "kubernetes.default.svc";
        let get_path = async |path: &str, headers: &str| {
            get(&pki, api.addr(), name, path, headers).await.unwrap()
        };
        assert!(
            get_path("/version", "")
                .await
                .contains(r#""gitVersion":"v1.33.2""#)
        );
        assert!(
            get_path("/api/v1/namespaces/kube-system", "")
                .await
                .contains("system:anonymous")
        );
        assert!(
            get_path("/version", "Authorization: Bearer wrong\r\n")
                .await
                .starts_with("HTTP/1.1 401 ")
        );
        assert!(
            get_path("/api/v1/namespaces/kube-system", BEARER)
                .await
                .contains(r#""kind":"Namespace""#)
        );
        let account = get_path(workload::SERVICE_ACCOUNT_PATH, BEARER).await;
        assert!(account.contains(r#""kind":"ServiceAccount""#), "{account}");
        let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices\
                      ?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes";
        let listed = get_path(slices, BEARER).await;
        assert!(
            listed.contains("127.0.10.1") && listed.contains("127.0.10.2"),
            "{listed}"
        );
    }

    #[tokio::test]
    async fn fault_of_one_endpoint_does_not_affect_the_other() {
        let pki = Pki::new("kubernetes");
        let api = ApiServer::start(&pki, Options::default()).unwrap();
        let [first, second] = api.endpoints() else {
            panic!("two endpoints")
        };
        first.set(Fault::Refused).await;
        let error = get(&pki, first.addr(), "127.0.10.1", "/version", "")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        get(&pki, second.addr(), "127.0.10.2", "/version", "")
            .await
            .unwrap();
        first.heal().await;
        get(&pki, first.addr(), "127.0.10.1", "/version", "")
            .await
            .unwrap();
    }
}
