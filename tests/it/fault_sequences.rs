//! Faults in a row, with recovery and restarts between them: each is named, and nothing of an earlier
//! one is reported again.
//!
//! The order is random but seeded. Single faults from a fresh start, as in `scenarios`, show none of
//! what the exporter remembers.

mod measured;
mod simulated_agent;

use castai_health_exporter::catalogue::CheckId;
use castai_health_exporter::classify::classify_line;
use castai_health_exporter::config::Vantage;
use castai_health_exporter::diagnosis::Diagnosis;
use castai_health_exporter::state::CheckState;
use simulated_agent::SimulatedAgent;
use test_support::lab_cluster::{LabCluster, evidence, state_of};
use test_support::scenarios::heal_servers;
use test_support::sequence::faults::faults;
use test_support::sequence::{Credentials, Random, Reaction, SequenceFault};

/// Faults in one sequence.
const FAULTS: usize = 13;
/// Rounds of checks after which a fault must be named, or everything `ok`. A round stands for one
/// attempt of every check, so a check that follows from another needs a second one.
const ROUNDS: usize = 3;
/// The age of the agent's last line about a fault when it recovers, in seconds: it has tried again
/// since.
const LINE_AGE: i64 = 25;
/// The age of a restart when it is seen, in seconds.
const RESTART_AGE: i64 = 30;

#[tokio::test]
async fn first_order_of_faults_is_told_apart() {
    play(1, Credentials::WebIdentity).await;
}

#[tokio::test]
async fn second_order_of_faults_is_told_apart() {
    play(2, Credentials::Node).await;
}

#[tokio::test]
async fn third_order_of_faults_is_told_apart() {
    play(3, Credentials::WebIdentity).await;
}

#[tokio::test]
async fn fourth_order_of_faults_is_told_apart() {
    play(4, Credentials::Node).await;
}

#[tokio::test]
async fn fifth_order_of_faults_is_told_apart() {
    play(5, Credentials::WebIdentity).await;
}

#[tokio::test]
async fn sixth_order_of_faults_is_told_apart() {
    play(6, Credentials::Node).await;
}

async fn play(seed: u64, credentials: Credentials) {
    let mut world = credentials.start_lab();
    let mut agent = SimulatedAgent::new(world.api.objects(), world.api.logs());
    let mut random = Random::new(seed);
    world.assert_healthy().await;
    let mut before = "the start";
    for fault in random.order(faults(credentials), FAULTS) {
        let name = fault.scenario.name;
        let after = format!("{name} after {before}, seed {seed}");
        fault.inject(&mut world).await;
        match fault.agent {
            Reaction::LogsOnce(line) => agent.logs_ago(0, line),
            Reaction::Logs(line) | Reaction::Exits(line) => agent.logs_ago(LINE_AGE, line),
            Reaction::Unaware => {}
        }
        settle(&world, &after, |states| misnamed(states, fault)).await;
        heal_servers(&mut world).await;
        if matches!(fault.agent, Reaction::Exits(_)) {
            agent.restarts_ago(RESTART_AGE);
        }
        agent.delivers();
        settle(&world, &format!("recovery from {after}"), |states| {
            world.unhealthy(states)
        })
        .await;
        // A restart for another reason brings nothing back.
        if random.below(2) == 0 {
            agent.restarts_ago(RESTART_AGE);
            let unhealthy = world.unhealthy(&world.run_checks().await);
            assert!(
                unhealthy.is_empty(),
                "restart after {after}: {unhealthy:#?}"
            );
            agent.delivers();
        }
        before = name;
    }
}

/// Runs the checks until nothing is wrong, which must be soon.
async fn settle(world: &LabCluster, what: &str, wrong: impl Fn(&[CheckState]) -> Vec<String>) {
    let mut seen = Vec::new();
    for _ in 0..ROUNDS {
        seen = wrong(&world.run_checks().await);
        if seen.is_empty() {
            return;
        }
    }
    panic!("{what}: {seen:#?}");
}

/// Returns what is wrong while a fault lasts: its root cause is not the only one, or the agent's log
/// is said to contain something else.
fn misnamed(check_states: &[CheckState], fault: SequenceFault) -> Vec<String> {
    let scenario = fault.scenario;
    let diagnosis = Diagnosis::new(check_states, Vantage::Sidecar);
    let named = state_of(check_states, scenario.check);
    let logged = state_of(check_states, CheckId::AgentLog);
    let line_mode = fault
        .agent
        .line()
        .and_then(|line| classify_line(line).mode());
    let mut wrong = Vec::new();
    if named.stable_modes.modes() != [scenario.mode] || named.status() != scenario.status {
        wrong.push(format!(
            "{} shows {:?}: {}",
            scenario.check,
            named.stable_modes.modes(),
            evidence(named)
        ));
    }
    let roots = diagnosis.root_checks();
    if roots != [scenario.check] {
        let evidence = roots.iter().map(|root| {
            let state = state_of(check_states, *root);
            format!("{root} is a root: {}", evidence(state))
        });
        wrong.extend(evidence);
    }
    if logged
        .stable_modes
        .modes()
        .iter()
        .any(|mode| Some(*mode) != line_mode)
    {
        wrong.push(format!("the agent's log: {}", evidence(logged)));
    }
    wrong
}
