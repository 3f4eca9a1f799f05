//! The lease by which one instance of a component leads.

use std::fmt;

use jiff::Timestamp;

use crate::catalogue::FailureMode as M;
use crate::config::ObjectName;
use crate::kube::object_reader::{Found, Wanted};
use crate::kube::{Door, object_reader};
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding};

/// A leader renews every two or three seconds and has lost its lease after 15, in seconds.
const LOST: f64 = 15.0;
/// After a leader let go or died, another leads within 16 s, in seconds.
const SUCCEEDED: f64 = 30.0;

/// What is known of the lease.
#[derive(Debug)]
pub enum Lease {
    /// Leader election is off.
    Off,
    /// It could not be read.
    Unread(Evidence),
    /// It does not exist.
    Missing(ObjectName),
    /// It exists.
    There {
        /// Its name.
        name: ObjectName,
        /// `None` when it was let go, or never held.
        holder: Option<String>,
        /// How long ago its holder renewed it, in seconds.
        renewed: Option<f64>,
    },
}

impl Lease {
    /// Reads it.
    pub async fn read(door: &Door, name: Option<&ObjectName>) -> Self {
        let Some(name) = name else { return Self::Off };
        let wanted = Wanted {
            right: format!(
                "get leases/{} in the namespace {}",
                name.name, name.namespace
            ),
            path: format!(
                "/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}",
                name.namespace, name.name
            ),
        };
        match object_reader::read(door, &wanted).await {
            Err(why) => Self::Unread(why),
            Ok(Found::Nothing) => Self::Missing(name.clone()),
            Ok(Found::Object(answer)) => {
                // One of both clocks may be wrong; the one that makes the lease younger is believed.
                let now = answer
                    .date()
                    .into_iter()
                    .fold(Timestamp::now(), Timestamp::min);
                let json = answer.json().unwrap_or_default();
                let text = |field: &str| {
                    json["spec"][field]
                        .as_str()
                        .filter(|text: &&str| !text.is_empty())
                };
                let renewed = text("renewTime").and_then(|time| time.parse::<Timestamp>().ok());
                let renewed = renewed.map(|at| {
                    (now.as_duration() - at.as_duration())
                        .as_secs_f64()
                        .max(0.0)
                });
                Self::There {
                    name: name.clone(),
                    holder: text("holderIdentity").map(str::to_owned),
                    renewed,
                }
            }
        }
    }

    /// What is wrong with it, as the evidence goes on after what the agent says of itself.
    pub fn finding(&self) -> Option<Finding> {
        match self {
            Self::Off | Self::Unread(_) => None,
            Self::Missing(name) => Some(Finding::new(
                M::AgentNoLeader,
                format!(
                    "there is no lease {}: no instance could write it, so none leads and none delivers",
                    name.shown()
                ),
            )),
            Self::There {
                name,
                holder: None,
                renewed,
            } => {
                let vacant = renewed.is_none_or(|ago| ago > SUCCEEDED);
                vacant.then(|| {
                    let evidence = format!(
                        "nobody holds the lease {}, so nobody delivers",
                        name.shown()
                    );
                    Finding::new(M::AgentNoLeader, evidence)
                })
            }
            Self::There {
                name,
                holder: Some(holder),
                renewed,
            } => {
                let ago = renewed.filter(|ago| *ago > LOST)?;
                let evidence = format!(
                    "the lease {} was last renewed {ago:.0} s ago by {}, and a leader renews it every 2 or 3 s",
                    name.shown(),
                    quote(holder.as_bytes())
                );
                Some(Finding::new(M::AgentLeaseStale, evidence))
            }
        }
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => write!(f, "leader election is off"),
            Self::Unread(why) => write!(f, "whether somebody leads is not known: {why}"),
            Self::Missing(name) => write!(f, "there is no lease {}", name.shown()),
            Self::There {
                name, holder: None, ..
            } => write!(f, "nobody holds the lease {} just now", name.shown()),
            Self::There { renewed: None, .. } => {
                write!(f, "the lease says not when it was renewed")
            }
            Self::There {
                renewed: Some(ago),
                holder: Some(holder),
                ..
            } => {
                write!(
                    f,
                    "the leader's lease was renewed {ago:.0} s ago by {}",
                    quote(holder.as_bytes())
                )
            }
        }
    }
}
