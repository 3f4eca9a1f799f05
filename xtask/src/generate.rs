//! The list of generated files in the repository.

use std::path::Path;

use castai_health_exporter::alerting;
use castai_health_exporter::alerting::directory::{
    DirectoryError, FileChange, {self},
};
use castai_health_exporter::alerting::file::GeneratedFile;
use castai_health_exporter::alerting::generator_options::GeneratorOptions;

use crate::chart::CHART_RULES;
use crate::header::{MARKDOWN_HEADER, YAML_HEADER};
use crate::promtool::RULE_TESTS;
use crate::{chart, permissions, promtool, readme};

/// Folders in which every file with a header is generated.
const FOLDERS: [&str; 2] = [RULE_TESTS, CHART_RULES];

/// Returns the changes that bring the repository up to date.
pub(crate) fn changes(repository: &Path) -> Result<Vec<FileChange>, DirectoryError> {
    let folders = [alerting::FOLDERS, &FOLDERS].concat();
    let headers = [
        alerting::HEADERS.as_slice(),
        &[MARKDOWN_HEADER, YAML_HEADER],
    ]
    .concat();
    directory::changes(repository, files(repository)?, &folders, &headers)
}

/// Returns every generated file of the repository.
fn files(repository: &Path) -> Result<Vec<GeneratedFile>, DirectoryError> {
    let mut files = alerting::files(&GeneratorOptions::DEFAULT);
    // Helm reads no file outside its chart.
    let copies: Vec<GeneratedFile> = files.iter().filter_map(chart::copy).collect();
    files.extend(copies);
    let readme = directory::read(repository, readme::PATH)?;
    let values = directory::read(repository, chart::VALUES)?;
    files.push(readme::file(&readme));
    files.push(chart::readme(&values));
    files.extend(permissions::files());
    files.extend(promtool::files(&GeneratorOptions::DEFAULT));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn committed_files_are_up_to_date() {
        let changes = changes(&repository()).expect("the repository is readable");
        let outdated: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert!(
            outdated.is_empty(),
            "run `cargo xtask generate`: {outdated:?}"
        );
    }

    #[test]
    fn readme_contains_every_table() {
        let readme = directory::read(&repository(), readme::PATH).expect("README.md is readable");
        for (table, _) in readme::TABLES {
            let table = format!("<!-- generated: {table} -->\n| ");
            assert!(readme.contains(&table), "{table}");
        }
    }
}
