//! The checks that run before the agent is installed.

use std::sync::Arc;

use crate::catalogue::relation::RELATIONS;
use crate::catalogue::{CheckId, Need};
use crate::checks::known_values::known_values;
use crate::checks::{
    AnyCheck, Attempt, Check, CheckContext, CheckSet, ScheduledCheck, WatchedCheck,
};
use crate::config::{ApiserverLocation, Config, Provider};
use crate::preflight::image_registry::ImageRegistry;
use crate::preflight::installer_permissions::InstallerPermissions;
use crate::preflight::manifest::Manifest;
use crate::preflight::planned_agent::PlannedAgent;
use crate::preflight::pod_admission::PodAdmission;
use crate::report::Report;

/// A check before the agent is installed.
#[derive(Debug)]
pub enum PreflightCheck {
    /// The check of an installed agent.
    Installed(Arc<ScheduledCheck<WatchedCheck<AnyCheck>>>),
    /// `agent_workload`.
    PodAdmission(PodAdmission),
    /// `agent_permissions`.
    InstallerPermissions(InstallerPermissions),
    /// `image_pull`.
    ImageRegistry(ImageRegistry),
}

/// Checks of any provider that test the network or the node of a pod.
const OF_A_POD: &[CheckId] = &[
    CheckId::Dns,
    CheckId::ClusterMetadata,
    CheckId::ControlPlaneAccess,
    CheckId::ImagePull,
    CheckId::Clock,
];
/// Checks that only need the API server or CAST AI.
const ANYWHERE: &[CheckId] = &[
    CheckId::Apiserver,
    CheckId::CastaiApi,
    CheckId::AgentWorkload,
    CheckId::AgentPermissions,
];
/// Checks of AWS credentials, which need no pod if they are those of a role.
const OF_A_ROLE: &[CheckId] = &[
    CheckId::AwsCredentials,
    CheckId::StsIdentity,
    CheckId::Ec2Api,
];

/// Returns the checks for a planned agent.
pub fn check_set(
    config: &Config,
    planned: &PlannedAgent,
    manifest: Manifest,
) -> CheckSet<PreflightCheck> {
    let (context, manifest) = (CheckContext::new(config), Arc::new(manifest));
    let client = &context.store.client;
    let namespace = &config.installation.namespace;
    let installed = CheckSet::new(config).checks;
    let with_token = planned
        .config_with_requested_token(config)
        .map(|config| CheckSet::new(&config).checks)
        .unwrap_or_default();
    let checks = installed.into_iter().filter_map(|row| {
        let check = row.check;
        if skip_reason(check, config, planned).is_some() {
            return None;
        }
        let (need, interval, subject) = (row.need, row.interval, row.subject);
        let (need, runner) = match check {
            CheckId::AgentWorkload => (
                Need::Start,
                PreflightCheck::PodAdmission(PodAdmission::new(
                    Arc::clone(client),
                    Arc::clone(&manifest),
                    namespace,
                )),
            ),
            CheckId::AgentPermissions => (
                Need::Start,
                PreflightCheck::InstallerPermissions(InstallerPermissions::new(
                    Arc::clone(client),
                    Arc::clone(&manifest),
                    namespace,
                )),
            ),
            CheckId::ImagePull => (
                Need::Start,
                PreflightCheck::ImageRegistry(ImageRegistry::new(
                    &manifest.images(),
                    &context.network,
                )),
            ),
            _ => {
                let with_token = with_token.iter().find(|row| row.check == check);
                let with_token = with_token.filter(|_| OF_A_ROLE.contains(&check));
                let row = with_token.map_or(row, Arc::clone);
                (need, PreflightCheck::Installed(row))
            }
        };
        Some(Arc::new(ScheduledCheck {
            check,
            need,
            interval,
            subject,
            runner,
        }))
    });
    CheckSet {
        checks: checks.collect(),
        relations: RELATIONS,
        watch_tasks: Vec::new(),
        remedy_values: known_values(config),
    }
}

/// Returns the checks that would run in a pod of the cluster but not here, with the reason.
pub fn skipped_checks(config: &Config, planned: &PlannedAgent) -> Vec<(CheckId, &'static str)> {
    let reason = |check: &CheckId| match skip_reason(*check, config, planned)? {
        SkipReason::NotInPod => Some((
            *check,
            "only a pod in the cluster can test it; run the command there as well",
        )),
        SkipReason::NotNeeded => None,
    };
    CheckId::ALL.iter().filter_map(reason).collect()
}

/// Why a check does not run.
enum SkipReason {
    /// The agent does not need it on its provider, or it needs an installed agent.
    NotNeeded,
    /// This process runs outside the cluster.
    NotInPod,
}

fn skip_reason(check: CheckId, config: &Config, planned: &PlannedAgent) -> Option<SkipReason> {
    let in_pod = matches!(config.apiserver, ApiserverLocation::InCluster(_));
    let on_aws = planned.provider.is_aws();
    let of_provider = match check {
        CheckId::Imds => on_aws,
        CheckId::GceMetadata => planned.provider == Provider::Gke,
        CheckId::AzureImds => planned.provider == Provider::Aks,
        check if OF_A_ROLE.contains(&check) => on_aws,
        check => OF_A_POD.contains(&check) || ANYWHERE.contains(&check),
    };
    let here = in_pod
        || ANYWHERE.contains(&check)
        || OF_A_ROLE.contains(&check) && planned.role_arn.is_some();
    match (of_provider, here) {
        (false, _) => Some(SkipReason::NotNeeded),
        (true, false) => Some(SkipReason::NotInPod),
        (true, true) => None,
    }
}

impl Check for PreflightCheck {
    async fn run(&self, attempt: &Attempt) -> Report {
        match self {
            Self::Installed(row) => Box::pin(row.runner.run(attempt)).await,
            Self::PodAdmission(check) => check.run(attempt).await,
            Self::InstallerPermissions(check) => check.run(attempt).await,
            Self::ImageRegistry(check) => check.run(attempt).await,
        }
    }
}
