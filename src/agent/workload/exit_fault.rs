//! Exits of a container: their cause, and whether they are a loop.

use std::ops::RangeInclusive;

use crate::agent::workload::exits::{Exit, MAX_LOOP_RUN_SECONDS};
use crate::agent::workload::fault::WorkloadFault;
use crate::agent::workload::kill_events::{is_kill_event, precedes};
use crate::agent::workload::snapshot::NamespaceSnapshot;
use crate::catalogue::FailureMode as M;
use crate::kube::types::pod::{ContainerStatus, ContainerTerminated, Pod};
use crate::report::evidence::quote;

/// Run time beyond the previous one after which a slow crash loop is over, in seconds.
const STABLE_SECONDS: i64 = 120;
/// Run time after which the kubelet starts its back-off over, in seconds. It delays the restarts in
/// a faster loop, so that the loop shows.
const BACKOFF_RESET_SECONDS: i64 = 600;
/// Run time after which a fast crash loop is over if the container is ready, in seconds; or its
/// last run time if that is shorter, and a margin either way.
const RECOVERY_SECONDS: i64 = 60;
const RECOVERY_MARGIN_SECONDS: i64 = 15;
/// Time for which an exit is worth a remark, in seconds.
const RECENT_EXIT_SECONDS: i64 = 3600;
/// Run time of an agent that delivers nothing, in seconds: its health check fails after 12 or 15.5
/// minutes.
const UNDELIVERED_RUN_SECONDS: RangeInclusive<i64> = 12 * 60..=1020;

impl NamespaceSnapshot {
    /// Returns whether a container exits repeatedly. A single restart, as after a control-plane
    /// outage, does not count.
    pub(super) fn is_crash_looping(
        &self,
        pod: &Pod,
        container: &ContainerStatus,
        exit: &ContainerTerminated,
        mode: M,
    ) -> bool {
        let run_seconds = exit.run_seconds().unwrap_or(0);
        if run_seconds > MAX_LOOP_RUN_SECONDS {
            return false;
        }
        let running = container.state.running.as_ref();
        let uptime = running
            .and_then(|running| running.started_at)
            .map(|since| self.now.as_second() - since.as_second());
        let has_run = |seconds: i64| uptime.is_some_and(|uptime| uptime > seconds);
        if !container.ready {
            let has_restarted = container.restart_count >= 2
                || container.restart_count == 1 && container.state.terminated.is_some();
            return has_restarted && !has_run(run_seconds + STABLE_SECONDS);
        }
        // A container that is ready again has recovered, unless it was seen to exit again from
        // there.
        let Some(exits) = self.exits_of(pod, container) else {
            return false;
        };
        if run_seconds < BACKOFF_RESET_SECONDS {
            exits.short_runs >= 2
                && !has_run(run_seconds.min(RECOVERY_SECONDS) + RECOVERY_MARGIN_SECONDS)
        } else {
            let was_killed = mode == M::AgentLivenessKilled && exits.previous.is_some();
            (was_killed || exits.are_alike()) && !has_run(run_seconds + STABLE_SECONDS)
        }
    }

    /// Returns the fault that the exit of a container shows.
    pub(super) fn exit_fault(
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
            exit_cause(exit, is_agent, undelivered)
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
        let exits = match container.restart_count {
            0 => "exited".to_owned(),
            1 => "was restarted once; last exit".to_owned(),
            count => format!("was restarted {count} times; last exit"),
        };
        let evidence = format!(
            "{}: container {} {exits}{at}{run_time} with exit code {} ({}): {cause}{termination_message}",
            pod.name, container.name, exit.exit_code, exit.reason
        );
        WorkloadFault::new(mode, evidence)
    }

    /// Describes the last exit of a pod without a fault, if it is recent.
    pub(super) fn recent_exit(&self, pod: &Pod, main: &str) -> Option<String> {
        pod.containers
            .iter()
            .filter(|container| !container.init)
            .filter_map(|container| Some((container, container.last_exit()?)))
            .filter(|(_, exit)| self.seconds_since(exit) < RECENT_EXIT_SECONDS)
            .max_by_key(|(_, exit)| exit.finished_at)
            .map(|(container, exit)| self.exit_fault(pod, container, exit, main).evidence)
    }

    /// Returns the time since an exit in seconds.
    pub(super) fn seconds_since(&self, exit: &ContainerTerminated) -> i64 {
        exit.finished_at
            .map_or(i64::MAX, |at| self.now.as_second() - at.as_second())
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
        let known = self
            .exits_of(pod, container)
            .and_then(|exits| exits.liveness_kill);
        let has_older_kill_event = || {
            self.newest_event(&pod.uid, |event| {
                is_kill_event(event, container) && precedes(event, exit)
            })
            .is_some()
        };
        // SIGTERM, or an agent that handled it. The kubelet sends SIGKILL only to a container that
        // ignores SIGTERM.
        let is_signal_exit = exit.exit_code == 143 || exit.exit_code == 0 && undelivered;
        known.is_some_and(|kill| kill.resembles(Exit::from(exit)))
            || is_signal_exit && (known.is_some() || has_older_kill_event())
    }
}

/// Returns the mode and cause of an exit that is neither an OOM kill nor a liveness kill.
fn exit_cause(exit: &ContainerTerminated, is_agent: bool, undelivered: bool) -> (M, &'static str) {
    match exit.exit_code {
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
        137 if exit.reason == "ContainerStatusUnknown" => (
            M::AgentKilled,
            "its node lost track of it, as after a reboot",
        ),
        137 => (
            M::AgentKilled,
            "it was killed with SIGKILL, but it did not exceed its memory limit and no event reports a failed liveness \
             probe; the node may have run out of memory, or a user or a program killed the process",
        ),
        _ => (M::AgentCrashloop, "see its log for the cause"),
    }
}
