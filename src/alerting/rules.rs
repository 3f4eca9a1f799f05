//! Recording and alerting rules for Prometheus.

pub mod exporter;
pub mod failures;
pub mod group;
pub mod slo;

use crate::alerting::generator_options::GeneratorOptions;
use crate::alerting::rules::group::Group;

/// Returns every group: one per check that has alerts, then `exporter` and `slo`.
pub fn groups(settings: &GeneratorOptions<'_>) -> Vec<Group> {
    let mut groups = failures::groups(settings);
    groups.extend([exporter::group(settings), slo::group(settings)]);
    groups
}
