//! Which source of credentials the agent uses: the rule of Go's SDK (`resolveCredentialChain`).
//!
//! The first source that is configured is the only one that is asked; when it fails, no other is tried.

use std::path::PathBuf;

use crate::config::Secret;
use crate::config::aws::profile::{Gives, Profile};

/// Where credentials come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// Keys in the environment.
    Static,
    /// A token of the service account that STS exchanges (IRSA).
    WebIdentity,
    /// A profile in a file.
    Profile,
    /// A server that the environment names (EKS Pod Identity, ECS).
    Container,
    /// The node's role.
    Imds,
}

/// What the environment gives an SDK to find credentials.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Variables {
    /// `AWS_ACCESS_KEY_ID`.
    pub key_id: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret: Option<Secret>,
    /// `AWS_SESSION_TOKEN`.
    pub session: Option<Secret>,
    /// `AWS_WEB_IDENTITY_TOKEN_FILE`.
    pub token_file: Option<PathBuf>,
    /// `AWS_ROLE_ARN`.
    pub role_arn: Option<String>,
    /// `AWS_ROLE_SESSION_NAME`.
    pub session_name: Option<String>,
    /// `AWS_PROFILE`: it must exist.
    pub profile: Option<String>,
    /// `AWS_DEFAULT_PROFILE`: it may be missing.
    pub default_profile: Option<String>,
    /// The two files with profiles, the one with credentials last.
    pub profile_files: Vec<PathBuf>,
    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI`, or its relative kind.
    pub container: Option<Container>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    pub container_token: Option<Secret>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`.
    pub container_token_file: Option<PathBuf>,
}

/// A key to sign requests with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
    /// The token of its session, when it is temporary.
    pub session: Option<Secret>,
}

/// A server of credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Container {
    /// At this address.
    Full(String),
    /// At this path of ECS's server.
    Relative(String),
}

impl Variables {
    pub(super) fn read(set: &dyn Fn(&str) -> Option<String>) -> Self {
        let either = |one: &str, other: &str| set(one).or_else(|| set(other));
        let home = set("HOME").map(PathBuf::from);
        let file = |name: &str, usual: &str| {
            set(name)
                .map(PathBuf::from)
                .or_else(|| home.as_ref().map(|home| home.join(".aws").join(usual)))
        };
        let files = [
            file("AWS_CONFIG_FILE", "config"),
            file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        ];
        Self {
            key_id: either("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"),
            secret: either("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY").map(Secret::new),
            session: set("AWS_SESSION_TOKEN").map(Secret::new),
            token_file: set("AWS_WEB_IDENTITY_TOKEN_FILE").map(PathBuf::from),
            role_arn: set("AWS_ROLE_ARN"),
            session_name: set("AWS_ROLE_SESSION_NAME"),
            profile: set("AWS_PROFILE"),
            default_profile: set("AWS_DEFAULT_PROFILE"),
            profile_files: files.into_iter().flatten().collect(),
            container: set("AWS_CONTAINER_CREDENTIALS_FULL_URI")
                .map(Container::Full)
                .or_else(|| set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(Container::Relative)),
            container_token: set("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
            container_token_file: set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from),
        }
    }

    /// Whether a key is whole; half a key is overlooked.
    pub fn has_key(&self) -> bool {
        self.key().is_some()
    }

    /// The key of the environment, when it is whole.
    pub fn key(&self) -> Option<Key> {
        let (id, secret) = (self.key_id.clone()?, self.secret.clone()?);
        Some(Key {
            id,
            secret,
            session: self.session.clone(),
        })
    }

    /// Whether there is half a key.
    pub fn has_half_a_key(&self) -> bool {
        self.key_id.is_some() != self.secret.is_some()
    }

    /// The source that the agent uses.
    pub fn source(&self, profile: &Profile) -> Source {
        if self.has_key() {
            Source::Static
        } else if self.token_file.is_some() {
            Source::WebIdentity
        } else {
            self.behind_the_environment(profile)
        }
    }

    /// The source that the default chain of Rust's SDK would use: a profile goes before a token.
    pub fn source_by_rusts_chain(&self, profile: &Profile) -> Source {
        match self.behind_the_environment(profile) {
            _ if self.has_key() => Source::Static,
            Source::Profile => Source::Profile,
            _ if self.token_file.is_some() => Source::WebIdentity,
            other => other,
        }
    }

    fn behind_the_environment(&self, profile: &Profile) -> Source {
        if !matches!(profile, Profile::Gives(Gives::Nothing)) {
            Source::Profile
        } else if self.container.is_some() {
            Source::Container
        } else {
            Source::Imds
        }
    }
}

impl Source {
    /// The word for it.
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
