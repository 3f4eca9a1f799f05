//! A Kubernetes API server, as far as the agent's way to it goes: one service address and several endpoints.
//!
//! Wire format: the Kubernetes API reference (`Status`, `Namespace`, `EndpointSliceList`, `version.Info`),
//! with the texts of the upstream API server.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::HOSTILE_TEXT;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::journal::lock;
use crate::pki::Pki;
use crate::request::Request;
use crate::server::Server;
use crate::vocabulary::vocabulary;
use crate::web::{Application, Web};

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
}

#[derive(Debug)]
struct State {
    tokens: Vec<String>,
    slices: Vec<SocketAddr>,
}

struct Api {
    version: String,
    state: Arc<Mutex<State>>,
}

/// The names that every API server's certificate has.
///
/// The first is the common name and differs from that of a cluster's authority, `kubernetes`:
/// `OpenSSL` takes a certificate whose subject is its issuer for self-signed.
const NAMES: [&str; 4] =
    ["kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "kubernetes.default", "kubernetes"];

/// Whom the accepted tokens belong to.
const USER: &str = "system:serviceaccount:castai-agent:castai-agent";

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            service: SocketAddr::from(([127, 96, 0, 1], 0)),
            endpoints: vec![SocketAddr::from(([127, 0, 10, 1], 0)), SocketAddr::from(([127, 0, 10, 2], 0))],
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
        let addresses = std::iter::once(&options.service).chain(&options.endpoints).map(|addr| addr.ip().to_string());
        let names = NAMES.iter().map(ToString::to_string).chain(options.names).chain(addresses).collect();
        let state = Arc::new(Mutex::new(State { tokens: options.tokens, slices: Vec::new() }));
        let api = Api { version: options.version, state: state.clone() };
        let web = Arc::new(Web::new(api, pki, names));

        let service = Server::start(options.service, web.clone())?;
        let mut endpoints: Vec<Server<ApiFault>> = Vec::new();
        for addr in options.endpoints {
            let like_first = endpoints.first().map(|first| SocketAddr::new(addr.ip(), first.addr().port()));
            let server = match like_first.filter(|_| addr.port() == 0) {
                Some(like_first) => {
                    Server::start(like_first, web.clone()).or_else(|_taken| Server::start(addr, web.clone()))
                }
                None => Server::start(addr, web.clone()),
            };
            endpoints.push(server?);
        }
        lock(&state).slices = endpoints.iter().map(Server::addr).collect();
        Ok(Self { service, endpoints, state })
    }

    /// The service address.
    pub fn addr(&self) -> SocketAddr {
        self.service.addr()
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

    /// What the endpoint slices list from now on.
    pub fn set_slices(&self, endpoints: Vec<SocketAddr>) {
        lock(&self.state).slices = endpoints;
    }
}

// === impl Api ===

impl Application for Api {
    type Fault = ApiFault;

    fn line(fault: &ApiFault) -> Option<&Fault> {
        if let ApiFault::Line(line) = fault { Some(line) } else { None }
    }

    fn answer(&self, request: &Request, fault: Option<&ApiFault>) -> Answer {
        self.judge(request, fault)
            .with("Audit-Id", "1b1d5a6c-30c0-4e6c-8e1d-4c4f3f2e9a10")
            .with("Cache-Control", "no-cache, private")
    }
}

impl Api {
    /// Authentication, then flow control, then authorization, then storage: the order of the real one's filters.
    fn judge(&self, request: &Request, fault: Option<&ApiFault>) -> Answer {
        match fault {
            Some(ApiFault::ServerError) => return internal_error(),
            Some(ApiFault::NotReady) => {
                return status(503, Some("ServiceUnavailable"), "apiserver not ready", &json!({}));
            }
            Some(ApiFault::ThrottledByProxy) => {
                return Answer::text(429, "Too Many Requests\n").with("Retry-After", "5");
            }
            _ => {}
        }
        let sent = request.header("authorization").filter(|_| fault != Some(&ApiFault::AnonymousForbidden));
        let user = match sent {
            None => "system:anonymous",
            Some(sent) => {
                let token = sent.strip_prefix("Bearer ").unwrap_or_default();
                let refused = matches!(fault, Some(ApiFault::Unauthorized | ApiFault::TokenExpired));
                if refused || !lock(&self.state).tokens.iter().any(|accepted| accepted == token) {
                    return status(401, Some("Unauthorized"), "Unauthorized", &Value::Null);
                }
                USER
            }
        };
        let answer = match fault {
            Some(ApiFault::Throttled) => {
                Answer::new(429, "text/plain; charset=utf-8", "Too many requests, please try again later.\n")
                    .with("Retry-After", "1")
            }
            _ => self.dispatch(request, user, fault),
        };
        answer
            .with("X-Kubernetes-Pf-Flowschema-Uid", "4b3c7a1e-6a0d-4b60-9f6e-6a0a3d1f2c11")
            .with("X-Kubernetes-Pf-Prioritylevel-Uid", "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9")
    }

    fn dispatch(&self, request: &Request, user: &str, fault: Option<&ApiFault>) -> Answer {
        match request.path() {
            _ if request.method != "GET" => {
                return status(405, Some("MethodNotAllowed"), "the server does not allow this method", &json!({}));
            }
            "/version" => return Answer::json(200, &self.version()),
            "/healthz" | "/livez" | "/readyz" => return Answer::text(200, "ok"),
            _ => {}
        }
        let Some(resource) = Resource::of(request.path()) else {
            return if user == USER {
                Answer::text(404, "404 page not found\n")
            } else {
                forbidden_path(user, request.path())
            };
        };
        let denied = match fault {
            Some(ApiFault::Forbidden) => true,
            Some(ApiFault::SlicesForbidden) => resource.kind == "endpointslices",
            _ => user != USER,
        };
        if denied {
            return resource.forbidden(user);
        }
        match fault {
            Some(ApiFault::EtcdTimeout) => status(500, None, "etcdserver: request timed out", &Value::Null),
            Some(ApiFault::EtcdLeaderChanged) => status(500, None, "etcdserver: leader changed", &Value::Null),
            Some(ApiFault::EtcdGatewayTimeout) => {
                let text = "etcdserver: request timed out, possibly due to previous leader failure";
                status(504, Some("Timeout"), text, &Value::Null)
            }
            Some(ApiFault::Hostile) => status(403, Some("Forbidden"), HOSTILE_TEXT, &json!({})),
            _ if resource.kind == "endpointslices" => self.slices(request),
            _ => namespace(resource.name),
        }
    }

    fn version(&self) -> Value {
        let mut numbers = self.version.trim_start_matches('v').split('.');
        json!({
            "major": numbers.next().unwrap_or_default(),
            "minor": numbers.next().unwrap_or_default(),
            "gitVersion": self.version,
            "gitCommit": "a57b6f7709f6c2722b92f07b8b4c48210a51fc40",
            "gitTreeState": "clean",
            "buildDate": "2025-06-17T18:32:07Z",
            "goVersion": "go1.24.4",
            "compiler": "gc",
            "platform": "linux/amd64",
        })
    }

    /// One slice for each family and port, as the API server's own reconciler writes them.
    fn slices(&self, request: &Request) -> Answer {
        let mut slices: BTreeMap<(bool, u16), Vec<IpAddr>> = BTreeMap::new();
        let selector = request.query("labelSelector").unwrap_or_default();
        if selector.is_empty() || selector == "kubernetes.io/service-name=kubernetes" {
            for addr in &lock(&self.state).slices {
                slices.entry((addr.is_ipv6(), addr.port())).or_default().push(addr.ip());
            }
        }
        let items: Vec<Value> =
            slices.iter().enumerate().map(|(i, (key, addresses))| slice(i, *key, addresses)).collect();
        let list = json!({
            "kind": "EndpointSliceList",
            "apiVersion": "discovery.k8s.io/v1",
            "metadata": { "resourceVersion": "1042" },
            "items": items,
        });
        Answer::json(200, &list)
    }
}

/// What a request is about, as RBAC sees it.
struct Resource<'a> {
    group: &'static str,
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
}

// === impl Resource ===

impl<'a> Resource<'a> {
    fn of(path: &'a str) -> Option<Self> {
        if let Some(name) = path.strip_prefix("/api/v1/namespaces/") {
            return (!name.contains('/')).then_some(Self { group: "", kind: "namespaces", namespace: name, name });
        }
        let namespace = path.strip_prefix("/apis/discovery.k8s.io/v1/namespaces/")?.strip_suffix("/endpointslices")?;
        Some(Self { group: "discovery.k8s.io", kind: "endpointslices", namespace, name: "" })
    }

    fn forbidden(&self, user: &str) -> Answer {
        let Self { group, kind, namespace, name } = self;
        let (subject, verb) =
            if name.is_empty() { (kind.to_string(), "list") } else { (format!("{kind} \"{name}\""), "get") };
        let text = format!(
            "{subject} is forbidden: User \"{user}\" cannot {verb} resource \"{kind}\" in API group \"{group}\" \
             in the namespace \"{namespace}\""
        );
        let mut details = json!({ "kind": kind });
        for (key, value) in [("name", name), ("group", group)] {
            if !value.is_empty() {
                details[key] = json!(value);
            }
        }
        status(403, Some("Forbidden"), &text, &details)
    }
}

fn status(code: u16, reason: Option<&str>, message: &str, details: &Value) -> Answer {
    let mut status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "code": code,
    });
    if let Some(reason) = reason {
        status["reason"] = json!(reason);
    }
    if !details.is_null() {
        status["details"] = details.clone();
    }
    Answer::json(code, &status)
}

fn internal_error() -> Answer {
    let cause = "unable to load root certificates";
    let text = format!("Internal error occurred: {cause}");
    status(500, Some("InternalError"), &text, &json!({ "causes": [{ "message": cause }] }))
}

fn forbidden_path(user: &str, path: &str) -> Answer {
    status(403, Some("Forbidden"), &format!("forbidden: User \"{user}\" cannot get path \"{path}\""), &json!({}))
}

fn namespace(name: &str) -> Answer {
    if name != "kube-system" {
        let text = format!("namespaces \"{name}\" not found");
        return status(404, Some("NotFound"), &text, &json!({ "name": name, "kind": "namespaces" }));
    }
    let namespace = json!({
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "uid": "8f2d8f0e-2c0b-4b0b-9a4c-7c5d1d4d4a52",
            "resourceVersion": "4",
            "creationTimestamp": "2025-07-01T09:00:00Z",
            "labels": { "kubernetes.io/metadata.name": name },
        },
        "spec": { "finalizers": ["kubernetes"] },
        "status": { "phase": "Active" },
    });
    Answer::json(200, &namespace)
}

fn slice(index: usize, (ipv6, port): (bool, u16), addresses: &[IpAddr]) -> Value {
    let endpoint = |address: &IpAddr| json!({ "addresses": [address], "conditions": { "ready": true } });
    json!({
        "metadata": {
            "name": if index == 0 { "kubernetes".to_owned() } else { format!("kubernetes-{index}") },
            "namespace": "default",
            "labels": { "kubernetes.io/service-name": "kubernetes" },
        },
        "addressType": if ipv6 { "IPv6" } else { "IPv4" },
        "endpoints": addresses.iter().map(endpoint).collect::<Vec<_>>(),
        "ports": [{ "name": "https", "protocol": "TCP", "port": port }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::get;

    const BEARER: &str = concat!("Authorization: Bearer ", "lab-service-account-token", "\r\n");

    #[tokio::test]
    async fn a_token_opens_what_anonymous_may_not_see() {
        let pki = Pki::new("kubernetes");
        let api = ApiServer::start(&pki, Options::default()).unwrap();
        let name = "kubernetes.default.svc";
        let ask = async |path: &str, headers: &str| get(&pki, api.addr(), name, path, headers).await.unwrap();
        assert!(ask("/version", "").await.contains(r#""gitVersion":"v1.33.2""#));
        assert!(ask("/api/v1/namespaces/kube-system", "").await.contains("system:anonymous"));
        assert!(ask("/version", "Authorization: Bearer wrong\r\n").await.starts_with("HTTP/1.1 401 "));
        assert!(ask("/api/v1/namespaces/kube-system", BEARER).await.contains(r#""kind":"Namespace""#));
        let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices\
                      ?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes";
        let listed = ask(slices, BEARER).await;
        assert!(listed.contains("127.0.10.1") && listed.contains("127.0.10.2"), "{listed}");
    }

    #[tokio::test]
    async fn one_endpoint_fails_alone() {
        let pki = Pki::new("kubernetes");
        let api = ApiServer::start(&pki, Options::default()).unwrap();
        let [first, second] = api.endpoints() else { panic!("two endpoints") };
        first.set(Fault::Refused).await;
        let refused = get(&pki, first.addr(), "127.0.10.1", "/version", "").await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        get(&pki, second.addr(), "127.0.10.2", "/version", "").await.unwrap();
        first.heal().await;
        get(&pki, first.addr(), "127.0.10.1", "/version", "").await.unwrap();
    }
}
