//! With a sidecar and a companion, notifications say which of them sees the failure.

use castai_health_exporter::alerting::visibility::Visibility;
use castai_health_exporter::catalogue::{CheckId, FailureMode};
use lab::CastAiFault;
use test_support::lab_cluster::LabCluster;
use tokio::time::Instant;

use super::monitored_lab::MonitoredLab;
use super::{NOTIFICATION_TIMEOUT, Row, row};
use crate::support::monitoring::Monitoring;

/// The vantages (sidecar, companion) whose API key is rejected, each in a separate lab
/// cluster.
pub(super) struct VantageCase {
    cluster: &'static str,
    sidecar_fails: bool,
    companion_fails: bool,
    visibility: Visibility,
    severity: &'static str,
}

pub(super) const VANTAGE_CASES: [VantageCase; 3] = [
    VantageCase {
        cluster: "seen-everywhere",
        sidecar_fails: true,
        companion_fails: true,
        visibility: Visibility::Both,
        severity: "critical",
    },
    VantageCase {
        cluster: "seen-in-the-pod-only",
        sidecar_fails: true,
        companion_fails: false,
        visibility: Visibility::SidecarOnly,
        severity: "critical",
    },
    VantageCase {
        cluster: "seen-beside-it-only",
        sidecar_fails: false,
        companion_fails: true,
        visibility: Visibility::CompanionOnly,
        severity: "warning",
    },
];

/// Expects one notification that names the vantages which see the failure.
pub(super) async fn vantages_are_named(monitoring: &Monitoring, seen: &VantageCase) -> Row {
    let VantageCase {
        cluster,
        sidecar_fails,
        companion_fails,
        visibility,
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
            .wait_for_metrics(
                &[r#"castai_health_check_status{check="castai_api",status="ok"} 1"#],
                NOTIFICATION_TIMEOUT,
            )
            .await;
    }
    let broken: Vec<&LabCluster> = [
        (sidecar_fails, &pods.world),
        (companion_fails, &other.world),
    ]
    .into_iter()
    .filter(|one| one.0)
    .map(|one| one.1)
    .collect();
    for world in &broken {
        world.castai.set(CastAiFault::TokenInvalid).await;
    }
    let began = Instant::now();
    let first = monitoring
        .wait_for_status(cluster, "firing", NOTIFICATION_TIMEOUT)
        .await;
    for world in &broken {
        world.castai.heal().await;
    }
    let last = if first.is_some() {
        monitoring
            .wait_for_status(cluster, "resolved", NOTIFICATION_TIMEOUT)
            .await
    } else {
        None
    };
    let pair = (CheckId::CastaiApi, FailureMode::CastaiTokenInvalid);
    let mut row = row(monitoring, cluster, pair, severity, began, first.as_ref());
    cluster.clone_into(&mut row.scenario_name);
    let notifications = first
        .map(|first| first.body["alerts"][0]["annotations"].to_string())
        .unwrap_or_default();
    if !notifications.contains(visibility.sentence().trim()) {
        row.problems.push(format!(
            "the text does not name the vantage{}: {notifications}",
            visibility.sentence()
        ));
    }
    if last.is_none() {
        row.problems.push("no resolved notification".to_owned());
    }
    row
}
