//! `check --in-cluster`: runs the checks in a short-lived pod and removes it, whatever happens.

use std::time::Duration;
use std::{io, process};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::catalogue::CheckId;
use crate::cli::check::doctor::session::Doctor;
use crate::cli::exit::Exit;
use crate::cli::output::diagnostic;
use crate::config::AgentEnvironment;
use crate::doctor::one_off_pod::remove_leftovers;
use crate::doctor::visibility::runs_in_a_short_lived_pod;
use crate::doctor::{ExporterPod, OneOffPod, OneOffPodError, Place, View};

/// Deadline for the removal of the pod.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(15);
/// Exit code after a signal, as while the pod runs.
const INTERRUPTED_CODE: i32 = 2;

/// Runs the pod and returns what it sees, or why it does not.
///
/// # Errors
/// If there is nothing to run, or if the caller may not run it, or on a signal.
pub(super) async fn run(doctor: &Doctor<'_>, exporters: &[ExporterPod]) -> Result<View, Exit> {
    let (namespace, client) = (&doctor.config().installation.namespace, doctor.client());
    let checks = checks(doctor)?;
    let image = image(doctor, exporters)?;
    match OneOffPod::review(client, namespace).await {
        Ok(()) => {}
        Err(refused) => return Err(Exit::usage(&refused.to_string())),
    }
    let mut interrupts = Interrupts::new()
        .map_err(|error| Exit::usage(&format!("failed to install a signal handler: {error}")))?;
    remove_leftovers(client, namespace).await;
    let pod = OneOffPod::new(client, namespace, &image);
    let progress = |state: &str| doctor.show(&format!("{namespace}/{}: {state}", pod.name()));
    let (deployment, agent_pod) = agent(doctor);
    let ran = tokio::select! {
        ran = pod.run(deployment, agent_pod, arguments(doctor, &checks), progress) => Some(ran),
        () = interrupts.next() => None,
    };
    doctor.show("removing the pod");
    remove(&pod).await;
    doctor.show("");
    if ran.is_some() {
        interrupts.exit_on_next();
    }
    match ran {
        None => Err(Exit::usage(
            "interrupted; nothing was checked in the cluster",
        )),
        Some(Err(error @ OneOffPodError::NoTemplate { .. })) => {
            Err(Exit::usage(&error.to_string()))
        }
        Some(verdict) => Ok(View {
            place: Place::ShortLivedPod,
            pod: format!("{namespace}/{}", pod.name()),
            verdict: verdict.map_err(Into::into),
        }),
    }
}

/// Returns the selected checks that such a pod runs.
fn checks(doctor: &Doctor<'_>) -> Result<Vec<CheckId>, Exit> {
    let selected = &doctor.options().checks;
    let checks: Vec<CheckId> = CheckId::ALL
        .iter()
        .copied()
        .filter(|check| selected.is_empty() || selected.contains(check))
        .filter(|check| runs_in_a_short_lived_pod(*check))
        .collect();
    if checks.is_empty() {
        return Err(Exit::usage(
            "--in-cluster: none of the named checks needs a pod; leave the flag out",
        ));
    }
    Ok(checks)
}

/// Returns the image to run: the named one, else that of an exporter in the cluster.
fn image(doctor: &Doctor<'_>, exporters: &[ExporterPod]) -> Result<String, Exit> {
    let in_cluster = || exporters.iter().map(|pod| pod.image.clone()).next();
    doctor
        .options()
        .image
        .clone()
        .or_else(in_cluster)
        .ok_or_else(|| {
            Exit::usage(
                "--in-cluster: no exporter runs in this cluster whose image could be used; name one \
                 with --image",
            )
        })
}

/// Returns the agent's Deployment and its newest pod, if it has one.
fn agent<'a>(doctor: &'a Doctor<'_>) -> (&'a str, Option<&'a str>) {
    let config = doctor.config();
    let found = config.agent_discovery.found();
    let pod = found.filter(|agent| agent.source == AgentEnvironment::Pod);
    (
        &config.installation.deployment,
        pod.map(|agent| agent.object.as_str()),
    )
}

fn arguments(doctor: &Doctor<'_>, checks: &[CheckId]) -> Vec<String> {
    let installation = &doctor.config().installation;
    let mut arguments = vec!["check".to_owned()];
    arguments.extend(checks.iter().map(ToString::to_string));
    arguments.extend([
        "--output=json".to_owned(),
        "--vantage=sidecar".to_owned(),
        "--log.level=error".to_owned(),
        format!("--agent.namespace={}", installation.namespace),
        format!("--agent.deployment={}", installation.deployment),
    ]);
    arguments
}

/// Removes the pod; if that fails, says how to.
async fn remove(pod: &OneOffPod) {
    let failed = match timeout(REMOVAL_TIMEOUT, pod.remove()).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_elapsed) => format!("the API server took longer than {REMOVAL_TIMEOUT:?}"),
    };
    diagnostic(
        "warning",
        &format!(
            "the pod could not be removed ({failed}); it stops by itself, remove it with {}",
            pod.removal_command()
        ),
    );
}

/// The signals that stop this program.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interrupts {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Exits on the next signal. tokio has replaced the default action for the rest of this process,
    /// so that without this Ctrl-C has no effect once the pod is removed.
    #[expect(
        clippy::disallowed_methods,
        reason = "the rest of the program does not listen"
    )]
    fn exit_on_next(mut self) {
        tokio::spawn(async move {
            self.next().await;
            diagnostic("error", "interrupted");
            process::exit(INTERRUPTED_CODE);
        });
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
