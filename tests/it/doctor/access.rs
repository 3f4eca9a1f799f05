//! Tests of how a person's machine finds the cluster and the agent in it.

use std::fs;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use test_support::exporter::program;
use test_support::lab_cluster::LabCluster;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::doctor::{Bed, READY_TIMEOUT, complaint, json_of, roots, text};

/// Runs `check` with these variables only.
async fn check(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(program())
        .arg("check")
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap()
}

fn assert_usage(output: &Output, expected: &str) {
    let complaint = complaint(output);
    assert_eq!(output.status.code(), Some(2), "{}{complaint}", text(output));
    assert!(
        complaint.contains(expected) && complaint.lines().count() == 1,
        "{complaint}"
    );
    assert!(output.stdout.is_empty(), "{}", text(output));
}

#[tokio::test]
async fn kubeconfig_variable_list_and_home_directory_are_used() {
    let bed = Bed::new(LabCluster::start());
    let (dir, kubeconfig) = (bed.lab.dir.path(), bed.kubeconfig());
    let json = ["--output=json"];
    let kubeconfigs = format!("{}/missing:{}", dir.display(), kubeconfig.display());
    let output = check(&[("KUBECONFIG", &kubeconfigs)], &json).await;
    assert_eq!(json_of(&output)["agent"]["problem"], Value::Null);
    fs::create_dir(dir.join(".kube")).unwrap();
    fs::copy(&kubeconfig, dir.join(".kube/config")).unwrap();
    fs::copy(bed.lab.mounted("ca.crt"), dir.join(".kube/ca.crt")).unwrap();
    let home = dir.display().to_string();
    let output = check(&[("HOME", &home)], &json).await;
    assert_eq!(json_of(&output)["agent"]["problem"], Value::Null);
    // Another context of the merged files is selected by name.
    let other = fs::read_to_string(&kubeconfig)
        .unwrap()
        .replace("current-context: lab", "current-context: nowhere")
        .replace("name: lab, context", "name: other, context");
    fs::write(dir.join("other"), other).unwrap();
    let kubeconfigs = format!("{0}/other:{1}", dir.display(), kubeconfig.display());
    let arguments = ["--context=other", "-n", "castai-agent", "--output=json"];
    let output = check(&[("KUBECONFIG", &kubeconfigs)], &arguments).await;
    assert_eq!(json_of(&output)["agent"]["namespace"], "castai-agent");
    let output = check(&[("KUBECONFIG", &kubeconfigs)], &[]).await;
    assert_usage(&output, "nowhere");
}

#[tokio::test]
async fn nothing_to_check_and_unusable_kubeconfigs_exit_2() {
    assert_usage(
        &check(&[], &[]).await,
        "nothing to check: not running in a pod, and there is no kubeconfig; set KUBECONFIG",
    );
    assert_usage(
        &check(&[("KUBECONFIG", "/nowhere/config")], &[]).await,
        "failed to use kubeconfig /nowhere/config: ",
    );
    let file = ["--kubeconfig=/nowhere/config"];
    assert_usage(&check(&[], &file).await, "--kubeconfig: ");
    assert_usage(
        &check(&[], &["--in-cluster"]).await,
        "--in-cluster starts a pod",
    );
}

#[tokio::test]
async fn rejected_credentials_exit_2() {
    let bed = Bed::new(LabCluster::start());
    bed.lab.api.set_tokens(vec!["another".to_owned()]);
    let output = bed.check(&[]).output().await.unwrap();
    assert_usage(&output, "401 Unauthorized): log in again");
}

/// Returns path and query of each request to the API server.
fn requests(bed: &Bed) -> Vec<String> {
    let requests = bed.lab.api.service().request_log().requests();
    requests.into_iter().map(|request| request.target).collect()
}

/// Returns whether a request searches for the agent or for exporters.
fn is_search(target: &str) -> bool {
    target.contains("/deployments/castai-agent") || target.contains("/pods?labelSelector=")
}

async fn hang(bed: &Bed) {
    let hang = "http-hang".parse::<lab::ApiFault>().unwrap();
    bed.lab.api.set(hang).await;
}

#[tokio::test]
async fn hanging_api_server_is_the_root_cause_and_gets_no_search_requests() {
    let bed = Bed::new(LabCluster::start());
    hang(&bed).await;
    // The API server can block the named check, so it is checked too.
    for named in [&[][..], &["agent_workload"]] {
        let arguments = [&["--output=json"], named].concat();
        let output = bed.check(&arguments).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", complaint(&output));
        let report = json_of(&output);
        assert_eq!(roots(&report)[0].0, "apiserver", "{report:#}");
        assert_eq!(
            report["remarks"],
            json!(["no exporter was looked for: the API server does not respond"])
        );
    }
    let sent = requests(&bed);
    assert!(sent.iter().any(|target| target == "/version"), "{sent:?}");
    // Each would wait for the same timeout.
    assert!(!sent.iter().any(|target| is_search(target)), "{sent:?}");
    bed.lab.api.heal().await;
    bed.report(&[]).await;
    let sent = requests(&bed);
    assert!(sent.iter().any(|target| is_search(target)), "{sent:?}");
}

#[tokio::test]
async fn wait_looks_for_the_agent_once_the_api_server_responds() {
    let bed = Bed::new(LabCluster::start());
    hang(&bed).await;
    let check = bed.check(&["--wait=5m", "--output=json"]).spawn().unwrap();
    let deadline = Instant::now() + READY_TIMEOUT;
    while requests(&bed).is_empty() {
        assert!(Instant::now() < deadline, "no request was sent");
        sleep(Duration::from_millis(20)).await;
    }
    // The request that hangs already gets no response.
    bed.lab.api.heal().await;
    let output = check.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
    let report = json_of(&output);
    assert_eq!(report["remarks"], json!([]), "{report:#}");
    assert_eq!(report["agent"]["problem"], Value::Null, "{report:#}");
}

#[tokio::test]
async fn agent_in_another_namespace_is_found() {
    let bed = Bed::new(LabCluster::start());
    let objects = bed.lab.api.objects();
    for kind in ["Deployment", "ReplicaSet", "Pod"] {
        for mut object in objects.all(kind) {
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            objects.remove(kind, "castai-agent", &name);
            object["metadata"]["namespace"] = json!("castai");
            objects.put(object);
        }
    }
    let report = bed.report(&[]).await;
    assert_eq!(report["agent"]["namespace"], "castai", "{report:#}");
    assert_eq!(
        report["remarks"][0],
        "the agent was found in namespace castai; name it with -n castai"
    );
}

#[tokio::test]
async fn kubectl_plugin_shows_how_it_is_called() {
    let dir = tempfile::TempDir::new().unwrap();
    let plugin = dir.path().join("kubectl-castai_health");
    std::os::unix::fs::symlink(program(), &plugin).unwrap();
    let output = Command::new(&plugin).args(["check", "--help"]).output();
    let help = text(&output.await.unwrap());
    assert!(
        help.contains("Usage: kubectl castai-health check "),
        "{help}"
    );
}
