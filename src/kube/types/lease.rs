//! Leases: who leads (`coordination.k8s.io/v1`).

use jiff::Timestamp;
use serde::Deserialize;

use crate::kube::types::{Kept, Meta, raw};

/// A lease.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Who holds it; `None` when it was let go.
    pub holder: Option<String>,
    /// When its holder last said that it still leads.
    pub renewed: Option<Timestamp>,
    /// Since when its holder leads.
    pub acquired: Option<Timestamp>,
    /// For how long a word of the holder counts, in seconds.
    pub duration: Option<u32>,
    /// How often it changed hands.
    pub transitions: u32,
}

/// What is read of a lease.
#[derive(Debug, Deserialize)]
pub struct RawLease {
    metadata: Meta,
    #[serde(default)]
    spec: RawSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSpec {
    holder_identity: Option<String>,
    renew_time: Option<Timestamp>,
    acquire_time: Option<Timestamp>,
    lease_duration_seconds: Option<u32>,
    lease_transitions: Option<u32>,
}

raw!(RawLease);

impl Kept for Lease {
    type Raw = RawLease;
    const MOST: usize = 500;

    fn keep(raw: RawLease, _before: Option<&Self>) -> Option<Self> {
        let RawLease { metadata, spec } = raw;
        Some(Self {
            name: metadata.name,
            created: metadata.creation_timestamp,
            holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
            renewed: spec.renew_time,
            acquired: spec.acquire_time,
            duration: spec.lease_duration_seconds,
            transitions: spec.lease_transitions.unwrap_or(0),
        })
    }
}
