//! Installs value files of realistic platforms on a real node: the companion becomes ready under
//! their restrictions, and `helm test` passes.

use serde_json::{Value, json};

use super::node_cluster::NodeCluster;
use crate::support::helm::{CHART, Helm, IMAGE};

/// Files in `deploy/chart/ci` that need nothing that this node lacks, and values that replace what
/// only exists on the platform.
const FILES: [(&str, &[&str]); 6] = [
    ("pod-security-restricted", &[]),
    ("openshift", &[]),
    ("default-deny", &["extraEnv=null"]),
    ("umbrella", &["global.registry=local.test"]),
    ("tls-and-passwords", &["podMonitor.enabled=false"]),
    ("namespaced", &[]),
];
const SECRET: &str = "castai-health-exporter-tls";
const PASSWORD: &str = "prometheus:example";

#[tokio::test]
#[ignore = "needs root and a kubelet: make test-node"]
async fn six_value_files_are_installed_and_tested() {
    let cluster = NodeCluster::start().await;
    let helm = Helm::latest();
    cluster.healthy_agent(&helm).await;
    cluster.apply(&certificate()).await;
    for (file, values) in FILES {
        let path = format!("{CHART}/ci/{file}-values.yaml");
        let image = ["image.registry=", IMAGE, "image.architectures=null"];
        let mut arguments = vec![
            "install",
            "castai-health-exporter",
            CHART,
            "--values",
            &path,
        ];
        // The umbrella's registry replaces the chart's, so the name must not contain one.
        let own = ["image.repository=castai-health-exporter"];
        let image = if file == "umbrella" {
            &own[..]
        } else {
            &image[..]
        };
        for value in image.iter().chain(values) {
            arguments.extend(["--set", value]);
        }
        cluster.helm(&helm, &arguments).await;
        let deployments = cluster
            .get(&[
                "deployment",
                "-l",
                "app.kubernetes.io/instance=castai-health-exporter",
            ])
            .await;
        let name = deployments["items"][0]["metadata"]["name"]
            .as_str()
            .unwrap();
        let deployment = format!("deploy/{name}");
        cluster
            .kubectl(&["rollout", "status", &deployment, "--timeout=90s"])
            .await;
        let test = ["test", "castai-health-exporter", "--timeout=4m"];
        if let Err(error) = cluster.try_helm(&helm, &test).await {
            let printed = cluster.kubectl(&["logs", &format!("{name}-test")]).await;
            panic!("{file}: {error}\n{printed}");
        }
        // The commands of the documentation work as they are written.
        if file == FILES[0].0 {
            for block in ["check", "check unknown", "explain", "helm test"] {
                let printed = cluster.run_block(block).await;
                assert!(!printed.is_empty(), "{block}");
            }
        }
        if file == "tls-and-passwords" {
            serves_only_users_over_tls(&cluster).await;
        }
        cluster
            .helm(&helm, &["uninstall", "castai-health-exporter", "--wait"])
            .await;
        println!("{file}: installed, ready, tested and uninstalled");
    }
}

/// Returns a Secret with a certificate for the companion.
fn certificate() -> Value {
    let identity =
        rcgen::generate_simple_self_signed(["castai-health-exporter".to_owned()]).unwrap();
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": { "name": SECRET, "namespace": "castai-agent" },
        "stringData": { "tls.crt": identity.cert.pem(), "tls.key": identity.signing_key.serialize_pem() },
    })
}

/// Asserts that the companion answers only over TLS and only with the password.
async fn serves_only_users_over_tls(cluster: &NodeCluster) {
    let pods = cluster
        .get(&[
            "pods",
            "-l",
            "app.kubernetes.io/name=castai-health-exporter",
        ])
        .await;
    let address = pods["items"][0]["status"]["podIP"].as_str().unwrap();
    let fetch = async |url: String, user: &str| {
        let mut arguments = vec!["--silent", "--insecure", "--max-time", "10"];
        arguments.extend(["--output", "/dev/null", "--write-out", "%{http_code}"]);
        if !user.is_empty() {
            arguments.extend(["--user", user]);
        }
        arguments.push(&url);
        cluster.curl(&arguments).await
    };
    let secure = format!("https://{address}:9878/castai/metrics");
    assert_eq!(fetch(secure.clone(), PASSWORD).await, "200");
    assert_eq!(fetch(secure, "").await, "401");
    let plain = format!("http://{address}:9878/castai/metrics");
    assert_ne!(fetch(plain, PASSWORD).await, "200");
}
