//! The objects that are read, reduced on arrival to the few fields that checks need.

pub mod config_map;
pub mod event;
pub mod lease;
pub mod node;
pub mod pending_image_pod;
pub mod pod;
pub mod workload;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

/// The most that is kept of a text that somebody else wrote, in bytes.
const MAX_TEXT: usize = 1024;

/// What is kept of one kind of object.
pub trait Kept: Sized + Send + Sync + 'static {
    /// The fields that are read of it.
    type Raw: Raw;
    /// At most so many are kept.
    const MOST: usize;

    /// What is kept of an object, when what was kept of it before is this; `None` keeps nothing.
    fn keep(raw: Self::Raw, before: Option<&Self>) -> Option<Self>;

    /// Which of two is given up when there are too many: the lower.
    fn worth(&self) -> (u8, i64) {
        (0, 0)
    }
}

/// What every object has.
pub trait Raw: DeserializeOwned + Send {
    /// What tells it from all others, ever.
    fn uid(&self) -> &str;
    /// The state of the collection that it belongs to.
    fn version(&self) -> &str;
}

/// `ObjectMeta`, with only those maps that are asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    bound(deserialize = "L: Deserialize<'de> + Default, A: Deserialize<'de> + Default")
)]
pub struct Meta<L = IgnoredAny, A = IgnoredAny> {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its namespace, where it has one.
    #[serde(default)]
    pub namespace: String,
    /// What tells it from all others, ever.
    #[serde(default)]
    pub uid: String,
    /// The state of the collection that it belongs to.
    #[serde(default)]
    pub resource_version: String,
    /// When it was made.
    pub creation_timestamp: Option<Timestamp>,
    /// When its end was asked for.
    pub deletion_timestamp: Option<Timestamp>,
    /// Its labels.
    #[serde(default)]
    pub labels: L,
    /// Its annotations.
    #[serde(default)]
    pub annotations: A,
    /// Who made it.
    #[serde(default)]
    pub owner_references: Vec<Owner>,
}

/// Who made an object.
#[derive(Clone, Debug, Deserialize)]
pub struct Owner {
    /// `ReplicaSet`, `DaemonSet`, …
    #[serde(default)]
    pub kind: String,
    /// The owner's uid.
    pub uid: String,
    /// Whether it is the one that manages the object.
    #[serde(default)]
    pub controller: bool,
}

/// One condition of an object's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Available`, `PodScheduled`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
    /// Why, for machines.
    #[serde(default)]
    pub reason: String,
    /// Why, for people.
    #[serde(default, deserialize_with = "text")]
    pub message: String,
    /// Since when.
    pub last_transition_time: Option<Timestamp>,
}

impl<L, A> Meta<L, A> {
    /// The uid of the object that manages this one.
    pub fn controller(&self) -> Option<&str> {
        self.manager().map(|owner| owner.uid.as_str())
    }

    /// The object that manages this one.
    pub fn manager(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

/// The condition of this type.
pub fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// A foreign text, cut.
pub(super) fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(cut(
        Option::<String>::deserialize(deserializer)?.unwrap_or_default()
    ))
}

/// The beginning of a text.
pub(super) fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT)
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        text.truncate(end);
        text.shrink_to_fit();
    }
    text
}

/// Implements [`Raw`] by the field `metadata`.
macro_rules! raw {
    ($($raw:ty),+) => { $(
        impl $crate::kube::types::Raw for $raw {
            fn uid(&self) -> &str {
                &self.metadata.uid
            }

            fn version(&self) -> &str {
                &self.metadata.resource_version
            }
        }
    )+ };
}
pub(super) use raw;
