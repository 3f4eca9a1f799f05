//! Counts container restarts across pods.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::kube::types::pod::Pod;

/// The restart count of each container at the previous call, by the UID of the pod and the name of
/// the container.
#[derive(Debug, Default)]
pub struct RestartCounter(Mutex<Option<BTreeMap<(String, String), u32>>>);

impl RestartCounter {
    /// Returns the number of restarts since the previous call. The first call returns 0.
    pub fn increase<'a>(&self, pods: impl Iterator<Item = &'a Pod>) -> u64 {
        let current: BTreeMap<_, _> = pods
            .flat_map(|pod| {
                pod.containers.iter().map(|container| {
                    (
                        (pod.uid.clone(), container.name.clone()),
                        container.restart_count,
                    )
                })
            })
            .collect();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(previous) = known.replace(current.clone()) else {
            return 0;
        };
        current
            .iter()
            .map(|(key, count)| count.saturating_sub(previous.get(key).copied().unwrap_or(0)))
            .map(u64::from)
            .sum()
    }
}
