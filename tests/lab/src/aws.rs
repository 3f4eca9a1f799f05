//! Fake AWS: one account and the services that share it.
//!
//! The services verify every request as AWS does: access key, session, credential scope, date and
//! signature. The signature is computed here, not by an SDK.

pub mod account;
pub mod ec2;
pub mod eks;
pub mod pod_identity;
pub mod sts;

mod instance;
mod jwt_verifier;
mod policy_denial;
mod random;
mod signature;
mod signer;
#[cfg(test)]
mod tests;
mod web_identity;
mod xml;

use std::net::SocketAddr;

pub use account::{Account, OidcProvider, Role, SessionCredentials, SigningKeys, WebIdentity};
pub use ec2::{Ec2, Ec2Fault};
pub use eks::{Eks, EksFault};
pub use instance::Instance;
pub use pod_identity::{PodIdentity, PodIdentityFault};
use serde_json::json;
pub use signer::Signer;
pub use sts::{Sts, StsFault};
use time::{Duration, OffsetDateTime};

use crate::fault::Fault;
use crate::jwt_with_claims;
use crate::request::Request;
use crate::response::Response;

/// Default account ID.
pub const ACCOUNT: &str = "123456789012";
/// Default region.
pub const REGION: &str = "eu-central-1";
/// Default access key ID of the agent.
pub const KEY_ID: &str = "AKIALABLABLABLABLAB1";
/// Default secret access key of the agent.
pub const SECRET: &str = "lab/user/secret/access/key/0123456789abc";
/// Default role of the agent.
pub const ROLE: &str = "castai-agent";
/// Default issuer of service-account tokens.
pub const ISSUER: &str = "https://oidc.eks.eu-central-1.amazonaws.com/id/LAB";
/// Default subject of the agent's service-account tokens.
pub const SUBJECT: &str = "system:serviceaccount:castai-agent:castai-agent";

/// Address, names and region of an AWS service.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Address to listen on.
    pub addr: SocketAddr,
    /// Host names to accept and to include in the certificate, in addition to the address.
    pub names: Vec<String>,
    /// Region that signatures must be scoped to.
    pub region: String,
}

// === impl Endpoint ===

impl Endpoint {
    /// Default endpoint of STS.
    pub fn sts() -> Self {
        Self::of("sts", 60)
    }

    /// Default endpoint of EC2.
    pub fn ec2() -> Self {
        Self::of("ec2", 61)
    }

    /// Default endpoint of EKS.
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

/// Creates a token of the agent's service account for EKS Pod Identity, valid for one day.
pub fn pod_identity_token() -> String {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let audience = pod_identity::AUDIENCE;
    jwt_with_claims(
        &json!({ "iss": ISSUER, "sub": SUBJECT, "aud": [audience], "iat": now - 60, "exp": now + 86_400 }),
    )
}

/// Returns the server's clock, skewed by [`Fault::Clock`].
fn now(line: Option<&Fault>) -> OffsetDateTime {
    let skew = if let Some(Fault::Clock(skew)) = line {
        skew.0
    } else {
        0
    };
    OffsetDateTime::now_utc() + Duration::seconds(skew)
}

/// Whether the request's `Host` is one of `names`, with any port.
fn is_for(request: &Request, names: &[String]) -> bool {
    let host = request.header("host").unwrap_or_default();
    let bare = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let bare = bare.map_or(host, |(bare, _)| bare).trim_matches(['[', ']']);
    names.iter().any(|name| name.eq_ignore_ascii_case(bare))
}

/// Response to an unknown host or operation.
fn unknown_operation() -> Response {
    Response::new(404, "application/xml", "<UnknownOperationException/>\n")
}
