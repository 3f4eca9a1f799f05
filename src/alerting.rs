//! Alert rules, runbooks and dashboards, generated from the catalogue.
//!
//! Invariant: pure functions of the catalogue and the settings; only `directory` touches files.

pub mod dashboards;
pub mod directory;
pub mod file;
pub mod generator_options;
mod markdown;
pub mod prometheus_rule;
pub mod rules;
pub mod runbooks;
pub mod time_scale;
pub mod vantages;
pub mod yaml;

use crate::alerting::file::{
    GeneratedFile, MARKDOWN_HEADER, OPTIONAL_RULES, PROMETHEUS_RULES, RULES, RUNBOOKS, YAML_HEADER,
};
use crate::alerting::generator_options::GeneratorOptions;
use crate::alerting::rules::group::Group;
use crate::alerting::yaml::Yaml;

/// Folders in which every file with a header is generated.
pub const FOLDERS: &[&str] = &[RUNBOOKS, RULES];
/// First lines that mark a generated file.
pub const HEADERS: [&str; 2] = [MARKDOWN_HEADER, YAML_HEADER];

/// Returns every file that a user of the exporter may generate.
pub fn files(settings: &GeneratorOptions<'_>) -> Vec<GeneratedFile> {
    let groups = rules::groups(settings);
    let mut files = runbooks::files();
    let rules = |group: &Group| {
        Yaml::map([("groups", Yaml::List(vec![group.yaml(settings.time_scale)]))]).document()
    };
    files.extend(
        groups.iter().map(|group| {
            GeneratedFile::yaml(format!("{RULES}/{}.yaml", group.name), &rules(group))
        }),
    );
    let optional = rules::exporter::optional(settings);
    files.push(GeneratedFile::yaml(
        OPTIONAL_RULES.to_owned(),
        &rules(&optional),
    ));
    files.push(GeneratedFile::yaml(
        PROMETHEUS_RULES.to_owned(),
        &prometheus_rule::documents(&groups),
    ));
    files.extend(dashboards::files(settings));
    files
}
