//! The texts of all notifications, rendered by Prometheus, and as the default templates of
//! Alertmanager for Slack and `PagerDuty` show them.
//!
//! `UPDATE_GOLDEN=1 cargo test --test real notification_texts` writes the golden file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::time_scale::TimeScale;
use castai_health_exporter::catalogue::alert::{ALERTS, modes_of};
use castai_health_exporter::catalogue::{CheckId, RUNBOOK_BASE};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::exposition_server::serve;
use crate::support::monitoring::Monitoring;

/// Speed-up over the committed rules: alerts fire after about a second.
const RULE_SPEEDUP: u32 = 300;
const FIRING_TIMEOUT: Duration = Duration::from_mins(1);

/// The default templates, as Debian's package of Alertmanager installs them.
const DEFAULT_TEMPLATES: &str = "/usr/share/prometheus/alertmanager/default.tmpl";
/// The texts in Slack and `PagerDuty`; the default text of Slack is empty.
const TEXTS: [(&str, &str); 3] = [
    ("Slack", "{{ template \"slack.default.title\" . }}"),
    (
        "PagerDuty",
        "{{ template \"pagerduty.default.description\" . }}",
    ),
    (
        "PagerDuty details",
        "{{ template \"pagerduty.default.instances\" .Alerts.Firing }}",
    ),
];

/// Returns an exposition in which every failure of a check is a root cause.
fn every_failure(check: CheckId) -> String {
    let mut text = "castai_health_exporter_info{vantage=\"sidecar\",scope=\"all\",agent_environment=\"own\"} 1\n".to_owned();
    for mode in modes_of(check) {
        writeln!(
            text,
            "castai_health_failure{{check=\"{check}\",mode=\"{mode}\",severity=\"critical\",caused_by=\"\"}} 1"
        )
        .unwrap();
    }
    text
}

#[tokio::test]
async fn notification_texts_are_as_reviewed() {
    let failures: usize = CheckId::ALL
        .iter()
        .map(|check| modes_of(*check).count())
        .sum();
    let settings = GeneratorOptions {
        time_scale: TimeScale::faster(RULE_SPEEDUP),
        runbook_base: RUNBOOK_BASE,
    };
    let monitoring = Monitoring::start(&settings, Duration::from_secs(1)).await;
    // One cluster per check, because the failures of other checks would explain some of them.
    for check in CheckId::ALL {
        let address = serve(String::new(), every_failure(*check)).await;
        monitoring.scrape(&format!("prod-{check}"), &[&address]);
    }
    let began = Instant::now();
    let alerts = loop {
        let alerts = monitoring.alerts().await;
        let firing = alerts
            .into_iter()
            .filter(|alert| alert["state"] == "firing" && !alert["labels"]["mode"].is_null())
            .collect::<Vec<_>>();
        // One alert for each failure: none is left out, none is told twice.
        if firing.len() == failures {
            break firing;
        }
        assert!(
            began.elapsed() < FIRING_TIMEOUT,
            "{} of {failures} alerts fire",
            firing.len()
        );
        sleep(Duration::from_millis(200)).await;
    };
    let text = reviewed(&alerts);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/golden/notifications.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == golden,
        "{} differs; read it, then update it with UPDATE_GOLDEN=1",
        path.display()
    );
}

/// Returns, for each alert, the notification of its first failure and the causes of the others.
fn reviewed(alerts: &[Value]) -> String {
    let mut by_name: BTreeMap<&str, BTreeMap<(usize, String), &Value>> = BTreeMap::new();
    let names = ALERTS.iter().map(|alert| alert.name);
    for (name, alert) in names.flat_map(|name| {
        alerts
            .iter()
            .filter(move |alert| alert["labels"]["alertname"] == name)
            .map(move |alert| (name, alert))
    }) {
        let label = |label: &str| alert["labels"][label].as_str().unwrap();
        let order = CheckId::ALL
            .iter()
            .position(|check| check.label() == label("check"));
        let key = (order.unwrap(), label("mode").to_owned());
        by_name.entry(name).or_default().insert(key, alert);
    }
    let mut text = String::new();
    for (name, alerts) in by_name {
        let first = alerts.values().next().unwrap();
        writeln!(text, "==== {name}\n").unwrap();
        for (title, template) in TEXTS {
            let rendered = render(template, first);
            writeln!(text, "{title}: {}\n", rendered.trim()).unwrap();
        }
        for ((_, mode), alert) in alerts {
            let check = alert["labels"]["check"].as_str().unwrap();
            let description = alert["annotations"]["description"].as_str().unwrap();
            let cause = description.lines().next().unwrap();
            writeln!(text, "{check} {mode}: {cause}").unwrap();
        }
        text.push('\n');
    }
    text
}

/// Renders a template of Alertmanager for one alert.
fn render(template: &str, alert: &Value) -> String {
    let data = json!({
        "receiver": "null",
        "status": "firing",
        "alerts": [{
            "status": "firing",
            "labels": alert["labels"],
            "annotations": alert["annotations"],
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://prometheus.example/graph",
            "fingerprint": "1",
        }],
        "groupLabels": {"namespace": alert["labels"]["namespace"]},
        "commonLabels": alert["labels"],
        "commonAnnotations": alert["annotations"],
        "externalURL": "https://alertmanager.example",
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.json");
    fs::write(&file, data.to_string()).unwrap();
    let output = Command::new("amtool")
        .args(["template", "render"])
        .arg(format!("--template.glob={DEFAULT_TEMPLATES}"))
        .arg(format!("--template.data={}", file.display()))
        .arg(format!("--template.text={template}"))
        .output()
        .unwrap_or_else(|error| panic!("amtool: {error}; run `make install`"));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
