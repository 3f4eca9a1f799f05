//! The checks: one file each, the journey and its verdict.
//!
//! Invariant: a check publishes a [`Report`] and nothing else. It never touches a metric, never logs above debug,
//! never reads the environment, never sleeps.

pub mod apiserver;
pub mod castai_api;
pub mod clock;
pub mod dns;
pub mod plan;
pub mod way;
pub mod world;

use std::sync::Mutex;
use std::sync::PoisonError;

use crate::verdict::Peers;
use crate::verdict::Report;
use crate::verdict::Trail;

pub use plan::AnyCheck;
pub use plan::Plan;
pub use plan::Planned;
pub use world::World;

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
