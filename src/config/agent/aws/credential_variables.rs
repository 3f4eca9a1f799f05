//! The environment variables from which the AWS SDK takes credentials.

use std::path::PathBuf;

use crate::config::secret::Secret;

/// Credential settings in the environment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CredentialVariables {
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
    /// `AWS_PROFILE`; it must exist.
    pub profile: Option<String>,
    /// `AWS_DEFAULT_PROFILE`; it may be missing.
    pub default_profile: Option<String>,
    /// The two profile files, credentials last.
    pub profile_files: Vec<PathBuf>,
    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI`, or `…_RELATIVE_URI`.
    pub container: Option<ContainerCredentialsUri>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    pub container_token: Option<Secret>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`.
    pub container_token_file: Option<PathBuf>,
}

/// An access key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessKey {
    /// Key ID.
    pub id: String,
    /// Secret access key.
    pub secret: Secret,
    /// Session token of a temporary key.
    pub session: Option<Secret>,
}

/// Setting of the container credentials endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ContainerCredentialsUri {
    /// A full URI.
    Full(String),
    /// A path on ECS's endpoint.
    Relative(String),
}

impl CredentialVariables {
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
                .map(ContainerCredentialsUri::Full)
                .or_else(|| {
                    set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
                        .map(ContainerCredentialsUri::Relative)
                }),
            container_token: set("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
            container_token_file: set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from),
        }
    }

    /// Returns whether ID and secret are set; an incomplete key is ignored.
    pub fn has_key(&self) -> bool {
        self.key().is_some()
    }

    /// Returns the key in the environment, if complete.
    pub fn key(&self) -> Option<AccessKey> {
        let (id, secret) = (self.key_id.clone()?, self.secret.clone()?);
        Some(AccessKey {
            id,
            secret,
            session: self.session.clone(),
        })
    }

    /// Returns whether only one of ID and secret is set.
    pub fn has_half_a_key(&self) -> bool {
        self.key_id.is_some() != self.secret.is_some()
    }
}
