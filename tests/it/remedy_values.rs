//! Commands of remedies name the pod and the node of the failure, or neither.

use std::fs;
use std::time::{Duration, SystemTime};

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};
use castai_health_exporter::state::CheckState;
use lab::apiserver::workload;
use lab::apiserver::workload::{AGENT, NODE, POD};
use lab::{AgentFault, Fault};
use serde_json::{Value, json};
use test_support::lab_cluster::{LabCluster, commands, evidence, state_of};
use test_support::pods::{not_ready, wait_for};

const CONTROLLER_PODS: [&str; 2] = [
    "castai-cluster-controller-7f6d5c4b3-aaaaa",
    "castai-cluster-controller-7f6d5c4b3-bbbbb",
];
const NOT_YET_VALID: &str = r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-22T13:04:54Z is before 2026-12-01T00:00:00Z""#;

/// Returns a lab cluster in which only this check and its prerequisites run.
fn only(checks: &'static [CheckId]) -> LabCluster {
    let mut lab = LabCluster::start();
    lab.only = Some(checks);
    lab.configure();
    lab
}

/// Returns the commands of a check that shows this mode.
async fn commands_of(lab: &LabCluster, check: CheckId, mode: M) -> Vec<String> {
    let state: CheckState = state_of(&lab.run_checks().await, check).clone();
    assert_eq!(state.stable_modes.modes(), [mode], "{}", evidence(&state));
    commands(&state)
}

fn change_controller_pods(lab: &LabCluster, change: impl Fn(&mut Value)) {
    for pod in CONTROLLER_PODS {
        lab.api.objects().change("Pod", AGENT, pod, &change);
    }
}

#[tokio::test]
async fn failing_pod_and_its_node_are_filled_in() {
    let lab = only(&[CheckId::ClusterController]);
    change_controller_pods(&lab, |pod| {
        not_ready(pod);
        let status = &mut pod["status"]["containerStatuses"][0];
        status["restartCount"] = json!(3);
        status["lastState"] = workload::terminated(137, "Error", 300, 10);
        status["state"] = json!({ "running": { "startedAt": workload::ago(9) } });
    });
    let commands = commands_of(&lab, CheckId::ClusterController, M::AgentKilled).await;
    let of_pod = |pod: &str| format!("kubectl -n castai-agent get pod {pod} -o wide");
    assert!(
        CONTROLLER_PODS.iter().any(|pod| commands[0] == of_pod(pod)),
        "{commands:?}"
    );
    assert_eq!(
        commands[1],
        format!("kubectl describe node {NODE} | tail -30")
    );
}

#[tokio::test]
async fn node_of_a_pod_without_a_node_is_left_open() {
    let lab = only(&[CheckId::ClusterController]);
    let text = "0/3 nodes are available: 3 node(s) had untolerated taint {dedicated: gpu}.";
    change_controller_pods(&lab, |pod| {
        pod["spec"].as_object_mut().unwrap().remove("nodeName");
        let scheduled = workload::condition("PodScheduled", "False", "Unschedulable", text);
        pod["status"] = json!({ "phase": "Pending", "conditions": [scheduled] });
    });
    let taint = M::AgentUnschedulableTaint;
    let commands = commands_of(&lab, CheckId::ClusterController, taint).await;
    assert_eq!(commands, ["kubectl taint node NODE KEY-"]);
}

#[tokio::test]
async fn name_that_a_shell_could_interpret_is_left_open() {
    let lab = only(&[CheckId::ClusterController]);
    change_controller_pods(&lab, |pod| {
        pod["spec"]["nodeName"] = json!("$(reboot)");
        pod["status"]["phase"] = json!("Failed");
        pod["status"]["reason"] = json!("Evicted");
        pod["metadata"]["creationTimestamp"] = json!(workload::ago(20));
        not_ready(pod);
    });
    let commands = commands_of(&lab, CheckId::ClusterController, M::AgentEvicted).await;
    assert_eq!(
        commands,
        ["kubectl describe node NODE | grep -A8 Conditions"]
    );
}

#[tokio::test]
async fn pod_of_another_namespace_is_filled_in_with_its_namespace() {
    let lab = only(&[CheckId::ImagePull]);
    let mut pod = workload::pod(
        "web-1",
        "web",
        &json!({}),
        "web",
        "registry.example.com/web:1",
    );
    pod["metadata"]["namespace"] = json!("shop");
    let refused = "failed to fetch oauth token: unexpected status: 401 Unauthorized";
    wait_for(&mut pod, "ErrImagePull", refused);
    lab.api.objects().put(pod);
    let commands = commands_of(&lab, CheckId::ImagePull, M::ImageAuthFailed).await;
    let last = commands.last().unwrap();
    assert!(
        last.starts_with("kubectl -n shop get pod web-1 -o "),
        "{last}"
    );
}

#[tokio::test]
async fn unhealthy_agents_pod_is_filled_in() {
    let mut lab = only(&[CheckId::AgentHealth]);
    lab.set_env("POD_NAME", POD);
    lab.agent.set(AgentFault::Overdue).await;
    let commands = commands_of(&lab, CheckId::AgentHealth, M::AgentUnhealthy).await;
    assert_eq!(
        commands[0],
        format!("kubectl get --raw /api/v1/namespaces/castai-agent/pods/{POD}:9876/proxy/healthz")
    );
}

#[tokio::test]
async fn node_whose_clock_is_wrong_is_that_of_the_process_that_complains() {
    let mut lab = only(&[CheckId::CastaiApi, CheckId::AgentLog]);
    let token = lab::service_account_token(SystemTime::now() + Duration::from_hours(1));
    lab.api.set_tokens(vec![token.clone()]);
    fs::write(lab.mounted("token"), token).unwrap();
    lab.configure();
    lab.castai.set(Fault::CertNotYetValid).await;
    lab.api.logs().write(POD, "agent", NOT_YET_VALID);
    // The token of the lab's pod names another node than its objects.
    for (check, node) in [
        (CheckId::CastaiApi, "ip-10-0-1-23.ec2.internal"),
        (CheckId::AgentLog, NODE),
    ] {
        let commands = commands_of(&lab, check, M::TlsNotYetValid).await;
        let debug = format!("kubectl debug node/{node} -it --image=busybox:1.36 -- date -u");
        assert_eq!(commands[0], debug, "{check}");
    }
}
