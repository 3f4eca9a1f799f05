//! Remembers containers that the kubelet killed because their liveness probe failed.
//!
//! The kubelet limits the events of a pod to 25, then to one in five minutes (client-go's spam
//! filter), and failing probes and restarts use them up. The exit code does not help: a killed
//! agent exits with code 0, like one that lost the API server.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::kube::types::event::Event;
use crate::kube::types::pod::{ContainerStatus, ContainerTerminated, Pod};

/// Largest difference between the times of a kill event and of the exit, in seconds.
const MAX_EVENT_DELAY_SECONDS: i64 = 90;
/// Largest difference between the run times of similar exits, in seconds; or a tenth of the run
/// time.
const SIMILAR_RUN_SECONDS: i64 = 15;

/// The last known liveness kill of each container.
#[derive(Debug, Default)]
pub struct LivenessKillTracker(Mutex<KnownKills>);

/// Liveness kills by the UID of the pod and the name of the container.
pub(super) type KnownKills = BTreeMap<(String, String), LivenessKill>;

/// The exit of a container that the kubelet killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct LivenessKill {
    run_seconds: i64,
    exit_code: i32,
}

impl LivenessKillTracker {
    /// Adds the kills that events show now, forgets deleted pods, and returns all known kills.
    pub(super) fn update<'a>(
        &self,
        pods: impl Iterator<Item = &'a Pod>,
        has_kill_event: impl Fn(&Pod, &ContainerStatus) -> bool,
    ) -> KnownKills {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = std::mem::take(&mut *known);
        for (pod, container) in
            pods.flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)))
        {
            let key = (pod.uid.clone(), container.name.clone());
            let kill = container
                .last_exit()
                .filter(|_| has_kill_event(pod, container))
                .map(LivenessKill::from_exit)
                .or_else(|| previous.get(&key).copied());
            known.extend(kill.map(|kill| (key, kill)));
        }
        known.clone()
    }
}

impl LivenessKill {
    fn from_exit(exit: &ContainerTerminated) -> Self {
        Self {
            run_seconds: exit.run_seconds().unwrap_or(0),
            exit_code: exit.exit_code,
        }
    }

    /// Returns whether another exit has the same code and a similar run time.
    pub(super) fn resembles(self, exit: &ContainerTerminated) -> bool {
        let difference = exit
            .run_seconds()
            .map(|seconds| (seconds - self.run_seconds).abs());
        self.exit_code == exit.exit_code
            && difference
                .is_some_and(|seconds| seconds <= SIMILAR_RUN_SECONDS.max(self.run_seconds / 10))
    }
}

/// Returns whether an event states that the liveness probe of this container failed and it is
/// killed.
pub(super) fn is_kill_event(event: &Event, container: &ContainerStatus) -> bool {
    let rest = event
        .message
        .strip_prefix("Container ")
        .and_then(|rest| rest.strip_prefix(container.name.as_str()));
    event.reason == "Killing" && rest.is_some_and(|rest| rest.starts_with(" failed liveness probe"))
}

/// Returns whether an event belongs to this exit, by time.
pub(super) fn is_near_exit(event: &Event, exit: &ContainerTerminated) -> bool {
    let difference = event
        .last
        .zip(exit.finished_at)
        .map(|(event, exit)| (event.as_second() - exit.as_second()).abs());
    difference.is_some_and(|seconds| seconds <= MAX_EVENT_DELAY_SECONDS)
}
