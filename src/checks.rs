//! The checks: one file each, the journey and its verdict.
//!
//! Invariant: a check publishes a [`Report`] and nothing else. It never touches a metric, never logs above debug,
//! never reads the environment, never sleeps.

use std::sync::Mutex;
use std::sync::PoisonError;

use crate::board::Entry;
use crate::catalogue::Check;
use crate::config::Config;
use crate::verdict::Peers;
use crate::verdict::Report;
use crate::verdict::Trail;

/// Something that can be examined.
pub trait Examine: Send + Sync + 'static {
    /// Examines it once.
    fn examine(&self, attempt: &Attempt) -> impl Future<Output = Report> + Send;
}

/// One attempt in progress: what it may know of the others, and what it has learnt so far.
#[derive(Debug, Default)]
pub struct Attempt {
    peers: Peers,
    trails: Mutex<Vec<(String, Trail)>>,
}

impl Attempt {
    /// An attempt that begins now.
    pub fn new(peers: Peers) -> Self {
        Self { peers, trails: Mutex::default() }
    }

    /// The latest reports of the other checks.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// A trail for one target, kept when the attempt is cancelled.
    pub fn trail(&self, target: &str) -> Trail {
        let trail = Trail::default();
        self.trails.lock().unwrap_or_else(PoisonError::into_inner).push((target.to_owned(), trail.clone()));
        trail
    }

    /// All trails so far, the target that the agent uses first.
    pub fn trails(&self) -> Vec<(String, Trail)> {
        self.trails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The checks that a configuration asks for, prerequisites before what they may block.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One row per check.
    pub rows: Vec<Planned>,
}

/// One check of a plan.
#[derive(Clone, Debug)]
pub struct Planned {
    /// How it is entered on the board.
    pub entry: Entry,
}

impl Plan {
    /// The checks of this configuration.
    pub fn new(_config: &Config) -> Self {
        Self::default()
    }

    /// Only these checks, and what may block them.
    #[must_use]
    pub fn only(self, _checks: &[Check]) -> Self {
        self
    }

    /// How they are entered on the board.
    pub fn entries(&self) -> Vec<Entry> {
        self.rows.iter().map(|row| row.entry).collect()
    }
}
