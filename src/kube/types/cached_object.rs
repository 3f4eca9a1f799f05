//! The interface of a type that a reflector caches.

use serde::de::DeserializeOwned;

use crate::kube::types::object::Object;

/// The cached form of a watched object.
pub trait CachedObject: Sized + Send + Sync + 'static {
    /// The fields that are deserialized.
    type Raw: RawObject;
    /// The largest number of objects that are cached.
    const MAX_CACHED: usize;

    /// Converts an object, given its previous cached form. `None` caches nothing.
    fn from_raw(raw: Self::Raw, previous: Option<&Self>) -> Option<Self>;

    /// Returns the rank for eviction: with a full cache, the object of the lowest rank is evicted.
    fn retention_rank(&self) -> (u8, i64) {
        (0, 0)
    }
}

/// An object as the API server sends it.
pub trait RawObject: DeserializeOwned + Send {
    /// Returns the unique ID.
    fn uid(&self) -> &str;
    /// Returns the resource version.
    fn resource_version(&self) -> &str;
}

impl<S, T, L, A> RawObject for Object<S, T, L, A>
where
    Self: DeserializeOwned + Send,
{
    fn uid(&self) -> &str {
        &self.metadata.uid
    }

    fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }
}
