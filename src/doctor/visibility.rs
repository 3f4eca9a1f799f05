//! Distinguishes checks that need nothing but the API server from those that only a pod can run.

use crate::catalogue::CheckId;
use crate::config::AgentLocation;
use crate::kube::Client;
use crate::kube::access_review::{ReviewedAccess, is_allowed};

/// Returns whether a person outside the cluster can run a check: it reads objects, logs and
/// permissions through the API server, or tests the API server itself.
pub const fn needs_only_the_api(check: CheckId) -> bool {
    match check {
        CheckId::Apiserver
        | CheckId::AgentWorkload
        | CheckId::AgentUpgrade
        | CheckId::ClusterController
        | CheckId::Components
        | CheckId::ImagePull
        | CheckId::NodeLifecycle
        | CheckId::AgentLog
        | CheckId::AgentPermissions => true,
        CheckId::Dns
        | CheckId::CastaiApi
        | CheckId::Imds
        | CheckId::AwsCredentials
        | CheckId::GceMetadata
        | CheckId::AzureImds
        | CheckId::StsIdentity
        | CheckId::Ec2Api
        | CheckId::ClusterMetadata
        | CheckId::ControlPlaneAccess
        | CheckId::Clock
        | CheckId::ClusterStatus
        | CheckId::AgentHealth => false,
    }
}

/// Returns whether a short-lived pod with the agent's environment and service account runs a check.
/// The agent itself is not in that pod.
pub fn runs_in_a_short_lived_pod(check: CheckId) -> bool {
    match check {
        CheckId::Apiserver => true,
        CheckId::AgentHealth => false,
        check => !needs_only_the_api(check),
    }
}

/// Returns whether the caller may request tokens of the agent's service account; `false` if the API
/// server does not say.
pub async fn may_request_tokens(client: &Client, agent: &AgentLocation) -> bool {
    let access = ReviewedAccess {
        verb: "create",
        group: "",
        resource: "serviceaccounts/token",
        namespace: Some(&agent.namespace),
        name: None,
    };
    match client.connect().await {
        Ok(mut api) => is_allowed(&mut api, &access).await.unwrap_or(false),
        Err(_unreachable) => false,
    }
}
