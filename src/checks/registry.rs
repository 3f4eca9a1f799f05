//! The registry of checks: builds the set that a configuration enables.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::catalogue::relation::RELATIONS;
use crate::catalogue::{CheckId, Need, Relation, RemedyValues};
use crate::checks::agent_health::AgentHealth;
use crate::checks::agent_log::AgentLog;
use crate::checks::agent_permissions::AgentPermissions;
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
use crate::checks::fixed_verdict::FixedVerdict;
use crate::checks::gce_metadata::GceMetadata;
use crate::checks::image_pull::ImagePull;
use crate::checks::imds::Imds;
use crate::checks::known_values::known_values;
use crate::checks::node_lifecycle::NodeLifecycle;
use crate::checks::sts_identity::StsIdentity;
use crate::checks::{Attempt, Check, CheckContext, WatchedCheck, companion};
use crate::config::agent::aws::AwsUsage;
use crate::config::{CheckSettings, Config, Provider, ProviderVariables};
use crate::kube::WatchTask;
use crate::report::Report;

/// The enabled checks, prerequisites before the checks that they can block.
#[derive(Debug)]
pub struct CheckSet<E = WatchedCheck<AnyCheck>> {
    /// The enabled checks.
    pub checks: Vec<Arc<ScheduledCheck<E>>>,
    /// The failures that block other checks are among these.
    pub relations: &'static [Relation],
    /// The watches that fill the store for these checks.
    pub watch_tasks: Vec<WatchTask>,
    /// Known values of this installation; they complete remedies.
    pub remedy_values: RemedyValues,
}

/// A check with its schedule.
#[derive(Debug)]
pub struct ScheduledCheck<E = WatchedCheck<AnyCheck>> {
    /// The identifier of the check.
    pub check: CheckId,
    /// The purpose for which the agent needs this dependency.
    pub need: Need,
    /// The time between two attempts.
    pub interval: Duration,
    /// A hash of the configuration that this check depends on.
    pub subject: u64,
    /// The check's implementation.
    pub runner: E,
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
    /// Any check that cannot run from this vantage.
    FixedVerdict(FixedVerdict),
    /// `agent_health`.
    AgentHealth(Box<AgentHealth>),
    /// `agent_log`.
    AgentLog(AgentLog),
    /// `agent_permissions`.
    AgentPermissions(Box<AgentPermissions>),
}

impl CheckSet {
    /// Builds the checks that `config` enables.
    pub fn new(config: &Config) -> Self {
        let context = CheckContext::new(config);
        let wanted = CheckId::ALL
            .iter()
            .map(|check| config.check(*check))
            .filter(|settings| {
                settings.enabled
                    && config
                        .scope
                        .is_none_or(|scope| scope == settings.check.entry().scope)
            });
        let scheduled = wanted.map(|settings| {
            let runner = match companion::fixed_verdict(settings.check, config) {
                Some(verdict) => AnyCheck::FixedVerdict(FixedVerdict::new(verdict)),
                None => AnyCheck::new(config, settings, &context),
            };
            let check = settings.check;
            let runner = WatchedCheck::new(check, &context.store, runner);
            let (need, interval, subject) = (
                need(check, config),
                settings.interval,
                subject(check, config),
            );
            Arc::new(ScheduledCheck {
                check,
                need,
                interval,
                subject,
                runner,
            })
        });
        let checks: Vec<_> = scheduled.collect();
        let ids: Vec<_> = checks.iter().map(|scheduled| scheduled.check).collect();
        let watch_tasks = context.store.watch_tasks(&ids);
        Self {
            checks,
            relations: RELATIONS,
            watch_tasks,
            remedy_values: known_values(config),
        }
    }
}

impl<E> CheckSet<E> {
    /// Keeps only these checks and their prerequisites.
    #[must_use]
    pub fn only(mut self, checks: &[CheckId]) -> Self {
        let mut wanted = checks.to_vec();
        let mut next = 0;
        while let Some(check) = wanted.get(next) {
            let more = check.entry().prerequisites;
            wanted.extend(more);
            next += 1;
        }
        self.checks
            .retain(|scheduled| wanted.contains(&scheduled.check));
        self.watch_tasks.retain(|task| task.serves(&wanted));
        self
    }

    /// Keeps only the checks that are selected, without their prerequisites.
    pub fn retain(&mut self, is_selected: impl Fn(CheckId) -> bool) {
        self.checks.retain(|scheduled| is_selected(scheduled.check));
        let kept: Vec<_> = self.checks.iter().map(|row| row.check).collect();
        self.watch_tasks.retain(|task| task.serves(&kept));
    }
}

impl AnyCheck {
    /// Builds a check from its settings.
    fn new(config: &Config, settings: &CheckSettings, context: &CheckContext) -> Self {
        match settings.check {
            CheckId::Dns => Self::Dns(Dns::new(config, settings, context)),
            CheckId::Apiserver => {
                Self::Apiserver(Apiserver::new(&config.apiserver, settings, context))
            }
            CheckId::CastaiApi => {
                Self::CastaiApi(CastaiApi::new(&config.castai, settings, context))
            }
            CheckId::Imds => Self::Imds(Imds::new(&config.aws, settings, context)),
            CheckId::AwsCredentials => {
                Self::AwsCredentials(Box::new(AwsCredentials::new(config, settings, context)))
            }
            CheckId::GceMetadata => Self::GceMetadata(GceMetadata::new(config, settings, context)),
            CheckId::AzureImds => Self::AzureImds(AzureImds::new(config, settings, context)),
            CheckId::StsIdentity => Self::StsIdentity(StsIdentity::new(settings, context)),
            CheckId::Ec2Api => Self::Ec2Api(Ec2Api::new(settings, context)),
            CheckId::ClusterMetadata => {
                Self::ClusterMetadata(ClusterMetadata::new(config, context))
            }
            CheckId::ControlPlaneAccess => {
                Self::ControlPlaneAccess(Box::new(ControlPlaneAccess::new(config, context)))
            }
            CheckId::AgentWorkload => Self::AgentWorkload(AgentWorkload::new(config, context)),
            CheckId::AgentUpgrade => {
                Self::AgentUpgrade(AgentUpgrade::new(config, settings, context))
            }
            CheckId::ClusterController => {
                Self::ClusterController(ClusterController::new(config, context))
            }
            CheckId::Components => Self::Components(Components::new(config, context)),
            CheckId::ImagePull => Self::ImagePull(ImagePull::new(config, context)),
            CheckId::NodeLifecycle => Self::NodeLifecycle(NodeLifecycle::new(config, context)),
            CheckId::Clock => Self::Clock(Clock),
            CheckId::ClusterStatus => {
                Self::ClusterStatus(Box::new(ClusterStatus::new(config, settings, context)))
            }
            CheckId::AgentHealth => {
                Self::AgentHealth(Box::new(AgentHealth::new(config, settings, context)))
            }
            CheckId::AgentLog => Self::AgentLog(AgentLog::new(config, context)),
            CheckId::AgentPermissions => {
                Self::AgentPermissions(Box::new(AgentPermissions::new(config, context)))
            }
        }
    }
}

/// Returns what the agent needs a dependency for. DNS, the API server and CAST AI are needed to
/// start.
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
                AwsUsage::Nothing(_) => Need::None,
                AwsUsage::Lifecycle => Need::Feature,
                AwsUsage::Discovery => Need::Start,
            }
        }
        CheckId::GceMetadata => metadata_need(config, Provider::Gke, |variables| {
            !variables.missing.is_empty()
        }),
        CheckId::AzureImds => {
            metadata_need(config, Provider::Aks, |variables| variables.set.is_empty())
        }
        CheckId::ControlPlaneAccess => match config.provider_variables.provider {
            Some(Provider::Eks | Provider::Gke | Provider::Aks) => Need::Feature,
            _ => Need::None,
        },
        CheckId::ClusterMetadata if config.provider_variables.provider.is_none() => Need::None,
        CheckId::Dns
        | CheckId::Apiserver
        | CheckId::CastaiApi
        | CheckId::ClusterMetadata
        | CheckId::AgentWorkload
        | CheckId::AgentPermissions => Need::Start,
    }
}

/// Hashes the configuration that a check depends on, so that a reload keeps the state of unchanged
/// checks.
fn subject(check: CheckId, config: &Config) -> u64 {
    let Config {
        agent,
        agent_discovery,
        agent_location,
        apiserver,
        castai,
        installation,
        provider_variables,
        aws,
        clouds,
        control_plane,
        dns,
        proxy,
        ..
    } = config;
    let parts: &[&dyn fmt::Debug] = match check {
        CheckId::Clock => &[],
        CheckId::Apiserver => &[agent_location, apiserver, dns, proxy],
        CheckId::CastaiApi => &[castai, dns, proxy],
        CheckId::ClusterStatus => &[agent, apiserver, castai, dns, proxy],
        CheckId::Imds => &[provider_variables, aws, proxy],
        CheckId::AwsCredentials => &[provider_variables, agent, apiserver, aws, proxy],
        CheckId::ClusterMetadata => &[provider_variables, aws, clouds, dns, proxy],
        CheckId::ControlPlaneAccess => {
            &[provider_variables, aws, clouds, control_plane, dns, proxy]
        }
        CheckId::GceMetadata | CheckId::AzureImds => &[provider_variables, clouds, dns, proxy],
        CheckId::StsIdentity | CheckId::Ec2Api => &[provider_variables, aws, dns, proxy],
        CheckId::AgentUpgrade => &[installation, apiserver, castai, dns, proxy],
        CheckId::ClusterController | CheckId::Components => {
            &[installation, agent, apiserver, castai, dns, proxy]
        }
        CheckId::AgentWorkload | CheckId::ImagePull => &[installation, apiserver, dns, proxy],
        CheckId::NodeLifecycle => &[apiserver, provider_variables, aws, dns, proxy],
        CheckId::AgentHealth => &[agent, agent_discovery, apiserver, dns, proxy],
        CheckId::AgentPermissions => &[
            agent,
            agent_discovery,
            agent_location,
            apiserver,
            dns,
            proxy,
        ],
        CheckId::AgentLog => &[apiserver, dns, installation, proxy],
        CheckId::Dns => &[apiserver, castai, aws, dns, proxy],
    };
    let mut hasher = DefaultHasher::new();
    config.check(check).timeouts.hash(&mut hasher);
    if matches!(
        check,
        CheckId::CastaiApi | CheckId::ClusterStatus | CheckId::AgentUpgrade
    ) {
        // Debug output redacts secrets, so they are hashed directly.
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

/// Returns `Need::Start` if the agent on `provider` has to query the metadata server at startup.
fn metadata_need(
    config: &Config,
    provider: Provider,
    reads_metadata: impl Fn(&ProviderVariables) -> bool,
) -> Need {
    let needed = config.provider_variables.provider == Some(provider)
        && reads_metadata(&config.provider_variables);
    if needed { Need::Start } else { Need::None }
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
            Self::FixedVerdict(check) => check.run(attempt).await,
            Self::AgentHealth(check) => check.run(attempt).await,
            Self::AgentLog(check) => check.run(attempt).await,
            Self::AgentPermissions(check) => check.run(attempt).await,
        }
    }
}
