//! Tracks the incidents in the log of one container: when each began, and whether it still holds.
//!
//! A pure function of timed lines. Each peer has at most one active incident: the first cause,
//! because later ones are usually its consequences. When that cause is no longer logged, the next
//! one takes its place. A broken connection or a symptom yields to a cause at once.

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

use crate::agent::logs::incident::Incident;
use crate::catalogue::FailureMode as M;
use crate::classify::{Liveness, LogLine};

/// Time after the last occurrence after which an incident is over; the agent retries everything
/// every 15 s.
const RESOLVED_AFTER: SignedDuration = SignedDuration::from_secs(75);
/// The same for deliveries, which are retried after up to two minutes. A successful delivery
/// resolves them sooner.
const DELIVERY_RESOLVED_AFTER: SignedDuration = SignedDuration::from_mins(6);
/// The same for sticky incidents that resolve by themselves: three of the kubelet's node updates,
/// each of which makes the agent retry.
const STICKY_RESOLVED_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// Time since the last delivery within which the agent counts as delivering; one delivery may take
/// two minutes.
const DELIVERING_WITHIN: SignedDuration = SignedDuration::from_mins(3);

/// The incidents in the log of one container.
#[derive(Clone, Debug, Default)]
pub struct IncidentTracker {
    /// One incident for each mode and peer.
    incidents: Vec<Incident>,
    /// Time of the last successful delivery.
    last_delivery: Option<Timestamp>,
    /// Whether the agent has stated that another replica is the leader.
    is_follower: bool,
    /// Number of failures that no rule classifies.
    pub unclassified: u64,
}

impl IncidentTracker {
    /// Records a line.
    pub(super) fn record(&mut self, at: Timestamp, line: LogLine) {
        match line.sign {
            Some(Liveness::Delivered) => self.last_delivery = Some(at),
            Some(Liveness::Follows) => self.is_follower = true,
            None => {}
        }
        let Some(mode) = line.reading.mode() else {
            return;
        };
        self.unclassified += u64::from(mode == M::Unclassified);
        let delivery_failed_at = line.delivery.then_some(at);
        let incident = Incident {
            mode,
            peer: line.about,
            message: line.words,
            first: at,
            last: at,
            count: 1,
            sticky: line.lasts,
            delivery_failed_at,
        };
        // A sticky line is the result of a new attempt and replaces the previous result.
        let replaces = |other: &Incident| {
            incident.sticky && !incident.is_self_resolving() && incident.mode != other.mode
        };
        self.incidents.retain(|other| {
            if other.competes_with(&incident) {
                !replaces(other)
            } else {
                other.sticky || is_within(other.last, DELIVERY_RESOLVED_AFTER, at)
            }
        });
        let known = self
            .incidents
            .iter()
            .position(|other| other.competes_with(&incident) && other.mode == incident.mode);
        match known {
            Some(known) if self.is_recent(&self.incidents[known], at) => {
                self.incidents[known].recur(at, delivery_failed_at);
            }
            Some(known) => self.incidents[known] = incident,
            None => self.incidents.push(incident),
        }
    }

    /// Returns the incidents that hold at a time, at most one for each peer, oldest first.
    pub fn active(&self, now: Timestamp) -> Vec<&Incident> {
        let mut active: Vec<&Incident> = Vec::new();
        for incident in self
            .incidents
            .iter()
            .filter(|incident| !self.is_resolved(incident) && self.is_recent(incident, now))
        {
            match active
                .iter_mut()
                .find(|other| other.competes_with(incident))
            {
                Some(other) if incident.explains(other) => *other = incident,
                Some(_) => {}
                None => active.push(incident),
            }
        }
        for incident in &mut active {
            *incident = self.preceding_cause(incident, now).unwrap_or(incident);
        }
        active.sort_by_key(|incident| incident.first);
        active
    }

    /// Returns the time of the last successful delivery.
    pub fn last_delivery(&self) -> Option<Timestamp> {
        self.last_delivery
    }

    /// Returns whether the agent has worked since its start: it has delivered, or another replica
    /// is the leader.
    pub fn has_worked(&self) -> bool {
        self.last_delivery.is_some() || self.is_follower
    }

    /// Returns whether deliveries succeed during an incident.
    pub fn delivers_despite(&self, incident: &Incident) -> bool {
        self.last_delivery.is_some_and(|delivery| {
            delivery > incident.first && is_within(delivery, DELIVERING_WITHIN, incident.last)
        })
    }

    /// Returns whether a delivery has succeeded since an incident prevented one.
    fn is_resolved(&self, incident: &Incident) -> bool {
        !incident.sticky
            && incident.delivery_failed_at.is_some()
            && self.last_delivery.is_some_and(|at| at > incident.last)
    }

    /// Returns whether an incident was logged so recently that it still holds.
    fn is_recent(&self, incident: &Incident, now: Timestamp) -> bool {
        if incident.sticky {
            return !incident.is_self_resolving()
                || is_within(incident.last, STICKY_RESOLVED_AFTER, now);
        }
        // The longer limit for deliveries applies only until another cause prevents one.
        let has_newer_cause = |at: Timestamp| {
            self.incidents
                .iter()
                .filter(|other| !other.is_symptom() && other.competes_with(incident))
                .any(|other| other.delivery_failed_at.is_some_and(|other| other > at))
        };
        is_within(incident.last, RESOLVED_AFTER, now)
            || incident.delivery_failed_at.is_some_and(|at| {
                is_within(at, DELIVERY_RESOLVED_AFTER, now) && !has_newer_cause(at)
            })
    }

    /// Returns the cause that was logged shortly before a symptom and usually explains it.
    fn preceding_cause(&self, incident: &Incident, now: Timestamp) -> Option<&Incident> {
        if incident.sticky || !incident.is_symptom() {
            return None;
        }
        self.incidents
            .iter()
            .filter(|other| other.competes_with(incident) && !self.is_resolved(other))
            .filter(|other| !other.is_symptom())
            .filter(|other| {
                is_within(other.last, DELIVERY_RESOLVED_AFTER, now)
                    && is_within(other.last, RESOLVED_AFTER, incident.first)
            })
            .max_by_key(|other| other.last)
    }
}

/// Returns whether a time is at most a duration ago.
fn is_within(at: Timestamp, limit: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(at) <= limit
}
