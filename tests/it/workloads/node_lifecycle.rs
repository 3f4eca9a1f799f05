//! Tests of spot and on-demand detection.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::report::Observation;
use lab::apiserver::workload;
use test_support::lab_cluster::{LabCluster, evidence};

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
async fn unresolved_nodes_are_counted_while_ec2_is_unavailable() {
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
        nodes.stable_modes.modes(),
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
