//! The objects of a list that is being read.

use crate::kube::json_stream::SplitError;
use crate::kube::reflector::object_set::ObjectSet;
use crate::kube::types::cached_object::{CachedObject, RawObject};
use crate::kube::types::left_out::LeftOutReason;
use crate::kube::types::object::Object;

/// Largest list, in bytes.
const MAX_LIST_BYTES: usize = 1 << 30;

/// The objects of a list, as far as it was read.
pub(super) struct ListedObjects<K> {
    objects: ObjectSet<K>,
    items: usize,
    bytes: usize,
    any_readable: bool,
    /// The error of the last unreadable item.
    error: Option<serde_json::Error>,
}

impl<K: CachedObject> ListedObjects<K> {
    /// Counts received bytes.
    pub(super) fn count_bytes(&mut self, bytes: usize) -> Result<(), SplitError> {
        self.bytes += bytes;
        if self.bytes > MAX_LIST_BYTES {
            return Err(SplitError::TooLarge);
        }
        Ok(())
    }

    /// Adds an item, given the objects of the previous list.
    pub(super) fn add(&mut self, item: Result<&[u8], SplitError>, previous: &ObjectSet<K>) {
        self.items += 1;
        let unnamed = format!("item {}", self.items);
        let Ok(item) = item else {
            self.objects.leave_out(&unnamed, LeftOutReason::TooLarge);
            return;
        };
        match serde_json::from_slice::<K::Raw>(item) {
            Ok(raw) => {
                self.any_readable = true;
                let uid: Box<str> = raw.uid().into();
                if let Some(object) = K::from_raw(raw, previous.get(&uid)) {
                    self.objects.insert(&uid, object);
                }
            }
            Err(error) => {
                let uid = serde_json::from_slice::<Object>(item)
                    .map_or(unnamed, |object| object.metadata.uid);
                self.objects.leave_out(&uid, LeftOutReason::Unreadable);
                self.error = Some(error);
            }
        }
    }

    /// Returns the objects, or the error of an item if none could be read that checks rely on.
    pub(super) fn finish(self) -> Result<ObjectSet<K>, serde_json::Error> {
        match self.error.filter(|_| !self.any_readable && !K::OPTIONAL) {
            Some(error) => Err(error),
            None => Ok(self.objects),
        }
    }
}

impl<K> Default for ListedObjects<K> {
    fn default() -> Self {
        Self {
            objects: ObjectSet::default(),
            items: 0,
            bytes: 0,
            any_readable: false,
            error: None,
        }
    }
}
