//! With a sidecar and a companion, notifications say which of them sees the failure.

use castai_health_exporter::alerting::visibility::Visibility;
use castai_health_exporter::catalogue::{CheckId, FailureMode};
use lab::CastAiFault;
use test_support::lab_cluster::LabCluster;
use tokio::time::Instant;

use super::monitored_lab::MonitoredLab;
use super::{Row, WITHIN, row};
use crate::support::monitoring::Monitoring;

/// Which of the sidecar and the companion, each in a lab cluster of its kind, gets its key
/// rejected.
pub(super) struct Seen {
    cluster: &'static str,
    in_the_pod: bool,
    beside: bool,
    place: Visibility,
    severity: &'static str,
}

pub(super) const PLACES: [Seen; 3] = [
    Seen {
        cluster: "seen-everywhere",
        in_the_pod: true,
        beside: true,
        place: Visibility::Both,
        severity: "critical",
    },
    Seen {
        cluster: "seen-in-the-pod-only",
        in_the_pod: true,
        beside: false,
        place: Visibility::SidecarOnly,
        severity: "critical",
    },
    Seen {
        cluster: "seen-beside-it-only",
        in_the_pod: false,
        beside: true,
        place: Visibility::CompanionOnly,
        severity: "warning",
    },
];

/// Expects one notification that names the vantages which see the failure.
pub(super) async fn seen_at(monitoring: &Monitoring, seen: &Seen) -> Row {
    let Seen {
        cluster,
        in_the_pod,
        beside,
        place,
        severity,
    } = *seen;
    let (pods, other) = (
        MonitoredLab::start(LabCluster::start()).await,
        MonitoredLab::start(LabCluster::start()).await,
    );
    let (sidecar, companion) = (pods.sidecar().await, other.companion().await);
    monitoring.scrape(cluster, &[sidecar.address(), companion.address()]);
    // Both were healthy before.
    for exporter in [&sidecar, &companion] {
        exporter
            .shows(
                &[r#"castai_health_check_status{check="castai_api",status="ok"} 1"#],
                WITHIN,
            )
            .await;
    }
    let broken: Vec<&LabCluster> = [(in_the_pod, &pods.world), (beside, &other.world)]
        .into_iter()
        .filter(|one| one.0)
        .map(|one| one.1)
        .collect();
    for world in &broken {
        world.castai.set(CastAiFault::TokenInvalid).await;
    }
    let began = Instant::now();
    let first = monitoring.until(cluster, "firing", WITHIN).await;
    for world in &broken {
        world.castai.heal().await;
    }
    let last = if first.is_some() {
        monitoring.until(cluster, "resolved", WITHIN).await
    } else {
        None
    };
    let pair = (CheckId::CastaiApi, FailureMode::CastaiTokenInvalid);
    let mut row = row(monitoring, cluster, pair, severity, began, first.as_ref());
    cluster.clone_into(&mut row.story);
    let told = first
        .map(|first| first.body["alerts"][0]["annotations"].to_string())
        .unwrap_or_default();
    if !told.contains(place.sentence().trim()) {
        row.problems.push(format!(
            "it is not said that it is{}: {told}",
            place.sentence()
        ));
    }
    if last.is_none() {
        row.problems
            .push("nobody was told that it is over".to_owned());
    }
    row
}
