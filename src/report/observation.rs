//! What an attempt saw beside its verdict, for metrics of its own.

use crate::catalogue::FailureMode;

/// One thing that was seen. Words are from the closed lists of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The tag of the agent's image.
    AgentVersion(String),
    /// How many of the agent's pods are in a state.
    AgentReplicas(&'static str, u32),
    /// In how many of the agent's pods the exporter stands, is missing, or is not expected.
    AgentPods(&'static str, u32),
    /// A pod of the agent, as `namespace/name`, that waits for an image in vain.
    AgentPodWaits(String),
    /// How often containers of the agent were restarted since the last attempt.
    AgentRestarts(u64),
    /// How many nodes the agent takes for what.
    Nodes(&'static str, u32),
    /// How many containers wait in vain for an image from a kind of registry.
    ImagePullFailures(&'static str, FailureMode, u32),
    /// What is wrong with a component.
    ComponentFailure(&'static str, FailureMode),
    /// What CAST AI says of the agent.
    AgentStatus(&'static str),
    /// What CAST AI says of the cluster.
    ClusterStatus(&'static str),
    /// When CAST AI last received a snapshot, in seconds since 1970.
    SnapshotReceived(i64),
    /// How many lines of this container no rule knew so far.
    UnclassifiedLines(&'static str, u64),
}
