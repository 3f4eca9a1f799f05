//! The `ConfigMap` in which the agent notes who the cluster is at CAST AI.

use serde::Deserialize;

use crate::kube::types::{Kept, Meta, raw};

/// What the agent noted.
#[derive(Clone, Debug)]
pub struct AgentMetadata {
    /// The cluster's id at CAST AI.
    pub cluster_id: Option<String>,
    /// The address of CAST AI's API, when Helm wrote it there.
    pub api_url: Option<String>,
}

/// What is read of the `ConfigMap`.
#[derive(Debug, Deserialize)]
pub struct RawConfigMap {
    metadata: Meta,
    #[serde(default)]
    data: RawData,
}

#[derive(Debug, Default, Deserialize)]
struct RawData {
    #[serde(rename = "CLUSTER_ID")]
    cluster_id: Option<String>,
    #[serde(rename = "API_URL")]
    api_url: Option<String>,
}

raw!(RawConfigMap);

impl Kept for AgentMetadata {
    type Raw = RawConfigMap;
    const MOST: usize = 1;

    fn keep(raw: RawConfigMap, _before: Option<&Self>) -> Option<Self> {
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        Some(Self {
            cluster_id: some(raw.data.cluster_id),
            api_url: some(raw.data.api_url),
        })
    }
}
