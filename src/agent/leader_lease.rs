//! The lease by which the replicas of a component elect their leader.

use std::fmt;

use jiff::Timestamp;

use crate::catalogue::{FailureMode as M, Situation};
use crate::config::ObjectName;
use crate::kube::{Client, ClientError, ObjectRequest};
use crate::report::Finding;
use crate::report::evidence::quote;

/// Age of the last renewal after which a held lease is stale. A leader renews every 2 to 3 s and
/// gives up after 15 s.
const STALE_AFTER_SECONDS: f64 = 15.0;
/// Age of the last renewal after which a lease without holder is a fault. A new leader takes over
/// within 16 s.
const VACANT_AFTER_SECONDS: f64 = 30.0;

/// The state of a lease.
#[derive(Debug)]
pub enum LeaderLease {
    /// Leader election is disabled.
    Disabled,
    /// The lease could not be read.
    Unreadable(ClientError),
    /// The lease does not exist.
    NotFound(ObjectName),
    /// The lease exists.
    Found {
        /// The name of the lease.
        name: ObjectName,
        /// The holder; `None` if the lease was released or never held.
        holder: Option<String>,
        /// Age of the last renewal, in seconds.
        renewal_age: Option<f64>,
    },
}

impl LeaderLease {
    /// Reads a lease; without a name, leader election is disabled.
    pub async fn read(client: &Client, name: Option<&ObjectName>) -> Self {
        let Some(name) = name else {
            return Self::Disabled;
        };
        let request = ObjectRequest {
            permission: format!("get leases/{} in namespace {}", name.name, name.namespace),
            path: format!(
                "/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}",
                name.namespace, name.name
            ),
        };
        match client.get_object(&request).await {
            Err(error) => Self::Unreadable(error),
            Ok(None) => Self::NotFound(name.clone()),
            Ok(Some(response)) => {
                // Either clock may be wrong, so the one that makes the renewal younger is used.
                let now = response
                    .date()
                    .into_iter()
                    .fold(Timestamp::now(), Timestamp::min);
                let json = response.json().unwrap_or_default();
                let text = |field: &str| {
                    json["spec"][field]
                        .as_str()
                        .filter(|text: &&str| !text.is_empty())
                };
                let renewed = text("renewTime").and_then(|time| time.parse::<Timestamp>().ok());
                let renewal_age = renewed.map(|at| {
                    (now.as_duration() - at.as_duration())
                        .as_secs_f64()
                        .max(0.0)
                });
                Self::Found {
                    name: name.clone(),
                    holder: text("holderIdentity").map(str::to_owned),
                    renewal_age,
                }
            }
        }
    }

    /// Returns the name, the holder and the age of the last renewal in seconds, if it is held.
    pub fn holder(&self) -> Option<(&ObjectName, &str, f64)> {
        match self {
            Self::Found {
                name,
                holder: Some(holder),
                renewal_age: Some(age),
            } => Some((name, holder, *age)),
            _ => None,
        }
    }

    /// Returns the fault that the lease shows.
    pub fn finding(&self) -> Option<Finding> {
        match self {
            Self::Disabled | Self::Unreadable(_) => None,
            Self::NotFound(name) => {
                let evidence = format!(
                    "lease {} does not exist: no replica was able to create it, so none is the leader and none delivers \
                     data",
                    name.shown()
                );
                let finding = Finding::new(M::AgentNoLeader, evidence);
                Some(finding.in_situation(Some(Situation::LeaseMissing)))
            }
            Self::Found {
                name,
                holder: None,
                renewal_age,
            } => {
                let is_vacant = renewal_age.is_none_or(|age| age > VACANT_AFTER_SECONDS);
                is_vacant.then(|| {
                    let evidence = format!(
                        "lease {} has no holder, so no replica delivers data",
                        name.shown()
                    );
                    Finding::new(M::AgentNoLeader, evidence)
                        .in_situation(Some(Situation::LeaseReleased))
                })
            }
            Self::Found {
                name,
                holder: Some(holder),
                renewal_age,
            } => {
                let age = renewal_age.filter(|age| *age > STALE_AFTER_SECONDS)?;
                let evidence = format!(
                    "lease {} was last renewed {age:.0} s ago by {}; a leader renews it every 2 to 3 s",
                    name.shown(),
                    quote(holder.as_bytes())
                );
                Some(Finding::new(M::AgentLeaseStale, evidence))
            }
        }
    }
}

impl fmt::Display for LeaderLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => write!(f, "leader election is disabled"),
            Self::Unreadable(error) => write!(f, "leader election is unknown: {error}"),
            Self::NotFound(name) => write!(f, "lease {} does not exist", name.shown()),
            Self::Found {
                name, holder: None, ..
            } => write!(f, "lease {} currently has no holder", name.shown()),
            Self::Found {
                renewal_age: None, ..
            } => write!(f, "the lease has no renewal time"),
            Self::Found {
                renewal_age: Some(age),
                holder: Some(holder),
                ..
            } => write!(
                f,
                "the leader's lease was renewed {age:.0} s ago by {}",
                quote(holder.as_bytes())
            ),
        }
    }
}
