//! The clouds beside AWS that clusters run in: what their metadata servers are asked, and what they answer.
//!
//! What is read is reduced on arrival. What is concluded from it is for checks.

pub mod azure_imds;
pub mod gce;
pub mod server;

pub use server::MetadataServer;
