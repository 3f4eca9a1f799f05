//! Creation and change of objects, also as a dry run: admission, then storage.
//!
//! Wire format: that of a kube-apiserver 1.36. A dry run passes through everything but storage.

use serde_json::{Value, json};

use super::State;
use super::object_store::ObjectStore;
use super::resource::Resource;
use super::responses::status;
use crate::request::Request;
use crate::response::Response;

/// Objects that the admission chain refuses.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The resource, such as `pods`.
    pub resource: &'static str,
    /// The status code.
    pub code: u16,
    /// The message; `{name}` is replaced by the name of the object.
    pub message: String,
}

/// Answers a POST or PATCH request that RBAC allows.
pub(super) fn respond(
    resource: &Resource<'_>,
    request: &Request,
    state: &State,
    objects: &ObjectStore,
) -> Response {
    let mut body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let Resource {
        namespace, kind, ..
    } = resource;
    if state.missing_namespaces.contains(*namespace) {
        let message = format!("namespaces \"{namespace}\" not found");
        let details = json!({ "name": namespace, "kind": "namespaces" });
        return status(404, Some("NotFound"), &message, &details);
    }
    if request.method == "PATCH" {
        return patch(resource, &body, objects);
    }
    let name = text(&body["metadata"]["name"]);
    let refusal = state
        .refusals
        .iter()
        .find(|refusal| refusal.resource == *kind);
    if let Some(refusal) = refusal {
        let message = refusal.message.replace("{name}", &name);
        let reason = if refusal.code == 403 {
            "Forbidden"
        } else {
            "Invalid"
        };
        let details = json!({ "name": name, "kind": kind });
        return status(refusal.code, Some(reason), &message, &details);
    }
    let stored = resource.stored.map(|stored| stored.name);
    if let Some(stored) = stored
        && objects.get(stored, namespace, &name).is_some()
    {
        let message = format!("{kind} \"{name}\" already exists");
        let details = json!({ "name": name, "kind": kind });
        return status(409, Some("AlreadyExists"), &message, &details);
    }
    let is_dry_run = request.query("dryRun").as_deref() == Some("All");
    match stored {
        _ if is_dry_run => {}
        Some(stored) => {
            body["kind"] = json!(stored);
            objects.put(body.clone());
        }
        None => {
            let message = "the server does not allow this method on the requested resource";
            return status(405, Some("MethodNotAllowed"), message, &json!({}));
        }
    }
    Response::json(201, &body)
}

/// Applies a merge patch to the top-level fields.
fn patch(resource: &Resource<'_>, body: &Value, objects: &ObjectStore) -> Response {
    let Resource {
        namespace,
        name,
        kind,
        ..
    } = resource;
    let stored = resource.stored.map(|stored| stored.name);
    let Some((stored, mut object)) =
        stored.and_then(|stored| Some((stored, objects.get(stored, namespace, name)?)))
    else {
        let message = format!("{kind} \"{name}\" not found");
        let details = json!({ "name": name, "kind": kind });
        return status(404, Some("NotFound"), &message, &details);
    };
    for (field, value) in body.as_object().into_iter().flatten() {
        object[field] = value.clone();
    }
    object["kind"] = json!(stored);
    objects.put(object.clone());
    Response::json(200, &object)
}
