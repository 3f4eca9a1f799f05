//! The state as one JSON document: `/api/v1/status` and `check --output json`; and its history.
//!
//! The schema is stable: within one `schema_version`, keys are only added. Every key is always
//! present; an unknown value is `null`. Times are RFC 3339 in UTC, durations are seconds. Checks
//! are in catalogue order and include those that do not run.
//!
//! | key | value |
//! |---|---|
//! | `schema_version` | 1 |
//! | `at` | when the document was written |
//! | `exporter` | `version`, `revision`, `vantage` (`sidecar`, `companion`), `scope` (`all`, `pod`, `cluster`), `agent_environment` (`own`, `pod`, `deployment`, `none`), `config_reload_successful`, `environment_problems` (sentences) |
//! | `summary` | number of checks per status: `ok`, `warning`, `failing`, `unknown`, `not_applicable`, `skipped` |
//! | `root_causes[]` | what is wrong now, most urgent first: `check`, `mode`, `severity` (`critical`, `warning`, `info`), `since`, `also_affected` (checks that fail or are unknown because of it) |
//! | `sidecars` | what the sidecars see, if this is a companion: `read_at`, `problems` (sentences), `pods[]`: `pod`, `node`, `error` (why it cannot be read), `version`, `at`, `summary` and `root_causes[]` (`check`, `mode`, `severity`, `since`, `evidence`) |
//! | `checks[].id` | the check's label, which never changes |
//! | `.question` | the question that the check answers |
//! | `.group` | the system that it is about: `network`, `aws`, `google_cloud`, `azure`, `kubernetes`, `cast_ai`, `agent` |
//! | `.scope` | `pod` or `cluster` |
//! | `.status` | `ok`, `warning`, `failing`, `unknown` (also before the first verdict), `not_applicable`; `skipped` if it does not run |
//! | `.need` | `start`, `feature` or `none`; `null` if skipped |
//! | `.evidence` | the sentence for people; the reason if unknown, not applicable or skipped |
//! | `.modes[]` | what the last attempt found: `mode`, `evidence`, `meaning`, `remedy`, `runbook` (URL) |
//! | `.stable_modes` | the modes that hold, as in the metric `failure` |
//! | `.severity` | the severity of its failures; `null` if it has none |
//! | `.caused_by` | the check whose failure explains or blocks this one; `null` for a root cause |
//! | `.episode_start` | when the first failing attempt of the open episode finished |
//! | `.targets[]` | `target`, `in_use` (by the agent), `up`, `mode`, `evidence`, `phases[]` (`phase`, `seconds`, `outcome`: `done`, `failed`, `timed_out`), `seconds` (all phases), `certificate_not_after` |
//! | `.at` | when the last attempt finished |
//! | `.seconds` | its duration: the longest target, since targets are tested in parallel |
//! | `.last_attempt`, `.last_success` | when it last tested something, and when it was last `ok` or `warning` |
//! | `.next_attempt` | when the next attempt is due; `null` if none is planned |
//! | `.interval_seconds` | time between two attempts |

mod history;
mod sidecar;
mod summary;
mod target;

use std::time::SystemTime;

pub use history::HistoryDocument;
use jiff::{Timestamp, Unit};
use serde::Serialize;
use sidecar::SidecarList;
use summary::Summary;
use target::Target;

use crate::catalogue::{CheckId, Severity, Status, runbook_url};
use crate::diagnosis::{Diagnosis, Failure};
use crate::doctor::Sidecars;
use crate::exporter::{Exporter, REVISION, Skipped, VERSION};
use crate::report::Finding;
use crate::state::CheckState;

/// Version of the schema; incremented by every change that is not an addition.
pub const SCHEMA_VERSION: u32 = 1;
/// Status of a check that does not run.
pub const SKIPPED: &str = "skipped";

/// The JSON document.
#[derive(Debug, Serialize)]
pub struct Document {
    schema_version: u32,
    at: Option<Timestamp>,
    exporter: VantagePeer,
    summary: Summary,
    root_causes: Vec<RootCause>,
    sidecars: Option<SidecarList>,
    checks: Vec<CheckStatus>,
}

#[derive(Debug, Serialize)]
struct RootCause {
    check: &'static str,
    mode: &'static str,
    severity: &'static str,
    since: Option<Timestamp>,
    also_affected: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct VantagePeer {
    version: &'static str,
    revision: &'static str,
    vantage: &'static str,
    scope: &'static str,
    agent_environment: &'static str,
    config_reload_successful: bool,
    environment_problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct CheckStatus {
    id: &'static str,
    question: &'static str,
    group: &'static str,
    scope: &'static str,
    status: &'static str,
    need: Option<&'static str>,
    evidence: String,
    modes: Vec<Mode>,
    stable_modes: Vec<&'static str>,
    severity: Option<&'static str>,
    caused_by: Option<&'static str>,
    episode_start: Option<Timestamp>,
    targets: Vec<Target>,
    at: Option<Timestamp>,
    seconds: Option<f64>,
    last_attempt: Option<Timestamp>,
    last_success: Option<Timestamp>,
    next_attempt: Option<Timestamp>,
    interval_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Mode {
    #[serde(rename = "mode")]
    label: &'static str,
    evidence: String,
    meaning: &'static str,
    remedy: String,
    runbook: Option<String>,
}

impl Document {
    /// Builds the document from a snapshot.
    pub fn new(check_states: &[CheckState], exporter: &Exporter) -> Self {
        let with = |status: Status| {
            check_states
                .iter()
                .filter(|check_state| check_state.status() == status)
                .count()
        };
        let diagnosis = Diagnosis::new(check_states, exporter.vantage);
        let entered = check_states.iter().map(|check_state| {
            (
                check_state.check,
                CheckStatus::of(check_state, &diagnosis, exporter),
            )
        });
        let skipped = exporter
            .skipped
            .iter()
            .map(|skipped| (skipped.check, CheckStatus::skipped(skipped)));
        let mut checks: Vec<(CheckId, CheckStatus)> = entered.chain(skipped).collect();
        checks.sort_by_key(|(check, _)| *check);
        Self {
            schema_version: SCHEMA_VERSION,
            at: timestamp(SystemTime::now()),
            exporter: VantagePeer::new(exporter),
            summary: Summary {
                ok: with(Status::Ok),
                warning: with(Status::Warning),
                failing: with(Status::Failing),
                unknown: with(Status::Unknown),
                not_applicable: with(Status::NotApplicable),
                skipped: exporter.skipped.len(),
            },
            root_causes: diagnosis
                .roots()
                .into_iter()
                .map(|root| RootCause::new(root, &diagnosis))
                .collect(),
            sidecars: None,
            checks: checks.into_iter().map(|(_, check)| check).collect(),
        }
    }

    /// Adds what the sidecars see.
    #[must_use]
    pub fn with_sidecars(self, sidecars: Option<&Sidecars>) -> Self {
        Self {
            sidecars: sidecars.map(SidecarList::new),
            ..self
        }
    }

    /// Serialises the document, with a trailing newline.
    pub fn json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("strings and numbers can be written");
        text.push('\n');
        text
    }
}

impl RootCause {
    fn new(root: &Failure, diagnosis: &Diagnosis) -> Self {
        Self {
            check: root.check.label(),
            mode: root.mode.label(),
            severity: root.severity.label(),
            since: timestamp(root.since),
            also_affected: diagnosis
                .affected_by(root.check)
                .into_iter()
                .map(CheckId::label)
                .collect(),
        }
    }
}

impl VantagePeer {
    fn new(exporter: &Exporter) -> Self {
        Self {
            version: VERSION,
            revision: REVISION,
            vantage: exporter.vantage.label(),
            scope: exporter.scope_label(),
            agent_environment: exporter.agent_environment.label(),
            config_reload_successful: exporter.reload.successful,
            environment_problems: exporter.environment_problems.clone(),
        }
    }
}

impl CheckStatus {
    fn of(check_state: &CheckState, diagnosis: &Diagnosis, exporter: &Exporter) -> Self {
        let latest = check_state.latest.as_deref();
        let findings = latest.map_or(&[][..], |report| report.verdict.findings());
        let targets: Vec<Target> = latest
            .map_or(&[][..], |report| &report.targets)
            .iter()
            .map(Target::new)
            .collect();
        Self {
            status: check_state.status().label(),
            need: Some(check_state.need.label()),
            evidence: latest.map_or_else(
                || "not examined yet".to_owned(),
                |report| report.verdict.evidence().to_string(),
            ),
            modes: findings
                .iter()
                .map(|finding| Mode::new(check_state.check, finding, exporter))
                .collect(),
            stable_modes: check_state
                .stable_modes
                .modes()
                .iter()
                .map(|mode| mode.label())
                .collect(),
            severity: diagnosis
                .severity_of(check_state.check)
                .map(Severity::label),
            caused_by: diagnosis.root_of(check_state.check).map(CheckId::label),
            episode_start: check_state
                .stable_modes
                .episode()
                .and_then(|episode| timestamp(episode.began)),
            seconds: targets.iter().map(|target| target.seconds).reduce(f64::max),
            targets,
            at: latest.and_then(|report| timestamp(report.at)),
            last_attempt: check_state.last_attempt.and_then(timestamp),
            last_success: check_state.last_success.and_then(timestamp),
            next_attempt: check_state.next_attempt.and_then(timestamp),
            interval_seconds: Some(check_state.interval.as_secs_f64()),
            ..Self::skipped(&Skipped {
                check: check_state.check,
                why: String::new(),
            })
        }
    }

    fn skipped(skipped: &Skipped) -> Self {
        let entry = skipped.check.entry();
        Self {
            id: entry.label,
            question: entry.question,
            group: skipped.check.group().label(),
            scope: entry.scope.label(),
            status: SKIPPED,
            need: None,
            evidence: skipped.why.clone(),
            modes: Vec::new(),
            stable_modes: Vec::new(),
            severity: None,
            caused_by: None,
            episode_start: None,
            targets: Vec::new(),
            at: None,
            seconds: None,
            last_attempt: None,
            last_success: None,
            next_attempt: None,
            interval_seconds: None,
        }
    }
}

impl Mode {
    fn new(check: CheckId, finding: &Finding, exporter: &Exporter) -> Self {
        let entry = finding.mode.entry();
        Self {
            label: entry.label,
            evidence: finding.evidence.to_string(),
            meaning: entry.meaning,
            remedy: finding.remedy(check).to_string(),
            runbook: runbook_url(&exporter.runbook_base, check, finding.mode),
        }
    }
}

fn timestamp(at: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(at).ok()?.round(Unit::Millisecond).ok()
}
