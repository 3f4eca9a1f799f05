//! Series of exporters and their values in promtool's notation.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Severity};

/// Interval between samples, and between evaluations of the failure alerts.
pub(super) const STEP: Duration = Duration::from_secs(30);

/// A minute.
pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// Namespace of all exporters.
pub(super) const NAMESPACE: &str = "castai-agent";

/// A time span, from the first sample to just before the second time.
pub(super) type Span = (Duration, Duration);

/// A series and its values.
#[derive(Clone)]
pub(super) struct Series {
    /// Metric and labels.
    pub(super) name: String,
    /// Values as promtool reads them.
    pub(super) values: String,
}

/// An exporter that Prometheus scrapes.
#[derive(Clone, Copy)]
pub(super) struct Exporter {
    /// Value of the label `cluster`; a Prometheus of one cluster may not set it.
    pub(super) cluster: Option<&'static str>,
    /// Value of the label `vantage`.
    pub(super) vantage: &'static str,
    /// Value of the label `instance`.
    pub(super) instance: &'static str,
}

impl Exporter {
    /// A sidecar in a cluster.
    pub(super) const fn sidecar(cluster: &'static str) -> Self {
        Self {
            cluster: Some(cluster),
            vantage: "sidecar",
            instance: "10.0.0.1:9878",
        }
    }

    /// A companion in a cluster.
    pub(super) const fn companion(cluster: &'static str) -> Self {
        Self {
            vantage: "companion",
            instance: "10.0.0.2:9878",
            ..Self::sidecar(cluster)
        }
    }

    /// The same exporter as scraped by a Prometheus that sets no label `cluster`.
    pub(super) const fn without_cluster(self) -> Self {
        Self {
            cluster: None,
            ..self
        }
    }

    /// Returns a series of this exporter. `labels` are those of the metric.
    pub(super) fn series(&self, metric: &str, labels: &str, values: &str) -> Series {
        let cluster = self
            .cluster
            .map(|cluster| format!("cluster=\"{cluster}\","))
            .unwrap_or_default();
        let comma = if labels.is_empty() { "" } else { "," };
        let (vantage, instance) = (self.vantage, self.instance);
        // Each exporter has another job: no rule depends on its name.
        Series {
            name: format!(
                "{metric}{{{cluster}namespace=\"{NAMESPACE}\",job=\"the-{vantage}\",instance=\"{instance}\"{comma}{labels}}}"
            ),
            values: values.to_owned(),
        }
    }

    /// Returns the series that names the exporter's vantage.
    pub(super) fn info(&self, values: &str) -> Series {
        let vantage = format!("vantage=\"{}\"", self.vantage);
        self.series("castai_health_exporter_info", &vantage, values)
    }

    /// Returns the series of a root cause.
    pub(super) fn root(
        &self,
        check: CheckId,
        mode: FailureMode,
        severity: Severity,
        spans: &[Span],
    ) -> Series {
        self.failure(check, mode, severity, "", spans)
    }

    /// Returns the series of a critical failure that another check's failure explains.
    pub(super) fn consequence(
        &self,
        check: CheckId,
        mode: FailureMode,
        cause: CheckId,
        spans: &[Span],
    ) -> Series {
        self.failure(check, mode, Severity::Critical, cause.label(), spans)
    }

    fn failure(
        &self,
        check: CheckId,
        mode: FailureMode,
        severity: Severity,
        caused_by: &str,
        spans: &[Span],
    ) -> Series {
        let labels = format!(
            "check=\"{check}\",mode=\"{mode}\",severity=\"{}\",caused_by=\"{caused_by}\"",
            severity.label()
        );
        self.series("castai_health_failure", &labels, &present(spans))
    }
}

/// Returns the values of a series that is 1 during the spans and absent otherwise.
pub(super) fn present(spans: &[Span]) -> String {
    let samples = |time: Duration| time.as_secs() / STEP.as_secs();
    let mut words = Vec::new();
    let mut at = 0;
    for (from, until) in spans {
        let (from, until) = (samples(*from), samples(*until));
        if from > at {
            words.push(format!("_x{}", from - at));
        }
        words.push(format!("1x{}", until - from - 1));
        words.push("stale".to_owned());
        at = until + 1;
    }
    words.join(" ")
}
