//! Break a CAST AI workload in every way Kubernetes reports, expect exactly that mode, heal it,
//! expect `ok`.
//!
//! One lab cluster plays all faults of one workload; the tests of the catalogue find missing pairs.

mod component_logs;
mod crash_loops;
mod daemonsets;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::report::Observation;
use lab::apiserver::workload::AGENT;
use lab::apiserver::{ObjectStore, workload};
use lab::cloud_api::{KUBELET_CLIENT_ID, SERVICE_PRINCIPAL_CLIENT_ID};
use lab::{AgentFault, CloudApiFault};
use serde_json::{Value, json};
use test_support::lab_cluster::{LabCluster, evidence};
use test_support::pods::{not_ready, wait_for};

use crate::golden_entries::assert_evidence;

/// A workload, and the check that judges it.
struct Workload {
    check: CheckId,
    deployment: &'static str,
    set: &'static str,
    container: &'static str,
}

/// A way to break a workload.
struct Fault {
    mode: M,
    apply: fn(&ObjectStore, &Workload),
}

const WORKLOADS: [Workload; 3] = [
    Workload {
        check: CheckId::AgentWorkload,
        deployment: "castai-agent",
        set: workload::REPLICA_SET,
        container: "agent",
    },
    Workload {
        check: CheckId::ClusterController,
        deployment: "castai-cluster-controller",
        set: "castai-cluster-controller-7f6d5c4b3",
        container: "cluster-controller",
    },
    Workload {
        check: CheckId::Components,
        deployment: "castai-evictor",
        set: "castai-evictor-5c4d3b2a1",
        container: "castai-evictor",
    },
];

const fn fault(mode: M, apply: fn(&ObjectStore, &Workload)) -> Fault {
    Fault { mode, apply }
}

/// Messages of the scheduler.
const SCHEDULING_ERRORS: &[(M, &str)] = &[
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
const CREATION_ERRORS: &[(M, &str)] = &[
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
const IMAGE_ERRORS: &[(M, &str, &str, Status)] = &[
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
        "failed to pull image: something that nobody has seen",
        Status::Warning,
    ),
];

const FAULTS: &[Fault] = &[
    fault(M::AgentCrashloop, |objects, of| {
        terminate(objects, of, 1, "Error")
    }),
    fault(M::AgentCrashloop, |objects, of| {
        terminate(objects, of, 2, "Error")
    }),
    fault(M::AgentOomkilled, |objects, of| {
        terminate(objects, of, 137, "OOMKilled")
    }),
    fault(M::AgentLivenessKilled, killed_by_its_probe),
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
        each_pod(objects, of, not_ready)
    }),
];

/// Faults of the agent that are not faults of a component.
const AGENT_ONLY_FAULTS: &[(CheckId, Fault)] = &[
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
            terminate(objects, of, 0, "Completed")
        }),
    ),
    (
        CheckId::ClusterController,
        fault(M::AgentScaledToZero, scaled_to_zero),
    ),
];

/// Log lines of a component whose token CAST AI rejects.
const TOKEN_REJECTED_LINES: [(M, &str); 2] = [
    (
        M::CastaiTokenInvalid,
        r#"time="2026-11-22T13:04:54Z" level=error msg="polling actions: get action request failed: iteration: 3 get cluster-actions: request error host=https://api.cast.ai, status_code=401 body={\"message\":\"Unauthorized\"}" func=x file=y"#,
    ),
    (
        M::CastaiForbidden,
        r#"time="2026-11-22T13:04:54Z" level=error msg="polling actions: get action request failed: iteration: 3 get cluster-actions: request error host=https://api.cast.ai, status_code=403 body={\"message\":\"Forbidden\"}" func=x file=y"#,
    ),
];

/// Returns every (check, mode) that these tests provoke.
pub(crate) fn covered_pairs() -> Vec<(CheckId, M)> {
    let modes = FAULTS
        .iter()
        .map(|fault| fault.mode)
        .chain(SCHEDULING_ERRORS.iter().map(|row| row.0));
    let modes = modes
        .chain(CREATION_ERRORS.iter().map(|row| row.0))
        .chain(IMAGE_ERRORS.iter().map(|row| row.0));
    let mut pairs: Vec<_> = modes
        .flat_map(|mode| WORKLOADS.iter().map(move |of| (of.check, mode)))
        .collect();
    pairs.extend(
        AGENT_ONLY_FAULTS
            .iter()
            .map(|(check, fault)| (*check, fault.mode)),
    );
    pairs.extend(IMAGE_ERRORS.iter().map(|row| (CheckId::ImagePull, row.0)));
    pairs.extend([
        (CheckId::NodeLifecycle, M::LifecycleUnresolved),
        (CheckId::AgentUpgrade, M::AgentUpgradeSelectorImmutable),
        (CheckId::AgentUpgrade, M::AgentVersionOutdated),
        (CheckId::ClusterController, M::AgentNoLeader),
        (CheckId::ClusterController, M::AgentLeaseStale),
    ]);
    let refused = [CheckId::ClusterController, CheckId::Components].into_iter();
    pairs.extend(refused.flat_map(|check| TOKEN_REJECTED_LINES.map(|(mode, _)| (check, mode))));
    pairs
}

#[tokio::test]
async fn every_agent_fault_has_its_mode() {
    play(&WORKLOADS[0]).await;
}

#[tokio::test]
async fn every_cluster_controller_fault_has_its_mode() {
    play(&WORKLOADS[1]).await;
}

#[tokio::test]
async fn every_component_fault_has_its_mode() {
    play(&WORKLOADS[2]).await;
}

/// Breaks and heals the workload in every way, in one lab cluster.
async fn play(of: &Workload) {
    let world = LabCluster::start();
    world.assert_healthy().await;
    let objects = world.api.objects();
    let shared = FAULTS.iter().map(|fault| (fault.mode, fault.apply));
    let own = AGENT_ONLY_FAULTS
        .iter()
        .filter(|(check, _)| *check == of.check)
        .map(|(_, fault)| (fault.mode, fault.apply));
    for (mode, apply) in shared.chain(own) {
        apply(objects, of);
        assert_detected_and_healed(&world, of.check, mode).await;
    }
    for (mode, text) in SCHEDULING_ERRORS {
        without_a_node(objects, of, text);
        assert_detected_and_healed(&world, of.check, *mode).await;
    }
    for (mode, text) in CREATION_ERRORS {
        fail_pod_creation(objects, of, text);
        assert_detected_and_healed(&world, of.check, *mode).await;
    }
    for (mode, reason, text, _) in IMAGE_ERRORS {
        wait_for_reason(objects, of, reason, text);
        assert_detected_and_healed(&world, of.check, *mode).await;
    }
}

async fn assert_detected_and_healed(world: &LabCluster, check: CheckId, mode: M) {
    let root = world.assert_root(check, mode, Status::Failing).await;
    assert!(evidence(&root).len() > 20, "{mode}: {}", evidence(&root));
    world.api.objects().replace(workload::healthy());
    world.assert_healthy().await;
}

#[tokio::test]
async fn evicted_pod_does_not_explain_later_failures() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    let mut record = objects
        .all("Pod")
        .into_iter()
        .find(|pod| pod["metadata"]["name"] == workload::POD)
        .unwrap();
    record["metadata"]["name"] = json!("castai-agent-evicted");
    record["metadata"]["uid"] = json!("castai-agent-evicted");
    record["status"] = json!({ "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory." });
    objects.put(record);
    world.assert_healthy().await;
    let lost = json!({ "type": "Ready", "status": "False", "reason": "NodeNotReady" });
    for mut pod in objects
        .all("Pod")
        .into_iter()
        .filter(|pod| pod["metadata"]["name"] == workload::POD)
    {
        pod["status"]["conditions"][1] = lost.clone();
        objects.put(pod);
    }
    world
        .assert_root(CheckId::AgentWorkload, M::AgentUnavailable, Status::Failing)
        .await;
}

#[tokio::test]
async fn agent_health_is_not_applicable_while_no_agent_pod_runs() {
    let world = LabCluster::start();
    world.agent.set(AgentFault::Refused).await;
    let health = async |status: Status| {
        let check_states = world.run_checks().await;
        let health = check_states
            .iter()
            .find(|check_state| check_state.check == CheckId::AgentHealth)
            .unwrap();
        assert_eq!(health.status(), status, "{}", evidence(health));
        evidence(health)
    };
    health(Status::Failing).await;
    wait_for_reason(
        world.api.objects(),
        &WORKLOADS[0],
        "CreateContainerConfigError",
        "secret \"castai-agent\" not found",
    );
    let text = health(Status::NotApplicable).await;
    assert!(
        text.contains("agent_workload") && text.contains("agent_config_missing"),
        "{text}"
    );
    // Pods that run but are not ready do not explain a closed port.
    world.api.objects().replace(workload::healthy());
    each_pod(world.api.objects(), &WORKLOADS[0], not_ready);
    health(Status::Failing).await;
}

#[tokio::test]
async fn image_pull_reports_pods_of_other_namespaces() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    for (mode, reason, text, status) in IMAGE_ERRORS {
        let mut node = workload::node(
            "node-3",
            "azure:///x",
            &[("eks.amazonaws.com/capacityType", "SPOT")],
        );
        node["metadata"]["creationTimestamp"] = json!(workload::ago(120));
        objects.put(node);
        let mut pod = workload::pod("web-1", "web", &json!({}), "web", "shop.azurecr.io/web:1");
        pod["metadata"]["namespace"] = json!("shop");
        pod["spec"]["nodeName"] = json!("node-3");
        wait_for(&mut pod, reason, text);
        objects.put(pod);
        let root = world.assert_root(CheckId::ImagePull, *mode, *status).await;
        let text = evidence(&root);
        assert!(
            text.contains("shop/web-1 on node-3") && text.contains("acr 1"),
            "{text}"
        );
        objects.replace(workload::healthy());
        world.assert_healthy().await;
    }
}

#[tokio::test]
async fn agent_image_pull_failure_is_reported_by_agent_workload_only() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    let refused = "failed to fetch oauth token: unexpected status: 401 Unauthorized";
    wait_for_reason(objects, &WORKLOADS[0], "ErrImagePull", refused);
    world
        .assert_root(CheckId::AgentWorkload, M::ImageAuthFailed, Status::Failing)
        .await;
    let image_pull = async || {
        world
            .run_checks()
            .await
            .into_iter()
            .find(|check_state| check_state.check == CheckId::ImagePull)
            .unwrap()
    };
    let text = evidence(&image_pull().await);
    assert_evidence("image_pull_of_agent_only", &text);
    let mut pod = workload::pod("web-1", "web", &json!({}), "web", "shop.azurecr.io/web:1");
    pod["metadata"]["namespace"] = json!("shop");
    wait_for(&mut pod, "ErrImagePull", refused);
    objects.put(pod);
    let others = image_pull().await;
    assert_eq!(others.settled.modes(), [M::ImageAuthFailed]);
    let text = evidence(&others);
    assert_evidence("image_pull_of_agent_and_other_pod", &text);
}

/// Labels of one node.
type Labels = &'static [(&'static str, &'static str)];

/// Provider, location of its nodes, and node labels that mean spot, on-demand and undetermined.
const LIFECYCLES: [(&str, &str, [&[Labels]; 3]); 8] = [
    ("eks", "aws:///eu-central-1a/i-1", EC2),
    ("selfhostedec2", "aws:///eu-central-1a/i-1", EC2),
    (
        "kops",
        "aws:///eu-central-1a/i-1",
        [
            &[&[CASTAI], &[("spot", "true")]],
            &[],
            &[&[], &[EKS], &[KARPENTER]],
        ],
    ),
    (
        "kops",
        "gce://lab/europe-west3-a/n",
        [
            &[&[CASTAI], &[GKE], &[PREEMPTIBLE]],
            &[&[], &[("spot", "true")]],
            &[],
        ],
    ),
    (
        "gke",
        "gce://lab/europe-west3-a/n",
        [
            &[&[CASTAI], &[GKE], &[PREEMPTIBLE], &[KARPENTER]],
            &[&[], &[AZURE]],
            &[],
        ],
    ),
    (
        "aks",
        "azure:///subscriptions/0",
        [
            &[&[CASTAI], &[AZURE], &[KARPENTER]],
            &[&[], &[GKE], &[PREEMPTIBLE]],
            &[],
        ],
    ),
    ("anywhere", "", [&[], &[&[], &[CASTAI], &[KARPENTER]], &[]]),
    (
        "openshift",
        "aws:///eu-central-1a/i-1",
        [&[], &[&[], &[CASTAI], &[EKS]], &[]],
    ),
];
const EC2: [&[Labels]; 3] = [
    &[
        &[EKS],
        &[CASTAI],
        &[KARPENTER],
        &[("node-role.kubernetes.io/spot-worker", "true")],
    ],
    &[
        &[("eks.amazonaws.com/capacityType", "ON_DEMAND"), CASTAI],
        &[("scheduling.cast.ai/spot-fallback", "true"), CASTAI],
        &[("karpenter.sh/capacity-type", "on-demand")],
    ],
    &[&[], &[GKE], &[AZURE]],
];
const CASTAI: (&str, &str) = ("scheduling.cast.ai/spot", "true");
const EKS: (&str, &str) = ("eks.amazonaws.com/capacityType", "SPOT");
const KARPENTER: (&str, &str) = ("karpenter.sh/capacity-type", "spot");
const GKE: (&str, &str) = ("cloud.google.com/gke-spot", "true");
const PREEMPTIBLE: (&str, &str) = ("cloud.google.com/gke-preemptible", "true");
const AZURE: (&str, &str) = ("kubernetes.azure.com/scalesetpriority", "spot");

#[tokio::test]
async fn spot_nodes_are_recognised_by_labels_of_each_provider() {
    for (provider, place, kinds) in LIFECYCLES {
        let mut world = LabCluster::of(provider);
        world.only = Some(&[CheckId::NodeLifecycle]);
        world.configure();
        let before = lifecycles(&world).await;
        let nodes = kinds.iter().flat_map(|labels| labels.iter()).enumerate();
        for (number, labels) in nodes {
            world
                .api
                .objects()
                .put(workload::node(&format!("more-{number}"), place, labels));
        }
        let more: Vec<_> = lifecycles(&world)
            .await
            .into_iter()
            .zip(before)
            .map(|(now, then)| now - then)
            .collect();
        assert_eq!(
            more,
            kinds.map(|labels| u32::try_from(labels.len()).unwrap()),
            "{provider} {place}"
        );
    }
}

/// Returns the numbers of spot, on-demand and undetermined nodes.
async fn lifecycles(world: &LabCluster) -> [u32; 3] {
    let check_states = world.run_checks().await;
    let nodes = check_states
        .iter()
        .find(|check_state| check_state.check == CheckId::NodeLifecycle)
        .unwrap();
    let observations = nodes.latest.as_ref().unwrap().observations.clone();
    ["spot", "on_demand", "unresolved"].map(|wanted| {
        let of = |fact: &Observation| {
            if let Observation::Nodes(label, count) = fact {
                (*label == wanted).then_some(*count)
            } else {
                None
            }
        };
        observations.iter().find_map(of).unwrap()
    })
}

#[tokio::test]
async fn acr_pull_remedy_names_registry_and_kubelet_identity() {
    let world = LabCluster::of("aks");
    let (objects, azure) = (world.api.objects(), &world.apis[1]);
    let mut pod = workload::pod("web-1", "web", &json!({}), "web", "shop.azurecr.io/web:1");
    pod["spec"]["nodeName"] = json!("node-3");
    wait_for(
        &mut pod,
        "ErrImagePull",
        "failed to fetch oauth token: unexpected status: 401 Unauthorized",
    );
    let mut node = workload::node("node-3", "azure:///x", &[]);
    node["metadata"]["creationTimestamp"] = json!(workload::ago(120));
    for object in [pod, node] {
        objects.put(object);
    }
    let of =
        "--subscription 00000000-1111-2222-3333-444444444444 --resource-group lab-group --name lab";
    let assign = "`az role assignment create --role AcrPull --assignee";
    for (fault, words) in [
        (
            None,
            [
                format!("managed identity, client id {KUBELET_CLIENT_ID}"),
                format!("{assign} {KUBELET_CLIENT_ID} "),
            ],
        ),
        (
            Some(CloudApiFault::ServicePrincipal),
            [
                format!("service principal {SERVICE_PRINCIPAL_CLIENT_ID}"),
                format!("{assign} {SERVICE_PRINCIPAL_CLIENT_ID} "),
            ],
        ),
        // Azure does not report it, or there is no token to query it with.
        (
            Some(CloudApiFault::Forbidden),
            [
                format!("`az aks show {of} --query identityProfile"),
                assign.to_owned(),
            ],
        ),
    ] {
        match fault {
            Some(fault) => azure.set(fault).await,
            None => azure.heal().await,
        }
        let root = world
            .assert_root(CheckId::ImagePull, M::ImageAuthFailed, Status::Failing)
            .await;
        let text = evidence(&root);
        let attach = format!("`az aks update {of} --attach-acr shop`");
        for part in words.iter().chain([&attach]) {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(
            text.contains("shop.azurecr.io/web:1") && !text.ends_with('…'),
            "{text}"
        );
    }
    azure.heal().await;
    objects.replace(workload::healthy());
    world.assert_healthy().await;
}

#[tokio::test]
async fn nodes_of_which_only_ec2_can_tell_are_counted_and_ec2_cannot_be_asked() {
    let mut world = LabCluster::start();
    let (env, objects) = (world.env.clone(), world.api.objects().clone());
    objects.put(workload::node(
        "node-3",
        "aws:///eu-central-1a/i-0a1b2c3d4e5f60003",
        &[],
    ));
    world.set_env("AWS_EC2_METADATA_DISABLED", "true");
    let check_states = world.run_checks().await;
    let of = |check: CheckId| {
        check_states
            .iter()
            .find(|check_state| check_state.check == check)
            .unwrap()
    };
    let nodes = of(CheckId::NodeLifecycle);
    assert_eq!(
        nodes.settled.modes(),
        [M::LifecycleUnresolved],
        "{}",
        evidence(nodes)
    );
    assert!(evidence(nodes).contains("node-3"), "{}", evidence(nodes));
    assert_eq!(of(CheckId::AwsCredentials).status(), Status::Failing);
    objects.replace(workload::healthy());
    world.restore_env(env);
    world.assert_healthy().await;
}

#[tokio::test]
async fn agent_upgrade_detects_resources_of_another_helm_release() {
    let mut world = LabCluster::start();
    let file = world.file.clone();
    world.file.push_str("  release: castai-umbrella\n");
    world.configure();
    let root = world
        .assert_root(
            CheckId::AgentUpgrade,
            M::AgentUpgradeSelectorImmutable,
            Status::Warning,
        )
        .await;
    let text = evidence(&root);
    assert!(
        text.contains("instance=castai-agent,") && text.contains("instance=castai-umbrella,"),
        "{text}"
    );
    world.file = file;
    world.configure();
    world.assert_healthy().await;
}

#[tokio::test]
async fn outdated_agent_is_reported_with_both_versions() {
    let mut world = LabCluster::start();
    world.castai.set_latest_agent_version("0.161.1");
    let root = world
        .assert_root(
            CheckId::AgentUpgrade,
            M::AgentVersionOutdated,
            Status::Warning,
        )
        .await;
    assert_evidence("agent_version_outdated", &evidence(&root));
    let requests = |world: &LabCluster| {
        let requests = world.castai.request_log().requests();
        requests
            .iter()
            .filter(|request| request.path().ends_with("components:getByName"))
            .count()
    };
    // A response is cached for an hour, and longer while there is no newer one.
    assert_eq!(requests(&world), 1);
    world
        .castai
        .set("token-invalid".parse::<lab::CastAiFault>().unwrap())
        .await;
    world.run_checks().await;
    let advice = world
        .run_checks()
        .await
        .into_iter()
        .find(|check_state| check_state.check == CheckId::AgentUpgrade)
        .unwrap();
    assert_eq!(
        (advice.settled.modes(), requests(&world)),
        (&[M::AgentVersionOutdated][..], 1)
    );
    world.castai.heal().await;
    world.castai.set_latest_agent_version("0.123.1");
    world.configure();
    world.assert_healthy().await;
}

#[tokio::test]
async fn latest_version_falls_back_to_configuration() {
    let mut world = LabCluster::start();
    let file = world.file.clone();
    let advice = async |world: &LabCluster| {
        let check_states = world.run_checks().await;
        check_states
            .into_iter()
            .find(|check_state| check_state.check == CheckId::AgentUpgrade)
            .unwrap()
    };
    world.file = file.replace("latest_version: v0.123.0", "latest_version: v0.161.1");
    world.castai.set_key("another");
    world.configure();
    assert_eq!(
        advice(&world).await.settled.modes(),
        [M::AgentVersionOutdated]
    );
    world.file = file.replace("agent:\n  latest_version: v0.123.0\n", "");
    world.restart_exporter();
    let unknown = advice(&world).await;
    let text = evidence(&unknown);
    assert_eq!(unknown.status(), Status::Ok, "the selector matches: {text}");
    assert_evidence("agent_upgrade_without_castai_api", &text);
}

#[tokio::test]
async fn missing_rbac_permission_makes_only_dependent_checks_unknown() {
    let world = LabCluster::start();
    for (verb, resource, checks) in [
        (
            "list",
            "nodes",
            &[CheckId::ImagePull, CheckId::NodeLifecycle][..],
        ),
        ("list", "daemonsets", &[CheckId::Components]),
        (
            "get",
            "pods/log",
            &[
                CheckId::AgentLog,
                CheckId::ClusterController,
                CheckId::Components,
            ],
        ),
        (
            "list",
            "events",
            &[
                CheckId::AgentWorkload,
                CheckId::AgentUpgrade,
                CheckId::ClusterController,
                CheckId::Components,
            ],
        ),
    ] {
        world
            .api
            .set(
                format!("denied:{resource}")
                    .parse::<lab::ApiFault>()
                    .unwrap(),
            )
            .await;
        for check_state in world.run_checks().await {
            let denied = checks.contains(&check_state.check);
            // Checks of other clouds do not apply here.
            let elsewhere = check_state.status() == Status::NotApplicable && !denied;
            let wanted = if denied { Status::Unknown } else { Status::Ok };
            let as_wanted = check_state.status() == wanted || elsewhere;
            assert!(
                as_wanted,
                "{resource}: {}: {}",
                check_state.check,
                evidence(&check_state)
            );
            let verb = format!("{verb} {resource}");
            assert!(
                !denied || evidence(&check_state).contains(&verb),
                "{}",
                evidence(&check_state)
            );
        }
        world.api.heal().await;
        world.assert_healthy().await;
    }
}

#[tokio::test]
async fn component_with_invalid_token_has_a_helm_upgrade_remedy() {
    let mut world = LabCluster::start();
    for (mode, line) in TOKEN_REJECTED_LINES {
        for of in &WORKLOADS[1..] {
            let pods = world.api.objects().all("Pod");
            let pod = pods
                .iter()
                .rfind(|pod| {
                    pod["metadata"]["name"]
                        .as_str()
                        .unwrap()
                        .starts_with(of.set)
                })
                .unwrap();
            let name = pod["metadata"]["name"].as_str().unwrap();
            world.api.logs().write(name, of.container, line);
            let root = world.assert_root(of.check, mode, Status::Failing).await;
            let text = evidence(&root);
            let chart = of.deployment;
            let release = chart.trim_start_matches("castai-");
            let release = if of.check == CheckId::Components {
                chart
            } else {
                release
            };
            let command = format!(
                "helm repo update && helm upgrade -i {release} castai-helm/{chart} -n castai-agent \
                 --set castai.apiKey=$CASTAI_API_TOKEN --set castai.clusterID={}",
                lab::CLUSTER_ID
            );
            assert!(text.contains(name) && text.contains(&command), "{text}");
            world.api.logs().clear();
            world.restart_exporter();
            world.assert_healthy().await;
        }
    }
}

#[tokio::test]
async fn remedy_for_umbrella_release_uses_the_umbrella_chart() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    for name in [AGENT, "castai-cluster-controller"] {
        objects.change("Deployment", AGENT, name, |deployment| {
            deployment["metadata"]["annotations"]["meta.helm.sh/release-name"] = json!("castai");
        });
    }
    world.api.logs().write(
        "castai-cluster-controller-7f6d5c4b3-bbbbb",
        "cluster-controller",
        TOKEN_REJECTED_LINES[0].1,
    );
    let check_states = world.run_checks().await;
    let controller = check_states
        .iter()
        .find(|check_state| check_state.check == CheckId::ClusterController)
        .unwrap();
    assert_eq!(controller.settled.modes(), [M::CastaiTokenInvalid]);
    let text = evidence(controller);
    assert!(
        text.contains("release castai") && !text.contains("helm upgrade"),
        "{text}"
    );
}

#[tokio::test]
async fn cluster_controller_without_leader_is_reported() {
    let mut world = LabCluster::start();
    let name = "cluster-controller";
    for (mode, lease) in [
        (M::AgentLeaseStale, (Some("gone"), 40)),
        (M::AgentNoLeader, (None, 60)),
    ] {
        world.with_lease(name, Some(lease));
        world
            .assert_root(CheckId::ClusterController, mode, Status::Failing)
            .await;
        world.no_leader = None;
        world.assert_healthy().await;
    }
    world.with_lease(name, None);
    world.assert_healthy().await;
}

#[tokio::test]
async fn single_restart_after_control_plane_pause_is_ok() {
    let world = LabCluster::start();
    world
        .api
        .objects()
        .change("Pod", AGENT, workload::POD, |pod| {
            let status = &mut pod["status"]["containerStatuses"][0];
            status["restartCount"] = json!(1);
            status["lastState"] = workload::terminated(0, "Completed", 7000, 30);
            status["state"]["running"]["startedAt"] = json!(workload::ago(29));
        });
    world.assert_healthy().await;
}

#[tokio::test]
async fn agent_pods_are_counted_with_and_without_sidecar() {
    let mut world = LabCluster::start();
    let counts = async |world: &LabCluster| {
        let check_states = world.run_checks().await;
        let check_state = check_states
            .iter()
            .find(|check_state| check_state.check == CheckId::AgentWorkload)
            .unwrap();
        let observations = &check_state.latest.as_ref().unwrap().observations;
        ["present", "missing", "not_expected"].map(|state| {
            observations.iter().find_map(|fact| match fact {
                Observation::AgentPods(of, count) if *of == state => Some(*count),
                _ => None,
            })
        })
    };
    assert_eq!(
        counts(&world).await,
        [Some(0), Some(0), Some(1)],
        "no sidecar is expected without the label"
    );
    world.file.push_str("  sidecar_expected: true\n");
    world.configure();
    assert_eq!(counts(&world).await, [Some(0), Some(1), Some(0)]);
    let inject = |value: &'static str| {
        move |pod: &mut Value| {
            pod["metadata"]["labels"]["castai-health-exporter/inject"] = json!(value)
        }
    };
    world
        .api
        .objects()
        .change("Pod", AGENT, workload::POD, inject("false"));
    assert_eq!(
        counts(&world).await,
        [Some(0), Some(0), Some(1)],
        "the pod opts out by label"
    );
    world
        .api
        .objects()
        .change("Pod", AGENT, workload::POD, inject("true"));
    assert_eq!(counts(&world).await, [Some(0), Some(1), Some(0)]);
    world
        .api
        .objects()
        .change("Pod", AGENT, workload::POD, |pod| {
            let containers = pod["spec"]["containers"].as_array_mut().unwrap();
            containers.push(json!({ "name": "castai-health-exporter", "image": "exporter" }));
        });
    assert_eq!(counts(&world).await, [Some(1), Some(0), Some(0)]);
    world
        .api
        .objects()
        .change("Pod", AGENT, workload::POD, |pod| {
            pod["metadata"]["deletionTimestamp"] = json!(workload::ago(0));
        });
    assert_eq!(
        counts(&world).await,
        [Some(0), Some(0), Some(0)],
        "the pod is terminating"
    );
}

#[tokio::test]
async fn pod_with_agent_labels_but_other_owner_is_ignored() {
    let world = LabCluster::start();
    let labels = json!({ "app.kubernetes.io/name": "castai-agent", "app.kubernetes.io/instance": "castai-agent" });
    let mut pod = workload::pod(
        "impostor",
        "somebody-elses-set",
        &labels,
        "agent",
        workload::IMAGE,
    );
    pod["status"]["phase"] = json!("Pending");
    pod["status"]["conditions"] = json!([workload::condition(
        "PodScheduled",
        "False",
        "Unschedulable",
        SCHEDULING_ERRORS[0].1
    )]);
    world.api.objects().put(pod);
    world.assert_healthy().await;
}

#[tokio::test]
async fn component_not_installed_or_scaled_to_zero_is_ok() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    scaled_to_zero(objects, &WORKLOADS[2]);
    world.assert_healthy().await;
    for of in &WORKLOADS[1..] {
        objects.remove("Deployment", AGENT, of.deployment);
    }
    for check_state in world.run_checks().await {
        let absent = matches!(
            check_state.check,
            CheckId::ClusterController | CheckId::Components
        );
        let fits = match check_state.status() {
            Status::NotApplicable => true,
            status => status == Status::Ok && !absent,
        };
        assert!(fits, "{}: {}", check_state.check, evidence(&check_state));
    }
}

#[tokio::test]
async fn agent_with_one_working_pod_is_a_warning() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    objects.change("Deployment", AGENT, AGENT, |deployment| {
        deployment["spec"]["replicas"] = json!(2)
    });
    objects.change("ReplicaSet", AGENT, workload::REPLICA_SET, |set| {
        set["spec"]["replicas"] = json!(2)
    });
    objects.change("ReplicaSet", AGENT, workload::REPLICA_SET, |set| {
        set["status"]["conditions"] = json!([workload::condition(
            "ReplicaFailure",
            "True",
            "FailedCreate",
            CREATION_ERRORS[0].1
        )]);
    });
    world
        .assert_root(
            CheckId::AgentWorkload,
            M::AgentFailedCreateQuota,
            Status::Warning,
        )
        .await;
}

// Faults.

fn each_pod(objects: &ObjectStore, of: &Workload, change: impl Fn(&mut Value)) {
    let owner = workload::uid(of.set);
    for mut pod in objects.all("Pod") {
        if pod["metadata"]["ownerReferences"][0]["uid"] == owner.as_str() {
            change(&mut pod);
            objects.put(pod);
        }
    }
}

fn terminate(objects: &ObjectStore, of: &Workload, code: i32, reason: &str) {
    each_pod(objects, of, |pod| {
        not_ready(pod);
        let status = &mut pod["status"]["containerStatuses"][0];
        status["restartCount"] = json!(6);
        status["lastState"] = workload::terminated(code, reason, 45, 24);
        status["state"] = json!({ "waiting": {
            "reason": "CrashLoopBackOff", "message": "back-off 2m40s restarting failed container",
        } });
    });
}

/// The container is running again after the kill, but not for long.
fn killed_by_its_probe(objects: &ObjectStore, of: &Workload) {
    each_pod(objects, of, |pod| {
        let status = &mut pod["status"]["containerStatuses"][0];
        status["restartCount"] = json!(3);
        status["lastState"] = workload::terminated(137, "Error", 800, 10);
        status["state"] = json!({ "running": { "startedAt": workload::ago(9) } });
        let name = pod["metadata"]["name"].as_str().unwrap();
        let text = format!(
            "Container {} failed liveness probe, will be restarted",
            of.container
        );
        objects.put(workload::event("Pod", name, "Killing", &text));
    });
}

fn wait_for_reason(objects: &ObjectStore, of: &Workload, reason: &str, text: &str) {
    each_pod(objects, of, |pod| wait_for(pod, reason, text));
}

fn keep_starting(objects: &ObjectStore, of: &Workload, reason: &str, text: &str) {
    each_pod(objects, of, |pod| {
        wait_for(pod, "ContainerCreating", "");
        objects.put(workload::event(
            "Pod",
            pod["metadata"]["name"].as_str().unwrap(),
            reason,
            text,
        ));
    });
}

fn without_a_node(objects: &ObjectStore, of: &Workload, text: &str) {
    each_pod(objects, of, |pod| {
        pod["spec"].as_object_mut().unwrap().remove("nodeName");
        pod["status"] = json!({
            "phase": "Pending", "conditions": [workload::condition("PodScheduled", "False", "Unschedulable", text)],
        });
    });
}

fn remove_pods(objects: &ObjectStore, of: &Workload) {
    each_pod(objects, of, |pod| {
        pod["metadata"]["labels"] = json!({});
        objects.remove("Pod", AGENT, pod["metadata"]["name"].as_str().unwrap());
        pod["metadata"]["name"] = json!("gone");
        pod["metadata"]["ownerReferences"] = json!([]);
    });
    objects.remove("Pod", AGENT, "gone");
}

fn fail_pod_creation(objects: &ObjectStore, of: &Workload, text: &str) {
    remove_pods(objects, of);
    objects.change("ReplicaSet", AGENT, of.set, |set| {
        set["status"] = json!({
            "replicas": 0, "conditions": [workload::condition("ReplicaFailure", "True", "FailedCreate", text)],
        });
    });
}

fn scaled_to_zero(objects: &ObjectStore, of: &Workload) {
    remove_pods(objects, of);
    objects.change("Deployment", AGENT, of.deployment, |deployment| {
        deployment["spec"]["replicas"] = json!(0)
    });
    objects.change("ReplicaSet", AGENT, of.set, |set| {
        set["spec"]["replicas"] = json!(0);
        set["status"] = json!({ "replicas": 0 });
    });
}
