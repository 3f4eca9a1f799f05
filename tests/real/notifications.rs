//! Tests of notifications with the real exporter, Prometheus, Alertmanager and a webhook.
//!
//! Each scenario is one cluster; all run in parallel, thirty times as fast as the committed rules.

mod consequences;
mod monitored_lab;
mod soak;
mod vantages;

use std::collections::BTreeSet;
use std::env;
use std::time::Duration;

use castai_health_exporter::alerting::alertmanager::receiver_of;
use castai_health_exporter::alerting::settings::Settings;
use castai_health_exporter::alerting::time_scale::TimeScale;
use castai_health_exporter::catalogue::{
    CheckId, ExporterAlert, FailureMode, Status, alert, relations, runbook_url,
};
use consequences::{Spread, spread};
use futures_util::StreamExt;
use futures_util::future::join_all;
use monitored_lab::MonitoredLab;
use serde_json::{Value, json};
use test_support::lab_cluster::LabCluster;
use test_support::scenarios::{Break, SCENARIOS, Scenario, break_world, heal, world_for};
use tokio::time::{Instant, sleep};
use vantages::{PLACES, seen_at};

use crate::support::monitoring::{Monitoring, Notification, RUNBOOKS};

/// Speed-up over the committed rules.
const PACE: u32 = 30;
/// Limit for `for`, evaluation and grouping together, on a busy machine.
const WITHIN: Duration = Duration::from_mins(3);
/// Longer than `keep_firing_for`.
const LONGER_THAN_KEPT: Duration = Duration::from_secs(14);
/// Number of lab clusters in parallel.
const SIDE_BY_SIDE: usize = 12;
/// Delays that are late for an impatient agent, and for the agent of these tests.
const LATE: (&str, &str) = ("slow:1200ms", "slow:5000ms");
/// Variable: if set, all failure modes are tested, not only one per alert.
const EVERY_MODE: &str = "EVERY_MODE";
/// Variable: if set, only scenarios whose check and mode contain it are tested.
const STORIES: &str = "STORIES";

/// Result of one scenario.
struct Row {
    story: String,
    alert: &'static str,
    severity: &'static str,
    seconds: f64,
    told: usize,
    resolved: usize,
    problems: Vec<String>,
}

/// Returns the first scenario of each alert, or of each root.
fn chosen() -> Vec<&'static Scenario> {
    let every = env::var_os(EVERY_MODE).is_some();
    let wanted = env::var_os(STORIES)
        .unwrap_or_default()
        .into_string()
        .expect("it is text");
    let mut seen = BTreeSet::new();
    let new = |scenario: &&Scenario| {
        if !format!("{} {}", scenario.check, scenario.mode).contains(&wanted) {
            return false;
        }
        let root = relations::root(scenario.check, scenario.mode);
        let alert = alert::root_alert(scenario.check, scenario.mode)
            .expect("every pair has an alert")
            .name;
        root == (scenario.check, scenario.mode)
            && seen.insert(if every {
                (alert, Some(scenario.mode))
            } else {
                (alert, None)
            })
    };
    SCENARIOS.iter().filter(new).collect()
}

#[tokio::test]
#[ignore = "it takes minutes; `make test-pages` runs it"]
async fn whoever_has_to_know_is_told_once_and_again_when_it_is_over() {
    let began = Instant::now();
    let settings = Settings {
        time_scale: TimeScale::faster(PACE),
        runbook_base: RUNBOOKS,
    };
    let monitoring = Monitoring::start(&settings, Duration::from_secs(1)).await;
    let healthy = MonitoredLab::start(LabCluster::start()).await;
    monitoring.scrape("healthy", &[healthy.exporter.address()]);

    let (stories, others) = tokio::join!(
        futures_util::stream::iter(chosen())
            .map(|scenario| play(&monitoring, scenario))
            .buffer_unordered(SIDE_BY_SIDE)
            .collect::<Vec<Row>>(),
        async {
            let (restarted, deleted) = tokio::join!(restarted(&monitoring), deleted(&monitoring));
            let places = join_all(PLACES.iter().map(|place| seen_at(&monitoring, place))).await;
            let followed = join_all(Spread::ALL.map(|cause| spread(&monitoring, cause))).await;
            [restarted, deleted]
                .into_iter()
                .chain(places)
                .chain(followed)
                .collect::<Vec<Row>>()
        }
    );
    let empty = crate::dashboards::without_data(&monitoring, began.elapsed()).await;
    crate::support::promtool::assert_accepts(&healthy.exporter.metrics().await);

    let mut rows: Vec<Row> = stories.into_iter().chain(others).collect();
    rows.sort_by(|one, other| (one.alert, &one.story).cmp(&(other.alert, &other.story)));
    println!(
        "{:<58} {:<36} {:<9} {:>7} {:>5} {:>9}",
        "story", "alert", "severity", "seconds", "told", "resolved"
    );
    for row in &rows {
        let Row {
            story,
            alert,
            severity,
            seconds,
            told,
            resolved,
            problems,
        } = row;
        println!("{story:<58} {alert:<36} {severity:<9} {seconds:>7.1} {told:>5} {resolved:>9}");
        for problem in problems {
            println!("    {problem}");
        }
    }
    println!(
        "{} stories in {:.0} s",
        rows.len(),
        began.elapsed().as_secs_f64()
    );
    let wrong: Vec<&str> = rows
        .iter()
        .filter(|row| !row.problems.is_empty())
        .map(|row| row.story.as_str())
        .collect();
    assert!(
        wrong.is_empty(),
        "{wrong:?}; EVERY_MODE=1 tells of every failure mode"
    );
    assert!(
        monitoring.told("healthy").is_empty(),
        "{:?}",
        monitoring.told("healthy")
    );
    assert!(monitoring.watchdog_was_heard());
    assert!(
        empty.is_empty() || env::var_os(STORIES).is_some(),
        "panels without data: {empty:#?}"
    );
}

/// Breaks the lab cluster, expects the alert, heals it, and expects the resolution.
async fn play(monitoring: &Monitoring, scenario: &Scenario) -> Row {
    let (check, mode) = (scenario.check, scenario.mode);
    let cluster = format!("{check}-{mode}").replace('_', "-");
    let mut world = world_for(scenario.broken);
    let healthy = (world.env.clone(), world.file.clone());
    break_world(&mut world, later(scenario.broken)).await;
    // A pod never changes its region, so only a new pod fixes this.
    let moved = matches!(scenario.broken, Break::InAnotherRegion);
    let given_anew = moved || (&world.env, &world.file) != (&healthy.0, &healthy.1);
    let mut beside = MonitoredLab::start(world).await;
    monitoring.scrape(&cluster, &[beside.exporter.address()]);
    let began = Instant::now();
    let first = tokio::select! {
        first = monitoring.until(&cluster, "firing", WITHIN) => first,
        () = go_on(&beside.world, scenario.broken) => None,
    };
    let metrics = beside.exporter.metrics().await;
    let severity = severity(&metrics, check, scenario.status);
    heal(&mut beside.world, healthy).await;
    if given_anew {
        beside.restart().await;
        monitoring.scrape(&cluster, &[beside.exporter.address()]);
    }
    let last = if first.is_some() {
        monitoring.until(&cluster, "resolved", WITHIN).await
    } else {
        None
    };
    let mut row = row(
        monitoring,
        &cluster,
        (check, mode),
        severity,
        began,
        first.as_ref(),
    );
    if first.is_none() {
        let shown = metrics
            .lines()
            .filter(|line| line.contains("health_failure{"))
            .collect::<Vec<_>>()
            .join("; ");
        row.problems.push(format!("the exporter shows {shown}"));
    }
    if last.is_none() {
        row.problems
            .push("nobody was told that it is over".to_owned());
    }
    row
}

/// Returns the fault with a delay that is late for the agent of these tests.
fn later(broken: Break) -> Break {
    let late = |fault: &'static str| &*fault.replace(LATE.0, LATE.1).leak();
    match broken {
        Break::Api(fault) => Break::Api(late(fault)),
        Break::Castai(fault) => Break::Castai(late(fault)),
        Break::StsForRole(fault) => Break::StsForRole(late(fault)),
        Break::Ec2(fault) => Break::Ec2(late(fault)),
        other => other,
    }
}

/// Repeats what a broken cluster does; never returns.
async fn go_on(world: &LabCluster, broken: Break) {
    loop {
        sleep(Duration::from_secs(1)).await;
        if let Break::Meets(code) = broken {
            world.agent.add_api_responses(code, 40);
        }
    }
}

/// Restarts the exporter during a failure and expects no further notification.
async fn restarted(monitoring: &Monitoring) -> Row {
    let cluster = "the-exporter-restarts-meanwhile";
    let mut world = LabCluster::start();
    let healthy = (world.env.clone(), world.file.clone());
    break_world(&mut world, Break::Castai("token-invalid")).await;
    let mut beside = MonitoredLab::start(world).await;
    monitoring.scrape(cluster, &[beside.exporter.address()]);
    let began = Instant::now();
    let first = monitoring.until(cluster, "firing", WITHIN).await;
    beside.restart().await;
    sleep(Duration::from_secs(2)).await;
    monitoring.scrape(cluster, &[beside.exporter.address()]);
    sleep(LONGER_THAN_KEPT).await;
    let mut meanwhile = Vec::new();
    if monitoring.told(cluster).len() != 1 {
        meanwhile.push("the restart was told of".to_owned());
    }
    heal(&mut beside.world, healthy).await;
    monitoring.until(cluster, "resolved", WITHIN).await;
    let pair = (CheckId::CastaiApi, FailureMode::CastaiTokenInvalid);
    let mut row = row(monitoring, cluster, pair, "critical", began, first.as_ref());
    cluster.clone_into(&mut row.story);
    row.problems.extend(meanwhile);
    row
}

/// Deletes the agent together with its sidecar.
async fn deleted(monitoring: &Monitoring) -> Row {
    let cluster = "the-agent-is-deleted";
    let beside = MonitoredLab::start(LabCluster::start()).await;
    monitoring.scrape(cluster, &[beside.exporter.address()]);
    sleep(Duration::from_secs(8)).await;
    monitoring.scrape(cluster, &[]);
    drop(beside);
    let began = Instant::now();
    let first = monitoring.until(cluster, "firing", WITHIN).await;
    let back = MonitoredLab::start(LabCluster::start()).await;
    monitoring.scrape(cluster, &[back.exporter.address()]);
    monitoring.until(cluster, "resolved", WITHIN).await;
    let alert = ExporterAlert::ExporterAbsent.entry();
    let told = monitoring.told(cluster);
    let is = |status: &str| {
        told.iter()
            .filter(|one| one.body["status"] == status)
            .count()
    };
    let mut problems = Vec::new();
    for one in &told {
        if one.receiver != "pager"
            || one.body["alerts"]
                .as_array()
                .is_none_or(|alerts| alerts.len() != 1)
        {
            problems.push(one.body.to_string());
        }
    }
    let (firing, resolved) = (is("firing"), is("resolved"));
    if (firing, resolved) != (1, 1)
        || told
            .iter()
            .any(|one| one.body["groupLabels"]["cluster"] != cluster)
    {
        problems.push(format!("{told:?}"));
    }
    if first
        .as_ref()
        .is_none_or(|one| one.body["alerts"][0]["labels"]["alertname"] != alert.name)
    {
        problems.push(format!("{first:?}"));
    }
    Row {
        story: cluster.to_owned(),
        alert: alert.name,
        severity: alert.severity.label(),
        seconds: first.map_or(f64::NAN, |one| one.at.duration_since(began).as_secs_f64()),
        told: firing,
        resolved,
        problems,
    }
}

/// Compares the notifications of a cluster with the expected ones.
fn row(
    monitoring: &Monitoring,
    cluster: &str,
    (check, mode): (CheckId, FailureMode),
    severity: &'static str,
    began: Instant,
    first: Option<&Notification>,
) -> Row {
    let alert = alert::for_mode(check, mode)
        .expect("a root has an alert")
        .name;
    let told = monitoring.told(cluster);
    let is = |status: &str| {
        told.iter()
            .filter(|one| one.body["status"] == status)
            .count()
    };
    let mut problems = Vec::new();
    if (is("firing"), is("resolved")) != (1, 1) {
        let bodies: Vec<String> = told.iter().map(|one| short(&one.body)).collect();
        problems.push(format!("not once each: {}", bodies.join(" | ")));
    }
    if let Some(first) = first {
        let alerts = first.body["alerts"].as_array().cloned().unwrap_or_default();
        let wanted = json!({
            "alertname": alert, "check": check.label(), "cluster": cluster, "mode": mode.label(),
            "namespace": "castai-agent", "severity": severity,
        });
        if alerts.len() != 1 || alerts[0]["labels"] != wanted {
            problems.push(format!("instead of {wanted}: {}", short(&first.body)));
        }
        let url = runbook_url(RUNBOOKS, check, mode).expect("it has a runbook");
        if alerts
            .iter()
            .all(|one| one["annotations"]["runbook_url"] != url.as_str())
        {
            problems.push(format!("no link to {url}"));
        }
        let receiver = receiver_of(alert, severity).trim_start_matches("castai-");
        if first.receiver != receiver {
            problems.push(format!("told to {}, not to {receiver}", first.receiver));
        }
    }
    Row {
        story: format!("{check} {mode}"),
        alert,
        severity,
        seconds: first.map_or(f64::NAN, |one| one.at.duration_since(began).as_secs_f64()),
        told: is("firing"),
        resolved: is("resolved"),
        problems,
    }
}

/// Returns the labels of a notification's alerts.
fn short(body: &Value) -> String {
    let alerts = body["alerts"].as_array().cloned().unwrap_or_default();
    let labels: Vec<String> = alerts
        .iter()
        .map(|one| format!("{} {}", one["status"], one["labels"]))
        .collect();
    format!("{} [{}]", body["status"], labels.join(", "))
}

/// Returns the severity that the catalogue gives a verdict, from what the exporter says the agent
/// needs.
fn severity(metrics: &str, check: CheckId, status: Status) -> &'static str {
    let needed = |need: &str| {
        metrics.contains(&format!(
            "check_need{{check=\"{check}\",need=\"{need}\"}} 1"
        ))
    };
    match status {
        _ if needed("none") => "info",
        Status::Failing if needed("start") => "critical",
        _ => "warning",
    }
}
