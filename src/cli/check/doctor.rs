//! `check` outside the cluster: reads the verdicts of the exporters in it, checks what the API
//! server shows, and prints one report.

mod examination;
mod json;
mod junit;
mod session;
mod short;
mod short_lived_pod;
mod text;

use std::time::{Duration, SystemTime};

use examination::Examination;
use http::StatusCode;
use json::Document;
pub(in crate::cli) use session::Doctor;
use short::ShortReport;
use text::DoctorReport;
use tokio::time::{Instant, sleep};

use crate::cli::args::check::{CheckArgs, CheckFormat};
use crate::cli::check::certificates;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::output::print;
use crate::config::{ApiserverLocation, Config, Flags, Purpose, Vantage};
use crate::daemon::startup_checks;
use crate::doctor::{Findings, View};
use crate::kube::{Client, ClientError};
use crate::{daemon, log};

/// Pause between two rounds of `--wait`.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// The fix of an unusable kubeconfig.
const SET_KUBECONFIG: &str = "set KUBECONFIG or --kubeconfig to a file that kubectl can use";

/// Returns whether this process runs on a person's machine: it has a kubeconfig, and nothing says
/// that it runs in the agent's pod or as a companion.
pub(in crate::cli) fn applies(config: &Config) -> bool {
    is_undetermined(config) && matches!(config.apiserver, ApiserverLocation::Kubeconfig { .. })
}

/// Returns whether a configuration names nothing that could be checked.
pub(in crate::cli) fn has_nothing_to_check(config: &Config) -> bool {
    config.has_nothing_to_check()
}

/// Reports that there is nothing to check.
pub(in crate::cli) fn nothing_to_check() -> Exit {
    Exit::usage(&format!(
        "nothing to check: not running in a pod, and there is no kubeconfig; {SET_KUBECONFIG}"
    ))
}

/// Reports that `--in-cluster` needs a person's machine.
pub(in crate::cli) fn is_not_outside() -> Exit {
    Exit::usage(&format!(
        "--in-cluster starts a pod from outside the cluster, with a kubeconfig and without the \
         agent's environment; {SET_KUBECONFIG}"
    ))
}

/// Returns whether the vantage follows neither from a flag nor from the agent's environment.
fn is_undetermined(config: &Config) -> bool {
    config.vantage == Vantage::Companion && config.agent_location.is_none()
}

/// Runs `check`; `own` is the configuration without the agent's environment.
pub(in crate::cli) fn run(options: &CheckArgs, flags: Flags, own: Config) -> Exit {
    let _flush = log::install(own.log.level, own.log.format);
    log::install_panic_hook();
    let runtime = daemon::runtime();
    let exit = runtime.block_on(async {
        match Doctor::new(options, flags, own) {
            Ok(doctor) => Box::pin(examine(options, doctor)).await,
            Err(problems) => Exit::invalid(&problems),
        }
    });
    // A blocking task that hangs must not delay the exit.
    runtime.shutdown_background();
    exit
}

async fn examine(options: &CheckArgs, mut doctor: Doctor<'_>) -> Exit {
    let until = options.wait.map(|wait| Instant::now() + wait);
    let examination = loop {
        // With --wait, an API server that did not respond may respond now.
        if !doctor.api_responds()
            && let Err(exit) = find_agent(&mut doctor).await
        {
            return exit;
        }
        let examination = match Examination::run(&doctor).await {
            Ok(examination) => examination,
            Err(exit) => return exit,
        };
        let again = until.is_some_and(|until| Instant::now() + RETRY_PAUSE < until);
        let succeeds = || examination.exit(options.strict) == Exit::Success;
        // Without the API server, the agent and the exporters have not been seen yet.
        if !again || doctor.api_responds() && succeeds() {
            break examination;
        }
        doctor.show("retrying");
        sleep(RETRY_PAUSE).await;
    };
    doctor.show("");
    if !options.quiet {
        print(&rendered(options, &examination));
    }
    examination.exit(options.strict)
}

/// Finds the agent with a kubeconfig that can be used.
pub(in crate::cli) async fn find_agent(doctor: &mut Doctor<'_>) -> Result<(), Exit> {
    let problems = startup_checks::problems(doctor.own(), &[Purpose::Kubeconfig]).await;
    if !problems.is_empty() {
        return Err(Exit::invalid(&problems));
    }
    doctor.show("connecting to the API server");
    let unreachable = validate_access(doctor.client()).await?;
    doctor.show("looking for the agent");
    let found = doctor.find_agent(unreachable).await;
    found.map_err(|problems| Exit::invalid(&problems))
}

/// Renders the views of an agent's vantages as text.
pub(in crate::cli) fn report(agent: (String, String), views: Vec<View>, config: &Config) -> String {
    let examination = Examination {
        agent,
        agent_problem: None,
        findings: Findings::merge(&views),
        expiring: certificates::expiring_in_views(&views, SystemTime::now()),
        views,
        only_in_a_pod: Vec::new(),
        remarks: Vec::new(),
        named_but_not_run: false,
        runbook_base: config.runbook_base.clone(),
    };
    let report = DoctorReport {
        examination: &examination,
        colours: false,
    };
    report.to_string()
}

fn rendered(options: &CheckArgs, examination: &Examination) -> String {
    match options.output {
        CheckFormat::Text => DoctorReport {
            examination,
            colours: output::supports_colours(),
        }
        .to_string(),
        CheckFormat::Short => ShortReport {
            examination,
            strict: options.strict,
        }
        .to_string(),
        CheckFormat::Json => Document::new(examination).json(),
        CheckFormat::Junit => junit::report(examination, options.strict),
    }
}

/// Reports a kubeconfig or credentials that cannot be used. Returns why the API server does not
/// respond: that is a result of the check `apiserver`, not wrong usage.
async fn validate_access(client: &Client) -> Result<Option<ClientError>, Exit> {
    match client.get_bytes("/version", 64 << 10).await {
        Err(error @ (ClientError::Auth(_) | ClientError::NotConfigured)) => {
            Err(Exit::usage(&format!("{error}; {SET_KUBECONFIG}")))
        }
        Ok(reply) if reply.status == StatusCode::UNAUTHORIZED => Err(Exit::usage(
            "the API server rejects the credentials in the kubeconfig (401 Unauthorized): log in \
             again",
        )),
        Err(error @ (ClientError::Connect(_) | ClientError::Request(_))) => Ok(Some(error)),
        Ok(_) | Err(_) => Ok(None),
    }
}
