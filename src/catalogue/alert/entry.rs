//! The row of an alert.

use std::time::Duration;

use crate::catalogue::check::CheckId;
use crate::catalogue::mode::FailureMode;
use crate::catalogue::relation::{Effect, RELATIONS};

/// An alert and its runbook.
#[derive(Clone, Copy, Debug)]
pub struct Alert {
    /// The value of `alertname` and the name of the runbook file; never changes after a release.
    pub name: &'static str,
    /// The check that it reports on.
    pub check: CheckId,
    /// The modes of that check that it covers.
    pub modes: &'static [FailureMode],
    /// One static sentence that names the broken thing.
    pub summary: &'static str,
    /// The impact on the cluster.
    pub impact: &'static str,
    /// Commands that confirm the problem independently of the exporter.
    pub diagnosis: &'static [&'static str],
}

impl Alert {
    /// Returns how long a failure must last before the alert fires.
    ///
    /// Two minutes where the failure stops the agent, five where it degrades something; at least
    /// two attempts of the check either way. A consequence may be seen up to a minute before its
    /// cause, the longest interval of a cause plus the longest attempt, and must stay quiet until
    /// then.
    pub fn for_duration(&self) -> Duration {
        let minutes = if self.can_stop_agent() { 2 } else { 5 };
        Duration::from_mins(minutes).max(self.check.entry().interval * 2)
    }

    /// Returns whether the agent cannot work without what the check tests, in every configuration.
    pub const fn can_stop_agent(&self) -> bool {
        matches!(
            self.check,
            CheckId::Dns
                | CheckId::Apiserver
                | CheckId::CastaiApi
                | CheckId::ClusterMetadata
                | CheckId::AgentWorkload
                | CheckId::AgentPermissions
        )
    }

    /// Returns the checks that explain this alert when they fail, where the exporter that reports the
    /// alert may not see the cause (it has the other vantage) or where the failure outlasts it (it
    /// is observed, not probed).
    pub fn explained_by(&self) -> Vec<CheckId> {
        let entry = self.check.entry();
        let observed = entry.phases.is_empty();
        let mut causes: Vec<CheckId> = RELATIONS
            .iter()
            .filter(|relation| {
                relation.affected == self.check
                    && matches!(relation.effect, Effect::Fails(_))
                    && self.modes.iter().any(|mode| relation.can_explain(*mode))
                    && (observed || relation.cause.entry().scope != entry.scope)
            })
            .map(|relation| relation.cause)
            .collect();
        causes.sort_unstable();
        causes.dedup();
        causes
    }
}
