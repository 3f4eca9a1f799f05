//! The latest verdict of every check, the episodes, and running counts.
//!
//! Invariant: std and facts only. It knows neither who asks nor how it is shown.

pub mod counts;
pub mod episode;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

pub use counts::{Counts, PhaseCount};
pub use episode::{Episode, Settled};

use crate::catalogue::{CheckId, FailureMode, Need, Status};
use crate::report::{Evidence, Peers, Report, Verdict};

/// What is known of one check.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Which.
    pub check: CheckId,
    /// What the agent needs it for.
    pub need: Need,
    /// Time between two attempts.
    pub interval: Duration,
    /// What it looks at, as a number that differs when that does.
    pub subject: u64,
    /// The latest report; `None` before the first verdict.
    pub latest: Option<Arc<Report>>,
    /// The modes that hold, as settled in the episode.
    pub settled: Settled,
    /// Running counts since the start of the process.
    pub counts: Counts,
    /// When the latest attempt ended that examined something.
    pub last_attempt: Option<SystemTime>,
    /// When it was last `ok` or `warning`.
    pub last_success: Option<SystemTime>,
}

/// How a check is entered on the board.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Which.
    pub check: CheckId,
    /// What the agent needs it for.
    pub need: Need,
    /// Time between two attempts.
    pub interval: Duration,
    /// What it looks at, as a number that differs when that does.
    pub subject: u64,
}

/// What an attempt brings to the board.
#[derive(Debug)]
pub struct Posting {
    /// The report.
    pub report: Report,
    /// This process was throttled or lagged meanwhile.
    pub disturbed: bool,
    /// The check's code panicked; the report says so.
    pub panicked: bool,
}

/// What became of an attempt that was brought to the board.
#[derive(Clone, Debug, Default)]
pub struct Posted {
    /// The change of verdict, if it is one.
    pub change: Option<Change>,
    /// It found nothing out.
    pub unknown: bool,
    /// Its time-out was put down to this process itself, so that it proves nothing.
    pub excused: bool,
}

/// A verdict that differs from the one before.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which check.
    pub check: CheckId,
    /// The status before; `None` at the first verdict.
    pub before: Option<Status>,
    /// The report that differs.
    pub report: Arc<Report>,
    /// The modes as settled.
    pub settled: Vec<FailureMode>,
}

/// All standings, in the catalogue's order.
#[derive(Debug)]
pub struct Board {
    standings: Mutex<Vec<Standing>>,
}

impl Board {
    /// A board on which nothing is known yet.
    pub fn new(entries: &[Entry]) -> Self {
        Self {
            standings: Mutex::new(entries.iter().map(Standing::new).collect()),
        }
    }

    /// Replaces the list of checks after a reload. What is known of a check that stays is kept; of one that looks at
    /// something else now, only its counters.
    pub fn enter(&self, entries: &[Entry]) {
        let mut standings = self.lock();
        let kept = std::mem::take(&mut *standings);
        *standings = entries
            .iter()
            .map(
                |entry| match kept.iter().find(|standing| standing.check == entry.check) {
                    Some(standing) if standing.subject == entry.subject => Standing {
                        need: entry.need,
                        interval: entry.interval,
                        ..standing.clone()
                    },
                    Some(standing) => Standing {
                        counts: standing.counts.clone(),
                        ..Standing::new(entry)
                    },
                    None => Standing::new(entry),
                },
            )
            .collect();
    }

    /// Takes in an attempt.
    pub fn post(&self, check: CheckId, posting: Posting) -> Posted {
        let mut standings = self.lock();
        let standing = standings
            .iter_mut()
            .find(|standing| standing.check == check);
        standing
            .map(|standing| standing.take(posting))
            .unwrap_or_default()
    }

    /// A copy of everything, for the views.
    pub fn standings(&self) -> Vec<Standing> {
        self.lock().clone()
    }

    /// The latest reports, for checks that judge by them.
    pub fn peers(&self) -> Peers {
        let latest = |standing: &Standing| {
            standing
                .latest
                .clone()
                .map(|report| (standing.check, report))
        };
        Peers::new(self.lock().iter().filter_map(latest).collect())
    }

    /// The checks that have had no verdict yet.
    pub fn waiting(&self) -> Vec<CheckId> {
        self.lock()
            .iter()
            .filter(|standing| standing.latest.is_none())
            .map(|standing| standing.check)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Standing>> {
        self.standings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn new(entry: &Entry) -> Self {
        Self {
            check: entry.check,
            need: entry.need,
            interval: entry.interval,
            subject: entry.subject,
            latest: None,
            settled: Settled::default(),
            counts: Counts::new(entry.check),
            last_attempt: None,
            last_success: None,
        }
    }

    /// The word for the latest verdict; `unknown` before the first.
    pub fn status(&self) -> Status {
        self.latest
            .as_ref()
            .map_or(Status::Unknown, |report| report.verdict.status())
    }

    fn take(&mut self, posting: Posting) -> Posted {
        let Posting {
            mut report,
            disturbed,
            panicked,
        } = posting;
        self.counts.disturbed += u64::from(disturbed);
        self.counts.panics += u64::from(panicked);
        let excused = disturbed && self.settled.excuses(&report.verdict);
        if excused {
            report.verdict = Verdict::Unknown(Evidence::from(format!(
                "this container was throttled or late itself, so that this time-out proves nothing: {}",
                report.verdict.evidence()
            )));
        }
        self.counts.take(&report);
        self.settled.take(&report);
        match report.verdict.status() {
            Status::Ok | Status::Warning => self.last_success = Some(report.at),
            Status::Failing | Status::Unknown | Status::NotApplicable => {}
        }
        if !matches!(
            report.verdict.status(),
            Status::Unknown | Status::NotApplicable
        ) {
            self.last_attempt = Some(report.at);
        }
        let report = Arc::new(report);
        let before = self.latest.replace(Arc::clone(&report));
        let same = before.as_ref().is_some_and(|before| {
            before.verdict.status() == report.verdict.status()
                && before.verdict.modes() == report.verdict.modes()
        });
        let before = before.map(|before| before.verdict.status());
        let unknown = report.verdict.status() == Status::Unknown;
        let change = Change {
            check: self.check,
            before,
            report,
            settled: self.settled.modes().to_vec(),
        };
        Posted {
            change: Some(change).filter(|_| !same),
            unknown,
            excused,
        }
    }
}
