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
use crate::classify::{LeaseSign, Liveness, LogLine, Peer};

/// Time after which an incident that prevents deliveries is over; they are retried after up to two
/// minutes. A successful delivery resolves it sooner.
const DELIVERY_RESOLVED_AFTER: SignedDuration = SignedDuration::from_mins(6);
/// The same for sticky incidents that resolve by themselves: three of the kubelet's node updates,
/// each of which makes the agent retry.
const STICKY_RESOLVED_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// Time between a failed request to CAST AI and a delivery after which the delivery shows that the
/// request would succeed too; the agent polls its configuration every 15 s.
const CASTAI_RETRIED_AFTER: SignedDuration = SignedDuration::from_secs(20);
/// Longest time from a symptom's cause to the symptom.
const CAUSE_WITHIN: SignedDuration = SignedDuration::from_secs(75);
/// Longest time from the last line of a cause to the exit that it explains.
const EXIT_WITHIN: SignedDuration = SignedDuration::from_mins(1);
/// Pause within which several incidents at an exit count as equally recent. The agent waits 15 s
/// between its last error and the exit.
const SAME_EXIT_WITHIN: SignedDuration = SignedDuration::from_secs(20);
/// Time after a conflict on the lease within which a late renewal is its consequence: one renewal may
/// take ten seconds.
const CONFLICT_WITHIN: SignedDuration = SignedDuration::from_secs(15);
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
    /// Time at which another process last changed the leader election lease.
    lease_conflict: Option<Timestamp>,
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
        let conflicted = |at| {
            self.lease_conflict
                .is_some_and(|conflict| is_within(conflict, CONFLICT_WITHIN, at))
        };
        match line.lease {
            Some(LeaseSign::Conflict) => self.lease_conflict = Some(at),
            // The API server did answer: with the conflict. The retry ran out of the time that was
            // left for the renewal.
            Some(LeaseSign::ClientWait) if conflicted(at) => return,
            Some(LeaseSign::ClientWait) | None => {}
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
            credentials: line.credentials,
            event_at: line.event_at,
            delivery_failed_at,
            refuted: false,
            longest_gap: SignedDuration::ZERO,
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
            Some(known) if self.is_continued(&self.incidents[known], at) => {
                let known = &mut self.incidents[known];
                known.event_at = incident.event_at;
                known.recur(at, delivery_failed_at);
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
            .filter(|incident| !self.is_over(incident) && self.is_recent(incident, now))
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

    /// Returns the incidents that explain why the run ended at a time, oldest first. An earlier one
    /// was over by then, or did not prevent the agent from running on.
    pub fn at_exit(&self, ended: Timestamp) -> Vec<&Incident> {
        let mut incidents = self.active(ended);
        incidents
            .retain(|incident| !incident.sticky && is_within(incident.last, EXIT_WITHIN, ended));
        if let Some(last) = incidents.iter().map(|incident| incident.last).max() {
            incidents.retain(|incident| is_within(incident.last, SAME_EXIT_WITHIN, last));
        }
        incidents
    }

    /// Marks incidents that newer evidence disproves. They stay over even if that evidence is lost,
    /// unless the log reports them again.
    pub(super) fn refute(&mut self, is_disproved: impl Fn(&Incident) -> bool) {
        for incident in &mut self.incidents {
            incident.refuted |= is_disproved(incident);
        }
    }

    /// Returns the time of the last complaint about credentials that was not refuted.
    pub(super) fn last_credentials_complaint(&self) -> Option<Timestamp> {
        self.incidents
            .iter()
            .filter(|incident| incident.credentials && !incident.refuted)
            .map(|incident| incident.last)
            .max()
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

    /// Returns whether an incident was refuted or resolved.
    fn is_over(&self, incident: &Incident) -> bool {
        incident.refuted || self.is_resolved(incident)
    }

    /// Returns whether a delivery has succeeded since an incident prevented one, or since the API
    /// key was rejected, or so long after another failed request to CAST AI that the agent has
    /// repeated the request.
    fn is_resolved(&self, incident: &Incident) -> bool {
        // All requests to CAST AI use the same key.
        let concerns_delivery =
            incident.delivery_failed_at.is_some() || incident.mode == M::CastaiTokenInvalid;
        let resolves = |delivery: Timestamp| {
            let after = delivery.duration_since(incident.last);
            concerns_delivery && after > SignedDuration::ZERO
                || incident.peer == Peer::Castai && after >= CASTAI_RETRIED_AFTER
        };
        !incident.sticky && self.last_delivery.is_some_and(resolves)
    }

    /// Returns whether another occurrence belongs to the same incident.
    fn is_continued(&self, incident: &Incident, at: Timestamp) -> bool {
        !incident.refuted && self.is_recent(incident, at)
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
        is_within(incident.last, incident.resolved_after(), now)
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
            .filter(|other| other.competes_with(incident) && !self.is_over(other))
            .filter(|other| !other.is_symptom())
            .filter(|other| {
                is_within(other.last, DELIVERY_RESOLVED_AFTER, now)
                    && is_within(other.last, CAUSE_WITHIN, incident.first)
            })
            .max_by_key(|other| other.last)
    }
}

/// Returns whether a time is at most a duration ago.
fn is_within(at: Timestamp, limit: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(at) <= limit
}
