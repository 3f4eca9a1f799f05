//! Tests of `agent_health`: the agent's probes, its lease, and what each of them cannot prove.

use std::net::IpAddr;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status};
use castai_health_exporter::config::{AgentDiscovery, AgentEnvironment, DiscoveredAgent, Secret};
use castai_health_exporter::state::CheckState;
use lab::apiserver::workload::POD;
use lab::{AgentFault, ApiFault};
use test_support::lab_cluster::{LabCluster, evidence};

use crate::agent_log::pods::{SECOND_POD, add_second_pod};
use crate::golden_entries::assert_evidence;

const LEASE: &str = "agent-leader-election-lock";

async fn agent_health(world: &LabCluster) -> CheckState {
    world
        .run_checks()
        .await
        .into_iter()
        .find(|check_state| check_state.check == CheckId::AgentHealth)
        .unwrap()
}

#[tokio::test]
async fn newly_started_agent_has_a_grace_period() {
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
            check_state.stable_modes.modes(),
            [FailureMode::AgentNotReadyInitialising]
        );
    }
}

#[tokio::test]
async fn hang_closed_port_and_restart_in_sequence_have_their_own_verdicts() {
    use FailureMode as M;
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::AgentHealth]);
    world.configure();
    for (fault, mode) in [
        (AgentFault::Hang, M::AgentUnresponsive),
        (AgentFault::Refused, M::AgentHealthUnreachable),
        (AgentFault::Hang, M::AgentUnresponsive),
    ] {
        world.agent.set(fault).await;
        let broken = agent_health(&world).await;
        assert_eq!(
            (broken.status(), broken.stable_modes.modes()),
            (Status::Failing, &[mode][..]),
            "{}",
            evidence(&broken)
        );
        world.agent.restart();
        world.agent.set(AgentFault::NotStarted).await;
        assert_eq!(agent_health(&world).await.status(), Status::Warning);
        world.agent.heal().await;
        assert_eq!(agent_health(&world).await.status(), Status::Ok);
    }
}

#[tokio::test]
async fn older_agent_is_probed_at_its_health_path() {
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
async fn standby_replica_does_not_prove_deliveries() {
    let world = LabCluster::start();
    world.agent.set_leader(false);
    let check_state = agent_health(&world).await;
    assert_evidence("agent_health_of_standby_replica", &evidence(&check_state));
}

#[tokio::test]
async fn unreadable_lease_leaves_other_probes_judged() {
    let world = LabCluster::start();
    world.api.set(ApiFault::Denied("leases".to_owned())).await;
    let check_state = agent_health(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
    assert_evidence(
        "agent_health_without_lease_permission",
        &evidence(&check_state),
    );
}

#[tokio::test]
async fn no_lease_is_expected_without_leader_election() {
    let mut world = LabCluster::start();
    world.no_leader = Some(LEASE);
    world.api.objects().remove("Lease", "castai-agent", LEASE);
    world.set_env("LEADER_ELECTION_ENABLED", "false");
    assert_eq!(agent_health(&world).await.status(), Status::Ok);
}

/// The agent holds its lease in namespace `ops`; the chart's namespace has no holder.
fn hold_lease_in_ops(world: &mut LabCluster) {
    world.no_leader = Some(LEASE);
    let objects = world.api.objects();
    let mut lease = objects.get("Lease", "castai-agent", LEASE).unwrap();
    objects.remove("Lease", "castai-agent", LEASE);
    lease["metadata"]["namespace"] = "ops".into();
    objects.put(lease);
}

#[tokio::test]
async fn lease_is_read_in_the_agents_namespace() {
    let mut world = LabCluster::start();
    world.set_env("LEADER_ELECTION_NAMESPACE", "ops");
    world.only = Some(&[CheckId::AgentHealth]);
    world.configure();
    let check_state = agent_health(&world).await;
    assert_eq!(
        check_state.stable_modes.modes(),
        [FailureMode::AgentNoLeader],
        "{}",
        evidence(&check_state)
    );
    assert!(
        evidence(&check_state).contains("ops/agent-leader-election-lock"),
        "{}",
        evidence(&check_state)
    );
    hold_lease_in_ops(&mut world);
    let check_state = agent_health(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn lease_namespace_defaults_to_the_charts() {
    let mut world = LabCluster::start();
    world.file = world.file.replace("agent:\n", "agent:\n  namespace: ops\n");
    world.only = Some(&[CheckId::AgentHealth]);
    world.configure();
    hold_lease_in_ops(&mut world);
    let check_state = agent_health(&world).await;
    assert_eq!(
        check_state.stable_modes.modes(),
        [FailureMode::AgentNoLeader],
        "{}",
        evidence(&check_state)
    );
    let lease = "castai-agent/agent-leader-election-lock";
    assert!(
        evidence(&check_state).contains(lease),
        "{}",
        evidence(&check_state)
    );
    let remedy = FailureMode::AgentNoLeader.entry().remedy;
    assert!(remedy.contains("`LEADER_ELECTION_NAMESPACE`"), "{remedy}");
}

/// Returns a lab cluster seen by a companion, whose agent pod has this address.
fn companion(address: Option<&str>) -> LabCluster {
    let mut world = LabCluster::start();
    world.file = format!("vantage: companion\n{}", world.file);
    let variables = world
        .env
        .iter()
        .map(|(name, value)| (name.clone(), Secret::unregistered(value.as_str())));
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
async fn companion_probes_the_agent_at_its_pod_ip() {
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
        agent_health(&world).await.stable_modes.modes(),
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
        (
            silent.status(),
            silent.latest.as_ref().unwrap().verdict.modes()
        ),
        (Status::Failing, vec![FailureMode::AgentUnresponsive]),
        "no network policy accepts connections: {}",
        evidence(&silent)
    );
    world.agent.heal().await;
    assert_eq!(agent_health(&world).await.status(), Status::Ok);
}

#[tokio::test]
async fn agent_without_pod_ip_or_discovery_is_unknown() {
    assert_eq!(
        agent_health(&companion(None)).await.status(),
        Status::Unknown
    );
    let mut world = companion(None);
    world.seen = Some(AgentDiscovery::Absent(
        "there is no Deployment castai-agent".to_owned(),
    ));
    world.restart_exporter();
    assert_eq!(agent_health(&world).await.status(), Status::NotApplicable);
}

#[tokio::test]
async fn rare_refusals_add_up_over_attempts_until_the_permission_is_back() {
    let world = LabCluster::start();
    assert_eq!(agent_health(&world).await.status(), Status::Ok);
    world.api.deny(&["pods"]);
    let mut check_state = agent_health(&world).await;
    for refusals in 1..=3 {
        world.agent.add_api_responses("403", 1);
        world.agent.add_api_responses("200", 60);
        check_state = agent_health(&world).await;
        let expected = if refusals < 3 {
            Status::Ok
        } else {
            Status::Warning
        };
        assert_eq!(check_state.status(), expected, "{}", evidence(&check_state));
    }
    assert_eq!(
        check_state.stable_modes.modes(),
        [FailureMode::K8sRbacForbidden]
    );
    world.api.deny(&[]);
    // This attempt still precedes the one of `agent_permissions` that sees the permission again.
    agent_health(&world).await;
    let check_state = agent_health(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn stolen_lease_of_several_replicas_is_named_once_all_of_them_follow() {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::AgentHealth]);
    world.configure();
    add_second_pod(&world);
    let addresses = [(POD, [127, 0, 0, 1]), (SECOND_POD, [127, 0, 0, 2])];
    for (pod, address) in addresses {
        let address = IpAddr::from(address).to_string();
        let objects = world.api.objects();
        objects.change("Pod", "castai-agent", pod, |pod| {
            pod["status"]["podIP"] = address.into();
        });
    }
    let replica = world.agent.start_replica([127, 0, 0, 2].into()).unwrap();
    world.agent.set_leader(false);
    // Another holder is named in the second attempt that sees it.
    let modes = async |world: &mut LabCluster| {
        world.with_lease(LEASE, Some((Some("thief"), 1)));
        agent_health(world).await;
        let check_state = agent_health(world).await;
        check_state.stable_modes.modes().to_vec()
    };
    assert_eq!(modes(&mut world).await, [], "the other replica leads");
    replica.set(AgentFault::Refused).await;
    assert_eq!(modes(&mut world).await, [], "the other replica may lead");
    replica.heal().await;
    replica.set_leader(false);
    assert_eq!(modes(&mut world).await, [FailureMode::AgentLeaseStolen]);
    replica.set_leader(true);
    assert_eq!(modes(&mut world).await, []);
}
