//! The STS API: the caller identity, and roles for a web identity token or an access key.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::{Builder, IdentityCache};

use crate::aws::{CallError, PhasedConnector, sdk_config};
use crate::config::Secret;
use crate::config::agent::aws::ServiceEndpoint;
use crate::config::agent::aws::profile::Role;
use crate::net::Response;
use crate::redaction;

/// Session name unless one is configured.
const DEFAULT_SESSION_NAME: &str = "castai-health-exporter";

/// The identity that STS returns for a caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallerIdentity {
    /// Account ID, twelve digits.
    pub account: String,
    /// ARN of the role session or user.
    pub arn: String,
}

/// A client for STS at one endpoint.
#[derive(Clone, Debug)]
pub struct Sts {
    connector: PhasedConnector,
    config: SdkConfig,
}

impl Sts {
    /// Creates a client.
    pub fn new(connector: &PhasedConnector, endpoint: &ServiceEndpoint) -> Self {
        Self {
            connector: connector.clone(),
            config: sdk_config::new(connector, endpoint),
        }
    }

    /// Calls `GetCallerIdentity`, which needs no permission.
    ///
    /// # Errors
    /// If STS does not return a valid identity.
    pub async fn caller_identity(
        &self,
        credentials: &Credentials,
    ) -> Result<(CallerIdentity, Response), CallError> {
        let provider = SharedCredentialsProvider::new(credentials.clone());
        let client = Client::from_conf(self.builder().credentials_provider(provider).build());
        let (output, response) = self
            .connector
            .call(client.get_caller_identity().send())
            .await?;
        let caller = output
            .account
            .zip(output.arn)
            .map(|(account, arn)| CallerIdentity { account, arn });
        match caller.filter(CallerIdentity::is_plausible) {
            Some(caller) => Ok((caller, response)),
            None => Err(CallError::Response(Box::new(response))),
        }
    }

    /// Calls `AssumeRoleWithWebIdentity`, which is not signed.
    ///
    /// # Errors
    /// If STS does not issue credentials.
    pub async fn assume_role_with_web_identity(
        &self,
        role: &str,
        session: Option<&str>,
        token: &Secret,
    ) -> Result<Credentials, CallError> {
        self.connector.redact(token);
        let client = Client::from_conf(self.builder().build());
        let call = client
            .assume_role_with_web_identity()
            .role_arn(role)
            .web_identity_token(token.reveal());
        let call = call.role_session_name(session.unwrap_or(DEFAULT_SESSION_NAME));
        let (output, response) = self.connector.call(call.send()).await?;
        issued(output.credentials, response)
    }

    /// Calls `AssumeRole` with an access key.
    ///
    /// # Errors
    /// If STS does not issue credentials.
    pub async fn assume_role(&self, role: &Role) -> Result<Credentials, CallError> {
        let provider = SharedCredentialsProvider::new(sdk_config::credentials(&role.key, None));
        let client = Client::from_conf(self.builder().credentials_provider(provider).build());
        let call = client.assume_role().role_arn(&role.arn);
        let call =
            call.role_session_name(role.session_name.as_deref().unwrap_or(DEFAULT_SESSION_NAME));
        let call = call.set_external_id(role.external_id.as_ref().map(|id| id.reveal().to_owned()));
        let (output, response) = self.connector.call(call.send()).await?;
        issued(output.credentials, response)
    }

    fn builder(&self) -> Builder {
        Builder::from(&self.config).identity_cache(IdentityCache::no_cache())
    }
}

fn issued(
    credentials: Option<aws_sdk_sts::types::Credentials>,
    response: Response,
) -> Result<Credentials, CallError> {
    let Some(issued) = credentials.filter(|issued| !issued.access_key_id.is_empty()) else {
        return Err(CallError::Response(Box::new(response)));
    };
    let expiry = SystemTime::try_from(issued.expiration).ok();
    redaction::remember(issued.secret_access_key.as_bytes());
    redaction::remember(issued.session_token.as_bytes());
    Ok(Credentials::new(
        issued.access_key_id,
        issued.secret_access_key,
        Some(issued.session_token),
        expiry,
        sdk_config::PROVIDER_NAME,
    ))
}

impl CallerIdentity {
    fn is_plausible(&self) -> bool {
        self.account.len() == 12
            && self.account.bytes().all(|byte| byte.is_ascii_digit())
            && self.arn.starts_with("arn:")
            && self.arn.len() <= 2048
    }

    /// Returns the short name: `castai-agent`, `user/terraform`, `root`.
    pub fn name(&self) -> &str {
        let resource = self.arn.splitn(6, ':').nth(5).unwrap_or_default();
        resource
            .strip_prefix("assumed-role/")
            .map_or(resource, |role| role.split('/').next().unwrap_or_default())
    }

    /// Returns whether the caller is a session of this role.
    pub fn has_role(&self, role: &str) -> bool {
        let mut parts = role.splitn(6, ':').skip(4);
        let (account, path) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let name = path.rsplit('/').next().unwrap_or_default();
        self.arn.contains(":assumed-role/") && account == self.account && name == self.name()
    }
}
