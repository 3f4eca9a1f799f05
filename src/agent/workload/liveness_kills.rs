//! Kills for a failed liveness probe, remembered: of more than the first few of a pod the kubelet makes no event.
//!
//! Its events of one pod are limited to 25, and then to one in five minutes (client-go's spam filter), which failing probes
//! and restarts use up. An agent that is killed ends with exit code 0, as one does that lost the API server.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::kube::types::event::Event;
use crate::kube::types::pod::{Container, Pod, Terminated};

/// How far the kubelet's word of a kill may be from the container's end, in seconds.
const NEAR: i64 = 90;
/// How far the length of a run may be from that of a killed one, in seconds; or a tenth of it.
const ALIKE: i64 = 15;

/// The last kill of each container of each pod that the kubelet told of.
#[derive(Debug, Default)]
pub struct Kills(Mutex<Known>);

/// By the pod's uid and the container's name.
pub(super) type Known = BTreeMap<(String, String), Kill>;

/// How a container ended when the kubelet had killed it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    lasted: i64,
    exit_code: i32,
}

impl Kills {
    /// Remembers what the kubelet says now, forgets pods that are gone, and says what is known.
    pub(super) fn meet<'a>(
        &self,
        pods: impl Iterator<Item = &'a Pod>,
        told: impl Fn(&Pod, &Container) -> bool,
    ) -> Known {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *known);
        for (pod, container) in
            pods.flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)))
        {
            let key = (pod.uid.clone(), container.name.clone());
            let ended = container.ended().filter(|_| told(pod, container));
            let kill = ended.map(Kill::of).or_else(|| before.get(&key).copied());
            known.extend(kill.map(|kill| (key, kill)));
        }
        known.clone()
    }
}

impl Kill {
    fn of(ended: &Terminated) -> Self {
        Self {
            lasted: ended.lasted().unwrap_or(0),
            exit_code: ended.exit_code,
        }
    }

    /// Whether an end is like this one.
    pub(super) fn is_like(self, ended: &Terminated) -> bool {
        let apart = ended.lasted().map(|lasted| (lasted - self.lasted).abs());
        self.exit_code == ended.exit_code
            && apart.is_some_and(|apart| apart <= ALIKE.max(self.lasted / 10))
    }
}

/// Whether an event tells that this container was killed.
pub(super) fn tells_of(event: &Event, container: &Container) -> bool {
    let of = event
        .message
        .strip_prefix("Container ")
        .and_then(|rest| rest.strip_prefix(container.name.as_str()));
    event.reason == "Killing" && of.is_some_and(|rest| rest.starts_with(" failed liveness probe"))
}

/// Whether an event is of this end.
pub(super) fn is_near(event: &Event, ended: &Terminated) -> bool {
    let apart = event
        .last
        .zip(ended.finished_at)
        .map(|(said, ended)| (said.as_second() - ended.as_second()).abs());
    apart.is_some_and(|apart| apart <= NEAR)
}
