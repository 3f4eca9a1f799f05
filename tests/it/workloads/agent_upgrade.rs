//! Tests of `agent_upgrade`.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use test_support::lab_cluster::{LabCluster, evidence};

use crate::golden_entries::assert_evidence;

#[tokio::test]
async fn agent_upgrade_detects_resources_of_another_helm_release() {
    let mut world = LabCluster::start();
    let file = world.file.clone();
    world.file.push_str("  release: castai-umbrella\n");
    world.configure();
    let root = world
        .assert_root(
            CheckId::AgentUpgrade,
            M::AgentUpgradeSelectorImmutable,
            Status::Warning,
        )
        .await;
    let text = evidence(&root);
    assert!(
        text.contains("instance=castai-agent,") && text.contains("instance=castai-umbrella,"),
        "{text}"
    );
    world.file = file;
    world.configure();
    world.assert_healthy().await;
}

#[tokio::test]
async fn outdated_agent_is_reported_with_both_versions() {
    let mut world = LabCluster::start();
    world.castai.set_latest_agent_version("0.161.1");
    let root = world
        .assert_root(
            CheckId::AgentUpgrade,
            M::AgentVersionOutdated,
            Status::Warning,
        )
        .await;
    assert_evidence("agent_version_outdated", &evidence(&root));
    let requests = |world: &LabCluster| {
        let requests = world.castai.request_log().requests();
        requests
            .iter()
            .filter(|request| request.path().ends_with("components:getByName"))
            .count()
    };
    // A response is cached for an hour, and longer while there is no newer one.
    assert_eq!(requests(&world), 1);
    world
        .castai
        .set("token-invalid".parse::<lab::CastAiFault>().unwrap())
        .await;
    world.run_checks().await;
    let advice = world
        .run_checks()
        .await
        .into_iter()
        .find(|check_state| check_state.check == CheckId::AgentUpgrade)
        .unwrap();
    assert_eq!(
        (advice.stable_modes.modes(), requests(&world)),
        (&[M::AgentVersionOutdated][..], 1)
    );
    world.castai.heal().await;
    world.castai.set_latest_agent_version("0.123.1");
    world.configure();
    world.assert_healthy().await;
}

#[tokio::test]
async fn latest_version_falls_back_to_configuration() {
    let mut world = LabCluster::start();
    let file = world.file.clone();
    let advice = async |world: &LabCluster| {
        let check_states = world.run_checks().await;
        check_states
            .into_iter()
            .find(|check_state| check_state.check == CheckId::AgentUpgrade)
            .unwrap()
    };
    world.file = file.replace("latest_version: v0.123.0", "latest_version: v0.161.1");
    world.castai.set_key("another");
    world.configure();
    assert_eq!(
        advice(&world).await.stable_modes.modes(),
        [M::AgentVersionOutdated]
    );
    world.file = file.replace("agent:\n  latest_version: v0.123.0\n", "");
    world.restart_exporter();
    let unknown = advice(&world).await;
    let text = evidence(&unknown);
    assert_eq!(unknown.status(), Status::Ok, "the selector matches: {text}");
    assert_evidence("agent_upgrade_without_castai_api", &text);
}
