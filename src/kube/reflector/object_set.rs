//! Cached objects within a limit of number and bytes, and a count of those that are left out.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::mem::size_of;
use std::sync::Arc;

use crate::kube::types::cached_object::CachedObject;
use crate::kube::types::left_out::{LeftOut, LeftOutReason};

/// Largest cached object, in bytes. A larger one is left out.
const MAX_OBJECT_BYTES: usize = 64 << 10;
/// Number of left-out objects that are remembered, so that their number follows changes.
const MAX_REMEMBERED: usize = 16 << 10;
/// Bytes that an entry takes besides its object and unique ID: pointers, length and counters.
const ENTRY_BYTES: usize = 96;

/// Objects by unique ID.
///
/// A set with too many objects drops the one of the lowest rank, and of several the new one. A set
/// with too many bytes drops the largest object, so that a few huge objects cannot displace all
/// others.
#[derive(Debug)]
pub(super) struct ObjectSet<K> {
    by_uid: HashMap<Box<str>, Entry<K>>,
    bytes: usize,
    left_out: HashMap<u64, LeftOutReason>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Entry<K> {
    object: Arc<K>,
    bytes: usize,
}

impl<K: CachedObject> ObjectSet<K> {
    /// Returns the object with this unique ID.
    pub(super) fn get(&self, uid: &str) -> Option<&K> {
        self.by_uid.get(uid).map(|entry| entry.object.as_ref())
    }

    /// Returns all objects.
    pub(super) fn all(&self) -> Vec<Arc<K>> {
        let objects = self.by_uid.values();
        objects.map(|entry| Arc::clone(&entry.object)).collect()
    }

    /// Returns the number of objects that are left out, by reason.
    pub(super) fn left_out(&self) -> LeftOut {
        LeftOut::count(self.left_out.values().copied())
    }

    /// Inserts or replaces an object.
    pub(super) fn insert(&mut self, uid: &str, object: K) {
        self.remove(uid);
        let bytes = size_of::<K>() + object.allocated_bytes() + uid.len() + ENTRY_BYTES;
        if bytes > MAX_OBJECT_BYTES {
            self.leave_out(uid, LeftOutReason::TooLarge);
            return;
        }
        self.bytes += bytes;
        let object = Arc::new(object);
        self.by_uid.insert(uid.into(), Entry { object, bytes });
        while self.by_uid.len() > K::MAX_CACHED {
            self.evict(uid, |entry| entry.object.retention_rank());
        }
        while self.bytes > K::MAX_CACHED_BYTES {
            self.evict(uid, |_| (0, 0));
        }
    }

    /// Removes an object that no longer exists.
    pub(super) fn remove(&mut self, uid: &str) {
        self.left_out.remove(&self.hasher.hash_one(uid));
        if let Some(entry) = self.by_uid.remove(uid) {
            self.bytes -= entry.bytes;
        }
    }

    /// Leaves out an object that cannot be cached, and drops its previous form.
    pub(super) fn leave_out(&mut self, uid: &str, reason: LeftOutReason) {
        self.remove(uid);
        if self.left_out.len() < MAX_REMEMBERED {
            self.left_out.insert(self.hasher.hash_one(uid), reason);
        }
    }

    /// Drops the object with the lowest rank: of several the largest, and of these the new one.
    fn evict(&mut self, new: &str, rank: impl Fn(&Entry<K>) -> (u8, i64)) {
        let lowest = self
            .by_uid
            .iter()
            .min_by_key(|(uid, entry)| (rank(entry), Reverse(entry.bytes), ***uid != *new));
        if let Some(uid) = lowest.map(|(uid, _)| uid.clone()) {
            self.leave_out(&uid, LeftOutReason::OverLimit);
        }
    }
}

impl<K> Default for ObjectSet<K> {
    fn default() -> Self {
        Self {
            by_uid: HashMap::new(),
            bytes: 0,
            left_out: HashMap::new(),
            hasher: RandomState::new(),
        }
    }
}
