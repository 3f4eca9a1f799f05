//! What the server shows, and what a reload replaces.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::alerting::runbooks;
use crate::catalogue::{
    CheckId, FailureMode, Status, alert, anchor, first_sentence, relations, remedy,
};
use crate::config::{Config, Problems};
use crate::exporter::{Exporter, Reload, VERSION};
use crate::log;
use crate::metrics::exposition;
use crate::metrics::process::Process;
use crate::scheduler::OnChange;
use crate::server::Views;
use crate::server::page::{Fact, Page};
use crate::state::{Board, Entry, Standing};
use crate::status::Document;

/// Who waits for a reload, and is told how it went.
pub(super) type Asked = oneshot::Sender<Result<(), String>>;

/// What the server shows, and what a reload replaces.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) board: Arc<Board>,
    exporter: Mutex<Exporter>,
}

impl Shown {
    pub(super) fn new(config: &Config, entries: &[Entry]) -> Self {
        let exporter = Mutex::new(Exporter::new(config, &checks(entries)));
        Self {
            board: Arc::new(Board::new(entries)),
            exporter,
        }
    }

    pub(super) fn views(self: &Arc<Self>, reload: Option<mpsc::Sender<Asked>>) -> Views {
        let [metrics, status, page, ready] = [(); 4].map(|()| Arc::clone(self));
        Views {
            metrics: Box::new(move || {
                exposition(
                    &metrics.board.standings(),
                    &metrics.exporter(),
                    &Process::read(),
                )
                .into_bytes()
            }),
            status_json: Box::new(move || {
                Document::new(&status.board.standings(), &status.exporter())
                    .json()
                    .into_bytes()
            }),
            page: Box::new(move || page.page()),
            ready: Box::new(move || ready.ready()),
            runbook: Box::new(runbooks::named),
            reload,
        }
    }

    fn page(&self) -> Page {
        let mut standings = self.board.standings();
        let ranks: Vec<_> = standings
            .iter()
            .map(|standing| (standing.check, rank(standing, &standings)))
            .collect();
        standings.sort_by_key(|standing| {
            ranks
                .iter()
                .find(|(check, _)| *check == standing.check)
                .map(|(_, rank)| *rank)
        });
        Page {
            version: VERSION.to_owned(),
            facts: standings.iter().map(fact).collect(),
        }
    }

    fn ready(&self) -> Result<(), String> {
        let waiting: Vec<&str> = self
            .board
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

    /// Takes over a new configuration and the checks it asks for.
    pub(super) fn replace(&self, config: &Config, entries: &[Entry]) {
        self.board.enter(entries);
        *self.exporter() = Exporter::new(config, &checks(entries));
    }

    /// Keeps the old configuration; says what is wrong with the new one.
    pub(super) fn refuse(&self, problems: &Problems) -> String {
        for problem in &problems.0 {
            tracing::error!(
                problem = problem.to_string(),
                "the configuration is wrong and the old one stays"
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
        let shown = Arc::clone(self);
        Arc::new(move |change| log::change(change, &shown.exporter().runbook_base))
    }

    fn exporter(&self) -> MutexGuard<'_, Exporter> {
        self.exporter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is broken stands first, and a root is as urgent as what follows from it.
fn rank(standing: &Standing, all: &[Standing]) -> (u8, bool) {
    let roots = |of: &Standing| -> Vec<_> {
        let modes = of.latest.iter().flat_map(|report| report.verdict.modes());
        modes.map(|mode| relations::root(of.check, mode)).collect()
    };
    let own = roots(standing);
    let alike = all
        .iter()
        .filter(|other| roots(other).iter().any(|root| own.contains(root)));
    let most = alike.map(|other| urgency(other.status())).min();
    let follows = own.iter().any(|(check, _)| *check != standing.check);
    (most.unwrap_or_else(|| urgency(standing.status())), follows)
}

/// How soon somebody has to look.
const fn urgency(status: Status) -> u8 {
    match status {
        Status::Failing => 0,
        Status::Warning => 1,
        Status::Unknown => 2,
        Status::Ok => 3,
        Status::NotApplicable => 4,
    }
}

/// What is known of a check, and what mends what is wrong.
fn fact(standing: &Standing) -> Fact {
    let word = standing.check.to_string();
    let Some(report) = &standing.latest else {
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
        let (root, of) = relations::root(standing.check, mode);
        let route = format!(
            "/runbooks/{}#{}",
            alert::alert(root, of)?.name,
            anchor(root, of)
        );
        Some((remedy(standing.check, mode).to_owned(), route))
    };
    let sentence = format!(
        "{}: {causes}{}",
        standing.status(),
        report.verdict.evidence()
    );
    Fact {
        word,
        sentence,
        remedies: modes.into_iter().filter_map(mending).collect(),
    }
}

fn checks(entries: &[Entry]) -> Vec<CheckId> {
    entries.iter().map(|entry| entry.check).collect()
}
