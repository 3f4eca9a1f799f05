//! Nodes (`v1`): what tells their purchase option, and whether they are new.

use std::fmt;

use jiff::Timestamp;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::kube::types::{Kept, Meta, raw};

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: Box<str>,
    /// When it joined.
    pub created: Option<Timestamp>,
    /// Whose machine it is.
    pub cloud: Cloud,
    /// What its labels say of its purchase option.
    pub marks: Marks,
    /// Whether its kubelet says that it works.
    pub ready: bool,
}

/// Whose machine a node is, by `spec.providerID`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cloud {
    /// `aws://`.
    Aws,
    /// `gce://`.
    Gcp,
    /// `azure://`.
    Azure,
    /// Another, or none.
    Other,
}

/// The labels that speak of the purchase option, as those flags that are true.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Marks(u16);

/// One such label with one value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub enum Mark {
    /// `eks.amazonaws.com/capacityType=SPOT`.
    EksSpot = 1,
    /// `eks.amazonaws.com/capacityType=ON_DEMAND`.
    EksOnDemand = 1 << 1,
    /// `scheduling.cast.ai/spot-fallback=true`.
    SpotFallback = 1 << 2,
    /// `scheduling.cast.ai/spot=true`.
    CastaiSpot = 1 << 3,
    /// `node-role.kubernetes.io/spot-worker=true`.
    SpotWorker = 1 << 4,
    /// `karpenter.sh/capacity-type=spot`.
    KarpenterSpot = 1 << 5,
    /// `karpenter.sh/capacity-type=on-demand`.
    KarpenterOnDemand = 1 << 6,
    /// `cloud.google.com/gke-preemptible=true`.
    GkePreemptible = 1 << 7,
    /// `cloud.google.com/gke-spot=true`.
    GkeSpot = 1 << 8,
    /// `kubernetes.azure.com/scalesetpriority=spot`.
    AzureSpot = 1 << 9,
    /// `spot=true`.
    Spot = 1 << 10,
}

/// Every label that speaks of it.
const LABELS: &[(&str, &str, Mark)] = &[
    ("eks.amazonaws.com/capacityType", "SPOT", Mark::EksSpot),
    (
        "eks.amazonaws.com/capacityType",
        "ON_DEMAND",
        Mark::EksOnDemand,
    ),
    (
        "scheduling.cast.ai/spot-fallback",
        "true",
        Mark::SpotFallback,
    ),
    ("scheduling.cast.ai/spot", "true", Mark::CastaiSpot),
    (
        "node-role.kubernetes.io/spot-worker",
        "true",
        Mark::SpotWorker,
    ),
    ("karpenter.sh/capacity-type", "spot", Mark::KarpenterSpot),
    (
        "karpenter.sh/capacity-type",
        "on-demand",
        Mark::KarpenterOnDemand,
    ),
    (
        "cloud.google.com/gke-preemptible",
        "true",
        Mark::GkePreemptible,
    ),
    ("cloud.google.com/gke-spot", "true", Mark::GkeSpot),
    (
        "kubernetes.azure.com/scalesetpriority",
        "spot",
        Mark::AzureSpot,
    ),
    ("spot", "true", Mark::Spot),
];

/// What is read of a node.
#[derive(Debug, Deserialize)]
pub struct RawNode {
    metadata: Meta<Marks>,
    #[serde(default)]
    spec: RawSpec,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Debug, Default, Deserialize)]
struct RawSpec {
    #[serde(default, rename = "providerID")]
    provider_id: String,
}

#[derive(Debug, Default, Deserialize)]
struct RawStatus {
    #[serde(default)]
    conditions: Vec<RawCondition>,
}

/// Heartbeats are most of what is said of nodes, and no more than this is kept of one.
#[derive(Debug, Deserialize)]
struct RawCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

raw!(RawNode);

impl Kept for Node {
    type Raw = RawNode;
    const MOST: usize = 20_000;

    fn keep(raw: RawNode, _before: Option<&Self>) -> Option<Self> {
        let RawNode {
            metadata,
            spec,
            status,
        } = raw;
        let ready = status
            .conditions
            .iter()
            .any(|condition| condition.kind == "Ready" && condition.status == "True");
        let cloud = Cloud::of(&spec.provider_id);
        let (name, created) = (metadata.name.into(), metadata.creation_timestamp);
        Some(Self {
            name,
            created,
            cloud,
            marks: metadata.labels,
            ready,
        })
    }
}

impl Cloud {
    fn of(provider_id: &str) -> Self {
        match provider_id.split(':').next() {
            Some("aws") => Self::Aws,
            Some("gce") => Self::Gcp,
            Some("azure") => Self::Azure,
            _ => Self::Other,
        }
    }
}

impl Marks {
    /// Whether a node bears one of these.
    pub fn any(self, marks: &[Mark]) -> bool {
        marks.iter().any(|mark| self.0 & *mark as u16 != 0)
    }
}

impl<'de> Deserialize<'de> for Marks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Labels;

        impl<'de> Visitor<'de> for Labels {
            type Value = Marks;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_unit<E>(self) -> Result<Marks, E> {
                Ok(Marks::default())
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Marks, M::Error> {
                let mut marks = Marks::default();
                while let Some(name) = map.next_key::<String>()? {
                    if LABELS.iter().any(|(label, ..)| *label == name) {
                        let value = map.next_value::<String>()?;
                        let said = LABELS
                            .iter()
                            .filter(|(label, says, _)| *label == name && *says == value);
                        marks.0 |= said.fold(0, |marks, (.., mark)| marks | *mark as u16);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(marks)
            }
        }

        deserializer.deserialize_any(Labels)
    }
}
