//! `generate`: writes the alert rules, runbooks and dashboards, or lists which are outdated.

use crate::alerting;
use crate::alerting::directory::{
    Change, DirectoryError, {self},
};
use crate::alerting::settings::Settings;
use crate::cli::output::print;
use crate::cli::{Exit, args, usage};

pub(super) fn run(options: &args::Generate) -> Exit {
    match generate(options) {
        Err(error) => usage(&error.to_string()),
        Ok(changes) => {
            for change in &changes {
                print(&format!("{change}\n"));
            }
            if options.check && !changes.is_empty() {
                Exit::Failing
            } else {
                Exit::Fine
            }
        }
    }
}

fn generate(options: &args::Generate) -> Result<Vec<Change>, DirectoryError> {
    let runbook_base = options
        .runbook_base_url
        .as_deref()
        .map_or(Settings::DEFAULT.runbook_base, |base| {
            base.trim_end_matches('/')
        });
    let settings = Settings {
        runbook_base,
        ..Settings::DEFAULT
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
