//! What is read of Kubernetes, verb by verb: the rights that the exporter's account needs, and the check that needs each.

use crate::catalogue::check::CheckId;

/// Where a right holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// In the whole cluster.
    Cluster,
    /// In the agent's namespace.
    AgentNamespace,
    /// In this namespace.
    Namespace(&'static str),
}

/// One rule of the account's roles. Nothing here writes.
#[derive(Debug)]
pub struct Right {
    /// The API group; empty is the core group.
    pub group: &'static str,
    /// The resource, as `kubectl api-resources` names it.
    pub resource: &'static str,
    /// What is done with it.
    pub verbs: &'static [&'static str],
    /// Where.
    pub place: Place,
    /// The only objects that are read, when they are known by name; `serviceAccount` stands for the agent's account.
    pub names: &'static [&'static str],
    /// The checks that are `unknown` without it.
    pub checks: &'static [CheckId],
    /// What is read there.
    pub purpose: &'static str,
}

const LIST_AND_WATCH: &[&str] = &["list", "watch"];

macro_rules! rights {
    ($( $(#[doc = $doc:literal])* $id:ident = $group:literal $resource:literal $verbs:expr, $place:expr, $names:expr, $checks:expr, $purpose:literal; )+) => {
        $( #[doc = $purpose] pub const $id: &Right = &Right {
            group: $group,
            resource: $resource,
            verbs: $verbs,
            place: $place,
            names: $names,
            checks: $checks,
            purpose: $purpose,
        }; )+

        /// Every right, the cluster's first.
        pub const RIGHTS: &[&Right] = &[$($id),+];
    };
}

rights! {
    NAMESPACE = "" "namespaces" &["get"], Place::Cluster, &["kube-system"], &[CheckId::Apiserver],
        "What old agents ask for first.";
    NODES = "" "nodes" LIST_AND_WATCH, Place::Cluster, &[], &[CheckId::ImagePull, CheckId::NodeLifecycle],
        "Labels, provider, age and readiness of the nodes.";
    WAITING_PODS = "" "pods" LIST_AND_WATCH, Place::Cluster, &[], &[CheckId::ImagePull],
        "The pods of all namespaces that wait for an image: those in the phase Pending.";
    ENDPOINT_SLICES = "discovery.k8s.io" "endpointslices" &["get", "list"], Place::Namespace("default"), &[], &[CheckId::Apiserver],
        "The addresses of the API servers.";
    DEPLOYMENTS = "apps" "deployments" LIST_AND_WATCH, Place::AgentNamespace, &[], &[CheckId::AgentWorkload, CheckId::AgentUpgrade, CheckId::ClusterController, CheckId::Components, CheckId::AgentLog],
        "The agent's Deployment and those of CAST AI's other components.";
    REPLICA_SETS = "apps" "replicasets" LIST_AND_WATCH, Place::AgentNamespace, &[], &[CheckId::AgentWorkload, CheckId::AgentUpgrade, CheckId::ClusterController, CheckId::Components, CheckId::AgentLog],
        "Which pods a Deployment owns, and why pods cannot be made.";
    DAEMON_SETS = "apps" "daemonsets" LIST_AND_WATCH, Place::AgentNamespace, &[], &[CheckId::Components],
        "CAST AI's components that run on every node.";
    PODS = "" "pods" LIST_AND_WATCH, Place::AgentNamespace, &[], &[CheckId::AgentWorkload, CheckId::AgentUpgrade, CheckId::ClusterController, CheckId::Components, CheckId::AgentLog],
        "The state of the agent's pods and of those of CAST AI's other components.";
    EVENTS = "" "events" LIST_AND_WATCH, Place::AgentNamespace, &[], &[CheckId::AgentWorkload, CheckId::AgentUpgrade, CheckId::ClusterController, CheckId::Components],
        "What scheduler, kubelet and controllers say of these pods.";
    POD_LOGS = "" "pods/log" &["get"], Place::AgentNamespace, &[], &[CheckId::AgentLog, CheckId::ClusterController, CheckId::Components],
        "What the agent and its siblings say of their own trouble.";
    ACCOUNT = "" "serviceaccounts" &["get"], Place::AgentNamespace, &["serviceAccount"], &[CheckId::AwsCredentials],
        "The role that the annotation of the agent's service account names.";
    OWN_NODE = "" "nodes" &["get"], Place::Cluster, &[], &[CheckId::Ec2Api],
        "Which instance of EC2 this pod runs on, where instance metadata is out of its reach.";
    LEADER = "coordination.k8s.io" "leases" &["get"], Place::AgentNamespace, &["agent-leader-election-lock", "cluster-controller"], &[CheckId::AgentHealth, CheckId::ClusterController],
        "Who leads, and since when.";
    LEASES = "coordination.k8s.io" "leases" LIST_AND_WATCH, Place::AgentNamespace, &[], &[],
        "Who leads, and since when.";
    CLUSTER_ID = "" "configmaps" &["get"], Place::AgentNamespace, &["castai-agent-metadata"], &[CheckId::ClusterStatus],
        "The cluster's id at CAST AI, where the agent was not given it.";
    METADATA = "" "configmaps" LIST_AND_WATCH, Place::AgentNamespace, &["castai-agent-metadata"], &[],
        "The cluster's id at CAST AI, as the agent noted it.";
}
