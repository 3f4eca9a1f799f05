//! Attacks on the companion of the chart, on a real node and all at once: thousands of connections to
//! its port, huge objects, and odd objects.
//!
//! `make test-node-attack` attacks for `MINUTES`, on a machine without other work.

mod companion;
mod objects;

use std::cell::Cell;
use std::time::Duration;

use castai_health_exporter::catalogue::CheckId;
use companion::Companion;
use objects::HostileObjects;
use serde_json::json;
use tokio::time::sleep;

use crate::attack::figures::{Figures, Sample};
use crate::attack::measurement::Measurement;
use crate::attack::variable;
use crate::node::node_cluster::{NodeCluster, STAND_IN_IMAGE};
use crate::support::helm::Helm;

/// Interval of every check, so that a minute has many attempts.
const INTERVAL: Duration = Duration::from_secs(5);
/// Duration of the measurement without an attack.
const USUAL_DURATION: Duration = Duration::from_mins(1);
/// Pause between two changes of hostile objects.
const CHANGE_INTERVAL: Duration = Duration::from_secs(10);
/// Connections of each of the two attacking pods.
const CONNECTIONS_PER_POD: u32 = 2500;
/// Requests that the API server may refuse, as this part of the rounds.
const MAX_MISSED_SHARE: u32 = 10;

#[tokio::test]
#[ignore = "needs root, a kubelet and an idle machine: make test-node-attack"]
async fn companion_survives_connections_and_hostile_objects() {
    let minutes = variable("MINUTES").parse().unwrap_or(1);
    let cluster = NodeCluster::start().await;
    let helm = Helm::latest();
    cluster.healthy_agent(&helm).await;
    install_companion(&cluster, &helm).await;
    let companion = Companion::find(&cluster).await;
    println!("{}", Figures::HEADING);
    let healthy = Sample::take(&companion).await;
    let measurement = Measurement {
        attack: "none",
        usual: None,
        interval: INTERVAL,
        duration: USUAL_DURATION,
    };
    let usual = measurement.run(&companion, &healthy).await;
    println!("{usual}");
    let usually_unknown = companion.unknown_checks().await;

    let hostile = HostileObjects::create(&cluster).await;
    // A companion also has to survive the objects that exist when it starts.
    let companion = companion.replaced().await;
    let healthy = Sample::take(&companion).await;
    let probe_failures = companion.probe_failures().await;
    for command in ["idle", "drip"] {
        connect(&cluster, command, &companion).await;
    }
    let measurement = Measurement {
        attack: "connections, huge objects and odd objects",
        usual: Some(&usual),
        interval: INTERVAL,
        duration: Duration::from_mins(minutes),
    };
    let (rounds, missed) = (Cell::new(0), Cell::new(0));
    let attack = async {
        loop {
            rounds.update(|rounds| rounds + 1);
            for round in [hostile.change().await, companion.assert_ready().await] {
                if let Err(error) = round {
                    missed.update(|missed| missed + 1);
                    println!("{error}");
                }
            }
            let mut unknown = companion.unknown_checks().await;
            unknown.retain(|check| !usually_unknown.contains(check));
            assert!(unknown.is_empty(), "{unknown:?} are unknown");
            sleep(CHANGE_INTERVAL).await;
        }
    };
    let figures = tokio::select! {
        figures = measurement.run(&companion, &healthy) => figures,
        () = attack => unreachable!("the attack has no end"),
    };
    println!("{figures}");
    let (rounds, missed) = (rounds.get(), missed.get());
    println!("the API server refused {missed} requests in {rounds} rounds");
    println!("{}", companion.summary().await);
    companion.assert_ready().await.unwrap();
    assert!(missed <= rounds / MAX_MISSED_SHARE, "{missed} of {rounds}");
    assert_eq!(companion.probe_failures().await, probe_failures);
    let problems = figures.problems();
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Installs our chart as it is, but with short intervals.
async fn install_companion(cluster: &NodeCluster, helm: &Helm) {
    let probes = CheckId::ALL
        .iter()
        .filter(|check| !check.entry().is_derived());
    let seconds = INTERVAL.as_secs();
    let values = probes.map(|check| format!("companion.config.checks.{check}.interval={seconds}s"));
    let values: Vec<_> = values.collect();
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    cluster.exporter(helm, &values).await;
}

/// Starts a pod that keeps connections to the companion open.
async fn connect(cluster: &NodeCluster, command: &str, companion: &Companion<'_>) {
    let (address, connections) = (companion.address_in_cluster(), CONNECTIONS_PER_POD);
    let container = json!({
        "name": "attacker", "image": STAND_IN_IMAGE, "imagePullPolicy": "Never",
        "args": [command, address, connections.to_string()],
    });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": format!("attacker-{command}"), "namespace": objects::NAMESPACE },
        "spec": { "containers": [container] },
    });
    cluster.apply(&pod).await;
}
