//! `generate`: writes the alert rules, runbooks and dashboards, or lists which are outdated.

use crate::alerting;
use crate::alerting::directory::{self, DirectoryError, FileChange};
use crate::alerting::generator_options::GeneratorOptions;
use crate::cli::args::generate::GenerateArgs;
use crate::cli::exit::Exit;
use crate::cli::output::print;

pub(super) fn run(options: &GenerateArgs) -> Exit {
    match generate(options) {
        Err(error) => Exit::usage(&error.to_string()),
        Ok(changes) => {
            for change in changes.iter().filter(|_| !options.quiet) {
                print(&format!("{change}\n"));
            }
            if options.check && !changes.is_empty() {
                Exit::Failing
            } else {
                Exit::Success
            }
        }
    }
}

fn generate(options: &GenerateArgs) -> Result<Vec<FileChange>, DirectoryError> {
    let runbook_base = options
        .runbook_base_url
        .as_deref()
        .unwrap_or(GeneratorOptions::DEFAULT.runbook_base);
    let settings = GeneratorOptions {
        runbook_base,
        ..GeneratorOptions::DEFAULT
    };
    let files = alerting::files(&settings);
    let changes = directory::changes(&options.dir, files, alerting::FOLDERS, &alerting::HEADERS)?;
    if !options.check {
        for change in &changes {
            change.apply(&options.dir)?;
        }
    }
    Ok(changes)
}
