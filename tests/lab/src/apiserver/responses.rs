//! Responses with Kubernetes objects.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::response::Response;

/// Returns a `Status` of a failed request.
pub(super) fn status(code: u16, reason: Option<&str>, message: &str, details: &Value) -> Response {
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
    Response::json(code, &status)
}

/// Namespaces of a healthy cluster.
const NAMESPACES: [&str; 3] = ["kube-system", "default", "castai-agent"];

/// Returns a namespace, unless it is missing.
pub(super) fn namespace(name: &str, missing: &BTreeSet<String>) -> Response {
    if !NAMESPACES.contains(&name) || missing.contains(name) {
        let text = format!("namespaces \"{name}\" not found");
        return status(
            404,
            Some("NotFound"),
            &text,
            &json!({ "name": name, "kind": "namespaces" }),
        );
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
    Response::json(200, &namespace)
}

/// Returns an endpoint slice of the service `kubernetes`.
pub(super) fn slice(index: usize, (ipv6, port): (bool, u16), addresses: &[IpAddr]) -> Value {
    let endpoint =
        |address: &IpAddr| json!({ "addresses": [address], "conditions": { "ready": true } });
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
