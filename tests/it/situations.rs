//! The evidence beside a failure that decides its fix.

use castai_health_exporter::catalogue::{
    CheckId, FailureMode as M, RemedyValues, Situation, remedy_in,
};
use castai_health_exporter::config::{AgentDiscovery, AgentEnvironment, DiscoveredAgent};
use lab::{ApiFault, CastAiFault, Ec2Fault, StsFault};
use test_support::lab_cluster::{LabCluster, state_of};
use test_support::scenarios::{inject_fault, lab_cluster_for, scenario};

/// Runs the checks and returns the only finding of a check.
async fn situation(world: &LabCluster, check: CheckId) -> (M, Option<Situation>) {
    let check_states = world.run_checks().await;
    let report = state_of(&check_states, check).latest.clone().unwrap();
    let findings = report.verdict.findings();
    assert_eq!(findings.len(), 1, "{:?}", report.verdict);
    (findings[0].mode, findings[0].situation)
}

#[tokio::test]
async fn tls_timeout_is_explained_by_the_bytes_and_the_proxy() {
    let timeout = M::TlsHandshakeTimeout;
    for (fault, proxied, wanted) in [
        ("tls-hang", false, Situation::NothingReceived),
        ("tls-hang", true, Situation::ThroughProxy),
        ("tls-hang-partial", false, Situation::PartOfHandshake),
        ("tls-hang-partial", true, Situation::PartOfHandshake),
    ] {
        let mut world = if proxied {
            LabCluster::behind_a_proxy()
        } else {
            LabCluster::start()
        };
        world.only = Some(&[CheckId::CastaiApi]);
        world.configure();
        let fault = fault.parse::<CastAiFault>().unwrap();
        world.castai.set(fault.clone()).await;
        let found = situation(&world, CheckId::CastaiApi).await;
        assert_eq!(found, (timeout, Some(wanted)), "{fault} {proxied}");
    }
    let world = LabCluster::with_web_identity_role();
    world.sts.set("tls-hang".parse::<StsFault>().unwrap()).await;
    world
        .ec2
        .set("tls-hang-partial".parse::<Ec2Fault>().unwrap())
        .await;
    let found = situation(&world, CheckId::StsIdentity).await;
    assert_eq!(found, (timeout, Some(Situation::NothingReceived)));
    world.sts.heal().await;
    let found = situation(&world, CheckId::Ec2Api).await;
    assert_eq!(found, (timeout, Some(Situation::PartOfHandshake)));
}

#[tokio::test]
async fn silent_api_server_is_explained_by_its_other_addresses() {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::Apiserver]);
    world.configure();
    // The first round finds the addresses behind the service.
    world.run_checks().await;
    world.api.set("tls-hang".parse::<ApiFault>().unwrap()).await;
    let (mode, found) = situation(&world, CheckId::Apiserver).await;
    assert_eq!(mode, M::TlsHandshakeTimeout);
    let by_addresses = [Some(Situation::ServicePath), Some(Situation::AllApiservers)];
    assert!(by_addresses.contains(&found), "{found:?}");
}

#[tokio::test]
async fn changed_role_needs_a_new_pod_and_a_shadowed_one_other_keys() {
    for (name, wanted) in [
        (
            "role_changed_after_pod_creation",
            "Restart the agent, so that its new pod",
        ),
        ("access_keys_shadow_a_role", "Remove the static keys"),
    ] {
        let scenario = scenario(name);
        let mut world = lab_cluster_for(scenario.fault);
        inject_fault(&mut world, scenario.fault).await;
        let root = world
            .assert_root(scenario.check, scenario.mode, scenario.status)
            .await;
        let report = root.latest.unwrap();
        let finding = &report.verdict.findings()[0];
        let remedy = finding.remedy(scenario.check);
        assert!(remedy.as_str().starts_with(wanted), "{remedy:?}");
        assert!(!finding.evidence.as_str().contains("kubectl"));
    }
}

#[tokio::test]
async fn stale_lease_is_explained_by_what_the_agent_believes() {
    for (leads, wanted) in [
        (true, Situation::SilentLeader),
        (false, Situation::WaitingFollower),
    ] {
        let mut world = LabCluster::start();
        world.only = Some(&[CheckId::AgentHealth]);
        world.configure();
        world.agent.set_leader(leads);
        world.with_lease("agent-leader-election-lock", Some((Some("an-uuid"), 120)));
        let found = situation(&world, CheckId::AgentHealth).await;
        assert_eq!(found, (M::AgentLeaseStale, Some(wanted)));
    }
}

#[tokio::test]
async fn rejected_token_is_explained_by_its_origin() {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::Apiserver]);
    world.configure();
    world.api.set(ApiFault::Unauthorized).await;
    let found = situation(&world, CheckId::Apiserver).await;
    assert_eq!(found, (M::K8sUnauthorized, None), "the token of the pod");

    world.file = format!("vantage: companion\n{}", world.file);
    world.seen = Some(AgentDiscovery::Found(DiscoveredAgent {
        source: AgentEnvironment::Pod,
        object: "castai-agent-1".to_owned(),
        address: None,
        service_account: "castai-agent".to_owned(),
        variables: std::collections::BTreeMap::new(),
        unseen: Vec::new(),
        tokens: Vec::new(),
        version: None,
        skips_agent: false,
    }));
    world.restart_exporter();
    world.api.set(ApiFault::IssuedTokensUnauthorized).await;
    let found = situation(&world, CheckId::Apiserver).await;
    let fresh = (M::K8sUnauthorized, Some(Situation::FreshToken));
    assert_eq!(found, fresh);
}

#[test]
fn fix_follows_the_situation() {
    for (check, mode, situation, wanted, unwanted) in [
        (
            CheckId::Apiserver,
            M::K8sUnauthorized,
            Situation::FreshToken,
            "--service-account-issuer",
            "delete pod",
        ),
        (
            CheckId::Apiserver,
            M::K8sUnauthorized,
            Situation::KubeconfigUser,
            "kubeconfig",
            "delete pod",
        ),
        (
            CheckId::AgentHealth,
            M::AgentLeaseStale,
            Situation::SilentLeader,
            "delete pod",
            "get lease",
        ),
        (
            CheckId::CastaiApi,
            M::TlsHandshakeTimeout,
            Situation::ThroughProxy,
            "proxy",
            "MTU",
        ),
        (
            CheckId::Ec2Api,
            M::TlsHandshakeTimeout,
            Situation::PartOfHandshake,
            "MTU",
            "VPC endpoint",
        ),
    ] {
        let text = remedy_in(check, mode, Some(situation), &RemedyValues::default()).to_string();
        assert!(text.contains(wanted), "{check} {mode}: {text}");
        assert!(!text.contains(unwanted), "{check} {mode}: {text}");
    }
}
