//! Restart of the exporter and removal of the agent.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, ExporterAlert, FailureMode};
use test_support::lab_cluster::LabCluster;
use test_support::scenarios::{InjectedFault, heal, inject_fault};
use tokio::time::{Instant, sleep};

use super::monitored_lab::MonitoredLab;
use super::{NOTIFICATION_TIMEOUT, RESOLVE_DELAY, RootCause, Row, row};
use crate::support::monitoring::Monitoring;

/// Restarts the exporter during a failure and expects no further notification.
pub(super) async fn exporter_restarts(monitoring: &Monitoring) -> Row {
    let cluster = "the-exporter-restarts-meanwhile";
    let mut world = LabCluster::start();
    let healthy = (world.env.clone(), world.file.clone());
    inject_fault(&mut world, InjectedFault::Castai("token-invalid")).await;
    let mut monitored = MonitoredLab::start(world).await;
    monitoring.scrape(cluster, &[monitored.exporter.address()]);
    let began = Instant::now();
    let first = monitoring
        .wait_for_status(cluster, "firing", NOTIFICATION_TIMEOUT)
        .await;
    monitored.restart().await;
    sleep(Duration::from_secs(2)).await;
    monitoring.scrape(cluster, &[monitored.exporter.address()]);
    sleep(RESOLVE_DELAY).await;
    let mut meanwhile = Vec::new();
    if monitoring.notifications(cluster).len() != 1 {
        meanwhile.push("the restart notified again".to_owned());
    }
    heal(&mut monitored.world, healthy).await;
    monitoring
        .wait_for_status(cluster, "resolved", NOTIFICATION_TIMEOUT)
        .await;
    let root = RootCause {
        check: CheckId::CastaiApi,
        mode: FailureMode::CastaiTokenInvalid,
        severity: "critical",
    };
    let mut row = row(monitoring, cluster, &root, began, first.as_ref());
    row.problems.extend(meanwhile);
    row
}

/// Deletes the agent together with its sidecar.
pub(super) async fn agent_is_deleted(monitoring: &Monitoring) -> Row {
    let cluster = "the-agent-is-deleted";
    let monitored = MonitoredLab::start(LabCluster::start()).await;
    monitoring.scrape(cluster, &[monitored.exporter.address()]);
    sleep(Duration::from_secs(8)).await;
    monitoring.scrape(cluster, &[]);
    drop(monitored);
    let began = Instant::now();
    let first = monitoring
        .wait_for_status(cluster, "firing", NOTIFICATION_TIMEOUT)
        .await;
    let back = MonitoredLab::start(LabCluster::start()).await;
    monitoring.scrape(cluster, &[back.exporter.address()]);
    monitoring
        .wait_for_status(cluster, "resolved", NOTIFICATION_TIMEOUT)
        .await;
    let alert = ExporterAlert::ExporterAbsent.entry();
    let notifications = monitoring.notifications(cluster);
    let is = |status: &str| {
        notifications
            .iter()
            .filter(|one| one.body["status"] == status)
            .count()
    };
    let mut problems = Vec::new();
    for one in &notifications {
        let alerts = one.body["alerts"].as_array();
        if alerts.is_none_or(|alerts| alerts.len() != 1) {
            problems.push(one.body.to_string());
        }
    }
    let (firing, resolved) = (is("firing"), is("resolved"));
    if (firing, resolved) != (1, 1)
        || notifications
            .iter()
            .any(|one| one.body["commonLabels"]["cluster"] != cluster)
    {
        problems.push(format!("{notifications:?}"));
    }
    if first
        .as_ref()
        .is_none_or(|one| one.body["alerts"][0]["labels"]["alertname"] != alert.name)
    {
        problems.push(format!("{first:?}"));
    }
    Row {
        scenario_name: cluster.to_owned(),
        alert: alert.name,
        severity: alert.severity.label(),
        seconds: first.map_or(f64::NAN, |one| one.at.duration_since(began).as_secs_f64()),
        notifications: firing,
        resolved,
        problems,
    }
}
