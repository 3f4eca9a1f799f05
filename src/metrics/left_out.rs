//! The metric of watched objects that checks leave out.

use std::collections::BTreeMap;

use prometheus::proto::MetricFamily;

use crate::catalogue::metric as names;
use crate::metrics::series;
use crate::report::Observation;
use crate::state::CheckState;

/// Returns the number of objects that each check leaves out, by resource and reason.
pub(super) fn family(check_states: &[CheckState]) -> MetricFamily {
    let mut sums = BTreeMap::new();
    for check_state in check_states {
        let observations = check_state.latest.iter();
        for observation in observations.flat_map(|report| &report.observations) {
            if let Observation::ObjectsLeftOut(resource, reason, count) = observation {
                // Two watches of a check may be on the same resource.
                let series = [check_state.check.label(), *resource, *reason];
                *sums.entry(series).or_insert(0.0) += f64::from(*count);
            }
        }
    }
    series::family(names::OBJECTS_LEFT_OUT, sums)
}
