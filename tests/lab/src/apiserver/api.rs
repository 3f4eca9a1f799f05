//! What the API server answers: authentication, flow control, authorization, storage.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::follow::{
    Selection, {self},
};
use super::logs::Logs;
use super::object::{namespace, slice, status};
use super::storage::{KINDS, Kind, Objects};
use super::{ApiFault, State};
use crate::HOSTILE_TEXT;
use crate::answer::{Answer, rfc3339};
use crate::fault::Fault;
use crate::journal::lock;
use crate::request::Request;
use crate::web::Application;

/// The API behind every address.
pub(super) struct Api {
    pub(super) version: String,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) objects: Objects,
    pub(super) logs: Logs,
}

/// What a request is about, as RBAC sees it.
struct Resource<'a> {
    group: &'a str,
    kind: &'a str,
    verb: &'static str,
    namespace: &'a str,
    name: &'a str,
    /// Such as `log` of a pod.
    part: &'a str,
    /// Where it is stored, if it is listed and watched.
    stored: Option<&'static Kind>,
}

/// Whom the accepted tokens belong to.
const USER: &str = "system:serviceaccount:castai-agent:castai-agent";

/// What is given to those who ask for a token of the agent's account.
const GIVEN: &str = "lab-token-of-the-agents-account";
/// Where a token of the agent's account is asked for.
const AGENTS_TOKEN: &str = "/api/v1/namespaces/castai-agent/serviceaccounts/castai-agent/token";

// === impl Api ===

impl Application for Api {
    type Fault = ApiFault;

    fn line(fault: &ApiFault) -> Option<&Fault> {
        if let ApiFault::Line(line) = fault {
            Some(line)
        } else {
            None
        }
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
                return status(
                    503,
                    Some("ServiceUnavailable"),
                    "apiserver not ready",
                    &json!({}),
                );
            }
            Some(ApiFault::ThrottledByProxy) => {
                return Answer::text(429, "Too Many Requests\n").with("Retry-After", "5");
            }
            _ => {}
        }
        let sent = request
            .header("authorization")
            .filter(|_| fault != Some(&ApiFault::AnonymousForbidden));
        let user = match sent {
            None => "system:anonymous",
            Some(sent) => {
                let token = sent.strip_prefix("Bearer ").unwrap_or_default();
                let refused =
                    matches!(fault, Some(ApiFault::Unauthorized | ApiFault::TokenExpired));
                if refused
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
        let answer = match fault {
            Some(ApiFault::Throttled) => Answer::new(
                429,
                "text/plain; charset=utf-8",
                "Too many requests, please try again later.\n",
            )
            .with("Retry-After", "1"),
            _ => self.dispatch(request, user, fault),
        };
        answer
            .with(
                "X-Kubernetes-Pf-Flowschema-Uid",
                "4b3c7a1e-6a0d-4b60-9f6e-6a0a3d1f2c11",
            )
            .with(
                "X-Kubernetes-Pf-Prioritylevel-Uid",
                "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9",
            )
    }

    fn dispatch(&self, request: &Request, user: &str, fault: Option<&ApiFault>) -> Answer {
        match request.path() {
            AGENTS_TOKEN if request.method == "POST" => return self.token_request(),
            _ if request.method != "GET" => {
                return status(
                    405,
                    Some("MethodNotAllowed"),
                    "the server does not allow this method",
                    &json!({}),
                );
            }
            "/version" => return Answer::json(200, &self.version()),
            "/healthz" | "/livez" | "/readyz" => return Answer::text(200, "ok"),
            _ => {}
        }
        let Some(resource) = Resource::of(request) else {
            return if user == USER {
                Answer::text(404, "404 page not found\n")
            } else {
                forbidden_path(user, request.path())
            };
        };
        let denied = match fault {
            Some(ApiFault::Forbidden) => true,
            Some(ApiFault::SlicesForbidden) => resource.kind == "endpointslices",
            Some(ApiFault::Denied(denied)) => resource.right() == *denied,
            _ => user != USER || lock(&self.state).denied.contains(&resource.right()),
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
            Some(ApiFault::Hostile) => status(403, Some("Forbidden"), HOSTILE_TEXT, &json!({})),
            _ if resource.right() == "pods/log" => self.log(&resource, request),
            _ if lock(&self.state).objects.contains_key(request.path()) => {
                self.object(request.path(), &resource)
            }
            _ if resource.stored.is_some() => self.stored(&resource, request),
            _ if resource.kind == "endpointslices" => self.slices(request),
            _ if resource.kind == "namespaces" => namespace(resource.name),
            _ => self.object(request.path(), &resource),
        }
    }

    /// A token of the agent's account for the API server's own audience.
    fn token_request(&self) -> Answer {
        let tokens = &mut lock(&self.state).tokens;
        if tokens.iter().all(|token| token != GIVEN) {
            tokens.push(GIVEN.to_owned());
        }
        let name = json!({ "name": "castai-agent", "namespace": "castai-agent", "creationTimestamp": rfc3339(time::Duration::ZERO) });
        let spec = json!({
            "audiences": ["https://kubernetes.default.svc"], "expirationSeconds": 600, "boundObjectRef": null,
        });
        let status = json!({ "token": GIVEN, "expirationTimestamp": rfc3339(time::Duration::seconds(-600)) });
        Answer::json(
            201,
            &json!({
                "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
                "metadata": name, "spec": spec, "status": status,
            }),
        )
    }

    /// The log of a container of a pod that is there.
    fn log(&self, resource: &Resource<'_>, request: &Request) -> Answer {
        let Resource {
            namespace, name, ..
        } = resource;
        if self.objects.get("Pod", namespace, name).is_none() {
            return self.object(request.path(), resource);
        }
        self.logs.answer(request, name)
    }

    /// Lists, watches, or gets one object.
    fn stored(&self, resource: &Resource<'_>, request: &Request) -> Answer {
        let kind = resource.stored.expect("it was asked before");
        if !resource.name.is_empty() {
            let Resource {
                namespace, name, ..
            } = resource;
            if let Some(object) = self.objects.get(kind.name, namespace, name) {
                return Answer::json(200, &object);
            }
            return self.object(request.path(), resource);
        }
        match Selection::of(request, resource.namespace) {
            Err(refused) => refused,
            Ok(selection) if resource.verb == "watch" => {
                follow::watch(&self.objects, kind, selection, request)
            }
            Ok(selection) => follow::list(&self.objects, kind, &selection, request),
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

    fn object(&self, path: &str, resource: &Resource<'_>) -> Answer {
        if let Some(object) = lock(&self.state).objects.get(path) {
            return Answer::json(200, object);
        }
        let Resource {
            group, kind, name, ..
        } = resource;
        let whole = if group.is_empty() {
            (*kind).to_owned()
        } else {
            format!("{kind}.{group}")
        };
        status(
            404,
            Some("NotFound"),
            &format!("{whole} \"{name}\" not found"),
            &json!({ "name": name, "kind": kind }),
        )
    }

    /// One slice for each family and port, as the API server's own reconciler writes them.
    fn slices(&self, request: &Request) -> Answer {
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
        Answer::json(200, &list)
    }
}

// === impl Resource ===

impl<'a> Resource<'a> {
    fn of(request: &'a Request) -> Option<Self> {
        let path = request.path();
        let (group, version, rest) = if let Some(rest) = path.strip_prefix("/api/v1/") {
            ("", "v1", rest)
        } else {
            let named = path.strip_prefix("/apis/")?;
            let (group, _) = named.split_once('/')?;
            let (version, rest) = named[group.len() + 1..].split_once('/')?;
            (group, &named[..group.len() + 1 + version.len()], rest)
        };
        let (namespace, rest) = match rest.strip_prefix("namespaces/") {
            Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
            None => ("", rest),
        };
        let mut words = rest.split('/').filter(|word| !word.is_empty());
        let Some(kind) = words.next() else {
            return Some(Self {
                group,
                kind: "namespaces",
                verb: "get",
                namespace,
                name: namespace,
                part: "",
                stored: None,
            });
        };
        let (name, part) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let verb = match (name.is_empty(), request.query("watch").as_deref()) {
            (false, _) => "get",
            (true, Some("true" | "1")) => "watch",
            (true, _) => "list",
        };
        let stored = KINDS
            .iter()
            .find(|stored| stored.resource == kind && stored.version == version);
        Some(Self {
            group,
            kind,
            verb,
            namespace,
            name,
            part,
            stored: stored.filter(|_| part.is_empty()),
        })
    }

    /// As RBAC names it: `pods/log` is a resource of its own.
    fn right(&self) -> String {
        if self.part.is_empty() {
            self.kind.to_owned()
        } else {
            format!("{}/{}", self.kind, self.part)
        }
    }

    fn forbidden(&self, user: &str) -> Answer {
        let Self {
            group,
            verb,
            namespace,
            name,
            ..
        } = self;
        let kind = &self.right();
        let full = if group.is_empty() {
            kind.clone()
        } else {
            format!("{kind}.{group}")
        };
        let full = if name.is_empty() {
            full
        } else {
            format!("{full} \"{name}\"")
        };
        let place = if namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{namespace}\"")
        };
        let text = format!(
            "{full} is forbidden: User \"{user}\" cannot {verb} resource \"{kind}\" in API group \"{group}\" {place}"
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

fn internal_error() -> Answer {
    let cause = "unable to load root certificates";
    let text = format!("Internal error occurred: {cause}");
    status(
        500,
        Some("InternalError"),
        &text,
        &json!({ "causes": [{ "message": cause }] }),
    )
}

fn forbidden_path(user: &str, path: &str) -> Answer {
    status(
        403,
        Some("Forbidden"),
        &format!("forbidden: User \"{user}\" cannot get path \"{path}\""),
        &json!({}),
    )
}
