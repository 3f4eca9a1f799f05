//! `check` on a person's machine against a real API server: its own pod proxy, authorizer and
//! validation.

mod faults;
mod same_root;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::exporter::{Exporter, fetch};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::companion::{CompanionBed, NAMESPACE};
use crate::support::doctor::{check, complaint, interrupt, report};
use crate::support::helm::Helm;

const COMPANION_POD: &str = "castai-health-exporter-7c9f";
const OWNER: &str = "castai-health-exporter/short-lived=check";
/// Two intervals of the checks, on a busy machine.
const FOLLOW_TIMEOUT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Returns an address of this machine that the API server's proxy accepts: it refuses loopback
/// addresses.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).unwrap();
    // Connecting sends nothing; it selects the address of the outgoing interface.
    socket.connect(("198.51.100.1", 9)).unwrap();
    socket.local_addr().unwrap().ip()
}

/// Forwards connections to that address to the exporter, which listens on loopback.
async fn forward_to(exporter: &Exporter) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((own_address(), 0)).await.unwrap();
    let (address, exporter) = (
        listener.local_addr().unwrap(),
        exporter.address().to_owned(),
    );
    let task = tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let exporter = exporter.clone();
            tokio::spawn(async move {
                if let Ok(mut far) = TcpStream::connect(exporter).await {
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    (address, task)
}

/// Creates the companion's pod as its kubelet would report it.
async fn companion_pod(bed: &CompanionBed, address: SocketAddr) {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": COMPANION_POD, "namespace": NAMESPACE,
            "labels": { "app.kubernetes.io/name": "castai-health-exporter" },
        },
        "spec": {
            "serviceAccountName": "castai-health-exporter",
            "containers": [{
                "name": "castai-health-exporter", "image": "local.test/exporter:1",
                "args": ["run", "--vantage=companion", "--agent.namespace=castai-agent"],
                "ports": [{ "name": "health-metrics", "containerPort": address.port() }],
            }],
        },
    });
    let file = bed.path().join("pod.json");
    std::fs::write(&file, pod.to_string()).unwrap();
    let file = file.display().to_string();
    bed.cluster.kubectl(&["create", "-f", &file]).await.unwrap();
    let ip = address.ip();
    let running = json!({ "state": { "running": {} }, "name": "castai-health-exporter",
        "image": "", "imageID": "", "ready": true, "restartCount": 0 });
    let status = json!({ "status": {
        "phase": "Running", "podIP": ip, "podIPs": [{ "ip": ip }], "containerStatuses": [running],
    } });
    let patch = [
        "-n",
        NAMESPACE,
        "patch",
        "pod",
        COMPANION_POD,
        "--subresource=status",
        "--type=merge",
        "-p",
    ];
    let status = status.to_string();
    bed.cluster
        .kubectl(&[&patch[..], &[&status]].concat())
        .await
        .unwrap();
}

/// Returns check and mode of the first root cause.
fn root(document: &Value) -> (Value, Value) {
    let root = &document["root_causes"][0];
    (root["check"].clone(), root["mode"].clone())
}

#[tokio::test]
async fn doctor_names_the_companions_root_through_the_real_pod_proxy() {
    let bed = CompanionBed::start().await;
    bed.agent(&Helm::latest(), &bed.url()).await;
    bed.mount_secret();
    let exporter = bed.exporter().await;
    let (address, forwarder) = forward_to(&exporter).await;
    companion_pod(&bed, address).await;
    for (fault, mode) in [
        ("token-invalid", "castai_token_invalid"),
        ("forbidden", "castai_forbidden"),
        ("rate-limited", "castai_rate_limited"),
        ("waf", "castai_waf_blocked"),
        ("cert-expired", "tls_expired"),
        ("reset-on-hello", "net_reset"),
    ] {
        bed.castai()
            .set(fault.parse::<lab::CastAiFault>().unwrap())
            .await;
        let deadline = Instant::now() + FOLLOW_TIMEOUT;
        loop {
            let status = fetch(exporter.address(), "/api/v1/status").await.unwrap();
            let seen = root(&serde_json::from_str(&status).unwrap());
            let document = report(bed.cluster.kubeconfig(), &[]).await;
            let expected = (json!("castai_api"), json!(mode));
            if seen == expected && root(&document) == expected {
                let seen_by = &document["root_causes"][0]["seen_by"][0];
                assert_eq!(seen_by["place"], "companion", "{document:#}");
                break;
            }
            assert!(
                Instant::now() < deadline,
                "{fault}: exporter {seen:?}, doctor {document:#}"
            );
            sleep(POLL_INTERVAL).await;
        }
    }
    // Nothing listens any more: the message is that of the real API server.
    forwarder.abort();
    let _ = forwarder.await;
    let document = report(bed.cluster.kubeconfig(), &[]).await;
    let vantages = document["vantages"].as_array().unwrap();
    let pod = format!("{NAMESPACE}/{COMPANION_POD}");
    let companion = vantages
        .iter()
        .find(|vantage| vantage["pod"] == pod.as_str());
    let error = companion.unwrap()["error"].as_str().unwrap();
    assert!(
        error.starts_with("the API server cannot reach it: dial tcp ")
            && error.contains("connection refused"),
        "{error}"
    );
}

#[tokio::test]
async fn person_with_the_view_role_learns_what_is_missing() {
    let bed = CompanionBed::start().await;
    bed.agent(&Helm::latest(), &bed.url()).await;
    let exporter = bed.exporter().await;
    let (address, _forwarder) = forward_to(&exporter).await;
    companion_pod(&bed, address).await;
    let person = kubeconfig_of_viewer(&bed).await;
    let output = check(&person, &[]).output().await.unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        shown.contains("you are not allowed to get pods/proxy in namespace castai-agent"),
        "{shown}{}",
        complaint(&output)
    );
    assert!(shown.contains("agent_workload"), "{shown}");
    let pod = ["--in-cluster", "--image=local.test/exporter:1"];
    let output = check(&person, &pod).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        complaint(&output).contains("lacks create pods, delete pods;"),
        "{}",
        complaint(&output)
    );
}

#[tokio::test]
async fn real_api_server_accepts_the_short_lived_pod_and_an_interrupt_removes_it() {
    let bed = CompanionBed::start().await;
    bed.agent(&Helm::latest(), &bed.url()).await;
    let arguments = ["--in-cluster", "--image=local.test/exporter:1"];
    let child = check(bed.cluster.kubeconfig(), &arguments).spawn().unwrap();
    let pods = ["-n", NAMESPACE, "get", "pods", "-l", OWNER, "-o", "name"];
    let deadline = Instant::now() + FOLLOW_TIMEOUT;
    while bed.cluster.kubectl(&pods).await.unwrap().is_empty() {
        assert!(Instant::now() < deadline, "no pod was created");
        sleep(POLL_INTERVAL).await;
    }
    interrupt(child).await;
    assert_eq!(bed.cluster.kubectl(&pods).await.unwrap(), "");
}

/// Creates a person who may view the agent's namespace, and returns their kubeconfig.
async fn kubeconfig_of_viewer(bed: &CompanionBed) -> PathBuf {
    let kubectl = async |arguments: &[&str]| bed.cluster.kubectl(arguments).await.unwrap();
    kubectl(&["-n", NAMESPACE, "create", "serviceaccount", "viewer"]).await;
    let account = format!("{NAMESPACE}:viewer");
    kubectl(&[
        "-n",
        NAMESPACE,
        "create",
        "rolebinding",
        "viewer",
        "--clusterrole=view",
        "--serviceaccount",
        &account,
    ])
    .await;
    let token = kubectl(&["-n", NAMESPACE, "create", "token", "viewer"]).await;
    let config = kubectl(&["config", "view", "--raw", "-o", "json"]).await;
    let mut config: Value = serde_json::from_str(&config).unwrap();
    config["users"][0]["user"] = json!({ "token": token.trim() });
    let path = bed.path().join("viewer");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}
