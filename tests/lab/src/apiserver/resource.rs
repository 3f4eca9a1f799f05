//! Kubernetes API paths and their RBAC attributes.

use serde_json::json;

use super::object_store::{KINDS, ResourceKind};
use super::responses::status;
use crate::request::Request;
use crate::response::Response;

/// A requested resource, as RBAC sees it.
pub(super) struct Resource<'a> {
    pub(super) group: &'a str,
    pub(super) kind: &'a str,
    pub(super) verb: &'static str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    /// Subresource, such as `log` of a pod.
    pub(super) subresource: &'a str,
    /// Kind in the object store, if the resource can be listed and watched.
    pub(super) stored: Option<&'static ResourceKind>,
}

// === impl Resource ===

impl<'a> Resource<'a> {
    /// Parses the path of a request.
    pub(super) fn parse(request: &'a Request) -> Option<Self> {
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
        let mut segments = rest.split('/').filter(|segment| !segment.is_empty());
        let Some(kind) = segments.next() else {
            return Some(Self {
                group,
                kind: "namespaces",
                verb: "get",
                namespace,
                name: namespace,
                subresource: "",
                stored: None,
            });
        };
        let (name, subresource) = (
            segments.next().unwrap_or_default(),
            segments.next().unwrap_or_default(),
        );
        let verb = match (name.is_empty(), request.query("watch").as_deref()) {
            _ if request.method == "DELETE" => "delete",
            _ if request.method == "POST" => "create",
            _ if request.method == "PATCH" => "patch",
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
            subresource,
            stored: stored.filter(|_| subresource.is_empty()),
        })
    }

    /// Returns the resource as RBAC names it, for example `pods/log`.
    pub(super) fn rbac_name(&self) -> String {
        if self.subresource.is_empty() {
            self.kind.to_owned()
        } else {
            format!("{}/{}", self.kind, self.subresource)
        }
    }

    /// Returns the RBAC error for `user`.
    pub(super) fn forbidden(&self, user: &str) -> Response {
        let Self {
            group,
            verb,
            namespace,
            name,
            ..
        } = self;
        let kind = &self.rbac_name();
        let subject = if group.is_empty() {
            kind.clone()
        } else {
            format!("{kind}.{group}")
        };
        let subject = if name.is_empty() {
            subject
        } else {
            format!("{subject} \"{name}\"")
        };
        let scope = if namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{namespace}\"")
        };
        let text = format!(
            "{subject} is forbidden: User \"{user}\" cannot {verb} resource \"{kind}\" in API group \"{group}\" {scope}"
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
