//! The credential source that the agent uses, by the rules of Go's SDK (`resolveCredentialChain`).
//!
//! Only the first configured source is used; if it fails, no other is tried.

use crate::config::agent::aws::credential_variables::CredentialVariables;
use crate::config::agent::aws::profile::{Profile, ProfileCredentials};

/// A source of credentials.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CredentialSource {
    /// Static keys in the environment.
    Static,
    /// A service-account token exchanged with STS (IRSA).
    WebIdentity,
    /// A profile in a file.
    Profile,
    /// A container credentials endpoint (EKS Pod Identity, ECS).
    Container,
    /// The node's role.
    Imds,
}

impl CredentialVariables {
    /// Returns the source that the agent uses.
    pub fn source(&self, profile: &Profile) -> CredentialSource {
        if self.has_key() {
            CredentialSource::Static
        } else if self.token_file.is_some() {
            CredentialSource::WebIdentity
        } else {
            self.behind_the_environment(profile)
        }
    }

    /// Returns the source that the default chain of the Rust SDK would use: a profile takes
    /// precedence over a token.
    pub fn source_by_rusts_chain(&self, profile: &Profile) -> CredentialSource {
        match self.behind_the_environment(profile) {
            _ if self.has_key() => CredentialSource::Static,
            CredentialSource::Profile => CredentialSource::Profile,
            _ if self.token_file.is_some() => CredentialSource::WebIdentity,
            other => other,
        }
    }

    fn behind_the_environment(&self, profile: &Profile) -> CredentialSource {
        if !matches!(profile, Profile::Valid(ProfileCredentials::Nothing)) {
            CredentialSource::Profile
        } else if self.container.is_some() {
            CredentialSource::Container
        } else {
            CredentialSource::Imds
        }
    }
}

impl CredentialSource {
    /// Returns the label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::WebIdentity => "web_identity",
            Self::Profile => "profile",
            Self::Container => "container",
            Self::Imds => "imds",
        }
    }
}
