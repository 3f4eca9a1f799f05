//! Restarts, counted over the lives of many pods.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::kube::types::pod::Pod;

/// How often each container of each pod had been restarted when we last looked.
#[derive(Debug, Default)]
pub struct Restarts(Mutex<Option<BTreeMap<(String, String), u32>>>);

impl Restarts {
    /// How many there were since the last look; what was before the first is nobody's.
    pub fn since<'a>(&self, pods: impl Iterator<Item = &'a Pod>) -> u64 {
        let counted = pods.flat_map(|pod| {
            pod.containers
                .iter()
                .map(|one| ((pod.uid.clone(), one.name.clone()), one.restart_count))
        });
        let now: BTreeMap<_, _> = counted.collect();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.replace(now.clone());
        let Some(before) = before else { return 0 };
        let grown = now
            .iter()
            .map(|(key, count)| count.saturating_sub(before.get(key).copied().unwrap_or(0)));
        grown.map(u64::from).sum()
    }
}
