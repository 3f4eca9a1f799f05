//! The parts that all Kubernetes objects share.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::kube::json_stream::MAX_TEXT_BYTES;
use crate::kube::types::lenient;

/// Labels, annotations or a label selector.
pub type Map = BTreeMap<String, String>;

/// A Kubernetes object with the given spec, status, labels and annotations.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound(deserialize = "
    S: Deserialize<'de> + Default,
    T: Deserialize<'de> + Default,
    L: Deserialize<'de> + Default,
    A: Deserialize<'de> + Default
"))]
pub struct Object<S = IgnoredAny, T = IgnoredAny, L = IgnoredAny, A = IgnoredAny> {
    /// The metadata.
    pub metadata: ObjectMeta<L, A>,
    /// The spec.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub spec: S,
    /// The status.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub status: T,
}

/// The metadata of an object with the given labels and annotations.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    bound(deserialize = "L: Deserialize<'de> + Default, A: Deserialize<'de> + Default")
)]
pub struct ObjectMeta<L = IgnoredAny, A = IgnoredAny> {
    /// The name.
    #[serde(default)]
    pub name: String,
    /// The namespace; empty for cluster-scoped objects.
    #[serde(default)]
    pub namespace: String,
    /// The unique ID.
    #[serde(default)]
    pub uid: String,
    /// The resource version.
    #[serde(default)]
    pub resource_version: String,
    /// Time of creation.
    #[serde(default, deserialize_with = "lenient::time")]
    pub creation_timestamp: Option<Timestamp>,
    /// Time of the request to delete the object.
    #[serde(default, deserialize_with = "lenient::time")]
    pub deletion_timestamp: Option<Timestamp>,
    /// The labels.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub labels: L,
    /// The annotations.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub annotations: A,
    /// The owners.
    #[serde(default, deserialize_with = "lenient::list")]
    pub owner_references: Vec<OwnerReference>,
}

/// An owner of an object.
#[derive(Clone, Debug, Deserialize)]
pub struct OwnerReference {
    /// The kind, such as `ReplicaSet`.
    #[serde(default)]
    pub kind: String,
    /// The name.
    #[serde(default)]
    pub name: String,
    /// The unique ID.
    #[serde(default)]
    pub uid: String,
    /// Whether this owner is the managing controller.
    #[serde(default)]
    pub controller: bool,
}

/// A condition in a status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The type, such as `Available`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// The reason, as one word.
    #[serde(default)]
    pub reason: String,
    /// The message for people.
    #[serde(default, deserialize_with = "bounded_text")]
    pub message: String,
}

/// A list, without its items.
#[derive(Clone, Debug, Deserialize)]
pub struct ListEnvelope {
    /// The metadata.
    #[serde(default)]
    pub metadata: ListMeta,
}

/// The metadata of a list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListMeta {
    /// The resource version to start a watch from.
    pub resource_version: String,
    /// The token for the next page; empty on the last page.
    pub r#continue: String,
}

/// A list that is small enough to be read as a whole.
#[derive(Clone, Debug, Deserialize)]
pub struct List<T> {
    /// The objects.
    pub items: Vec<T>,
}

impl<L, A> ObjectMeta<L, A> {
    /// Returns the owner that is the managing controller.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Returns the managing controller if it has this kind.
    pub fn controller_of_kind(&self, kind: &str) -> Option<&OwnerReference> {
        self.controller().filter(|owner| owner.kind == kind)
    }
}

/// Returns the condition of a type.
pub fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// Deserializes a text and truncates it to [`MAX_TEXT_BYTES`].
pub(super) fn bounded_text<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    Ok(truncate(
        Option::<String>::deserialize(deserializer)?.unwrap_or_default(),
    ))
}

fn truncate(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        text.shrink_to_fit();
    }
    text
}
