//! The incidents in the logs that hold now, and the verdict that follows from them.

use jiff::{SignedDuration, Timestamp};

use crate::agent::logs::{Incident, IncidentTracker, LogContainer, LogTail, LogTails, excerpt};
use crate::catalogue::mode_set::RESTARTING;
use crate::catalogue::{CheckId, FailureMode as M, Placeholder, alert};
use crate::classify::Peer;
use crate::report::{Evidence, Finding, LatestReports, Verdict};

/// The time after a restart during which the previous container's log is reported, unless the new
/// container shows that it works.
const PREVIOUS_LOG_WINDOW: SignedDuration = SignedDuration::from_mins(3);
/// Longest time from an event that explains an exit to the exit: a termination grace period.
const MAX_TERMINATION: SignedDuration = SignedDuration::from_secs(90);
/// The name of the agent's container.
const AGENT: &str = "agent";

/// An incident in one container's log, and its impact.
struct ReportedIncident<'a> {
    log_tail: &'a LogTail,
    incident: &'a Incident,
    /// Whether the previous container logged it.
    before: bool,
    failing: bool,
}

/// Returns the verdict on all logs.
pub(super) fn judge(logs: &LogTails, reports: &LatestReports, now: Timestamp) -> Verdict {
    let (log_tails, skipped) = (logs.tails(), logs.skipped());
    let reported: Vec<ReportedIncident<'_>> = log_tails
        .iter()
        .flat_map(|log_tail| active_incidents(log_tail, log_tails, reports, now))
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
    log_tails: &[LogTail],
    reports: &LatestReports,
    now: Timestamp,
) -> Vec<ReportedIncident<'a>> {
    let LogContainer {
        running_since,
        last_run,
        ..
    } = &log_tail.container;
    let now = log_tail.reference_time(now);
    let current = log_tail
        .tracker
        .active(now)
        .into_iter()
        .filter(|incident| can_explain_exit(incident, log_tail, log_tails));
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
        .at_exit(*ended)
        .into_iter()
        .map(|incident| ReportedIncident::new(log_tail, incident, before, true))
        .collect();
    for reported in &mut reported {
        // A single restart after a short control-plane outage is not a failure.
        reported.failing &= is_crash_looping(reports);
    }
    reported
}

/// Returns whether `agent_workload` reports that the agent's containers exit repeatedly.
fn is_crash_looping(reports: &LatestReports) -> bool {
    reports
        .report(CheckId::AgentWorkload)
        .is_some_and(|report| match &report.verdict {
            Verdict::Failing(findings) => findings
                .iter()
                .any(|finding| RESTARTING.contains(&finding.mode)),
            _ => false,
        })
}

/// Returns whether a fault can be the cause of the agent's last exit, by the time of the event that
/// the log reports. A later event is about the next run.
fn can_explain_exit(incident: &Incident, log_tail: &LogTail, log_tails: &[LogTail]) -> bool {
    let is_agent = |other: &&LogTail| {
        other.container.uid == log_tail.container.uid && other.container.name == AGENT
    };
    let agent = log_tails.iter().find(is_agent);
    let last_run = agent.and_then(|agent| agent.container.last_run);
    let (Some(event_at), Some((began, ended))) = (incident.event_at, last_run) else {
        return true;
    };
    (began.max(ended - MAX_TERMINATION)..=ended).contains(&event_at)
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
            node,
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
        .with_value(Placeholder::Pod, pod)
        .with_value(Placeholder::Node, node)
        .with_value(Placeholder::LocalNode, node)
    }
}
