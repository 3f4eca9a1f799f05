//! Fixed verdicts for checks that a companion cannot run because they need data from the agent's
//! own pod.

use crate::catalogue::CheckId;
use crate::config::agent::aws::{AwsUsage, ContainerCredentialsUri, CredentialVariables};
use crate::config::{AgentDiscovery, Config, DiscoveredAgent, Provider};
use crate::report::{Evidence, Verdict};

/// Closing clause of the evidence of a check that needs data from the agent's pod.
const SIDECAR_ONLY: &str =
    "which only exists in the agent's pods; run the exporter as a sidecar to check it";

/// The reason for a missing token of the agent's service account.
const NO_TOKENS: &str = "this companion requests none (agent.token_requests is false)";

/// Added for a check of cluster scope, which a sidecar does not run by default.
const SIDECAR_SCOPE: &str = "either without a companion or with --scope=all";

/// Returns the verdict of a check that cannot run outside the agent's pod, or `None` if it can.
pub fn fixed_verdict(check: CheckId, config: &Config) -> Option<Verdict> {
    if check == CheckId::AgentPermissions && config.rules_out_token_requests() {
        return Some(Verdict::NotApplicable(Evidence::from(format!(
            "the permissions of the agent's service account are reviewed with its token, but \
             {NO_TOKENS}; run the exporter as a sidecar to check it"
        ))));
    }
    if !reads_the_environment(check) {
        return None;
    }
    let unknown = |why: &str| Some(Verdict::Unknown(Evidence::from(why)));
    match &config.agent_discovery {
        AgentDiscovery::NotLookedFor => None,
        AgentDiscovery::Absent(why) => Some(Verdict::NotApplicable(Evidence::from(format!(
            "{why}: the agent is not installed"
        )))),
        AgentDiscovery::Unreadable(why) => unknown(why),
        AgentDiscovery::Found(agent) => match check {
            CheckId::CastaiApi | CheckId::ClusterStatus if config.castai.url.is_none() => {
                unknown(&agent.unseen("API_URL")?)
            }
            CheckId::CastaiApi | CheckId::ClusterStatus => {
                unknown(&agent.referred("TLS_CA_CERT_FILE")?)
            }
            CheckId::AwsCredentials | CheckId::StsIdentity | CheckId::Ec2Api
                if matches!(config.aws.used(), AwsUsage::Nothing(_)) =>
            {
                None
            }
            CheckId::AwsCredentials | CheckId::StsIdentity | CheckId::Ec2Api => {
                aws_credentials(config, agent)
            }
            // On EKS the control plane is described with the agent's credentials.
            CheckId::ControlPlaneAccess
                if config.provider_variables.provider == Some(Provider::Eks) =>
            {
                aws_credentials(config, agent).map(|verdict| match verdict {
                    Verdict::NotApplicable(why) => {
                        Verdict::NotApplicable(Evidence::from(format!("{why}, {SIDECAR_SCOPE}")))
                    }
                    other => other,
                })
            }
            _ => None,
        },
    }
}

/// Reports whether a check depends on the agent's environment.
const fn reads_the_environment(check: CheckId) -> bool {
    match check {
        CheckId::CastaiApi
        | CheckId::ClusterStatus
        | CheckId::Imds
        | CheckId::AwsCredentials
        | CheckId::StsIdentity
        | CheckId::Ec2Api
        | CheckId::GceMetadata
        | CheckId::AzureImds
        | CheckId::ClusterMetadata
        | CheckId::ControlPlaneAccess
        | CheckId::AgentHealth => true,
        CheckId::Dns
        | CheckId::Apiserver
        | CheckId::AgentWorkload
        | CheckId::AgentUpgrade
        | CheckId::ClusterController
        | CheckId::Components
        | CheckId::ImagePull
        | CheckId::NodeLifecycle
        | CheckId::Clock
        | CheckId::AgentLog
        | CheckId::AgentPermissions => false,
    }
}

/// Returns a verdict for credentials in files of the agent's pod or from a server that identifies
/// pods.
fn aws_credentials(config: &Config, agent: &DiscoveredAgent) -> Option<Verdict> {
    let aws = &config.aws;
    if let Some(path) = &aws.ca_bundle {
        return Some(needs_sidecar(&format!(
            "the agent's AWS_CA_BUNDLE points to the file {}",
            path.display()
        )));
    }
    let CredentialVariables {
        token_file,
        profile,
        default_profile,
        container,
        ..
    } = &aws.variables;
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let has_file = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];
    if aws.variables.has_key() {
        None
    } else if let Some(why) = keys.into_iter().find_map(|key| agent.unseen(key)) {
        Some(Verdict::Unknown(Evidence::from(why)))
    } else if aws.asked.is_some() {
        // An equivalent token is requested through the API server.
        None
    } else if let Some(path) = token_file
        && agent.token(path).is_some()
        && config.rules_out_token_requests()
    {
        Some(Verdict::NotApplicable(Evidence::from(format!(
            "the agent's credentials are issued for the token {}, but {NO_TOKENS}; run the \
             exporter as a sidecar to check it",
            path.display()
        ))))
    } else if let Some(path) = token_file {
        Some(needs_sidecar(&format!(
            "the agent's AWS_WEB_IDENTITY_TOKEN_FILE points to the token {}",
            path.display()
        )))
    } else if profile.is_some() || default_profile.is_some() {
        Some(needs_sidecar(
            "the agent's AWS_PROFILE selects a profile in a file",
        ))
    } else if let Some(name) = has_file
        .into_iter()
        .find(|name| agent.variables.contains_key(*name))
    {
        Some(needs_sidecar(&format!(
            "the agent's {name} points to a file"
        )))
    } else {
        container.as_ref().map(|container| {
            needs_sidecar(match container {
                ContainerCredentialsUri::Full(_) => {
                    "the agent's credentials come from EKS Pod Identity or another credential \
                     server, in exchange for a token"
                }
                ContainerCredentialsUri::Relative(_) => {
                    "the agent's credentials come from the ECS credential endpoint"
                }
            })
        })
    }
}

fn needs_sidecar(what: &str) -> Verdict {
    Verdict::NotApplicable(Evidence::from(format!("{what}, {SIDECAR_ONLY}")))
}
