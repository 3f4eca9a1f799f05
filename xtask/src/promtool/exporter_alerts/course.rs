//! Series over time, and when an alert fires.

use crate::promtool::series::{Exporter, MINUTE, Series, Span};

/// Prefix of the metrics.
const PREFIX: &str = "castai_health_";
/// Labels of most series about a check.
pub(super) const APISERVER: &str = "check=\"apiserver\"";
pub(super) const SIDECAR: Exporter = Exporter::sidecar("one");

/// Series, and whether the alert fires at some minutes.
pub(super) struct Course {
    pub(super) what: &'static str,
    pub(super) series: Vec<Series>,
    pub(super) fires: &'static [(u32, bool)],
}

/// Returns a series of the sidecar.
pub(super) fn series(metric: &str, labels: &str, values: &str) -> Series {
    SIDECAR.series(&format!("{PREFIX}{metric}"), labels, values)
}

pub(super) fn minutes(from: u32, until: u32) -> Span {
    (from * MINUTE, until * MINUTE)
}
