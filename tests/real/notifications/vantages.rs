//! With a sidecar and a companion, notifications say which of them sees the failure.

use castai_health_exporter::alerting::vantages::{BOTH, COMPANION, SIDECAR};
use castai_health_exporter::catalogue::{CheckId, FailureMode};
use lab::CastAiFault;
use test_support::exporter::Exporter;
use test_support::lab_cluster::LabCluster;
use tokio::time::Instant;

use super::monitored_lab::MonitoredLab;
use super::{NOTIFICATION_TIMEOUT, RootCause, Row, row};
use crate::support::monitoring::Monitoring;

/// The vantages (sidecar, companion) whose API key is rejected, each in a separate lab
/// cluster.
pub(super) struct VantageCase {
    cluster: &'static str,
    sidecar_fails: bool,
    companion_fails: bool,
    sentence: &'static str,
    severity: &'static str,
}

pub(super) const VANTAGE_CASES: [VantageCase; 3] = [
    VantageCase {
        cluster: "seen-everywhere",
        sidecar_fails: true,
        companion_fails: true,
        sentence: BOTH,
        severity: "critical",
    },
    VantageCase {
        cluster: "seen-in-the-pod-only",
        sidecar_fails: true,
        companion_fails: false,
        sentence: SIDECAR,
        severity: "critical",
    },
    VantageCase {
        cluster: "seen-beside-it-only",
        sidecar_fails: false,
        companion_fails: true,
        sentence: COMPANION,
        severity: "info",
    },
];

/// Expects one notification that names the vantages which see the failure.
pub(super) async fn vantages_are_named(monitoring: &Monitoring, seen: &VantageCase) -> Row {
    let VantageCase {
        cluster,
        sidecar_fails,
        companion_fails,
        sentence,
        severity,
    } = *seen;
    let (pods, other) = (
        MonitoredLab::start(LabCluster::start()).await,
        MonitoredLab::start(LabCluster::start()).await,
    );
    other.add_sidecar_to_agent_pod();
    let (sidecar, companion) = (pods.sidecar().await, other.companion().await);
    monitoring.scrape(cluster, &[sidecar.address(), companion.address()]);
    // Both were healthy before.
    for exporter in [&sidecar, &companion] {
        exporter
            .wait_for_metrics(
                &[r#"castai_health_check_status{check="castai_api",status="ok"} 1"#],
                NOTIFICATION_TIMEOUT,
            )
            .await;
    }
    let broken: Vec<(&LabCluster, &Exporter)> = [
        (sidecar_fails, &pods.world, &sidecar),
        (companion_fails, &other.world, &companion),
    ]
    .into_iter()
    .filter(|one| one.0)
    .map(|(_, world, exporter)| (world, exporter))
    .collect();
    let began = Instant::now();
    for (world, exporter) in &broken {
        world.castai.set(CastAiFault::TokenInvalid).await;
        // The sidecar's alert comes first: the companion's is inhibited only while that fires.
        exporter
            .wait_for_metrics(
                &[r#"castai_health_check_status{check="castai_api",status="failing"} 1"#],
                NOTIFICATION_TIMEOUT,
            )
            .await;
    }
    let first = monitoring
        .wait_for_status(cluster, "firing", NOTIFICATION_TIMEOUT)
        .await;
    for (world, _) in &broken {
        world.castai.heal().await;
    }
    let last = if first.is_some() {
        monitoring
            .wait_for_status(cluster, "resolved", NOTIFICATION_TIMEOUT)
            .await
    } else {
        None
    };
    let root = RootCause {
        check: CheckId::CastaiApi,
        mode: FailureMode::CastaiTokenInvalid,
        severity,
    };
    let mut row = row(monitoring, cluster, &root, began, first.as_ref());
    let notifications = first
        .map(|first| first.body["alerts"][0]["annotations"].to_string())
        .unwrap_or_default();
    if !notifications.contains(sentence) {
        row.problems
            .push(format!("the text lacks \"{sentence}\": {notifications}"));
    }
    if last.is_none() {
        row.problems.push("no resolved notification".to_owned());
    }
    row
}
