//! The objects of a list that is being read.

use crate::kube::reflector::object_set::ObjectSet;
use crate::kube::reflector::watched_object::WatchedObject;
use crate::kube::types::cached_object::CachedObject;

/// The objects of a list, as far as it was read.
pub(super) struct ListedObjects<K> {
    objects: ObjectSet<K>,
    items: usize,
    any_readable: bool,
    /// The error of the last unreadable item.
    error: Option<String>,
}

impl<K: CachedObject> ListedObjects<K> {
    /// Adds an item, given the objects of the previous list.
    pub(super) fn add(&mut self, item: WatchedObject<K>, previous: &ObjectSet<K>) {
        self.items += 1;
        let uid = match item.uid() {
            "" => format!("item {}", self.items),
            uid => uid.to_owned(),
        };
        match item.content {
            Ok(raw) => {
                self.any_readable = true;
                if let Some(object) = K::from_raw(raw, previous.get(&uid)) {
                    self.objects.insert(&uid, object);
                }
            }
            Err(unreadable) => {
                self.objects.leave_out(&uid, unreadable.reason);
                self.error = unreadable.cause.or(self.error.take());
            }
        }
    }

    /// Returns the objects, or the error of an item if none could be read that checks rely on.
    pub(super) fn finish(self) -> Result<ObjectSet<K>, String> {
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
            any_readable: false,
            error: None,
        }
    }
}
