//! What the agent says of its own health, and what that does not prove.

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status};
use castai_health_exporter::config::{AgentEnvironment, AgentSeen, Elsewhere, Secret};
use castai_health_exporter::state::Standing;
use lab::{AgentFault, ApiFault};
use test_support::world::{CheckContext, evidence};

const LEASE: &str = "agent-leader-election-lock";

async fn agent_health(world: &CheckContext) -> Standing {
    world
        .look()
        .await
        .into_iter()
        .find(|standing| standing.check == CheckId::AgentHealth)
        .unwrap()
}

#[tokio::test]
async fn an_agent_that_was_started_just_now_may_take_its_time() {
    let world = CheckContext::start();
    world.agent.restart();
    for fault in [AgentFault::NotStarted, AgentFault::Initialising] {
        world.agent.set(fault).await;
        let standing = agent_health(&world).await;
        assert_eq!(
            standing.status(),
            Status::Warning,
            "{}",
            evidence(&standing)
        );
        assert_eq!(
            standing.settled.modes(),
            [FailureMode::AgentNotReadyInitialising]
        );
    }
}

#[tokio::test]
async fn an_older_agent_is_asked_at_its_own_place() {
    let world = CheckContext::start();
    world.agent.set(AgentFault::Old).await;
    let standing = agent_health(&world).await;
    assert_eq!(standing.status(), Status::Ok, "{}", evidence(&standing));
    assert!(
        evidence(&standing).contains("before v0.104"),
        "{}",
        evidence(&standing)
    );
}

#[tokio::test]
async fn a_followers_word_says_nothing_of_deliveries() {
    let world = CheckContext::start();
    world.agent.lead(false);
    let standing = agent_health(&world).await;
    assert!(
        evidence(&standing).contains("it follows"),
        "{}",
        evidence(&standing)
    );
}

#[tokio::test]
async fn a_lease_that_may_not_be_read_leaves_the_rest_judged() {
    let world = CheckContext::start();
    world.api.set(ApiFault::Denied("leases".to_owned())).await;
    let standing = agent_health(&world).await;
    assert_eq!(standing.status(), Status::Ok, "{}", evidence(&standing));
    let right = "may not get leases/agent-leader-election-lock in the namespace castai-agent";
    assert!(
        evidence(&standing).contains(right),
        "{}",
        evidence(&standing)
    );
}

#[tokio::test]
async fn without_leader_election_no_lease_is_missed() {
    let mut world = CheckContext::start();
    world.no_leader = Some(LEASE);
    world.api.objects().remove("Lease", "castai-agent", LEASE);
    world.set_env("LEADER_ELECTION_ENABLED", "false");
    assert_eq!(agent_health(&world).await.status(), Status::Ok);
}

/// Somebody leads in the namespace `ops`, and nobody in the chart's.
fn led_in_ops(world: &mut CheckContext) {
    world.no_leader = Some(LEASE);
    let objects = world.api.objects();
    let mut lease = objects.get("Lease", "castai-agent", LEASE).unwrap();
    objects.remove("Lease", "castai-agent", LEASE);
    lease["metadata"]["namespace"] = "ops".into();
    objects.put(lease);
}

#[tokio::test]
async fn a_lease_counts_where_the_agent_looks_for_it() {
    let mut world = CheckContext::start();
    world.set_env("LEADER_ELECTION_NAMESPACE", "ops");
    world.only = Some(&[CheckId::AgentHealth]);
    world.configure();
    let standing = agent_health(&world).await;
    assert_eq!(
        standing.settled.modes(),
        [FailureMode::AgentNoLeader],
        "{}",
        evidence(&standing)
    );
    assert!(
        evidence(&standing).contains("there is no lease ops/agent-leader-election-lock"),
        "{}",
        evidence(&standing)
    );
    led_in_ops(&mut world);
    let standing = agent_health(&world).await;
    assert_eq!(standing.status(), Status::Ok, "{}", evidence(&standing));
}

#[tokio::test]
async fn an_agent_in_another_namespace_still_elects_in_the_charts_until_it_is_told() {
    let mut world = CheckContext::start();
    world.file = world.file.replace("agent:\n", "agent:\n  namespace: ops\n");
    world.only = Some(&[CheckId::AgentHealth]);
    world.configure();
    led_in_ops(&mut world);
    let standing = agent_health(&world).await;
    assert_eq!(
        standing.settled.modes(),
        [FailureMode::AgentNoLeader],
        "{}",
        evidence(&standing)
    );
    let there = "there is no lease castai-agent/agent-leader-election-lock";
    assert!(
        evidence(&standing).contains(there),
        "{}",
        evidence(&standing)
    );
    let remedy = FailureMode::AgentNoLeader.entry().remedy;
    assert!(
        remedy.contains("in another namespace must set `LEADER_ELECTION_NAMESPACE`"),
        "{remedy}"
    );
}

/// The world as a companion sees it whose agent's pod has this address.
fn companion(address: Option<&str>) -> CheckContext {
    let mut world = CheckContext::start();
    world.file = format!("vantage: companion\n{}", world.file);
    let variables = world
        .env
        .iter()
        .map(|(name, value)| (name.clone(), Secret::new(value.as_str())));
    world.seen = Some(AgentSeen::Found(Elsewhere {
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
    let standing = agent_health(&world).await;
    assert_eq!(standing.status(), Status::Ok, "{}", evidence(&standing));
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
    world.seen = Some(AgentSeen::Absent(
        "there is no Deployment castai-agent".to_owned(),
    ));
    world.configure_anew();
    assert_eq!(agent_health(&world).await.status(), Status::NotApplicable);
}
