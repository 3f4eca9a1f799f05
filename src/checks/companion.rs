//! What can be told of the agent from another pod, and what its own pod alone is given.

use crate::catalogue::CheckId;
use crate::config::aws::{Container, Use, Variables};
use crate::config::{AgentSeen, Config, Elsewhere, Provider};
use crate::report::{Evidence, Verdict};

/// Ends the sentence on what another pod is not given.
const SIDECAR: &str = "which the agent's pods alone are given; a sidecar in them can tell";

/// What another pod has to be told besides, of a check that concerns the cluster.
const ALONE: &str = "if it is installed without a companion, or told --scope=all";

/// The verdict of a check that is settled because this process does not stand in the agent's pod.
pub fn settled(check: CheckId, config: &Config) -> Option<Verdict> {
    if !reads_the_environment(check) {
        return None;
    }
    let unknown = |why: &str| Some(Verdict::Unknown(Evidence::from(why)));
    match &config.agent_seen {
        AgentSeen::NotLookedFor => None,
        AgentSeen::Absent(why) => Some(Verdict::NotApplicable(Evidence::from(format!(
            "{why}: it is not installed"
        )))),
        AgentSeen::Unreadable(why) => unknown(why),
        AgentSeen::Found(elsewhere) => match check {
            CheckId::CastaiApi | CheckId::ClusterStatus if config.castai.url.is_none() => {
                unknown(&elsewhere.unseen("API_URL")?)
            }
            CheckId::CastaiApi | CheckId::ClusterStatus => {
                unknown(&elsewhere.referred("TLS_CA_CERT_FILE")?)
            }
            CheckId::AwsCredentials | CheckId::StsIdentity | CheckId::Ec2Api
                if matches!(config.aws.used(), Use::Nothing(_)) =>
            {
                None
            }
            CheckId::AwsCredentials | CheckId::StsIdentity | CheckId::Ec2Api => aws(config, elsewhere),
            // The control plane of EKS is asked about with the agent's credentials.
            CheckId::ControlPlaneAccess if config.told.provider == Some(Provider::Eks) => {
                aws(config, elsewhere).map(|verdict| match verdict {
                    Verdict::NotApplicable(why) => {
                        Verdict::NotApplicable(Evidence::from(format!("{why}, {ALONE}")))
                    }
                    other => other,
                })
            }
            _ => None,
        },
    }
}

/// Whether a check judges what the agent's environment says.
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
        | CheckId::AgentLog => false,
    }
}

/// Credentials that are files of the agent's pod, or come from a server that knows pods.
fn aws(config: &Config, elsewhere: &Elsewhere) -> Option<Verdict> {
    let aws = &config.aws;
    if let Some(path) = &aws.ca_bundle {
        return Some(of_the_pod(&format!(
            "AWS_CA_BUNDLE names the file {}",
            path.display()
        )));
    }
    let Variables {
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
    } else if let Some(why) = keys.into_iter().find_map(|key| elsewhere.unseen(key)) {
        Some(Verdict::Unknown(Evidence::from(why)))
    } else if aws.asked.is_some() {
        // The like of it is asked for.
        None
    } else if let Some(path) = token_file {
        Some(of_the_pod(&format!(
            "AWS_WEB_IDENTITY_TOKEN_FILE names the token {}",
            path.display()
        )))
    } else if profile.is_some() || default_profile.is_some() {
        Some(of_the_pod("AWS_PROFILE names a profile in a file"))
    } else if let Some(name) = has_file
        .into_iter()
        .find(|name| elsewhere.variables.contains_key(*name))
    {
        Some(of_the_pod(&format!("{name} names a file")))
    } else {
        container.as_ref().map(|container| {
            of_the_pod(match container {
                Container::Full(_) => {
                    "EKS Pod Identity, or another server of credentials, gives them for a token"
                }
                Container::Relative(_) => "ECS gives them",
            })
        })
    }
}

fn of_the_pod(what: &str) -> Verdict {
    Verdict::NotApplicable(Evidence::from(format!("{what}, {SIDECAR}")))
}
