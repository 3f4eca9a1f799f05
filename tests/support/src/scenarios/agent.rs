//! Faults of the cluster's metadata, its state at CAST AI, and the agent itself.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};

use super::Scenario;
use crate::injected_fault::InjectedFault;

scenarios! {
    ($) for_each_agent_scenario
    // === cluster_metadata ===
    eks_region_is_missing: InjectedFault::UnsetEnv("EKS_REGION") => ClusterMetadata AgentConfigEnvMissing Failing;
    eks_cluster_name_is_empty: InjectedFault::Env("EKS_CLUSTER_NAME", "") => ClusterMetadata AgentConfigEnvMissing Failing;
    eks_account_id_became_a_number: InjectedFault::Env("EKS_ACCOUNT_ID", "1.23456789012e+11") => ClusterMetadata MetadataAccountMalformed Warning;
    eks_account_id_is_too_short: InjectedFault::Env("EKS_ACCOUNT_ID", "12345678901") => ClusterMetadata MetadataAccountMalformed Failing;
    cluster_metadata_is_undiscoverable: InjectedFault::Envs(&[
        ("EKS_ACCOUNT_ID", None),
        ("EKS_REGION", None),
        ("EKS_CLUSTER_NAME", None),
        ("AWS_EC2_METADATA_DISABLED", Some("true")),
        ("AWS_ACCESS_KEY_ID", Some("AKIALABLABLABLABLAB1")),
        ("AWS_SECRET_ACCESS_KEY", Some("wZ4kTq8vRb1nX6yP")),
    ]) => ClusterMetadata MetadataUnresolvable Failing;
    aks_subscription_is_missing: InjectedFault::OtherProvider("aks", &[("AKS_LOCATION", "westeurope"), ("AKS_NODE_RESOURCE_GROUP", "MC_lab")]) => ClusterMetadata AgentConfigEnvMissing Failing;
    kops_state_store_is_missing: InjectedFault::OtherProvider("kops", &[("KOPS_CSP", "aws"), ("KOPS_REGION", "eu-central-1"), ("KOPS_CLUSTER_NAME", "lab")]) => ClusterMetadata AgentConfigEnvMissing Failing;
    openshift_cluster_id_is_missing: InjectedFault::OtherProvider("openshift", &[("OPENSHIFT_CSP", "aws"), ("OPENSHIFT_INTERNAL_ID", "")]) => ClusterMetadata AgentConfigEnvMissing Failing;
    gke_cluster_has_eks_variables: InjectedFault::Envs(&[("PROVIDER", Some("gke")), ("EKS_CLUSTER_NAME", None)]) => ClusterMetadata AgentConfigEnvMissing Failing;
    selfhosted_ec2_cluster_name_is_missing: InjectedFault::OtherProvider("selfhostedec2", &[("SELFHOSTEDEC2_REGION", "eu-central-1"), ("SELFHOSTEDEC2_ACCOUNT_ID", "123456789012")]) => ClusterMetadata AgentConfigEnvMissing Warning;

    cluster_region_mismatches_node: InjectedFault::NodeInOtherRegion => ClusterMetadata MetadataRegionMismatch Failing;
    cluster_name_mismatches_node: InjectedFault::Env("EKS_CLUSTER_NAME", "other") => ClusterMetadata MetadataClusterNameMismatch Warning;
    // === control_plane_access ===
    eks_authorized_networks_omit_castai: InjectedFault::Eks("blocked") => ControlPlaneAccess CpfwBlocked Failing;
    eks_authorized_networks_long_list_omits_castai: InjectedFault::EksInDiscovery("blocked-by-long-list") => ControlPlaneAccess CpfwBlocked Failing;
    eks_control_plane_is_private: InjectedFault::Eks("private") => ControlPlaneAccess CpfwPrivateOnly Warning;
    gke_authorized_networks_omit_castai: InjectedFault::Gke("blocked") => ControlPlaneAccess CpfwBlocked Failing;
    gke_authorized_networks_long_list_omits_castai: InjectedFault::Gke("blocked-by-long-list") => ControlPlaneAccess CpfwBlocked Failing;
    gke_control_plane_is_private: InjectedFault::Gke("private") => ControlPlaneAccess CpfwPrivateOnly Warning;
    aks_authorized_networks_omit_castai: InjectedFault::Aks("blocked") => ControlPlaneAccess CpfwBlocked Failing;
    aks_authorized_networks_with_service_tag_omit_castai: InjectedFault::Aks("blocked-with-service-tag") => ControlPlaneAccess CpfwBlocked Failing;
    aks_control_plane_is_private: InjectedFault::Aks("private") => ControlPlaneAccess CpfwPrivateOnly Warning;

    // === clock ===
    clock_skew_of_ten_minutes_fails: InjectedFault::Clocks("clock:+600s") => Clock ClockSkew Failing;
    clock_skew_of_a_minute_warns: InjectedFault::Clocks("clock:-60s") => Clock ClockSkew Warning;

    // === cluster_status ===
    cluster_is_not_responding: InjectedFault::CastaiClusterField("agentStatus", "\"non-responding\"") => ClusterStatus CastaiNotResponding Failing;
    cluster_waits_for_connection: InjectedFault::CastaiClusterField("agentStatus", "\"waiting-connection\"") => ClusterStatus CastaiNotResponding Failing;
    cluster_is_disconnected: InjectedFault::CastaiClusterField("agentStatus", "\"disconnected\"") => ClusterStatus CastaiDisconnected Failing;
    cluster_snapshots_are_stale: InjectedFault::CastaiClusterField("agentSnapshotReceivedAt", "\"2025-07-01T09:00:00Z\"") => ClusterStatus CastaiAcceptedButStale Failing;
    cluster_reconciliation_failed: InjectedFault::CastaiClusterField("status", "\"failed\"") => ClusterStatus CastaiReconcileFailed Failing;
    cluster_reconciliation_warns: InjectedFault::CastaiClusterField("status", "\"warning\"") => ClusterStatus CastaiReconcileFailed Warning;
    cluster_control_plane_is_unreachable_for_castai: InjectedFault::CastaiClusterField("reconcileError", "\"No access to Kubernetes API server, please check your firewall settings\"") => ClusterStatus CastaiReconcileFailed Warning;
    // === agent_health ===
    agent_healthz_port_is_closed: InjectedFault::AgentHealthz("refused") => AgentHealth AgentHealthUnreachable Failing;
    agent_healthz_does_not_respond: InjectedFault::AgentHealthz("hang") => AgentHealth AgentUnresponsive Failing;
    agent_has_not_started: InjectedFault::AgentHealthz("not-started") => AgentHealth AgentNotReadyInitialising Failing;
    agent_is_initialising: InjectedFault::AgentHealthz("initialising") => AgentHealth AgentNotReadyInitialising Failing;
    agent_delivers_no_snapshots: InjectedFault::AgentHealthz("overdue") => AgentHealth AgentUnhealthy Failing;
    agent_initialisation_timed_out: InjectedFault::AgentHealthz("hard-timeout") => AgentHealth AgentUnhealthy Failing;
    agent_port_is_taken: InjectedFault::AgentHealthz("other-server") => AgentHealth AgentPortTaken Failing;
    agent_port_serves_html: InjectedFault::AgentHealthz("html") => AgentHealth AgentPortTaken Failing;
    agent_healthz_port_is_invalid: InjectedFault::Env("HEALTHZ_PORT", "none") => AgentHealth AgentConfigInvalid Failing;
    agent_lease_is_missing: InjectedFault::Lease(None) => AgentHealth AgentNoLeader Failing;
    agent_lease_has_no_holder: InjectedFault::Lease(Some((None, 60))) => AgentHealth AgentNoLeader Failing;
    agent_lease_is_stale: InjectedFault::Lease(Some((Some("6f1c"), 40))) => AgentHealth AgentLeaseStale Failing;
    agent_lease_is_stolen: InjectedFault::Lease(Some((Some("7d1f0a52-5d3f-4a3c-9a53-1f5d7c0e2b11"), 1))) => AgentHealth AgentLeaseStolen Failing;
    agent_gets_401_from_apiserver: InjectedFault::AgentApiResponses("401") => AgentHealth K8sUnauthorized Warning;
    agent_gets_403_from_apiserver: InjectedFault::AgentApiResponses("403") => AgentHealth K8sRbacForbidden Warning;
    agent_gets_429_from_apiserver: InjectedFault::AgentApiResponses("429") => AgentHealth K8sThrottled Warning;
    agent_gets_503_from_apiserver: InjectedFault::AgentApiResponses("503") => AgentHealth K8sServerError Warning;
    agent_gets_no_apiserver_response: InjectedFault::AgentApiResponses("<error>") => AgentHealth K8sNoAnswer Warning;

    // === cluster_status, by the cluster id in the ConfigMap ===
    cluster_id_in_config_map_is_deleted: InjectedFault::ClusterIdInConfigMap("00000000-0000-4000-8000-000000000000") => ClusterStatus CastaiClusterNotFound Failing;

    // === agent_permissions ===
    agent_account_loses_pods: InjectedFault::LostPermission("pods") => AgentPermissions K8sRbacForbidden Failing;
    agent_account_loses_an_optional_permission: InjectedFault::LostPermission("csinodes") => AgentPermissions K8sRbacForbidden Warning;
}
