//! Tests of cloud tokens that `control_plane_access` requests on GKE and AKS.

use std::fs;
use std::net::IpAddr;

use castai_health_exporter::catalogue::Status;
use lab::azure_imds::AZURE_TOKEN;
use lab::cloud_api::{FEDERATED_TOKEN, TENANT_ID, WORKLOAD_CLIENT_ID};
use lab::gce::GOOGLE_TOKEN;
use lab::{AzureImdsFault, CertificateKind, CloudApiFault, GceFault, Pki, RogueServer};
use test_support::lab_cluster::LabCluster;

use super::check_control_plane_access;
use crate::golden_entries::assert_evidence;

#[tokio::test]
async fn missing_cloud_token_is_unknown() {
    let world = LabCluster::of("gke");
    world.gce.set(GceFault::NoServiceAccount).await;
    let (status, evidence) = check_control_plane_access(&world).await;
    assert_eq!(status, Status::Unknown);
    assert_evidence("control_plane_gke_without_token", &evidence);
    for fault in [
        AzureImdsFault::NoIdentity,
        AzureImdsFault::ManyIdentities,
        AzureImdsFault::Restricted,
    ] {
        let mut world = LabCluster::of("aks");
        world.set_env("AKS_LOCATION", "westeurope");
        world.set_env("AKS_NODE_RESOURCE_GROUP", "MC_lab-group_lab_westeurope");
        world.set_env("AKS_SUBSCRIPTION_ID", lab::azure_imds::SUBSCRIPTION);
        world.azure.set(fault.clone()).await;
        let (status, evidence) = check_control_plane_access(&world).await;
        assert_eq!(status, Status::Unknown, "{fault}");
        assert_evidence(&format!("control_plane_aks_token_{fault}"), &evidence);
        if fault == AzureImdsFault::ManyIdentities {
            world.set_env("AZURE_CLIENT_ID", WORKLOAD_CLIENT_ID);
            assert_eq!(
                check_control_plane_access(&world).await.0,
                Status::Ok,
                "a configured identity is used"
            );
        }
    }
}

#[tokio::test]
async fn workload_identity_overrides_node_identity() {
    let mut world = LabCluster::of("aks");
    let file = world.mounted("azure-token");
    fs::write(&file, FEDERATED_TOKEN).unwrap();
    world.set_env("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap());
    world.set_env("AZURE_CLIENT_ID", WORKLOAD_CLIENT_ID);
    world.set_env("AZURE_TENANT_ID", TENANT_ID);
    let (status, evidence) = check_control_plane_access(&world).await;
    assert_eq!(status, Status::Ok, "{evidence}");
    assert!(
        !world
            .azure
            .request_log()
            .requests()
            .iter()
            .any(|request| request.target.contains("oauth2"))
    );
    let scope = format!(
        "https://management.lab:{}/.default",
        world.apis[1].addr().port()
    );
    let login = &world.apis[2].request_log().requests()[0];
    assert!(
        login.parameters().contains(&("scope".to_owned(), scope)),
        "{:?}",
        login.parameters()
    );

    world.apis[2].set(CloudApiFault::Hostile).await;
    let (status, evidence) = check_control_plane_access(&world).await;
    assert_eq!(status, Status::Unknown);
    assert!(
        !evidence.contains(FEDERATED_TOKEN) && !evidence.chars().any(char::is_control),
        "{evidence}"
    );
    world.apis[2].set(CloudApiFault::Forbidden).await;
    let (status, evidence) = check_control_plane_access(&world).await;
    assert!(
        status == Status::Unknown && evidence.contains("AADSTS70021"),
        "{evidence}"
    );
    fs::remove_file(&file).unwrap();
    let (status, evidence) = check_control_plane_access(&world).await;
    assert!(
        status == Status::Unknown && evidence.contains("AZURE_FEDERATED_TOKEN_FILE"),
        "{evidence}"
    );
}

#[tokio::test]
async fn impostor_metadata_server_receives_no_token() {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let elsewhere = Pki::new("Somebody Else");
    let rogue = RogueServer::tls(
        IpAddr::from([127, 0, 90, 1]),
        &elsewhere,
        CertificateKind::Valid,
        vec!["container.lab".to_owned()],
    )
    .unwrap();
    let (gke, aks) = (LabCluster::of("gke"), LabCluster::of("aks"));
    for world in [&gke, &aks] {
        for name in ["container.lab", "management.lab"] {
            world
                .dns
                .set_for(name, lab::DnsFault::Address(rogue.addr().ip().to_string()));
        }
    }
    for (mut world, api) in [(gke, 0), (aks, 1)] {
        let port = world.apis[api].addr().port().to_string();
        world.file = world.file.replace(
            &format!("lab:{port}"),
            &format!("lab:{}", rogue.addr().port()),
        );
        world.configure();
        let (status, evidence) = check_control_plane_access(&world).await;
        assert_eq!(status, Status::Unknown, "{evidence}");
    }
    assert!(!rogue.request_log().connections().is_empty());
    for secret in [GOOGLE_TOKEN, AZURE_TOKEN] {
        assert!(!rogue.has_received(secret));
    }
}
