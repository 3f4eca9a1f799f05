//! The agent's AWS credentials, obtained from the source that the agent's SDK uses, and cached.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;

use crate::aws::imds::ImdsSession;
use crate::aws::projected_token::{ProjectedTokenError, TokenRequester, TokenSource};
use crate::aws::{CallError, Sts, container_credentials, sdk_config};
use crate::catalogue::{CheckId, Timeouts};
use crate::config::agent::aws::profile::{ProfileCredentials, Role};
use crate::config::agent::aws::{AccessKey, CredentialSource, Profile, profile};
use crate::config::{Aws, Config, Secret};
use crate::kube::token_claims::TokenClaims;
use crate::net::NetworkContext;
use crate::report::{Evidence, PhaseTimer};

/// Age at which cached credentials are requested again, so that a broken trust policy shows long
/// before they expire.
const REVALIDATE_AFTER: Duration = Duration::from_mins(10);
/// Credentials that expire within this time are not used.
const EXPIRY_MARGIN: Duration = Duration::from_mins(1);

/// Obtains credentials as the agent does, and caches them.
#[derive(Debug)]
pub struct CredentialProvider {
    aws: Arc<Aws>,
    network: NetworkContext,
    token_requester: TokenRequester,
    imds_timeouts: Timeouts,
    endpoint_timeouts: Timeouts,
    cached: tokio::sync::Mutex<Option<CachedCredentials>>,
}

/// Credentials with their source and age.
#[derive(Clone)]
pub struct CachedCredentials {
    /// The credentials to sign with.
    pub credentials: Credentials,
    /// The source they were obtained from.
    pub source: CredentialSource,
    /// When they were requested.
    pub obtained_at: SystemTime,
    obtained: Instant,
}

/// Whether cached credentials are good enough.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CachePolicy {
    /// Until they expire.
    UseCached,
    /// For ten minutes; then they are requested again.
    Revalidate,
    /// The same, if they were requested after this time.
    NewerThan(SystemTime),
}

/// The reason why the agent has no credentials.
#[derive(Debug)]
pub enum CredentialsError {
    /// STS did not issue them.
    Sts(Box<StsExchange>, CallError),
    /// Another check reports the cause.
    Unavailable(Evidence),
}

/// Input of an STS call that returns credentials.
#[derive(Clone, Debug)]
pub enum StsExchange {
    /// A service account token.
    WebIdentity {
        /// The requested role.
        role: String,
        /// The claims of the token.
        claims: TokenClaims,
    },
    /// An access key of a profile.
    AccessKey(Role),
}

struct WebIdentity {
    role: String,
    token: Secret,
    claims: TokenClaims,
    session: Option<String>,
}

impl CredentialProvider {
    /// Creates a provider with an empty cache.
    pub fn new(
        config: &Config,
        aws: &Arc<Aws>,
        network: &NetworkContext,
        token_requester: TokenRequester,
    ) -> Self {
        Self {
            aws: Arc::clone(aws),
            network: network.clone(),
            token_requester,
            imds_timeouts: config.check(CheckId::Imds).timeouts,
            endpoint_timeouts: config.check(CheckId::AwsCredentials).timeouts,
            cached: tokio::sync::Mutex::default(),
        }
    }

    /// Returns the requester of service account tokens.
    pub fn token_requester(&self) -> &TokenRequester {
        &self.token_requester
    }

    /// Returns the credential source that the agent uses.
    pub fn source(&self) -> CredentialSource {
        self.aws
            .variables
            .source(&profile::read(&self.aws.variables))
    }

    /// Returns whether the agent obtains its credentials from STS.
    pub fn uses_sts(&self) -> bool {
        match (self.source(), profile::read(&self.aws.variables)) {
            (CredentialSource::WebIdentity, _) => true,
            (CredentialSource::Profile, Profile::Valid(profile_credentials)) => {
                matches!(
                    profile_credentials,
                    ProfileCredentials::Role(_) | ProfileCredentials::WebIdentity { .. }
                )
            }
            _ => false,
        }
    }

    /// Returns the agent's credentials; `sts` is the endpoint that the agent would use for them.
    ///
    /// # Errors
    /// If the agent's source does not provide credentials.
    pub async fn credentials(
        &self,
        sts: Result<&Sts, Evidence>,
        policy: CachePolicy,
    ) -> Result<CachedCredentials, CredentialsError> {
        let mut cached = self.cached.lock().await;
        if let Some(credentials) = cached.as_ref().filter(|cached| cached.satisfies(policy)) {
            return Ok(credentials.clone());
        }
        let profile = profile::read(&self.aws.variables);
        let source = self.aws.variables.source(&profile);
        // Taken before the request, so that a later complaint of the agent counts as newer.
        let requested = (SystemTime::now(), Instant::now());
        let obtained = self.obtain(sts, source, &profile).await;
        if obtained.is_err() && policy != CachePolicy::UseCached {
            // Drops credentials that STS no longer issues, but keeps them if STS is unreachable.
            cached.take_if(|_| {
                !matches!(
                    obtained,
                    Err(CredentialsError::Sts(_, CallError::Transport(_)))
                )
            });
        }
        let credentials = CachedCredentials {
            credentials: obtained?,
            source,
            obtained_at: requested.0,
            obtained: requested.1,
        };
        Ok(cached.insert(credentials).clone())
    }

    /// Drops cached credentials, for example after AWS rejected them as expired.
    pub async fn forget(&self) {
        self.cached.lock().await.take();
    }

    async fn obtain(
        &self,
        sts: Result<&Sts, Evidence>,
        source: CredentialSource,
        profile: &Profile,
    ) -> Result<Credentials, CredentialsError> {
        let unavailable = |why: &str| CredentialsError::Unavailable(Evidence::from(why));
        let profile_credentials = match profile {
            Profile::Valid(profile_credentials) => profile_credentials,
            Profile::Invalid(why) => return Err(unavailable(why)),
        };
        match (source, profile_credentials) {
            (CredentialSource::Static, _) => {
                let key = self
                    .aws
                    .variables
                    .key()
                    .ok_or_else(|| unavailable("the access key is incomplete"))?;
                Ok(sdk_config::credentials(&key, None))
            }
            (CredentialSource::Profile, ProfileCredentials::Keys(key)) => {
                Ok(sdk_config::credentials(key, None))
            }
            (CredentialSource::Profile, ProfileCredentials::Role(role)) => {
                let sts = sts.map_err(CredentialsError::Unavailable)?;
                sts.assume_role(role).await.map_err(|error| {
                    CredentialsError::Sts(Box::new(StsExchange::AccessKey(role.clone())), error)
                })
            }
            (CredentialSource::WebIdentity, _)
            | (CredentialSource::Profile, ProfileCredentials::WebIdentity { .. }) => {
                let sts = sts.map_err(CredentialsError::Unavailable)?;
                let WebIdentity {
                    role,
                    token,
                    claims,
                    session,
                } = self
                    .web_identity(profile_credentials)
                    .await
                    .map_err(CredentialsError::Unavailable)?;
                let assumed = sts
                    .assume_role_with_web_identity(&role, session.as_deref(), &token)
                    .await;
                assumed.map_err(|error| {
                    CredentialsError::Sts(
                        Box::new(StsExchange::WebIdentity { role, claims }),
                        error,
                    )
                })
            }
            (CredentialSource::Profile, ProfileCredentials::Unprobed(way)) => Err(unavailable(
                &format!("the profile uses {way}, which the exporter does not support"),
            )),
            (CredentialSource::Profile, ProfileCredentials::Nothing) => {
                Err(unavailable("the profile contains no credentials"))
            }
            (CredentialSource::Container, _) => self
                .read_container_endpoint()
                .await
                .map_err(CredentialsError::Unavailable),
            (CredentialSource::Imds, _) => self
                .read_imds()
                .await
                .map_err(CredentialsError::Unavailable),
        }
    }

    async fn web_identity(
        &self,
        profile_credentials: &ProfileCredentials,
    ) -> Result<WebIdentity, Evidence> {
        let variables = &self.aws.variables;
        let (file, role) = match (&variables.token_file, profile_credentials) {
            (Some(file), _) => (file, &variables.role_arn),
            (
                None,
                ProfileCredentials::WebIdentity {
                    token_file,
                    role_arn,
                },
            ) => (token_file, role_arn),
            (None, _) => return Err(Evidence::from("no web identity token file is configured")),
        };
        let role = role
            .clone()
            .ok_or_else(|| Evidence::from("no role is configured"))?;
        let token = TokenSource::of(&self.aws, file)
            .token(&self.token_requester)
            .await;
        let (token, claims) = token.map_err(|error| match error {
            ProjectedTokenError::Invalid(finding) => finding.evidence,
            ProjectedTokenError::Unavailable(why) => why,
        })?;
        Ok(WebIdentity {
            role,
            token,
            claims,
            session: variables.session_name.clone(),
        })
    }

    async fn read_container_endpoint(&self) -> Result<Credentials, Evidence> {
        let variables = &self.aws.variables;
        let container = variables
            .container
            .as_ref()
            .ok_or_else(|| Evidence::from("no credentials endpoint is configured"))?;
        let given = container_credentials::obtain(
            container,
            variables,
            self.endpoint_timeouts,
            &self.network.resolver,
        )
        .await?;
        Ok(sdk_config::credentials(
            &given.key,
            system_time(given.expiry),
        ))
    }

    async fn read_imds(&self) -> Result<Credentials, Evidence> {
        if self.aws.metadata.disabled {
            return Err(Evidence::from(
                "no credentials are configured, and AWS_EC2_METADATA_DISABLED rules out the node's role",
            ));
        }
        let endpoint = self
            .aws
            .metadata
            .endpoint
            .as_ref()
            .map_err(|why| Evidence::from(why.to_string()))?;
        let timer = PhaseTimer::default();
        let mut imds =
            ImdsSession::new(endpoint, self.imds_timeouts, &self.network.resolver, &timer);
        let role = async {
            imds.begin().await?;
            imds.role().await
        };
        let role = role.await.map_err(|finding| finding.evidence)?;
        let expiry = system_time(role.expiry);
        let key: AccessKey = role
            .key
            .ok_or_else(|| Evidence::from("instance metadata returned a role without its key"))?;
        Ok(sdk_config::credentials(&key, expiry))
    }
}

fn system_time(unix_seconds: Option<i64>) -> Option<SystemTime> {
    let seconds = u64::try_from(unix_seconds?).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

impl CachedCredentials {
    fn satisfies(&self, policy: CachePolicy) -> bool {
        let is_young = || self.obtained.elapsed() < REVALIDATE_AFTER;
        let is_new_enough = match policy {
            CachePolicy::UseCached => true,
            CachePolicy::Revalidate => is_young(),
            CachePolicy::NewerThan(time) => is_young() && self.obtained_at > time,
        };
        is_new_enough
            && self
                .credentials
                .expiry()
                .is_none_or(|expiry| expiry > SystemTime::now() + EXPIRY_MARGIN)
    }

    /// Returns whether the credentials are temporary, that is, have a session token.
    pub fn are_temporary(&self) -> bool {
        self.credentials.session_token().is_some()
    }

    /// Returns the expiry in seconds since 1970.
    pub fn expiry(&self) -> Option<i64> {
        let expiry = self
            .credentials
            .expiry()?
            .duration_since(SystemTime::UNIX_EPOCH)
            .ok()?;
        i64::try_from(expiry.as_secs()).ok()
    }
}

impl fmt::Debug for CachedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedCredentials")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
