//! `check --preflight`: checks what the agent will need, before it is installed.

use std::io;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::cli::args::check::{CheckArgs, CheckFormat};
use crate::cli::args::preflight::PreflightFlags;
use crate::cli::check::{report, run_checks};
use crate::cli::exit::Exit;
use crate::config::{ApiserverLocation, Config, Flags, Purpose, Secret, regular_file};
use crate::daemon::startup_checks;
use crate::exporter::{Exporter, Skipped};
use crate::preflight::{Manifest, PlannedAgent, check_set, skipped_checks};
use crate::state::{CheckState, HealthState};
use crate::{daemon, log, scheduler};

/// Largest key or manifest that is read, in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// The file name that means standard input.
const STANDARD_INPUT: &str = "-";
/// Why a check is not part of this report.
const NOT_NEEDED: &str = "it needs an installed agent, or this provider does not need it";

/// Runs the checks once, or until nothing fails, and reports the results.
pub(in crate::cli) fn run(options: &CheckArgs, flags: &Flags) -> Exit {
    let (planned, manifest) = match planned(&options.preflight) {
        Ok(planned) => planned,
        Err(problem) => return Exit::usage(&problem),
    };
    let config = match planned.config(flags, &|name| std::env::var_os(name)) {
        Ok(config) => config,
        Err(problems) => return Exit::invalid(&problems),
    };
    if matches!(config.apiserver, ApiserverLocation::Absent) {
        return Exit::usage(
            "nothing to check: not running in a pod, and there is no kubeconfig; set KUBECONFIG or \
             --kubeconfig to a file that kubectl can use",
        );
    }
    let manifest = manifest.unwrap_or_else(|| {
        let account = config.agent_location.as_ref();
        Manifest::of_chart(
            &config.installation,
            account.map_or("castai-agent", |location| &location.service_account),
            options.preflight.agent_image.as_deref(),
        )
    });
    let check_set = check_set(&config, &planned, manifest);
    let runs = |check| check_set.checks.iter().any(|row| row.check == check);
    if let Some(check) = options.checks.iter().find(|check| !runs(**check)) {
        let skipped = skipped(&config, &planned);
        let why = skipped.iter().find(|skipped| skipped.check == *check);
        let why = why.map_or(NOT_NEEDED, |skipped| &skipped.why);
        return Exit::usage(&format!("cannot run check {check}: {why}"));
    }
    let check_set = if options.checks.is_empty() {
        check_set
    } else {
        check_set.only(&options.checks)
    };
    let _flush = log::install(config.log.level, config.log.format);
    log::install_panic_hook();
    let runtime = daemon::runtime();
    let problems = runtime.block_on(startup_checks::problems(&config, &[Purpose::Kubeconfig]));
    if !problems.is_empty() {
        return Exit::invalid(&problems);
    }
    let health = Arc::new(HealthState::new(&scheduler::check_specs(&check_set)));
    runtime.block_on(run_checks(options, &check_set, &health));
    let check_states = health.check_states();
    report(
        options,
        &check_states,
        &exporter(options, &config, &planned, &check_states),
    )
}

/// Returns the facts about this process. The document for programs lists every check; for people,
/// those that another place could run.
fn exporter(
    options: &CheckArgs,
    config: &Config,
    planned: &PlannedAgent,
    check_states: &[CheckState],
) -> Exporter {
    let ran: Vec<_> = check_states.iter().map(|state| state.check).collect();
    let elsewhere = skipped(config, planned);
    let mut exporter = Exporter::new(config, &ran);
    if matches!(options.output, CheckFormat::Text | CheckFormat::Short) {
        exporter.skipped = elsewhere;
        return exporter;
    }
    for skipped in &mut exporter.skipped {
        let why = elsewhere.iter().find(|other| other.check == skipped.check);
        skipped.why = why.map_or_else(|| NOT_NEEDED.to_owned(), |other| other.why.clone());
    }
    exporter
}

fn skipped(config: &Config, planned: &PlannedAgent) -> Vec<Skipped> {
    let skipped = skipped_checks(config, planned).into_iter();
    skipped
        .map(|(check, why)| Skipped {
            check,
            why: why.to_owned(),
        })
        .collect()
}

/// Reads the flags and the files that they name. An error is one sentence for people.
fn planned(flags: &PreflightFlags) -> Result<(PlannedAgent, Option<Manifest>), String> {
    let provider = flags.provider.expect("clap requires it with --preflight");
    let is_input = |file: &Option<_>| file.as_deref() == Some(Path::new(STANDARD_INPUT));
    if is_input(&flags.api_key_file) && is_input(&flags.manifest) {
        return Err("--api-key-file and --manifest cannot both be standard input".to_owned());
    }
    let api_key = match &flags.api_key_file {
        None => None,
        Some(file) => Some(
            api_key(file)
                .map_err(|why| format!("flag: --api-key-file: {}: {why}", file.display()))?,
        ),
    };
    let manifest = match &flags.manifest {
        None => None,
        Some(file) => Some(
            manifest(file).map_err(|why| format!("flag: --manifest: {}: {why}", file.display()))?,
        ),
    };
    let planned = PlannedAgent {
        provider,
        api_url: flags.api_url.clone(),
        api_key,
        role_arn: flags.role_arn.clone(),
        variables: flags.agent_env.iter().cloned().collect(),
    };
    Ok((planned, manifest))
}

fn api_key(file: &Path) -> Result<Secret, String> {
    let text = read(file).map_err(|error| error.to_string())?;
    // A shell adds a line feed to a file, and none to the value that it passes on.
    let key = text.trim_end_matches(['\r', '\n']);
    if key.is_empty() {
        return Err("it is empty; store the key that CAST AI shows once".to_owned());
    }
    Ok(Secret::new(key))
}

fn manifest(file: &Path) -> Result<Manifest, String> {
    let text = read(file).map_err(|error| error.to_string())?;
    Manifest::parse(&text).map_err(|error| error.to_string())
}

fn read(file: &Path) -> io::Result<String> {
    let bytes = if file == Path::new(STANDARD_INPUT) {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .take(MAX_FILE_BYTES)
            .read_to_end(&mut bytes)?;
        bytes
    } else {
        regular_file::read(file, MAX_FILE_BYTES)?
    };
    String::from_utf8(bytes).map_err(io::Error::other)
}
