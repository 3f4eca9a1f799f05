//! The checks: one module per check, its trait, context and registry.
//!
//! Invariant: a check returns a [`Report`] and has no other output. It updates no metric, logs
//! nothing above debug, reads no environment variables and never sleeps.

pub mod agent_health;
pub mod agent_log;
pub mod agent_permissions;
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
mod error_verdict;
pub mod fixed_verdict;
pub mod gce_metadata;
pub mod image_pull;
pub mod imds;
pub mod known_values;
pub mod node_lifecycle;
pub mod registry;
pub mod sts_identity;
pub mod watched_check;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use context::{AgentIdentity, CheckContext};
pub use registry::{AnyCheck, CheckSet, ScheduledCheck};
pub use watched_check::WatchedCheck;

use crate::catalogue::Phase;
pub use crate::kube::WatchTask;
use crate::report::{Evidence, Finding, LatestReports, PhaseTimer, Report, TargetReport};

/// A dependency or condition of the agent that is tested continuously.
pub trait Check: Send + Sync + 'static {
    /// Runs one attempt.
    fn run(&self, attempt: &Attempt) -> impl Future<Output = Report> + Send;
}

/// An attempt in progress: the latest reports of the other checks, and the targets probed so far.
#[derive(Debug, Default)]
pub struct Attempt {
    reports: LatestReports,
    targets: Mutex<Vec<TargetProgress>>,
}

/// A target that this attempt has started to probe.
#[derive(Clone, Debug)]
struct TargetProgress {
    target: String,
    in_use: bool,
    timer: PhaseTimer,
    report: Option<TargetReport>,
}

impl Attempt {
    /// Starts an attempt.
    pub fn new(reports: LatestReports) -> Self {
        Self {
            reports,
            targets: Mutex::default(),
        }
    }

    /// Returns the latest reports of the other checks.
    pub fn reports(&self) -> &LatestReports {
        &self.reports
    }

    /// Starts probing a target. Recorded phases survive if the attempt is cancelled.
    pub fn start_target(&self, target: &str, in_use: bool) -> PhaseTimer {
        let timer = PhaseTimer::default();
        let progress = TargetProgress {
            target: target.to_owned(),
            in_use,
            timer: timer.clone(),
            report: None,
        };
        self.lock().push(progress);
        timer
    }

    /// Finishes a target and returns its report. The evidence of a failure always names the target.
    pub fn finish_target(&self, target: &str, outcome: Result<Evidence, Finding>) -> TargetReport {
        let outcome = outcome.map_err(|finding| {
            let named = finding.evidence.as_str().contains(target);
            if named {
                finding
            } else {
                let evidence = format!("{target}: {}", finding.evidence);
                finding.with_evidence(evidence)
            }
        });
        let mut targets = self.lock();
        let progress = targets
            .iter_mut()
            .rfind(|progress| progress.target == target);
        let progress = progress.expect("a target is started before it is finished");
        let report = progress.report(outcome);
        progress.report = Some(report.clone());
        report
    }

    /// Returns all targets at the attempt's timeout. `finding` describes the phase that did not
    /// finish.
    pub fn targets_at_timeout(
        &self,
        finding: impl Fn(&str, Phase) -> Finding,
    ) -> Vec<TargetReport> {
        let report =
            |progress: &TargetProgress| match (&progress.report, progress.timer.current_phase()) {
                (Some(report), _) => Some(report.clone()),
                (None, Some(phase)) => Some(progress.report(Err(finding(&progress.target, phase)))),
                (None, None) => None,
            };
        self.lock().iter().filter_map(report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<TargetProgress>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TargetProgress {
    fn report(&self, outcome: Result<Evidence, Finding>) -> TargetReport {
        TargetReport {
            target: self.target.clone(),
            in_use: self.in_use,
            outcome,
            phases: self.timer.longest_per_phase(),
            not_after: self.timer.not_after(),
        }
    }
}
