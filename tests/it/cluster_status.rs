//! What CAST AI thinks of the cluster: how its id is found, and what is no failure.

use castai_health_exporter::catalogue::{CheckId, Status};
use castai_health_exporter::state::Standing;
use serde_json::json;
use test_support::world::{CheckContext, evidence};

async fn cluster_status(world: &CheckContext) -> Standing {
    world
        .look()
        .await
        .into_iter()
        .find(|standing| standing.check == CheckId::ClusterStatus)
        .unwrap()
}

/// A world whose agent was not told its cluster's id.
fn registered() -> CheckContext {
    let mut world = CheckContext::start();
    world.unset_env("STATIC_CLUSTER_ID");
    world
}

#[tokio::test]
async fn without_a_static_id_the_agents_own_note_serves() {
    let world = registered();
    world.with_cluster_id(lab::CLUSTER_ID);
    let standing = cluster_status(&world).await;
    assert_eq!(standing.status(), Status::Ok, "{}", evidence(&standing));
}

#[tokio::test]
async fn an_id_that_is_not_known_is_unknown_and_says_why() {
    let world = registered();
    world
        .api
        .objects()
        .remove("ConfigMap", "castai-agent", "castai-agent-metadata");
    let standing = cluster_status(&world).await;
    assert_eq!(standing.status(), Status::Unknown);
    let missing = "there is no ConfigMap castai-agent/castai-agent-metadata";
    assert!(
        evidence(&standing).contains(missing),
        "{}",
        evidence(&standing)
    );

    world
        .api
        .set(lab::ApiFault::Denied("configmaps".to_owned()))
        .await;
    let standing = cluster_status(&world).await;
    let right = "may not get configmaps/castai-agent-metadata in the namespace castai-agent";
    assert!(
        evidence(&standing).contains(right),
        "{}",
        evidence(&standing)
    );
}

#[tokio::test]
async fn a_cluster_that_sleeps_is_no_failure() {
    let world = CheckContext::start();
    world.castai.set_field("status", json!("hibernated"));
    world.castai.set_field("agentStatus", json!("disconnected"));
    assert_eq!(cluster_status(&world).await.status(), Status::NotApplicable);
}

#[tokio::test]
async fn trouble_on_the_way_is_told_by_castai_api_alone() {
    let world = CheckContext::start();
    world.castai.set(lab::CastAiFault::TokenInvalid).await;
    let standing = cluster_status(&world).await;
    assert_eq!(standing.status(), Status::Unknown);
    assert_eq!(
        evidence(&standing),
        "blocked by castai_api: castai_token_invalid"
    );
}
