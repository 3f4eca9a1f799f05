//! Messages of scheduler, kubelet and controllers about pods that do not run.

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::rule::{Rule, first_match};
use crate::classify::text::Text;

/// Returns the mode of a message about a pod or its creation; `None` if no rule matches.
pub(super) fn mode(message: Text<'_>) -> Option<FailureMode> {
    scheduling(message).or_else(|| first_match(RULES, message))
}

/// Returns the reason that excludes most nodes in `0/5 nodes are available: 1 Insufficient cpu, 4
/// node(s) had untolerated taint {…}.`
fn scheduling(message: Text<'_>) -> Option<FailureMode> {
    let (_, reasons) = message.split_once("nodes are available: ")?;
    let reasons = reasons.split(" preemption: ").next()?;
    let counted = reasons.split(", ").filter_map(|reason| {
        let (count, text) = reason.trim().split_once(' ')?;
        let mode = if text.starts_with("Insufficient ") {
            M::AgentUnschedulableResources
        } else {
            first_match(RULES, message.part(text))?
        };
        Some((count.parse::<u64>().ok()?, mode))
    });
    // The first of equal counts wins.
    counted
        .fold(None, |best: Option<(u64, FailureMode)>, next| {
            best.filter(|best| best.0 >= next.0).or(Some(next))
        })
        .map(|best| best.1)
}

/// In order of precedence: specific messages before their wrappers.
const RULES: &[Rule] = &[
    (&["field is immutable"], M::AgentUpgradeSelectorImmutable),
    (
        &["invalid ownership metadata"],
        M::AgentUpgradeSelectorImmutable,
    ),
    (&["failed calling webhook"], M::AgentFailedCreateWebhook),
    (
        &["admission webhook", "denied the request"],
        M::AgentFailedCreateWebhook,
    ),
    (
        &["ValidatingAdmissionPolicy '", "denied request"],
        M::AgentFailedCreateWebhook,
    ),
    (&[" usage per ", ", but "], M::AgentFailedCreateQuota),
    (
        &["unable to validate against any security context constraint"],
        M::AgentFailedCreatePsa,
    ),
    (&["violates PodSecurity"], M::AgentFailedCreatePsa),
    (&["xceeded quota: "], M::AgentFailedCreateQuota),
    (&["ailed quota: "], M::AgentFailedCreateQuota),
    (&["insufficient quota to match"], M::AgentFailedCreateQuota),
    (
        &["error looking up service account"],
        M::AgentFailedCreateSa,
    ),
    (
        &["serviceaccount \"", "\" not found"],
        M::AgentFailedCreateSa,
    ),
    (&["Back-off restarting failed container"], M::AgentCrashloop),
    (&["CrashLoopBackOff"], M::AgentCrashloop),
    (&["OOMKilled"], M::AgentOomkilled),
    (&["OOMKilling"], M::AgentOomkilled),
    (&["Memory cgroup out of memory"], M::AgentOomkilled),
    (&["failed liveness probe"], M::AgentLivenessKilled),
    (
        &["Liveness probe failed: ", "connection refused"],
        M::AgentHealthUnreachable,
    ),
    (
        &["Liveness probe failed: ", "deadline exceeded"],
        M::AgentUnresponsive,
    ),
    (&["Liveness probe failed"], M::AgentUnhealthy),
    (
        &["Readiness probe failed: ", "connection refused"],
        M::AgentHealthUnreachable,
    ),
    (
        &["Readiness probe failed: ", "deadline exceeded"],
        M::AgentUnresponsive,
    ),
    (&["Readiness probe failed"], M::AgentNotReadyInitialising),
    (&["The node was low on resource"], M::AgentEvicted),
    (&["The node had condition: "], M::AgentEvicted),
    (
        &["Usage of EmptyDir volume", "exceeds the limit"],
        M::AgentEvicted,
    ),
    (
        &["volume node affinity conflict"],
        M::AgentUnschedulableVolume,
    ),
    (
        &["persistentvolumeclaim \"", "\" not found"],
        M::AgentUnschedulableVolume,
    ),
    (
        &["unbound immediate PersistentVolumeClaims"],
        M::AgentUnschedulableVolume,
    ),
    (&["Insufficient cpu"], M::AgentUnschedulableResources),
    (&["Insufficient memory"], M::AgentUnschedulableResources),
    (&["Insufficient pods"], M::AgentUnschedulableResources),
    (
        &["Insufficient ephemeral-storage"],
        M::AgentUnschedulableResources,
    ),
    (
        &["nodes are available", "Insufficient "],
        M::AgentUnschedulableResources,
    ),
    (&["Too many pods"], M::AgentUnschedulableResources),
    (
        &["free ports for the requested pod ports"],
        M::AgentUnschedulableResources,
    ),
    (
        &["no nodes available to schedule"],
        M::AgentUnschedulableResources,
    ),
    (&["untolerated taint"], M::AgentUnschedulableTaint),
    (
        &["that the pod didn't tolerate"],
        M::AgentUnschedulableTaint,
    ),
    (
        &["didn't match Pod's node affinity/selector"],
        M::AgentUnschedulableSelector,
    ),
    (&["were unschedulable"], M::AgentUnschedulableTaint),
    (
        &["didn't match pod affinity"],
        M::AgentUnschedulableSelector,
    ),
    (
        &["didn't match pod anti-affinity"],
        M::AgentUnschedulableSelector,
    ),
    (
        &["didn't match node selector"],
        M::AgentUnschedulableSelector,
    ),
    (&["MountVolume.", "failed"], M::AgentFailedMount),
    (&["AttachVolume.", "failed"], M::AgentFailedMount),
    (&["MapVolume.", "failed"], M::AgentFailedMount),
    (&["Couldn't get configMap "], M::AgentFailedMount),
    (&["Couldn't get secret "], M::AgentFailedMount),
    (&["Unable to attach or mount volumes"], M::AgentFailedMount),
    (&["Failed to create pod sandbox"], M::AgentSandboxFailed),
    (&["Failed create pod sandbox"], M::AgentSandboxFailed),
    (&["FailedCreatePodSandBox"], M::AgentSandboxFailed),
    (&["CreateContainerConfigError"], M::AgentConfigMissing),
    (&["couldn't find key ", " in Secret"], M::AgentConfigMissing),
    (
        &["couldn't find key ", " in ConfigMap"],
        M::AgentConfigMissing,
    ),
    (&["secret \"", "\" not found"], M::AgentConfigMissing),
    (
        &["secrets \"castai-agent\" not found"],
        M::AgentConfigMissing,
    ),
    (&["configmap \"", "\" not found"], M::AgentConfigMissing),
    (
        &["ReplicaSet \"", "has timed out progressing"],
        M::AgentProgressDeadline,
    ),
    (&["ProgressDeadlineExceeded"], M::AgentProgressDeadline),
    (
        &["deployment \"", "exceeded its progress deadline"],
        M::AgentProgressDeadline,
    ),
    (
        &["deployments.apps \"castai-agent\" not found"],
        M::AgentDeploymentMissing,
    ),
    (&["No access to Kubernetes API server"], M::CpfwBlocked),
];
