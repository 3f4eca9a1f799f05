//! A fault of one pod, or of the creation of pods.

use crate::catalogue::mode_set::WORKLOAD;
use crate::catalogue::{FailureMode, Family};
use crate::classify::{TextKind, classify};
use crate::kube::types::pod::Pod;

/// A fault of one pod, or of the creation of pods.
#[derive(Debug)]
pub(super) struct WorkloadFault {
    pub(super) mode: FailureMode,
    /// The affected object and the cause.
    pub(super) evidence: String,
    /// Whether the pod works despite the fault.
    pub(super) is_minor: bool,
    /// The affected pod, if it is one.
    pub(super) pod: Option<PodLocation>,
}

/// The name of a pod and its node.
#[derive(Clone, Debug)]
pub(super) struct PodLocation {
    pub(super) name: String,
    /// Empty before the pod is scheduled.
    pub(super) node: String,
}

impl WorkloadFault {
    pub(super) fn new(mode: FailureMode, evidence: String) -> Self {
        Self {
            mode,
            evidence,
            is_minor: false,
            pod: None,
        }
    }

    /// Adds the affected pod.
    pub(super) fn of_pod(self, pod: &Pod) -> Self {
        let (name, node) = (pod.name.clone(), pod.node.clone());
        Self {
            pod: Some(PodLocation { name, node }),
            ..self
        }
    }

    /// Returns whether the fault names no cause.
    pub(super) fn is_unspecific(&self) -> bool {
        self.mode == FailureMode::AgentUnavailable
    }

    /// Appends the evidence of another fault of the same pod and severity.
    pub(super) fn merge(mut self, other: &Self) -> Self {
        if other.is_minor == self.is_minor && !self.evidence.contains(&other.evidence) {
            self.evidence = format!("{}; {}", self.evidence, other.evidence);
        }
        self
    }
}

/// Classifies a reason and its message; `None` if they indicate no fault of a workload.
pub(super) fn classify_reason(reason: &str, message: &str) -> Option<FailureMode> {
    let mode = classify(Some(TextKind::K8sEvent), &format!("{reason}: {message}")).mode()?;
    (WORKLOAD.contains(&mode) || mode.family() == Family::Image).then_some(mode)
}
