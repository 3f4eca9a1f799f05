//! Observations besides the verdict, with dedicated metrics.

use crate::catalogue::FailureMode;

/// One observation. Label values come from the closed lists of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// Tag of the agent's image.
    AgentVersion(String),
    /// Number of the agent's pods in a state.
    AgentReplicas(&'static str, u32),
    /// Number of the agent's pods in which the exporter runs, is missing, or is not expected.
    AgentPods(&'static str, u32),
    /// A pod of the agent, as `namespace/name`, that cannot pull its image.
    AgentPodWaits(String),
    /// Number of restarts of the agent's containers since the last attempt.
    AgentRestarts(u64),
    /// Number of nodes by the lifecycle that the agent assumes.
    Nodes(&'static str, u32),
    /// Number of containers that cannot pull their image from a kind of registry.
    ImagePullFailures(&'static str, FailureMode, u32),
    /// A failure of a component.
    ComponentFailure(&'static str, FailureMode),
    /// The agent's status at CAST AI.
    AgentStatus(&'static str),
    /// The cluster's status at CAST AI.
    ClusterStatus(&'static str),
    /// Time at which CAST AI last received a snapshot, in seconds since 1970.
    SnapshotReceived(i64),
    /// Number of watched objects of a resource that are left out for a reason.
    ObjectsLeftOut(&'static str, &'static str, u32),
    /// Number of this container's log lines that no rule matched.
    UnclassifiedLines(&'static str, u64),
}
