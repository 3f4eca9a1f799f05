//! A test case of promtool: input series, and what fires at which time.

use std::time::Duration;

use castai_health_exporter::alerting::time_scale::TimeScale;
use castai_health_exporter::alerting::yaml::Yaml;

use crate::promtool::notification::Notification;
use crate::promtool::series::{STEP, Series};

/// A test case.
pub(super) struct TestCase {
    /// Description.
    pub(super) name: String,
    /// Input series.
    pub(super) series: Vec<Series>,
    /// Expected alerts with their annotations.
    pub(super) notifications: Vec<ExpectedNotifications>,
    /// Expected results of queries.
    pub(super) results: Vec<ExpectedResult>,
}

/// The notifications of an alert at a time; none if it is silent.
pub(super) struct ExpectedNotifications {
    /// Time since the start.
    pub(super) at: Duration,
    /// Name of the alert.
    pub(super) alert: &'static str,
    /// All notifications.
    pub(super) notifications: Vec<Notification>,
}

/// The result of a query at a time.
pub(super) struct ExpectedResult {
    /// Time since the start.
    pub(super) at: Duration,
    /// The query.
    pub(super) query: String,
    /// Labels and value of each sample.
    pub(super) samples: Vec<(String, usize)>,
}

impl TestCase {
    /// Returns the test case as promtool reads it.
    pub(super) fn yaml(&self) -> Yaml {
        let series = self.series.iter().map(|series| {
            let (name, values) = (quoted(&series.name), quoted(&series.values));
            Yaml::plain(format!("{{series: {name}, values: {values}}}"))
        });
        let mut entries = vec![
            ("name", Yaml::text(self.name.clone())),
            ("interval", eval_time(STEP)),
            ("input_series", Yaml::List(series.collect())),
        ];
        let notifications = self.notifications.iter().map(ExpectedNotifications::yaml);
        let results = self.results.iter().map(ExpectedResult::yaml);
        for (key, expected) in [
            ("alert_rule_test", notifications.collect::<Vec<_>>()),
            ("promql_expr_test", results.collect()),
        ] {
            if !expected.is_empty() {
                entries.push((key, Yaml::List(expected)));
            }
        }
        Yaml::map(entries)
    }
}

impl ExpectedNotifications {
    fn yaml(&self) -> Yaml {
        let notifications = self.notifications.iter().map(notification);
        Yaml::map([
            ("eval_time", eval_time(self.at)),
            ("alertname", Yaml::plain(self.alert)),
            ("exp_alerts", Yaml::List(notifications.collect())),
        ])
    }
}

impl ExpectedResult {
    fn yaml(&self) -> Yaml {
        let sample = |(labels, value): &(String, usize)| {
            let labels = quoted(&format!("{{{labels}}}"));
            Yaml::plain(format!("{{labels: {labels}, value: {value}}}"))
        };
        Yaml::map([
            ("eval_time", eval_time(self.at)),
            ("expr", Yaml::text(self.query.clone())),
            (
                "exp_samples",
                Yaml::List(self.samples.iter().map(sample).collect()),
            ),
        ])
    }
}

fn notification(notification: &Notification) -> Yaml {
    let label = |(name, value): &(&str, String)| format!("{name}: {}", quoted(value));
    let labels: Vec<String> = notification.labels.iter().map(label).collect();
    let annotations = notification.annotations.iter().map(|(name, text)| {
        let text = if text.contains('\n') {
            Yaml::Block(text.clone())
        } else {
            Yaml::text(text.clone())
        };
        (*name, text)
    });
    Yaml::map([
        (
            "exp_labels",
            Yaml::plain(format!("{{{}}}", labels.join(", "))),
        ),
        ("exp_annotations", Yaml::map(annotations)),
    ])
}

fn eval_time(at: Duration) -> Yaml {
    Yaml::plain(TimeScale::REAL_TIME.format(at))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
