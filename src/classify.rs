//! Classifies text into failure modes: log lines, Kubernetes messages, error bodies.
//!
//! Pure functions over tables; std and `serde_json` only, no I/O; nothing here fails or panics.
//! Text is the last resort: a caller with a type or a code classifies by that.
//!
//! The same rules serve every source, because a cause keeps its wording inside wrappers: `go_error`
//! knows Go's errors of networks, TLS and proxies, `kube_status` and `castai` the responses of the
//! API server and of CAST AI, `aws_error` those of AWS, `non_go_error` those of clients in other
//! languages, `agent_log` parses log formats, `image_pull` and `pod` know the messages of kubelet,
//! scheduler and controllers. `dispatch` selects the rules for a text, `records` splits a paste,
//! `kube_objects` reads lists of `kubectl get -o json`, and `paste` finds the root cause. `text`
//! makes the search for hundreds of words in a line cheap. If a wording fits several causes, the
//! ambiguous mode is the result.

mod agent_log;
mod aws_error;
pub mod castai;
mod cloud_metadata;
mod console;
mod dispatch;
pub mod go_error;
mod harmless;
mod html;
mod http_message;
mod http_text;
mod image_pull;
mod kube_objects;
pub mod kube_status;
mod kube_text;
mod kubectl_output;
mod log_line;
mod non_go_error;
mod paste;
mod pod;
mod pod_identity;
mod reading;
mod records;
mod rule;
mod text;
mod text_kind;

pub use aws_error::{AwsErrorSource, code as aws_code, error_body as aws_error_body};
pub use castai::castai_answer;
pub use dispatch::{classify, classify_line};
pub use image_pull::registry;
pub use kube_status::kube_status;
pub use log_line::{LeaseSign, Liveness, LogLine, Peer, log_line};
pub use paste::{Paste, PasteFinding, PasteSummary};
pub use pod_identity::pod_identity;
pub use reading::Reading;
pub use records::Record;
pub use text_kind::{TextKind, UnknownKindError};
