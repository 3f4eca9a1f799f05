//! Tests of a companion that reads the sidecars when its page is opened.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use castai_health_exporter::doctor::{SidecarReader, SidecarView};
use castai_health_exporter::kube::Client;
use castai_health_exporter::net::Resolver;
use lab::apiserver::workload;
use serde_json::{Value, json};
use test_support::exporter::{Exporter, fetch};
use test_support::lab_cluster::LabCluster;
use tokio::net::TcpListener;

use crate::canned_exporter::CannedExporter;
use crate::doctor::Bed;

const STATUS: &str = "/api/v1/status";

/// Adds a sidecar that listens at this address to the agent's pod.
fn add_sidecar(lab: &LabCluster, address: SocketAddr, arguments: &[&str]) {
    let objects = lab.api.objects();
    objects.change("Pod", workload::AGENT, workload::POD, |pod| {
        let containers = pod["spec"]["containers"].as_array_mut().unwrap();
        containers.retain(|container| container["name"] == "agent");
        containers.push(json!({
            "name": "castai-health-exporter", "image": "local.test/exporter:1", "args": arguments,
            "ports": [{ "name": "health-metrics", "containerPort": address.port() }],
        }));
        pod["status"]["podIP"] = json!(address.ip().to_string());
    });
}

fn reader(lab: &LabCluster) -> SidecarReader {
    let config = lab.config();
    let resolver = Arc::new(Resolver::new(&config.dns));
    let client = Client::new(&config, &resolver);
    SidecarReader::new(client, resolver, workload::AGENT)
}

/// Reads the only sidecar.
async fn read(lab: &LabCluster) -> SidecarView {
    let sidecars = reader(lab).read().await;
    assert_eq!(sidecars.problems, [""; 0]);
    let [view] = sidecars.views.as_slice() else {
        panic!("one sidecar is expected: {:?}", sidecars.views);
    };
    view.clone()
}

/// A document in which the API key is rejected.
fn document(evidence: &str) -> String {
    let mode = json!({
        "mode": "castai_token_invalid", "evidence": evidence, "remedy": "$ reboot", "meaning": "no",
    });
    json!({
        "schema_version": 1,
        "exporter": { "version": "9.9.9" },
        "root_causes": [
            { "check": "castai_api", "mode": "castai_token_invalid", "severity": "critical",
              "since": "2026-11-30T04:12:07Z" },
            { "check": "<script>", "mode": "castai_token_invalid", "severity": "critical" },
        ],
        "checks": [
            { "id": "castai_api", "status": "failing", "modes": [mode] },
            { "id": "dns", "status": "ok" },
            { "id": "telepathy", "status": "glowing" },
        ],
    })
    .to_string()
}

async fn canned(body: String) -> CannedExporter {
    CannedExporter::start(BTreeMap::from([(STATUS, body)])).await
}

#[tokio::test]
async fn companion_shows_what_a_sidecar_sees() {
    let bed = Bed::new(LabCluster::start());
    let token_invalid = "token-invalid".parse::<lab::CastAiFault>().unwrap();
    bed.lab.castai.set(token_invalid).await;
    let sidecar = bed.start_sidecar().await;
    add_sidecar(&bed.lab, sidecar.address().parse().unwrap(), &["run"]);
    let file = bed.lab.mounted("companion.yaml");
    let text = format!(
        "vantage: companion\n{}  namespace: castai-agent\n",
        bed.lab.file
    );
    fs::write(&file, text).unwrap();
    let mut env = bed.lab.env.clone();
    env.retain(|name, _| name.starts_with("KUBERNETES_"));
    let companion = Exporter::start(&env, &file).await;
    let status: Value =
        serde_json::from_str(&fetch(companion.address(), STATUS).await.unwrap()).unwrap();
    let sidecars = &status["sidecars"];
    assert_eq!(sidecars["problems"], json!([]), "{sidecars:#}");
    let [pod] = sidecars["pods"].as_array().unwrap().as_slice() else {
        panic!("one pod is expected: {sidecars:#}");
    };
    assert_eq!(pod["pod"], workload::POD, "{pod:#}");
    assert_eq!(pod["node"], workload::NODE, "{pod:#}");
    assert_eq!(pod["error"], Value::Null, "{pod:#}");
    let root = &pod["root_causes"][0];
    assert_eq!(root["check"], "castai_api", "{pod:#}");
    assert_eq!(root["mode"], "castai_token_invalid", "{pod:#}");
    assert_eq!(root["severity"], "critical", "{pod:#}");
    let page = fetch(companion.address(), "/").await.unwrap();
    for part in [
        format!("<code>{}</code>", workload::POD),
        "castai_token_invalid".to_owned(),
    ] {
        let (_, section) = page.split_once("id=\"sidecars\"").expect(&page);
        assert!(section.contains(&part), "no {part} in\n{section}");
    }
    // A sidecar reads no other.
    let own: Value =
        serde_json::from_str(&fetch(sidecar.address(), STATUS).await.unwrap()).unwrap();
    assert_eq!(own["sidecars"], Value::Null);
}

#[tokio::test]
async fn verdict_is_reduced_to_known_fields_without_secrets() {
    let lab = LabCluster::start();
    let key = "AKIAIOSFODNN7EXAMPLE";
    let evidence =
        format!("rejected\u{1b}[31m {key} token=ghp_0123456789abcdefghij0123456789abcdef");
    let sidecar = canned(document(&evidence)).await;
    add_sidecar(&lab, sidecar.address, &["run"]);
    let view = read(&lab).await;
    let verdict = view.verdict.unwrap();
    let [root] = verdict.root_causes.as_slice() else {
        panic!("invalid labels are left out: {:?}", verdict.root_causes);
    };
    assert_eq!(root.mode.as_str(), "castai_token_invalid");
    let shown = root.evidence.as_str();
    assert!(shown.starts_with("rejected[31m "), "{shown}");
    assert!(!shown.contains(key) && !shown.contains("ghp_"), "{shown}");
    let counts = ["failing", "ok", "unknown", "warning"].map(|status| verdict.count(status));
    assert_eq!(counts, [1, 1, 1, 0]);
    assert_eq!(
        (view.pod.as_str(), view.node.as_deref()),
        (workload::POD, Some(workload::NODE))
    );
}

#[tokio::test]
async fn sidecar_gets_one_request_however_often_the_page_is_opened() {
    let lab = LabCluster::start();
    let sidecar = canned(document("rejected")).await;
    add_sidecar(&lab, sidecar.address, &["run"]);
    let reader = reader(&lab);
    let (first, second) = tokio::join!(reader.read(), reader.read());
    let third = reader.read().await;
    assert!(Arc::ptr_eq(&first, &second) && Arc::ptr_eq(&second, &third));
    assert_eq!(sidecar.requests(), 1);
    let lists = lab.api.service().request_log().requests();
    let lists = lists
        .iter()
        .filter(|request| request.path().ends_with("/pods"));
    assert_eq!(lists.count(), 1);
}

#[tokio::test]
async fn known_sidecars_are_read_while_the_api_server_fails() {
    let lab = LabCluster::start();
    let sidecar = canned(document("rejected")).await;
    add_sidecar(&lab, sidecar.address, &["run"]);
    let reader = reader(&lab).keeping_for(Duration::ZERO);
    assert!(reader.read().await.views[0].verdict.is_ok());
    lab.api.set(lab::ApiFault::ServerError).await;
    let sidecars = reader.read().await;
    assert!(sidecars.views[0].verdict.is_ok());
    let [problem] = sidecars.problems.as_slice() else {
        panic!("one problem is expected: {:?}", sidecars.problems);
    };
    assert!(
        problem.starts_with("exporters could not be searched for: "),
        "{problem}"
    );
}

#[tokio::test]
async fn password_and_tls_of_a_sidecar_are_named() {
    let lab = LabCluster::start();
    let locked = CannedExporter::respond(|_| ("401 Unauthorized", "unauthorized".to_owned())).await;
    add_sidecar(
        &lab,
        locked.address,
        &["run", "--web.config.file=/web.yaml"],
    );
    let error = read(&lab).await.verdict.unwrap_err().to_string();
    assert_eq!(
        error,
        "it requires a password, which this companion does not have"
    );
    // A TLS server closes the connection of a client that sends no handshake.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    add_sidecar(
        &lab,
        listener.local_addr().unwrap(),
        &["run", "--web.config.file=/web.yaml"],
    );
    let closes = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let error = read(&lab).await.verdict.unwrap_err().to_string();
    assert!(
        error.starts_with("its web configuration file protects it with TLS"),
        "{error}"
    );
    closes.abort();
}

#[tokio::test]
async fn sidecar_that_cannot_be_read_says_why() {
    let lab = LabCluster::start();
    let read_error = async |address: SocketAddr| {
        add_sidecar(&lab, address, &["run"]);
        read(&lab).await.verdict.unwrap_err().to_string()
    };
    let html = canned("<html></html>".to_owned()).await;
    let error = read_error(html.address).await;
    assert!(
        error.contains("is another program listening on that port?"),
        "{error}"
    );
    let large = canned(" ".repeat(300 << 10)).await;
    let error = read_error(large.address).await;
    assert_eq!(error, "its response is larger than 262144 bytes");
    let other = CannedExporter::respond(|_| ("404 Not Found", "no".to_owned())).await;
    let error = read_error(other.address).await;
    assert!(error.starts_with("it responded with 404 "), "{error}");
    let closed = other.address;
    drop(other);
    let error = read_error(closed).await;
    assert!(
        error.starts_with("it cannot be reached from here: ") && !error.contains("network policy"),
        "{error}"
    );
    // Accepts connections and does not respond.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = read_error(silent.local_addr().unwrap()).await;
    assert!(
        error.starts_with("it cannot be reached from here: ")
            && error.ends_with("a network policy may block this companion"),
        "{error}"
    );
    lab.api
        .objects()
        .change("Pod", workload::AGENT, workload::POD, |pod| {
            pod["status"]["podIP"] = json!("not-an-address.example");
        });
    let error = read(&lab).await.verdict.unwrap_err().to_string();
    assert_eq!(error, "its pod has no IP address yet");
}

#[tokio::test]
async fn missing_permission_to_list_pods_is_named() {
    let lab = LabCluster::start();
    lab.api.deny(&["pods"]);
    let sidecars = reader(&lab).read().await;
    assert!(sidecars.views.is_empty(), "{:?}", sidecars.views);
    let [problem] = sidecars.problems.as_slice() else {
        panic!("one problem is expected: {:?}", sidecars.problems);
    };
    assert!(
        problem.ends_with("is not allowed to list pods in namespace castai-agent"),
        "{problem}"
    );
}
