//! What CAST AI thinks of the cluster: how its id is found, and what is no failure.

use castai_health_exporter::catalogue::{CheckId, Status};
use castai_health_exporter::state::CheckState;
use serde_json::json;
use test_support::lab_cluster::{LabCluster, evidence};

async fn cluster_status(world: &LabCluster) -> CheckState {
    world
        .look()
        .await
        .into_iter()
        .find(|check_state| check_state.check == CheckId::ClusterStatus)
        .unwrap()
}

/// Returns a lab cluster whose agent has no configured cluster id.
fn registered() -> LabCluster {
    let mut world = LabCluster::start();
    world.unset_env("STATIC_CLUSTER_ID");
    world
}

#[tokio::test]
async fn without_a_static_id_the_agents_own_note_serves() {
    let world = registered();
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
async fn an_id_that_is_not_known_is_unknown_and_says_why() {
    let world = registered();
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
    let right = "is not allowed to get configmaps/castai-agent-metadata in namespace castai-agent";
    assert!(
        evidence(&check_state).contains(right),
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn a_cluster_that_sleeps_is_no_failure() {
    let world = LabCluster::start();
    world.castai.set_field("status", json!("hibernated"));
    world.castai.set_field("agentStatus", json!("disconnected"));
    assert_eq!(cluster_status(&world).await.status(), Status::NotApplicable);
}

#[tokio::test]
async fn trouble_on_the_way_is_told_by_castai_api_alone() {
    let world = LabCluster::start();
    world.castai.set(lab::CastAiFault::TokenInvalid).await;
    let check_state = cluster_status(&world).await;
    assert_eq!(check_state.status(), Status::Unknown);
    assert_eq!(
        evidence(&check_state),
        "blocked by castai_api: castai_token_invalid"
    );
}
