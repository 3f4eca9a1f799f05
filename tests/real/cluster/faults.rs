//! Faults of the agent's workload in a real cluster: real controllers report them, and the
//! companion names the mode. The cluster has no kubelet; the test writes what a kubelet would.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};
use serde_json::{Value, json};
use test_support::exporter::Exporter;
use tokio::time::{Instant, sleep};

use super::companion::{CompanionBed, NAMESPACE};
use crate::support::cluster::{ApiServer, Cluster};
use crate::support::helm::{AGENT_CHART, Helm};

/// Two intervals of 2 s and an attempt, plus time for controllers on a busy machine.
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(200);
const PODS: &str = "/api/v1/namespaces/castai-agent/pods";
const DEPLOYMENT: &str = "deployment/castai-agent";
/// Nothing renews node leases here, so the controller that would mark nodes lost is off.
pub(super) const NODE_LIFECYCLE_OFF: &str =
    "kube-controller-manager=--controllers=*,-node-lifecycle-controller";

/// A companion beside a running agent.
pub(super) struct FaultBed {
    pub(super) companion: CompanionBed,
    pub(super) exporter: Exporter,
}

impl FaultBed {
    /// Starts the test bed and waits until every check is healthy.
    pub(super) async fn start(cluster: Cluster, port: u16) -> Self {
        let companion = CompanionBed::of(cluster, port).await;
        companion.mount_secret();
        companion.agent(&Helm::latest(), &companion.url()).await;
        let exporter = companion.exporter().await;
        let bed = Self {
            companion,
            exporter,
        };
        bed.register_node().await;
        bed.wait_until_healthy().await;
        bed
    }

    pub(super) async fn kubectl(&self, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').chain(["--namespace", NAMESPACE]).collect();
        self.companion.cluster.kubectl(&words).await.unwrap()
    }

    async fn apply(&self, object: &Value) {
        let path = self.companion.cluster.path().join("object.json");
        std::fs::write(&path, object.to_string()).unwrap();
        self.kubectl(&format!(
            "apply --server-side --force-conflicts -f {}",
            path.display()
        ))
        .await;
    }

    /// Registers a node and reports it ready, as a kubelet does.
    async fn register_node(&self) {
        let node = node();
        self.apply(&node).await;
        self.patch("node/node-1", &json!({ "status": node["status"] }), true)
            .await;
        // The controller that removes this taint is off.
        self.kubectl("taint node node-1 node.kubernetes.io/not-ready-")
            .await;
    }

    pub(super) async fn patch(&self, what: &str, patch: &Value, status: bool) {
        let patch = format!("--patch={patch}");
        let mut words = vec![
            "patch",
            what,
            "--namespace",
            NAMESPACE,
            "--type=merge",
            &patch,
        ];
        if status {
            words.push("--subresource=status");
        }
        // The pod may already be deleted.
        drop(self.companion.cluster.kubectl(&words).await);
    }

    /// Recreates the agent's pods, as a rollout or a lost node would.
    async fn recreate_pods(&self) {
        self.kubectl("delete pods --all --force --grace-period=0")
            .await;
    }

    /// Acts as the kubelet: starts pods that have a node and removes pods that are terminating.
    async fn act_as_kubelet(&self) {
        let pods: Value = serde_json::from_str(&self.kubectl("get pods -ojson").await).unwrap();
        for pod in pods["items"].as_array().unwrap() {
            let name = pod["metadata"]["name"].as_str().unwrap();
            if pod["metadata"]["deletionTimestamp"].is_string() {
                self.kubectl(&format!(
                    "delete pod {name} --force --grace-period=0 --ignore-not-found"
                ))
                .await;
            } else if pod["spec"]["nodeName"].is_string() && pod["status"]["phase"] == "Pending" {
                self.patch(
                    &format!("pod/{name}"),
                    &json!({ "status": running(pod) }),
                    true,
                )
                .await;
            }
        }
    }

    /// Waits until the root cause is reported with nothing but its consequences.
    pub(super) async fn wait_for_root(&self, check: CheckId, mode: M) {
        self.exporter
            .wait_for_root((check, mode), REPORT_TIMEOUT)
            .await;
    }

    /// Waits until nothing fails and the agent has been checked.
    pub(super) async fn wait_until_healthy(&self) {
        let began = Instant::now();
        loop {
            self.act_as_kubelet().await;
            let metrics = self.exporter.metrics().await;
            let ok = |check: &str| {
                metrics.contains(&format!(
                    "check_status{{check=\"{check}\",status=\"ok\"}} 1"
                ))
            };
            let failures = self.exporter.failures().await;
            if failures.is_empty() && ok("agent_workload") && ok("apiserver") && ok("castai_api") {
                return;
            }
            let log = self.exporter.log();
            assert!(
                began.elapsed() < REPORT_TIMEOUT * 2,
                "not healthy: {failures:?}\n{log}"
            );
            sleep(POLL_INTERVAL).await;
        }
    }
}

fn node() -> Value {
    let room = json!({ "cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "10Gi" });
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": "node-1",
            "labels": { "kubernetes.io/hostname": "node-1", "eks.amazonaws.com/capacityType": "SPOT" },
        },
        "spec": { "providerID": "aws:///eu-central-1a/i-0a1b2c3d4e5f60001" },
        "status": {
            "capacity": room, "allocatable": room,
            "conditions": [{ "type": "Ready", "status": "True", "reason": "KubeletReady" }],
        },
    })
}

/// Returns the status of a running pod.
fn running(pod: &Value) -> Value {
    let now = pod["metadata"]["creationTimestamp"].clone();
    let container = |container: &Value| {
        json!({
            "name": container["name"], "image": container["image"], "imageID": "", "ready": true, "restartCount": 0,
            "state": { "running": { "startedAt": now } },
        })
    };
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"];
    json!({
        "phase": "Running",
        "conditions": conditions.map(|kind| json!({ "type": kind, "status": "True", "lastTransitionTime": now })),
        "containerStatuses": pod["spec"]["containers"].as_array().unwrap().iter().map(container).collect::<Vec<_>>(),
    })
}

#[tokio::test]
async fn agent_faults_by_real_controllers_have_their_modes() {
    let bed = FaultBed::start(
        Cluster::start_with(&[NODE_LIFECYCLE_OFF]).await.unwrap(),
        ApiServer::PORT,
    )
    .await;
    let workload = async |mode: M| bed.wait_for_root(CheckId::AgentWorkload, mode).await;

    bed.kubectl(&format!("delete {DEPLOYMENT}")).await;
    workload(M::AgentDeploymentMissing).await;
    bed.companion
        .agent(&Helm::latest(), &bed.companion.url())
        .await;
    bed.wait_until_healthy().await;

    bed.kubectl(&format!("scale --replicas=0 {DEPLOYMENT}"))
        .await;
    workload(M::AgentScaledToZero).await;
    bed.kubectl(&format!("scale --replicas=1 {DEPLOYMENT}"))
        .await;
    bed.wait_until_healthy().await;

    bed.kubectl("taint node node-1 dedicated=gpu:NoSchedule")
        .await;
    bed.recreate_pods().await;
    workload(M::AgentUnschedulableTaint).await;
    bed.kubectl("taint node node-1 dedicated-").await;
    bed.wait_until_healthy().await;

    bed.kubectl("delete node node-1").await;
    bed.recreate_pods().await;
    workload(M::AgentUnschedulableResources).await;
    let evidence = bed.exporter.evidence(CheckId::AgentWorkload).await;
    assert!(evidence.contains("no nodes available"), "{evidence}");
    bed.register_node().await;
    bed.wait_until_healthy().await;

    bed.patch(
        DEPLOYMENT,
        &json!({ "spec": { "template": { "spec": { "nodeSelector": { "pool": "x" } } } } }),
        false,
    )
    .await;
    workload(M::AgentUnschedulableSelector).await;
    bed.kubectl(&format!("rollout undo {DEPLOYMENT}")).await;
    bed.wait_until_healthy().await;
}

#[tokio::test]
async fn admission_rejections_have_their_modes() {
    let bed = FaultBed::start(
        Cluster::start_with(&[NODE_LIFECYCLE_OFF]).await.unwrap(),
        ApiServer::PORT,
    )
    .await;
    let workload = async |mode: M| bed.wait_for_root(CheckId::AgentWorkload, mode).await;

    bed.kubectl("create quota full --hard=pods=0").await;
    bed.recreate_pods().await;
    workload(M::AgentFailedCreateQuota).await;
    bed.kubectl("delete quota full").await;
    bed.wait_until_healthy().await;

    bed.kubectl(&format!(
        "label namespace {NAMESPACE} pod-security.kubernetes.io/enforce=baseline"
    ))
    .await;
    bed.patch(
        DEPLOYMENT,
        &json!({ "spec": { "template": { "spec": { "hostNetwork": true } } } }),
        false,
    )
    .await;
    workload(M::AgentFailedCreatePsa).await;
    bed.kubectl(&format!(
        "label namespace {NAMESPACE} pod-security.kubernetes.io/enforce-"
    ))
    .await;
    bed.kubectl(&format!("rollout undo {DEPLOYMENT}")).await;
    bed.wait_until_healthy().await;

    bed.apply(&webhook()).await;
    bed.recreate_pods().await;
    workload(M::AgentFailedCreateWebhook).await;
    let evidence = bed.exporter.evidence(CheckId::AgentWorkload).await;
    assert!(
        evidence.contains("pods.missing.test"),
        "it is named: {evidence}"
    );
    bed.kubectl("delete validatingwebhookconfiguration missing")
        .await;
    bed.wait_until_healthy().await;

    bed.kubectl("delete serviceaccount castai-agent").await;
    bed.recreate_pods().await;
    workload(M::AgentFailedCreateSa).await;
    bed.kubectl("create serviceaccount castai-agent").await;
    bed.wait_until_healthy().await;
}

/// Returns a webhook configuration for new pods whose service does not exist.
pub(super) fn webhook() -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": "missing" },
        "webhooks": [{
            "name": "pods.missing.test", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "failurePolicy": "Fail", "timeoutSeconds": 1,
            "clientConfig": { "service": { "name": "missing", "namespace": NAMESPACE } },
            "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] }],
        }],
    })
}

#[tokio::test]
async fn helm_ownership_conflict_is_reported_before_the_upgrade() {
    let bed = FaultBed::start(
        Cluster::start_with(&[NODE_LIFECYCLE_OFF]).await.unwrap(),
        ApiServer::PORT,
    )
    .await;
    let adopt = |release: &str| {
        format!("annotate --overwrite {DEPLOYMENT} meta.helm.sh/release-name={release}")
    };
    // Let the umbrella release adopt the agent that was installed alone.
    bed.kubectl(&adopt("castai")).await;
    bed.wait_for_root(CheckId::AgentUpgrade, M::AgentUpgradeSelectorImmutable)
        .await;
    let evidence = bed.exporter.evidence(CheckId::AgentUpgrade).await;
    assert!(
        evidence.contains("instance=castai-agent,") && evidence.contains("instance=castai,"),
        "{evidence}"
    );
    let upgrade = [
        "upgrade",
        "--install",
        "castai",
        AGENT_CHART,
        "--namespace",
        NAMESPACE,
        "--take-ownership",
    ];
    let refused = Helm::latest()
        .on(&bed.companion.cluster, &upgrade)
        .await
        .unwrap_err();
    assert!(
        refused.contains("field is immutable"),
        "it was right: {refused}"
    );
    bed.kubectl(&adopt("castai-agent")).await;
    bed.wait_until_healthy().await;
}

/// Flags for frequent compaction, so that a watch expires after seconds, and for watches served by
/// etcd.
const FAST_COMPACTION: [&str; 2] = [
    "kube-apiserver=--etcd-compaction-interval=2s",
    "kube-apiserver=--watch-cache=false",
];

#[tokio::test]
async fn broken_hanging_and_expired_watches_recover() {
    let arguments = [&FAST_COMPACTION[..], &[NODE_LIFECYCLE_OFF]].concat();
    let bed = FaultBed::start(
        Cluster::start_with(&arguments).await.unwrap(),
        ApiServer::LINK,
    )
    .await;
    let link = async |fault: &str| {
        bed.companion
            .cluster
            .control(&format!("link {fault}"))
            .await
            .unwrap()
    };

    // Changes during a broken watch show up once the watch resumes.
    link("reset").await;
    bed.wait_for_root(CheckId::Apiserver, M::NetReset).await;
    bed.kubectl(&format!("scale --replicas=0 {DEPLOYMENT}"))
        .await;
    link("ok").await;
    bed.wait_for_root(CheckId::AgentWorkload, M::AgentScaledToZero)
        .await;

    // Wait until etcd has compacted the last resource version of the watches.
    let list = bed.kubectl(&format!("get --raw {PODS}")).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    link("reset").await;
    bed.kubectl(&format!("scale --replicas=1 {DEPLOYMENT}"))
        .await;
    let again = format!("get --raw {PODS}?watch=true&timeoutSeconds=1&resourceVersion={version}");
    let began = Instant::now();
    while !bed.kubectl(&again).await.contains("\"code\":410") {
        assert!(
            began.elapsed() < REPORT_TIMEOUT,
            "the resource version has not expired"
        );
        bed.act_as_kubelet().await;
    }
    link("ok").await;
    bed.wait_until_healthy().await;

    // Restart the API server as well; every check of the companion recovers.
    bed.companion.cluster.kill("kube-apiserver").await.unwrap();
    bed.wait_for_root(CheckId::Apiserver, M::NetReset).await;
    bed.companion
        .cluster
        .revive("kube-apiserver")
        .await
        .unwrap();
    bed.wait_until_healthy().await;
    bed.kubectl(&format!("scale --replicas=0 {DEPLOYMENT}"))
        .await;
    bed.wait_for_root(CheckId::AgentWorkload, M::AgentScaledToZero)
        .await;
}
