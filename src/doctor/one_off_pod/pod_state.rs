//! The state of the short-lived pod.

use std::fmt;

use serde::Deserialize;

use crate::report::Evidence;

/// The state of the short-lived pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum PodState {
    /// Not running yet, for this reason.
    Waiting(String),
    /// Running.
    Running,
    /// The container exited, with any code.
    Finished,
    /// The image cannot be pulled.
    ImagePull(String),
    /// The container cannot be created.
    NotCreated(String),
    /// Evicted, or stopped at its deadline.
    Stopped(String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pod {
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: String,
    reason: String,
    message: String,
    conditions: Vec<Condition>,
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
    message: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContainerStatus {
    state: State,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct State {
    waiting: Option<Reason>,
    running: Option<Reason>,
    terminated: Option<Reason>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reason {
    reason: String,
    message: String,
}

impl PodState {
    /// Parses a pod; what cannot be read counts as waiting.
    pub(super) fn parse(json: &[u8]) -> Self {
        let Pod { status } = serde_json::from_slice(json).unwrap_or_default();
        if status.phase == "Failed" && !status.reason.is_empty() {
            return Self::Stopped(joined(&status.reason, &status.message));
        }
        match status.container_statuses.first().map(|only| &only.state) {
            Some(State {
                terminated: Some(_),
                ..
            }) => Self::Finished,
            Some(State {
                running: Some(_), ..
            }) => Self::Running,
            Some(State {
                waiting: Some(why), ..
            }) => Self::waiting(why),
            _ => Self::Waiting(joined(status.unscheduled().unwrap_or("scheduling"), "")),
        }
    }

    fn waiting(why: &Reason) -> Self {
        let reason = joined(&why.reason, &why.message);
        match why.reason.as_str() {
            // ErrImagePull is the first attempt; after the second one the kubelet backs off.
            "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => {
                Self::ImagePull(reason)
            }
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                Self::NotCreated(reason)
            }
            "ContainerCreating" | "PodInitializing" | "" => {
                Self::Waiting("pulling the image".to_owned())
            }
            _ => Self::Waiting(reason),
        }
    }
}

impl Status {
    /// Returns why the pod has no node.
    fn unscheduled(&self) -> Option<&str> {
        let condition = self
            .conditions
            .iter()
            .find(|condition| condition.r#type == "PodScheduled" && condition.status == "False")?;
        Some(condition.message.as_str()).filter(|message| !message.is_empty())
    }
}

/// Returns a reason that is safe to print: the message may quote a registry or a webhook.
fn joined(reason: &str, message: &str) -> String {
    let text = if message.is_empty() {
        reason.to_owned()
    } else {
        format!("{reason}: {message}")
    };
    Evidence::from(text).to_string()
}

impl fmt::Display for PodState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting(reason) => write!(f, "the pod is waiting: {reason}"),
            Self::Running => f.write_str("the pod is running the checks"),
            Self::Finished => f.write_str("the pod has finished"),
            Self::ImagePull(reason) | Self::NotCreated(reason) | Self::Stopped(reason) => {
                f.write_str(reason)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn state(status: &Value) -> PodState {
        PodState::parse(json!({ "status": status }).to_string().as_bytes())
    }

    fn container(state: &Value) -> PodState {
        self::state(&json!({ "phase": "Pending", "containerStatuses": [{ "state": state }] }))
    }

    #[test]
    fn exit_with_any_code_finishes_the_pod() {
        let exited = json!({ "terminated": { "exitCode": 1, "reason": "Error" } });
        assert_eq!(container(&exited), PodState::Finished);
    }

    #[test]
    fn deadline_and_eviction_stop_the_pod() {
        let stopped = state(&json!({ "phase": "Failed", "reason": "DeadlineExceeded" }));
        assert_eq!(stopped, PodState::Stopped("DeadlineExceeded".to_owned()));
    }

    #[test]
    fn image_pull_back_off_is_final_and_the_first_failure_is_not() {
        let waiting = |reason: &str| container(&json!({ "waiting": { "reason": reason } }));
        assert!(matches!(
            waiting("ImagePullBackOff"),
            PodState::ImagePull(_)
        ));
        assert!(matches!(waiting("ErrImagePull"), PodState::Waiting(_)));
        assert!(matches!(
            waiting("CreateContainerConfigError"),
            PodState::NotCreated(_)
        ));
    }

    #[test]
    fn message_that_quotes_a_registry_cannot_control_the_terminal() {
        let why = json!({ "reason": "ImagePullBackOff", "message": "a\u{1b}[2Jb\r\nc" });
        let pull = PodState::ImagePull("ImagePullBackOff: a[2Jb c".to_owned());
        assert_eq!(container(&json!({ "waiting": why })), pull);
    }

    #[test]
    fn unschedulable_pod_says_why() {
        let message = "0/3 nodes are available";
        let condition = json!({ "type": "PodScheduled", "status": "False", "message": message });
        let waiting = state(&json!({ "phase": "Pending", "conditions": [condition] }));
        assert_eq!(waiting, PodState::Waiting(message.to_owned()));
        assert_eq!(
            PodState::parse(b"<html>"),
            PodState::Waiting("scheduling".to_owned())
        );
    }
}
