//! Requests of the agent that the API server refused, over minutes.
//!
//! An agent without a permission repeats a denied request once a minute, between many requests that
//! succeed. Neither one attempt nor a ratio shows that.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::catalogue::{CheckId, FailureMode as M};
use crate::checks::agent_health::metrics::Counters;
use crate::report::{Finding, LatestReports, Verdict};

/// The period over which refusals are counted.
const WINDOW: Duration = Duration::from_mins(5);
/// The number of refusals in that period below which nothing is reported: a healthy agent meets two
/// at its start.
const MIN_REFUSALS: u64 = 3;
/// The time after the last refusal after which they are over. A denied watch is retried after up to
/// a minute.
const OVER_AFTER: Duration = Duration::from_secs(75);

/// Refused requests of the recent past.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Time and number of refusals between two attempts.
    recent: VecDeque<(Instant, u64)>,
    /// Whether `agent_permissions` has named the missing permission.
    explained: bool,
}

impl Refusals {
    /// Counts the refusals since the last attempt; without counters the agent has restarted.
    pub(super) fn record(&mut self, now: Instant, increase: Option<&Counters>) {
        match increase {
            Some(increase) if increase.forbidden() > 0 => {
                self.recent.push_back((now, increase.forbidden()));
            }
            Some(_) => {}
            None => self.recent.clear(),
        }
        self.recent
            .retain(|(at, _)| now.duration_since(*at) <= WINDOW);
    }

    /// Forgets the refusals that a missing permission explained once the permission is back.
    pub(super) fn follow_permissions(&mut self, reports: &LatestReports) {
        match reports
            .report(CheckId::AgentPermissions)
            .map(|report| &report.verdict)
        {
            Some(Verdict::Failing(_) | Verdict::Warning(_)) => self.explained = true,
            Some(Verdict::Ok(_)) if std::mem::take(&mut self.explained) => self.recent.clear(),
            _ => {}
        }
    }

    /// Returns the finding if refusals recur.
    pub(super) fn finding(&self, now: Instant) -> Option<Finding> {
        let (last, _) = self.recent.back()?;
        let (first, _) = self.recent.front()?;
        let count: u64 = self.recent.iter().map(|(_, count)| count).sum();
        if count < MIN_REFUSALS || now.duration_since(*last) > OVER_AFTER {
            return None;
        }
        let evidence = format!(
            "the API server refused {count} requests of the agent with 403 within the last {} s, \
             according to the agent's own metrics",
            now.duration_since(*first).as_secs()
        );
        Some(Finding::new(M::K8sRbacForbidden, evidence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// Records one refusal at each of these seconds and returns the refusals with the start.
    fn refused_at(seconds: &[u64]) -> (Refusals, Instant) {
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        for second in seconds {
            let at = start + Duration::from_secs(*second);
            refusals.record(at, Some(&Counters::with_forbidden(1)));
        }
        (refusals, start)
    }

    #[test]
    fn one_refusal_a_minute_is_reported_over_minutes() {
        let (refusals, start) = refused_at(&[0, 50, 100]);
        let finding = refusals.finding(start + 2 * MINUTE).unwrap();
        assert_eq!(finding.mode, M::K8sRbacForbidden);
    }

    #[test]
    fn two_refusals_of_a_start_are_not_reported() {
        let (refusals, start) = refused_at(&[0, 1]);
        assert_eq!(refusals.finding(start + MINUTE), None);
    }

    #[test]
    fn refusals_are_over_when_they_stop_or_the_agent_restarts() {
        let (mut refusals, start) = refused_at(&[0, 50, 100]);
        assert!(refusals.finding(start + 2 * MINUTE).is_some());
        assert_eq!(refusals.finding(start + 3 * MINUTE), None);
        refusals.record(start + 2 * MINUTE, None);
        assert_eq!(refusals.finding(start + 2 * MINUTE), None);
    }
}
