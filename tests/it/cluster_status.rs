//! Tests of the cluster status at CAST AI: finding the cluster ID, and statuses that are not failures.

use castai_health_exporter::catalogue::{CheckId, Status};
use castai_health_exporter::state::CheckState;
use serde_json::json;
use test_support::lab_cluster::{LabCluster, evidence};

use crate::golden_entries::assert_evidence;

async fn cluster_status(world: &LabCluster) -> CheckState {
    world
        .run_checks()
        .await
        .into_iter()
        .find(|check_state| check_state.check == CheckId::ClusterStatus)
        .unwrap()
}

/// Returns a lab cluster whose agent has no configured cluster id.
fn without_static_id() -> LabCluster {
    let mut world = LabCluster::start();
    world.unset_env("STATIC_CLUSTER_ID");
    world
}

#[tokio::test]
async fn cluster_id_is_read_from_config_map() {
    let world = without_static_id();
    world.with_cluster_id(lab::CLUSTER_ID);
    let check_state = cluster_status(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn cluster_id_is_remembered_while_the_api_server_is_away() {
    let world = without_static_id();
    world.with_cluster_id(lab::CLUSTER_ID);
    assert_eq!(cluster_status(&world).await.status(), Status::Ok);
    for fault in [
        lab::ApiFault::Denied("configmaps".to_owned()),
        "refused".parse().unwrap(),
    ] {
        world.api.set(fault).await;
        let check_state = cluster_status(&world).await;
        assert_eq!(
            check_state.status(),
            Status::Ok,
            "{}",
            evidence(&check_state)
        );
    }
    // An agent that has not registered has no ID, whatever was known before.
    world.api.heal().await;
    world
        .api
        .objects()
        .remove("ConfigMap", "castai-agent", "castai-agent-metadata");
    cluster_status(&world).await;
    assert_eq!(cluster_status(&world).await.status(), Status::Unknown);
}

#[tokio::test]
async fn missing_cluster_id_is_unknown_with_the_reason() {
    let world = without_static_id();
    world
        .api
        .objects()
        .remove("ConfigMap", "castai-agent", "castai-agent-metadata");
    let check_state = cluster_status(&world).await;
    assert_eq!(check_state.status(), Status::Unknown);
    let missing = "ConfigMap castai-agent/castai-agent-metadata";
    assert!(
        evidence(&check_state).contains(missing),
        "{}",
        evidence(&check_state)
    );

    world
        .api
        .set(lab::ApiFault::Denied("configmaps".to_owned()))
        .await;
    let check_state = cluster_status(&world).await;
    assert_evidence(
        "cluster_status_without_config_map_permission",
        &evidence(&check_state),
    );
}

#[tokio::test]
async fn hibernated_cluster_is_ok() {
    let world = LabCluster::start();
    world.castai.set_field("status", json!("hibernated"));
    world.castai.set_field("agentStatus", json!("disconnected"));
    assert_eq!(cluster_status(&world).await.status(), Status::NotApplicable);
}

#[tokio::test]
async fn connection_failure_is_reported_by_castai_api_only() {
    let world = LabCluster::start();
    world.castai.set(lab::CastAiFault::TokenInvalid).await;
    let check_state = cluster_status(&world).await;
    assert_eq!(check_state.status(), Status::Unknown);
    assert_eq!(
        evidence(&check_state),
        "blocked by castai_api: castai_token_invalid"
    );
}
