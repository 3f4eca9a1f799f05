//! The state that the handlers serve; a reload replaces it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::alerting::runbooks;
use crate::catalogue::{
    CheckId, FailureMode, Status, alert, anchor, first_sentence, relations, remedy,
};
use crate::config::{Config, ConfigErrors};
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
        let mut check_states = self.health.check_states();
        let ranks: Vec<_> = check_states
            .iter()
            .map(|check_state| (check_state.check, rank(check_state, &check_states)))
            .collect();
        check_states.sort_by_key(|check_state| {
            ranks
                .iter()
                .find(|(check, _)| *check == check_state.check)
                .map(|(_, rank)| *rank)
        });
        Page {
            version: VERSION.to_owned(),
            facts: check_states.iter().map(fact).collect(),
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
        Arc::new(move |change| log::change(change, &live.exporter().runbook_base))
    }

    fn exporter(&self) -> MutexGuard<'_, Exporter> {
        self.exporter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sort key: failing checks first; a root is as urgent as its consequences.
fn rank(check_state: &CheckState, all: &[CheckState]) -> (u8, bool) {
    let roots = |of: &CheckState| -> Vec<_> {
        let modes = of.latest.iter().flat_map(|report| report.verdict.modes());
        modes.map(|mode| relations::root(of.check, mode)).collect()
    };
    let own = roots(check_state);
    let alike = all
        .iter()
        .filter(|other| roots(other).iter().any(|root| own.contains(root)));
    let most = alike.map(|other| urgency(other.status())).min();
    let follows = own.iter().any(|(check, _)| *check != check_state.check);
    (
        most.unwrap_or_else(|| urgency(check_state.status())),
        follows,
    )
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

/// Renders one check with its fix for the status page.
fn fact(check_state: &CheckState) -> Fact {
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
    let mending = |mode: FailureMode| {
        let (root, of) = relations::root(check_state.check, mode);
        let route = format!(
            "/runbooks/{}#{}",
            alert::for_mode(root, of)?.name,
            anchor(root, of)
        );
        Some((remedy(check_state.check, mode).to_owned(), route))
    };
    let sentence = format!(
        "{}: {causes}{}",
        check_state.status(),
        report.verdict.evidence()
    );
    Fact {
        word,
        sentence,
        remedies: modes.into_iter().filter_map(mending).collect(),
    }
}

fn checks(check_specs: &[CheckSpec]) -> Vec<CheckId> {
    check_specs.iter().map(|entry| entry.check).collect()
}
