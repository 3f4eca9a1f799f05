//! The checks: one file each, the journey and its verdict.
//!
//! Invariant: a check publishes a [`Report`] and nothing else. It never touches a metric, never logs above debug,
//! never reads the environment, never sleeps.

pub mod agent_health;
pub mod agent_log;
pub mod agent_upgrade;
pub mod agent_workload;
pub mod apiserver;
pub mod aws_credentials;
pub mod azure_imds;
pub mod castai_api;
pub mod clock;
pub mod cluster_controller;
pub mod cluster_metadata;
pub mod cluster_status;
pub mod companion;
pub mod components;
pub mod context;
pub mod control_plane_access;
pub mod dns;
pub mod ec2_api;
pub mod fixed_verdict;
pub mod gce_metadata;
pub mod image_pull;
pub mod imds;
pub mod node_lifecycle;
pub mod preflight;
pub mod registry;
pub mod sts_identity;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use context::CheckContext;
pub use registry::{AnyCheck, Plan, Planned};

use crate::catalogue::Phase;
pub use crate::kube::Feed;
use crate::report::{Evidence, Finding, Peers, Report, TargetReport, Trail};

/// Something that can be examined.
pub trait Check: Send + Sync + 'static {
    /// Examines it once.
    fn run(&self, attempt: &Attempt) -> impl Future<Output = Report> + Send;
}

/// One attempt in progress: what it may know of the others, and what it has learnt so far.
#[derive(Debug, Default)]
pub struct Attempt {
    peers: Peers,
    targets: Mutex<Vec<Underway>>,
}

/// A target on whose way the attempt is, or was.
#[derive(Clone, Debug)]
struct Underway {
    target: String,
    in_use: bool,
    trail: Trail,
    ended: Option<TargetReport>,
}

impl Attempt {
    /// An attempt that begins now.
    pub fn new(peers: Peers) -> Self {
        Self {
            peers,
            targets: Mutex::default(),
        }
    }

    /// The latest reports of the other checks.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Sets out for a target; what the trail learns is kept when the attempt is cancelled.
    pub fn trail(&self, target: &str, in_use: bool) -> Trail {
        let trail = Trail::default();
        let underway = Underway {
            target: target.to_owned(),
            in_use,
            trail: trail.clone(),
            ended: None,
        };
        self.lock().push(underway);
        trail
    }

    /// Arrives at a target: its report. The evidence of what is wrong names the target.
    pub fn arrived(&self, target: &str, outcome: Result<Evidence, Finding>) -> TargetReport {
        let outcome = outcome.map_err(|finding| {
            let named = finding.evidence.as_str().contains(target);
            if named {
                finding
            } else {
                Finding::new(finding.mode, format!("{target}: {}", finding.evidence))
            }
        });
        let mut targets = self.lock();
        let underway = targets
            .iter_mut()
            .rfind(|underway| underway.target == target);
        let underway = underway.expect("who arrives set out before");
        let report = underway.report(outcome);
        underway.ended = Some(report.clone());
        report
    }

    /// All targets so far: as they ended, or as cut off now, with this sentence about the phase that did not end.
    pub fn cut_off(&self, sentence: impl Fn(&str, Phase) -> Finding) -> Vec<TargetReport> {
        let report = |underway: &Underway| match (&underway.ended, underway.trail.open()) {
            (Some(ended), _) => Some(ended.clone()),
            (None, Some(phase)) => Some(underway.report(Err(sentence(&underway.target, phase)))),
            (None, None) => None,
        };
        self.lock().iter().filter_map(report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Underway>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Underway {
    fn report(&self, outcome: Result<Evidence, Finding>) -> TargetReport {
        TargetReport {
            target: self.target.clone(),
            in_use: self.in_use,
            outcome,
            phases: self.trail.longest(),
            not_after: self.trail.not_after(),
        }
    }
}
