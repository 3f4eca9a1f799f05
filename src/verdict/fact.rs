//! What an attempt saw beside its verdict, for metrics of its own.

/// One thing that was seen. Words are from the closed lists of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// What CAST AI says of the agent.
    AgentStatus(&'static str),
    /// What CAST AI says of the cluster.
    ClusterStatus(&'static str),
    /// When CAST AI last received a snapshot, in seconds since 1970.
    SnapshotReceived(i64),
}
