//! The interface of a type that a reflector caches.

use std::mem::size_of;

use serde::de::DeserializeOwned;

use crate::kube::types::object::{Condition, Map, Object};

/// The cached form of a watched object.
pub trait CachedObject: Sized + Send + Sync + 'static {
    /// The fields that are deserialized.
    type Raw: RawObject;
    /// The largest number of objects that are cached.
    const MAX_CACHED: usize;
    /// The largest number of bytes that all cached objects may take.
    const MAX_CACHED_BYTES: usize;
    /// Whether checks give a sound verdict although no object can be read.
    const OPTIONAL: bool = false;

    /// Converts an object, given its previous cached form. `None` caches nothing.
    fn from_raw(raw: Self::Raw, previous: Option<&Self>) -> Option<Self>;

    /// Returns the number of bytes that the object has allocated.
    fn allocated_bytes(&self) -> usize;

    /// Returns the rank for eviction: with a full cache, the object of the lowest rank is evicted.
    fn retention_rank(&self) -> (u8, i64) {
        (0, 0)
    }
}

/// An object as the API server sends it.
pub trait RawObject: Clone + DeserializeOwned + Send + 'static {
    /// Returns the unique ID.
    fn uid(&self) -> &str;
    /// Returns the resource version.
    fn resource_version(&self) -> &str;
}

impl<S, T, L, A> RawObject for Object<S, T, L, A>
where
    Self: Clone + DeserializeOwned + Send + 'static,
{
    fn uid(&self) -> &str {
        &self.metadata.uid
    }

    fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }
}

/// Returns the number of bytes of these texts.
pub(super) fn text_bytes<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    texts.into_iter().map(str::len).sum()
}

/// Returns the number of bytes that a slice of values and what they allocated take.
pub(super) fn slice_bytes<T>(values: &[T], allocated: impl Fn(&T) -> usize) -> usize {
    size_of_val(values) + values.iter().map(allocated).sum::<usize>()
}

/// Returns the number of bytes that labels take.
pub(super) fn map_bytes(map: &Map) -> usize {
    map.iter()
        .map(|(key, value)| 2 * size_of::<String>() + key.len() + value.len())
        .sum()
}

/// Returns the number of bytes that conditions take.
pub(super) fn condition_bytes(conditions: &[Condition]) -> usize {
    slice_bytes(conditions, |condition| {
        let Condition {
            kind,
            status,
            reason,
            message,
        } = condition;
        text_bytes([kind.as_str(), status, reason, message])
    })
}
