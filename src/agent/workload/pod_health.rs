//! What is wrong with one pod.

use std::ops::RangeInclusive;

use crate::agent::workload::{Cause, Scene, liveness_kills, words};
use crate::catalogue::FailureMode as M;
use crate::kube::types::condition;
use crate::kube::types::event::Event;
use crate::kube::types::pod::{Container, Pod, Terminated, Waiting};
use crate::report::evidence::quote;

/// A container that ran longer than this did not end in a loop, in seconds; the agent's slowest loop takes 16 minutes.
const LOOP: i64 = 30 * 60;
/// A container that has run for so much longer than before is well, in seconds.
const SETTLED: i64 = 120;
/// How long a single kill for memory is worth a word, in seconds.
const REMEMBERED: i64 = 3600;
/// How long an agent runs that delivers nothing, in seconds: its health turns after 12 minutes, or after 15 and a half.
const UNDELIVERED: RangeInclusive<i64> = 12 * 60..=1020;
/// How long an event says what keeps a pod from starting, in seconds.
const RECENT: i64 = 15 * 60;

impl Scene {
    /// What is wrong with a pod that is wanted and not over.
    pub(super) fn trouble(&self, pod: &Pod, main: &str) -> Option<Cause> {
        if let Some(scheduled) =
            condition(&pod.conditions, "PodScheduled").filter(|said| said.status == "False")
        {
            let mode = words(&scheduled.reason, &scheduled.message).unwrap_or(M::AgentUnavailable);
            return Some(Cause::new(
                mode,
                format!("{} has no node: {}", pod.name, scheduled.message),
            ));
        }
        let of_containers = pod
            .containers
            .iter()
            .filter_map(|container| self.of_container(pod, container, main));
        let mut of_containers: Vec<Cause> = of_containers.collect();
        of_containers.sort_by_key(|cause| (cause.mild, cause.mode == M::AgentUnavailable));
        if let Some(cause) = of_containers
            .into_iter()
            .reduce(|cause, other| cause.and(&other))
        {
            return Some(cause);
        }
        if pod.is_ready() {
            return None;
        }
        // A pod that has a node by now may have waited for one before; and of an image the container's state says more.
        let told = |event: &Event| {
            event.reason == "FailedScheduling" || event.message.starts_with("Error: ErrImage")
        };
        let said = |event: &Event| event.warning && !told(event) && self.age(event) < RECENT;
        let event = self.newest(&pod.uid, said)?;
        let mode = words(&event.reason, &event.message).filter(|_| pod.phase == "Pending");
        let mode = mode.unwrap_or(M::AgentUnavailable);
        Some(Cause::new(
            mode,
            format!(
                "{} is not ready: {}: {}",
                pod.name, event.reason, event.message
            ),
        ))
    }

    fn of_container(&self, pod: &Pod, container: &Container, main: &str) -> Option<Cause> {
        if let Some(waiting) = &container.state.waiting {
            return self.of_waiting(pod, container, waiting, main);
        }
        if container.init
            && container
                .state
                .terminated
                .as_ref()
                .is_some_and(|ended| ended.exit_code == 0)
        {
            return None;
        }
        let ended = container.ended()?;
        if self.goes_round(container, ended) {
            return Some(self.of_end(pod, container, ended, main));
        }
        let since = ended
            .finished_at
            .map_or(i64::MAX, |at| self.now.as_second() - at.as_second());
        (ended.reason == "OOMKilled" && since < REMEMBERED).then(|| Cause {
            mild: true,
            ..self.of_end(pod, container, ended, main)
        })
    }

    fn of_waiting(
        &self,
        pod: &Pod,
        container: &Container,
        waiting: &Waiting,
        main: &str,
    ) -> Option<Cause> {
        let Waiting { reason, message } = waiting;
        let (name, image) = (&pod.name, &container.image);
        if waiting.is_about_an_image() {
            let failed = |event: &Event| {
                event.reason == "Failed" && event.message.starts_with("Failed to pull")
            };
            let event = self
                .newest(&pod.uid, failed)
                .filter(|_| waiting.says_only_back_off());
            let message = event.map_or(message, |event| &event.message);
            let mode = words(reason, message).unwrap_or(M::ImageUnknown);
            let said = if message.is_empty() {
                String::new()
            } else {
                format!(": {message}")
            };
            return Some(Cause::new(
                mode,
                format!("{name} waits for the image {image}: {reason}{said}"),
            ));
        }
        match (reason.as_str(), container.ended()) {
            ("CrashLoopBackOff", Some(ended)) => Some(self.of_end(pod, container, ended, main)),
            (
                "CrashLoopBackOff" | "RunContainerError" | "StartError" | "CreateContainerError",
                _,
            ) => {
                let sentence = format!(
                    "{name}: container {} cannot run: {reason}: {message}",
                    container.name
                );
                Some(Cause::new(M::AgentCrashloop, sentence))
            }
            ("CreateContainerConfigError", _) => {
                let sentence = format!(
                    "{name}: container {} has no configuration: {message}",
                    container.name
                );
                Some(Cause::new(M::AgentConfigMissing, sentence))
            }
            _ => {
                let keeps = |event: &Event| {
                    matches!(
                        event.reason.as_str(),
                        "FailedMount" | "FailedAttachVolume" | "FailedCreatePodSandBox"
                    ) && self.age(event) < RECENT
                };
                let event = self.newest(&pod.uid, keeps)?;
                let mode = match event.reason.as_str() {
                    "FailedCreatePodSandBox" => M::AgentSandboxFailed,
                    _ => M::AgentFailedMount,
                };
                Some(Cause::new(
                    mode,
                    format!("{name} cannot start: {}: {}", event.reason, event.message),
                ))
            }
        }
    }

    /// Whether a container ends again and again. One restart alone, as after a pause of the control plane, is no loop.
    fn goes_round(&self, container: &Container, ended: &Terminated) -> bool {
        let lasted = ended.lasted().unwrap_or(0);
        let again = container.restart_count >= 2
            || container.restart_count == 1 && container.state.terminated.is_some();
        let runs = container
            .state
            .running
            .as_ref()
            .and_then(|running| running.started_at);
        let settled =
            runs.is_some_and(|since| self.now.as_second() - since.as_second() > lasted + SETTLED);
        again && lasted <= LOOP && !settled
    }

    /// Whether the kubelet says that it killed the container when that ended last.
    pub(super) fn tells_of_a_kill(&self, pod: &Pod, container: &Container) -> bool {
        let Some(ended) = container.ended() else {
            return false;
        };
        let told = |event: &Event| {
            liveness_kills::tells_of(event, container) && liveness_kills::is_near(event, ended)
        };
        self.newest(&pod.uid, told).is_some()
    }

    /// Whether a container that the kubelet had killed before ended in the same way.
    fn was_killed_before(
        &self,
        pod: &Pod,
        container: &Container,
        ended: &Terminated,
        undelivered: bool,
    ) -> bool {
        let known = self.kills.get(&(pod.uid.clone(), container.name.clone()));
        let told = || {
            self.newest(&pod.uid, |event| liveness_kills::tells_of(event, container))
                .is_some()
        };
        // SIGKILL and SIGTERM, or the end of an agent that obeys.
        let as_told = matches!(ended.exit_code, 137 | 143) || ended.exit_code == 0 && undelivered;
        known.is_some_and(|kill| kill.is_like(ended)) || as_told && (known.is_some() || told())
    }

    /// What the end of a container means.
    fn of_end(&self, pod: &Pod, container: &Container, ended: &Terminated, main: &str) -> Cause {
        let agents = container.name == main && main == "agent";
        let undelivered = agents
            && ended
                .lasted()
                .is_some_and(|lasted| UNDELIVERED.contains(&lasted));
        let (mode, meaning) = if ended.reason == "OOMKilled" {
            (M::AgentOomkilled, "it used more memory than its limit")
        } else if self.tells_of_a_kill(pod, container) {
            (
                M::AgentLivenessKilled,
                "the kubelet killed it because its liveness probe failed",
            )
        } else if self.was_killed_before(pod, container, ended, undelivered) {
            let meaning = "it ended as before, when the kubelet killed it because its liveness probe failed; of every kill \
                           the kubelet does not tell";
            (M::AgentLivenessKilled, meaning)
        } else {
            match ended.exit_code {
                0 if undelivered => {
                    let meaning = "it ended by itself, having lost the API server or its lease; or the kubelet killed it \
                                   because it had delivered nothing for 12 minutes, and no event tells of that";
                    (M::AgentCompleted, meaning)
                }
                0 if agents => (
                    M::AgentCompleted,
                    "it ended by itself, having lost the API server or its lease",
                ),
                2 => (
                    M::AgentCrashloop,
                    "2 is a panic, mostly a setting that it cannot use",
                ),
                137 => (M::AgentCrashloop, "it was killed, and not for its memory"),
                _ => (M::AgentCrashloop, "its log says why"),
            }
        };
        let lasted = ended
            .lasted()
            .map(|seconds| format!(" after {seconds} s"))
            .unwrap_or_default();
        let at = ended
            .finished_at
            .map(|at| format!(" at {at:.0}"))
            .unwrap_or_default();
        let last_words = if ended.message.is_empty() {
            String::new()
        } else {
            format!("; its last words: {}", quote(ended.message.as_bytes()))
        };
        let restarts = match container.restart_count {
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        let sentence = format!(
            "{}: container {} was restarted {restarts}; it ended{at}{lasted} with exit code {} ({}): {meaning}{last_words}",
            pod.name, container.name, ended.exit_code, ended.reason
        );
        Cause::new(mode, sentence)
    }
}

/// Whether a pod has no node only because there is one of its kind on each that would do.
pub(super) fn wants_a_node_alone(pod: &Pod) -> bool {
    let scheduled =
        condition(&pod.conditions, "PodScheduled").filter(|said| said.status == "False");
    let reasons = scheduled.and_then(|said| said.message.split_once("nodes are available: "));
    let reasons = reasons.and_then(|(_, reasons)| reasons.split(" preemption: ").next());
    reasons.is_some_and(|reasons| {
        reasons
            .split(", ")
            .all(|one| one.contains("didn't match pod anti-affinity"))
    })
}

/// Why a pod is over.
pub(super) fn of_ended(pod: &Pod) -> Option<Cause> {
    let mode = match pod.reason.as_str() {
        "Evicted" | "Terminated" | "Shutdown" | "NodeShutdown" | "Preempting" => M::AgentEvicted,
        "OutOfcpu" | "OutOfmemory" | "OutOfpods" | "UnexpectedAdmissionError" => {
            M::AgentUnschedulableResources
        }
        "NodeAffinity" => M::AgentUnschedulableSelector,
        _ => return None,
    };
    Some(Cause::new(
        mode,
        format!("{} was ended: {}: {}", pod.name, pod.reason, pod.message),
    ))
}
