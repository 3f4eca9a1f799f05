//! A failure that a log reports.

use jiff::{SignedDuration, Timestamp};

use crate::catalogue::{Category, FailureMode, FailureMode as M, Property};
use crate::classify::Peer;

/// Times after the last occurrence after which an incident is over. The agent retries most requests
/// every 15 s.
const RESOLVED_AFTER: SignedDuration = SignedDuration::from_secs(40);
/// The same for requests that are retried more rarely: a watch that is denied waits for up to a
/// minute.
const RARE_RESOLVED_AFTER: SignedDuration = SignedDuration::from_secs(75);

/// A failure that a log reports, with all its occurrences.
#[derive(Clone, Debug)]
pub struct Incident {
    /// The failure mode.
    pub mode: FailureMode,
    /// The peer of the failed request.
    pub peer: Peer,
    /// The message of the first occurrence.
    pub message: String,
    /// Time of the first occurrence.
    pub first: Timestamp,
    /// Time of the last occurrence.
    pub last: Timestamp,
    /// Number of occurrences.
    pub count: u64,
    /// Whether the agent logs the failure only once, so that it lasts until another line disproves
    /// it.
    pub sticky: bool,
    /// Whether it concerns the credentials of a cloud.
    pub credentials: bool,
    /// Time of the event that the log reports.
    pub event_at: Option<Timestamp>,
    /// Time at which it last prevented a delivery.
    pub(super) delivery_failed_at: Option<Timestamp>,
    /// Whether newer evidence has shown that it is over.
    pub(super) refuted: bool,
    /// Longest time between two occurrences.
    pub(super) longest_gap: SignedDuration,
}

/// The precision with which a mode names the cause.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Specificity {
    /// A symptom without its phase, such as a timeout.
    Symptom,
    /// A broken connection, but not why a new one fails.
    BrokenConnection,
    /// The cause.
    Cause,
}

impl Incident {
    /// Returns number and times of the occurrences, for the middle of a sentence.
    pub fn occurrences(&self) -> String {
        let time = |at: &Timestamp| at.strftime("%H:%M:%S").to_string();
        match self.count {
            1 => format!("at {}", time(&self.first)),
            count => format!(
                "{count} times from {} to {} UTC",
                time(&self.first),
                time(&self.last)
            ),
        }
    }

    /// Counts another occurrence.
    pub(super) fn recur(&mut self, at: Timestamp, delivery_failed_at: Option<Timestamp>) {
        self.longest_gap = self.longest_gap.max(at.duration_since(self.last));
        self.last = at;
        self.count += 1;
        self.delivery_failed_at = delivery_failed_at.or(self.delivery_failed_at);
    }

    /// Returns whether another incident has the same peer and stickiness, so that only one of them
    /// is reported.
    pub(super) fn competes_with(&self, other: &Self) -> bool {
        self.peer == other.peer && self.sticky == other.sticky
    }

    /// Returns whether this incident is reported instead of a competing one.
    pub(super) fn explains(&self, other: &Self) -> bool {
        if self.sticky {
            return self.last > other.last;
        }
        let (own, others) = (self.specificity(), other.specificity());
        own > others || own == others && self.first < other.first
    }

    /// Returns the time after the last occurrence after which the incident is over.
    pub(super) fn resolved_after(&self) -> SignedDuration {
        // Without a valid token the agent loses its lease, and retries that every two seconds.
        let is_lease = self.peer == Peer::Kubernetes && self.mode != M::K8sRbacForbidden;
        if self.mode.category() == Category::Denied && !is_lease {
            return RARE_RESOLVED_AFTER;
        }
        // Twice the observed pause between retries, which grows while the client backs off.
        (self.longest_gap * 2).clamp(RESOLVED_AFTER, RARE_RESOLVED_AFTER)
    }

    /// Returns whether a sticky incident resolves by itself.
    pub(super) fn is_self_resolving(&self) -> bool {
        // One broken connection or one failed call to STS does not predict the next.
        let is_single_call = matches!(self.mode, M::NetReset | M::AwsStsUnreachable);
        is_single_call || self.mode.has(Property::Transient) || self.mode.has(Property::Timeout)
    }

    pub(super) fn specificity(&self) -> Specificity {
        match self.mode {
            mode if mode.has(Property::Symptom) => Specificity::Symptom,
            M::NetReset => Specificity::BrokenConnection,
            _ => Specificity::Cause,
        }
    }

    pub(super) fn is_symptom(&self) -> bool {
        self.specificity() == Specificity::Symptom
    }
}
