//! The support bundle: what is inside, what is not, and that nothing secret is.

mod secrets;

use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lab::ApiFault;
use lab::apiserver::{LogFault, workload};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::exporter::Exporter;
use test_support::lab_cluster::LabCluster;
use test_support::unpacked::Unpacked;

use crate::canned_exporter::CannedExporter;
use crate::cli::{Output, program, run};

/// Returns the arguments of `bundle` on a person's machine with the lab's kubeconfig.
fn outside(world: &LabCluster, file: &Path) -> Vec<String> {
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         contexts: [{{ name: here, context: {{ cluster: lab, user: me }} }}]\n\
         clusters: [{{ name: lab, cluster: {{ server: 'https://{}', certificate-authority: ca.crt }} }}]\n\
         users: [{{ name: me, user: {{ token: {} }} }}]\n",
        world.api.addr(),
        lab::TOKEN
    );
    fs::write(world.mounted("kubeconfig"), kubeconfig).unwrap();
    ["bundle", "--kubeconfig"]
        .into_iter()
        .map(str::to_owned)
        .chain([world.mounted("kubeconfig").display().to_string()])
        .chain(["-o".to_owned(), file.display().to_string()])
        .collect()
}

/// Runs `bundle` outside the cluster. The lab's servers need this thread.
async fn bundle(world: &LabCluster, more: &[&str]) -> (Output, Unpacked) {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("bundle.zip");
    // Everyone may read an older archive.
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let mut arguments = outside(world, &file);
    arguments.extend(more.iter().map(ToString::to_string));
    let output = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(&mut program(&arguments))
    });
    let output = output.await.unwrap();
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    let permissions = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(
        permissions & 0o777,
        0o600,
        "only the owner may read the archive"
    );
    (output, Unpacked::read(&fs::read(&file).unwrap()))
}

#[tokio::test]
async fn bundle_has_reports_logs_objects_and_an_index() {
    let world = LabCluster::start();
    world.config();
    let exporter = Exporter::start(&world.env, &world.mounted("exporter.yaml")).await;
    let pod = workload::POD;
    world.api.objects().put(with_exporter(
        world
            .api
            .objects()
            .get("Pod", workload::AGENT, pod)
            .unwrap(),
    ));
    world
        .api
        .forward_to(pod, exporter.address().parse().unwrap());
    let refused = r#"{"level":"error","msg":"failed to send delta: Post \"https://api.cast.ai/v1/x\": dial tcp 1.2.3.4:443: connect: connection refused"}"#;
    world.api.logs().write(pod, "agent", "panic: runtime error");
    world.api.logs().restart(pod, "agent");
    world.api.logs().write(pod, "agent", refused);
    world.api.objects().put(workload::event(
        "Pod",
        pod,
        "BackOff",
        "Back-off restarting failed container",
    ));
    let (output, unpacked) = bundle(&world, &[]).await;
    assert!(output.stdout.contains("bundle.zip: "), "{}", output.stdout);

    let log = unpacked.text(&format!("logs/{pod}/agent.log"));
    assert!(log.contains("connection refused"), "{log}");
    assert!(
        unpacked
            .text(&format!("logs/{pod}/agent.previous.log"))
            .contains("runtime error")
    );
    let explained = unpacked.text(&format!("logs/{pod}/agent.explained.txt"));
    assert!(explained.contains("net_refused"), "{explained}");
    assert!(
        unpacked.text("events.txt").contains("BackOff"),
        "{}",
        unpacked.text("events.txt")
    );
    let status = unpacked.json(&format!("vantages/sidecar-{pod}/status.json"));
    assert_eq!(status["schema_version"], 1);
    let history = unpacked.json(&format!("vantages/sidecar-{pod}/history.json"));
    assert!(history.is_object(), "{history}");
    let metrics = unpacked.text(&format!("vantages/sidecar-{pod}/metrics.txt"));
    assert!(metrics.contains("castai_health_check_status{"), "{metrics}");
    assert_eq!(
        unpacked.json("versions/kubernetes.json")["gitVersion"],
        "v1.33.2"
    );
    assert_eq!(unpacked.json("versions/nodes.json")["nodes"], 2);
    let deployments = unpacked.json("objects/deployments.json");
    assert!(
        deployments
            .to_string()
            .contains("castai-cluster-controller")
    );

    let manifest = unpacked.json("manifest.json");
    let listed = manifest["files"].as_array().unwrap();
    for file in listed {
        let path = file["path"].as_str().unwrap();
        assert_eq!(file["bytes"], unpacked.text(path).len(), "{path}");
    }
    assert_eq!(
        listed.len() + 2,
        unpacked.files.len(),
        "index and manifest list themselves not"
    );
    let index = unpacked.text("index.html");
    for path in listed.iter().map(|file| file["path"].as_str().unwrap()) {
        assert!(index.contains(&format!("href=\"{path}\"")), "{path}");
    }
    assert!(
        unpacked.text("report.txt").contains("1 sidecar"),
        "{}",
        unpacked.text("report.txt")
    );
}

/// Adds the exporter's container to the agent's pod.
fn with_exporter(mut pod: Value) -> Value {
    let containers = pod["spec"]["containers"].as_array_mut().unwrap();
    containers.push(json!({
        "name": "castai-health-exporter", "image": "local/exporter:1", "args": ["run"],
        "ports": [{ "name": "health-metrics", "containerPort": 9878 }],
    }));
    pod["status"]["containerStatuses"][0]["restartCount"] = 1.into();
    pod
}

#[tokio::test]
async fn what_cannot_be_read_is_in_the_manifest_and_fails_nothing() {
    let world = LabCluster::start();
    world
        .api
        .deny(&["pods/log", "configmaps", "nodes", "pods/proxy", "roles"]);
    world.api.objects().put(with_exporter(
        world
            .api
            .objects()
            .get("Pod", workload::AGENT, workload::POD)
            .unwrap(),
    ));
    let (output, unpacked) = bundle(&world, &[]).await;
    assert!(output.stdout.contains(" left out"), "{}", output.stdout);
    let manifest = unpacked.json("manifest.json");
    let reason = |what: &str| {
        let left_out = manifest["left_out"].as_array().unwrap().iter();
        let found: Vec<&Value> = left_out
            .filter(|left_out| left_out["what"].as_str().unwrap().starts_with(what))
            .collect();
        assert!(!found.is_empty(), "{what} in {manifest:#}");
        found[0]["reason"].clone()
    };
    for what in [
        "configmaps",
        "roles",
        "versions of the nodes",
        "log of castai-agent/",
        "report of the sidecar",
    ] {
        assert_eq!(reason(what), "forbidden", "{what}: {manifest:#}");
    }
    assert_eq!(reason("Secrets"), "by_design");
    assert!(unpacked.files.contains_key("objects/pods.json"));
}

#[tokio::test]
async fn log_that_hangs_ends_with_the_time_limit() {
    let world = LabCluster::start();
    world
        .api
        .logs()
        .set_fault(workload::POD, "agent", false, LogFault::Stalled);
    let (_, unpacked) = bundle(&world, &["--timeout", "4s"]).await;
    let manifest = unpacked.json("manifest.json").to_string();
    assert!(manifest.contains(r#""reason":"timed_out""#), "{manifest}");
}

#[tokio::test]
async fn foreign_names_stay_in_the_archive() {
    let world = LabCluster::start();
    let mut pod = world
        .api
        .objects()
        .get("Pod", workload::AGENT, workload::POD)
        .unwrap();
    pod["spec"]["containers"][0]["name"] = "../../../../tmp/x<script>".into();
    world.api.objects().put(pod);
    world
        .api
        .logs()
        .write(workload::POD, "../../../../tmp/x<script>", "hello");
    let (_, unpacked) = bundle(&world, &[]).await;
    let inside = unpacked.files.keys().all(|path| {
        path.split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.'))
    });
    assert!(inside, "{:?}", unpacked.files.keys());
    assert!(unpacked.files.values().any(|text| text.contains("hello")));
    assert!(!unpacked.text("index.html").contains("<script"));
}

#[tokio::test]
async fn objects_of_other_applications_are_left_out() {
    let world = LabCluster::start();
    let mut other = world
        .api
        .objects()
        .get("Pod", workload::AGENT, workload::POD)
        .unwrap();
    other["metadata"] = json!({ "name": "database-0", "namespace": "shared" });
    world.api.objects().put(other);
    world
        .api
        .logs()
        .write("database-0", "agent", "private line");
    let (_, unpacked) = bundle(&world, &["-n", "shared"]).await;
    assert!(
        unpacked
            .files
            .values()
            .all(|text| !text.contains("private line"))
    );
    let manifest = unpacked.json("manifest.json").to_string();
    assert!(
        manifest.contains("they do not belong to CAST AI"),
        "{manifest}"
    );
}

#[tokio::test]
async fn bundle_in_a_pod_asks_the_exporter_there() {
    let mut world = LabCluster::start();
    world.config();
    let exporter = Exporter::start(&world.env, &world.mounted("exporter.yaml")).await;
    let file = format!(
        "{}web: {{ listen_address: '{}' }}\n",
        world.file,
        exporter.address()
    );
    world.file = file;
    world.config();
    let unpacked = bundle_in_the_pod(&world).await;
    let metrics = unpacked.text("vantages/sidecar-of-this-pod/metrics.txt");
    assert!(metrics.contains("castai_health_check_status{"), "{metrics}");
    let configuration = unpacked.json("configuration/this-process.json");
    assert_eq!(
        configuration[0]["checks"]["dns"]["timeouts"]["resolve"],
        "1s"
    );
}

#[tokio::test]
async fn bundle_in_a_pod_without_an_exporter_runs_the_checks() {
    let mut world = LabCluster::start();
    // Nothing listens there.
    world
        .file
        .push_str("web: { listen_address: '127.0.0.1:1' }\n");
    world.config();
    world.api.set(ApiFault::Unauthorized).await;
    let unpacked = bundle_in_the_pod(&world).await;
    let status = unpacked.json("vantages/sidecar/status.json");
    assert_eq!(
        status["root_causes"][0]["mode"], "k8s_unauthorized",
        "{status:#}"
    );
    let index = unpacked.text("index.html");
    assert!(index.contains("k8s_unauthorized"), "{index}");
}

async fn bundle_in_the_pod(world: &LabCluster) -> Unpacked {
    let file = world.mounted("exporter.yaml").display().to_string();
    let env = world.env.clone();
    let output = tokio::task::spawn_blocking(move || {
        let mut command = program(&["bundle", "--config.file", &file, "-o", "-"]);
        command.envs(env).output().unwrap()
    });
    let output = output.await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stderr.starts_with("info: standard output: "),
        "{stderr}"
    );
    Unpacked::read(&output.stdout)
}

#[test]
fn bundle_without_a_cluster_exits_2() {
    let output = run(&mut program(&["bundle"]));
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    assert!(
        output.stderr.starts_with("error: nothing to check"),
        "{}",
        output.stderr
    );
    let output = run(&mut program(&["bundle", "--kubeconfig", "/nowhere"]));
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    assert!(output.stderr.contains("--kubeconfig"), "{}", output.stderr);
}
