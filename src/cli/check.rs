//! `check`: runs checks once, or until nothing fails, and reports the results.

pub mod certificates;
pub(super) mod doctor;
pub mod junit;
pub(super) mod preflight;
mod progress;
pub mod short;
pub mod text;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use crate::catalogue::CheckId;
use crate::checks::{Check, CheckSet};
use crate::cli::args::check::{CheckArgs, CheckFormat};
use crate::cli::check::progress::progress;
use crate::cli::check::short::ShortReport;
use crate::cli::check::text::TextReport;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::output::print;
use crate::config::{AgentDiscovery, Config, ConfigErrors, Purpose};
use crate::daemon::startup_checks;
use crate::exporter::Exporter;
use crate::scheduler::OnChange;
use crate::state::{CheckState, HealthState};
use crate::status::Document;
use crate::{daemon, log, scheduler};

/// Pause between two rounds of `--wait`.
const RETRY_PAUSE: Duration = Duration::from_secs(2);

pub(super) fn run(
    options: &CheckArgs,
    config: Config,
    load: &impl Fn(&AgentDiscovery) -> Result<Config, ConfigErrors>,
) -> Exit {
    let _flush = log::install(config.log.level, config.log.format);
    log::install_panic_hook();
    let runtime = daemon::runtime();
    let config = &runtime.block_on(daemon::beside_the_agent(config, load));
    let check_set = CheckSet::new(config);
    let runs: Vec<CheckId> = check_set.checks.iter().map(|row| row.check).collect();
    let all = Exporter::new(config, &runs);
    if let Some(skipped) = all
        .skipped
        .iter()
        .find(|skipped| options.checks.contains(&skipped.check))
    {
        return Exit::usage(&format!(
            "cannot run check {}: {}",
            skipped.check, skipped.why
        ));
    }
    let check_set = if options.checks.is_empty() {
        check_set
    } else {
        check_set.only(&options.checks)
    };
    let health = Arc::new(HealthState::new(&scheduler::check_specs(&check_set)));
    let problems = runtime.block_on(startup_checks::problems(config, &[Purpose::Kubeconfig]));
    if !problems.is_empty() {
        return Exit::invalid(&problems);
    }
    runtime.block_on(run_checks(options, &check_set, &health));
    let check_states = health.check_states();
    let entered: Vec<CheckId> = check_states
        .iter()
        .map(|check_state| check_state.check)
        .collect();
    report(options, &check_states, &Exporter::new(config, &entered))
}

/// Prints the report, and returns the exit code of the worst status.
fn report(options: &CheckArgs, check_states: &[CheckState], exporter: &Exporter) -> Exit {
    if options.quiet {
        return exit(check_states, options.strict);
    }
    let expiring = &certificates::expiring(check_states, SystemTime::now());
    print(&match options.output {
        CheckFormat::Text => TextReport {
            check_states,
            expiring,
            exporter,
            colours: output::supports_colours(),
            list_skipped: options.checks.is_empty(),
        }
        .to_string(),
        CheckFormat::Short => ShortReport {
            check_states,
            expiring,
            exporter,
            strict: options.strict,
        }
        .to_string(),
        CheckFormat::Json => Document::new(check_states, exporter).json(),
        CheckFormat::Junit => junit::report(check_states, expiring, exporter, options.strict),
    });
    exit(check_states, options.strict)
}

async fn run_checks<E: Check>(
    options: &CheckArgs,
    check_set: &CheckSet<E>,
    health: &Arc<HealthState>,
) {
    let until = options.wait.map(|wait| Instant::now() + wait);
    let shows_progress = output::supports_progress() && !options.quiet;
    let on_change: OnChange = if shows_progress {
        progress(health, until.is_some())
    } else {
        Arc::new(|_| {})
    };
    loop {
        scheduler::run_once(check_set, health, &on_change).await;
        let again = until.is_some_and(|until| Instant::now() + RETRY_PAUSE < until);
        if !again || exit(&health.check_states(), options.strict) == Exit::Success {
            break;
        }
        sleep(RETRY_PAUSE).await;
    }
    if shows_progress {
        output::progress("");
    }
}

/// Returns the exit code of the worst status.
fn exit(check_states: &[CheckState], strict: bool) -> Exit {
    let fails = check_states
        .iter()
        .any(|check_state| Exit::for_status(check_state.status(), strict) == Exit::Failing);
    let expires = || strict && !certificates::expiring(check_states, SystemTime::now()).is_empty();
    if fails || expires() {
        Exit::Failing
    } else {
        Exit::Success
    }
}
