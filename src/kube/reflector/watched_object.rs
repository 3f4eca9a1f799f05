//! A watched object as kube's watcher handles it. Any object can be deserialized, so that one that
//! is unreadable does not end the watch.

use std::borrow::Cow;
use std::fmt;

use kube::api::ObjectMeta;
use kube::core::DynamicResourceScope;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::catalogue::Permission;
use crate::kube::reflector::bounded_body::TOO_LARGE_ITEM;
use crate::kube::types::cached_object::{CachedObject, RawObject};
use crate::kube::types::left_out::LeftOutReason;
use crate::kube::types::object::Object;

/// A watched object, or the reason why it is left out.
pub(super) struct WatchedObject<K: CachedObject> {
    /// The unique ID, and the resource version from which the watch resumes.
    metadata: ObjectMeta,
    pub(super) content: Result<K::Raw, Unreadable>,
}

/// The reason why an object is left out.
#[derive(Clone, Debug)]
pub(super) struct Unreadable {
    pub(super) reason: LeftOutReason,
    /// The parser's error, if it was parsed.
    pub(super) cause: Option<String>,
}

impl<K: CachedObject> WatchedObject<K> {
    /// Returns the unique ID; empty if it is unreadable.
    pub(super) fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    fn left_out(json: &str, reason: LeftOutReason, cause: Option<String>) -> Self {
        let found = serde_json::from_str::<Object>(json).map(|object| object.metadata);
        Self {
            metadata: found.map_or_else(
                |_| ObjectMeta::default(),
                |found| metadata(&found.uid, &found.resource_version),
            ),
            content: Err(Unreadable { reason, cause }),
        }
    }
}

fn metadata(uid: &str, resource_version: &str) -> ObjectMeta {
    ObjectMeta {
        uid: Some(uid.to_owned()),
        resource_version: Some(resource_version.to_owned()),
        ..ObjectMeta::default()
    }
}

impl<'de, K: CachedObject> Deserialize<'de> for WatchedObject<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        if json == TOO_LARGE_ITEM {
            return Ok(Self::left_out(json, LeftOutReason::TooLarge, None));
        }
        Ok(match serde_json::from_str::<K::Raw>(json) {
            Ok(raw) => Self {
                metadata: metadata(raw.uid(), raw.resource_version()),
                content: Ok(raw),
            },
            Err(error) => Self::left_out(json, LeftOutReason::Unreadable, Some(error.to_string())),
        })
    }
}

impl<K: CachedObject> kube::Resource for WatchedObject<K> {
    type DynamicType = &'static Permission;
    type Scope = DynamicResourceScope;

    fn kind(permission: &&'static Permission) -> Cow<'static, str> {
        permission.resource.into()
    }

    fn group(permission: &&'static Permission) -> Cow<'static, str> {
        permission.group.into()
    }

    fn version(_: &&'static Permission) -> Cow<'static, str> {
        "v1".into()
    }

    fn plural(permission: &&'static Permission) -> Cow<'static, str> {
        permission.resource.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl<K: CachedObject> Clone for WatchedObject<K> {
    fn clone(&self) -> Self {
        Self {
            metadata: self.metadata.clone(),
            content: self.content.clone(),
        }
    }
}

impl<K: CachedObject> fmt::Debug for WatchedObject<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedObject")
            .field("uid", &self.uid())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use kube::api::WatchEvent;
    use kube::core::ObjectList;

    use super::*;
    use crate::kube::types::node::Node;

    const NODE: &str = r#"{"metadata":{"name":"a","uid":"u","resourceVersion":"7"},"spec":{},"status":{"conditions":[]}}"#;
    const ODD: &str = r#"{"metadata":{"name":"b","uid":"v","resourceVersion":"8"},"spec":7}"#;

    fn reason(object: &WatchedObject<Node>) -> Option<LeftOutReason> {
        let content = object.content.as_ref();
        content.err().map(|unreadable| unreadable.reason)
    }

    #[test]
    fn unreadable_object_in_a_list_keeps_its_metadata_and_the_others() {
        let list = format!(
            r#"{{"apiVersion":"v1","kind":"List","items":[{NODE},{ODD},{TOO_LARGE_ITEM},7],"metadata":{{}}}}"#
        );
        let list: ObjectList<WatchedObject<Node>> = serde_json::from_str(&list).unwrap();
        let read: Vec<_> = list
            .iter()
            .map(|object| (object.uid(), reason(object)))
            .collect();
        let unreadable = Some(LeftOutReason::Unreadable);
        assert_eq!(
            read,
            [
                ("u", None),
                ("v", unreadable),
                ("", Some(LeftOutReason::TooLarge)),
                ("", unreadable)
            ]
        );
    }

    #[test]
    fn unreadable_object_in_a_watch_keeps_its_resource_version() {
        let line = format!(r#"{{"type":"MODIFIED","object":{ODD}}}"#);
        let WatchEvent::Modified(object) =
            serde_json::from_str::<WatchEvent<WatchedObject<Node>>>(&line).unwrap()
        else {
            panic!("another event")
        };
        assert_eq!(
            kube::Resource::meta(&object).resource_version.as_deref(),
            Some("8")
        );
        assert_eq!(reason(&object), Some(LeftOutReason::Unreadable));
    }
}
