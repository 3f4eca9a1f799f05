//! A large cluster: what it costs to learn it, to follow it, and to hold what is kept of it.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use lab::apiserver::{Objects, workload};
use serde_json::{Value, json};
use tokio::time;

use super::exporter::{Exporter, Setting};
use super::fetch::value;
use super::scrape::count;
use super::table::Row;
use crate::demo::world::World;

/// How large it is, and how long it is followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) nodes: usize,
    pub(crate) pods: usize,
    pub(crate) span: Duration,
}

/// Changes of nodes and pods in a second; each twentieth pod that changes is a new one.
const CHANGES: (usize, usize) = (50, 500);
const NEW: usize = 20;
/// A real node's object has about so many images, which are most of it.
const IMAGES: usize = 30;
const CHECKS: [&str; 6] = [
    "agent_workload",
    "agent_upgrade",
    "cluster_controller",
    "components",
    "image_pull",
    "node_lifecycle",
];

pub(crate) async fn measure(program: &Path, scale: Scale) -> io::Result<Vec<Row>> {
    let world = World::start()?;
    let objects = world.apiserver.objects();
    for number in 0..scale.nodes {
        objects.put(node(number));
    }
    for number in 0..scale.pods {
        objects.put(pod(number, scale.nodes, "Running"));
    }
    let began = Instant::now();
    let exporter = Exporter::start(program, &world, Setting::default()).await?;
    while !known(&exporter.metrics().await?, scale.nodes) {
        if began.elapsed() > Duration::from_mins(2) {
            return Err(super::failed(
                "not every check had its verdict within two minutes",
            ));
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    let (first, first_cpu) = (began.elapsed(), exporter.process.cpu()? / 1000.0);
    let (after_lists, _) = exporter.process.memory()?;

    let (cpu, began, requests) = (exporter.process.cpu()?, Instant::now(), requests(&world));
    let mut round: u32 = 0;
    while began.elapsed() < scale.span {
        time::sleep_until((began + Duration::from_millis(100) * round).into()).await;
        churn(objects, scale, round as usize);
        round += 1;
        if round.is_multiple_of(150) {
            exporter.metrics().await?;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let per_second = (exporter.process.cpu()? - cpu) / seconds;
    let asked = count(self::requests(&world) - requests) / seconds;
    let (now, highest) = exporter.process.memory()?;
    if !known(&exporter.metrics().await?, scale.nodes) {
        return Err(super::failed(
            "a check lost its verdict while the cluster changed",
        ));
    }
    let Scale { nodes, pods, .. } = scale;
    let size = format!(
        "{nodes} nodes of {:.1} KiB, {pods} pods",
        count(node(0).to_string().len()) / 1024.0
    );
    let changes = format!(
        "{} nodes and {} pods change a second, for {seconds:.0} s",
        CHANGES.0, CHANGES.1
    );
    Ok(vec![
        Row::limited("first verdicts, CPU of one core", first_cpu, 10.0, "s").with(size),
        Row::limited("first verdicts, after", first.as_secs_f64(), 25.0, "s")
            .with("the lab's own time among it"),
        Row::limited("memory after the first lists", after_lists, 14.0, "MiB"),
        Row::limited("memory while it changes", now, 14.0, "MiB")
            .with(format!("highest {highest:.1} MiB")),
        Row::limited("CPU per second while it changes", per_second, 10.0, "ms").with(changes),
        Row::limited("requests per second beside open watches", asked, 2.0, ""),
    ])
}

/// Whether every watched check has its verdict, and the nodes are counted.
fn known(metrics: &str, nodes: usize) -> bool {
    let well = |check: &&str| {
        let status = |status: &str| {
            value(
                metrics,
                &format!("castai_health_check_status{{check=\"{check}\",status=\"{status}\"}}"),
            ) == Some(1.0)
        };
        status("ok") || status("warning")
    };
    let counted = value(metrics, "castai_health_nodes{lifecycle=\"spot\"}").unwrap_or(0.0)
        + value(metrics, "castai_health_nodes{lifecycle=\"on_demand\"}").unwrap_or(0.0);
    CHECKS.iter().all(well) && counted >= count(nodes)
}

/// A tenth of a second's changes.
fn churn(objects: &Objects, scale: Scale, round: usize) {
    for at in 0..CHANGES.0 / 10 {
        objects.put(node((round * 7919 + at * 613) % scale.nodes));
    }
    for at in 0..CHANGES.1 / 10 {
        let number = (round * 104_729 + at * 3571) % scale.pods;
        if at.is_multiple_of(NEW) {
            // It is made, waits for its node and image, and runs.
            objects.put(pod(number, scale.nodes, "Pending"));
        }
        objects.put(pod(number, scale.nodes, "Running"));
    }
}

/// All requests so far that are no watches.
fn requests(world: &World) -> usize {
    let servers = world
        .apiserver
        .endpoints()
        .iter()
        .chain([world.apiserver.service()]);
    let connections = servers.flat_map(|server| server.journal().connections());
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
    node["status"]["images"] = (0..IMAGES).map(image).collect();
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
