//! Tests of the counter of unclassified lines.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::report::Observation;
use castai_health_exporter::state::CheckState;
use lab::apiserver::workload::POD;
use test_support::lab_cluster::LabCluster;

use super::{agent_log, agent_log_only, restart_agent};

#[tokio::test]
async fn unclassified_lines_are_counted() {
    let world = LabCluster::start();
    world
        .api
        .logs()
        .write(POD, "agent", "panic: the flux capacitor is empty");
    let check_state = world
        .assert_root(CheckId::AgentLog, M::Unclassified, Status::Warning)
        .await;
    let observations = &check_state.latest.unwrap().observations;
    assert!(
        observations.contains(&Observation::UnclassifiedLines("agent", 1)),
        "{observations:?}"
    );
}

/// Returns the number of log lines that no rule recognised.
fn unclassified_lines(check_state: &CheckState) -> u64 {
    let observations = &check_state.latest.as_ref().unwrap().observations;
    observations
        .iter()
        .find_map(|fact| {
            if let Observation::UnclassifiedLines("agent", lines) = fact {
                Some(*lines)
            } else {
                None
            }
        })
        .unwrap()
}

#[tokio::test]
async fn unclassified_counter_never_decreases() {
    let world = agent_log_only();
    let mut counted = Vec::new();
    for life in 1..4 {
        world
            .api
            .logs()
            .write(POD, "agent", "panic: the flux capacitor is empty");
        counted.push(unclassified_lines(&agent_log(&world).await));
        world.api.logs().restart(POD, "agent");
        restart_agent(&world, life, true);
        counted.push(unclassified_lines(&agent_log(&world).await));
    }
    assert_eq!(counted, [1, 1, 2, 2, 3, 3]);
}

#[tokio::test]
async fn reload_keeps_unclassified_counter() {
    let mut world = agent_log_only();
    world
        .api
        .logs()
        .write(POD, "agent", "panic: the flux capacitor is empty");
    assert_eq!(unclassified_lines(&agent_log(&world).await), 1);
    world.api.logs().rotate(POD, "agent");
    world.configure();
    assert_eq!(unclassified_lines(&agent_log(&world).await), 1);
}
