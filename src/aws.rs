//! Requests to AWS as the agent's SDK sends them, and the responses.
//!
//! Invariant: one attempt, no retries, no timeouts except those of the phases; a key, token or
//! signature goes only to the service it is meant for. Checks draw the conclusions.

pub mod aws_error;
pub mod container_credentials;
pub mod credentials;
pub mod ec2;
pub mod eks;
pub mod imds;
pub mod phased_connector;
pub mod projected_token;
pub mod session;
pub mod sts;

mod credentials_document;
mod sdk_config;
mod signed_operation;

pub use aws_error::AwsError;
pub use ec2::Ec2;
pub use eks::Eks;
pub use phased_connector::{CallError, PhasedConnector};
pub use sts::{CallerIdentity, Sts};
