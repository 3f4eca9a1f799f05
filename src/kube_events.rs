//! Kubernetes Events on the agent's Deployment: a change of a root cause writes one, so that
//! `kubectl describe deployment castai-agent` shows what happened. Opt-in.
//!
//! Invariant: an Event never delays a check. The recorder keeps the latest root causes only; its
//! own task compares them with what it wrote before, and drops what the API server does not take.

pub mod event;
mod event_writer;
pub mod recorder;
pub mod root_causes;
pub mod root_tracker;
pub mod token_bucket;

pub use recorder::EventRecorder;
pub use root_causes::{RootCause, RootCauses};
pub use root_tracker::EventTiming;
