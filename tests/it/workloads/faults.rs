//! Faults of a workload: scheduling, creation, image pull, crashes and log lines.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use lab::apiserver::workload::AGENT;
use lab::apiserver::{ObjectStore, workload};
use serde_json::json;
use test_support::pods::not_ready;

use super::objects::{
    each_pod, keep_starting, killed, killed_by_its_probe, scaled_to_zero, terminate,
    wait_for_reason,
};
use super::{Fault, Workload};

pub(super) const fn fault(mode: M, apply: fn(&ObjectStore, &Workload)) -> Fault {
    Fault { mode, apply }
}

/// Messages of the scheduler.
pub(super) const SCHEDULING_ERRORS: &[(M, &str)] = &[
    (
        M::AgentUnschedulableResources,
        "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.",
    ),
    (
        M::AgentUnschedulableTaint,
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {dedicated: gpu}.",
    ),
    (
        M::AgentUnschedulableTaint,
        "0/3 nodes are available: 3 node(s) had taint {dedicated: gpu}, that the pod didn't tolerate.",
    ),
    (
        M::AgentUnschedulableSelector,
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
    ),
    (
        M::AgentUnschedulableSelector,
        "0/3 nodes are available: 3 node(s) didn't match node selector.",
    ),
    (
        M::AgentUnschedulableVolume,
        "0/3 nodes are available: 3 node(s) had volume node affinity conflict.",
    ),
];

/// Errors of the API server that prevent the pod from being created.
pub(super) const CREATION_ERRORS: &[(M, &str)] = &[
    (
        M::AgentFailedCreateQuota,
        "pods \"x\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=5, limited: pods=5",
    ),
    (
        M::AgentFailedCreateQuota,
        "insufficient quota to match these scopes: [{PriorityClass In [system-node-critical system-cluster-critical]}]",
    ),
    (
        M::AgentFailedCreatePsa,
        "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false",
    ),
    (
        M::AgentFailedCreateWebhook,
        "Internal error occurred: failed calling webhook \"v.example.com\": failed to call webhook: Post \"https://v.x.svc:443/?timeout=10s\": dial tcp 10.0.0.9:443: connect: connection refused",
    ),
    (
        M::AgentFailedCreateWebhook,
        "admission webhook \"v.example.com\" denied the request: images must be signed",
    ),
    (
        M::AgentFailedCreateSa,
        "error looking up service account castai-agent/castai-agent: serviceaccount \"castai-agent\" not found",
    ),
];

/// Image-pull messages of the kubelet, and the status of `image_pull`: failing if other pods would
/// fail as well.
pub(super) const IMAGE_ERRORS: &[(M, &str, &str, Status)] = &[
    (
        M::ImageAuthFailed,
        "ErrImagePull",
        "rpc error: code = Unknown desc = failed to pull and unpack image \"r.azurecr.io/x:1\": failed to resolve reference \"r.azurecr.io/x:1\": failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized",
        Status::Failing,
    ),
    (
        M::ImageAuthOrMissing,
        "ErrImagePull",
        "rpc error: code = Unknown desc = failed to pull and unpack image \"docker.io/x/y:1\": failed to resolve reference: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
        Status::Warning,
    ),
    (
        M::ImageForbidden,
        "ErrImagePull",
        "failed to pull and unpack image: unexpected status from HEAD request to https://r.azurecr.io/v2/x/manifests/1: 403 Forbidden",
        Status::Failing,
    ),
    (
        M::ImageNotFound,
        "ErrImagePull",
        "[rpc error: code = NotFound desc = failed to pull and unpack image \"r.azurecr.io/x:1\": r.azurecr.io/x:1: not found, rpc error: code = Unknown desc = failed to pull and unpack image: failed to fetch anonymous token: unexpected status: 401 Unauthorized]",
        Status::Warning,
    ),
    (
        M::ImageRateLimited,
        "ErrImagePull",
        "failed to pull image: toomanyrequests: You have reached your pull rate limit.",
        Status::Failing,
    ),
    (
        M::ImageTlsUntrusted,
        "ErrImagePull",
        "failed to pull image: Get \"https://r.example.com/v2/\": x509: certificate signed by unknown authority",
        Status::Failing,
    ),
    (
        M::ImageDns,
        "ErrImagePull",
        "failed to pull image: dial tcp: lookup r.example.com on 10.0.0.2:53: no such host",
        Status::Failing,
    ),
    (
        M::ImageTimeout,
        "ErrImagePull",
        "failed to pull image: dial tcp 10.0.0.9:443: i/o timeout",
        Status::Failing,
    ),
    (
        M::ImageRefused,
        "ErrImagePull",
        "failed to pull image: dial tcp 10.0.0.9:443: connect: connection refused",
        Status::Failing,
    ),
    (
        M::ImageRegistry5xx,
        "ErrImagePull",
        "failed to pull image: unexpected status code https://r.example.com/v2/x/manifests/1: 503 Service Unavailable",
        Status::Failing,
    ),
    (
        M::ImageRegistryUnavailable,
        "RegistryUnavailable",
        "registry is unavailable",
        Status::Failing,
    ),
    (
        M::ImagePlatformMismatch,
        "ErrImagePull",
        "failed to pull and unpack image: no match for platform in manifest: not found",
        Status::Warning,
    ),
    (
        M::ImageNeverPull,
        "ErrImageNeverPull",
        "Container image \"x:1\" is not present with pull policy of Never",
        Status::Warning,
    ),
    (
        M::ImageInvalidName,
        "InvalidImageName",
        "Failed to apply default image tag \"X:1\": couldn't parse image name \"X:1\": invalid reference format: repository name must be lowercase",
        Status::Warning,
    ),
    (
        M::ImageNoSpace,
        "ErrImagePull",
        "failed to pull and unpack image: failed to copy: write /var/lib/containerd/x: no space left on device",
        Status::Failing,
    ),
    (
        M::ImageSignature,
        "SignatureValidationFailed",
        "failed to pull image: image signature validation failed",
        Status::Failing,
    ),
    (
        M::ImageUnknown,
        "ErrImagePull",
        "failed to pull image: an unknown error",
        Status::Warning,
    ),
];

pub(super) const FAULTS: &[Fault] = &[
    fault(M::AgentCrashloop, |objects, of| {
        terminate(objects, of, 1, "Error");
    }),
    fault(M::AgentCrashloop, |objects, of| {
        terminate(objects, of, 2, "Error");
    }),
    fault(M::AgentOomkilled, |objects, of| {
        terminate(objects, of, 137, "OOMKilled");
    }),
    fault(M::AgentLivenessKilled, killed_by_its_probe),
    fault(M::AgentKilled, killed),
    fault(M::AgentEvicted, |objects, of| {
        each_pod(objects, of, |pod| {
            pod["status"] = json!({
                "phase": "Failed", "reason": "Evicted",
                "message": "The node was low on resource: memory. Threshold quantity: 100Mi, available: 48Mi.",
            });
        });
    }),
    fault(M::AgentFailedMount, |objects, of| {
        keep_starting(
            objects,
            of,
            "FailedMount",
            "MountVolume.SetUp failed for volume \"v\" : secret \"s\" not found",
        );
    }),
    fault(M::AgentSandboxFailed, |objects, of| {
        let text = "Failed to create pod sandbox: rpc error: code = Unknown desc = plugin type=\"aws-cni\" failed (add): add cmd: failed to assign an IP address to container";
        keep_starting(objects, of, "FailedCreatePodSandBox", text);
    }),
    fault(M::AgentConfigMissing, |objects, of| {
        wait_for_reason(
            objects,
            of,
            "CreateContainerConfigError",
            "secret \"castai-agent\" not found",
        );
    }),
    fault(M::AgentConfigMissing, |objects, of| {
        wait_for_reason(
            objects,
            of,
            "CreateContainerConfigError",
            "couldn't find key API_KEY in Secret castai-agent/castai-agent",
        );
    }),
    fault(M::AgentProgressDeadline, |objects, of| {
        each_pod(objects, of, not_ready);
        objects.change("Deployment", AGENT, of.deployment, |deployment| {
            let text = format!("ReplicaSet \"{}\" has timed out progressing.", of.set);
            deployment["status"]["conditions"][1] =
                workload::condition("Progressing", "False", "ProgressDeadlineExceeded", &text);
        });
    }),
    fault(M::AgentUnavailable, |objects, of| {
        each_pod(objects, of, not_ready);
    }),
];

/// Faults of the agent that are not faults of a component.
pub(super) const AGENT_ONLY_FAULTS: &[(CheckId, Fault)] = &[
    (
        CheckId::AgentWorkload,
        fault(M::AgentDeploymentMissing, |objects, of| {
            objects.remove("Deployment", AGENT, of.deployment);
        }),
    ),
    (
        CheckId::AgentWorkload,
        fault(M::AgentScaledToZero, scaled_to_zero),
    ),
    (
        CheckId::AgentWorkload,
        fault(M::AgentCompleted, |objects, of| {
            terminate(objects, of, 0, "Completed");
        }),
    ),
    (
        CheckId::ClusterController,
        fault(M::AgentScaledToZero, scaled_to_zero),
    ),
];

/// Log lines of a component whose token CAST AI rejects.
pub(super) const TOKEN_REJECTED_LINES: [(M, &str); 2] = [
    (
        M::CastaiTokenInvalid,
        r#"time="2026-11-22T13:04:54Z" level=error msg="polling actions: get action request failed: iteration: 3 get cluster-actions: request error host=https://api.cast.ai, status_code=401 body={\"message\":\"Unauthorized\"}" func=x file=y"#,
    ),
    (
        M::CastaiForbidden,
        r#"time="2026-11-22T13:04:54Z" level=error msg="polling actions: get action request failed: iteration: 3 get cluster-actions: request error host=https://api.cast.ai, status_code=403 body={\"message\":\"Forbidden\"}" func=x file=y"#,
    ),
];
