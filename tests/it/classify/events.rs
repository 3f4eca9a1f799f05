//! Kubernetes messages: events, container states, and rejected objects.

mod image_pull;

use super::*;

const DOCUMENT: &[Row] = &[
    (
        "failed to pull and unpack image, failed to fetch oauth token: unexpected status: 401 Unauthorized",
        "image_auth_failed",
    ),
    (
        "MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable",
        "agent_upgrade_selector_immutable",
    ),
    (
        "No access to Kubernetes API server, please check your firewall settings",
        "cpfw_blocked",
    ),
];

#[test]
fn lines_of_the_troubleshooting_document_have_their_modes() {
    assert_classified(classify_line, DOCUMENT);
    assert_classified(|text| classify(Some(TextKind::K8sEvent), text), DOCUMENT);
}

const PODS: &[Row] = &[
    (
        "Back-off restarting failed container agent in pod castai-agent-5d8f7-abcde_castai-agent(1-2-3)",
        "agent_crashloop",
    ),
    (
        "Container agent failed liveness probe, will be restarted",
        "agent_liveness_killed",
    ),
    (
        "Liveness probe failed: HTTP probe failed with statuscode: 503",
        "agent_unhealthy",
    ),
    (
        r#"Liveness probe failed: Get "http://10.244.0.7:9876/healthz": dial tcp 10.244.0.7:9876: connect: connection refused"#,
        "agent_health_unreachable",
    ),
    (
        "Readiness probe failed: HTTP probe failed with statuscode: 503",
        "agent_not_ready_initialising",
    ),
    (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi.",
        "agent_evicted",
    ),
    (
        "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.",
        "agent_unschedulable_resources",
    ),
    (
        "0/5 nodes are available: 1 Insufficient memory, 4 node(s) had untolerated taint {dedicated: gpu}. preemption: 0/5 nodes are available.",
        "agent_unschedulable_taint",
    ),
    (
        "0/1 nodes are available: 1 node(s) had taint {dedicated: gpu}, that the pod didn't tolerate.",
        "agent_unschedulable_taint",
    ),
    (
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
        "agent_unschedulable_selector",
    ),
    (
        "0/2 nodes are available: 2 node(s) had volume node affinity conflict.",
        "agent_unschedulable_volume",
    ),
    (
        r#"MountVolume.SetUp failed for volume "autoscaler-config" : configmap "castai-agent-autoscaler" not found"#,
        "agent_failed_mount",
    ),
    (
        r#"Error: secret "castai-agent" not found"#,
        "agent_config_missing",
    ),
    (
        "Error: couldn't find key API_KEY in Secret castai-agent/castai-agent",
        "agent_config_missing",
    ),
    (
        r#"Error creating: pods "castai-agent-5d8f7-abcde" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"#,
        "agent_failed_create_quota",
    ),
    (
        r#"Error creating: pods "castai-agent-5d8f7-abcde" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false"#,
        "agent_failed_create_psa",
    ),
    (
        r#"Error creating: Internal error occurred: failed calling webhook "w.example": failed to call webhook: Post "https://w.ns.svc:443/?timeout=10s": context deadline exceeded"#,
        "agent_failed_create_webhook",
    ),
    (
        r#"Error creating: admission webhook "w.example" denied the request: no"#,
        "agent_failed_create_webhook",
    ),
    (
        r#"Error creating: pods "castai-agent-5d8f7-abcde" is forbidden: error looking up service account castai-agent/castai-agent: serviceaccount "castai-agent" not found"#,
        "agent_failed_create_sa",
    ),
    (
        r#"Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "x": plugin type="aws-cni" failed (add): add cmd: failed to assign an IP address to container"#,
        "agent_sandbox_failed",
    ),
    (
        r#"ReplicaSet "castai-agent-5d8f7" has timed out progressing."#,
        "agent_progress_deadline",
    ),
    (
        r#"Error: INSTALLATION FAILED: Unable to continue with install: Deployment "castai-agent" in namespace "castai-agent" exists and cannot be imported into the current release: invalid ownership metadata; annotation validation error: key "meta.helm.sh/release-name" must equal "castai": current value is "castai-agent""#,
        "agent_upgrade_selector_immutable",
    ),
    (
        r#"{"kind":"Event","apiVersion":"v1","reason":"BackOff","message":"Back-off restarting failed container agent in pod p"}"#,
        "agent_crashloop",
    ),
    (
        "Successfully assigned castai-agent/castai-agent-5d8f7-abcde to node-1",
        "",
    ),
    ("Created container: agent", ""),
    ("Scaled up replica set castai-agent-5d8f7 to 1", ""),
];

#[test]
fn pod_start_errors_have_their_modes() {
    assert_classified(|text| classify(Some(TextKind::K8sEvent), text), PODS);
    assert_classified(classify_line, PODS);
}

const AGENT_HEALTH: &[Row] = &[
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="shutdown triggered by \"healthz server\"" error="listen tcp :9876: bind: address already in use""#,
        "agent_port_taken",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="k8s events detected: TYPE:Warning REASON:Unhealthy TIMESTAMP:2026-11-22 13:04:54 +0000 UTC MESSAGE:Liveness probe failed: HTTP probe failed with statuscode: 503""#,
        "agent_unhealthy",
    ),
    (
        "liveness check failed: last healthy action is over the healthy limit of 12m0s",
        "agent_unhealthy",
    ),
    (
        "liveness check failed: controller not started",
        "agent_not_ready_initialising",
    ),
    (
        "readiness check failed: controller not initialized or snapshot not sent",
        "agent_not_ready_initialising",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error initially creating leader election record: namespaces "castai-agent" not found"#,
        "agent_no_leader",
    ),
];

#[test]
fn termination_messages_have_their_modes() {
    assert_classified(classify_line, AGENT_HEALTH);
}

const OBJECTS: &[Row] = &[
    (
        r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Deployment.apps \"castai-agent\" is invalid: spec.selector: Invalid value: v1.LabelSelector{}: field is immutable","reason":"Invalid","code":422}"#,
        "agent_upgrade_selector_immutable",
    ),
    (
        r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"deployments.apps \"castai-agent\" not found","reason":"NotFound","code":404}"#,
        "agent_deployment_missing",
    ),
    (
        r#"{"id":"1","agentStatus":"non-responding","status":"ready"}"#,
        "castai_not_responding",
    ),
    (
        r#"{"id":"1","agentStatus":"disconnected","status":"ready"}"#,
        "castai_disconnected",
    ),
    (
        r#"{"id":"1","agentStatus":"online","status":"warning","reconcileError":"access denied"}"#,
        "castai_reconcile_failed",
    ),
    (
        r#"{"id":"1","agentStatus":"online","status":"ready","reconcileError":null}"#,
        "",
    ),
];

#[test]
fn json_objects_have_their_modes() {
    assert_classified(classify_line, OBJECTS);
}
