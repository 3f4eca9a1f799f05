//! `SelfSubjectRulesReview` and `SelfSubjectAccessReview`: the permissions of the lab's account.
//!
//! Wire format: `authorization.k8s.io/v1`, as a kube-apiserver 1.36 answers it: status 201, the spec
//! of a rules review left out, that of an access review repeated.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::resource::Resource;
use super::responses::status;
use super::{ApiFault, State};
use crate::request::Request;
use crate::response::Response;

/// Path of rules reviews.
pub(super) const RULES_PATH: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
/// Path of access reviews.
pub(super) const ACCESS_PATH: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

const READ: &[&str] = &["get", "list", "watch"];

/// API group, resources and verbs of the chart's `ClusterRole` for the agent.
const CLUSTER_ROLE: &[(&str, &[&str], &[&str])] = &[
    (
        "",
        &[
            "pods",
            "nodes",
            "replicationcontrollers",
            "persistentvolumeclaims",
            "persistentvolumes",
            "services",
            "namespaces",
            "events",
            "limitranges",
            "resourcequotas",
        ],
        READ,
    ),
    (
        "apps",
        &["deployments", "replicasets", "daemonsets", "statefulsets"],
        READ,
    ),
    ("storage.k8s.io", &["storageclasses", "csinodes"], READ),
    ("batch", &["jobs", "cronjobs"], READ),
    ("autoscaling", &["horizontalpodautoscalers"], READ),
    ("metrics.k8s.io", &["pods"], &["get", "list"]),
    ("policy", &["poddisruptionbudgets"], READ),
];
/// The same of its `Role`.
const ROLE: &[(&str, &[&str], &[&str])] = &[
    (
        "coordination.k8s.io",
        &["leases"],
        &["create", "get", "list", "watch", "update"],
    ),
    ("", &["configmaps"], READ),
];

/// Permissions of the account, besides what a fault denies.
#[derive(Debug, Default)]
pub(super) struct Roles {
    /// Resources that no role grants, as RBAC names them.
    pub(super) denied: BTreeSet<String>,
    /// Resources that a role grants in one namespace, although they are denied otherwise.
    pub(super) granted_in: BTreeSet<(String, String)>,
    /// Whether an authorizer beside RBAC cannot list its rules.
    pub(super) incomplete: bool,
}

impl Roles {
    /// Returns whether the account may do this. A verb of a resource can be denied by itself, as
    /// `create pods`.
    pub(super) fn allow_verb(
        &self,
        verb: &str,
        resource: &str,
        namespace: &str,
        fault: Option<&ApiFault>,
    ) -> bool {
        !self.denied.contains(&format!("{verb} {resource}"))
            && self.allow(resource, namespace, fault)
    }

    /// Returns whether the account may access a resource.
    pub(super) fn allow(&self, resource: &str, namespace: &str, fault: Option<&ApiFault>) -> bool {
        let denied = match fault {
            Some(ApiFault::Forbidden) => return false,
            Some(ApiFault::Denied(denied)) if denied == resource => return false,
            _ => self.denied.contains(resource),
        };
        !denied
            || self
                .granted_in
                .contains(&(namespace.to_owned(), resource.to_owned()))
    }
}

/// Returns the rules that apply in the requested namespace.
pub(super) fn rules(request: &Request, state: &State, fault: Option<&ApiFault>) -> Response {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let Some(namespace) = body["spec"]["namespace"]
        .as_str()
        .filter(|namespace| !namespace.is_empty())
    else {
        return status(
            400,
            Some("BadRequest"),
            "no namespace on request",
            &Value::Null,
        );
    };
    let account = &state.roles;
    let mut rules = vec![json!({
        "verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    })];
    let in_role_namespace = namespace == "castai-agent";
    let granted = CLUSTER_ROLE
        .iter()
        .chain(ROLE.iter().filter(|_| in_role_namespace));
    // A webhook's permissions are not listed.
    for (group, resources, verbs) in granted.filter(|_| !account.incomplete) {
        let allowed: Vec<_> = resources
            .iter()
            .filter(|resource| account.allow(resource, namespace, fault))
            .collect();
        if !allowed.is_empty() {
            rules.push(json!({ "verbs": verbs, "apiGroups": [group], "resources": allowed }));
        }
    }
    let mut review = json!({
        "resourceRules": rules,
        "nonResourceRules": [{ "verbs": ["get"], "nonResourceURLs": ["/version", "/readyz", "/livez", "/healthz"] }],
        "incomplete": account.incomplete,
    });
    if account.incomplete {
        review["evaluationError"] =
            json!("webhook authorizer does not support user rule resolution");
    }
    Response::json(
        201,
        &json!({
            "kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1",
            "metadata": { "creationTimestamp": null }, "spec": {}, "status": review,
        }),
    )
}

/// Returns whether one access is allowed.
pub(super) fn access(request: &Request, state: &State, fault: Option<&ApiFault>) -> Response {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let attributes = &body["spec"]["resourceAttributes"];
    let text = |field: &str| attributes[field].as_str().unwrap_or_default();
    let resource = match text("subresource") {
        "" => text("resource").to_owned(),
        subresource => format!("{}/{subresource}", text("resource")),
    };
    let allowed = state
        .roles
        .allow_verb(text("verb"), &resource, text("namespace"), fault);
    let review = if allowed {
        json!({
            "allowed": true,
            "reason": "RBAC: allowed by ClusterRoleBinding \"castai-agent\" of ClusterRole \"castai-agent\" to ServiceAccount \"castai-agent/castai-agent\"",
        })
    } else {
        json!({ "allowed": false })
    };
    Response::json(
        201,
        &json!({
            "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
            "metadata": { "creationTimestamp": null }, "spec": body["spec"], "status": review,
        }),
    )
}

/// Returns the rejection of a review by an account without the role `system:basic-user`.
pub(super) fn forbidden(path: &str, user: &str) -> Response {
    let kind = path.rsplit('/').next().unwrap_or_default();
    Resource {
        group: "authorization.k8s.io",
        kind,
        verb: "create",
        namespace: "",
        name: "",
        subresource: "",
        stored: None,
    }
    .forbidden(user)
}
