//! Why the API server refuses a pod, from its message.

use crate::catalogue::FailureMode;
use crate::classify::{TextKind, classify};

/// Returns the failure mode of a refusal.
pub(super) fn mode(message: &str) -> FailureMode {
    let recognised = classify(
        Some(TextKind::K8sEvent),
        &format!("Error creating: {message}"),
    );
    match recognised.mode() {
        Some(
            mode @ (FailureMode::AgentFailedCreateQuota
            | FailureMode::AgentFailedCreatePsa
            | FailureMode::AgentFailedCreateSa),
        ) => mode,
        // Whatever else refuses an object is a webhook, a policy or a plug-in of the API server.
        _ => FailureMode::AgentFailedCreateWebhook,
    }
}

/// Returns whether a resource quota is exhausted or not specified enough. Quotas come last:
/// everything else has admitted the pod. A limit range, which has the same mode, comes first.
pub(super) fn is_resource_quota(message: &str) -> bool {
    mode(message) == FailureMode::AgentFailedCreateQuota && message.contains(" quota: ")
}

/// Returns whether the cluster limits a priority class to namespaces with a quota for it, and this
/// one has none.
pub(super) fn lacks_matching_quota(message: &str) -> bool {
    message.contains("insufficient quota to match")
}
