//! A server-side dry run: the API server admits and validates an object and stores nothing.

use http::StatusCode;
use serde_json::Value;

use crate::classify::kube_status;
use crate::kube::{ApiConnection, ClientError};
use crate::net::Response;
use crate::redaction::scrubbed;
use crate::report::evidence::single_line;

/// Longest message of an admission policy that is quoted, in bytes.
const MAX_MESSAGE_BYTES: usize = 700;

/// The outcome of a dry run.
#[derive(Clone, Debug)]
pub(super) enum DryRun {
    /// Admitted; the object as it would be stored.
    Admitted(Value),
    /// An object with this name exists already.
    Exists,
    /// Admission or validation refuses the object, with this message.
    Refused(String),
    /// The namespace does not exist.
    NoNamespace,
    /// RBAC denies the caller the permission.
    NotAllowed,
    /// An admission webhook cannot take part, because it has side effects.
    Unsupported(String),
}

/// Creates an object in the collection at this path, as a dry run.
///
/// # Errors
/// If the API server does not decide.
pub(super) async fn create(
    api: &mut ApiConnection,
    collection: &str,
    object: &Value,
) -> Result<DryRun, ClientError> {
    let path = format!("{collection}?dryRun=All");
    let response = api.post(&path, object).await?;
    let message = message(&response);
    let refused = || DryRun::Refused(shown(&message));
    Ok(match response.status {
        status if status.is_success() => {
            DryRun::Admitted(response.json().unwrap_or_else(|| object.clone()))
        }
        StatusCode::CONFLICT if message.contains("already exists") => DryRun::Exists,
        StatusCode::NOT_FOUND if is_missing_namespace(&message) => DryRun::NoNamespace,
        StatusCode::FORBIDDEN if message.contains(" cannot create resource ") => DryRun::NotAllowed,
        _ if message.contains("does not support dry run") => DryRun::Unsupported(shown(&message)),
        StatusCode::INTERNAL_SERVER_ERROR if message.contains("failed calling webhook") => {
            refused()
        }
        StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => {
            return Err(rejected(collection, &response));
        }
        status if status.is_client_error() && !message.is_empty() => refused(),
        _ => return Err(rejected(collection, &response)),
    })
}

/// Returns the message of the API server's `Status`; empty if something else responds.
fn message(response: &Response) -> String {
    let json = response.json().unwrap_or_default();
    let is_status = json["kind"] == "Status";
    let message = json["message"].as_str().filter(|_| is_status);
    message.unwrap_or_default().to_owned()
}

fn is_missing_namespace(message: &str) -> bool {
    message.starts_with("namespaces \"") && message.contains("not found")
}

fn rejected(collection: &str, response: &Response) -> ClientError {
    let status = response.status;
    ClientError::Rejected {
        request: format!("POST {collection} (dry run)"),
        status,
        body: response.quoted(),
        mode: kube_status(
            status.as_u16(),
            Some(&response.content_type()),
            &response.body,
        ),
    }
}

/// Returns text of another program in one line, without secrets, cut to a bounded length.
fn shown(message: &str) -> String {
    let clean = single_line(&scrubbed(message));
    let cut = clean.floor_char_boundary(MAX_MESSAGE_BYTES);
    let ellipsis = if cut < clean.len() { "…" } else { "" };
    format!("{}{ellipsis}", &clean[..cut])
}
