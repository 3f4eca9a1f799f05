//! The state of a reflector: cached objects, resource version and last error.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Instant;

use crate::kube::error::ClientError;
use crate::kube::types::cached_object::CachedObject;

/// Cached objects and the position of the watch.
#[derive(Debug)]
pub(super) struct Cache<K> {
    /// Objects by unique ID.
    pub(super) objects: HashMap<Box<str>, Arc<K>>,
    /// The version from which a watch can continue.
    pub(super) resource_version: Option<String>,
    /// Whether the API server rejected the version, so that the next list must bypass its watch
    /// cache.
    pub(super) version_expired: bool,
    /// Time of the last list, event or bookmark.
    pub(super) last_contact: Option<Instant>,
    /// The error that interrupted the watch.
    pub(super) error: Option<ClientError>,
}

impl<K> Cache<K> {
    /// Continues the watch from a version.
    pub(super) fn advance(&mut self, version: &str) {
        if !version.is_empty() {
            self.resource_version = Some(version.to_owned());
        }
    }

    /// Requires a new list after 410 Gone.
    pub(super) fn expire_version(&mut self) {
        self.resource_version = None;
        self.version_expired = true;
    }
}

impl<K> Default for Cache<K> {
    fn default() -> Self {
        Self {
            objects: HashMap::new(),
            resource_version: None,
            version_expired: false,
            last_contact: None,
            error: None,
        }
    }
}

/// Inserts an object. A full cache evicts the object of the lowest rank, which may be the new one.
pub(super) fn insert<K: CachedObject>(
    objects: &mut HashMap<Box<str>, Arc<K>>,
    uid: Box<str>,
    object: K,
) {
    let has_room = objects.len() < K::MAX_CACHED;
    match objects.entry(uid) {
        Entry::Occupied(mut known) => {
            known.insert(Arc::new(object));
        }
        Entry::Vacant(vacant) => {
            if has_room {
                vacant.insert(Arc::new(object));
                return;
            }
            let uid = vacant.into_key();
            let lowest = objects
                .iter()
                .min_by_key(|(_, cached)| cached.retention_rank())
                .map(|(uid, cached)| (uid.clone(), cached.retention_rank()));
            if let Some((lowest, rank)) = lowest
                && rank < object.retention_rank()
            {
                objects.remove(&lowest);
                objects.insert(uid, Arc::new(object));
            }
        }
    }
}
