//! Metrics of the diagnosis: the failures that hold now, and the checks without a result.

use prometheus::proto::MetricFamily;

use crate::catalogue::{CheckId, metric as names};
use crate::diagnosis::{Diagnosis, Failure};
use crate::metrics::series::family;

pub(super) fn families(diagnosis: &Diagnosis) -> [MetricFamily; 4] {
    let cause = |caused_by: Option<CheckId>| caused_by.map_or("", CheckId::label);
    let of = |name: &'static str, failure: &Failure| {
        let labels = [
            name,
            failure.mode.label(),
            failure.severity.label(),
            cause(failure.caused_by),
        ];
        (labels, 1.0)
    };
    let failures = diagnosis
        .failures
        .iter()
        .map(|failure| of(failure.check.label(), failure));
    let components = diagnosis
        .component_failures
        .iter()
        .map(|component| of(component.component, &component.failure));
    let unknown = diagnosis
        .unknown_checks
        .iter()
        .map(|unknown| ([unknown.check.label(), cause(unknown.caused_by)], 1.0));
    let stalled = diagnosis
        .stalled_checks
        .iter()
        .map(|check| ([check.label()], 1.0));
    [
        family(names::FAILURE, failures),
        family(names::COMPONENT_FAILURE, components),
        family(names::CHECK_UNKNOWN, unknown),
        family(names::CHECK_STALLED, stalled),
    ]
}
