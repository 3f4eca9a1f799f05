//! Decides which changes of root causes deserve an Event. Pure; the caller has the clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use crate::catalogue::{CheckId, FailureMode};
use crate::kube_events::root_causes::{RootCause, RootCauses};

/// When root causes are written.
#[derive(Clone, Copy, Debug)]
pub struct EventTiming {
    /// Time for which a root cause must hold. A failure that is seen before its cause is a root
    /// cause until the cause is seen as well.
    pub settle: Duration,
    /// Time after which a lasting root cause is written again. The API server keeps Events for an
    /// hour after their last change.
    pub repeat: Duration,
    /// Time after which an Event that could not be written is tried again.
    pub retry: Duration,
}

/// A change that deserves an Event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RootChange {
    /// A root cause holds, for the first time or still.
    Holds(RootCause),
    /// A check that showed a root cause is healthy again.
    Recovered(Recovery),
}

/// The end of what a check showed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recovery {
    /// The check.
    pub check: CheckId,
    /// The last root cause that was written.
    pub mode: FailureMode,
    /// Since when that had held.
    pub since: SystemTime,
}

/// Compares the root causes that hold now with those that were written before.
#[derive(Debug)]
pub struct RootTracker {
    timing: EventTiming,
    /// Root causes that do not hold for long enough yet, with the time they were first seen.
    settling: BTreeMap<(CheckId, FailureMode), Instant>,
    /// Checks with root causes that were written.
    written: BTreeMap<CheckId, WrittenCheck>,
}

/// The last Event about a check.
#[derive(Debug)]
struct WrittenCheck {
    /// The root causes that still hold, with the time at which they are written again.
    repeats: BTreeMap<FailureMode, Instant>,
    latest: (FailureMode, SystemTime),
}

impl Default for EventTiming {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(30),
            repeat: Duration::from_mins(30),
            retry: Duration::from_mins(1),
        }
    }
}

impl RootTracker {
    /// Returns a tracker that has written nothing.
    pub fn new(timing: EventTiming) -> Self {
        Self {
            timing,
            settling: BTreeMap::new(),
            written: BTreeMap::new(),
        }
    }

    /// Takes the root causes that hold now and returns the changes to write.
    pub fn update(&mut self, causes: &RootCauses, now: Instant) -> Vec<RootChange> {
        let mut changes = self.recoveries(causes);
        let holds = |check: CheckId, mode: FailureMode| {
            let mut roots = causes.roots.iter();
            roots.any(|root| (root.check, root.mode) == (check, mode))
        };
        self.settling
            .retain(|(check, mode), _| holds(*check, *mode));
        for (check, written) in &mut self.written {
            written.repeats.retain(|mode, _| holds(*check, *mode));
        }
        for root in &causes.roots {
            if self.is_due(root, now) {
                let written = self.written.entry(root.check).or_insert(WrittenCheck {
                    repeats: BTreeMap::new(),
                    latest: (root.mode, root.since),
                });
                written.latest = (root.mode, root.since);
                written.repeats.insert(root.mode, now + self.timing.repeat);
                changes.push(RootChange::Holds(root.clone()));
            }
        }
        changes
    }

    /// Writes a root cause again soon, because it could not be written.
    pub fn retry(&mut self, root: &RootCause, now: Instant) {
        if let Some(written) = self.written.get_mut(&root.check) {
            written.repeats.insert(root.mode, now + self.timing.retry);
        }
    }

    /// Returns when the next change is due although nothing else changes.
    pub fn next_due(&self) -> Option<Instant> {
        let settled = self
            .settling
            .values()
            .map(|seen| *seen + self.timing.settle);
        let repeats = self
            .written
            .values()
            .flat_map(|check| check.repeats.values());
        settled.chain(repeats.copied()).min()
    }

    /// Removes the checks that are healthy again.
    fn recoveries(&mut self, causes: &RootCauses) -> Vec<RootChange> {
        let healthy = self
            .written
            .extract_if(.., |check, _| !causes.failing.contains(check));
        healthy
            .map(|(check, written)| {
                let (mode, since) = written.latest;
                RootChange::Recovered(Recovery { check, mode, since })
            })
            .collect()
    }

    /// Returns whether a root cause has to be written: it has settled, or was written long ago.
    fn is_due(&mut self, root: &RootCause, now: Instant) -> bool {
        let written = self.written.get(&root.check);
        if let Some(repeat) = written.and_then(|written| written.repeats.get(&root.mode)) {
            return now >= *repeat;
        }
        let key = (root.check, root.mode);
        let seen = *self.settling.entry(key).or_insert(now);
        let settled = now >= seen + self.timing.settle;
        if settled {
            self.settling.remove(&key);
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Evidence;

    const TIMING: EventTiming = EventTiming {
        settle: Duration::from_secs(30),
        repeat: Duration::from_mins(30),
        retry: Duration::from_mins(1),
    };
    const SCP: FailureMode = FailureMode::Ec2DeniedScp;
    const DENIED: FailureMode = FailureMode::Ec2DeniedUnspecified;

    fn root(mode: FailureMode) -> RootCause {
        RootCause {
            check: CheckId::Ec2Api,
            mode,
            evidence: Evidence::from("denied"),
            remedy: "Allow it.".to_owned(),
            since: SystemTime::UNIX_EPOCH,
        }
    }

    fn causes(modes: &[FailureMode]) -> RootCauses {
        RootCauses {
            roots: modes.iter().map(|mode| root(*mode)).collect(),
            failing: modes.iter().map(|_| CheckId::Ec2Api).collect(),
        }
    }

    fn recovered(mode: FailureMode) -> RootChange {
        RootChange::Recovered(Recovery {
            check: CheckId::Ec2Api,
            mode,
            since: SystemTime::UNIX_EPOCH,
        })
    }

    #[test]
    fn root_cause_is_written_once_it_has_settled_and_again_while_it_lasts() {
        let (mut tracker, start) = (RootTracker::new(TIMING), Instant::now());
        let broken = causes(&[SCP]);
        assert_eq!(tracker.update(&broken, start), []);
        assert_eq!(tracker.next_due(), Some(start + TIMING.settle));
        let settled = start + TIMING.settle;
        let holds = RootChange::Holds(root(SCP));
        assert_eq!(
            tracker.update(&broken, settled),
            std::slice::from_ref(&holds)
        );
        assert_eq!(tracker.update(&broken, settled), []);
        assert_eq!(tracker.next_due(), Some(settled + TIMING.repeat));
        assert_eq!(tracker.update(&broken, settled + TIMING.repeat), [holds]);
    }

    #[test]
    fn short_failure_writes_nothing() {
        let (mut tracker, start) = (RootTracker::new(TIMING), Instant::now());
        assert_eq!(tracker.update(&causes(&[SCP]), start), []);
        assert_eq!(tracker.update(&causes(&[]), start + TIMING.settle), []);
        assert_eq!(tracker.next_due(), None);
    }

    #[test]
    fn recovery_is_written_once_per_check_and_names_the_last_mode() {
        let (mut tracker, start) = (RootTracker::new(TIMING), Instant::now());
        tracker.update(&causes(&[SCP]), start);
        tracker.update(&causes(&[SCP]), start + TIMING.settle);
        // Another mode takes over: the check has not recovered.
        let changed = start + TIMING.settle * 2;
        assert_eq!(tracker.update(&causes(&[DENIED]), changed), []);
        let holds = RootChange::Holds(root(DENIED));
        assert_eq!(
            tracker.update(&causes(&[DENIED]), changed + TIMING.settle),
            [holds]
        );
        assert_eq!(
            tracker.update(&causes(&[]), changed + TIMING.settle),
            [recovered(DENIED)]
        );
        assert_eq!(tracker.update(&causes(&[]), changed + TIMING.settle), []);
    }

    #[test]
    fn root_cause_that_becomes_a_consequence_has_not_recovered() {
        let (mut tracker, start) = (RootTracker::new(TIMING), Instant::now());
        tracker.update(&causes(&[SCP]), start);
        tracker.update(&causes(&[SCP]), start + TIMING.settle);
        let consequence = RootCauses {
            roots: Vec::new(),
            failing: vec![CheckId::Ec2Api],
        };
        assert_eq!(tracker.update(&consequence, start + TIMING.settle), []);
        assert_eq!(tracker.next_due(), None, "nothing is repeated");
        assert_eq!(
            tracker.update(&causes(&[]), start + TIMING.settle),
            [recovered(SCP)]
        );
    }

    #[test]
    fn event_that_could_not_be_written_is_tried_again() {
        let (mut tracker, start) = (RootTracker::new(TIMING), Instant::now());
        tracker.update(&causes(&[SCP]), start);
        let settled = start + TIMING.settle;
        tracker.update(&causes(&[SCP]), settled);
        tracker.retry(&root(SCP), settled);
        assert_eq!(tracker.next_due(), Some(settled + TIMING.retry));
        let again = tracker.update(&causes(&[SCP]), settled + TIMING.retry);
        assert_eq!(again, [RootChange::Holds(root(SCP))]);
    }
}
