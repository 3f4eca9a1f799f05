//! `check --in-cluster`, with a kubelet that this test simulates.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use lab::apiserver::workload;
use serde_json::{Value, json};
use test_support::exporter::program;
use test_support::lab_cluster::LabCluster;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::doctor::{Bed, READY_TIMEOUT, complaint, json_of, text};

const IMAGE: &str = "--image=local.test/exporter:1";
const OWNER: &str = "castai-health-exporter/short-lived";

/// Returns a bed with an environment in the agent's Deployment, as its chart writes it.
fn bed() -> Bed {
    let bed = Bed::new(LabCluster::start());
    let env: Vec<Value> = bed
        .lab
        .env
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let objects = bed.lab.api.objects();
    objects.change("Deployment", workload::AGENT, workload::AGENT, |agent| {
        agent["spec"]["template"]["spec"]["containers"][0]["env"] = json!(env);
        agent["spec"]["template"]["spec"]["imagePullSecrets"] = json!([{ "name": "registry" }]);
    });
    bed
}

/// Returns the short-lived pods in the cluster.
fn pods(bed: &Bed) -> Vec<Value> {
    let pods = bed.lab.api.objects().all("Pod").into_iter();
    pods.filter(|pod| !pod["metadata"]["labels"][OWNER].is_null())
        .collect()
}

/// Waits for the pod that `check` creates.
async fn created(bed: &Bed) -> Value {
    let deadline = Instant::now() + READY_TIMEOUT;
    loop {
        if let Some(pod) = pods(bed).pop() {
            return pod;
        }
        assert!(Instant::now() < deadline, "no pod was created");
        sleep(Duration::from_millis(20)).await;
    }
}

fn set_status(bed: &Bed, pod: &Value, phase: &str, state: &Value) {
    let name = pod["metadata"]["name"].as_str().unwrap();
    let objects = bed.lab.api.objects();
    objects.change("Pod", workload::AGENT, name, |pod| {
        pod["status"] = json!({ "phase": phase, "containerStatuses": [{ "name": "check", "state": state }] });
    });
}

/// Runs the container of a pod as a kubelet does: with its arguments and its environment.
async fn run_container(bed: &Bed, pod: &Value) {
    let container = &pod["spec"]["containers"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let arguments: Vec<String> = container["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(text)
        .collect();
    let env: BTreeMap<String, String> = container["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| (text(&variable["name"]), text(&variable["value"])))
        .collect();
    let file = bed.lab.mounted("pod.yaml");
    fs::write(&file, &bed.lab.file).unwrap();
    set_status(bed, pod, "Running", &json!({ "running": {} }));
    let output = Command::new(program())
        .args(&arguments)
        // The files of the lab's network, which a real pod has in /etc.
        .arg("--config.file")
        .arg(&file)
        .env_clear()
        .envs(&env)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let name = pod["metadata"]["name"].as_str().unwrap();
    let log = [output.stderr, output.stdout].concat();
    for line in String::from_utf8_lossy(&log).lines() {
        bed.lab.api.logs().write(name, "check", line);
    }
    let exited = json!({ "terminated": { "exitCode": output.status.code() } });
    set_status(bed, pod, "Succeeded", &exited);
}

#[tokio::test]
async fn pod_with_the_agents_environment_is_run_and_removed() {
    let bed = bed();
    bed.lab
        .castai
        .set("token-invalid".parse::<lab::CastAiFault>().unwrap())
        .await;
    let check = bed.check(&["--in-cluster", IMAGE, "--output=json"]).spawn();
    let pod = created(&bed).await;
    assert_eq!(pod["spec"]["serviceAccountName"], "castai-agent");
    assert_eq!(
        pod["spec"]["imagePullSecrets"],
        json!([{ "name": "registry" }])
    );
    assert_eq!(
        pod["spec"]["containers"][0]["image"],
        "local.test/exporter:1"
    );
    assert_eq!(pod["spec"]["activeDeadlineSeconds"], 300);
    run_container(&bed, &pod).await;
    let output = check.unwrap().wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", complaint(&output));
    let report = json_of(&output);
    let root = &report["root_causes"][0];
    assert_eq!(root["mode"], "castai_token_invalid", "{report:#}");
    assert_eq!(root["seen_by"][0]["place"], "in-cluster pod");
    // The agent does not run in that pod, so its health endpoint is not there either.
    assert_eq!(
        report["only_in_a_pod"],
        json!(["agent_health"]),
        "{report:#}"
    );
    assert_eq!(pods(&bed), [] as [Value; 0]);
}

#[tokio::test]
async fn pod_is_removed_after_an_interrupt() {
    let bed = bed();
    for signal in ["-INT", "-TERM"] {
        let check = bed.check(&["--in-cluster", IMAGE]).spawn().unwrap();
        created(&bed).await;
        let pid = check.id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().await;
        assert!(sent.unwrap().success());
        let output = check.wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(
            complaint(&output).contains("interrupted"),
            "{}",
            complaint(&output)
        );
        assert_eq!(pods(&bed), [] as [Value; 0], "{signal}");
    }
}

#[tokio::test]
async fn interrupt_between_two_rounds_stops_the_program() {
    let bed = bed();
    bed.lab
        .castai
        .set("token-invalid".parse::<lab::CastAiFault>().unwrap())
        .await;
    let arguments = ["--in-cluster", IMAGE, "--wait=10m"];
    let check = bed.check(&arguments).spawn().unwrap();
    let pid = check.id().unwrap().to_string();
    let pod = created(&bed).await;
    run_container(&bed, &pod).await;
    let deadline = Instant::now() + READY_TIMEOUT;
    while !pods(&bed).is_empty() {
        assert!(Instant::now() < deadline, "the pod is still there");
        sleep(Duration::from_millis(20)).await;
    }
    let sent = Command::new("kill").args(["-INT", &pid]).status().await;
    assert!(sent.unwrap().success());
    tokio::select! {
        output = check.wait_with_output() => {
            let output = output.unwrap();
            assert_eq!(output.status.code(), Some(2), "{}", text(&output));
            assert!(complaint(&output).contains("interrupted"), "{}", complaint(&output));
        }
        pod = created(&bed) => panic!("the signal was ignored, the next round created {pod}"),
    }
}

#[tokio::test]
async fn pod_with_an_unreadable_state_is_removed() {
    let bed = bed();
    let check = bed.check(&["--in-cluster", IMAGE]).spawn().unwrap();
    created(&bed).await;
    bed.lab.api.deny(&["get pods"]);
    let output = check.wait_with_output().await.unwrap();
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(2), "{shown}");
    assert!(
        shown.contains("the state of the pod cannot be read: 403 Forbidden"),
        "{shown}"
    );
    assert_eq!(pods(&bed), [] as [Value; 0]);
}

#[tokio::test]
async fn image_that_cannot_be_pulled_is_named_and_the_pod_removed() {
    let bed = bed();
    let check = bed.check(&["--in-cluster", IMAGE]).spawn().unwrap();
    let pod = created(&bed).await;
    let waiting =
        json!({ "waiting": { "reason": "ImagePullBackOff", "message": "Back-off pulling image" } });
    set_status(&bed, &pod, "Pending", &waiting);
    let output = check.wait_with_output().await.unwrap();
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(2), "{shown}");
    assert!(
        shown.contains("the image local.test/exporter:1 cannot be pulled: ImagePullBackOff")
            && shown.contains("--image"),
        "{shown}"
    );
    // The rest of the report is printed all the same.
    assert!(shown.contains("\nagent_workload"), "{shown}");
    assert_eq!(pods(&bed), [] as [Value; 0]);
}

#[tokio::test]
async fn missing_verbs_are_named_before_anything_is_created() {
    let bed = bed();
    bed.lab.api.deny(&["create pods", "pods/log"]);
    let output = bed.check(&["--in-cluster", IMAGE]).output().await.unwrap();
    let complaint = complaint(&output);
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(
        complaint.contains("you may not start a pod in namespace castai-agent")
            && complaint.contains("lacks create pods, get pods/log;"),
        "{complaint}"
    );
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn image_is_required_if_no_exporter_runs() {
    let bed = bed();
    let output = bed.check(&["--in-cluster"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("name one with --image"));
}

#[tokio::test]
async fn finished_pods_of_killed_runs_are_removed() {
    let bed = bed();
    bed.lab.api.objects().put(json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": { "name": "castai-health-check-old", "namespace": "castai-agent", "labels": { (OWNER): "check" } },
        "status": { "phase": "Failed" },
    }));
    let check = bed.check(&["--in-cluster", IMAGE]).spawn().unwrap();
    let deadline = Instant::now() + READY_TIMEOUT;
    while pods(&bed)
        .iter()
        .any(|pod| pod["metadata"]["name"] == "castai-health-check-old")
    {
        assert!(Instant::now() < deadline, "the old pod is still there");
        sleep(Duration::from_millis(20)).await;
    }
    drop(check);
}
