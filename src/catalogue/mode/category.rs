//! The attributes that group failure modes across families.

/// The kind of a failure: alerts, blocked checks and root causes follow from it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Category {
    /// A name does not resolve.
    Dns,
    /// The target cannot be reached, or something else answers in its place.
    Unreachable,
    /// The target presents a certificate that the client rejects.
    Certificate,
    /// The target rejects the credentials, or they lack a permission.
    Denied,
    /// A setting is missing or unusable.
    Misconfigured,
    /// The target limits the request rate.
    Throttled,
    /// The target, or the agent, reports an error of another kind.
    Error,
    /// The target answers later than the agent waits.
    Slow,
    /// It works, but worse than configured.
    Degraded,
    /// A value differs from the one that it should be.
    Mismatch,
    /// Data that the agent needs is not available.
    Incomplete,
    /// The agent's health endpoint reports a problem or does not answer.
    Unhealthy,
    /// No instance is the leader.
    Leaderless,
    /// CAST AI receives no current data from the cluster.
    Disconnected,
    /// There is no workload to run.
    Absent,
    /// Containers exit and are restarted.
    Restarting,
    /// No node runs the pod.
    Unscheduled,
    /// Kubernetes rejects the pod.
    NotCreated,
    /// A scheduled pod does not start.
    NotStarting,
    /// The workload should be upgraded, or cannot be.
    Upgrade,
}

/// A property of a failure that its category does not imply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Property {
    /// Often resolves without action.
    Transient,
    /// Recognised by elapsed time alone, so a throttled exporter can mistake its own delay for it.
    Timeout,
    /// A wrong clock can cause it.
    ClockDependent,
    /// Expected for the first minutes on a new node.
    NewNode,
    /// Names a symptom; any other mode seen with it names the cause.
    Symptom,
    /// Usually a mistake in the spec of one pod, not a fault of the cluster or the registry.
    PodSpec,
    /// Only an exporter that knows all pods of the agent can recognise it.
    AcrossPods,
    /// Affects only some requests, because some of several servers fail.
    Intermittent,
}
