//! Alerting rules for Prometheus, and the recording rules of the error budget.

pub mod description;
pub mod exporter;
pub mod failures;
pub mod group;
pub mod selector;
pub mod slo;

use crate::alerting::generator_options::GeneratorOptions;
use crate::alerting::rules::group::Group;

/// Returns every group: one per area, then `exporter` and `slo`.
pub fn groups(settings: &GeneratorOptions<'_>) -> Vec<Group> {
    let mut groups = failures::groups(settings);
    groups.extend([exporter::group(settings), slo::group(settings)]);
    groups
}
