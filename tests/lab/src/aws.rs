//! AWS as a pod meets it: one account, and the servers that know it.
//!
//! They refuse what AWS refuses: every request is checked for its key, its session, its scope, its date and its
//! signature, which is computed here and not by any SDK.

pub mod account;
pub mod ec2;
pub mod eks;
pub mod pod_identity;
pub mod sts;

mod denial;
mod instance;
mod random;
mod signature;
#[cfg(test)]
mod tests;
mod token;
mod web_identity;
mod xml;

use std::net::SocketAddr;

pub use account::{Account, Issued, Provider, Role, Signs, WebIdentity};
pub use ec2::{Ec2, Ec2Fault};
pub use eks::{Eks, EksFault};
pub use instance::Instance;
pub use pod_identity::{PodIdentity, PodIdentityFault};
use serde_json::json;
pub use signature::Signer;
pub use sts::{Sts, StsFault};
use time::{Duration, OffsetDateTime};

use crate::answer::Answer;
use crate::fault::Fault;
use crate::request::Request;
use crate::token_with;

/// The account that everything belongs to, by default.
pub const ACCOUNT: &str = "123456789012";
/// The region that everything is in, by default.
pub const REGION: &str = "eu-central-1";
/// The id of the agent's key, by default.
pub const KEY_ID: &str = "AKIALABLABLABLABLAB1";
/// The secret of the agent's key, by default.
pub const SECRET: &str = "lab/user/secret/access/key/0123456789abc";
/// The agent's role, by default.
pub const ROLE: &str = "castai-agent";
/// Who signs the tokens of service accounts, by default.
pub const ISSUER: &str = "https://oidc.eks.eu-central-1.amazonaws.com/id/LAB";
/// The agent's service account, by default.
pub const SUBJECT: &str = "system:serviceaccount:castai-agent:castai-agent";

/// Where a service of AWS is set up.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The names that it answers to and that are in its certificate; its address is there too.
    pub names: Vec<String>,
    /// The region that signatures must be for.
    pub region: String,
}

// === impl Place ===

impl Place {
    /// Of STS.
    pub fn sts() -> Self {
        Self::of("sts", 60)
    }

    /// Of EC2.
    pub fn ec2() -> Self {
        Self::of("ec2", 61)
    }

    /// Of EKS.
    pub fn eks() -> Self {
        Self::of("eks", 62)
    }

    fn of(service: &str, net: u8) -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, net, 1], 0)),
            names: vec![
                format!("{service}.lab"),
                format!("{service}.{REGION}.amazonaws.com"),
            ],
            region: REGION.to_owned(),
        }
    }
}

/// A token of the agent's service account for EKS Pod Identity, for a day.
pub fn pod_identity_token() -> String {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let audience = pod_identity::AUDIENCE;
    token_with(
        &json!({ "iss": ISSUER, "sub": SUBJECT, "aud": [audience], "iat": now - 60, "exp": now + 86_400 }),
    )
}

/// What a server with a fault on the line takes for the time.
fn now(line: Option<&Fault>) -> OffsetDateTime {
    let skew = if let Some(Fault::Clock(skew)) = line {
        skew.0
    } else {
        0
    };
    OffsetDateTime::now_utc() + Duration::seconds(skew)
}

/// Whether a request is meant for a server of these names, whatever the port.
fn is_for(request: &Request, names: &[String]) -> bool {
    let host = request.header("host").unwrap_or_default();
    let bare = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let bare = bare.map_or(host, |(bare, _)| bare).trim_matches(['[', ']']);
    names.iter().any(|name| name.eq_ignore_ascii_case(bare))
}

/// What AWS's front says of a host or an operation that nobody is behind.
fn unknown_operation() -> Answer {
    Answer::new(404, "application/xml", "<UnknownOperationException/>\n")
}
