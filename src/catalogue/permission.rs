//! The Kubernetes permissions that the exporter's service account needs, and the checks that need
//! them.

use crate::catalogue::check::CheckId;

/// The scope of the role that grants a permission.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RoleScope {
    /// The whole cluster.
    Cluster,
    /// The agent's namespace.
    AgentNamespace,
    /// This namespace.
    Namespace(&'static str),
}

/// One rule of the service account's roles. All of them are read-only, except for the opt-in
/// [`WRITTEN_EVENTS`].
#[derive(Debug)]
pub struct Permission {
    /// The API group; empty is the core group.
    pub group: &'static str,
    /// The resource, as `kubectl api-resources` lists it.
    pub resource: &'static str,
    /// The granted verbs.
    pub verbs: &'static [&'static str],
    /// The scope of the role.
    pub scope: RoleScope,
    /// The only objects that may be read, if they are known by name; `serviceAccount` is
    /// the agent's account.
    pub names: &'static [&'static str],
    /// The checks that are `unknown` without it.
    pub checks: &'static [CheckId],
    /// The data that it gives access to.
    pub purpose: &'static str,
}

/// Resources with watched objects.
pub const WATCHED_RESOURCES: &[&str] = &[
    "deployments",
    "replicasets",
    "daemonsets",
    "pods",
    "events",
    "nodes",
];

/// Reasons why a watched object is left out of what checks read.
pub const LEFT_OUT_REASONS: &[&str] = &["unreadable", "too_large", "over_limit"];

const LIST_AND_WATCH: &[&str] = &["list", "watch"];

/// Checks that read the state of CAST AI's workloads.
const WORKLOAD_CHECKS: &[CheckId] = &[
    CheckId::AgentWorkload,
    CheckId::AgentUpgrade,
    CheckId::ClusterController,
    CheckId::Components,
];
/// The same, and the one that reads the agent's log.
const WORKLOAD_AND_LOG_CHECKS: &[CheckId] = &[
    CheckId::AgentWorkload,
    CheckId::AgentUpgrade,
    CheckId::ClusterController,
    CheckId::Components,
    CheckId::AgentLog,
];

macro_rules! permissions {
    ($( $id:ident = $group:literal $resource:literal $verbs:expr, $scope:expr, $names:expr, $checks:expr, $purpose:literal; )+) => {
        $( #[doc = $purpose] pub const $id: &Permission = &Permission {
            group: $group,
            resource: $resource,
            verbs: $verbs,
            scope: $scope,
            names: $names,
            checks: $checks,
            purpose: $purpose,
        }; )+

        /// Every permission.
        pub const PERMISSIONS: &[&Permission] = &[$($id),+];
    };
}

permissions! {
    NAMESPACE = "" "namespaces" &["get"], RoleScope::Cluster, &["kube-system"], &[CheckId::Apiserver],
        "The first object that old agents request.";
    NODES = "" "nodes" LIST_AND_WATCH, RoleScope::Cluster, &[], &[CheckId::ImagePull, CheckId::NodeLifecycle],
        "Labels, provider, age and readiness of the nodes.";
    WAITING_PODS = "" "pods" LIST_AND_WATCH, RoleScope::Cluster, &[], &[CheckId::ImagePull],
        "Pods in the phase Pending in all namespaces, which may be waiting for an image.";
    ENDPOINT_SLICES = "discovery.k8s.io" "endpointslices" &["get", "list"], RoleScope::Namespace("default"), &[], &[CheckId::Apiserver],
        "Addresses of the API servers.";
    DEPLOYMENTS = "apps" "deployments" LIST_AND_WATCH, RoleScope::AgentNamespace, &[], WORKLOAD_AND_LOG_CHECKS,
        "Deployments of the agent and of other CAST AI components.";
    REPLICA_SETS = "apps" "replicasets" LIST_AND_WATCH, RoleScope::AgentNamespace, &[], WORKLOAD_AND_LOG_CHECKS,
        "The pods of a Deployment, and the reason why pods cannot be created.";
    DAEMON_SETS = "apps" "daemonsets" LIST_AND_WATCH, RoleScope::AgentNamespace, &[], &[CheckId::Components],
        "CAST AI components that run on every node.";
    PODS = "" "pods" LIST_AND_WATCH, RoleScope::AgentNamespace, &[], WORKLOAD_AND_LOG_CHECKS,
        "State of the pods of the agent and of other CAST AI components.";
    EVENTS = "" "events" LIST_AND_WATCH, RoleScope::AgentNamespace, &[], WORKLOAD_CHECKS,
        "Events of the scheduler, the kubelet and the controllers about these pods.";
    POD_LOGS = "" "pods/log" &["get"], RoleScope::AgentNamespace, &[], &[CheckId::AgentLog, CheckId::ClusterController, CheckId::Components],
        "Errors that the agent and the other components log.";
    ACCOUNT = "" "serviceaccounts" &["get"], RoleScope::AgentNamespace, &["serviceAccount"], &[CheckId::AwsCredentials],
        "The role annotation of the agent's service account.";
    OWN_NODE = "" "nodes" &["get"], RoleScope::Cluster, &[], &[CheckId::Ec2Api],
        "The EC2 instance of this pod's node, where instance metadata is unreachable.";
    LEADER = "coordination.k8s.io" "leases" &["get"], RoleScope::AgentNamespace, &["agent-leader-election-lock", "cluster-controller"], &[CheckId::AgentHealth, CheckId::ClusterController],
        "The current leader and the time of its last renewal.";
    WRITTEN_EVENTS = "" "events" &["create", "patch"], RoleScope::AgentNamespace, &[], &[],
        "Events on the agent's Deployment, if events.enabled is set.";
    LEASES = "coordination.k8s.io" "leases" LIST_AND_WATCH, RoleScope::AgentNamespace, &[], &[],
        "The current leader and the time of its last renewal.";
    CLUSTER_ID = "" "configmaps" &["get"], RoleScope::AgentNamespace, &["castai-agent-metadata"], &[CheckId::ClusterStatus],
        "The cluster's CAST AI ID, if the agent is not configured with it.";
    METADATA = "" "configmaps" LIST_AND_WATCH, RoleScope::AgentNamespace, &["castai-agent-metadata"], &[],
        "The cluster's CAST AI ID, as the agent recorded it.";
}
