//! The state that the handlers serve; a reload replaces it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::alerting::runbooks;
use crate::catalogue::{CheckId, Status, alert, anchor, first_sentence};
use crate::config::{Config, ConfigErrors};
use crate::diagnosis::Diagnosis;
use crate::exporter::{Exporter, Reload, VERSION};
use crate::log;
use crate::metrics::exposition;
use crate::metrics::process::Process;
use crate::scheduler::OnChange;
use crate::server::Handlers;
use crate::server::page::{Fact, Page};
use crate::state::{CheckSpec, CheckState, HealthState};
use crate::status::Document;

/// Sends the result of a reload back to the HTTP client that requested it.
pub(super) type ReloadReply = oneshot::Sender<Result<(), String>>;

/// The state that the handlers serve; a reload replaces it.
#[derive(Debug)]
pub(super) struct LiveState {
    pub(super) health: Arc<HealthState>,
    exporter: Mutex<Exporter>,
}

impl LiveState {
    pub(super) fn new(config: &Config, check_specs: &[CheckSpec]) -> Self {
        let exporter = Mutex::new(Exporter::new(config, &checks(check_specs)));
        Self {
            health: Arc::new(HealthState::new(check_specs)),
            exporter,
        }
    }

    pub(super) fn handlers(
        self: &Arc<Self>,
        reload: Option<mpsc::Sender<ReloadReply>>,
    ) -> Handlers {
        let [metrics, status, page, ready] = [(); 4].map(|()| Arc::clone(self));
        Handlers {
            metrics: Box::new(move || {
                exposition(
                    &metrics.health.check_states(),
                    &metrics.exporter(),
                    &Process::read(),
                )
                .into_bytes()
            }),
            status_json: Box::new(move || {
                Document::new(&status.health.check_states(), &status.exporter())
                    .json()
                    .into_bytes()
            }),
            page: Box::new(move || page.page()),
            ready: Box::new(move || ready.ready()),
            runbook: Box::new(runbooks::find),
            reload,
        }
    }

    fn page(&self) -> Page {
        let check_states = self.health.check_states();
        let diagnosis = Diagnosis::new(&check_states, self.exporter().vantage);
        let ordered = by_urgency(&check_states, &diagnosis);
        Page {
            version: VERSION.to_owned(),
            facts: ordered
                .into_iter()
                .map(|check_state| fact(check_state, &diagnosis))
                .collect(),
        }
    }

    fn ready(&self) -> Result<(), String> {
        let waiting: Vec<&str> = self
            .health
            .waiting()
            .iter()
            .map(|check| check.label())
            .collect();
        if waiting.is_empty() {
            Ok(())
        } else {
            Err(format!("no verdict yet of {}", waiting.join(", ")))
        }
    }

    /// Applies a new configuration and its checks.
    pub(super) fn replace(&self, config: &Config, check_specs: &[CheckSpec]) {
        self.health.replace_checks(check_specs);
        *self.exporter() = Exporter::new(config, &checks(check_specs));
    }

    /// Keeps the previous configuration and returns what is wrong with the new one.
    pub(super) fn refuse(&self, problems: &ConfigErrors) -> String {
        for problem in &problems.0 {
            tracing::error!(
                problem = problem.to_string(),
                "configuration reload failed; keeping the previous configuration"
            );
        }
        let mut exporter = self.exporter();
        exporter.reload = Reload {
            successful: false,
            ..exporter.reload
        };
        problems.to_string()
    }

    pub(super) fn on_change(self: &Arc<Self>) -> OnChange {
        let live = Arc::clone(self);
        Arc::new(move |change| {
            let exporter = live.exporter();
            let diagnosis = Diagnosis::new(&live.health.check_states(), exporter.vantage);
            log::change(change, &diagnosis, &exporter.runbook_base);
        })
    }

    fn exporter(&self) -> MutexGuard<'_, Exporter> {
        self.exporter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns root causes first, each followed by what it also affects, then the other checks.
fn by_urgency<'a>(check_states: &'a [CheckState], diagnosis: &Diagnosis) -> Vec<&'a CheckState> {
    let mut order: Vec<CheckId> = Vec::new();
    for root in diagnosis.root_checks() {
        order.push(root);
        order.extend(diagnosis.affected_by(root));
    }
    let mut ordered: Vec<&CheckState> = check_states.iter().collect();
    ordered.sort_by_key(|check_state| {
        let position = order.iter().position(|check| *check == check_state.check);
        (
            position.unwrap_or(order.len()),
            urgency(check_state.status()),
        )
    });
    ordered
}

/// Returns how urgent a status is; lower is more urgent.
const fn urgency(status: Status) -> u8 {
    match status {
        Status::Failing => 0,
        Status::Warning => 1,
        Status::Unknown => 2,
        Status::Ok => 3,
        Status::NotApplicable => 4,
    }
}

/// Renders one check for the status page: a root cause with its fix and what it also affects, a
/// consequence with its cause.
fn fact(check_state: &CheckState, diagnosis: &Diagnosis) -> Fact {
    let word = check_state.check.to_string();
    let Some(report) = &check_state.latest else {
        return Fact {
            word,
            sentence: "not examined yet".to_owned(),
            remedies: Vec::new(),
        };
    };
    let modes = report.verdict.modes();
    let causes = modes.iter().map(|mode| {
        format!(
            "{} ({mode}). ",
            first_sentence(mode.entry().meaning).trim_end_matches('.')
        )
    });
    let causes: String = causes.collect();
    let findings = report.verdict.findings();
    let fixes = findings.iter().filter_map(|finding| {
        let mode = finding.mode;
        let (root, of) = alert::documented_as(check_state.check, mode);
        let route = format!(
            "/runbooks/{}#{}",
            alert::for_mode(root, of)?.name,
            anchor(root, of)
        );
        Some((finding.remedy(check_state.check).to_owned(), route))
    });
    let mut sentence = format!(
        "{}: {causes}{}",
        check_state.status(),
        report.verdict.evidence()
    );
    let root = diagnosis.root_of(check_state.check);
    let affected = diagnosis.affected_by(check_state.check);
    if let Some(root) = root {
        sentence = format!("{sentence} Caused by: {root}.");
    } else if !affected.is_empty() {
        let affected: Vec<_> = affected.iter().map(|check| check.label()).collect();
        sentence = format!("{sentence} Also affected: {}.", affected.join(", "));
    }
    let remedies = if root.is_none() {
        fixes.collect()
    } else {
        Vec::new()
    };
    Fact {
        word,
        sentence,
        remedies,
    }
}

fn checks(check_specs: &[CheckSpec]) -> Vec<CheckId> {
    check_specs.iter().map(|entry| entry.check).collect()
}
