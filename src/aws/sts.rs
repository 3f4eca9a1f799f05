//! STS: who the agent is, and which role it gets for its token or key.

use std::time::SystemTime;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::{Builder, IdentityCache};

use crate::aws::{Line, Refused};
use crate::config::Secret;
use crate::config::aws::profile::Role;
use crate::config::aws::{Endpoint, Key};
use crate::net::Answer;

/// What the agent's SDK names its sessions, unless it is told otherwise; a time follows.
const SESSION: &str = "castai-health-exporter";
/// Where the SDK's credentials say that they come from.
const ORIGIN: &str = "castai-health-exporter";

/// Who AWS says the caller is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// Twelve digits.
    pub account: String,
    /// The whole name.
    pub arn: String,
}

/// STS at one address.
#[derive(Clone, Debug)]
pub struct Sts {
    line: Line,
    config: SdkConfig,
}

impl Sts {
    /// STS at the end of a line.
    pub fn new(line: &Line, endpoint: &Endpoint) -> Self {
        Self {
            line: line.clone(),
            config: config(line, endpoint),
        }
    }

    /// `GetCallerIdentity`, which needs no permission.
    ///
    /// # Errors
    /// How far it got; an answer that names nobody counts as refused.
    pub async fn caller(&self, credentials: &Credentials) -> Result<(Caller, Answer), Refused> {
        let provider = SharedCredentialsProvider::new(credentials.clone());
        let client = Client::from_conf(self.builder().credentials_provider(provider).build());
        let (output, answer) = self.line.call(client.get_caller_identity().send()).await?;
        let caller = output
            .account
            .zip(output.arn)
            .map(|(account, arn)| Caller { account, arn });
        match caller.filter(Caller::is_plausible) {
            Some(caller) => Ok((caller, answer)),
            None => Err(Refused::Answered(Box::new(answer))),
        }
    }

    /// `AssumeRoleWithWebIdentity`, which needs no signature.
    ///
    /// # Errors
    /// How far it got.
    pub async fn with_web_identity(
        &self,
        role: &str,
        session: Option<&str>,
        token: &Secret,
    ) -> Result<Credentials, Refused> {
        self.line.keep_secret(token);
        let client = Client::from_conf(self.builder().build());
        let call = client
            .assume_role_with_web_identity()
            .role_arn(role)
            .web_identity_token(token.reveal());
        let call = call.role_session_name(session.unwrap_or(SESSION));
        let (output, answer) = self.line.call(call.send()).await?;
        given(output.credentials, answer)
    }

    /// `AssumeRole` with a key.
    ///
    /// # Errors
    /// How far it got.
    pub async fn with_key(&self, role: &Role) -> Result<Credentials, Refused> {
        let provider = SharedCredentialsProvider::new(of_key(&role.key, None));
        let client = Client::from_conf(self.builder().credentials_provider(provider).build());
        let call = client.assume_role().role_arn(&role.arn);
        let call = call.role_session_name(role.session_name.as_deref().unwrap_or(SESSION));
        let call = call.set_external_id(role.external_id.as_ref().map(|id| id.reveal().to_owned()));
        let (output, answer) = self.line.call(call.send()).await?;
        given(output.credentials, answer)
    }

    fn builder(&self) -> Builder {
        Builder::from(&self.config).identity_cache(IdentityCache::no_cache())
    }
}

/// The SDK's settings for one address: one attempt, no time-outs but ours, nothing from the environment.
pub(super) fn config(line: &Line, endpoint: &Endpoint) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(endpoint.signing_region.clone()))
        .endpoint_url(endpoint.url.as_str())
        .http_client(line.clone())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// A key, perhaps with an end, as the SDK wants it.
pub fn of_key(key: &Key, end: Option<SystemTime>) -> Credentials {
    let session = key.session.as_ref().map(|token| token.reveal().to_owned());
    Credentials::new(&key.id, key.secret.reveal(), session, end, ORIGIN)
}

fn given(
    credentials: Option<aws_sdk_sts::types::Credentials>,
    answer: Answer,
) -> Result<Credentials, Refused> {
    let Some(given) = credentials.filter(|given| !given.access_key_id.is_empty()) else {
        return Err(Refused::Answered(Box::new(answer)));
    };
    let end = SystemTime::try_from(given.expiration).ok();
    Ok(Credentials::new(
        given.access_key_id,
        given.secret_access_key,
        Some(given.session_token),
        end,
        ORIGIN,
    ))
}

impl Caller {
    fn is_plausible(&self) -> bool {
        self.account.len() == 12
            && self.account.bytes().all(|byte| byte.is_ascii_digit())
            && self.arn.starts_with("arn:")
            && self.arn.len() <= 2048
    }

    /// Role or user, as people know it: `castai-agent`, `user/terraform`, `root`.
    pub fn name(&self) -> &str {
        let what = self.arn.splitn(6, ':').nth(5).unwrap_or_default();
        what.strip_prefix("assumed-role/")
            .map_or(what, |role| role.split('/').next().unwrap_or_default())
    }

    /// Whether it is a session of this role.
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
