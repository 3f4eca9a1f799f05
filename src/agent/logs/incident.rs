//! A failure that a log reports.

use jiff::Timestamp;

use crate::catalogue::{FailureMode, FailureMode as M, Property};
use crate::classify::Peer;

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
    /// Time at which it last prevented a delivery.
    pub(super) delivery_failed_at: Option<Timestamp>,
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
