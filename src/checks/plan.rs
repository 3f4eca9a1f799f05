//! Which checks a configuration asks for.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::catalogue::relations::{BLOCKS, Block};
use crate::catalogue::{Check, Need};
use crate::checks::agent_health::AgentHealth;
use crate::checks::agent_log::AgentLog;
use crate::checks::agent_upgrade::AgentUpgrade;
use crate::checks::agent_workload::AgentWorkload;
use crate::checks::apiserver::Apiserver;
use crate::checks::aws_credentials::AwsCredentials;
use crate::checks::azure_imds::AzureImds;
use crate::checks::castai_api::CastaiApi;
use crate::checks::clock::Clock;
use crate::checks::cluster_controller::ClusterController;
use crate::checks::cluster_metadata::ClusterMetadata;
use crate::checks::cluster_status::ClusterStatus;
use crate::checks::components::Components;
use crate::checks::control_plane_access::ControlPlaneAccess;
use crate::checks::dns::Dns;
use crate::checks::ec2_api::Ec2Api;
use crate::checks::gce_metadata::GceMetadata;
use crate::checks::image_pull::ImagePull;
use crate::checks::imds::Imds;
use crate::checks::node_lifecycle::NodeLifecycle;
use crate::checks::settled::Settled;
use crate::checks::sts_identity::StsIdentity;
use crate::checks::{Attempt, Examine, World, elsewhere};
use crate::cluster::Feed;
use crate::config::aws::Use;
use crate::config::{CheckSettings, Config, Provider, Told};
use crate::verdict::Report;

/// The checks that a configuration asks for, prerequisites before what they may block.
#[derive(Debug)]
pub struct Plan<E = AnyCheck> {
    /// One row per check.
    pub rows: Vec<Arc<Planned<E>>>,
    /// What makes it pointless to ask a check.
    pub blocks: &'static [Block],
    /// What fills the store that these checks read.
    pub feeds: Vec<Feed>,
}

/// One check of a plan.
#[derive(Debug)]
pub struct Planned<E = AnyCheck> {
    /// Which.
    pub check: Check,
    /// What the agent needs it for.
    pub need: Need,
    /// Time between two attempts.
    pub interval: Duration,
    /// What it looks at, as a number that differs when that does.
    pub subject: u64,
    /// What examines it.
    pub examine: E,
}

/// The closed set of checks.
#[derive(Debug)]
pub enum AnyCheck {
    /// `dns`.
    Dns(Dns),
    /// `apiserver`.
    Apiserver(Apiserver),
    /// `castai_api`.
    CastaiApi(CastaiApi),
    /// `imds`.
    Imds(Imds),
    /// `aws_credentials`.
    AwsCredentials(Box<AwsCredentials>),
    /// `gce_metadata`.
    GceMetadata(GceMetadata),
    /// `azure_imds`.
    AzureImds(AzureImds),
    /// `sts_identity`.
    StsIdentity(StsIdentity),
    /// `ec2_api`.
    Ec2Api(Ec2Api),
    /// `cluster_metadata`.
    ClusterMetadata(ClusterMetadata),
    /// `control_plane_access`.
    ControlPlaneAccess(Box<ControlPlaneAccess>),
    /// `agent_workload`.
    AgentWorkload(AgentWorkload),
    /// `agent_upgrade`.
    AgentUpgrade(AgentUpgrade),
    /// `cluster_controller`.
    ClusterController(ClusterController),
    /// `components`.
    Components(Components),
    /// `image_pull`.
    ImagePull(ImagePull),
    /// `node_lifecycle`.
    NodeLifecycle(NodeLifecycle),
    /// `clock`.
    Clock(Clock),
    /// `cluster_status`.
    ClusterStatus(Box<ClusterStatus>),
    /// Any check whose verdict this vantage settles.
    Settled(Settled),
    /// `agent_health`.
    AgentHealth(Box<AgentHealth>),
    /// `agent_log`.
    AgentLog(AgentLog),
}

impl Plan {
    /// The checks of this configuration.
    pub fn new(config: &Config) -> Self {
        let world = World::new(config);
        let wanted = Check::ALL
            .iter()
            .map(|check| config.check(*check))
            .filter(|settings| {
                settings.enabled
                    && config
                        .scope
                        .is_none_or(|scope| scope == settings.check.entry().scope)
            });
        let rows = wanted.map(|settings| {
            let examine = match elsewhere::settled(settings.check, config) {
                Some(verdict) => AnyCheck::Settled(Settled::new(verdict)),
                None => AnyCheck::new(config, settings, &world),
            };
            let check = settings.check;
            let (need, interval, subject) = (
                need(check, config),
                settings.interval,
                subject(check, config),
            );
            Arc::new(Planned {
                check,
                need,
                interval,
                subject,
                examine,
            })
        });
        let rows: Vec<_> = rows.collect();
        let checks: Vec<_> = rows.iter().map(|row| row.check).collect();
        let feeds = world.store.feeds(&checks);
        Self {
            rows,
            blocks: BLOCKS,
            feeds,
        }
    }

    /// Only these checks, and what they judge by or may be blocked by.
    #[must_use]
    pub fn only(mut self, checks: &[Check]) -> Self {
        let mut wanted = checks.to_vec();
        let mut next = 0;
        while let Some(check) = wanted.get(next) {
            let more = check.entry().prerequisites;
            wanted.extend(more);
            next += 1;
        }
        self.rows.retain(|row| wanted.contains(&row.check));
        self.feeds.retain(|feed| feed.serves(&wanted));
        self
    }
}

impl AnyCheck {
    /// The check of these settings.
    fn new(config: &Config, settings: &CheckSettings, world: &World) -> Self {
        match settings.check {
            Check::Dns => Self::Dns(Dns::new(config, settings, world)),
            Check::Apiserver => Self::Apiserver(Apiserver::new(&config.apiserver, settings, world)),
            Check::CastaiApi => Self::CastaiApi(CastaiApi::new(&config.castai, settings, world)),
            Check::Imds => Self::Imds(Imds::new(&config.aws, settings, world)),
            Check::AwsCredentials => {
                Self::AwsCredentials(Box::new(AwsCredentials::new(config, settings, world)))
            }
            Check::GceMetadata => Self::GceMetadata(GceMetadata::new(config, settings, world)),
            Check::AzureImds => Self::AzureImds(AzureImds::new(config, settings, world)),
            Check::StsIdentity => Self::StsIdentity(StsIdentity::new(settings, world)),
            Check::Ec2Api => Self::Ec2Api(Ec2Api::new(settings, world)),
            Check::ClusterMetadata => Self::ClusterMetadata(ClusterMetadata::new(config, world)),
            Check::ControlPlaneAccess => {
                Self::ControlPlaneAccess(Box::new(ControlPlaneAccess::new(config, world)))
            }
            Check::AgentWorkload => Self::AgentWorkload(AgentWorkload::new(config, world)),
            Check::AgentUpgrade => Self::AgentUpgrade(AgentUpgrade::new(config, settings, world)),
            Check::ClusterController => {
                Self::ClusterController(ClusterController::new(config, world))
            }
            Check::Components => Self::Components(Components::new(config, world)),
            Check::ImagePull => Self::ImagePull(ImagePull::new(config, world)),
            Check::NodeLifecycle => Self::NodeLifecycle(NodeLifecycle::new(config, world)),
            Check::Clock => Self::Clock(Clock),
            Check::ClusterStatus => {
                Self::ClusterStatus(Box::new(ClusterStatus::new(config, settings, world)))
            }
            Check::AgentHealth => {
                Self::AgentHealth(Box::new(AgentHealth::new(config, settings, world)))
            }
            Check::AgentLog => Self::AgentLog(AgentLog::new(&config.installation, &world.store)),
        }
    }
}

/// What the agent needs a check for: without names, API server or CAST AI it does nothing useful.
fn need(check: Check, config: &Config) -> Need {
    match check {
        Check::AgentUpgrade
        | Check::ClusterController
        | Check::Components
        | Check::ImagePull
        | Check::NodeLifecycle
        | Check::Clock
        | Check::ClusterStatus
        | Check::AgentHealth
        | Check::AgentLog => Need::Feature,
        Check::Imds | Check::AwsCredentials | Check::StsIdentity | Check::Ec2Api => {
            match config.aws.used() {
                Use::Nothing(_) => Need::None,
                Use::Lifecycle => Need::Feature,
                Use::Discovery => Need::Start,
            }
        }
        Check::GceMetadata => discovery(config, Provider::Gke, |told| !told.missing.is_empty()),
        Check::AzureImds => discovery(config, Provider::Aks, |told| told.set.is_empty()),
        Check::ControlPlaneAccess => match config.told.provider {
            Some(Provider::Eks | Provider::Gke | Provider::Aks) => Need::Feature,
            _ => Need::None,
        },
        Check::ClusterMetadata if config.told.provider.is_none() => Need::None,
        Check::Dns
        | Check::Apiserver
        | Check::CastaiApi
        | Check::ClusterMetadata
        | Check::AgentWorkload => Need::Start,
    }
}

/// What a check looks at under a configuration, as a number that differs when that does.
fn subject(check: Check, config: &Config) -> u64 {
    let Config {
        agent,
        agent_seen,
        apiserver,
        castai,
        installation,
        told,
        aws,
        clouds,
        control_plane,
        dns,
        proxy,
        ..
    } = config;
    let parts: &[&dyn fmt::Debug] = match check {
        Check::Clock => &[],
        Check::Apiserver => &[apiserver, dns, proxy],
        Check::CastaiApi => &[castai, dns, proxy],
        Check::ClusterStatus => &[agent, apiserver, castai, dns, proxy],
        Check::Imds => &[told, aws, proxy],
        Check::AwsCredentials => &[told, agent, apiserver, aws, proxy],
        Check::ClusterMetadata => &[told, aws, clouds, dns, proxy],
        Check::ControlPlaneAccess => &[told, aws, clouds, control_plane, dns, proxy],
        Check::GceMetadata | Check::AzureImds => &[told, clouds, dns, proxy],
        Check::StsIdentity | Check::Ec2Api => &[told, aws, dns, proxy],
        Check::AgentUpgrade => &[installation, apiserver, castai, dns, proxy],
        Check::ClusterController | Check::Components => {
            &[installation, agent, apiserver, castai, dns, proxy]
        }
        Check::AgentWorkload | Check::ImagePull => &[installation, apiserver, dns, proxy],
        Check::NodeLifecycle => &[apiserver, told, aws, dns, proxy],
        Check::AgentHealth => &[agent, agent_seen, apiserver, dns, proxy],
        Check::AgentLog => &[apiserver, dns, installation, proxy],
        Check::Dns => &[apiserver, castai, aws, dns, proxy],
    };
    let mut hasher = DefaultHasher::new();
    config.check(check).limits.hash(&mut hasher);
    if matches!(
        check,
        Check::CastaiApi | Check::ClusterStatus | Check::AgentUpgrade
    ) {
        // A secret shows nothing of itself in what is formatted.
        castai.key.hash(&mut hasher);
    }
    if matches!(
        check,
        Check::AwsCredentials | Check::StsIdentity | Check::Ec2Api
    ) {
        (
            &aws.variables.secret,
            &aws.variables.session,
            &aws.variables.container_token,
        )
            .hash(&mut hasher);
    }
    for part in parts {
        format!("{part:?}").hash(&mut hasher);
    }
    hasher.finish()
}

/// What the agent needs a metadata server for: to start, where it is told too little to do without.
fn discovery(config: &Config, provider: Provider, asks: impl Fn(&Told) -> bool) -> Need {
    let asks = config.told.provider == Some(provider) && asks(&config.told);
    if asks { Need::Start } else { Need::None }
}

impl Examine for AnyCheck {
    async fn examine(&self, attempt: &Attempt) -> Report {
        match self {
            Self::Dns(check) => check.examine(attempt).await,
            Self::Apiserver(check) => check.examine(attempt).await,
            Self::CastaiApi(check) => check.examine(attempt).await,
            Self::Imds(check) => check.examine(attempt).await,
            Self::AwsCredentials(check) => check.examine(attempt).await,
            Self::GceMetadata(check) => check.examine(attempt).await,
            Self::AzureImds(check) => check.examine(attempt).await,
            Self::StsIdentity(check) => check.examine(attempt).await,
            Self::Ec2Api(check) => check.examine(attempt).await,
            Self::ClusterMetadata(check) => check.examine(attempt).await,
            Self::ControlPlaneAccess(check) => check.examine(attempt).await,
            Self::AgentWorkload(check) => check.examine(attempt).await,
            Self::AgentUpgrade(check) => check.examine(attempt).await,
            Self::ClusterController(check) => check.examine(attempt).await,
            Self::Components(check) => check.examine(attempt).await,
            Self::ImagePull(check) => check.examine(attempt).await,
            Self::NodeLifecycle(check) => check.examine(attempt).await,
            Self::Clock(check) => check.examine(attempt).await,
            Self::ClusterStatus(check) => check.examine(attempt).await,
            Self::Settled(check) => check.examine(attempt).await,
            Self::AgentHealth(check) => check.examine(attempt).await,
            Self::AgentLog(check) => check.examine(attempt).await,
        }
    }
}
