//! Tests of notifications with the real exporter, Prometheus, an Alertmanager as
//! kube-prometheus-stack configures it, and a webhook.
//!
//! Each scenario is one cluster; all run in parallel, thirty times as fast as the committed rules.

mod consequences;
mod latency;
mod lifecycle;
mod monitored_lab;
mod soak;
mod vantages;

use std::collections::BTreeSet;
use std::env;
use std::time::Duration;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::time_scale::TimeScale;
use castai_health_exporter::catalogue::{CheckId, FailureMode, Status, alert, runbook_url};
use consequences::{SharedCause, consequences_notify_once};
use futures_util::StreamExt;
use futures_util::future::join_all;
use lifecycle::{agent_is_deleted, exporter_restarts};
use monitored_lab::MonitoredLab;
use serde_json::{Value, json};
use test_support::exporter::{Exporter, fetch};
use test_support::lab_cluster::LabCluster;
use test_support::scenarios::{
    InjectedFault, Scenario, heal, inject_fault, lab_cluster_for, scenarios,
};
use tokio::time::{Instant, sleep};
use vantages::{VANTAGE_CASES, vantages_are_named};

use crate::support::monitoring::{Monitoring, RUNBOOKS};
use crate::support::webhook::Notification;

/// Speed-up over the committed rules.
const RULE_SPEEDUP: u32 = 30;

/// Limit for `for`, evaluation and grouping together, on a busy machine.
const NOTIFICATION_TIMEOUT: Duration = Duration::from_mins(3);

/// Longer than `keep_firing_for`.
const RESOLVE_DELAY: Duration = Duration::from_secs(14);

/// Number of lab clusters in parallel.
const PARALLEL_LABS: usize = 12;

/// Delays that are late for an impatient agent, and for the agent of these tests.
const DELAYS: (&str, &str) = ("slow:1200ms", "slow:5000ms");

/// Variable: if set, all failure modes are tested, not only one per alert.
const EVERY_MODE: &str = "EVERY_MODE";

/// Variable: if set, only scenarios whose check and mode contain it are tested.
const SCENARIO_FILTER: &str = "STORIES";

/// Result of one scenario.
struct Row {
    scenario_name: String,
    alert: &'static str,
    severity: &'static str,
    seconds: f64,
    notifications: usize,
    resolved: usize,
    problems: Vec<String>,
}

/// Returns the first scenario of each alert, or of each (check, mode).
fn selected_scenarios() -> Vec<&'static Scenario> {
    let every = env::var_os(EVERY_MODE).is_some();
    let wanted = env::var_os(SCENARIO_FILTER)
        .unwrap_or_default()
        .into_string()
        .expect("the variable is not UTF-8");
    let mut seen = BTreeSet::new();
    let new = |scenario: &&Scenario| {
        if !format!("{} {}", scenario.check, scenario.mode).contains(&wanted) {
            return false;
        }
        if !every {
            let alert = alert::covering(scenario.check, scenario.mode);
            return seen.insert((alert.expect("a mode has no alert").name, None));
        }
        seen.insert((scenario.check.label(), Some(scenario.mode)))
    };
    scenarios().filter(new).collect()
}

#[tokio::test]
#[ignore = "it takes minutes; `make test-pages` runs it"]
async fn every_alert_notifies_once_and_resolves() {
    let began = Instant::now();
    let settings = GeneratorOptions {
        time_scale: TimeScale::faster(RULE_SPEEDUP),
        runbook_base: RUNBOOKS,
    };
    let monitoring = Monitoring::start(&settings, Duration::from_secs(1)).await;
    let healthy = MonitoredLab::start(LabCluster::start()).await;
    monitoring.scrape("healthy", &[healthy.exporter.address()]);

    let (scenarios, others) = tokio::join!(
        futures_util::stream::iter(selected_scenarios())
            .map(|scenario| play(&monitoring, scenario))
            .buffer_unordered(PARALLEL_LABS)
            .collect::<Vec<Row>>(),
        async {
            let (exporter_restarts, agent_is_deleted) = tokio::join!(
                exporter_restarts(&monitoring),
                agent_is_deleted(&monitoring)
            );
            let places = join_all(
                VANTAGE_CASES
                    .iter()
                    .map(|case| vantages_are_named(&monitoring, case)),
            )
            .await;
            let followed = join_all(
                SharedCause::ALL.map(|cause| consequences_notify_once(&monitoring, cause)),
            )
            .await;
            [exporter_restarts, agent_is_deleted]
                .into_iter()
                .chain(places)
                .chain(followed)
                .collect::<Vec<Row>>()
        }
    );
    let empty = crate::dashboards::without_data(&monitoring, began.elapsed()).await;
    crate::support::promtool::assert_accepts(&healthy.exporter.metrics().await);

    let mut rows: Vec<Row> = scenarios.into_iter().chain(others).collect();
    rows.sort_by(|one, other| {
        (one.alert, &one.scenario_name).cmp(&(other.alert, &other.scenario_name))
    });
    println!(
        "{:<58} {:<36} {:<9} {:>7} {:>5} {:>9}",
        "scenario", "alert", "severity", "seconds", "firing", "resolved"
    );
    for row in &rows {
        let Row {
            scenario_name,
            alert,
            severity,
            seconds,
            notifications,
            resolved,
            problems,
        } = row;
        println!(
            "{scenario_name:<58} {alert:<36} {severity:<9} {seconds:>7.1} {notifications:>5} {resolved:>9}"
        );
        for problem in problems {
            println!("    {problem}");
        }
    }
    println!(
        "{} scenarios in {:.0} s",
        rows.len(),
        began.elapsed().as_secs_f64()
    );
    let wrong: Vec<&str> = rows
        .iter()
        .filter(|row| !row.problems.is_empty())
        .map(|row| row.scenario_name.as_str())
        .collect();
    assert!(
        wrong.is_empty(),
        "{wrong:?}; EVERY_MODE=1 covers every failure mode"
    );
    assert!(
        monitoring.notifications("healthy").is_empty(),
        "{:?}",
        monitoring.notifications("healthy")
    );
    assert!(monitoring.watchdog_notified());
    assert!(
        empty.is_empty() || env::var_os(SCENARIO_FILTER).is_some(),
        "panels without data: {empty:#?}"
    );
}

/// Breaks the lab cluster, expects the alert, heals it, and expects the resolution.
async fn play(monitoring: &Monitoring, scenario: &Scenario) -> Row {
    let (check, mode) = (scenario.check, scenario.mode);
    let cluster = format!("{check}-{mode}").replace('_', "-");
    let mut world = lab_cluster_for(scenario.fault);
    let healthy = (world.env.clone(), world.file.clone());
    inject_fault(&mut world, with_longer_delay(scenario.fault)).await;
    // A pod never changes its region, so only a new pod fixes this.
    let moved = matches!(scenario.fault, InjectedFault::NodeInOtherRegion);
    let given_anew = moved || (&world.env, &world.file) != (&healthy.0, &healthy.1);
    let mut monitored = MonitoredLab::start(world).await;
    monitoring.scrape(&cluster, &[monitored.exporter.address()]);
    let began = Instant::now();
    let first = tokio::select! {
        first = monitoring.wait_for_status(&cluster, "firing", NOTIFICATION_TIMEOUT) => first,
        () = keep_injecting(&monitored.world, scenario.fault) => None,
    };
    let root = root_cause(&monitored.exporter, (check, mode), scenario.status).await;
    heal(&mut monitored.world, healthy).await;
    if given_anew {
        monitored.restart().await;
        monitoring.scrape(&cluster, &[monitored.exporter.address()]);
    }
    let last = if first.is_some() {
        monitoring
            .wait_for_status(&cluster, "resolved", NOTIFICATION_TIMEOUT)
            .await
    } else {
        None
    };
    let mut row = match &root {
        Ok(root) => row(monitoring, &cluster, root, began, first.as_ref()),
        Err(root_causes) => Row {
            problems: vec![format!("not one root cause: {root_causes}")],
            ..Row::new(&cluster)
        },
    };
    row.scenario_name = format!("{check} {mode}");
    if last.is_none() {
        row.problems.push("no resolved notification".to_owned());
    }
    row
}

/// Returns the fault with a delay that is late for the agent of these tests.
fn with_longer_delay(fault: InjectedFault) -> InjectedFault {
    let late = |fault: &'static str| &*fault.replace(DELAYS.0, DELAYS.1).leak();
    match fault {
        InjectedFault::Apiserver(fault) => InjectedFault::Apiserver(late(fault)),
        InjectedFault::Castai(fault) => InjectedFault::Castai(late(fault)),
        InjectedFault::StsForRole(fault) => InjectedFault::StsForRole(late(fault)),
        InjectedFault::Ec2(fault) => InjectedFault::Ec2(late(fault)),
        other => other,
    }
}

/// Repeats what a broken cluster does; never returns.
async fn keep_injecting(world: &LabCluster, fault: InjectedFault) {
    loop {
        sleep(Duration::from_secs(1)).await;
        if let InjectedFault::AgentApiResponses(code) = fault {
            world.agent.add_api_responses(code, 40);
        }
    }
}

/// The root cause that a notification must name.
struct RootCause {
    check: CheckId,
    mode: FailureMode,
    severity: &'static str,
}

/// Returns the only root cause that an exporter reports; it must have the alert of the failure that
/// was injected. The severity follows from what the exporter says the agent needs.
async fn root_cause(
    exporter: &Exporter,
    (check, mode): (CheckId, FailureMode),
    status: Status,
) -> Result<RootCause, String> {
    let document = fetch(exporter.address(), "/api/v1/status").await.unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let [root] = document["root_causes"].as_array().unwrap().as_slice() else {
        return Err(document["root_causes"].to_string());
    };
    let text = |key: &str| root[key].as_str().unwrap().to_owned();
    let (root_check, root_mode) = (
        CheckId::from_label(&text("check")).unwrap(),
        FailureMode::from_label(&text("mode")).unwrap(),
    );
    let alert = |check, mode| alert::covering(check, mode).map(|alert| alert.name);
    if alert(root_check, root_mode) != alert(check, mode) {
        return Err(root.to_string());
    }
    let checks = document["checks"].as_array().unwrap();
    let row = checks.iter().find(|row| row["id"] == root_check.label());
    let row = row.unwrap();
    let fails = if root_check == check {
        status == Status::Failing
    } else {
        row["status"] == Status::Failing.label()
    };
    let severity = match row["need"].as_str().unwrap() {
        "none" => "info",
        "start" if fails => "critical",
        _ => "warning",
    };
    Ok(RootCause {
        check: root_check,
        mode: root_mode,
        severity,
    })
}

impl Row {
    fn new(cluster: &str) -> Self {
        Self {
            scenario_name: cluster.to_owned(),
            alert: "",
            severity: "",
            seconds: f64::NAN,
            notifications: 0,
            resolved: 0,
            problems: Vec::new(),
        }
    }
}

/// Compares the notifications of a cluster with the expected ones.
fn row(
    monitoring: &Monitoring,
    cluster: &str,
    root: &RootCause,
    began: Instant,
    first: Option<&Notification>,
) -> Row {
    let RootCause {
        check,
        mode,
        severity,
    } = *root;
    let alert = alert::covering(check, mode)
        .expect("a root cause has no alert")
        .name;
    let notifications = monitoring.notifications(cluster);
    let is = |status: &str| {
        notifications
            .iter()
            .filter(|one| one.body["status"] == status)
            .count()
    };
    let mut problems = Vec::new();
    if (is("firing"), is("resolved")) != (1, 1) {
        let bodies: Vec<String> = notifications
            .iter()
            .map(|one| alert_labels(&one.body))
            .collect();
        problems.push(format!("not once each: {}", bodies.join(" | ")));
    }
    if let Some(first) = first {
        let alerts = first.body["alerts"].as_array().cloned().unwrap_or_default();
        let wanted = json!({
            "alertname": alert, "check": check.label(), "cluster": cluster, "mode": mode.label(),
            "namespace": cluster, "severity": severity,
        });
        if alerts.len() != 1 || alerts[0]["labels"] != wanted {
            problems.push(format!(
                "expected {wanted}, got {}",
                alert_labels(&first.body)
            ));
        }
        let url = runbook_url(RUNBOOKS, check, mode).expect("the alert has no runbook");
        if alerts
            .iter()
            .all(|one| one["annotations"]["runbook_url"] != url.as_str())
        {
            problems.push(format!("no link to {url}"));
        }
        let description = alerts[0]["annotations"]["description"].to_string();
        let evidence = format!("kubectl -n {cluster} exec ");
        if !description.contains(&evidence) || !description.contains(cluster) {
            problems.push(format!("no command or place in {description}"));
        }
    }
    Row {
        alert,
        severity,
        seconds: first.map_or(f64::NAN, |one| one.at.duration_since(began).as_secs_f64()),
        notifications: is("firing"),
        resolved: is("resolved"),
        problems,
        ..Row::new(cluster)
    }
}

/// Returns the labels of a notification's alerts.
fn alert_labels(body: &Value) -> String {
    let alerts = body["alerts"].as_array().cloned().unwrap_or_default();
    let labels: Vec<String> = alerts
        .iter()
        .map(|one| format!("{} {}", one["status"], one["labels"]))
        .collect();
    format!("{} [{}]", body["status"], labels.join(", "))
}
