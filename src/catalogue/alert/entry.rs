//! The row of an alert.

use crate::catalogue::check::CheckId;
use crate::catalogue::mode::FailureMode;

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
