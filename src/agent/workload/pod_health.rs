//! The fault of one pod, from its conditions, container states and events.

use std::ops::RangeInclusive;

use crate::agent::workload::fault::{WorkloadFault, classify_reason};
use crate::agent::workload::liveness_kills::is_kill_event;
use crate::agent::workload::snapshot::NamespaceSnapshot;
use crate::catalogue::FailureMode as M;
use crate::kube::types::event::Event;
use crate::kube::types::object::condition;
use crate::kube::types::pod::{ContainerStatus, ContainerTerminated, ContainerWaiting, Pod};
use crate::report::evidence::quote;

/// Longest run in a crash loop, in seconds; the agent's slowest loop takes 16 minutes.
const MAX_LOOP_RUN_SECONDS: i64 = 30 * 60;
/// Run time beyond the previous one after which a crash loop is over, in seconds.
const STABLE_SECONDS: i64 = 120;
/// Time for which a single OOM kill is reported, in seconds.
const OOM_KILL_SECONDS: i64 = 3600;
/// Run time of an agent that delivers nothing, in seconds: its health check fails after 12 or 15.5
/// minutes.
const UNDELIVERED_RUN_SECONDS: RangeInclusive<i64> = 12 * 60..=1020;
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
        if self.is_crash_looping(container, exit) {
            return Some(self.exit_fault(pod, container, exit, main));
        }
        let age = exit
            .finished_at
            .map_or(i64::MAX, |at| self.now.as_second() - at.as_second());
        (exit.reason == "OOMKilled" && age < OOM_KILL_SECONDS).then(|| WorkloadFault {
            is_minor: true,
            ..self.exit_fault(pod, container, exit, main)
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

    /// Returns whether a container exits repeatedly. A single restart, as after a control-plane
    /// outage, does not count.
    fn is_crash_looping(&self, container: &ContainerStatus, exit: &ContainerTerminated) -> bool {
        let run_seconds = exit.run_seconds().unwrap_or(0);
        let has_restarted = container.restart_count >= 2
            || container.restart_count == 1 && container.state.terminated.is_some();
        let is_stable = container
            .state
            .running
            .as_ref()
            .and_then(|running| running.started_at)
            .is_some_and(|since| {
                self.now.as_second() - since.as_second() > run_seconds + STABLE_SECONDS
            });
        has_restarted && run_seconds <= MAX_LOOP_RUN_SECONDS && !is_stable
    }

    /// Returns whether an exit without a kill event resembles a known liveness kill of the same
    /// container.
    fn resembles_known_kill(
        &self,
        pod: &Pod,
        container: &ContainerStatus,
        exit: &ContainerTerminated,
        undelivered: bool,
    ) -> bool {
        let known = self.kills.get(&(pod.uid.clone(), container.name.clone()));
        let has_older_kill_event = || {
            self.newest_event(&pod.uid, |event| is_kill_event(event, container))
                .is_some()
        };
        // SIGKILL, SIGTERM, or an agent that handled SIGTERM.
        let is_signal_exit =
            matches!(exit.exit_code, 137 | 143) || exit.exit_code == 0 && undelivered;
        known.is_some_and(|kill| kill.resembles(exit))
            || is_signal_exit && (known.is_some() || has_older_kill_event())
    }

    /// Returns the fault that the exit of a container shows.
    fn exit_fault(
        &self,
        pod: &Pod,
        container: &ContainerStatus,
        exit: &ContainerTerminated,
        main: &str,
    ) -> WorkloadFault {
        let is_agent = container.name == main && main == "agent";
        let undelivered = is_agent
            && exit
                .run_seconds()
                .is_some_and(|seconds| UNDELIVERED_RUN_SECONDS.contains(&seconds));
        let (mode, cause) = if exit.reason == "OOMKilled" {
            (M::AgentOomkilled, "it exceeded its memory limit")
        } else if self.has_kill_event(pod, container) {
            (
                M::AgentLivenessKilled,
                "the kubelet killed it because its liveness probe failed",
            )
        } else if self.resembles_known_kill(pod, container, exit, undelivered) {
            (
                M::AgentLivenessKilled,
                "the same exit as when the kubelet killed it because its liveness probe failed; the kubelet does not \
                 report every kill",
            )
        } else {
            exit_cause(exit.exit_code, is_agent, undelivered)
        };
        let run_time = exit
            .run_seconds()
            .map(|seconds| format!(" after {seconds} s"))
            .unwrap_or_default();
        let at = exit
            .finished_at
            .map(|at| format!(" at {at:.0}"))
            .unwrap_or_default();
        let termination_message = if exit.message.is_empty() {
            String::new()
        } else {
            format!("; termination message: {}", quote(exit.message.as_bytes()))
        };
        let restarts = match container.restart_count {
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        let evidence = format!(
            "{}: container {} was restarted {restarts}; last exit{at}{run_time} with exit code {} ({}): {cause}{termination_message}",
            pod.name, container.name, exit.exit_code, exit.reason
        );
        WorkloadFault::new(mode, evidence)
    }
}

/// Returns the mode and cause of an exit that is neither an OOM kill nor a liveness kill.
const fn exit_cause(exit_code: i32, is_agent: bool, undelivered: bool) -> (M, &'static str) {
    match exit_code {
        0 if undelivered => (
            M::AgentCompleted,
            "it exited after losing the API server or its lease, or the kubelet killed it without an event because it \
             had delivered nothing for 12 minutes",
        ),
        0 if is_agent => (
            M::AgentCompleted,
            "it exited after losing the API server or its lease",
        ),
        2 => (
            M::AgentCrashloop,
            "code 2 is a panic, usually because of an invalid setting",
        ),
        137 => (
            M::AgentCrashloop,
            "it was killed for a reason other than memory",
        ),
        _ => (M::AgentCrashloop, "see its log for the cause"),
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

/// Returns the fault of a pod whose phase is `Failed`.
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
