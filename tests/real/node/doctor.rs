//! `check` on a person's machine against a real node: it names the same root cause as the sidecar and
//! the companion, starts a pod by the real kubelet, and `bundle` runs in the pods of the image.

use std::fs;
use std::time::Instant;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};
use lab::CastAiFault;
use serde_json::json;
use tempfile::TempDir;
use test_support::failures::Failure;
use test_support::unpacked::Unpacked;
use tokio::time::sleep;

use super::ROLLOUT_TIMEOUT;
use super::image::IMAGE_NAME;
use super::node_cluster::{NodeCluster, POLL_INTERVAL};
use crate::support::doctor::{Comparison, check, interrupt, print_and_assert};
use crate::support::helm::Helm;
use crate::support::pages::block;

const SIDECAR: &str = "castai-health-exporter";
const COMPANION: &str = "app.kubernetes.io/name=castai-health-exporter";
/// Selects the pods of `check --in-cluster`.
const SHORT_LIVED: &str = "castai-health-exporter/short-lived=check";

/// A way to break what the agent depends on.
#[derive(Clone, Copy)]
enum Broken {
    /// CAST AI rejects the API key.
    Key,
    /// The name of CAST AI does not resolve.
    Name,
    /// The agent's `ClusterRole` lacks pods.
    Permissions,
}

/// Each fault, the root cause, and whether the sidecar or only the companion checks it.
const FAULTS: [(&str, Broken, Failure, bool); 3] = [
    (
        "CAST AI rejects the key",
        Broken::Key,
        (CheckId::CastaiApi, M::CastaiTokenInvalid),
        true,
    ),
    (
        "the name does not resolve",
        Broken::Name,
        (CheckId::Dns, M::NetDnsServfail),
        true,
    ),
    (
        "the ClusterRole lacks pods",
        Broken::Permissions,
        (CheckId::AgentPermissions, M::K8sRbacForbidden),
        false,
    ),
];

#[tokio::test]
#[ignore = "needs root and a kubelet: make test-node"]
async fn doctor_sees_what_the_pods_see() {
    let cluster = NodeCluster::start().await;
    let helm = Helm::latest();
    cluster.healthy_agent(&helm).await;
    let began = Instant::now();
    short_lived_pod_names_the_root(&cluster).await;
    interrupted_pod_is_removed(&cluster).await;
    let pods = install(&cluster, &helm).await;
    bundle_is_written_in_both_pods(&cluster).await;
    same_root_as_the_pods(&cluster, &pods).await;
    for pod in &pods {
        assert_eq!(cluster.restarts(pod).await, 0, "{pod}");
    }
    println!("after the start: {:.1} s", began.elapsed().as_secs_f64());
}

/// Without an exporter, a pod of the image sees what the agent sees.
async fn short_lived_pod_names_the_root(cluster: &NodeCluster) {
    cluster.castai.set(CastAiFault::TokenInvalid).await;
    // The exit code is 1, because a check is failing.
    let printed = cluster.run(&block("check in the cluster")).await;
    let printed = printed.expect_err("nothing is failing");
    for words in [
        "root cause: castai_api (castai_token_invalid)",
        "seen by: in-cluster pod",
        "only the agent's pod can see agent_health: install the exporter",
    ] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    wait_until_removed(cluster).await;
    cluster.castai.heal().await;
}

/// After Ctrl-C, nothing of the running pod is left.
async fn interrupted_pod_is_removed(cluster: &NodeCluster) {
    // Without an answer the pod runs until its timeout.
    cluster
        .castai
        .set("http-hang".parse::<CastAiFault>().unwrap())
        .await;
    let image = format!("--image={IMAGE_NAME}:{}", env!("CARGO_PKG_VERSION"));
    let arguments = ["--in-cluster", &image];
    let child = check(cluster.kubeconfig(), &arguments).spawn().unwrap();
    let began = Instant::now();
    while phases(cluster).await != ["Running"] {
        assert!(began.elapsed() < ROLLOUT_TIMEOUT, "the pod does not run");
        sleep(POLL_INTERVAL).await;
    }
    interrupt(child).await;
    wait_until_removed(cluster).await;
    cluster.castai.heal().await;
}

/// Returns the phases of the short-lived pods.
async fn phases(cluster: &NodeCluster) -> Vec<String> {
    let pods = cluster.get(&["pods", "-l", SHORT_LIVED]).await;
    let pods = pods["items"].as_array().unwrap().iter();
    pods.map(|pod| pod["status"]["phase"].as_str().unwrap().to_owned())
        .collect()
}

async fn wait_until_removed(cluster: &NodeCluster) {
    let began = Instant::now();
    while !phases(cluster).await.is_empty() {
        assert!(began.elapsed() < ROLLOUT_TIMEOUT, "the pod still exists");
        sleep(POLL_INTERVAL).await;
    }
}

/// Installs companion and sidecar, waits until both are healthy, and returns their pods.
async fn install(cluster: &NodeCluster, helm: &Helm) -> [String; 2] {
    cluster.exporter(helm, &["sidecar.enabled=true"]).await;
    let began = Instant::now();
    // No status says when every API server applies the policy.
    let agent = loop {
        cluster.replace_the_agents_pods().await;
        let [pod]: [String; 1] = cluster.agents_pods().await.try_into().unwrap();
        if cluster
            .containers(&pod)
            .await
            .iter()
            .any(|name| name == SIDECAR)
        {
            break pod;
        }
        assert!(began.elapsed() < ROLLOUT_TIMEOUT, "{pod} has no sidecar");
    };
    let deployment = "deploy/castai-health-exporter";
    let ready = ["rollout", "status", deployment, "--timeout=90s"];
    cluster.kubectl(&ready).await;
    let [companion]: [String; 1] = cluster.pods(COMPANION).await.try_into().unwrap();
    let fine = [("apiserver", "ok"), ("castai_api", "ok"), ("dns", "ok")];
    for (pod, vantage, environment) in
        [(&agent, "sidecar", "own"), (&companion, "companion", "pod")]
    {
        cluster
            .wait_for_verdicts(pod, vantage, environment, &fine)
            .await;
    }
    [agent, companion]
}

/// The image contains only the program, and the archive is its standard output.
async fn bundle_is_written_in_both_pods(cluster: &NodeCluster) {
    let dir = TempDir::new().unwrap();
    for place in ["companion", "sidecar"] {
        let path = dir.path().join(place);
        let commands = block(&format!("bundle in the {place}"));
        let commands = commands.replace("bundle.zip", path.to_str().unwrap());
        cluster.run(&commands).await.unwrap();
        let unpacked = Unpacked::read(&fs::read(&path).unwrap());
        let own = format!("vantages/{place}-of-this-pod");
        let status = unpacked.json(&format!("{own}/status.json"));
        assert_eq!(status["exporter"]["vantage"], json!(place), "{status:#}");
        assert!(
            unpacked
                .text(&format!("{own}/metrics.txt"))
                .contains("castai_health_")
        );
        assert!(unpacked.text("index.html").contains(&own));
        let deployments = unpacked.text("objects/deployments.json");
        assert!(deployments.contains("castai-agent"), "{deployments}");
        println!("bundle in the {place}: {} files", unpacked.files.len());
    }
}

/// Breaks the world, and compares the doctor with an exporter that sees it.
async fn same_root_as_the_pods(cluster: &NodeCluster, [agent, companion]: &[String; 2]) {
    let sidecar = cluster.exporter_in(agent).await;
    let companion = cluster.exporter_in(companion).await;
    let mut compared = Vec::new();
    for (scenario, broken, root, in_sidecar) in FAULTS {
        set(cluster, broken, true).await;
        let exporter = if in_sidecar { &sidecar } else { &companion };
        let doctor = (cluster.kubeconfig(), &[][..]);
        let row = Comparison::of(scenario, root, exporter, doctor, async || {}).await;
        set(cluster, broken, false).await;
        compared.push(row);
    }
    assert_eq!(print_and_assert(&compared), FAULTS.len());
}

/// Breaks something, or heals it.
async fn set(cluster: &NodeCluster, broken: Broken, breaks: bool) {
    match (broken, breaks) {
        (Broken::Key, true) => cluster.castai.set(CastAiFault::TokenInvalid).await,
        (Broken::Key, false) => cluster.castai.heal().await,
        (Broken::Name, breaks) => cluster.resolve_castai(!breaks),
        (Broken::Permissions, breaks) => {
            // The first rule of the agent's chart begins with pods.
            let (operation, value) = if breaks {
                ("remove", json!(null))
            } else {
                ("add", json!("pods"))
            };
            let pointer = "/rules/0/resources/0";
            let patch = json!([{ "op": operation, "path": pointer, "value": value }]).to_string();
            let role = ["patch", "clusterrole", "castai-agent", "--type=json", "-p"];
            cluster.kubectl(&[&role[..], &[&patch]].concat()).await;
        }
    }
}
