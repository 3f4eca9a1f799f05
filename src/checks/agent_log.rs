//! Reports the errors in the logs of the agent's containers.
//!
//! Follows the logs by time and classifies each line. The first cause since the container's start
//! is reported; its consequences, and lines that healthy agents also log, are not. After a restart,
//! the previous container's last lines explain it until the new container has shown that it works.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::agent::logs::{Incident, IncidentTracker, LogContainer, LogTail, LogTails, excerpt};
use crate::catalogue::metric::LOG_SOURCES;
use crate::catalogue::{CheckId, FailureMode as M, alert};
use crate::checks::{Attempt, Check, agent_workload};
use crate::classify::Peer;
use crate::config::Installation;
use crate::kube::Store;
use crate::report::{Evidence, Finding, LatestReports, Observation, Report, Verdict};

/// The time after a restart during which the previous container's log is reported, unless the new
/// container shows that it works.
const PREVIOUS_LOG_WINDOW: SignedDuration = SignedDuration::from_mins(3);

/// The check `agent_log`.
#[derive(Debug)]
pub struct AgentLog {
    store: Arc<Store>,
    /// The name of the agent's Deployment.
    deployment: String,
    state: Mutex<LogState>,
}

/// The state kept between attempts.
#[derive(Debug, Default)]
struct LogState {
    logs: LogTails,
    /// Unclassified lines of deleted containers, by source.
    forgotten: [u64; LOG_SOURCES.len()],
}

/// An incident in one container's log, and its impact.
struct ReportedIncident<'a> {
    log_tail: &'a LogTail,
    incident: &'a Incident,
    /// Whether the previous container logged it.
    before: bool,
    failing: bool,
}

impl AgentLog {
    /// Creates the check, which finds the agent's pods in `store`.
    pub fn new(installation: &Installation, store: &Arc<Store>) -> Self {
        Self {
            store: Arc::clone(store),
            deployment: installation.deployment.clone(),
            state: Mutex::default(),
        }
    }

    async fn evaluate(
        &self,
        reports: &LatestReports,
        state: &mut LogState,
    ) -> Result<Verdict, Verdict> {
        let containers = self.containers().await?;
        for gone in state.logs.set_containers(containers) {
            state.forgotten[source(&gone)] += gone.unclassified();
        }
        let now = Timestamp::now();
        state.logs.poll(&self.store.client, now).await?;
        Ok(judge(&state.logs, reports, now))
    }

    /// Returns the containers of the agent's pods.
    async fn containers(&self) -> Result<Vec<LogContainer>, Verdict> {
        let deployments = self.store.deployments.read().await?;
        let agent = agent_workload::find_deployment(&deployments, &self.deployment);
        let agent = agent.ok_or_else(|| {
            let Self {
                deployment, store, ..
            } = self;
            Verdict::Unknown(Evidence::from(format!(
                "Deployment {deployment} does not exist in namespace {}, so there are no logs to \
                 read",
                store.namespace
            )))
        })?;
        let sets = self.store.replica_sets.read().await?;
        let owns = |owner: &str| {
            sets.iter()
                .any(|set| set.uid == owner && set.owner.as_deref() == Some(agent.uid.as_str()))
        };
        let pods = self.store.pods.read().await?;
        // Evicted pods remain in the API but have no logs.
        let owned = pods
            .iter()
            .map(AsRef::as_ref)
            .filter(|pod| !pod.is_finished() && pod.owner.as_deref().is_some_and(owns));
        let containers = LogContainer::of_pods(&self.store.namespace, owned, LOG_SOURCES);
        if containers.is_empty() {
            return Err(Verdict::Unknown(Evidence::from(
                "the agent's Deployment has no pod with a readable log",
            )));
        }
        Ok(containers)
    }
}

impl Check for AgentLog {
    async fn run(&self, attempt: &Attempt) -> Report {
        let mut state = self.state.lock().await;
        let verdict = self
            .evaluate(attempt.reports(), &mut state)
            .await
            .unwrap_or_else(|verdict| verdict);
        Report {
            observations: state.observations(attempt.reports().report(CheckId::AgentLog)),
            ..Report::from_verdict(verdict)
        }
    }
}

impl LogState {
    /// Returns the line counts. They never decrease, even after a reload resets the state.
    fn observations(&self, before: Option<&Report>) -> Vec<Observation> {
        let observations = before
            .map(|report| report.observations.as_slice())
            .unwrap_or_default();
        let lines = |at: usize| {
            let published = observations.iter().filter_map(|fact| match fact {
                Observation::UnclassifiedLines(source, lines) if *source == LOG_SOURCES[at] => {
                    Some(*lines)
                }
                _ => None,
            });
            let present = self
                .logs
                .tails()
                .iter()
                .filter(|log_tail| source(log_tail) == at)
                .map(LogTail::unclassified)
                .sum::<u64>();
            let lines = published.fold(self.forgotten[at] + present, u64::max);
            Observation::UnclassifiedLines(LOG_SOURCES[at], lines)
        };
        (0..LOG_SOURCES.len()).map(lines).collect()
    }
}

fn source(log_tail: &LogTail) -> usize {
    LOG_SOURCES
        .iter()
        .position(|source| *source == log_tail.container.name)
        .unwrap_or(0)
}

fn judge(logs: &LogTails, reports: &LatestReports, now: Timestamp) -> Verdict {
    let (log_tails, skipped) = (logs.tails(), logs.skipped());
    let reported: Vec<ReportedIncident<'_>> = log_tails
        .iter()
        .flat_map(|log_tail| active_incidents(log_tail, reports, now))
        .collect();
    if reported.is_empty() {
        let ago = |log_tail: &LogTail| {
            Some(
                log_tail
                    .reference_time(now)
                    .duration_since(log_tail.tracker.last_delivery()?)
                    .as_secs()
                    .max(0),
            )
        };
        let delivered = log_tails.iter().filter_map(ago).min().map_or_else(
            || "no delivered delta has been logged yet".to_owned(),
            |seconds| format!("the last delta was delivered {seconds} s ago"),
        );
        return Verdict::Ok(Evidence::from(format!(
            "the agent's log contains no errors; {delivered}{skipped}"
        )));
    }
    let failing = reported.iter().any(|reported| reported.failing);
    let mut findings: Vec<Finding> = Vec::new();
    for reported in reported
        .iter()
        .filter(|reported| reported.failing == failing)
        .chain(
            reported
                .iter()
                .filter(|reported| reported.failing != failing),
        )
    {
        if findings
            .iter()
            .all(|finding| finding.mode != reported.mode())
        {
            findings.push(reported.finding());
        }
    }
    skipped.append_to(&mut findings);
    if failing {
        Verdict::Failing(findings)
    } else {
        Verdict::Warning(findings)
    }
}

/// Returns a container's incidents that apply now, earliest first.
fn active_incidents<'a>(
    log_tail: &'a LogTail,
    reports: &LatestReports,
    now: Timestamp,
) -> Vec<ReportedIncident<'a>> {
    let LogContainer {
        running_since,
        last_run,
        restarts,
        ..
    } = &log_tail.container;
    let now = log_tail.reference_time(now);
    let current = log_tail
        .tracker
        .active(now)
        .into_iter()
        .filter(|incident| !resolved(incident, reports));
    let current: Vec<_> = current
        .map(|incident| ReportedIncident::new(log_tail, incident, &log_tail.tracker, false))
        .collect();
    let recently_started =
        running_since.is_some_and(|since| now.duration_since(since) < PREVIOUS_LOG_WINDOW);
    if !current.is_empty() || !recently_started || log_tail.tracker.has_worked() {
        return current;
    }
    let (Some(before), Some((_, ended))) = (&log_tail.previous_run, last_run) else {
        return current;
    };
    let mut reported: Vec<_> = before
        .active(*ended)
        .into_iter()
        .map(|incident| ReportedIncident::new(log_tail, incident, before, true))
        .collect();
    for reported in &mut reported {
        // A single restart after a short control-plane outage is not a failure.
        reported.failing &= *restarts > 1;
    }
    reported
}

/// Reports whether a later success of another check shows that the incident is resolved.
fn resolved(incident: &Incident, reports: &LatestReports) -> bool {
    let ec2_report = CheckId::from_label("ec2_api").and_then(|check| reports.report(check));
    let ok = ec2_report.filter(|report| matches!(report.verdict, Verdict::Ok(_)));
    incident.sticky
        && ok
            .is_some_and(|report| Timestamp::try_from(report.at).is_ok_and(|at| at > incident.last))
}

impl<'a> ReportedIncident<'a> {
    fn new(
        log_tail: &'a LogTail,
        incident: &'a Incident,
        tracker: &IncidentTracker,
        before: bool,
    ) -> Self {
        // The agent tolerates incidents during which it still delivers.
        let survived =
            incident.sticky && incident.peer == Peer::Cloud || tracker.delivers_despite(incident);
        let reported = Self {
            log_tail,
            incident,
            before,
            failing: false,
        };
        Self {
            failing: !survived && reported.mode() != M::Unclassified,
            ..reported
        }
    }

    /// Returns the incident's mode, or `Unclassified` if this check does not publish it.
    fn mode(&self) -> M {
        let known = alert::for_mode(CheckId::AgentLog, self.incident.mode).is_some();
        if known {
            self.incident.mode
        } else {
            M::Unclassified
        }
    }

    fn finding(&self) -> Finding {
        let LogContainer {
            pod,
            name,
            last_exit,
            ..
        } = &self.log_tail.container;
        let (often, words) = (self.incident.occurrences(), &self.incident.message);
        let before = if self.before {
            format!(" before it exited ({last_exit})")
        } else {
            String::new()
        };
        let meaning = if self.mode() == self.incident.mode {
            String::new()
        } else {
            format!("; {}", alert::explain_mode(self.incident.mode))
        };
        Finding::new(
            self.mode(),
            format!(
                "{pod}/{name} logged{before} {often}: {}{meaning}",
                excerpt(words)
            ),
        )
    }
}
