//! Which checks a configuration asks for.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::catalogue::relations::{BLOCKS, Block};
use crate::catalogue::{CheckId, Need};
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
use crate::checks::fixed_verdict::Settled;
use crate::checks::gce_metadata::GceMetadata;
use crate::checks::image_pull::ImagePull;
use crate::checks::imds::Imds;
use crate::checks::node_lifecycle::NodeLifecycle;
use crate::checks::sts_identity::StsIdentity;
use crate::checks::{Attempt, Check, CheckContext, companion};
use crate::config::aws::Use;
use crate::config::{CheckSettings, Config, Provider, Told};
use crate::kube::Feed;
use crate::report::Report;

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
    pub check: CheckId,
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
        let world = CheckContext::new(config);
        let wanted = CheckId::ALL
            .iter()
            .map(|check| config.check(*check))
            .filter(|settings| {
                settings.enabled
                    && config
                        .scope
                        .is_none_or(|scope| scope == settings.check.entry().scope)
            });
        let rows = wanted.map(|settings| {
            let examine = match companion::settled(settings.check, config) {
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
    pub fn only(mut self, checks: &[CheckId]) -> Self {
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
    fn new(config: &Config, settings: &CheckSettings, world: &CheckContext) -> Self {
        match settings.check {
            CheckId::Dns => Self::Dns(Dns::new(config, settings, world)),
            CheckId::Apiserver => Self::Apiserver(Apiserver::new(&config.apiserver, settings, world)),
            CheckId::CastaiApi => Self::CastaiApi(CastaiApi::new(&config.castai, settings, world)),
            CheckId::Imds => Self::Imds(Imds::new(&config.aws, settings, world)),
            CheckId::AwsCredentials => {
                Self::AwsCredentials(Box::new(AwsCredentials::new(config, settings, world)))
            }
            CheckId::GceMetadata => Self::GceMetadata(GceMetadata::new(config, settings, world)),
            CheckId::AzureImds => Self::AzureImds(AzureImds::new(config, settings, world)),
            CheckId::StsIdentity => Self::StsIdentity(StsIdentity::new(settings, world)),
            CheckId::Ec2Api => Self::Ec2Api(Ec2Api::new(settings, world)),
            CheckId::ClusterMetadata => Self::ClusterMetadata(ClusterMetadata::new(config, world)),
            CheckId::ControlPlaneAccess => {
                Self::ControlPlaneAccess(Box::new(ControlPlaneAccess::new(config, world)))
            }
            CheckId::AgentWorkload => Self::AgentWorkload(AgentWorkload::new(config, world)),
            CheckId::AgentUpgrade => Self::AgentUpgrade(AgentUpgrade::new(config, settings, world)),
            CheckId::ClusterController => {
                Self::ClusterController(ClusterController::new(config, world))
            }
            CheckId::Components => Self::Components(Components::new(config, world)),
            CheckId::ImagePull => Self::ImagePull(ImagePull::new(config, world)),
            CheckId::NodeLifecycle => Self::NodeLifecycle(NodeLifecycle::new(config, world)),
            CheckId::Clock => Self::Clock(Clock),
            CheckId::ClusterStatus => {
                Self::ClusterStatus(Box::new(ClusterStatus::new(config, settings, world)))
            }
            CheckId::AgentHealth => {
                Self::AgentHealth(Box::new(AgentHealth::new(config, settings, world)))
            }
            CheckId::AgentLog => Self::AgentLog(AgentLog::new(&config.installation, &world.store)),
        }
    }
}

/// What the agent needs a check for: without names, API server or CAST AI it does nothing useful.
fn need(check: CheckId, config: &Config) -> Need {
    match check {
        CheckId::AgentUpgrade
        | CheckId::ClusterController
        | CheckId::Components
        | CheckId::ImagePull
        | CheckId::NodeLifecycle
        | CheckId::Clock
        | CheckId::ClusterStatus
        | CheckId::AgentHealth
        | CheckId::AgentLog => Need::Feature,
        CheckId::Imds | CheckId::AwsCredentials | CheckId::StsIdentity | CheckId::Ec2Api => {
            match config.aws.used() {
                Use::Nothing(_) => Need::None,
                Use::Lifecycle => Need::Feature,
                Use::Discovery => Need::Start,
            }
        }
        CheckId::GceMetadata => discovery(config, Provider::Gke, |told| !told.missing.is_empty()),
        CheckId::AzureImds => discovery(config, Provider::Aks, |told| told.set.is_empty()),
        CheckId::ControlPlaneAccess => match config.told.provider {
            Some(Provider::Eks | Provider::Gke | Provider::Aks) => Need::Feature,
            _ => Need::None,
        },
        CheckId::ClusterMetadata if config.told.provider.is_none() => Need::None,
        CheckId::Dns
        | CheckId::Apiserver
        | CheckId::CastaiApi
        | CheckId::ClusterMetadata
        | CheckId::AgentWorkload => Need::Start,
    }
}

/// What a check looks at under a configuration, as a number that differs when that does.
fn subject(check: CheckId, config: &Config) -> u64 {
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
        CheckId::Clock => &[],
        CheckId::Apiserver => &[apiserver, dns, proxy],
        CheckId::CastaiApi => &[castai, dns, proxy],
        CheckId::ClusterStatus => &[agent, apiserver, castai, dns, proxy],
        CheckId::Imds => &[told, aws, proxy],
        CheckId::AwsCredentials => &[told, agent, apiserver, aws, proxy],
        CheckId::ClusterMetadata => &[told, aws, clouds, dns, proxy],
        CheckId::ControlPlaneAccess => &[told, aws, clouds, control_plane, dns, proxy],
        CheckId::GceMetadata | CheckId::AzureImds => &[told, clouds, dns, proxy],
        CheckId::StsIdentity | CheckId::Ec2Api => &[told, aws, dns, proxy],
        CheckId::AgentUpgrade => &[installation, apiserver, castai, dns, proxy],
        CheckId::ClusterController | CheckId::Components => {
            &[installation, agent, apiserver, castai, dns, proxy]
        }
        CheckId::AgentWorkload | CheckId::ImagePull => &[installation, apiserver, dns, proxy],
        CheckId::NodeLifecycle => &[apiserver, told, aws, dns, proxy],
        CheckId::AgentHealth => &[agent, agent_seen, apiserver, dns, proxy],
        CheckId::AgentLog => &[apiserver, dns, installation, proxy],
        CheckId::Dns => &[apiserver, castai, aws, dns, proxy],
    };
    let mut hasher = DefaultHasher::new();
    config.check(check).limits.hash(&mut hasher);
    if matches!(
        check,
        CheckId::CastaiApi | CheckId::ClusterStatus | CheckId::AgentUpgrade
    ) {
        // A secret shows nothing of itself in what is formatted.
        castai.key.hash(&mut hasher);
    }
    if matches!(
        check,
        CheckId::AwsCredentials | CheckId::StsIdentity | CheckId::Ec2Api
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

impl Check for AnyCheck {
    async fn run(&self, attempt: &Attempt) -> Report {
        match self {
            Self::Dns(check) => check.run(attempt).await,
            Self::Apiserver(check) => check.run(attempt).await,
            Self::CastaiApi(check) => check.run(attempt).await,
            Self::Imds(check) => check.run(attempt).await,
            Self::AwsCredentials(check) => check.run(attempt).await,
            Self::GceMetadata(check) => check.run(attempt).await,
            Self::AzureImds(check) => check.run(attempt).await,
            Self::StsIdentity(check) => check.run(attempt).await,
            Self::Ec2Api(check) => check.run(attempt).await,
            Self::ClusterMetadata(check) => check.run(attempt).await,
            Self::ControlPlaneAccess(check) => check.run(attempt).await,
            Self::AgentWorkload(check) => check.run(attempt).await,
            Self::AgentUpgrade(check) => check.run(attempt).await,
            Self::ClusterController(check) => check.run(attempt).await,
            Self::Components(check) => check.run(attempt).await,
            Self::ImagePull(check) => check.run(attempt).await,
            Self::NodeLifecycle(check) => check.run(attempt).await,
            Self::Clock(check) => check.run(attempt).await,
            Self::ClusterStatus(check) => check.run(attempt).await,
            Self::Settled(check) => check.run(attempt).await,
            Self::AgentHealth(check) => check.run(attempt).await,
            Self::AgentLog(check) => check.run(attempt).await,
        }
    }
}
