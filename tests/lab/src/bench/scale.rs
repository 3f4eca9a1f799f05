//! Cost of a large cluster: initial lists, watches, and memory.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use lab::apiserver::{ObjectStore, workload};
use serde_json::{Value, json};
use tokio::time;

use super::exporter::{Exporter, ExporterSettings};
use super::fetch::series_value;
use super::scrape::to_f64;
use super::table::Row;
use crate::demo::test_bed::TestBed;

/// Size of the cluster and duration of the measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClusterSize {
    pub(crate) nodes: usize,
    pub(crate) pods: usize,
    pub(crate) duration: Duration,
}

/// Node and pod changes per second. Every 20th changed pod is a new one.
const CHANGES_PER_SECOND: (usize, usize) = (50, 500);
const NEW_POD_EVERY: usize = 20;
/// Images per node: about as many as on a real node, and most of its size.
const IMAGES_PER_NODE: usize = 30;
const CHECKS: [&str; 6] = [
    "agent_workload",
    "agent_upgrade",
    "cluster_controller",
    "components",
    "image_pull",
    "node_lifecycle",
];

pub(crate) async fn measure(program: &Path, size: ClusterSize) -> io::Result<Vec<Row>> {
    let test_bed = TestBed::start()?;
    let objects = test_bed.apiserver.objects();
    for number in 0..size.nodes {
        objects.put(node(number));
    }
    for number in 0..size.pods {
        objects.put(pod(number, size.nodes, "Running"));
    }
    let start = Instant::now();
    let exporter = Exporter::start(program, &test_bed, ExporterSettings::default()).await?;
    while !all_verdicts_known(&exporter.metrics().await?, size.nodes) {
        if start.elapsed() > Duration::from_mins(2) {
            return Err(super::error(
                "some checks have no verdict after two minutes",
            ));
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    let (first, first_cpu) = (start.elapsed(), exporter.process.cpu()? / 1000.0);
    let (after_lists, _) = exporter.process.memory()?;

    let (cpu, start, requests) = (
        exporter.process.cpu()?,
        Instant::now(),
        request_count(&test_bed),
    );
    let mut round: u32 = 0;
    while start.elapsed() < size.duration {
        time::sleep_until((start + Duration::from_millis(100) * round).into()).await;
        churn(objects, size, round as usize);
        round += 1;
        if round.is_multiple_of(150) {
            exporter.metrics().await?;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let per_second = (exporter.process.cpu()? - cpu) / seconds;
    let request_rate = to_f64(self::request_count(&test_bed) - requests) / seconds;
    let (now, peak) = exporter.process.memory()?;
    if !all_verdicts_known(&exporter.metrics().await?, size.nodes) {
        return Err(super::error("a check lost its verdict during the churn"));
    }
    let ClusterSize { nodes, pods, .. } = size;
    let description = format!(
        "{nodes} nodes of {:.1} KiB, {pods} pods",
        to_f64(node(0).to_string().len()) / 1024.0
    );
    let changes = format!(
        "{} node and {} pod changes per second for {seconds:.0} s",
        CHANGES_PER_SECOND.0, CHANGES_PER_SECOND.1
    );
    Ok(vec![
        Row::limited("CPU time until the first verdicts", first_cpu, 10.0, "s").with(description),
        Row::limited(
            "time until the first verdicts",
            first.as_secs_f64(),
            25.0,
            "s",
        )
        .with("including the lab's own time"),
        Row::limited("memory after the initial lists", after_lists, 20.0, "MiB"),
        Row::limited("memory during churn", now, 20.0, "MiB").with(format!("peak {peak:.1} MiB")),
        Row::limited("CPU per second during churn", per_second, 12.0, "ms").with(changes),
        Row::limited("requests per second besides watches", request_rate, 2.0, ""),
    ])
}

/// Whether every watched check has a verdict and all nodes are counted.
fn all_verdicts_known(metrics: &str, nodes: usize) -> bool {
    let has_verdict = |check: &&str| {
        let status = |status: &str| {
            series_value(
                metrics,
                &format!("castai_health_check_status{{check=\"{check}\",status=\"{status}\"}}"),
            ) == Some(1.0)
        };
        status("ok") || status("warning")
    };
    let counted = series_value(metrics, "castai_health_nodes{lifecycle=\"spot\"}").unwrap_or(0.0)
        + series_value(metrics, "castai_health_nodes{lifecycle=\"on_demand\"}").unwrap_or(0.0);
    CHECKS.iter().all(has_verdict) && counted >= to_f64(nodes)
}

/// Applies the changes of 100 ms.
fn churn(objects: &ObjectStore, size: ClusterSize, round: usize) {
    for at in 0..CHANGES_PER_SECOND.0 / 10 {
        objects.put(node((round * 7919 + at * 613) % size.nodes));
    }
    for at in 0..CHANGES_PER_SECOND.1 / 10 {
        let number = (round * 104_729 + at * 3571) % size.pods;
        if at.is_multiple_of(NEW_POD_EVERY) {
            // A new pod is pending before it runs.
            objects.put(pod(number, size.nodes, "Pending"));
        }
        objects.put(pod(number, size.nodes, "Running"));
    }
}

/// Counts all requests so far except watches.
fn request_count(test_bed: &TestBed) -> usize {
    let servers = test_bed
        .apiserver
        .endpoints()
        .iter()
        .chain([test_bed.apiserver.service()]);
    let connections = servers.flat_map(|server| server.request_log().connections());
    let exchanges = connections.flat_map(|connection| connection.exchanges);
    exchanges
        .filter(|exchange| exchange.request.query("watch").is_none())
        .count()
}

fn node(number: usize) -> Value {
    let capacity = if number.is_multiple_of(3) {
        "SPOT"
    } else {
        "ON_DEMAND"
    };
    let provider = format!("aws:///eu-central-1a/i-{number:017x}");
    let labels = [
        ("eks.amazonaws.com/capacityType", capacity),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
        ("node.kubernetes.io/instance-type", "m5.2xlarge"),
        ("topology.kubernetes.io/region", "eu-central-1"),
        ("topology.kubernetes.io/zone", "eu-central-1a"),
        ("provisioner.cast.ai/managed-by", "cast.ai"),
    ];
    let mut node = workload::node(
        &format!("ip-10-{}-{}.internal", number / 250, number % 250),
        &provider,
        &labels,
    );
    let image = |at: usize| {
        json!({
            "names": [
                format!("602401143452.dkr.ecr.eu-central-1.amazonaws.com/some/image-{at}@sha256:{at:064x}"),
                format!("602401143452.dkr.ecr.eu-central-1.amazonaws.com/some/image-{at}:v1.{at}.0"),
            ],
            "sizeBytes": 100_000_000 + at,
        })
    };
    node["status"]["images"] = (0..IMAGES_PER_NODE).map(image).collect();
    node
}

fn pod(number: usize, nodes: usize, phase: &str) -> Value {
    let name = format!("web-{:05}-{number:06}", number / 30);
    let labels = json!({ "app": "web", "pod-template-hash": format!("{:05}", number / 30) });
    let mut pod = workload::pod(&name, "web", &labels, "web", "shop.azurecr.io/web:1");
    pod["metadata"]["namespace"] = json!(format!("team-{}", number % 97));
    pod["spec"]["nodeName"] = json!(format!(
        "ip-10-{}-{}.internal",
        number % nodes / 250,
        number % nodes % 250
    ));
    pod["status"]["phase"] = json!(phase);
    if phase == "Pending" {
        let creating = json!({ "waiting": { "reason": "ContainerCreating" } });
        pod["status"]["containerStatuses"][0]["state"] = creating;
    }
    pod
}
