//! The fault of one pod, from its conditions, container states and events.

use crate::agent::workload::fault::{WorkloadFault, classify_reason};
use crate::agent::workload::snapshot::NamespaceSnapshot;
use crate::catalogue::FailureMode as M;
use crate::kube::types::event::Event;
use crate::kube::types::object::condition;
use crate::kube::types::pod::{ContainerStatus, ContainerWaiting, Pod};

/// Time for which a single OOM kill is reported, in seconds.
const OOM_KILL_SECONDS: i64 = 3600;
/// Time for which an event explains why a pod does not start, in seconds.
const RECENT_EVENT_SECONDS: i64 = 15 * 60;

impl NamespaceSnapshot {
    /// Returns the fault of a pod that should run; `main` is the container that does the work.
    pub(super) fn pod_fault(&self, pod: &Pod, main: &str) -> Option<WorkloadFault> {
        if let Some(scheduled) = condition(&pod.conditions, "PodScheduled")
            .filter(|scheduled| scheduled.status == "False")
        {
            let mode = classify_reason(&scheduled.reason, &scheduled.message)
                .unwrap_or(M::AgentUnavailable);
            return Some(WorkloadFault::new(
                mode,
                format!("{} is not scheduled: {}", pod.name, scheduled.message),
            ));
        }
        let mut faults: Vec<WorkloadFault> = pod
            .containers
            .iter()
            .filter_map(|container| self.container_fault(pod, container, main))
            .collect();
        faults.sort_by_key(|fault| (fault.is_minor, fault.is_unspecific()));
        if let Some(fault) = faults
            .into_iter()
            .reduce(|fault, other| fault.merge(&other))
        {
            return Some(fault);
        }
        if pod.is_ready() {
            return None;
        }
        // The pod has a node by now, and container states say more about images than events do.
        let is_obsolete = |event: &Event| {
            event.reason == "FailedScheduling" || event.message.starts_with("Error: ErrImage")
        };
        let event = self.newest_event(&pod.uid, |event| {
            event.warning && !is_obsolete(event) && self.age(event) < RECENT_EVENT_SECONDS
        })?;
        let mode =
            classify_reason(&event.reason, &event.message).filter(|_| pod.phase == "Pending");
        Some(WorkloadFault::new(
            mode.unwrap_or(M::AgentUnavailable),
            format!(
                "{} is not ready: {}: {}",
                pod.name, event.reason, event.message
            ),
        ))
    }

    fn container_fault(
        &self,
        pod: &Pod,
        container: &ContainerStatus,
        main: &str,
    ) -> Option<WorkloadFault> {
        if let Some(waiting) = &container.state.waiting {
            return self.waiting_fault(pod, container, waiting, main);
        }
        if container.init
            && container
                .state
                .terminated
                .as_ref()
                .is_some_and(|exit| exit.exit_code == 0)
        {
            return None;
        }
        let exit = container.last_exit()?;
        let fault = self.exit_fault(pod, container, exit, main);
        if self.is_crash_looping(pod, container, exit, fault.mode) {
            return Some(fault);
        }
        let is_recent_oom_kill =
            exit.reason == "OOMKilled" && self.seconds_since(exit) < OOM_KILL_SECONDS;
        is_recent_oom_kill.then_some(WorkloadFault {
            is_minor: true,
            ..fault
        })
    }

    fn waiting_fault(
        &self,
        pod: &Pod,
        container: &ContainerStatus,
        waiting: &ContainerWaiting,
        main: &str,
    ) -> Option<WorkloadFault> {
        let ContainerWaiting { reason, message } = waiting;
        let (name, image) = (&pod.name, &container.image);
        if waiting.is_image_failure() {
            let is_pull_failure = |event: &Event| {
                event.reason == "Failed" && event.message.starts_with("Failed to pull")
            };
            let event = self
                .newest_event(&pod.uid, is_pull_failure)
                .filter(|_| waiting.is_back_off_without_cause());
            let message = event.map_or(message, |event| &event.message);
            let mode = classify_reason(reason, message).unwrap_or(M::ImageUnknown);
            let cause = if message.is_empty() {
                String::new()
            } else {
                format!(": {message}")
            };
            return Some(WorkloadFault::new(
                mode,
                format!("{name} cannot pull image {image}: {reason}{cause}"),
            ));
        }
        match (reason.as_str(), container.last_exit()) {
            ("CrashLoopBackOff", Some(exit)) => Some(self.exit_fault(pod, container, exit, main)),
            (
                "CrashLoopBackOff" | "RunContainerError" | "StartError" | "CreateContainerError",
                _,
            ) => {
                let evidence = format!(
                    "{name}: container {} failed to start: {reason}: {message}",
                    container.name
                );
                Some(WorkloadFault::new(M::AgentCrashloop, evidence))
            }
            ("CreateContainerConfigError", _) => {
                let evidence = format!(
                    "{name}: container {} has an invalid or missing configuration: {message}",
                    container.name
                );
                Some(WorkloadFault::new(M::AgentConfigMissing, evidence))
            }
            _ => {
                let event = self.newest_event(&pod.uid, |event| {
                    matches!(
                        event.reason.as_str(),
                        "FailedMount" | "FailedAttachVolume" | "FailedCreatePodSandBox"
                    ) && self.age(event) < RECENT_EVENT_SECONDS
                })?;
                let mode = match event.reason.as_str() {
                    "FailedCreatePodSandBox" => M::AgentSandboxFailed,
                    _ => M::AgentFailedMount,
                };
                Some(WorkloadFault::new(
                    mode,
                    format!("{name} cannot start: {}: {}", event.reason, event.message),
                ))
            }
        }
    }
}

/// Returns whether a pod is unscheduled only because anti-affinity requires a node without another
/// such pod.
pub(super) fn lacks_only_a_separate_node(pod: &Pod) -> bool {
    let reasons = condition(&pod.conditions, "PodScheduled")
        .filter(|scheduled| scheduled.status == "False")
        .and_then(|scheduled| scheduled.message.split_once("nodes are available: "))
        .and_then(|(_, reasons)| reasons.split(" preemption: ").next());
    reasons.is_some_and(|reasons| {
        reasons
            .split(", ")
            .all(|reason| reason.contains("didn't match pod anti-affinity"))
    })
}

/// Returns the fault of a pod in phase `Failed`.
pub(super) fn finished_pod_fault(pod: &Pod) -> Option<WorkloadFault> {
    let mode = match pod.reason.as_str() {
        "Evicted" | "Terminated" | "Shutdown" | "NodeShutdown" | "Preempting" => M::AgentEvicted,
        "OutOfcpu" | "OutOfmemory" | "OutOfpods" | "UnexpectedAdmissionError" => {
            M::AgentUnschedulableResources
        }
        "NodeAffinity" => M::AgentUnschedulableSelector,
        _ => return None,
    };
    Some(WorkloadFault::new(
        mode,
        format!("{} failed: {}: {}", pod.name, pod.reason, pod.message),
    ))
}
