//! The Kubernetes permissions that the agent's own service account needs.
//!
//! Sources: the `ClusterRole` and the `Role` of the chart `castai-agent` (`templates/rbac.yaml`),
//! and the informers of agent v0.123.1 (`internal/services/controller/controller.go`). What users
//! switch off in the chart's values (`allowReadIngress`, `allowReadRBAC`, `metadataStore`) is not
//! listed, because its absence is intended.

/// Where a permission of the agent applies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AgentScope {
    /// All namespaces, by the `ClusterRole`.
    Cluster,
    /// The namespace of the leader election lease; not needed if leader election is disabled.
    LeaseNamespace,
}

/// The effect of a missing permission on the agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AgentNeed {
    /// It does not start, stops, or delivers incomplete data without saying so.
    Required,
    /// It skips the resource with a warning in its log. Agents before this version do not read it.
    Optional {
        /// Major, minor and patch version.
        since: (u32, u32, u32),
        /// Whether the resource exists only in some clusters, such as that of a
        /// `CustomResourceDefinition`.
        installed_separately: bool,
    },
}

/// One rule of the agent's roles.
#[derive(Debug)]
pub struct AgentPermission {
    /// The API group; empty is the core group.
    pub group: &'static str,
    /// The API version that the agent reads.
    pub version: &'static str,
    /// The resource, as `kubectl api-resources` lists it.
    pub resource: &'static str,
    /// The verbs that the agent uses.
    pub verbs: &'static [&'static str],
    /// Where it applies.
    pub scope: AgentScope,
    /// The effect of its absence.
    pub need: AgentNeed,
}

const READ: &[&str] = &["get", "list", "watch"];
/// An informer of the agent's defaults lists and watches; only optional ones are also checked for
/// `get`, by the agent itself.
const LIST_AND_WATCH: &[&str] = &["list", "watch"];

/// The version of the agent that has the listed optional informers.
const VERIFIED: (u32, u32, u32) = (0, 123, 0);

macro_rules! permissions {
    ($( $group:literal $version:literal $verbs:ident $scope:ident $need:ident: $($resource:literal)+; )+) => {
        /// Every permission of the agent.
        pub const AGENT_PERMISSIONS: &[AgentPermission] = &[$($( AgentPermission {
            group: $group,
            version: $version,
            resource: $resource,
            verbs: $verbs,
            scope: AgentScope::$scope,
            need: permissions!(@need $need),
        }, )+)+];
    };
    (@need Required) => { AgentNeed::Required };
    (@need Optional) => { AgentNeed::Optional { since: VERIFIED, installed_separately: false } };
    (@need Separate) => { AgentNeed::Optional { since: VERIFIED, installed_separately: true } };
}

const LEASE: &[&str] = &["get", "create", "update"];
const METRICS: &[&str] = &["get", "list"];

permissions! {
    "" "v1" LIST_AND_WATCH Cluster Required: "pods" "nodes" "namespaces" "services" "events"
        "persistentvolumes" "persistentvolumeclaims" "replicationcontrollers";
    "apps" "v1" LIST_AND_WATCH Cluster Required: "deployments" "replicasets" "daemonsets" "statefulsets";
    "batch" "v1" LIST_AND_WATCH Cluster Required: "jobs";
    "storage.k8s.io" "v1" LIST_AND_WATCH Cluster Required: "storageclasses";
    "coordination.k8s.io" "v1" LEASE LeaseNamespace Required: "leases";

    "" "v1" READ Cluster Optional: "limitranges" "resourcequotas";
    "policy" "v1" READ Cluster Optional: "poddisruptionbudgets";
    "storage.k8s.io" "v1" READ Cluster Optional: "csinodes";
    "autoscaling" "v1" READ Cluster Optional: "horizontalpodautoscalers";
    "metrics.k8s.io" "v1beta1" METRICS Cluster Separate: "pods";
    "karpenter.sh" "v1" READ Cluster Separate: "nodepools" "nodeclaims";
    "karpenter.k8s.aws" "v1" READ Cluster Separate: "ec2nodeclasses";
    "argoproj.io" "v1alpha1" READ Cluster Separate: "rollouts";
    "datadoghq.com" "v1alpha1" READ Cluster Separate: "extendeddaemonsetreplicasets";
    "autoscaling.cast.ai" "v1" READ Cluster Separate: "recommendations";
    "pod-mutations.cast.ai" "v1" READ Cluster Separate: "podmutations";
    "runbooks.cast.ai" "v1alpha1" READ Cluster Separate: "recommendationsyncs";
}

impl AgentPermission {
    /// Returns the resource with its group, as RBAC errors name it.
    pub fn qualified_resource(&self) -> String {
        if self.group.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }

    /// Returns whether the agent cannot work correctly without it.
    pub fn is_required(&self) -> bool {
        self.need == AgentNeed::Required
    }
}
