//! The closed lists of words that are values of labels.

/// Replaces any status of CAST AI that this version does not know.
pub const OTHER: &str = "other";

/// Values of `agentStatus` in CAST AI's API.
pub const AGENT_STATUSES: &[&str] = &[
    "waiting-connection",
    "online",
    "non-responding",
    "disconnected",
    "disconnecting",
    OTHER,
];

/// Values of a cluster's `status` in CAST AI's API.
pub const CLUSTER_STATUSES: &[&str] = &[
    "connecting",
    "ready",
    "warning",
    "failed",
    "deleting",
    "deleted",
    "hibernating",
    "hibernated",
    "resuming",
    "archived",
    OTHER,
];

/// The pod counts of a Deployment.
pub const REPLICA_STATES: &[&str] = &["desired", "updated", "ready", "available"];

/// Presence of the exporter in a pod of the agent.
pub const EXPORTER_IN_POD: &[&str] = &["present", "missing", "not_expected"];

/// Purchase options of a node, as the agent derives them.
pub const LIFECYCLES: &[&str] = &["on_demand", "spot", "unresolved"];

/// Kinds of image registries.
pub const REGISTRIES: &[&str] = &[
    "acr",
    "ecr",
    "gar",
    "gcr",
    "dockerhub",
    "quay",
    "ghcr",
    "mcr",
    "k8s",
    "other",
];

/// CAST AI's components other than the agent and the cluster controller: workload names without
/// `castai-`.
pub const COMPONENTS: &[&str] = &[
    "agent-cpvpa",
    "evictor",
    "spot-handler",
    "pod-mutator",
    "pod-pinner",
    "workload-autoscaler",
    "workload-autoscaler-exporter",
    "kvisor-agent",
    "kvisor-controller",
    "castware-operator",
    "live",
    "egressd",
    "watchdog",
    "hibernate",
    "kentroller",
    "node-storage-agent",
    "gpu-metrics-exporter",
    "omni-agent",
];

/// The outcome of Kubernetes Events.
pub const KUBE_EVENT_RESULTS: &[&str] = &["written", "dropped"];

/// Containers that the log is read from.
pub const LOG_SOURCES: &[&str] = &["agent", "monitor"];

/// Checks that provide clock samples.
pub const CLOCK_SOURCES: &[&str] = &["apiserver", "castai_api", "sts"];

/// Sources of the agent's AWS credentials.
pub const CREDENTIAL_SOURCES: &[&str] = &["static", "web_identity", "profile", "container", "imds"];
