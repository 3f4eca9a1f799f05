//! The agent's AWS settings, by the agent's own rules.
//!
//! Pure except for [`profile::read`] and [`settings::ca_bundle`], which read the files named in the
//! environment.

pub mod cluster_identity;
pub mod container_credentials;
pub mod credential_source;
pub mod credential_variables;
pub mod endpoints;
pub mod imds;
pub mod profile;
pub mod settings;
pub mod version;

pub use cluster_identity::ClusterIdentity;
pub use container_credentials::{CredentialServer, SkippedReason};
pub use credential_source::CredentialSource;
pub use credential_variables::{AccessKey, ContainerCredentialsUri, CredentialVariables};
pub use endpoints::{AwsService, Endpoints, ServiceEndpoint};
pub use imds::Metadata;
pub use profile::Profile;
pub use settings::{Aws, AwsUsage, ca_bundle};
pub use version::Version;
