//! Exporters that are read through the pod proxy: side by side, behind TLS or a password, or not
//! permitted.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use castai_health_exporter::doctor::discovery;
use castai_health_exporter::kube::Client;
use castai_health_exporter::net::Resolver;
use jiff::{SignedDuration, Timestamp};
use lab::apiserver::workload;
use serde_json::{Value, json};
use test_support::exporter::Exporter;
use test_support::lab_cluster::LabCluster;

use crate::canned_exporter::CannedExporter;
use crate::doctor::{Bed, complaint, roots, text};

/// Writes a certificate, and a web configuration that uses it.
fn with_tls(bed: &Bed, more: &str) -> String {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["exporter".to_owned()]).unwrap();
    fs::write(bed.lab.mounted("tls.crt"), cert.pem()).unwrap();
    fs::write(bed.lab.mounted("tls.key"), signing_key.serialize_pem()).unwrap();
    let web = format!("tls_server_config: {{ cert_file: tls.crt, key_file: tls.key }}\n{more}");
    fs::write(bed.lab.mounted("web.yaml"), web).unwrap();
    format!("{}web: {{ config_file: web.yaml }}\n", bed.lab.file)
}

async fn exporter(bed: &Bed, file: &str) -> Exporter {
    let path = bed.lab.mounted("exporter.yaml");
    fs::write(&path, file).unwrap();
    Exporter::start(&bed.lab.env, &path).await
}

fn vantage<'a>(report: &'a Value, place: &str) -> &'a Value {
    let vantages = report["vantages"].as_array().unwrap();
    let found = vantages.iter().find(|vantage| vantage["place"] == place);
    found.unwrap_or_else(|| panic!("no {place}: {vantages:?}"))
}

/// Returns the lines of a table without its padding.
fn single_spaced(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.map(|line| line + "\n").collect()
}

#[tokio::test]
async fn sidecar_and_this_machine_are_shown_side_by_side() {
    let bed = Bed::new(LabCluster::start());
    bed.lab
        .castai
        .set("token-invalid".parse::<lab::CastAiFault>().unwrap())
        .await;
    let _exporter = bed.start_sidecar().await;
    let output = bed.check(&[]).output().await.unwrap();
    let shown = text(&output);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{shown}{}",
        complaint(&output)
    );
    let seen = format!("\nseen by: sidecar {}, since ", workload::POD);
    for expected in [
        "agent castai-agent/castai-agent, seen by 1 sidecar, this machine\n",
        "\n× castai_api: ",
        &seen,
        "\nagent_workload √ √\n",
        "\nroot cause: castai_api (castai_token_invalid)\n",
    ] {
        assert!(
            single_spaced(&shown).contains(expected),
            "{expected:?} in\n{shown}"
        );
    }
    // Every check ran somewhere.
    assert!(!shown.contains("only a pod can see"), "{shown}");
    let short = text(&bed.check(&["-o", "short"]).output().await.unwrap());
    assert!(
        short.starts_with("castai_api (castai_token_invalid): "),
        "{short}"
    );
    let junit = text(&bed.check(&["-o", "junit"]).output().await.unwrap());
    assert!(
        junit.contains(r#"<failure type="castai_token_invalid""#),
        "{junit}"
    );
}

#[tokio::test]
async fn pods_that_see_a_failure_are_counted() {
    let bed = Bed::new(LabCluster::start());
    let healthy = bed.start_sidecar().await;
    // The exporter in a second pod reports a failure that the first one does not.
    let other = "castai-agent-6d8f9c7b5-second";
    let objects = bed.lab.api.objects();
    let mut pod = objects.get("Pod", workload::AGENT, workload::POD).unwrap();
    pod["metadata"]["name"] = json!(other);
    pod["metadata"]["uid"] = json!("second");
    objects.put(pod);
    let mut env = bed.lab.env.clone();
    env.insert("API_KEY".to_owned(), "another-key".to_owned());
    let path = bed.lab.mounted("second.yaml");
    fs::write(&path, &bed.lab.file).unwrap();
    let second = Exporter::start(&env, &path).await;
    bed.lab
        .api
        .forward_to(other, second.address().parse().unwrap());
    second
        .wait_for_metrics(
            &[r#"castai_health_check_status{check="castai_api",status="failing"} 1"#],
            super::READY_TIMEOUT,
        )
        .await;
    let report = bed.report(&[]).await;
    let root = &report["root_causes"][0];
    assert_eq!(root["check"], "castai_api", "{report:#}");
    assert_eq!(
        root["seen_by"],
        json!([{ "place": "sidecar", "pods": [format!("castai-agent/{other}")], "of": 2 }])
    );
    let shown = text(&bed.check(&[]).output().await.unwrap());
    let seen = format!("seen by: sidecar in 1 of 2 pods ({other})");
    assert!(shown.contains(&seen), "{shown}");
    assert!(
        single_spaced(&shown).contains("\ncastai_api × 1/2\n"),
        "{shown}"
    );
    drop(healthy);
}

#[tokio::test]
async fn exporter_with_tls_and_route_prefix_is_read() {
    let bed = Bed::new(LabCluster::start());
    let file = with_tls(&bed, "").replace(
        "config_file: web.yaml",
        "config_file: web.yaml, route_prefix: /health",
    );
    let exporter = exporter(&bed, &file).await;
    bed.add_sidecar(
        &exporter,
        &[
            "run",
            "--web.config.file=/web.yaml",
            "--web.route-prefix",
            "/health",
        ],
    );
    let report = bed.report(&[]).await;
    assert_eq!(
        vantage(&report, "sidecar")["error"],
        Value::Null,
        "{report:#}"
    );
}

#[tokio::test]
async fn exporter_with_a_password_says_what_to_do() {
    let bed = Bed::new(LabCluster::start());
    let hash = bcrypt::hash("secret", 4).unwrap();
    let file = with_tls(&bed, &format!("basic_auth_users: {{ me: '{hash}' }}\n"));
    let exporter = exporter(&bed, &file).await;
    bed.add_sidecar(&exporter, &["run", "--web.config.file=/web.yaml"]);
    let shown = text(&bed.check(&[]).output().await.unwrap());
    let pod = workload::POD;
    assert!(
        shown.contains(&format!(
            "- sidecar castai-agent/{pod}: it requires a password, which the API server's proxy does \
             not forward: use kubectl -n castai-agent port-forward {pod} 9878"
        )),
        "{shown}"
    );
}

#[tokio::test]
async fn missing_permission_for_the_pod_proxy_is_named() {
    let bed = Bed::new(LabCluster::start());
    let _exporter = bed.start_sidecar().await;
    bed.lab.api.deny(&["pods/proxy"]);
    let output = bed.check(&[]).output().await.unwrap();
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(
        shown.contains("you are not allowed to get pods/proxy in namespace castai-agent"),
        "{shown}"
    );
    // Checks that need nothing but the API run all the same.
    assert!(shown.contains("\nagent_workload"), "{shown}");
    assert!(
        shown.contains("only a pod can see dns, castai_api, "),
        "{shown}"
    );
}

#[tokio::test]
async fn unreachable_exporter_and_another_program_on_its_port_are_named() {
    let bed = Bed::new(LabCluster::start());
    let exporter = bed.start_sidecar().await;
    drop(exporter);
    let error = vantage(&bed.report(&[]).await, "sidecar")["error"].clone();
    let error = error.as_str().unwrap();
    assert!(
        error.starts_with("the API server cannot reach it: dial tcp ")
            && error.contains("connection refused"),
        "{error}"
    );
    bed.lab.api.forward_to(workload::POD, bed.lab.gce.addr());
    let error = vantage(&bed.report(&[]).await, "sidecar")["error"].clone();
    let error = error.as_str().unwrap();
    assert!(error.starts_with("it responded with 4"), "{error}");
}

#[tokio::test]
async fn without_an_exporter_checks_of_pods_are_named_and_not_counted_as_results() {
    let bed = Bed::new(LabCluster::start());
    let output = bed.check(&[]).output().await.unwrap();
    let shown = text(&output);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{shown}{}",
        complaint(&output)
    );
    assert!(
        shown.contains("agent castai-agent/castai-agent, seen by this machine\n"),
        "{shown}"
    );
    assert!(!shown.contains("not applicable"), "{shown}");
    assert!(
        shown.contains("- only a pod can see dns, castai_api, ")
            && shown.contains("run check --in-cluster, or install the exporter"),
        "{shown}"
    );
    let report = bed.report(&[]).await;
    assert_eq!(roots(&report), []);
}

#[tokio::test]
async fn named_check_that_no_vantage_runs_does_not_pass_for_success() {
    let bed = Bed::new(LabCluster::start());
    let output = bed.check(&["castai_api"]).output().await.unwrap();
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(2), "{shown}");
    assert!(
        shown.contains("- only a pod can see castai_api: run check --in-cluster"),
        "{shown}"
    );
}

#[tokio::test]
async fn endless_pages_of_pods_are_cut_and_reported() {
    let bed = Bed::new(LabCluster::start());
    let endless = "endless-pages".parse::<lab::ApiFault>().unwrap();
    bed.lab.api.set(endless).await;
    let config = bed.lab.config();
    let client = Client::new(&config, &Arc::new(Resolver::new(&config.dns)));
    let found = discovery::exporters(&client, workload::AGENT).await;
    assert_eq!(found.pods, []);
    let incomplete = |problem: &String| problem.starts_with("not all pods were searched ");
    assert!(
        found.problems.len() == 2 && found.problems.iter().all(incomplete),
        "{:?}",
        found.problems
    );
}

#[tokio::test]
async fn missing_agent_is_the_root_cause() {
    let bed = Bed::new(LabCluster::start());
    let objects = bed.lab.api.objects();
    objects.remove("Deployment", workload::AGENT, workload::AGENT);
    objects.remove("ReplicaSet", workload::AGENT, workload::REPLICA_SET);
    objects.remove("Pod", workload::AGENT, workload::POD);
    let report = bed.report(&[]).await;
    let (check, _mode) = &roots(&report)[0];
    assert_eq!(check, "agent_workload", "{report:#}");
}

#[tokio::test]
async fn certificate_that_expires_soon_at_any_vantage_is_a_warning() {
    let bed = Bed::new(LabCluster::start());
    let at = |days: i64| {
        let expiry = Timestamp::now() + SignedDuration::from_hours(24 * days + 1);
        json!(expiry.to_string())
    };
    let document = json!({
        "schema_version": 1,
        "checks": [{ "id": "castai_api", "status": "ok", "targets": [
            { "target": "api.cast.ai:443", "certificate_not_after": at(13) },
            { "target": "proxy.example.com:443", "certificate_not_after": at(15) },
        ] }],
    });
    let canned = CannedExporter::start(BTreeMap::from([("/api/v1/status", document.to_string())]));
    let canned = canned.await;
    let exporter = bed.start_sidecar().await;
    bed.lab.api.forward_to(workload::POD, canned.address);
    let output = bed.check(&[]).output().await.unwrap();
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let line = "‼ castai_api: the certificate of api.cast.ai:443 expires in 13 days, on ";
    assert!(
        shown.contains(line) && !shown.contains("proxy.example.com"),
        "{shown}"
    );
    let strict = async |format: &str| {
        let output = bed
            .check(&["--strict", "-o", format])
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{format}");
        text(&output)
    };
    let short = strict("short").await;
    assert!(
        short.starts_with("castai_api (certificate): the certificate of api.cast.ai:443 expires"),
        "{short}"
    );
    let junit = strict("junit").await;
    assert!(
        junit.contains(r#"<failure type="certificate""#) && junit.contains(r#"failures="1""#),
        "{junit}"
    );
    let json: Value = serde_json::from_str(&strict("json").await).unwrap();
    let certificates = json["expiring_certificates"].as_array().unwrap();
    assert_eq!(certificates.len(), 1, "{certificates:?}");
    assert_eq!(certificates[0]["check"], "castai_api");
    drop(exporter);
}
