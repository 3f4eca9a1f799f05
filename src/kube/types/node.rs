//! Nodes (`v1`): purchase option, age and readiness.

use std::fmt;

use jiff::Timestamp;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::kube::types::cached_object::CachedObject;
use crate::kube::types::lenient;
use crate::kube::types::object::Object;

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// The name.
    pub name: Box<str>,
    /// Time of creation.
    pub created: Option<Timestamp>,
    /// The cloud provider.
    pub cloud: NodeCloud,
    /// The labels that state its purchase option.
    pub purchase_labels: PurchaseLabels,
    /// Whether the condition `Ready` is true.
    pub ready: bool,
}

/// The cloud provider of a node, from `spec.providerID`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NodeCloud {
    /// `aws://`.
    Aws,
    /// `gce://`.
    Gcp,
    /// `azure://`.
    Azure,
    /// Any other provider, or none.
    Other,
}

/// The labels of a node that state its purchase option, as a bit set.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PurchaseLabels(u16);

/// A label and value that state a purchase option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub enum PurchaseLabel {
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

/// All labels that state a purchase option.
const LABELS: &[(&str, &str, PurchaseLabel)] = &[
    (
        "eks.amazonaws.com/capacityType",
        "SPOT",
        PurchaseLabel::EksSpot,
    ),
    (
        "eks.amazonaws.com/capacityType",
        "ON_DEMAND",
        PurchaseLabel::EksOnDemand,
    ),
    (
        "scheduling.cast.ai/spot-fallback",
        "true",
        PurchaseLabel::SpotFallback,
    ),
    ("scheduling.cast.ai/spot", "true", PurchaseLabel::CastaiSpot),
    (
        "node-role.kubernetes.io/spot-worker",
        "true",
        PurchaseLabel::SpotWorker,
    ),
    (
        "karpenter.sh/capacity-type",
        "spot",
        PurchaseLabel::KarpenterSpot,
    ),
    (
        "karpenter.sh/capacity-type",
        "on-demand",
        PurchaseLabel::KarpenterOnDemand,
    ),
    (
        "cloud.google.com/gke-preemptible",
        "true",
        PurchaseLabel::GkePreemptible,
    ),
    ("cloud.google.com/gke-spot", "true", PurchaseLabel::GkeSpot),
    (
        "kubernetes.azure.com/scalesetpriority",
        "spot",
        PurchaseLabel::AzureSpot,
    ),
    ("spot", "true", PurchaseLabel::Spot),
];

/// The spec of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    #[serde(rename = "providerID")]
    provider_id: String,
}

/// The status of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    #[serde(deserialize_with = "lenient::list")]
    conditions: Vec<NodeCondition>,
}

/// A condition without its texts: most updates of nodes are heartbeats, so parsing must be cheap.
#[derive(Clone, Debug, Deserialize)]
struct NodeCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

impl CachedObject for Node {
    type Raw = Object<NodeSpec, NodeStatus, PurchaseLabels>;
    const MAX_CACHED: usize = 20_000;
    const MAX_CACHED_BYTES: usize = 6 << 20;

    fn from_raw(raw: Self::Raw, _previous: Option<&Self>) -> Option<Self> {
        let Object {
            metadata,
            spec,
            status,
        } = raw;
        let ready = status
            .conditions
            .iter()
            .any(|condition| condition.kind == "Ready" && condition.status == "True");
        let cloud = NodeCloud::from_provider_id(&spec.provider_id);
        let (name, created) = (metadata.name.into(), metadata.creation_timestamp);
        Some(Self {
            name,
            created,
            cloud,
            purchase_labels: metadata.labels,
            ready,
        })
    }

    fn allocated_bytes(&self) -> usize {
        self.name.len()
    }
}

impl NodeCloud {
    fn from_provider_id(provider_id: &str) -> Self {
        match provider_id.split(':').next() {
            Some("aws") => Self::Aws,
            Some("gce") => Self::Gcp,
            Some("azure") => Self::Azure,
            _ => Self::Other,
        }
    }
}

impl PurchaseLabels {
    /// Returns whether at least one of these labels is set.
    pub fn contains_any(self, labels: &[PurchaseLabel]) -> bool {
        labels.iter().any(|label| self.0 & *label as u16 != 0)
    }
}

impl<'de> Deserialize<'de> for PurchaseLabels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Labels;

        impl<'de> Visitor<'de> for Labels {
            type Value = PurchaseLabels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_unit<E>(self) -> Result<PurchaseLabels, E> {
                Ok(PurchaseLabels::default())
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<PurchaseLabels, M::Error> {
                let mut set = PurchaseLabels::default();
                while let Some(name) = map.next_key::<String>()? {
                    if LABELS.iter().any(|(label, ..)| *label == name) {
                        let value = map.next_value::<String>()?;
                        let matching = LABELS
                            .iter()
                            .filter(|(label, expected, _)| *label == name && *expected == value);
                        set.0 |= matching.fold(0, |set, (.., label)| set | *label as u16);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(set)
            }
        }

        deserializer.deserialize_any(Labels)
    }
}
