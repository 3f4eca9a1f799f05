//! Request handling: authentication, flow control, authorization, storage.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::list_watch::{self, Selector};
use super::logs::ContainerLogs;
use super::object_store::ObjectStore;
use super::resource::Resource;
use super::responses::{namespace, slice, status};
use super::{ApiFault, State, access_review, pods, writes};
use crate::fault::Fault;
use crate::http_service::{HttpHandler, LaterResponse};
use crate::mutex::lock;
use crate::request::Request;
use crate::response::{Response, rfc3339};
use crate::{HOSTILE_TEXT, echo};

/// Handles the requests of all addresses.
pub(super) struct Handler {
    pub(super) version: String,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) objects: ObjectStore,
    pub(super) logs: ContainerLogs,
}

/// User of the accepted tokens.
const USER: &str = "system:serviceaccount:castai-agent:castai-agent";

/// Token issued by `TokenRequests` for the agent's service account.
const ISSUED_TOKEN: &str = "lab-token-of-the-agents-account";
/// Path of `TokenRequests` for the agent's service account.
const TOKEN_REQUEST_PATH: &str =
    "/api/v1/namespaces/castai-agent/serviceaccounts/castai-agent/token";

/// Body of `/readyz?verbose` of a healthy API server, shortened.
const READY: &str = "[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]etcd-readiness ok\n[+]informer-sync ok\nreadyz check passed\n";
/// Body of `/readyz` while etcd does not answer, shortened.
const ETCD_NOT_READY: &str = "[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n[-]etcd-readiness failed: reason withheld\n[+]informer-sync ok\nreadyz check failed\n";

// === impl Handler ===

impl HttpHandler for Handler {
    type Fault = ApiFault;

    fn generic_fault(fault: &ApiFault) -> Option<&Fault> {
        if let ApiFault::Generic(generic) = fault {
            Some(generic)
        } else {
            None
        }
    }

    fn hangs(&self, request: &Request, fault: Option<&ApiFault>) -> bool {
        let is_stored = request.method == "GET"
            && Resource::parse(request)
                .is_some_and(|resource| resource.group != "authorization.k8s.io");
        is_stored && matches!(fault, Some(ApiFault::EtcdHang | ApiFault::StorageHang))
    }

    fn respond_later(&self, request: &Request, fault: Option<&ApiFault>) -> Option<LaterResponse> {
        let resource = Resource::parse(request)?;
        if resource.rbac_name() != "pods/proxy" {
            return None;
        }
        let checked = self.handle(request, fault);
        if checked.status != 200 {
            return Some(Box::pin(async { checked }));
        }
        let pod = resource.name.to_owned();
        let addresses = lock(&self.state).pod_addresses.clone();
        let request = request.clone();
        Some(Box::pin(async move {
            pods::forward(&addresses, &pod, &request).await
        }))
    }

    fn respond(&self, request: &Request, fault: Option<&ApiFault>) -> Response {
        self.handle(request, fault)
            .with_header("Audit-Id", "1b1d5a6c-30c0-4e6c-8e1d-4c4f3f2e9a10")
            .with_header("Cache-Control", "no-cache, private")
    }
}

impl Handler {
    /// Runs authentication, flow control, authorization and storage, in the order of the real
    /// filter chain.
    fn handle(&self, request: &Request, fault: Option<&ApiFault>) -> Response {
        match fault {
            Some(ApiFault::ServerError) => return internal_error(),
            Some(ApiFault::NotReady) => {
                return status(
                    503,
                    Some("ServiceUnavailable"),
                    "apiserver not ready",
                    &json!({}),
                );
            }
            Some(ApiFault::ThrottledByProxy) => {
                return Response::text(429, "Too Many Requests\n").with_header("Retry-After", "5");
            }
            _ => {}
        }
        let authorization = request
            .header("authorization")
            .filter(|_| fault != Some(&ApiFault::AnonymousForbidden));
        let user = match authorization {
            None => "system:anonymous",
            Some(authorization) => {
                let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
                let rejected =
                    matches!(fault, Some(ApiFault::Unauthorized | ApiFault::TokenExpired))
                        || fault == Some(&ApiFault::IssuedTokensUnauthorized)
                            && token == ISSUED_TOKEN;
                if rejected
                    || !lock(&self.state)
                        .tokens
                        .iter()
                        .any(|accepted| accepted == token)
                {
                    return status(401, Some("Unauthorized"), "Unauthorized", &Value::Null);
                }
                USER
            }
        };
        let response = match fault {
            Some(ApiFault::Throttled) => Response::new(
                429,
                "text/plain; charset=utf-8",
                "Too many requests, please try again later.\n",
            )
            .with_header("Retry-After", "1"),
            _ => self.dispatch(request, user, fault),
        };
        response
            .with_header(
                "X-Kubernetes-Pf-Flowschema-Uid",
                "4b3c7a1e-6a0d-4b60-9f6e-6a0a3d1f2c11",
            )
            .with_header(
                "X-Kubernetes-Pf-Prioritylevel-Uid",
                "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9",
            )
    }

    fn dispatch(&self, request: &Request, user: &str, fault: Option<&ApiFault>) -> Response {
        match request.path() {
            TOKEN_REQUEST_PATH if request.method == "POST" => return self.issue_token(),
            path @ (access_review::RULES_PATH | access_review::ACCESS_PATH)
                if request.method == "POST" =>
            {
                return self.review(path, request, user, fault);
            }
            _ if !matches!(&*request.method, "GET" | "POST" | "PATCH" | "DELETE") => {
                return status(
                    405,
                    Some("MethodNotAllowed"),
                    "the server does not allow this method",
                    &json!({}),
                );
            }
            "/version" => return Response::json(200, &self.version()),
            "/readyz" if fault == Some(&ApiFault::EtcdHang) => {
                return Response::text(500, ETCD_NOT_READY);
            }
            "/readyz" if request.query("verbose").is_some() => return Response::text(200, READY),
            "/healthz" | "/livez" | "/readyz" => return Response::text(200, "ok"),
            _ => {}
        }
        let Some(resource) = Resource::parse(request) else {
            if let Some(object) = lock(&self.state).objects.get(request.path()) {
                return Response::json(200, object);
            }
            return if user == USER {
                Response::text(404, "404 page not found\n")
            } else {
                forbidden_path(user, request.path())
            };
        };
        let denied = match fault {
            Some(ApiFault::Forbidden) => true,
            Some(ApiFault::SlicesForbidden) => resource.kind == "endpointslices",
            Some(ApiFault::Denied(denied)) => resource.rbac_name() == *denied,
            _ => {
                let roles = &lock(&self.state).roles;
                let (verb, name) = (resource.verb, resource.rbac_name());
                user != USER || !roles.allow_verb(verb, &name, resource.namespace, fault)
            }
        };
        if denied {
            return resource.forbidden(user);
        }
        match fault {
            Some(ApiFault::EtcdTimeout) => {
                status(500, None, "etcdserver: request timed out", &Value::Null)
            }
            Some(ApiFault::EtcdLeaderChanged) => {
                status(500, None, "etcdserver: leader changed", &Value::Null)
            }
            Some(ApiFault::EtcdGatewayTimeout) => {
                let text = "etcdserver: request timed out, possibly due to previous leader failure";
                status(504, Some("Timeout"), text, &Value::Null)
            }
            Some(ApiFault::EchoInWatch) if resource.verb == "watch" => {
                let text = echo::credentials(request, "base64");
                let error = json!({ "type": "ERROR", "object": { "code": 500, "message": text } });
                Response::new(200, "application/json", format!("{error}\n"))
            }
            Some(ApiFault::EndlessPages) if resource.verb == "list" => Response::json(
                200,
                &json!({ "metadata": { "resourceVersion": "1", "continue": "more" }, "items": [] }),
            ),
            Some(ApiFault::Hostile) => status(403, Some("Forbidden"), HOSTILE_TEXT, &json!({})),
            _ if resource.verb == "delete" => pods::delete(&self.objects, &resource),
            _ if resource.rbac_name() == "pods/proxy" => pods::permitted(),
            _ if request.method != "GET" => {
                writes::respond(&resource, request, &lock(&self.state), &self.objects)
            }
            _ if resource.rbac_name() == "pods/log" => self.container_log(&resource, request),
            _ if lock(&self.state).objects.contains_key(request.path()) => {
                self.extra_object(request.path(), &resource)
            }
            _ if resource.stored.is_some() => self.stored_objects(&resource, request),
            _ if resource.kind == "endpointslices" => self.endpoint_slices(request),
            _ if resource.kind == "namespaces" => {
                namespace(resource.name, &lock(&self.state).missing_namespaces)
            }
            _ if resource.kind == "resourcequotas" && resource.verb == "list" => Response::json(
                200,
                &json!({ "kind": "ResourceQuotaList", "apiVersion": "v1", "items": [] }),
            ),
            _ => self.extra_object(request.path(), &resource),
        }
    }

    /// Answers a review of the caller's own permissions.
    fn review(
        &self,
        path: &str,
        request: &Request,
        user: &str,
        fault: Option<&ApiFault>,
    ) -> Response {
        if user != USER || fault == Some(&ApiFault::ReviewsForbidden) {
            return access_review::forbidden(path, user);
        }
        let state = lock(&self.state);
        if path == access_review::RULES_PATH {
            access_review::rules(request, &state, fault)
        } else {
            access_review::access(request, &state, fault)
        }
    }

    /// Issues a token of the agent's service account for the API server's audience.
    fn issue_token(&self) -> Response {
        let tokens = &mut lock(&self.state).tokens;
        if tokens.iter().all(|token| token != ISSUED_TOKEN) {
            tokens.push(ISSUED_TOKEN.to_owned());
        }
        let name = json!({ "name": "castai-agent", "namespace": "castai-agent", "creationTimestamp": rfc3339(time::Duration::ZERO) });
        let spec = json!({
            "audiences": ["https://kubernetes.default.svc"], "expirationSeconds": 600, "boundObjectRef": null,
        });
        let status = json!({ "token": ISSUED_TOKEN, "expirationTimestamp": rfc3339(time::Duration::seconds(-600)) });
        Response::json(
            201,
            &json!({
                "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
                "metadata": name, "spec": spec, "status": status,
            }),
        )
    }

    /// Returns the log of a container if its pod exists.
    fn container_log(&self, resource: &Resource<'_>, request: &Request) -> Response {
        let Resource {
            namespace, name, ..
        } = resource;
        if self.objects.get("Pod", namespace, name).is_none() {
            return self.extra_object(request.path(), resource);
        }
        let container = request.query("container");
        let container = container.as_deref().unwrap_or("agent");
        self.logs.respond(request, name, container)
    }

    /// Lists, watches or gets stored objects.
    fn stored_objects(&self, resource: &Resource<'_>, request: &Request) -> Response {
        let kind = resource.stored.expect("the caller checked `stored`");
        if !resource.name.is_empty() {
            let Resource {
                namespace, name, ..
            } = resource;
            if let Some(object) = self.objects.get(kind.name, namespace, name) {
                return Response::json(200, &object);
            }
            return self.extra_object(request.path(), resource);
        }
        match Selector::parse(request, resource.namespace) {
            Err(rejection) => rejection,
            Ok(selector) if resource.verb == "watch" => {
                list_watch::watch(&self.objects, kind, selector, request)
            }
            Ok(selector) => list_watch::list(&self.objects, kind, &selector, request),
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

    fn extra_object(&self, path: &str, resource: &Resource<'_>) -> Response {
        if let Some(object) = lock(&self.state).objects.get(path) {
            return Response::json(200, object);
        }
        let Resource {
            group, kind, name, ..
        } = resource;
        let resource_name = if group.is_empty() {
            (*kind).to_owned()
        } else {
            format!("{kind}.{group}")
        };
        status(
            404,
            Some("NotFound"),
            &format!("{resource_name} \"{name}\" not found"),
            &json!({ "name": name, "kind": kind }),
        )
    }

    /// Returns one slice per address family and port, as the API server's endpoint reconciler does.
    fn endpoint_slices(&self, request: &Request) -> Response {
        let mut slices: BTreeMap<(bool, u16), Vec<IpAddr>> = BTreeMap::new();
        let selector = request.query("labelSelector").unwrap_or_default();
        if selector.is_empty() || selector == "kubernetes.io/service-name=kubernetes" {
            for addr in &lock(&self.state).slices {
                slices
                    .entry((addr.is_ipv6(), addr.port()))
                    .or_default()
                    .push(addr.ip());
            }
        }
        let items: Vec<Value> = slices
            .iter()
            .enumerate()
            .map(|(i, (key, addresses))| slice(i, *key, addresses))
            .collect();
        let list = json!({
            "kind": "EndpointSliceList",
            "apiVersion": "discovery.k8s.io/v1",
            "metadata": { "resourceVersion": "1042" },
            "items": items,
        });
        Response::json(200, &list)
    }
}

fn internal_error() -> Response {
    let cause = "unable to load root certificates";
    let text = format!("Internal error occurred: {cause}");
    status(
        500,
        Some("InternalError"),
        &text,
        &json!({ "causes": [{ "message": cause }] }),
    )
}

fn forbidden_path(user: &str, path: &str) -> Response {
    status(
        403,
        Some("Forbidden"),
        &format!("forbidden: User \"{user}\" cannot get path \"{path}\""),
        &json!({}),
    )
}
