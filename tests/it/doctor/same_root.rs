//! The doctor names the same root cause as the exporter in the agent's pod, and the person on call
//! need not know which of them sees it.

use serde_json::Value;
use test_support::exporter::fetch;
use test_support::scenarios::{Scenario, inject_fault, lab_cluster_for, scenario};

use crate::doctor::{Bed, roots};

/// Number of comparisons until both must agree: the state of the daemon changes between them.
const MAX_COMPARISONS: usize = 5;

macro_rules! tests {
    ($($name:ident)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                assert_same_root(scenario(stringify!($name))).await;
            }
        )+
    };
}

tests! {
    dns_name_is_nxdomain
    dns_resolver_times_out
    castai_drops_syn
    castai_proxy_responds_407
    castai_is_tls_inspected
    castai_has_expired_certificate
    castai_api_key_is_revoked
    castai_api_key_is_missing
    castai_cluster_is_deleted
    castai_rate_limits_requests
    imds_hop_limit_is_too_low
    web_identity_token_is_expired
    pod_identity_has_no_association
    gce_metadata_refuses_connections
    azure_imds_is_restricted
    sts_trust_policy_denies_web_identity
    sts_account_is_not_the_clusters
    ec2_denied_by_scp
    ec2_throttles_requests
    eks_region_is_missing
    cluster_region_mismatches_node
    eks_authorized_networks_omit_castai
    cluster_is_disconnected
    agent_healthz_port_is_closed
    agent_lease_is_stale
    dns_failure_of_unused_name_is_a_warning
    apiserver_has_expired_certificate
    apiserver_hangs_in_tls_handshake
    apiserver_does_not_respond
}

async fn assert_same_root(scenario: &Scenario) {
    let mut bed = Bed::new(lab_cluster_for(scenario.fault));
    inject_fault(&mut bed.lab, scenario.fault).await;
    let exporter = bed.start_sidecar().await;
    let mut compared = Vec::new();
    for _ in 0..MAX_COMPARISONS {
        let status = fetch(exporter.address(), "/api/v1/status").await.unwrap();
        let status: Value = serde_json::from_str(&status).unwrap();
        let seen = roots(&status);
        let named = roots(&bed.report(&[]).await);
        let expected = (
            scenario.check.label().to_owned(),
            scenario.mode.label().to_owned(),
        );
        if seen.first() == named.first() && named.contains(&expected) {
            return;
        }
        compared.push((seen, named));
    }
    panic!(
        "{}: the exporter and the doctor name {compared:#?}",
        scenario.name
    );
}
