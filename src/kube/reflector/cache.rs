//! The state of a reflector: cached objects, resource version and last error.

use tokio::time::Instant;

use crate::kube::error::ClientError;
use crate::kube::reflector::object_set::ObjectSet;

/// Cached objects and the position of the watch.
#[derive(Debug)]
pub(super) struct Cache<K> {
    /// The objects.
    pub(super) objects: ObjectSet<K>,
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
            objects: ObjectSet::default(),
            resource_version: None,
            version_expired: false,
            last_contact: None,
            error: None,
        }
    }
}
