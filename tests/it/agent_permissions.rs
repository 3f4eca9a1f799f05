//! Tests of `agent_permissions`: which lost permission is whose fault, and that it is one root cause.

use std::time::SystemTime;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::config::{AgentDiscovery, AgentEnvironment, DiscoveredAgent, Secret};
use castai_health_exporter::exporter::Exporter;
use castai_health_exporter::history::History;
use castai_health_exporter::metrics::exposition;
use castai_health_exporter::metrics::process::Process;
use castai_health_exporter::pages::status_page;
use castai_health_exporter::report::Finding;
use castai_health_exporter::state::CheckState;
use lab::apiserver::workload::POD;
use lab::{AgentFault, ApiFault};
use serde_json::json;
use test_support::lab_cluster::{LabCluster, evidence, state_of};

use crate::golden_entries::assert_evidence;

/// The agent's own complaint, as v0.123.1 logs it.
const PODS_FORBIDDEN: &str = r#"E1122 13:04:55.148702       1 reflector.go:205] "Failed to watch" err="failed to list *v1.Pod: pods is forbidden: User \"system:serviceaccount:castai-agent:castai-agent\" cannot list resource \"pods\" in API group \"\" at the cluster scope" logger="UnhandledError" reflector="k8s.io/client-go/informers/factory.go:160" type="*v1.Pod""#;

/// Returns a lab cluster in which only this check and its prerequisites run.
fn permissions_only() -> LabCluster {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::AgentPermissions]);
    world.configure();
    world
}

async fn agent_permissions(world: &LabCluster) -> CheckState {
    state_of(&world.run_checks().await, CheckId::AgentPermissions).clone()
}

/// Returns the only finding of the latest attempt.
fn finding(check_state: &CheckState) -> Finding {
    let report = check_state.latest.as_ref().unwrap();
    let [finding] = report.verdict.findings() else {
        panic!("one finding is expected: {}", evidence(check_state));
    };
    finding.clone()
}

#[tokio::test]
async fn every_permission_of_the_charts_roles_is_enough() {
    let check_state = agent_permissions(&permissions_only()).await;
    assert_eq!(check_state.status(), Status::Ok);
    assert_evidence("agent_permissions", &evidence(&check_state));
}

#[tokio::test]
async fn lost_permission_is_the_agents_and_one_root_cause() {
    let mut world = LabCluster::start();
    world.set_env("POD_NAME", POD);
    world.assert_healthy().await;
    world.api.deny(&["pods"]);
    world.api.logs().write(POD, "agent", PODS_FORBIDDEN);
    world.agent.set(AgentFault::Initialising).await;
    let root = world
        .assert_root(
            CheckId::AgentPermissions,
            M::K8sRbacForbidden,
            Status::Failing,
        )
        .await;
    assert!(
        evidence(&root).contains("list, watch pods"),
        "{}",
        evidence(&root)
    );
    let check_states = world.run_checks().await;
    let log = state_of(&check_states, CheckId::AgentLog);
    assert_eq!(
        log.stable_modes.modes(),
        [M::K8sRbacForbidden],
        "{}",
        evidence(log)
    );
    for check_state in &check_states {
        let evidence = evidence(check_state);
        assert!(
            !evidence.contains("the exporter's service account"),
            "{}: {evidence}",
            check_state.check
        );
    }
    let workload = state_of(&check_states, CheckId::AgentWorkload);
    assert_eq!(workload.status(), Status::Unknown);
    assert_evidence("agent_workload_without_pods", &evidence(workload));
}

#[tokio::test]
async fn sidecar_that_may_not_list_nodes_reports_a_failing_agent() {
    let mut world = LabCluster::start();
    world.set_env("POD_NAME", POD);
    world.api.deny(&["nodes"]);
    world
        .assert_root(
            CheckId::AgentPermissions,
            M::K8sRbacForbidden,
            Status::Failing,
        )
        .await;
    let check_states = world.run_checks().await;
    for check in [CheckId::NodeLifecycle, CheckId::ImagePull] {
        let state = state_of(&check_states, check);
        assert_eq!(state.status(), Status::Unknown, "{}", evidence(state));
        assert!(
            evidence(state).starts_with("the agent's service account is not allowed to list nodes"),
            "{}",
            evidence(state)
        );
    }
    let exporter = Exporter::new(&world.config(), CheckId::ALL);
    let metrics = exposition(&check_states, &exporter, &Process::default());
    let line = "castai_health_failure{check=\"agent_permissions\",mode=\"k8s_rbac_forbidden\",\
                severity=\"critical\",caused_by=\"\"} 1\n";
    assert!(metrics.contains(line), "{metrics}");
    let now = SystemTime::now();
    let history = History::new(now).snapshot(now);
    let page = status_page::html(&check_states, &exporter, &history, None, now);
    assert!(page.contains("The agent cannot work: "), "{page}");
    assert!(
        page.contains("list, watch nodes; the agent needs this"),
        "{page}"
    );
    assert!(
        !page.contains("the exporter&#39;s service account")
            && !page.contains("the exporter's service account")
    );
}

#[tokio::test]
async fn sidecar_reads_its_own_log_without_listing_pods() {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::AgentLog]);
    world.set_env("POD_NAME", POD);
    world.api.deny(&["pods", "deployments"]);
    let agent_log =
        async |world: &LabCluster| state_of(&world.run_checks().await, CheckId::AgentLog).clone();
    let quiet = agent_log(&world).await;
    assert_eq!(quiet.status(), Status::Ok, "{}", evidence(&quiet));
    assert!(
        evidence(&quiet).contains("not read: other pods"),
        "{}",
        evidence(&quiet)
    );
    world.api.logs().write(POD, "agent", PODS_FORBIDDEN);
    let complaint = agent_log(&world).await;
    assert_eq!(
        complaint.stable_modes.modes(),
        [M::K8sRbacForbidden],
        "{}",
        evidence(&complaint)
    );
}

#[tokio::test]
async fn role_of_one_namespace_does_not_replace_the_cluster_role() {
    let world = permissions_only();
    world.api.deny(&["pods"]);
    world.api.grant_in("castai-agent", "pods");
    let check_state = agent_permissions(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Failing,
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn incomplete_rules_are_completed_by_access_reviews() {
    let world = permissions_only();
    world.api.set_rules_incomplete(true);
    let check_state = agent_permissions(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
    world.api.deny(&["nodes"]);
    let check_state = agent_permissions(&world).await;
    assert_eq!(finding(&check_state).mode, M::K8sRbacForbidden);
    assert!(
        evidence(&check_state).contains("list, watch nodes"),
        "{}",
        evidence(&check_state)
    );
    assert!(
        !evidence(&check_state).contains("pods"),
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn optional_permission_is_advice_for_agents_that_use_it() {
    let world = permissions_only();
    world.api.deny(&["poddisruptionbudgets"]);
    let check_state = agent_permissions(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Warning,
        "{}",
        evidence(&check_state)
    );
    let remedy = finding(&check_state).remedy(CheckId::AgentPermissions);
    assert!(remedy.as_str().starts_with("Upgrade the chart"), "{remedy}");
    for kind in ["Deployment", "Pod"] {
        let name = if kind == "Pod" { POD } else { "castai-agent" };
        world
            .api
            .objects()
            .change(kind, "castai-agent", name, |object| {
                let image = "us-docker.pkg.dev/castai-hub/library/agent:v0.100.0";
                let spec = if kind == "Pod" {
                    &mut object["spec"]
                } else {
                    &mut object["spec"]["template"]["spec"]
                };
                spec["containers"][0]["image"] = json!(image);
            });
    }
    let check_state = agent_permissions(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn permission_for_a_custom_resource_counts_where_it_is_installed() {
    let world = permissions_only();
    assert_eq!(agent_permissions(&world).await.status(), Status::Ok);
    let resources = json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "karpenter.sh/v1",
        "resources": [{ "name": "nodepools", "singularName": "nodepool", "namespaced": false, "kind": "NodePool", "verbs": ["list"] }],
    });
    world
        .api
        .set_object("/apis/karpenter.sh/v1", Some(resources));
    let check_state = agent_permissions(&world).await;
    assert_eq!(check_state.status(), Status::Warning);
    assert!(
        evidence(&check_state).contains("nodepools.karpenter.sh"),
        "{}",
        evidence(&check_state)
    );
    assert!(
        !evidence(&check_state).contains("nodeclaims"),
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn permission_that_only_the_exporter_needs_is_not_the_agents() {
    let world = permissions_only();
    world.api.deny(&["pods/log", "serviceaccounts"]);
    let check_state = agent_permissions(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn lease_permission_is_needed_only_with_leader_election() {
    let mut world = permissions_only();
    world.api.deny(&["leases"]);
    let check_state = agent_permissions(&world).await;
    assert!(
        evidence(&check_state)
            .contains("get, create, update leases.coordination.k8s.io in namespace castai-agent"),
        "{}",
        evidence(&check_state)
    );
    world.set_env("LEADER_ELECTION_ENABLED", "false");
    assert_eq!(agent_permissions(&world).await.status(), Status::Ok);
}

#[tokio::test]
async fn denied_reviews_are_unknown_and_named() {
    let world = permissions_only();
    world.api.set(ApiFault::ReviewsForbidden).await;
    let check_state = agent_permissions(&world).await;
    assert_eq!(check_state.status(), Status::Unknown);
    assert_evidence("agent_permissions_without_reviews", &evidence(&check_state));
}

#[tokio::test]
async fn companion_reviews_with_the_agents_token() {
    let mut world = LabCluster::start();
    world.file = format!("vantage: companion\n{}", world.file);
    let variables = world
        .env
        .iter()
        .map(|(name, value)| (name.clone(), Secret::new(value.as_str())));
    world.seen = Some(AgentDiscovery::Found(DiscoveredAgent {
        source: AgentEnvironment::Pod,
        object: POD.to_owned(),
        address: Some("127.0.0.1".to_owned()),
        service_account: "castai-agent".to_owned(),
        variables: variables.collect(),
        unseen: Vec::new(),
        tokens: Vec::new(),
        version: None,
        skips_agent: false,
    }));
    world.only = Some(&[CheckId::AgentPermissions]);
    world.configure();
    let check_state = agent_permissions(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
    assert!(evidence(&check_state).starts_with("the agent's service account"));
    let reviews: Vec<_> = world
        .api
        .service()
        .request_log()
        .requests()
        .into_iter()
        .filter(|request| request.path().contains("authorization.k8s.io"))
        .collect();
    assert_eq!(reviews.len(), 2, "one rules review for each of two scopes");
    for review in reviews {
        let header = review.header("authorization").unwrap();
        assert_ne!(
            header,
            format!("Bearer {}", lab::TOKEN),
            "the exporter's own token"
        );
    }
}
