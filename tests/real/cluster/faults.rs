//! Faults of the agent's workload in a real cluster: real controllers report them, and the
//! companion names the mode. The cluster has no kubelet; the test writes what a kubelet would.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};
use serde_json::{Value, json};
use test_support::exporter::Exporter;
use tokio::time::{Instant, sleep};

use super::companion::{NAMESPACE, Scene};
use crate::support::cluster::{ApiServer, Cluster};
use crate::support::helm::{AGENT_CHART, Helm};

/// Two intervals of 2 s and an attempt, plus time for controllers on a busy machine.
const TOLD: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(200);
const PODS: &str = "/api/v1/namespaces/castai-agent/pods";
const DEPLOYMENT: &str = "deployment/castai-agent";
/// Nothing renews node leases here, so the controller that would mark nodes lost is off.
const NODES_LIVE: &str = "kube-controller-manager=--controllers=*,-node-lifecycle-controller";

/// A companion beside a running agent.
struct Story {
    scene: Scene,
    exporter: Exporter,
}

impl Story {
    /// Starts the test bed and waits until every check is healthy.
    async fn begin(cluster: Cluster, port: u16) -> Self {
        let scene = Scene::of(cluster, port).await;
        scene.mount_secret();
        scene.agent(&Helm::four(), &scene.url()).await;
        let exporter = scene.exporter().await;
        let story = Self { scene, exporter };
        story.join().await;
        story.is_well().await;
        story
    }

    async fn kubectl(&self, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').chain(["--namespace", NAMESPACE]).collect();
        self.scene.cluster.kubectl(&words).await.unwrap()
    }

    async fn put(&self, object: &Value) {
        let path = self.scene.cluster.path().join("object.json");
        std::fs::write(&path, object.to_string()).unwrap();
        self.kubectl(&format!(
            "apply --server-side --force-conflicts -f {}",
            path.display()
        ))
        .await;
    }

    /// Registers a node and reports it ready, as a kubelet does.
    async fn join(&self) {
        let node = node();
        self.put(&node).await;
        self.patch("node/node-1", &json!({ "status": node["status"] }), true)
            .await;
        // The controller that removes this taint is off.
        self.kubectl("taint node node-1 node.kubernetes.io/not-ready-")
            .await;
    }

    async fn patch(&self, what: &str, patch: &Value, status: bool) {
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
        drop(self.scene.cluster.kubectl(&words).await);
    }

    /// Recreates the agent's pods, as a rollout or a lost node would.
    async fn remake_pods(&self) {
        self.kubectl("delete pods --all --force --grace-period=0")
            .await;
    }

    /// Acts as the kubelet: starts pods that have a node and removes pods that are terminating.
    async fn play_kubelet(&self) {
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
    async fn is_told(&self, check: CheckId, mode: M) {
        self.exporter.tells((check, mode), TOLD).await;
    }

    /// Waits until nothing fails and the agent has been checked.
    async fn is_well(&self) {
        let began = Instant::now();
        loop {
            self.play_kubelet().await;
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
            assert!(began.elapsed() < TOLD * 2, "not well: {failures:?}\n{log}");
            sleep(AGAIN).await;
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
async fn the_agents_workload_is_broken_by_real_controllers() {
    let story = Story::begin(
        Cluster::start_with(&[NODES_LIVE]).await.unwrap(),
        ApiServer::PORT,
    )
    .await;
    let workload = async |mode: M| story.is_told(CheckId::AgentWorkload, mode).await;

    story.kubectl(&format!("delete {DEPLOYMENT}")).await;
    workload(M::AgentDeploymentMissing).await;
    story.scene.agent(&Helm::four(), &story.scene.url()).await;
    story.is_well().await;

    story
        .kubectl(&format!("scale --replicas=0 {DEPLOYMENT}"))
        .await;
    workload(M::AgentScaledToZero).await;
    story
        .kubectl(&format!("scale --replicas=1 {DEPLOYMENT}"))
        .await;
    story.is_well().await;

    story
        .kubectl("taint node node-1 dedicated=gpu:NoSchedule")
        .await;
    story.remake_pods().await;
    workload(M::AgentUnschedulableTaint).await;
    story.kubectl("taint node node-1 dedicated-").await;
    story.is_well().await;

    story.kubectl("delete node node-1").await;
    story.remake_pods().await;
    workload(M::AgentUnschedulableResources).await;
    let said = story.exporter.evidence(CheckId::AgentWorkload).await;
    assert!(said.contains("no nodes available"), "{said}");
    story.join().await;
    story.is_well().await;

    story
        .patch(
            DEPLOYMENT,
            &json!({ "spec": { "template": { "spec": { "nodeSelector": { "pool": "x" } } } } }),
            false,
        )
        .await;
    workload(M::AgentUnschedulableSelector).await;
    story.kubectl(&format!("rollout undo {DEPLOYMENT}")).await;
    story.is_well().await;
}

#[tokio::test]
async fn the_agents_pods_are_refused_by_real_admission() {
    let story = Story::begin(
        Cluster::start_with(&[NODES_LIVE]).await.unwrap(),
        ApiServer::PORT,
    )
    .await;
    let workload = async |mode: M| story.is_told(CheckId::AgentWorkload, mode).await;

    story.kubectl("create quota full --hard=pods=0").await;
    story.remake_pods().await;
    workload(M::AgentFailedCreateQuota).await;
    story.kubectl("delete quota full").await;
    story.is_well().await;

    story
        .kubectl(&format!(
            "label namespace {NAMESPACE} pod-security.kubernetes.io/enforce=baseline"
        ))
        .await;
    story
        .patch(
            DEPLOYMENT,
            &json!({ "spec": { "template": { "spec": { "hostNetwork": true } } } }),
            false,
        )
        .await;
    workload(M::AgentFailedCreatePsa).await;
    story
        .kubectl(&format!(
            "label namespace {NAMESPACE} pod-security.kubernetes.io/enforce-"
        ))
        .await;
    story.kubectl(&format!("rollout undo {DEPLOYMENT}")).await;
    story.is_well().await;

    story.put(&webhook()).await;
    story.remake_pods().await;
    workload(M::AgentFailedCreateWebhook).await;
    let said = story.exporter.evidence(CheckId::AgentWorkload).await;
    assert!(said.contains("pods.nobody.test"), "it is named: {said}");
    story
        .kubectl("delete validatingwebhookconfiguration nobody")
        .await;
    story.is_well().await;

    story.kubectl("delete serviceaccount castai-agent").await;
    story.remake_pods().await;
    workload(M::AgentFailedCreateSa).await;
    story.kubectl("create serviceaccount castai-agent").await;
    story.is_well().await;
}

/// Returns a webhook configuration for new pods whose service does not exist.
fn webhook() -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": "nobody" },
        "webhooks": [{
            "name": "pods.nobody.test", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "failurePolicy": "Fail", "timeoutSeconds": 1,
            "clientConfig": { "service": { "name": "nobody", "namespace": NAMESPACE } },
            "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] }],
        }],
    })
}

#[tokio::test]
async fn an_upgrade_that_will_be_refused_is_foretold() {
    let story = Story::begin(
        Cluster::start_with(&[NODES_LIVE]).await.unwrap(),
        ApiServer::PORT,
    )
    .await;
    let adopt = |release: &str| {
        format!("annotate --overwrite {DEPLOYMENT} meta.helm.sh/release-name={release}")
    };
    // Let the umbrella release adopt the agent that was installed alone.
    story.kubectl(&adopt("castai")).await;
    story
        .is_told(CheckId::AgentUpgrade, M::AgentUpgradeSelectorImmutable)
        .await;
    let said = story.exporter.evidence(CheckId::AgentUpgrade).await;
    assert!(
        said.contains("instance=castai-agent,") && said.contains("instance=castai,"),
        "{said}"
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
    let refused = Helm::four()
        .on(&story.scene.cluster, &upgrade)
        .await
        .unwrap_err();
    assert!(
        refused.contains("field is immutable"),
        "it was right: {refused}"
    );
    story.kubectl(&adopt("castai-agent")).await;
    story.is_well().await;
}

/// Flags for frequent compaction, so that a watch expires after seconds, and for watches served by
/// etcd.
const FORGETFUL: [&str; 2] = [
    "kube-apiserver=--etcd-compaction-interval=2s",
    "kube-apiserver=--watch-cache=false",
];

#[tokio::test]
async fn watches_are_cut_hang_and_come_too_late_to_be_resumed() {
    let arguments = [&FORGETFUL[..], &[NODES_LIVE]].concat();
    let story = Story::begin(
        Cluster::start_with(&arguments).await.unwrap(),
        ApiServer::LINK,
    )
    .await;
    let link = async |fault: &str| {
        story
            .scene
            .cluster
            .control(&format!("link {fault}"))
            .await
            .unwrap()
    };

    // Changes during a broken watch show up once the watch resumes.
    link("reset").await;
    story.is_told(CheckId::Apiserver, M::NetReset).await;
    story
        .kubectl(&format!("scale --replicas=0 {DEPLOYMENT}"))
        .await;
    link("ok").await;
    story
        .is_told(CheckId::AgentWorkload, M::AgentScaledToZero)
        .await;

    // Wait until etcd has compacted the last resource version of the watches.
    let list = story.kubectl(&format!("get --raw {PODS}")).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    link("reset").await;
    story
        .kubectl(&format!("scale --replicas=1 {DEPLOYMENT}"))
        .await;
    let again = format!("get --raw {PODS}?watch=true&timeoutSeconds=1&resourceVersion={version}");
    let began = Instant::now();
    while !story.kubectl(&again).await.contains("\"code\":410") {
        assert!(began.elapsed() < TOLD, "nothing is forgotten");
        story.play_kubelet().await;
    }
    link("ok").await;
    story.is_well().await;

    // Restart the API server as well; every check of the companion recovers.
    story.scene.cluster.kill("kube-apiserver").await.unwrap();
    story.is_told(CheckId::Apiserver, M::NetReset).await;
    story.scene.cluster.revive("kube-apiserver").await.unwrap();
    story.is_well().await;
    story
        .kubectl(&format!("scale --replicas=0 {DEPLOYMENT}"))
        .await;
    story
        .is_told(CheckId::AgentWorkload, M::AgentScaledToZero)
        .await;
}
