//! Tests of the rendered rules with promtool.

use std::fs;
use std::path::Path;
use std::process::Command;

use castai_health_exporter::catalogue::alert;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::objects::Objects;
use crate::support::helm::Helm;

/// Changes every kind of value at once.
const EVERYTHING: &[&str] = &[
    "prometheusRule.watchdog=true",
    "prometheusRule.sameRootInManyClusters=true",
    "prometheusRule.disabled={CastaiApiUnreachable,CastaiDnsFailing}",
    "prometheusRule.overrides.CastaiClockSkew.for=1d12h",
    "prometheusRule.overrides.CastaiClockSkew.severity=page",
    "prometheusRule.overrides.CastaiClockSkew.keepFiringFor=0s",
    "prometheusRule.additionalRuleLabels.team=sre",
    "prometheusRule.additionalRuleAnnotations.owner=team {{ $labels.team }}",
    "prometheusRule.runbookBaseUrl=https://runbooks.example.com",
    "agent.namespace=elsewhere",
];

/// Rendered rules in a file, as Prometheus reads them.
struct RuleFile(TempDir);

impl RuleFile {
    async fn render(helm: &Helm, values: &[&str]) -> Self {
        let groups: Vec<Value> = Objects::render(helm, values)
            .await
            .groups()
            .into_values()
            .collect();
        let dir = TempDir::new().unwrap();
        // JSON is YAML.
        let rules = json!({ "groups": groups }).to_string();
        fs::write(dir.path().join("rules.yaml"), rules).unwrap();
        Self(dir)
    }

    /// Asserts which alerts fire with these series, as alert name and severity, after minutes.
    fn assert_firing(&self, series: &[Value], expected: &[(u32, &[(&str, &str)])]) {
        let tests = expected.iter().map(|(minutes, alerts)| {
            let samples = alerts.iter().map(|(alert, severity)| {
                let labels = format!("{{alertname=\"{alert}\", severity=\"{severity}\"}}");
                json!({"labels": labels, "value": 1})
            });
            json!({
                "expr": "group by (alertname, severity) (ALERTS{alertstate=\"firing\"})",
                "eval_time": format!("{minutes}m"),
                "exp_samples": samples.collect::<Vec<_>>(),
            })
        });
        let test = json!({
            "rule_files": ["rules.yaml"],
            "evaluation_interval": "30s",
            "tests": [{
                "interval": "30s",
                "input_series": series,
                "promql_expr_test": tests.collect::<Vec<_>>(),
            }],
        });
        let path = self.0.path().join("test.yaml");
        fs::write(&path, test.to_string()).unwrap();
        for promtool in promtools() {
            promtool_succeeds(&promtool, &["test", "rules", path.to_str().unwrap()]);
        }
    }
}

/// Returns the packaged promtool and the latest, which `scripts/build-prometheus` builds.
fn promtools() -> [String; 2] {
    let folder = std::env::var_os("PROMETHEUS_TEST_BINARIES").expect("`make test` sets it");
    let newest = Path::new(&folder).join("promtool");
    ["promtool".to_owned(), newest.display().to_string()]
}

fn promtool_succeeds(promtool: &str, arguments: &[&str]) {
    let output = Command::new(promtool)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{promtool}: {error}; run `make install`"));
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    assert!(output.status.success(), "{promtool}: {words}");
}

/// A series of the agent's exporter with these samples.
fn series(metric: &str, labels: &str, values: &str) -> Value {
    let place = "cluster=\"lab\", namespace=\"castai-agent\"";
    json!({"series": format!("{metric}{{{place}, {labels}}}"), "values": values})
}

/// A failure with the first mode of an alert, as an exporter reports it for two hours.
fn failure(alert: &str, severity: &str, instance: &str) -> Value {
    let alert = alert::by_name(alert).unwrap();
    let labels = format!(
        "job=\"exporter\", instance=\"{instance}\", check=\"{}\", mode=\"{}\", severity=\"{severity}\", caused_by=\"\"",
        alert.check, alert.modes[0]
    );
    series("castai_health_failure", &labels, "1x240")
}

#[tokio::test]
async fn promtool_accepts_changed_rules() {
    for helm in Helm::both() {
        for values in [&[], EVERYTHING] {
            let rules = RuleFile::render(&helm, values).await;
            let path = rules.0.path().join("rules.yaml");
            for promtool in promtools() {
                let check = ["check", "rules", "--lint=all", "--lint-fatal"];
                let arguments = [check.as_slice(), &[path.to_str().unwrap()]].concat();
                promtool_succeeds(&promtool, &arguments);
            }
        }
    }
}

#[tokio::test]
async fn disabled_alert_is_not_replaced_by_the_alert_for_unnamed_causes() {
    let failing = [failure("CastaiDnsFailing", "critical", "a")];
    let helm = Helm::latest();
    let alone: &[(&str, &str)] = &[("CastaiDnsFailing", "critical")];
    let rules = RuleFile::render(&helm, &[]).await;
    rules.assert_firing(&failing, &[(1, &[]), (10, alone), (60, alone)]);
    let disabled = ["prometheusRule.disabled={CastaiDnsFailing}"];
    let rules = RuleFile::render(&helm, &disabled).await;
    rules.assert_firing(&failing, &[(10, &[]), (60, &[])]);
    // Another alert's failure is still reported.
    let other = [failing, [failure("CastaiApiKeyRejected", "critical", "a")]].concat();
    rules.assert_firing(&other, &[(60, &[("CastaiApiKeyRejected", "critical")])]);
}

#[tokio::test]
async fn disabled_alert_is_not_replaced_by_the_error_budget() {
    let counters = [
        series(
            "castai_health_check_attempts_total",
            "check=\"castai_api\"",
            "0+1x240",
        ),
        series(
            "castai_health_check_failures_total",
            "check=\"castai_api\"",
            "0+1x240",
        ),
    ];
    let failing = [
        &counters[..],
        &[failure("CastaiApiUnreachable", "critical", "a")],
    ]
    .concat();
    let disabled = ["prometheusRule.disabled={CastaiApiUnreachable}"];
    let rules = RuleFile::render(&Helm::latest(), &disabled).await;
    rules.assert_firing(&failing, &[(30, &[]), (110, &[])]);
    // Failures without a lasting mode still count.
    rules.assert_firing(&counters, &[(60, &[("CastaiErrorBudgetBurn", "critical")])]);
}

#[tokio::test]
async fn overridden_severity_gives_one_alert() {
    let values = ["prometheusRule.overrides.CastaiDnsFailing.severity=page"];
    let rules = RuleFile::render(&Helm::latest(), &values).await;
    // The sidecar and the companion disagree about the severity.
    let failing = [
        failure("CastaiDnsFailing", "critical", "a"),
        failure("CastaiDnsFailing", "warning", "b"),
    ];
    let page: &[(&str, &str)] = &[("CastaiDnsFailing", "page")];
    rules.assert_firing(&failing, &[(10, page), (60, page)]);
}

#[tokio::test]
async fn overridden_duration_delays_the_only_alert() {
    let values = ["prometheusRule.overrides.CastaiDnsFailing.for=40m"];
    let rules = RuleFile::render(&Helm::latest(), &values).await;
    let failing = [failure("CastaiDnsFailing", "critical", "a")];
    let late: &[(&str, &str)] = &[("CastaiDnsFailing", "critical")];
    rules.assert_firing(&failing, &[(30, &[]), (45, late), (90, late)]);
}
