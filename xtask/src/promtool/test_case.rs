//! A test case of promtool: input series and expected alerts.

use std::time::Duration;

use castai_health_exporter::alerting::time_scale::TimeScale;
use castai_health_exporter::alerting::yaml::Yaml;

/// Interval between samples.
pub(super) const STEP: Duration = Duration::from_secs(30);

/// A test case.
pub(super) struct TestCase {
    /// Description.
    pub(super) name: String,
    /// Input series and their values.
    pub(super) series: Vec<(String, String)>,
    /// Expected alerts with their annotations.
    pub(super) expected_alerts: Vec<ExpectedAlert>,
    /// Clusters in which the alert is expected to fire.
    pub(super) firing_clusters: Vec<FiringClusters>,
}

/// The clusters in which an alert fires at a time; it fires in no other.
pub(super) struct FiringClusters {
    /// Time since the start.
    pub(super) at: Duration,
    /// Name of the alert.
    pub(super) alert: &'static str,
    /// Names of the clusters.
    pub(super) clusters: Vec<String>,
}

/// The expected state of an alert at a time.
pub(super) struct ExpectedAlert {
    /// Time since the start.
    pub(super) at: Duration,
    /// Name of the alert.
    pub(super) alert: &'static str,
    /// Firing alerts; empty if the alert is silent.
    pub(super) firing: Vec<Firing>,
}

/// A firing alert.
#[derive(Clone)]
pub(super) struct Firing {
    /// Labels.
    pub(super) labels: Vec<(&'static str, String)>,
    /// Annotations.
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
        let expected = self.expected_alerts.iter().map(|expected| {
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
        if !self.firing_clusters.is_empty() {
            entries.push((
                "promql_expr_test",
                Yaml::List(
                    self.firing_clusters
                        .iter()
                        .map(FiringClusters::yaml)
                        .collect(),
                ),
            ));
        }
        Yaml::map(entries)
    }
}

impl FiringClusters {
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

/// Returns annotations as Prometheus expands them.
pub(super) fn expand_templates(
    annotations: Vec<(&'static str, String)>,
) -> Vec<(&'static str, String)> {
    annotations
        .into_iter()
        .map(|(key, value)| (key, value.replace("{{ \"{{\" }}", "{{")))
        .collect()
}
