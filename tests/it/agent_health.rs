//! Tests of `agent_health`: the agent's probes, its lease, and what each of them cannot prove.

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status};
use castai_health_exporter::config::{AgentDiscovery, AgentEnvironment, DiscoveredAgent, Secret};
use castai_health_exporter::state::CheckState;
use lab::{AgentFault, ApiFault};
use test_support::lab_cluster::{LabCluster, evidence};

const LEASE: &str = "agent-leader-election-lock";

async fn agent_health(world: &LabCluster) -> CheckState {
    world
        .look()
        .await
        .into_iter()
        .find(|check_state| check_state.check == CheckId::AgentHealth)
        .unwrap()
}

#[tokio::test]
async fn an_agent_that_was_started_just_now_may_take_its_time() {
    let world = LabCluster::start();
    world.agent.restart();
    for fault in [AgentFault::NotStarted, AgentFault::Initialising] {
        world.agent.set(fault).await;
        let check_state = agent_health(&world).await;
        assert_eq!(
            check_state.status(),
            Status::Warning,
            "{}",
            evidence(&check_state)
        );
        assert_eq!(
            check_state.settled.modes(),
            [FailureMode::AgentNotReadyInitialising]
        );
    }
}

#[tokio::test]
async fn an_older_agent_is_asked_at_its_own_place() {
    let world = LabCluster::start();
    world.agent.set(AgentFault::Old).await;
    let check_state = agent_health(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
    assert!(
        evidence(&check_state).contains("before v0.104"),
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn a_followers_word_says_nothing_of_deliveries() {
    let world = LabCluster::start();
    world.agent.set_leader(false);
    let check_state = agent_health(&world).await;
    assert!(
        evidence(&check_state).contains("is a follower"),
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn a_lease_that_may_not_be_read_leaves_the_rest_judged() {
    let world = LabCluster::start();
    world.api.set(ApiFault::Denied("leases".to_owned())).await;
    let check_state = agent_health(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
    let right = "is not allowed to get leases/agent-leader-election-lock in namespace castai-agent";
    assert!(
        evidence(&check_state).contains(right),
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn without_leader_election_no_lease_is_missed() {
    let mut world = LabCluster::start();
    world.no_leader = Some(LEASE);
    world.api.objects().remove("Lease", "castai-agent", LEASE);
    world.set_env("LEADER_ELECTION_ENABLED", "false");
    assert_eq!(agent_health(&world).await.status(), Status::Ok);
}

/// The agent holds its lease in namespace `ops`; the chart's namespace has no holder.
fn led_in_ops(world: &mut LabCluster) {
    world.no_leader = Some(LEASE);
    let objects = world.api.objects();
    let mut lease = objects.get("Lease", "castai-agent", LEASE).unwrap();
    objects.remove("Lease", "castai-agent", LEASE);
    lease["metadata"]["namespace"] = "ops".into();
    objects.put(lease);
}

#[tokio::test]
async fn a_lease_counts_where_the_agent_looks_for_it() {
    let mut world = LabCluster::start();
    world.set_env("LEADER_ELECTION_NAMESPACE", "ops");
    world.only = Some(&[CheckId::AgentHealth]);
    world.configure();
    let check_state = agent_health(&world).await;
    assert_eq!(
        check_state.settled.modes(),
        [FailureMode::AgentNoLeader],
        "{}",
        evidence(&check_state)
    );
    assert!(
        evidence(&check_state).contains("lease ops/agent-leader-election-lock does not exist"),
        "{}",
        evidence(&check_state)
    );
    led_in_ops(&mut world);
    let check_state = agent_health(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn an_agent_in_another_namespace_still_elects_in_the_charts_until_it_is_told() {
    let mut world = LabCluster::start();
    world.file = world.file.replace("agent:\n", "agent:\n  namespace: ops\n");
    world.only = Some(&[CheckId::AgentHealth]);
    world.configure();
    led_in_ops(&mut world);
    let check_state = agent_health(&world).await;
    assert_eq!(
        check_state.settled.modes(),
        [FailureMode::AgentNoLeader],
        "{}",
        evidence(&check_state)
    );
    let there = "lease castai-agent/agent-leader-election-lock does not exist";
    assert!(
        evidence(&check_state).contains(there),
        "{}",
        evidence(&check_state)
    );
    let remedy = FailureMode::AgentNoLeader.entry().remedy;
    assert!(
        remedy.contains("in another namespace must set `LEADER_ELECTION_NAMESPACE`"),
        "{remedy}"
    );
}

/// Returns a lab cluster seen by a companion, whose agent pod has this address.
fn companion(address: Option<&str>) -> LabCluster {
    let mut world = LabCluster::start();
    world.file = format!("vantage: companion\n{}", world.file);
    let variables = world
        .env
        .iter()
        .map(|(name, value)| (name.clone(), Secret::new(value.as_str())));
    world.seen = Some(AgentDiscovery::Found(DiscoveredAgent {
        source: AgentEnvironment::Pod,
        object: lab::apiserver::workload::POD.to_owned(),
        address: address.map(str::to_owned),
        service_account: "castai-agent".to_owned(),
        variables: variables.collect(),
        unseen: Vec::new(),
        tokens: Vec::new(),
        version: None,
        skips_agent: false,
    }));
    world.only = Some(&[CheckId::AgentHealth]);
    world.configure();
    world
}

#[tokio::test]
async fn from_another_pod_the_agent_is_asked_at_its_pods_address() {
    let world = companion(Some("127.0.0.1"));
    let check_state = agent_health(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
    world.agent.set(AgentFault::Overdue).await;
    assert_eq!(
        agent_health(&world).await.settled.modes(),
        [FailureMode::AgentUnhealthy]
    );
    world.agent.set(AgentFault::Refused).await;
    let closed = agent_health(&world).await;
    let modes = closed.latest.as_ref().unwrap().verdict.modes();
    assert_eq!(
        modes,
        [FailureMode::AgentHealthUnreachable],
        "{}",
        evidence(&closed)
    );
    world.agent.set(AgentFault::Hang).await;
    let silent = agent_health(&world).await;
    assert_eq!(
        silent.status(),
        Status::Unknown,
        "a network policy may be why: {}",
        evidence(&silent)
    );
    world.agent.heal().await;
    assert_eq!(agent_health(&world).await.status(), Status::Ok);
}

#[tokio::test]
async fn a_pod_without_an_address_and_an_agent_that_nobody_looked_for_are_not_judged() {
    assert_eq!(
        agent_health(&companion(None)).await.status(),
        Status::Unknown
    );
    let mut world = companion(None);
    world.seen = Some(AgentDiscovery::Absent(
        "there is no Deployment castai-agent".to_owned(),
    ));
    world.configure_anew();
    assert_eq!(agent_health(&world).await.status(), Status::NotApplicable);
}
