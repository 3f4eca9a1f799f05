//! Classifies text into failure modes: log lines, Kubernetes messages, error bodies.
//!
//! Pure functions over tables; std and `serde_json` only, no I/O; nothing here fails or panics.
//! Text is the last resort: a caller with a type or a code classifies by that.
//!
//! The same rules serve every source, because a cause keeps its wording inside wrappers: `go_error`
//! knows Go's errors of networks, TLS and proxies, `kube_status` and `castai` the responses of the
//! API server and of CAST AI, `aws_error` those of AWS, `agent_log` parses log formats,
//! `image_pull` and `pod` know the messages of kubelet, scheduler and controllers. If a wording
//! fits several causes, the ambiguous mode is the result.

mod agent_log;
mod aws_error;
pub mod castai;
mod cloud_metadata;
pub mod go_error;
mod html;
mod http_message;
mod http_text;
mod image_pull;
pub mod kube_status;
mod kube_text;
mod log_line;
mod pod;
mod pod_identity;
mod reading;
mod rule;
mod text_kind;

pub use aws_error::{Service as AwsService, code as aws_code, error_body as aws_error_body};
pub use castai::castai_answer;
pub use image_pull::registry;
pub use kube_status::kube_status;
pub use log_line::{Liveness, LogLine, Peer, log_line};
pub use pod_identity::pod_identity;
pub use reading::Reading;
use serde_json::Value;
pub use text_kind::{TextKind, UnknownKindError};

/// Classifies a text; without a kind, its shape decides where it comes from.
pub fn classify(kind: Option<TextKind>, text: &str) -> Reading {
    match kind.unwrap_or_else(|| TextKind::guess(text)) {
        TextKind::AgentLog => agent_log::read(text),
        TextKind::K8sEvent => kube_text::read_event(text),
        TextKind::ApiserverBody => kube_status::read_body(text),
        TextKind::AwsErrorBody => aws_error::read_body(text),
        TextKind::Http => http_text::read(text),
    }
}

/// Classifies a line: a text of any kind, or a text with its kind as
/// `{"kind":"k8s_event","text":"…"}`.
pub fn classify_line(line: &str) -> Reading {
    match labelled(line) {
        Some((kind, text)) => classify(kind, &text),
        None => classify(None, line),
    }
}

/// Parses `{"kind":…,"text":…}`; an unknown kind counts as none.
fn labelled(line: &str) -> Option<(Option<TextKind>, String)> {
    if !line.trim_start().starts_with('{') {
        return None;
    }
    let Value::Object(mut object) = serde_json::from_str(line).ok()? else {
        return None;
    };
    let kind = object.get("kind")?.as_str()?.parse().ok();
    let Value::String(text) = object.remove("text")? else {
        return None;
    };
    Some((kind, text))
}
