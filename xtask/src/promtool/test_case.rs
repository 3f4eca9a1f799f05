//! One test of promtool: series, and what fires when.

use std::time::Duration;

use castai_health_exporter::alerting::time_scale::TimeScale;
use castai_health_exporter::alerting::yaml::Yaml;

/// The time between two samples.
pub(super) const STEP: Duration = Duration::from_secs(30);

/// One test.
pub(super) struct TestCase {
    /// A sentence.
    pub(super) name: String,
    /// The series and their values.
    pub(super) series: Vec<(String, String)>,
    /// What fires when, with everything that people are told.
    pub(super) expected: Vec<Expected>,
    /// Where it fires when.
    pub(super) told: Vec<Told>,
}

/// Where an alert fires at one moment, and nowhere else.
pub(super) struct Told {
    /// After so long.
    pub(super) at: Duration,
    /// The alert.
    pub(super) alert: &'static str,
    /// In these clusters.
    pub(super) clusters: Vec<String>,
}

/// What an alert does at one moment.
pub(super) struct Expected {
    /// After so long.
    pub(super) at: Duration,
    /// The alert.
    pub(super) alert: &'static str,
    /// Those that fire; none is silence.
    pub(super) firing: Vec<Firing>,
}

/// An alert that fires.
#[derive(Clone)]
pub(super) struct Firing {
    /// Its labels.
    pub(super) labels: Vec<(&'static str, String)>,
    /// What people are told.
    pub(super) annotations: Vec<(&'static str, String)>,
}

impl TestCase {
    pub(super) fn yaml(&self) -> Yaml {
        let series = self.series.iter().map(|(series, values)| {
            Yaml::map([
                ("series", Yaml::text(series.clone())),
                ("values", Yaml::text(values.clone())),
            ])
        });
        let expected = self.expected.iter().map(|expected| {
            Yaml::map([
                (
                    "eval_time",
                    Yaml::plain(TimeScale::REAL_TIME.format(expected.at)),
                ),
                ("alertname", Yaml::plain(expected.alert)),
                (
                    "exp_alerts",
                    Yaml::List(expected.firing.iter().map(Firing::yaml).collect()),
                ),
            ])
        });
        let mut entries = vec![
            ("name", Yaml::text(self.name.clone())),
            ("interval", Yaml::plain(TimeScale::REAL_TIME.format(STEP))),
            ("input_series", Yaml::List(series.collect())),
            ("alert_rule_test", Yaml::List(expected.collect())),
        ];
        if !self.told.is_empty() {
            entries.push((
                "promql_expr_test",
                Yaml::List(self.told.iter().map(Told::yaml).collect()),
            ));
        }
        Yaml::map(entries)
    }
}

impl Told {
    fn yaml(&self) -> Yaml {
        let expr = format!(
            "count by (cluster) (ALERTS{{alertname=\"{}\",alertstate=\"firing\"}})",
            self.alert
        );
        let samples = self.clusters.iter().map(|cluster| {
            let labels = Yaml::text(format!("{{cluster=\"{cluster}\"}}"));
            Yaml::map([("labels", labels), ("value", Yaml::plain("1"))])
        });
        Yaml::map([
            (
                "eval_time",
                Yaml::plain(TimeScale::REAL_TIME.format(self.at)),
            ),
            ("expr", Yaml::text(expr)),
            ("exp_samples", Yaml::List(samples.collect())),
        ])
    }
}

impl Firing {
    fn yaml(&self) -> Yaml {
        let texts = |entries: &[(&'static str, String)]| {
            Yaml::map(
                entries
                    .iter()
                    .map(|(key, value)| (*key, Yaml::text(value.clone()))),
            )
        };
        Yaml::map([
            ("exp_labels", texts(&self.labels)),
            ("exp_annotations", texts(&self.annotations)),
        ])
    }
}

/// Texts as they are after Prometheus has expanded them.
pub(super) fn expanded(annotations: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    annotations
        .into_iter()
        .map(|(key, value)| (key, value.replace("{{ \"{{\" }}", "{{")))
        .collect()
}
