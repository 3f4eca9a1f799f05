//! Whether the API server would admit the agent's pods.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::preflight::Manifest;
use lab::apiserver::workload;
use serde_json::json;
use test_support::lab_cluster::{evidence, state_of};

use super::{Bed, refusal};
use crate::golden_entries::assert_evidence;

#[tokio::test]
async fn refusals_of_the_api_server_have_the_mode_of_what_refuses() {
    let bed = Bed::start();
    let refusals = [
        (
            refusal(
                "pods",
                403,
                "pods \"{name}\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=10, limited: pods=10",
            ),
            M::AgentFailedCreateQuota,
        ),
        (
            refusal(
                "pods",
                403,
                "pods \"{name}\" is forbidden: [maximum memory usage per Container is 1Gi, but limit is 2Gi]",
            ),
            M::AgentFailedCreateQuota,
        ),
        (
            refusal(
                "pods",
                403,
                "pods \"{name}\" is forbidden: violates PodSecurity \"restricted:latest\": host namespaces (hostNetwork=true)",
            ),
            M::AgentFailedCreatePsa,
        ),
        (
            refusal(
                "deployments",
                403,
                "deployments.apps \"{name}\" is forbidden: ValidatingAdmissionPolicy 'owners' with binding 'owners' denied request: every Deployment needs the label owner",
            ),
            M::AgentFailedCreateWebhook,
        ),
        (
            refusal(
                "pods",
                400,
                "admission webhook \"registries.example.com\" denied the request: images must come from registry.example.com",
            ),
            M::AgentFailedCreateWebhook,
        ),
        (
            refusal(
                "pods",
                500,
                "Internal error occurred: failed calling webhook \"gone.example.com\": failed to call webhook: Post \"https://gone.policy.svc:443/\": dial tcp 10.0.0.9:443: connect: connection refused",
            ),
            M::AgentFailedCreateWebhook,
        ),
    ];
    for (refusal, mode) in refusals {
        let message = refusal.message.clone();
        bed.world.api.set_refusals(&[refusal]);
        let state = bed
            .assert_mode(CheckId::AgentWorkload, mode, Status::Failing)
            .await;
        let quoted = message.split("{name}\" ").last().unwrap();
        assert!(evidence(&state).contains(quoted), "{}", evidence(&state));
    }
}

#[tokio::test]
async fn missing_service_account_refuses_nothing_because_the_chart_creates_it() {
    let bed = Bed::start();
    // The lab refuses every pod with it, so that the second attempt without it is seen as well.
    let message = "pods \"{name}\" is forbidden: error looking up service account castai-agent/castai-agent: serviceaccount \"castai-agent\" not found";
    bed.world.api.set_refusals(&[refusal("pods", 403, message)]);
    bed.assert_mode(
        CheckId::AgentWorkload,
        M::AgentFailedCreateSa,
        Status::Failing,
    )
    .await;
    let requests = bed.world.api.service().request_log().requests();
    let pods = requests
        .iter()
        .filter(|request| request.path().ends_with("/pods") && request.method == "POST");
    let accounts: Vec<bool> = pods
        .map(|request| String::from_utf8_lossy(&request.body).contains("serviceAccountName"))
        .collect();
    assert_eq!(accounts, [true, false, true, false]);
}

#[tokio::test]
async fn quota_must_hold_all_pods_and_not_only_the_first() {
    let bed = Bed::start();
    let path = "/api/v1/namespaces/castai-agent/resourcequotas";
    let quota = |hard: &str| {
        json!({ "kind": "ResourceQuotaList", "items": [{
            "metadata": { "name": "team" },
            "spec": { "hard": { "limits.memory": hard } },
            "status": { "hard": { "limits.memory": hard }, "used": { "limits.memory": "1Gi" } },
        }] })
    };
    bed.world.api.set_object(path, Some(quota("5Gi")));
    assert_eq!(bed.state(CheckId::AgentWorkload).await.status(), Status::Ok);
    bed.world.api.set_object(path, Some(quota("4Gi")));
    let state = bed
        .assert_mode(
            CheckId::AgentWorkload,
            M::AgentFailedCreateQuota,
            Status::Failing,
        )
        .await;
    assert_evidence("preflight quota", &evidence(&state));
}

#[tokio::test]
async fn quota_for_the_priority_class_comes_with_the_chart() {
    let bed = Bed::start();
    let message = "pods \"{name}\" is forbidden: insufficient quota to match these scopes: [{PriorityClass In [system-node-critical system-cluster-critical]}]";
    bed.world.api.set_refusals(&[refusal("pods", 403, message)]);
    let state = bed.state(CheckId::AgentWorkload).await;
    assert_eq!(state.status(), Status::Ok, "{}", evidence(&state));
    let wanted = "admits the agent's 3 pods";
    assert!(evidence(&state).contains(wanted), "{}", evidence(&state));
    let text = "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: castai-agent}\nspec: {template: {spec: {containers: [{name: a, image: b}]}}}\n";
    let states = bed.run_with(Manifest::parse(text).unwrap()).await;
    let state = state_of(&states, CheckId::AgentWorkload);
    assert_eq!(
        state.status(),
        Status::Failing,
        "without that quota: {}",
        evidence(state)
    );
}

#[tokio::test]
async fn pods_are_tried_elsewhere_if_the_namespace_does_not_exist() {
    let bed = Bed::start();
    bed.world.api.set_missing_namespaces(&["castai-agent"]);
    let state = bed.state(CheckId::AgentWorkload).await;
    assert_eq!(state.status(), Status::Ok, "{}", evidence(&state));
    assert_evidence("preflight without namespace", &evidence(&state));
    let message = "admission webhook \"registries.example.com\" denied the request: no";
    bed.world.api.set_refusals(&[refusal("pods", 400, message)]);
    bed.assert_mode(
        CheckId::AgentWorkload,
        M::AgentFailedCreateWebhook,
        Status::Warning,
    )
    .await;
    let message = "admission webhook \"names.example.com\" denied the request: no";
    bed.world
        .api
        .set_refusals(&[refusal("namespaces", 400, message)]);
    bed.assert_mode(
        CheckId::AgentWorkload,
        M::AgentFailedCreateWebhook,
        Status::Failing,
    )
    .await;
    let label = "pods \"{name}\" is forbidden: violates PodSecurity \"restricted:latest\": x";
    bed.world.api.set_refusals(&[refusal("pods", 403, label)]);
    let state = bed.state(CheckId::AgentWorkload).await;
    assert_eq!(
        state.status(),
        Status::Unknown,
        "the label is that of default: {}",
        evidence(&state)
    );
}

#[tokio::test]
async fn quota_of_the_other_namespace_is_ignored_and_its_limit_range_is_unknown() {
    let bed = Bed::start();
    bed.world.api.set_missing_namespaces(&["castai-agent"]);
    let quota = "pods \"{name}\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=10, limited: pods=10";
    bed.world.api.set_refusals(&[refusal("pods", 403, quota)]);
    let state = bed.state(CheckId::AgentWorkload).await;
    assert_eq!(state.status(), Status::Ok, "{}", evidence(&state));
    let wanted = "admits the agent's 3 pods";
    assert!(evidence(&state).contains(wanted), "{}", evidence(&state));
    // It comes before webhooks and policies, which have not seen the pod.
    let limit = "pods \"{name}\" is forbidden: [maximum memory usage per Container is 1Gi, but limit is 2Gi]";
    bed.world.api.set_refusals(&[refusal("pods", 403, limit)]);
    let state = bed.state(CheckId::AgentWorkload).await;
    assert_eq!(state.status(), Status::Unknown, "{}", evidence(&state));
    assert!(
        evidence(&state).contains("1Gi, but limit is 2Gi"),
        "{}",
        evidence(&state)
    );
}

#[tokio::test]
async fn missing_permission_for_the_dry_run_is_unknown_and_named() {
    let bed = Bed::start();
    bed.world.api.deny(&["pods"]);
    let state = bed.state(CheckId::AgentWorkload).await;
    assert_eq!(state.status(), Status::Unknown);
    assert_evidence("preflight without permission", &evidence(&state));
    bed.world.api.deny(&["resourcequotas"]);
    let state = bed.state(CheckId::AgentWorkload).await;
    assert_eq!(state.status(), Status::Unknown);
    let wanted = "is not allowed to list resourcequotas in namespace castai-agent";
    assert!(evidence(&state).contains(wanted), "{}", evidence(&state));
}

#[tokio::test]
async fn webhook_that_cannot_be_tried_is_unknown() {
    let bed = Bed::start();
    let message = "admission webhook \"quota.example.com\" does not support dry run";
    bed.world.api.set_refusals(&[refusal("pods", 400, message)]);
    let state = bed.state(CheckId::AgentWorkload).await;
    assert_eq!(state.status(), Status::Unknown, "{}", evidence(&state));
    assert!(
        evidence(&state).contains("quota.example.com"),
        "{}",
        evidence(&state)
    );
}

#[tokio::test]
async fn installed_agent_is_mentioned_and_its_pods_are_not_counted_twice() {
    let bed = Bed::start();
    for object in workload::deployment_with_pods("castai-agent", "castai-agent", "x", &["y"], "z") {
        bed.world.api.objects().put(object);
    }
    let state = bed.state(CheckId::AgentWorkload).await;
    assert_eq!(state.status(), Status::Ok);
    let wanted = "Deployment castai-agent exists already";
    assert!(evidence(&state).contains(wanted), "{}", evidence(&state));
}
