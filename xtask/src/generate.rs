//! The list of generated files in the repository.

use std::path::Path;

use castai_health_exporter::alerting;
use castai_health_exporter::alerting::directory::{
    DirectoryError, FileChange, {self},
};
use castai_health_exporter::alerting::file::{DASHBOARDS, GeneratedFile};
use castai_health_exporter::alerting::generator_options::GeneratorOptions;

use crate::chart::{CHART_RULES, known_values};
use crate::header::{MARKDOWN_HEADER, YAML_HEADER};
use crate::promtool::RULE_TESTS;
use crate::release::Release;
use crate::{chart, docs, permissions, promtool, release};

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
    // Helm reads no file outside its chart. Its dashboards have links, which the template completes.
    let linked = GeneratorOptions {
        runbook_base: chart::RUNBOOK_BASE,
        ..GeneratorOptions::DEFAULT
    };
    let dashboards = alerting::dashboards::files(&linked);
    let originals = files
        .iter()
        .filter(|file| !file.path.starts_with(DASHBOARDS))
        .chain(&dashboards);
    let copies: Vec<GeneratedFile> = originals.filter_map(chart::copy).collect();
    files.extend(copies);
    for path in docs::PAGES {
        files.push(docs::file(path, &directory::read(repository, path)?));
    }
    let release = Release::parse(&directory::read(repository, release::MANIFEST)?);
    for (path, stamps) in release::FILES {
        let file = directory::read(repository, path)?;
        files.push(release.stamp(path, stamps, &file));
    }
    let values = directory::read(repository, chart::VALUES)?;
    files.push(chart::readme(&values));
    let schema = directory::read(repository, known_values::SCHEMA)?;
    files.push(known_values::file(&schema));
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
    fn pages_contain_every_table() {
        let pages: String = docs::PAGES
            .iter()
            .map(|path| directory::read(&repository(), path).expect("pages are readable"))
            .collect();
        for (table, _) in docs::TABLES {
            let table = format!("<!-- generated: {table} -->\n");
            assert!(pages.contains(&table), "{table}");
        }
    }
}
