//! Tests of component logs, including logs that cannot be read.

use castai_health_exporter::catalogue::metric::COMPONENTS;
use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::state::CheckState;
use lab::apiserver::workload::AGENT;
use lab::apiserver::{LogFault, workload};
use serde_json::json;
use test_support::lab_cluster::{LabCluster, evidence};

use super::faults::TOKEN_REJECTED_LINES;

/// Creates a component with all pods running.
fn component(world: &LabCluster, name: &str) -> String {
    let (deployment, set) = (format!("castai-{name}"), format!("castai-{name}-5c4d3b2a1"));
    let pod = format!("{set}-x1x2x");
    for object in
        workload::deployment_with_pods(&deployment, &deployment, &set, &[&pod], "component:1")
    {
        world.api.objects().put(object);
    }
    pod
}

#[tokio::test]
async fn logs_of_every_component_are_read() {
    let world = LabCluster::start();
    let pods: Vec<_> = COMPONENTS
        .iter()
        .map(|name| component(&world, name))
        .collect();
    world.assert_healthy().await;
    let last = pods.iter().max().unwrap();
    let name = last
        .trim_start_matches("castai-")
        .trim_end_matches("-5c4d3b2a1-x1x2x");
    world
        .api
        .logs()
        .write(last, name, TOKEN_REJECTED_LINES[0].1);
    let root = world
        .assert_root(CheckId::Components, M::CastaiTokenInvalid, Status::Failing)
        .await;
    assert!(evidence(&root).contains(last), "{}", evidence(&root));
}

#[tokio::test]
async fn component_failure_is_reported_while_another_log_is_unreadable() {
    let world = LabCluster::start();
    let (refused, unread) = (
        component(&world, "pod-mutator"),
        component(&world, "egressd"),
    );
    world
        .api
        .logs()
        .set_fault(&unread, "egressd", false, LogFault::KubeletUnreachable);
    let check_states = world.run_checks().await;
    let of = |check: CheckId| move |check_state: &&CheckState| check_state.check == check;
    let well = check_states.iter().find(of(CheckId::Components)).unwrap();
    assert_eq!(well.status(), Status::Ok);
    assert!(
        evidence(well).contains(&format!("not read: {unread}/egressd (")),
        "{}",
        evidence(well)
    );
    world
        .api
        .logs()
        .write(&refused, "pod-mutator", TOKEN_REJECTED_LINES[0].1);
    world.api.objects().change("Pod", AGENT, &unread, |pod| {
        pod["status"]["containerStatuses"] = json!([]);
    });
    let root = world
        .assert_root(CheckId::Components, M::CastaiTokenInvalid, Status::Failing)
        .await;
    assert!(evidence(&root).contains(&refused), "{}", evidence(&root));
}

#[tokio::test]
async fn partly_available_cluster_controller_is_reported_without_log_access() {
    let world = LabCluster::start();
    let pods = [
        "castai-cluster-controller-7f6d5c4b3-aaaaa",
        "castai-cluster-controller-7f6d5c4b3-bbbbb",
    ];
    world.api.logs().set_fault(
        pods[0],
        "cluster-controller",
        false,
        LogFault::KubeletUnreachable,
    );
    let controller = |check_states: Vec<CheckState>| {
        check_states
            .into_iter()
            .find(|check_state| check_state.check == CheckId::ClusterController)
            .unwrap()
    };
    let well = controller(world.run_checks().await);
    assert_eq!(well.status(), Status::Ok);
    assert!(
        evidence(&well).contains(&format!("not read: {}/cluster-controller (", pods[0])),
        "{}",
        evidence(&well)
    );
    world.api.logs().set_fault(
        pods[1],
        "cluster-controller",
        false,
        LogFault::KubeletUnreachable,
    );
    assert_eq!(
        controller(world.run_checks().await).status(),
        Status::Unknown
    );
    world.api.objects().change("Pod", AGENT, pods[1], |pod| {
        pod["status"]["containerStatuses"][0]["restartCount"] = json!(7);
        pod["status"]["containerStatuses"][0]["state"] =
            json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container" } });
        pod["status"]["containerStatuses"][0]["lastState"] = workload::terminated(1, "Error", 100, 60);
        pod["status"]["containerStatuses"][0]["ready"] = json!(false);
        pod["status"]["conditions"] = json!([{ "type": "Ready", "status": "False" }]);
    });
    let half = controller(world.run_checks().await);
    assert_eq!(
        (half.stable_modes.modes(), half.status()),
        (&[M::AgentCrashloop][..], Status::Warning),
        "{}",
        evidence(&half)
    );
}
