//! GKE and AKS beside what the scenarios tell: what is asked, on which way, and what is not asked of anybody else.

use castai_health_exporter::catalogue::groups::{AZURE_IMDS_MODES, GCE_MODES};
use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Need, Status};
use castai_health_exporter::state::Standing;
use lab::{AzureImdsFault, GceFault, Journal};
use test_support::world::{CheckContext, evidence};

fn of(standings: &[Standing], check: CheckId) -> &Standing {
    standings
        .iter()
        .find(|standing| standing.check == check)
        .unwrap()
}

fn asked(journal: &Journal) -> Vec<String> {
    journal
        .requests()
        .iter()
        .map(|request| request.target.clone())
        .collect()
}

#[tokio::test]
async fn on_gke_google_alone_is_asked_and_what_the_agent_asks() {
    let mut world = CheckContext::of("gke");
    world.assert_healthy().await;
    let root = "/computeMetadata/v1/";
    let paths = [
        "project/project-id",
        "instance/attributes/cluster-name",
        "instance/zone",
        "instance/attributes/cluster-location",
    ];
    assert_eq!(
        asked(world.gce.journal())[..4],
        paths.map(|path| format!("{root}{path}"))
    );
    let standings = world.look().await;
    assert_eq!(of(&standings, CheckId::GceMetadata).need, Need::Start);
    assert_eq!(of(&standings, CheckId::AzureImds).need, Need::None);
    let metadata = evidence(of(&standings, CheckId::ClusterMetadata));
    assert!(
        metadata.contains("instance/attributes/cluster-name \"lab\""),
        "{metadata}"
    );
    assert!(
        world.imds.journal().connections().is_empty()
            && world.azure.journal().connections().is_empty()
    );

    for (name, value) in [
        ("GKE_PROJECT_ID", "lab-project"),
        ("GKE_CLUSTER_NAME", "lab"),
        ("GKE_REGION", "given"),
    ] {
        world.set_env(name, value);
    }
    world.gce.journal().clear();
    world.assert_healthy().await;
    assert_eq!(
        asked(world.gce.journal())[0],
        format!("{root}instance/attributes/cluster-location")
    );
}

#[tokio::test]
async fn what_is_given_is_asked_of_nobody() {
    let mut world = CheckContext::of("gke");
    for name in [
        "GKE_PROJECT_ID",
        "GKE_CLUSTER_NAME",
        "GKE_REGION",
        "GKE_LOCATION",
    ] {
        world.set_env(name, "given");
    }
    let standings = world.look().await;
    let gce = of(&standings, CheckId::GceMetadata);
    assert_eq!(
        (gce.status(), gce.need),
        (Status::NotApplicable, Need::None)
    );
    assert_eq!(
        of(&standings, CheckId::ClusterMetadata).status(),
        Status::Ok
    );
    assert!(
        !asked(world.gce.journal())
            .iter()
            .any(|path| path.contains("attributes"))
    );

    let mut world = CheckContext::of("aks");
    world.set_env("AKS_LOCATION", "westeurope");
    let standings = world.look().await;
    assert_eq!(
        of(&standings, CheckId::AzureImds).status(),
        Status::NotApplicable,
        "the agent ends before it asks"
    );
    world.set_env("AKS_NODE_RESOURCE_GROUP", "MC_a_b_westeurope");
    world.set_env("AKS_SUBSCRIPTION_ID", lab::azure_imds::SUBSCRIPTION);
    world.azure.journal().clear();
    let standings = world.look().await;
    let azure = of(&standings, CheckId::AzureImds);
    assert_eq!(
        (azure.status(), azure.need),
        (Status::NotApplicable, Need::None)
    );
    assert_eq!(
        of(&standings, CheckId::ClusterMetadata).status(),
        Status::Ok
    );
    assert!(
        !asked(world.azure.journal())
            .iter()
            .any(|path| path.contains("/instance"))
    );
}

#[tokio::test]
async fn on_aks_azure_alone_is_asked_and_what_the_agent_asks() {
    let world = CheckContext::of("aks");
    world.assert_healthy().await;
    assert_eq!(
        asked(world.azure.journal())[0],
        "/metadata/instance?api-version=2021-05-01&format=json"
    );
    let standings = world.look().await;
    assert_eq!(of(&standings, CheckId::AzureImds).need, Need::Start);
    let metadata = evidence(of(&standings, CheckId::ClusterMetadata));
    assert!(
        metadata.contains("node resource group \"MC_lab-group_lab_westeurope\""),
        "{metadata}"
    );
    assert!(
        world.imds.journal().connections().is_empty()
            && world.gce.journal().connections().is_empty()
    );
}

#[tokio::test]
async fn a_proxy_that_the_agent_takes_is_taken_and_told() {
    // Go sends loopback addresses through no proxy, and Google's name is none.
    let mut world = CheckContext::of("gke");
    world.set_env("GCE_METADATA_HOST", "metadata.google.internal");
    world.set_env(
        "HTTP_PROXY",
        &format!("http://proxy.lab:{}", world.proxy.addr().port()),
    );
    let standings = world.look().await;
    let gce = of(&standings, CheckId::GceMetadata);
    assert_eq!(
        gce.settled.modes(),
        [M::GcpMetadataHeaderMissing],
        "{}",
        evidence(gce)
    );
    let said = evidence(gce);
    assert!(
        said.contains("through the proxy proxy.lab:") && said.contains("into NO_PROXY"),
        "{said}"
    );
    assert!(world.gce.journal().connections().is_empty());

    let mut world = CheckContext::of("aks");
    world.file = world
        .file
        .replace(&world.azure.addr().to_string(), "169.254.169.254:80");
    world.set_env(
        "HTTP_PROXY",
        &format!("http://proxy.lab:{}", world.proxy.addr().port()),
    );
    let standings = world.look().await;
    let azure = of(&standings, CheckId::AzureImds);
    assert_eq!(
        azure.settled.modes(),
        [M::AzureImdsUnreachable],
        "{}",
        evidence(azure)
    );
    let said = evidence(azure);
    assert!(
        said.contains("through the proxy proxy.lab:") && said.contains("169.254.169.254"),
        "{said}"
    );
}

#[tokio::test]
async fn a_host_that_is_not_the_nodes_own_is_not_asked() {
    for host in [
        "192.0.2.1",
        "metadata.example",
        "me:secret@127.0.0.1",
        "127.0.0.1/?x",
        "2001:db8::1",
    ] {
        let mut world = CheckContext::of("gke");
        world.set_env("GCE_METADATA_HOST", host);
        let standings = world.look().await;
        let gce = of(&standings, CheckId::GceMetadata);
        assert_eq!(gce.status(), Status::Unknown, "{host}");
        assert!(
            evidence(gce).contains("does not ask there") && !evidence(gce).contains("secret"),
            "{}",
            evidence(gce)
        );
    }
}

#[tokio::test]
async fn a_metadata_server_that_fails_blocks_the_clusters_metadata() {
    let world = CheckContext::of("gke");
    world.gce.set(GceFault::NoClusterName).await;
    let standings = world.look().await;
    assert_eq!(
        evidence(of(&standings, CheckId::ClusterMetadata)),
        "blocked by gce_metadata: gcp_metadata_attr_missing"
    );
    let said = evidence(of(&standings, CheckId::GceMetadata));
    assert!(said.contains("GKE_CLUSTER_NAME is not set"), "{said}");
    let world = CheckContext::of("aks");
    world.azure.set(AzureImdsFault::Restricted).await;
    let standings = world.look().await;
    assert_eq!(
        evidence(of(&standings, CheckId::ClusterMetadata)),
        "blocked by azure_imds: azure_imds_restricted"
    );
}

#[tokio::test]
async fn hostile_bytes_of_metadata_servers_reach_no_evidence() {
    for name in [
        "hostile",
        "endless-body",
        "noise",
        "html:500",
        "status:418",
        "huge-headers",
        "truncated",
    ] {
        let (gke, aks) = (CheckContext::of("gke"), CheckContext::of("aks"));
        gke.gce.set(name.parse::<GceFault>().unwrap()).await;
        aks.azure.set(name.parse::<AzureImdsFault>().unwrap()).await;
        for (world, check, modes) in [
            (gke, CheckId::GceMetadata, GCE_MODES),
            (aks, CheckId::AzureImds, AZURE_IMDS_MODES),
        ] {
            let standings = world.look().await;
            for standing in &standings {
                let shown = evidence(standing);
                assert!(
                    !shown.chars().any(char::is_control) && shown.len() < 4096,
                    "{name} {check}: {shown:?}"
                );
            }
            let seen = of(&standings, check).settled.modes();
            assert!(
                seen.iter().all(|mode| modes.contains(mode)),
                "{name}: {seen:?}"
            );
        }
    }
}
