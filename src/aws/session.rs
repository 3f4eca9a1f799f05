//! AWS as the agent would use it now: where it asks, and with which credentials. Shared by the checks that ask AWS.
//!
//! Credentials are obtained as the agent's SDK obtains them, from its one source, and kept until it is time to see
//! whether they would still be given.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;

use crate::aws::imds::Visit;
use crate::aws::{Line, Refused, Sts, sts};
use crate::catalogue::{CheckId, FailureMode, Limits};
use crate::checks::CheckContext;
use crate::checks::aws_credentials::tokens::Origin;
use crate::checks::aws_credentials::{container, tokens};
use crate::config::aws::profile::{Gives, Role};
use crate::config::aws::{
    Endpoint, Given, Key, Profile, Service, Source, Use, Version, ca_bundle, profile,
};
use crate::config::{Aws, Config, Secret};
use crate::kube::service_account_token::Claims;
use crate::net::{Route, Trust, tls};
use crate::report::{Evidence, Finding, Instance, Peers, Trail, Verdict};

/// Credentials are asked for anew so often, so that a broken trust is seen long before the old ones end.
const AFRESH: Duration = Duration::from_mins(10);
/// Credentials that end so soon are not used any more.
const MARGIN: Duration = Duration::from_mins(1);

/// What is shared.
#[derive(Debug)]
pub struct AwsSession {
    aws: Aws,
    /// How long instance metadata is waited for.
    patience: Limits,
    /// How long a server of credentials is waited for.
    credentials_patience: Limits,
    held: tokio::sync::Mutex<Option<Held>>,
    bundle: Mutex<Option<(Vec<u8>, Arc<Trust>)>>,
    instance: tokio::sync::Mutex<Own>,
    learnt: Mutex<Learnt>,
}

/// What the cluster tells of the agent.
#[derive(Debug, Default)]
struct Learnt {
    /// Its version, from its image's tag.
    version: Option<Version>,
    /// The role that its service account's annotation names.
    role: Option<String>,
    /// The instance of its node, by the node's `providerID`.
    instance: Option<Instance>,
}

/// Credentials as the agent would have them.
#[derive(Clone)]
pub struct Held {
    /// To sign with.
    pub credentials: Credentials,
    /// Where they come from.
    pub source: Source,
    since: Instant,
}

/// The instance that this pod runs on: it does not change while the pod lives.
#[derive(Debug, Default)]
enum Own {
    /// Nobody has asked yet.
    #[default]
    Unasked,
    /// Instance metadata did not tell, then.
    Untold(Instant),
    /// It is this one.
    Known(Instance),
}

/// Where a service is, and the way there.
#[derive(Debug)]
pub struct Place {
    /// Its address and region.
    pub endpoint: Endpoint,
    /// The way.
    pub route: Route,
}

/// Whether credentials that were given once are good enough.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness {
    /// As long as they last.
    AsLongAsTheyLast,
    /// Not after some minutes.
    Afresh,
}

/// Why there are no credentials.
#[derive(Debug)]
pub enum Missing {
    /// STS did not give them.
    Refused(Exchange, Refused),
    /// Something else, of which another check tells.
    Elsewhere(Evidence),
}

/// What STS is given for credentials.
#[derive(Clone, Debug)]
pub enum Exchange {
    /// A token of the service account.
    WebIdentity {
        /// The role that is wanted.
        role: String,
        /// What the token says of itself.
        claims: Claims,
    },
    /// A key of a profile.
    Key(Role),
}

/// The agent's web identity.
struct WebIdentity {
    role: String,
    token: Secret,
    claims: Claims,
    session: Option<String>,
}

impl AwsSession {
    /// Nothing is held yet.
    pub fn new(config: &Config) -> Self {
        Self {
            aws: config.aws.clone(),
            patience: config.check(CheckId::Imds).limits,
            credentials_patience: config.check(CheckId::AwsCredentials).limits,
            held: tokio::sync::Mutex::default(),
            bundle: Mutex::default(),
            instance: tokio::sync::Mutex::default(),
            learnt: Mutex::default(),
        }
    }

    /// What the agent's environment says of AWS.
    pub fn settings(&self) -> &Aws {
        &self.aws
    }

    /// The agent's version: as the cluster tells it, else as it is configured.
    pub fn agent(&self) -> Option<Version> {
        self.learnt().version.or(self.aws.agent)
    }

    /// The role that the annotation of the agent's service account names, where it could be read.
    pub fn annotated_role(&self) -> Option<String> {
        self.learnt().role.clone()
    }

    /// The instance of the agent's node, as the node's `providerID` tells it.
    pub fn nodes_instance(&self) -> Option<Instance> {
        self.learnt().instance.clone()
    }

    /// Takes what the cluster tells of the agent; what it does not tell any more is kept, but for the role.
    pub fn learn(&self, version: Option<Version>, role: Option<&str>, instance: Option<Instance>) {
        let mut learnt = self.learnt();
        learnt.version = version.or(learnt.version);
        learnt.role = role.map(str::to_owned);
        learnt.instance = instance.or(learnt.instance.take());
    }

    fn learnt(&self) -> MutexGuard<'_, Learnt> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The region that the agent asks.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn region(&self, peers: &Peers) -> Result<String, Evidence> {
        if let Given::Complete { region, .. } = &self.aws.given {
            return Ok(region.clone());
        }
        let told = || {
            peers
                .report(CheckId::Imds)?
                .instance
                .as_ref()
                .map(|instance| instance.region.clone())
        };
        let discovers = self.aws.used() == Use::Discovery;
        let region = discovers
            .then(told)
            .flatten()
            .or_else(|| self.aws.region.clone());
        region.or_else(|| self.profile_settings().remove("region").filter(|region| !region.is_empty())).ok_or_else(
            || Evidence::from("the region is not known: it is not given, and instance metadata has not told it"),
        )
    }

    /// Where the agent asks a service.
    ///
    /// # Errors
    /// What in the settings the agent's SDK cannot use.
    pub fn endpoint(&self, service: Service, region: &str) -> Result<Endpoint, String> {
        self.aws
            .endpoints
            .or_profile(&self.profile_settings())
            .of(service, region, self.agent())
    }

    fn profile_settings(&self) -> BTreeMap<String, String> {
        profile::settings(&self.aws.variables)
    }

    /// The source that the agent uses.
    pub fn source(&self) -> Source {
        self.aws
            .variables
            .source(&profile::read(&self.aws.variables))
    }

    /// Whether the agent itself asks STS for its credentials.
    pub fn asks_sts(&self) -> bool {
        match (self.source(), profile::read(&self.aws.variables)) {
            (Source::WebIdentity, _) => true,
            (Source::Profile, Profile::Gives(gives)) => {
                matches!(gives, Gives::Role(_) | Gives::WebIdentity { .. })
            }
            _ => false,
        }
    }

    /// Whom the agent's SDK trusts: the bundle of `AWS_CA_BUNDLE`, or the system's roots.
    ///
    /// # Errors
    /// Why nobody can be trusted.
    pub fn trust(&self, world: &CheckContext) -> Result<Arc<Trust>, Evidence> {
        let Some(path) = &self.aws.ca_bundle else {
            return world
                .system_trust()
                .map_err(|why| Evidence::from(why.as_str()));
        };
        let pem = ca_bundle(path).map_err(|why| Evidence::from(format!("AWS_CA_BUNDLE: {why}")))?;
        let mut kept = self.bundle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, trust)) = kept.as_ref().filter(|(of, _)| *of == pem) {
            return Ok(Arc::clone(trust));
        }
        let trust = Trust::pem(&pem, tls::Place::Public);
        let trust = trust.map_err(|error| Evidence::from(format!("AWS_CA_BUNDLE: {error}")))?;
        let (_, trust) = kept.insert((pem, Arc::new(trust)));
        Ok(Arc::clone(trust))
    }

    /// The instance that this pod runs on, as far as instance metadata or the board tells.
    ///
    /// With the account and region of the cluster given, the agent does not ask for it; it is asked once, and after a
    /// refusal not again for some minutes.
    pub async fn own_instance(&self, world: &CheckContext, peers: &Peers) -> Option<Instance> {
        let mut own = self.instance.lock().await;
        if let Some(instance) = peers
            .report(CheckId::Imds)
            .and_then(|report| report.instance.clone())
        {
            *own = Own::Known(instance);
        }
        match &*own {
            Own::Known(instance) => return Some(instance.clone()),
            Own::Untold(at) if at.elapsed() < AFRESH => return None,
            Own::Untold(_) | Own::Unasked => {}
        }
        let asked = !self.aws.metadata.disabled && !matches!(self.aws.used(), Use::Nothing(_));
        let endpoint = self.aws.metadata.endpoint.as_ref().ok().filter(|_| asked)?;
        let trail = Trail::default();
        let mut visit = Visit::new(endpoint, self.patience, &world.resolver, &trail);
        let told = async {
            visit.begin().await?;
            visit.document().await
        };
        *own = told
            .await
            .map_or_else(|_| Own::Untold(Instant::now()), Own::Known);
        if let Own::Known(instance) = &*own {
            Some(instance.clone())
        } else {
            None
        }
    }

    /// The agent's credentials; `sts` is where it would ask for them.
    ///
    /// # Errors
    /// Why it has none.
    pub async fn credentials(
        &self,
        world: &CheckContext,
        sts: Result<&Sts, Evidence>,
        freshness: Freshness,
    ) -> Result<Held, Missing> {
        let mut kept = self.held.lock().await;
        if let Some(held) = kept.as_ref().filter(|held| held.is_good(freshness)) {
            return Ok(held.clone());
        }
        let profile = profile::read(&self.aws.variables);
        let source = self.aws.variables.source(&profile);
        let credentials = self.obtain(world, sts, source, &profile).await;
        if credentials.is_err() && freshness == Freshness::Afresh {
            // What is not given any more is not used any more, unless nobody could be asked.
            kept.take_if(|_| {
                !matches!(credentials, Err(Missing::Refused(_, Refused::OnTheWay(_))))
            });
        }
        let held = Held {
            credentials: credentials?,
            source,
            since: Instant::now(),
        };
        Ok(kept.insert(held).clone())
    }

    /// Forgets credentials that were refused as old.
    pub async fn forget(&self) {
        self.held.lock().await.take();
    }

    async fn obtain(
        &self,
        world: &CheckContext,
        sts: Result<&Sts, Evidence>,
        source: Source,
        profile: &Profile,
    ) -> Result<Credentials, Missing> {
        let elsewhere = |why: &str| Missing::Elsewhere(Evidence::from(why));
        let gives = match profile {
            Profile::Gives(gives) => gives,
            Profile::Invalid(why) => return Err(elsewhere(why)),
        };
        match (source, gives) {
            (Source::Static, _) => {
                let key = self
                    .aws
                    .variables
                    .key()
                    .ok_or_else(|| elsewhere("the key is not whole"))?;
                Ok(sts::of_key(&key, None))
            }
            (Source::Profile, Gives::Keys(key)) => Ok(sts::of_key(key, None)),
            (Source::Profile, Gives::Role(role)) => {
                let sts = sts.map_err(Missing::Elsewhere)?;
                sts.with_key(role)
                    .await
                    .map_err(|refused| Missing::Refused(Exchange::Key(role.clone()), refused))
            }
            (Source::WebIdentity, _) | (Source::Profile, Gives::WebIdentity { .. }) => {
                let sts = sts.map_err(Missing::Elsewhere)?;
                let WebIdentity {
                    role,
                    token,
                    claims,
                    session,
                } = self
                    .web_identity(gives, world)
                    .await
                    .map_err(Missing::Elsewhere)?;
                let answered = sts
                    .with_web_identity(&role, session.as_deref(), &token)
                    .await;
                answered.map_err(|refused| {
                    Missing::Refused(Exchange::WebIdentity { role, claims }, refused)
                })
            }
            (Source::Profile, Gives::Unprobed(way)) => Err(elsewhere(&format!(
                "the profile gives credentials by {way}, which the exporter does not use"
            ))),
            (Source::Profile, Gives::Nothing) => Err(elsewhere("the profile gives no credentials")),
            (Source::Container, _) => self.container_key(world).await.map_err(Missing::Elsewhere),
            (Source::Imds, _) => self.node_key(world).await.map_err(Missing::Elsewhere),
        }
    }

    async fn web_identity(&self, gives: &Gives, world: &CheckContext) -> Result<WebIdentity, Evidence> {
        let variables = &self.aws.variables;
        let (file, role) = match (&variables.token_file, gives) {
            (Some(file), _) => (file, &variables.role_arn),
            (
                None,
                Gives::WebIdentity {
                    token_file,
                    role_arn,
                },
            ) => (token_file, role_arn),
            (None, _) => return Err(Evidence::from("no token file is named")),
        };
        let role = role
            .clone()
            .ok_or_else(|| Evidence::from("no role is named"))?;
        let answered = Origin::of(&self.aws, file).get(world).await;
        let (token, claims) = answered.map_err(|missing| match missing {
            tokens::Missing::Broken(finding) => finding.evidence,
            tokens::Missing::Unknown(why) => why,
        })?;
        Ok(WebIdentity {
            role,
            token,
            claims,
            session: variables.session_name.clone(),
        })
    }

    async fn container_key(&self, world: &CheckContext) -> Result<Credentials, Evidence> {
        let variables = &self.aws.variables;
        let server = variables
            .container
            .as_ref()
            .ok_or_else(|| Evidence::from("no server of credentials is named"))?;
        let given =
            container::credentials(server, variables, self.credentials_patience, world).await?;
        Ok(sts::of_key(&given.key, time_of(given.end)))
    }

    async fn node_key(&self, world: &CheckContext) -> Result<Credentials, Evidence> {
        if self.aws.metadata.disabled {
            return Err(Evidence::from(
                "none are given, and AWS_EC2_METADATA_DISABLED forbids to ask the node",
            ));
        }
        let endpoint = self
            .aws
            .metadata
            .endpoint
            .as_ref()
            .map_err(|why| Evidence::from(why.as_str()))?;
        let trail = Trail::default();
        let mut visit = Visit::new(endpoint, self.patience, &world.resolver, &trail);
        let role = async {
            visit.begin().await?;
            visit.role().await
        };
        let role = role.await.map_err(|finding| finding.evidence)?;
        let end = time_of(role.end);
        let key: Key = role
            .key
            .ok_or_else(|| Evidence::from("instance metadata gave a role without its key"))?;
        Ok(sts::of_key(&key, end))
    }
}

/// A time in seconds since 1970.
fn time_of(seconds: Option<i64>) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds?).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

impl Held {
    fn is_good(&self, freshness: Freshness) -> bool {
        let young = freshness == Freshness::AsLongAsTheyLast || self.since.elapsed() < AFRESH;
        young
            && self
                .credentials
                .expiry()
                .is_none_or(|end| end > SystemTime::now() + MARGIN)
    }

    /// Whether they end some day.
    pub fn are_temporary(&self) -> bool {
        self.credentials.session_token().is_some()
    }

    /// When they end, in seconds since 1970.
    pub fn end(&self) -> Option<i64> {
        let end = self
            .credentials
            .expiry()?
            .duration_since(SystemTime::UNIX_EPOCH)
            .ok()?;
        i64::try_from(end.as_secs()).ok()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl CheckContext {
    /// Where the agent asks a service of AWS, and the way there.
    ///
    /// # Errors
    /// The verdict on a service that cannot be asked.
    pub fn place(&self, service: Service, region: &str, limits: Limits) -> Result<Place, Verdict> {
        let endpoint = self.aws.endpoint(service, region);
        let endpoint = endpoint
            .map_err(|why| Verdict::failing(Finding::new(FailureMode::AgentConfigInvalid, why)))?;
        let https = endpoint.url.scheme() == "https";
        let host = endpoint
            .url
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        let port = endpoint.url.port_or_known_default().unwrap_or(443);
        let trust = https
            .then(|| self.aws.trust(self))
            .transpose()
            .map_err(Verdict::Unknown)?;
        let proxy = self.proxy_for(https, &host, port)?;
        Ok(Place {
            route: Route {
                host,
                port,
                trust,
                server_name: None,
                proxy,
                limits,
            },
            endpoint,
        })
    }

    /// The agent's credentials, from what `sts_identity` holds if it holds any; STS is not asked twice for nothing.
    ///
    /// # Errors
    /// Why it has none.
    pub async fn held(
        &self,
        region: &str,
        limits: Limits,
        peers: &Peers,
    ) -> Result<Held, Evidence> {
        let asked = peers.report(CheckId::StsIdentity);
        let asked =
            asked.is_some_and(|report| !matches!(report.verdict, Verdict::NotApplicable(_)));
        let sts = if self.aws.asks_sts() && asked {
            Err(Evidence::from("STS does not give them, see sts_identity"))
        } else {
            let place = self
                .place(Service::Sts, region, limits)
                .map_err(|verdict| verdict.evidence());
            place.map(|place| {
                Sts::new(
                    &Line::new(place.route, &self.resolver, &Trail::default()),
                    &place.endpoint,
                )
            })
        };
        let held = self
            .aws
            .credentials(
                self,
                sts.as_ref().map_err(Clone::clone),
                Freshness::AsLongAsTheyLast,
            )
            .await;
        held.map_err(|missing| match missing {
            Missing::Elsewhere(why) => why,
            Missing::Refused(..) => Evidence::from("STS does not give them"),
        })
    }
}
