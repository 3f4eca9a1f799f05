//! Secrets of every kind in every place, of which none is in the archive.

use std::collections::BTreeMap;

use lab::apiserver::workload;
use serde_json::{Value, json};
use test_support::lab_cluster::LabCluster;
use test_support::planted_secrets::PlantedSecrets;

use super::{CannedExporter, bundle, with_exporter};

/// Names of the other component and its container.
const SIBLING: (&str, &str) = ("castai-evictor-5c4d3b2a1-ccccc", "castai-evictor");
const ACCOUNTS: &str = "/api/v1/namespaces/castai-agent/serviceaccounts";

/// Plants the secrets in the lab, and returns everything that contains them.
fn plant(world: &LabCluster, planted: &PlantedSecrets) -> String {
    let (api, logs) = (&world.api, world.api.logs());
    let mut deployment = api
        .objects()
        .get("Deployment", workload::AGENT, workload::AGENT)
        .unwrap();
    deployment["spec"]["template"]["spec"]["containers"][0] = planted.container.clone();
    let annotations = deployment["metadata"]["annotations"]
        .as_object_mut()
        .unwrap();
    annotations.extend(planted.annotations.as_object().unwrap().clone());
    let accounts = json!({ "kind": "ServiceAccountList", "items": [{
        "metadata": {
            "name": "castai-agent", "namespace": workload::AGENT, "annotations": planted.account_annotations,
        },
    }] });
    let mut objects = vec![deployment, with_exporter(planted.pod())];
    objects.extend(planted.config_maps.clone());
    objects.extend(planted.events());
    let raw: Vec<String> = objects
        .iter()
        .chain([&accounts])
        .map(Value::to_string)
        .collect();
    for object in objects {
        api.objects().put(object);
    }
    api.set_object(ACCOUNTS, Some(accounts));
    for line in &planted.previous_log {
        logs.write(workload::POD, "agent", line);
    }
    logs.restart(workload::POD, "agent");
    for (pod, container, lines) in [
        (workload::POD, "agent", &planted.log),
        (workload::POD, "prepare", &planted.init_log),
        (SIBLING.0, SIBLING.1, &planted.sibling_log),
    ] {
        for line in lines {
            logs.write(pod, container, line);
        }
    }
    let logs = [
        &planted.log,
        &planted.previous_log,
        &planted.init_log,
        &planted.sibling_log,
    ];
    let logs = logs.into_iter().flatten().cloned();
    let reports = [planted.status().to_string(), planted.metrics.clone()];
    raw.into_iter()
        .chain(logs)
        .chain(reports)
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn no_planted_secret_is_in_the_archive() {
    let world = LabCluster::start();
    let planted = PlantedSecrets::new();
    let raw = plant(&world, &planted);
    let exporter = CannedExporter::start(BTreeMap::from([
        ("/api/v1/status", planted.status().to_string()),
        (
            "/api/v1/history",
            json!({ "changes": [planted.evidence] }).to_string(),
        ),
        ("/metrics", planted.metrics.clone()),
    ]))
    .await;
    world.api.forward_to(workload::POD, exporter.address);
    assert!(planted.secrets.len() >= 30);
    assert_eq!(planted.missing_in(&raw), Vec::<&str>::new());
    let (output, unpacked) = bundle(&world, &[]).await;

    let terminal = output.stdout + &output.stderr;
    let files = unpacked
        .files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()));
    let texts: Vec<(&str, &str)> = files.chain([("the terminal", terminal.as_str())]).collect();
    let mut found = planted.shown_in(texts.iter().copied());
    for (path, text) in texts {
        for (name, value) in [
            ("token of the kubeconfig", lab::TOKEN),
            ("AWS account", "123456789012"),
        ] {
            if text.contains(value) {
                found.push(format!("{name} in {path}"));
            }
        }
    }
    assert!(
        found.is_empty(),
        "{} secrets are shown:\n{}",
        found.len(),
        found.join("\n")
    );

    // The facts that people who help need are still there.
    let log = unpacked.text(&format!("logs/{}/agent.log", workload::POD));
    for part in [
        "rejected",
        "refused",
        "s3/x",
        "********4321",
        "db.corp.example:3306",
    ] {
        assert!(log.contains(part), "{part} in {log}");
    }
    assert_eq!(
        log.lines().count(),
        planted.log.len() - 2,
        "three lines of a private key are one: {log}"
    );
    let pods = unpacked.text("objects/pods.json");
    for part in [
        "http://proxy.corp.example:3128",
        "https://api.cast.ai",
        "(redacted, 15 characters)",
        "arn:aws:iam::********9012:role/castai",
        "\"TOKEN\"",
        "castai-agent-settings",
    ] {
        assert!(pods.contains(part), "{part} in {pods}");
    }
    let maps = unpacked.text("objects/configmaps.json");
    assert!(
        maps.contains("config.yaml") && maps.contains("blob"),
        "{maps}"
    );
    assert!(
        unpacked
            .text("index.html")
            .contains("castai_api · net_refused")
    );
}
