//! Tests of GKE and AKS beyond the scenarios: requests sent, their proxies, and endpoints left
//! alone.

use castai_health_exporter::catalogue::mode_set::{AZURE_IMDS, GCE_METADATA};
use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Need, Status};
use castai_health_exporter::state::CheckState;
use lab::{AzureImdsFault, GceFault, RequestLog};
use test_support::lab_cluster::{LabCluster, evidence};

use crate::golden_entries::assert_evidence;

fn of(check_states: &[CheckState], check: CheckId) -> &CheckState {
    check_states
        .iter()
        .find(|check_state| check_state.check == check)
        .unwrap()
}

fn queried_hosts(request_log: &RequestLog) -> Vec<String> {
    request_log
        .requests()
        .iter()
        .map(|request| request.target.clone())
        .collect()
}

#[tokio::test]
async fn gke_queries_only_gce_metadata() {
    let mut world = LabCluster::of("gke");
    world.assert_healthy().await;
    let root = "/computeMetadata/v1/";
    let paths = [
        "project/project-id",
        "instance/attributes/cluster-name",
        "instance/zone",
        "instance/attributes/cluster-location",
    ];
    assert_eq!(
        queried_hosts(world.gce.request_log())[..4],
        paths.map(|path| format!("{root}{path}"))
    );
    let check_states = world.run_checks().await;
    assert_eq!(of(&check_states, CheckId::GceMetadata).need, Need::Start);
    assert_eq!(of(&check_states, CheckId::AzureImds).need, Need::None);
    let metadata = evidence(of(&check_states, CheckId::ClusterMetadata));
    assert!(
        metadata.contains("instance/attributes/cluster-name \"lab\""),
        "{metadata}"
    );
    assert!(
        world.imds.request_log().connections().is_empty()
            && world.azure.request_log().connections().is_empty()
    );

    for (name, value) in [
        ("GKE_PROJECT_ID", "lab-project"),
        ("GKE_CLUSTER_NAME", "lab"),
        ("GKE_REGION", "given"),
    ] {
        world.set_env(name, value);
    }
    world.gce.request_log().clear();
    world.assert_healthy().await;
    assert_eq!(
        queried_hosts(world.gce.request_log())[0],
        format!("{root}instance/attributes/cluster-location")
    );
}

#[tokio::test]
async fn configured_metadata_is_not_queried() {
    let mut world = LabCluster::of("gke");
    for name in [
        "GKE_PROJECT_ID",
        "GKE_CLUSTER_NAME",
        "GKE_REGION",
        "GKE_LOCATION",
    ] {
        world.set_env(name, "given");
    }
    let check_states = world.run_checks().await;
    let gce = of(&check_states, CheckId::GceMetadata);
    assert_eq!(
        (gce.status(), gce.need),
        (Status::NotApplicable, Need::None)
    );
    assert_eq!(
        of(&check_states, CheckId::ClusterMetadata).status(),
        Status::Ok
    );
    assert!(
        !queried_hosts(world.gce.request_log())
            .iter()
            .any(|path| path.contains("attributes"))
    );

    let mut world = LabCluster::of("aks");
    world.set_env("AKS_LOCATION", "westeurope");
    let check_states = world.run_checks().await;
    assert_eq!(
        of(&check_states, CheckId::AzureImds).status(),
        Status::NotApplicable,
        "the agent exits before it sends a request"
    );
    world.set_env("AKS_NODE_RESOURCE_GROUP", "MC_a_b_westeurope");
    world.set_env("AKS_SUBSCRIPTION_ID", lab::azure_imds::SUBSCRIPTION);
    world.azure.request_log().clear();
    let check_states = world.run_checks().await;
    let azure = of(&check_states, CheckId::AzureImds);
    assert_eq!(
        (azure.status(), azure.need),
        (Status::NotApplicable, Need::None)
    );
    assert_eq!(
        of(&check_states, CheckId::ClusterMetadata).status(),
        Status::Ok
    );
    assert!(
        !queried_hosts(world.azure.request_log())
            .iter()
            .any(|path| path.contains("/instance"))
    );
}

#[tokio::test]
async fn aks_queries_only_azure_imds() {
    let world = LabCluster::of("aks");
    world.assert_healthy().await;
    assert_eq!(
        queried_hosts(world.azure.request_log())[0],
        "/metadata/instance?api-version=2021-05-01&format=json"
    );
    let check_states = world.run_checks().await;
    assert_eq!(of(&check_states, CheckId::AzureImds).need, Need::Start);
    let metadata = evidence(of(&check_states, CheckId::ClusterMetadata));
    assert!(
        metadata.contains("MC_lab-group_lab_westeurope"),
        "{metadata}"
    );
    assert!(
        world.imds.request_log().connections().is_empty()
            && world.gce.request_log().connections().is_empty()
    );
}

#[tokio::test]
async fn metadata_request_through_proxy_is_reported() {
    // Go never proxies loopback addresses; Google's metadata name is not one.
    let mut world = LabCluster::of("gke");
    world.set_env("GCE_METADATA_HOST", "metadata.google.internal");
    world.set_env(
        "HTTP_PROXY",
        &format!("http://proxy.lab:{}", world.proxy.addr().port()),
    );
    let check_states = world.run_checks().await;
    let gce = of(&check_states, CheckId::GceMetadata);
    assert_eq!(
        gce.stable_modes.modes(),
        [M::GcpMetadataHeaderMissing],
        "{}",
        evidence(gce)
    );
    let text = evidence(gce);
    assert!(
        text.contains("proxy.lab:") && text.contains("NO_PROXY"),
        "{text}"
    );
    assert!(world.gce.request_log().connections().is_empty());

    let mut world = LabCluster::of("aks");
    world.file = world
        .file
        .replace(&world.azure.addr().to_string(), "169.254.169.254:80");
    world.set_env(
        "HTTP_PROXY",
        &format!("http://proxy.lab:{}", world.proxy.addr().port()),
    );
    let check_states = world.run_checks().await;
    let azure = of(&check_states, CheckId::AzureImds);
    assert_eq!(
        azure.stable_modes.modes(),
        [M::AzureImdsUnreachable],
        "{}",
        evidence(azure)
    );
    let text = evidence(azure);
    assert!(
        text.contains("proxy.lab:") && text.contains("169.254.169.254"),
        "{text}"
    );
}

#[tokio::test]
async fn metadata_host_must_be_link_local() {
    for host in [
        "192.0.2.1",
        "metadata.example",
        "me:secret@127.0.0.1",
        "127.0.0.1/?x",
        "2001:db8::1",
    ] {
        let mut world = LabCluster::of("gke");
        world.set_env("GCE_METADATA_HOST", host);
        let check_states = world.run_checks().await;
        let gce = of(&check_states, CheckId::GceMetadata);
        assert_eq!(gce.status(), Status::Unknown, "{host}");
        assert!(!evidence(gce).contains("secret"), "{}", evidence(gce));
        assert_evidence(&format!("gce_metadata_host_{host}"), &evidence(gce));
    }
}

#[tokio::test]
async fn metadata_server_failure_blocks_cluster_metadata() {
    let world = LabCluster::of("gke");
    world.gce.set(GceFault::NoClusterName).await;
    let check_states = world.run_checks().await;
    assert_eq!(
        evidence(of(&check_states, CheckId::ClusterMetadata)),
        "blocked by gce_metadata: gcp_metadata_attr_missing"
    );
    let text = evidence(of(&check_states, CheckId::GceMetadata));
    assert!(text.contains("GKE_CLUSTER_NAME"), "{text}");
    let world = LabCluster::of("aks");
    world.azure.set(AzureImdsFault::Restricted).await;
    let check_states = world.run_checks().await;
    assert_eq!(
        evidence(of(&check_states, CheckId::ClusterMetadata)),
        "blocked by azure_imds: azure_imds_restricted"
    );
}

#[tokio::test]
async fn hostile_metadata_responses_do_not_reach_evidence() {
    for name in [
        "hostile",
        "endless-body",
        "noise",
        "html:500",
        "status:418",
        "huge-headers",
        "truncated",
    ] {
        let (gke, aks) = (LabCluster::of("gke"), LabCluster::of("aks"));
        gke.gce.set(name.parse::<GceFault>().unwrap()).await;
        aks.azure.set(name.parse::<AzureImdsFault>().unwrap()).await;
        for (world, check, modes) in [
            (gke, CheckId::GceMetadata, GCE_METADATA),
            (aks, CheckId::AzureImds, AZURE_IMDS),
        ] {
            let check_states = world.run_checks().await;
            for check_state in &check_states {
                let shown = evidence(check_state);
                assert!(
                    !shown.chars().any(char::is_control) && shown.len() < 4096,
                    "{name} {check}: {shown:?}"
                );
            }
            let seen = of(&check_states, check).stable_modes.modes();
            assert!(
                seen.iter().all(|mode| modes.contains(mode)),
                "{name}: {seen:?}"
            );
        }
    }
}
