//! Remembers the exits of containers, of which Kubernetes reports only the last one.
//!
//! Loops with runs of ten minutes or more are visible to no one else: the container is ready in
//! between, and the kubelet starts its back-off over. Events do not help either: the kubelet limits
//! those of a pod to 25, then to one in five minutes (client-go's spam filter), and failing probes
//! and restarts use them up. Nor does the exit code: an agent that the kubelet kills exits with
//! code 0, like one that lost the API server.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::kube::types::pod::{ContainerStatus, ContainerTerminated, Pod};

/// Longest run in a crash loop, in seconds; the agent's slowest loop takes 16 minutes.
pub(super) const MAX_LOOP_RUN_SECONDS: i64 = 30 * 60;
/// Largest difference between the run times of similar exits, in seconds; or a tenth of the run
/// time.
const SIMILAR_RUN_SECONDS: i64 = 15;

/// The last exits of each container.
#[derive(Debug, Default)]
pub struct ExitTracker(Mutex<KnownExits>);

/// Exits by the UID of the pod and the name of the container.
pub(super) type KnownExits = BTreeMap<(String, String), ContainerExits>;

/// The exits of one container, as far as this exporter has seen them.
#[derive(Clone, Debug, Default)]
pub(super) struct ContainerExits {
    /// The last exit.
    last: Option<Exit>,
    /// The exit before the last one.
    pub(super) previous: Option<Exit>,
    /// The last exit by which the kubelet was seen to kill the container for its liveness probe.
    pub(super) liveness_kill: Option<Exit>,
    /// Number of exits in a row after short runs.
    pub(super) short_runs: u32,
    /// Number of exits since the container was created.
    count: u32,
}

/// An exit of a container.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Exit {
    run_seconds: i64,
    exit_code: i32,
}

impl ExitTracker {
    /// Adds the exits that the pods show now, forgets deleted pods, and returns all known exits.
    pub(super) fn update<'a>(
        &self,
        pods: impl Iterator<Item = &'a Pod>,
        has_kill_event: impl Fn(&Pod, &ContainerStatus) -> bool,
    ) -> KnownExits {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut previous = std::mem::take(&mut *known);
        for (pod, container) in
            pods.flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)))
        {
            let key = (pod.uid.clone(), container.name.clone());
            let mut exits = previous.remove(&key).unwrap_or_default();
            if let Some(exit) = container.last_exit() {
                exits.record(container, exit);
                if has_kill_event(pod, container) {
                    exits.liveness_kill = exits.last;
                }
            }
            known.insert(key, exits);
        }
        known.clone()
    }
}

impl ContainerExits {
    fn record(&mut self, container: &ContainerStatus, exit: &ContainerTerminated) {
        let exit = Exit::from(exit);
        let is_running = container.state.running.is_some();
        let count = container.restart_count + u32::from(!is_running);
        if self.last == Some(exit) && self.count == count {
            return;
        }
        // Of several exits since the last look, only the last one can have been slow.
        let new = match self.last {
            Some(_) => count.saturating_sub(self.count).max(1),
            None => 1,
        };
        self.previous = self.last.filter(|_| new == 1);
        self.short_runs = if exit.run_seconds <= MAX_LOOP_RUN_SECONDS {
            self.short_runs + new
        } else {
            0
        };
        self.last = Some(exit);
        self.count = count;
    }

    /// Returns whether the last two exits have the same code and a similar run time.
    pub(super) fn are_alike(&self) -> bool {
        self.last
            .zip(self.previous)
            .is_some_and(|(last, previous)| previous.resembles(last))
    }
}

impl Exit {
    /// Returns whether another exit has the same code and a similar run time.
    pub(super) fn resembles(self, other: Self) -> bool {
        let difference = (other.run_seconds - self.run_seconds).abs();
        self.exit_code == other.exit_code
            && difference <= SIMILAR_RUN_SECONDS.max(self.run_seconds / 10)
    }
}

impl From<&ContainerTerminated> for Exit {
    fn from(exit: &ContainerTerminated) -> Self {
        Self {
            run_seconds: exit.run_seconds().unwrap_or(0),
            exit_code: exit.exit_code,
        }
    }
}
