//! A check with a report that states what it could not see: watched objects that are left out, and a
//! shortage of this process itself.

use std::sync::Arc;

use crate::catalogue::CheckId;
use crate::checks::{Attempt, Check};
use crate::kube::Store;
use crate::own_resources;
use crate::report::{Evidence, Observation, Report, Verdict};

/// A check with the watched objects that it reads.
#[derive(Debug)]
pub struct WatchedCheck<E> {
    check: CheckId,
    store: Arc<Store>,
    runner: E,
}

impl<E> WatchedCheck<E> {
    /// Wraps a check.
    pub fn new(check: CheckId, store: &Arc<Store>, runner: E) -> Self {
        Self {
            check,
            store: Arc::clone(store),
            runner,
        }
    }
}

impl<E: Check> Check for WatchedCheck<E> {
    async fn run(&self, attempt: &Attempt) -> Report {
        let (report, shortage) = own_resources::watch(self.runner.run(attempt)).await;
        let mut report = match shortage {
            Some(resource) => during_shortage(report, resource),
            None => report,
        };
        let left_out = self.store.left_out(self.check);
        if left_out.is_empty() {
            return report;
        }
        let described: Vec<_> = left_out
            .iter()
            .map(|(resource, left_out)| left_out.describe(resource))
            .collect();
        report.verdict = report.verdict.with_remark(&described.join(", "));
        report
            .observations
            .extend(left_out.iter().flat_map(|(resource, left_out)| {
                left_out.iter().map(|(reason, count)| {
                    Observation::ObjectsLeftOut(resource, reason.label(), count)
                })
            }));
        report
    }
}

/// Returns the report of an attempt during which this process lacked a resource. What failed may
/// have failed because of that.
fn during_shortage(report: Report, resource: &str) -> Report {
    match report.verdict {
        Verdict::Ok(_) | Verdict::NotApplicable(_) => report,
        verdict => Report::from_verdict(Verdict::Unknown(Evidence::from(format!(
            "the exporter itself ran out of {resource}, so this attempt proves nothing: {}",
            verdict.evidence()
        )))),
    }
}
