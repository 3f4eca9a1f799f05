//! `bundle`: collects what people who help need to see into one archive without secrets.

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{Timestamp, Unit};
use tokio::time::timeout;

use crate::bundle::collection::archive_name;
use crate::bundle::sources::own_state;
use crate::bundle::{BundleRequest, CollectedBundle, Limits, OwnReport, Renderers, collect};
use crate::checks::CheckSet;
use crate::cli::args::bundle::BundleArgs;
use crate::cli::args::check::CheckArgs;
use crate::cli::check::doctor;
use crate::cli::check::doctor::Doctor;
use crate::cli::exit::Exit;
use crate::cli::explain::explain_log;
use crate::cli::output;
use crate::cli::output::{diagnostic, print};
use crate::config::exporter::file::read_text;
use crate::config::{AgentDiscovery, ApiserverLocation, Config, ConfigErrors, Flags, Vantage};
use crate::doctor::Place;
use crate::exporter::Exporter;
use crate::kube::Client;
use crate::net::Resolver;
use crate::scheduler::OnChange;
use crate::state::HealthState;
use crate::status::Document;
use crate::{daemon, log, scheduler};

/// Mode of the archive: only its owner may read it.
const MODE: u32 = 0o600;

/// Facts that are known before the collection starts.
struct Situation {
    /// The configuration with the agent's environment.
    config: Config,
    client: Option<Client>,
    own: Vec<OwnReport>,
}

pub(super) fn run(
    options: &BundleArgs,
    flags: Flags,
    load: &impl Fn(&AgentDiscovery) -> Result<Config, ConfigErrors>,
) -> Exit {
    let own = match load(&AgentDiscovery::default()) {
        Ok(config) => config,
        Err(problems) => return Exit::invalid(&problems),
    };
    if own.has_nothing_to_check() {
        return doctor::nothing_to_check();
    }
    let to_stdout = options.output.as_deref() == Some(Path::new("-"));
    if to_stdout && io::stdout().is_terminal() {
        return Exit::usage("standard output is a terminal: name a file with --output");
    }
    let _flush = log::install(own.log.level, own.log.format);
    log::install_panic_hook();
    let runtime = daemon::runtime();
    let started = Instant::now();
    let exit = runtime.block_on(Box::pin(async {
        show("checking");
        let situation = if doctor::applies(&own) {
            Box::pin(outside(options, flags, own)).await
        } else {
            Ok(Box::pin(in_a_pod(options, own, load)).await)
        };
        match situation {
            Ok(situation) => {
                let left = options.timeout.saturating_sub(started.elapsed());
                // A slow discovery must not cost the whole collection.
                let left = left.max(options.timeout / 2);
                Box::pin(write(options, situation, left, to_stdout)).await
            }
            Err(exit) => exit,
        }
    }));
    // A blocking task that hangs must not delay the exit.
    runtime.shutdown_background();
    exit
}

/// On a person's machine: the checks that need nothing but the API server.
async fn outside(options: &BundleArgs, flags: Flags, own: Config) -> Result<Situation, Exit> {
    let check = CheckArgs::quiet(options.configuration.clone());
    let mut doctor =
        Doctor::new(&check, flags, own).map_err(|problems| Exit::invalid(&problems))?;
    doctor::find_agent(&mut doctor).await?;
    let document = timeout(options.timeout / 2, doctor.own_document()).await;
    Ok(Situation {
        config: doctor.config().clone(),
        client: Some(doctor.client().clone()),
        own: document
            .into_iter()
            .map(|status| OwnReport::of_checks(Place::ThisMachine, status))
            .collect(),
    })
}

/// In a pod: the state of the exporter there, or the same checks, run once.
async fn in_a_pod(
    options: &BundleArgs,
    own: Config,
    load: &impl Fn(&AgentDiscovery) -> Result<Config, ConfigErrors>,
) -> Situation {
    let place = match own.vantage {
        Vantage::Sidecar => Place::Sidecar,
        Vantage::Companion => Place::Companion,
    };
    let resolver = Arc::new(Resolver::new(&own.dns));
    let has_api = !matches!(own.apiserver, ApiserverLocation::Absent);
    let client = has_api.then(|| Client::new(&own, &resolver));
    let mut config = own;
    let report = if let Some(report) =
        Box::pin(own_state::of_loopback(&config.web, &resolver, place)).await
    {
        Some(report)
    } else {
        config = Box::pin(daemon::beside_the_agent(config, load)).await;
        let status = timeout(options.timeout / 2, run_checks(&config)).await;
        status
            .ok()
            .map(|status| OwnReport::of_checks(place, status))
    };
    Situation {
        config,
        client,
        own: report.into_iter().collect(),
    }
}

async fn run_checks(config: &Config) -> String {
    let check_set = CheckSet::new(config);
    let health = Arc::new(HealthState::new(&scheduler::check_specs(&check_set)));
    let quiet: OnChange = Arc::new(|_| {});
    scheduler::run_once(&check_set, &health, &quiet).await;
    let check_states = health.check_states();
    let ran: Vec<_> = check_states.iter().map(|state| state.check).collect();
    Document::new(&check_states, &Exporter::new(config, &ran)).json()
}

async fn write(
    options: &BundleArgs,
    situation: Situation,
    time: Duration,
    to_stdout: bool,
) -> Exit {
    let Situation {
        config,
        client,
        own,
    } = situation;
    let installation = &config.installation;
    let agent = (
        installation.namespace.clone(),
        installation.deployment.clone(),
    );
    let at = Timestamp::now();
    let at = at.round(Unit::Second).unwrap_or(at);
    let own_configuration = options
        .configuration
        .config_file()
        .and_then(|file| read_text(file).ok());
    show("collecting");
    let collected = collect(BundleRequest {
        client: client.as_ref(),
        namespace: &agent.0,
        deployment: &agent.1,
        at,
        limits: Limits {
            time,
            log_lines: options.log_lines,
        },
        own,
        own_configuration,
        renderers: Renderers {
            explain: &explain_log,
            report: &|views| doctor::report(agent.clone(), views, &config),
        },
    })
    .await;
    show("");
    let bundle = match collected {
        Ok(bundle) => bundle,
        Err(error) => return Exit::usage(&error.to_string()),
    };
    if to_stdout {
        return match io::stdout().lock().write_all(&bundle.bytes) {
            Ok(()) => {
                diagnostic("info", &summary("standard output", &bundle));
                Exit::Success
            }
            Err(error) => Exit::usage(&format!("failed to write to standard output: {error}")),
        };
    }
    let file = options
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{}.zip", archive_name(&agent.0, at))));
    match save(&file, &bundle.bytes) {
        Ok(()) => {
            print(&format!(
                "{}\n",
                summary(&file.display().to_string(), &bundle)
            ));
            Exit::Success
        }
        Err(error) => Exit::usage(&format!(
            "failed to write {}: {error}; choose another file with --output, or - for standard output",
            file.display()
        )),
    }
}

/// Writes a file that only its owner may read.
fn save(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(MODE);
    let mut opened = options.open(file)?;
    // A file that exists keeps its mode when it is opened.
    if opened.metadata()?.is_file() {
        opened.set_permissions(Permissions::from_mode(MODE))?;
    }
    opened.write_all(bytes)
}

fn summary(place: &str, bundle: &CollectedBundle) -> String {
    let size = bundle.bytes.len().div_ceil(1024);
    let files = bundle.files;
    match bundle.left_out.len() {
        0 => format!("{place}: {files} files, {size} KiB; nothing was left out"),
        left_out => format!(
            "{place}: {files} files, {size} KiB; {left_out} left out: index.html in it says what and why"
        ),
    }
}

fn show(text: &str) {
    if output::supports_progress() {
        let ellipsis = if text.is_empty() { "" } else { " …" };
        output::progress(&format!("{text}{ellipsis}"));
    }
}
