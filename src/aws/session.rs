//! AWS as the agent uses it: region, endpoints, trust and credentials. Shared by the checks that
//! call AWS.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::aws::credentials::{
    CachePolicy, CachedCredentials, CredentialProvider, CredentialsError,
};
use crate::aws::imds::ImdsSession;
use crate::aws::projected_token::TokenRequester;
use crate::aws::{PhasedConnector, Sts};
use crate::catalogue::{CheckId, FailureMode, Timeouts};
use crate::config::agent::aws::{
    AwsService, AwsUsage, ClusterIdentity, CredentialSource, ServiceEndpoint, Version, ca_bundle,
    profile,
};
use crate::config::agent::setting_error::SettingError;
use crate::config::{Aws, Config};
use crate::net::{NetworkContext, Target, Trust, tls};
use crate::report::{Ec2Instance, Evidence, Finding, LatestReports, PhaseTimer, Verdict};

/// Interval between attempts to read instance metadata that failed before.
const IMDS_RETRY_INTERVAL: Duration = Duration::from_mins(10);

/// The agent's view of AWS.
#[derive(Debug)]
pub struct AwsSession {
    aws: Arc<Aws>,
    network: NetworkContext,
    imds_timeouts: Timeouts,
    credentials: CredentialProvider,
    /// The content of `AWS_CA_BUNDLE` and the roots parsed from it.
    bundle: Mutex<Option<(Vec<u8>, Arc<Trust>)>>,
    own_instance: tokio::sync::Mutex<OwnInstance>,
    hints: Mutex<ClusterHints>,
}

/// Facts about the agent from the Kubernetes API.
#[derive(Debug, Default)]
struct ClusterHints {
    /// The agent's version, from its image tag.
    version: Option<Version>,
    /// The role in the annotation of its service account.
    role: Option<String>,
    /// The instance of its node, from the node's `providerID`.
    instance: Option<Ec2Instance>,
}

/// The instance that this pod runs on; it does not change while the pod lives.
#[derive(Debug, Default)]
enum OwnInstance {
    /// Instance metadata was not read yet.
    #[default]
    NotRead,
    /// Instance metadata could not be read at this time.
    Failed(Instant),
    Known(Ec2Instance),
}

/// The endpoint of an AWS service and the target to connect to.
#[derive(Debug)]
pub struct ServiceTarget {
    /// URL and signing region.
    pub endpoint: ServiceEndpoint,
    /// Host, port, trust and proxy.
    pub target: Target,
}

impl AwsSession {
    /// Creates a session without cached credentials.
    pub fn new(config: &Config, network: &NetworkContext, token_requester: TokenRequester) -> Self {
        let aws = Arc::new(config.aws.clone());
        Self {
            credentials: CredentialProvider::new(config, &aws, network, token_requester),
            aws,
            network: network.clone(),
            imds_timeouts: config.check(CheckId::Imds).timeouts,
            bundle: Mutex::default(),
            own_instance: tokio::sync::Mutex::default(),
            hints: Mutex::default(),
        }
    }

    /// Returns the AWS settings in the agent's environment.
    pub fn settings(&self) -> &Aws {
        &self.aws
    }

    /// Returns the agent's version: from the cluster, otherwise from the configuration.
    pub fn agent_version(&self) -> Option<Version> {
        self.hints().version.or(self.aws.agent)
    }

    /// Returns the role in the annotation of the agent's service account, if it could be read.
    pub fn annotated_role(&self) -> Option<String> {
        self.hints().role.clone()
    }

    /// Returns the instance of the agent's node, from the node's `providerID`.
    pub fn node_instance(&self) -> Option<Ec2Instance> {
        self.hints().instance.clone()
    }

    /// Stores what the cluster shows about the agent. A missing version or instance keeps the
    /// previous one.
    pub fn update_hints(
        &self,
        version: Option<Version>,
        role: Option<&str>,
        instance: Option<Ec2Instance>,
    ) {
        let mut hints = self.hints();
        hints.version = version.or(hints.version);
        hints.role = role.map(str::to_owned);
        hints.instance = instance.or(hints.instance.take());
    }

    fn hints(&self) -> MutexGuard<'_, ClusterHints> {
        self.hints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the region of the endpoints that the agent uses.
    ///
    /// # Errors
    /// If the region is neither configured nor known from instance metadata.
    pub fn region(&self, peers: &LatestReports) -> Result<String, Evidence> {
        if let ClusterIdentity::Complete { region, .. } = &self.aws.given {
            return Ok(region.clone());
        }
        let from_imds = || {
            peers
                .report(CheckId::Imds)?
                .instance
                .as_ref()
                .map(|instance| instance.region.clone())
        };
        let discovers = self.aws.used() == AwsUsage::Discovery;
        discovers
            .then(from_imds)
            .flatten()
            .or_else(|| self.aws.region.clone())
            .or_else(|| {
                self.profile_settings()
                    .remove("region")
                    .filter(|region| !region.is_empty())
            })
            .ok_or_else(|| {
                Evidence::from(
                    "the AWS region is unknown: it is not configured, and instance metadata has not returned it",
                )
            })
    }

    /// Returns the endpoint of a service that the agent uses.
    ///
    /// # Errors
    /// If the agent's SDK rejects the endpoint settings.
    pub fn endpoint(
        &self,
        service: AwsService,
        region: &str,
    ) -> Result<ServiceEndpoint, SettingError> {
        self.aws.endpoints.or_profile(&self.profile_settings()).of(
            service,
            region,
            self.agent_version(),
        )
    }

    /// Returns the endpoint of a service, and the target with the agent's trust and proxy.
    ///
    /// # Errors
    /// A failing or unknown verdict if endpoint, trust or proxy settings are invalid.
    pub fn service_target(
        &self,
        service: AwsService,
        region: &str,
        timeouts: Timeouts,
    ) -> Result<ServiceTarget, Verdict> {
        let endpoint = self.endpoint(service, region);
        let endpoint = endpoint.map_err(|why| {
            Verdict::failing(Finding::new(
                FailureMode::AgentConfigInvalid,
                why.to_string(),
            ))
        })?;
        let https = endpoint.url.scheme() == "https";
        let host = endpoint
            .url
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        let port = endpoint.url.port_or_known_default().unwrap_or(443);
        let trust = https
            .then(|| self.trust())
            .transpose()
            .map_err(Verdict::Unknown)?;
        let proxy = self.network.proxy_for(https, &host, port)?;
        Ok(ServiceTarget {
            target: Target {
                host,
                port,
                trust,
                server_name: None,
                proxy,
                timeouts,
            },
            endpoint,
        })
    }

    fn profile_settings(&self) -> BTreeMap<String, String> {
        profile::settings(&self.aws.variables)
    }

    /// Returns the root certificates that the agent's SDK trusts: those of `AWS_CA_BUNDLE`, or the
    /// system's.
    fn trust(&self) -> Result<Arc<Trust>, Evidence> {
        let Some(path) = &self.aws.ca_bundle else {
            return self
                .network
                .system_trust()
                .map_err(|error| Evidence::from(error.to_string()));
        };
        let pem = ca_bundle(path).map_err(|why| Evidence::from(format!("AWS_CA_BUNDLE: {why}")))?;
        let mut parsed = self.bundle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, trust)) = parsed.as_ref().filter(|(of, _)| *of == pem) {
            return Ok(Arc::clone(trust));
        }
        let trust = Trust::pem(&pem, tls::trust::PkiScope::Public);
        let trust = trust.map_err(|error| Evidence::from(format!("AWS_CA_BUNDLE: {error}")))?;
        let (_, trust) = parsed.insert((pem, Arc::new(trust)));
        Ok(Arc::clone(trust))
    }

    /// Returns the instance that this pod runs on, from the `imds` check or from instance metadata.
    ///
    /// The agent does not read instance metadata if the account and region of the cluster are
    /// configured, so it is read only once, and again some minutes after a failure.
    pub async fn own_instance(&self, peers: &LatestReports) -> Option<Ec2Instance> {
        let mut own = self.own_instance.lock().await;
        if let Some(instance) = peers
            .report(CheckId::Imds)
            .and_then(|report| report.instance.clone())
        {
            *own = OwnInstance::Known(instance);
        }
        match &*own {
            OwnInstance::Known(instance) => return Some(instance.clone()),
            OwnInstance::Failed(at) if at.elapsed() < IMDS_RETRY_INTERVAL => return None,
            OwnInstance::Failed(_) | OwnInstance::NotRead => {}
        }
        let is_readable =
            !self.aws.metadata.disabled && !matches!(self.aws.used(), AwsUsage::Nothing(_));
        let endpoint = self
            .aws
            .metadata
            .endpoint
            .as_ref()
            .ok()
            .filter(|_| is_readable)?;
        let timer = PhaseTimer::default();
        let mut imds =
            ImdsSession::new(endpoint, self.imds_timeouts, &self.network.resolver, &timer);
        let document = async {
            imds.begin().await?;
            imds.document().await
        };
        *own = document
            .await
            .map_or_else(|_| OwnInstance::Failed(Instant::now()), OwnInstance::Known);
        if let OwnInstance::Known(instance) = &*own {
            Some(instance.clone())
        } else {
            None
        }
    }

    /// Returns the requester of service account tokens.
    pub fn token_requester(&self) -> &TokenRequester {
        self.credentials.token_requester()
    }

    /// Returns the credential source that the agent uses.
    pub fn source(&self) -> CredentialSource {
        self.credentials.source()
    }

    /// Returns whether the agent obtains its credentials from STS.
    pub fn uses_sts(&self) -> bool {
        self.credentials.uses_sts()
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
        self.credentials.credentials(sts, policy).await
    }

    /// Returns the agent's credentials without a second request to STS if `sts_identity` already
    /// makes one.
    ///
    /// # Errors
    /// If the agent's source does not provide credentials.
    pub async fn cached_credentials(
        &self,
        region: &str,
        timeouts: Timeouts,
        peers: &LatestReports,
    ) -> Result<CachedCredentials, Evidence> {
        let sts_is_checked = peers
            .report(CheckId::StsIdentity)
            .is_some_and(|report| !matches!(report.verdict, Verdict::NotApplicable(_)));
        let sts = if self.uses_sts() && sts_is_checked {
            Err(Evidence::from("STS does not issue them, see sts_identity"))
        } else {
            self.service_target(AwsService::Sts, region, timeouts)
                .map_err(|verdict| verdict.evidence())
                .map(|target| {
                    let connector = PhasedConnector::new(
                        target.target,
                        &self.network.resolver,
                        &PhaseTimer::default(),
                    );
                    Sts::new(&connector, &target.endpoint)
                })
        };
        let sts = sts.as_ref().map_err(Clone::clone);
        let credentials = self.credentials(sts, CachePolicy::UseCached).await;
        credentials.map_err(|error| match error {
            CredentialsError::Unavailable(why) => why,
            CredentialsError::Sts(..) => Evidence::from("STS does not issue them"),
        })
    }

    /// Drops cached credentials, for example after AWS rejected them as expired.
    pub async fn forget_credentials(&self) {
        self.credentials.forget().await;
    }
}
