//! Tests of `control_plane_access` beyond the scenarios: evidence, unknown verdicts and token
//! requests.

mod eks;
mod tokens;

use castai_health_exporter::catalogue::{CheckId, Need, Status};
use castai_health_exporter::state::CheckState;
use lab::azure_imds::AZURE_TOKEN;
use lab::gce::GOOGLE_TOKEN;
use lab::{CloudApiFault, EksFault};
use test_support::lab_cluster::{LabCluster, commands, evidence, state_of};

use crate::golden_entries::assert_evidence;

async fn check_control_plane_access(world: &LabCluster) -> (Status, String) {
    let check_state = state(world).await;
    (check_state.status(), evidence(&check_state))
}

async fn state(world: &LabCluster) -> CheckState {
    let check_states = world.run_checks().await;
    state_of(&check_states, CheckId::ControlPlaneAccess).clone()
}

async fn with(provider: &str, fault: &str) -> (Status, String) {
    check_control_plane_access(&broken(provider, fault).await).await
}

async fn broken(provider: &str, fault: &str) -> LabCluster {
    let world = LabCluster::of(provider);
    match provider {
        "eks" => world.eks.set(fault.parse::<EksFault>().unwrap()).await,
        "gke" => {
            world.apis[0]
                .set(fault.parse::<CloudApiFault>().unwrap())
                .await;
        }
        _ => {
            world.apis[1]
                .set(fault.parse::<CloudApiFault>().unwrap())
                .await;
        }
    }
    world
}

#[tokio::test]
async fn blocking_networks_are_named_with_the_reason() {
    for (provider, fault, reason) in [
        ("eks", "listed", "35.221.40.21 (in 35.221.40.0/24)"),
        ("gke", "listed", "35.221.40.21 (in 35.221.40.0/24)"),
        ("aks", "listed", "35.221.40.21 (in 35.221.40.0/24)"),
        ("gke", "google-only", "35.221.40.21 (a Google Cloud address"),
    ] {
        let (status, evidence) = with(provider, fault).await;
        assert_eq!(status, Status::Ok, "{evidence}");
        assert!(evidence.contains(reason), "{evidence}");
        assert_evidence(&format!("control_plane_{provider}_{fault}"), &evidence);
    }
    for provider in ["eks", "gke", "aks"] {
        let (status, evidence) = check_control_plane_access(&LabCluster::of(provider)).await;
        assert_eq!(status, Status::Ok, "{evidence}");
        assert_evidence(&format!("control_plane_{provider}_open"), &evidence);
    }
}

#[tokio::test]
async fn remedy_contains_the_full_network_list() {
    for (provider, command) in [
        (
            "eks",
            "aws eks update-cluster-config --region eu-central-1 --name lab --resources-vpc-config \
             publicAccessCidrs=203.0.113.0/24,198.51.100.7/32,35.221.40.21/32",
        ),
        (
            "gke",
            "gcloud container clusters update lab --location europe-west3 --project lab-project \
             --enable-master-authorized-networks --master-authorized-networks \
             203.0.113.0/24,198.51.100.7/32,35.221.40.21/32",
        ),
        (
            "aks",
            "az aks update --subscription 00000000-1111-2222-3333-444444444444 --resource-group lab-group --name lab \
             --api-server-authorized-ip-ranges 203.0.113.0/24,198.51.100.7/32,35.221.40.21/32",
        ),
    ] {
        let blocked = state(&broken(provider, "blocked").await).await;
        assert_eq!(blocked.status(), Status::Failing);
        assert_eq!(commands(&blocked), [command]);
    }
    for (provider, show) in [("eks", "aws eks describe-cluster"), ("aks", "az aks show")] {
        let blocked = state(&broken(provider, "blocked-by-long-list").await).await;
        assert_eq!(blocked.status(), Status::Failing);
        let commands = commands(&blocked);
        assert!(commands[0].starts_with(show), "{commands:?}");
        assert!(commands[1].ends_with("LIST"), "{commands:?}");
    }
}

#[tokio::test]
async fn undetermined_access_is_not_blocking() {
    for fault in [
        "forbidden",
        "expired",
        "not-found",
        "rate-limited",
        "server-error",
        "unrelated-json",
        "hostile",
        "blocked-while-changing",
        "blocked-by-hostile-entry",
        "refused",
        "reset",
        "cert-foreign-ca",
        "cert-wrong-name",
        "html:200",
        "noise",
        "truncated",
        "endless-body",
        "redirect-to:https://elsewhere.example/",
    ] {
        for provider in ["gke", "aks"] {
            let (status, evidence) = with(provider, fault).await;
            assert_eq!(status, Status::Unknown, "{provider} {fault}: {evidence}");
            assert!(
                !evidence.chars().any(char::is_control) && !evidence.contains("reboot"),
                "{provider} {fault}: {evidence}"
            );
            for secret in [GOOGLE_TOKEN, AZURE_TOKEN] {
                assert!(!evidence.contains(secret), "{provider} {fault}: {evidence}");
            }
        }
    }
    let (_, evidence) = with("gke", "forbidden").await;
    assert!(
        evidence.contains("container.clusters.get")
            && evidence.contains("roles/container.clusterViewer"),
        "{evidence}"
    );
    let (_, evidence) = with("aks", "forbidden").await;
    assert!(
        evidence.contains("az role assignment create --role Reader"),
        "{evidence}"
    );
}

#[tokio::test]
async fn configured_castai_addresses_are_checked() {
    let mut world = LabCluster::of("gke");
    world.file = world.file.replace(
        "control_plane:\n",
        "control_plane:\n  castai_addresses: [203.0.113.9, 192.0.2.1]\n",
    );
    world.configure();
    let (status, evidence) = check_control_plane_access(&world).await;
    assert!(
        status == Status::Ok && !evidence.contains("2023"),
        "{evidence}"
    );
    world.apis[0].set(CloudApiFault::Blocked).await;
    let blocked = state(&world).await;
    assert_eq!(blocked.status(), Status::Failing);
    let [command] = &commands(&blocked)[..] else {
        panic!("one command replaces the list: {blocked:?}");
    };
    assert!(
        command.ends_with("203.0.113.0/24,198.51.100.7/32,192.0.2.1/32"),
        "{command}"
    );
    world.apis[0].set(CloudApiFault::GoogleOnly).await;
    let (status, evidence) = check_control_plane_access(&world).await;
    assert!(
        status == Status::Unknown && evidence.contains("192.0.2.1"),
        "{evidence}"
    );
}

#[tokio::test]
async fn aks_cluster_is_looked_up_by_configured_id() {
    let mut world = LabCluster::of("aks");
    for (name, value) in [
        ("AKS_LOCATION", "westeurope"),
        ("AKS_NODE_RESOURCE_GROUP", "MC_lab_group_lab_westeurope"),
        ("AKS_SUBSCRIPTION_ID", lab::azure_imds::SUBSCRIPTION),
    ] {
        world.set_env(name, value);
    }
    let (status, evidence) = check_control_plane_access(&world).await;
    assert!(
        status == Status::Unknown && evidence.contains("control_plane.azure_cluster"),
        "{evidence}"
    );
    let id = format!(
        "/subscriptions/{}/resourceGroups/lab-group/providers/Microsoft.ContainerService/managedClusters/lab",
        lab::azure_imds::SUBSCRIPTION
    );
    world.file = world.file.replace(
        "control_plane:\n",
        &format!("control_plane:\n  azure_cluster: {id}\n"),
    );
    world.configure();
    assert_eq!(check_control_plane_access(&world).await.0, Status::Ok);
}

#[tokio::test]
async fn other_clouds_are_not_called() {
    for provider in ["kops", "anywhere", "openshift", "selfhostedec2"] {
        let world = LabCluster::of(provider);
        let check_states = world.run_checks().await;
        let check_state = check_states
            .iter()
            .find(|check_state| check_state.check == CheckId::ControlPlaneAccess)
            .unwrap();
        assert_eq!(
            (check_state.status(), check_state.need),
            (Status::NotApplicable, Need::None),
            "{provider}"
        );
        let asked = world.apis.iter().map(|api| api.request_log()).chain([
            world.gce.request_log(),
            world.azure.request_log(),
            world.eks.request_log(),
        ]);
        assert!(
            asked
                .map(|request_log| request_log.connections().len())
                .sum::<usize>()
                == 0,
            "{provider}"
        );
    }
    for (provider, silent) in [("gke", [1, 2]), ("aks", [0, 2])] {
        let world = LabCluster::of(provider);
        world.assert_healthy().await;
        assert!(
            silent
                .iter()
                .all(|api| world.apis[*api].request_log().connections().is_empty()),
            "{provider}"
        );
        assert!(
            world.imds.request_log().connections().is_empty()
                && world.eks.request_log().connections().is_empty()
        );
    }
    let world = LabCluster::start();
    world.assert_healthy().await;
    let silent = world
        .apis
        .iter()
        .map(|api| api.request_log())
        .chain([world.gce.request_log(), world.azure.request_log()]);
    assert!(
        silent
            .map(|request_log| request_log.connections().len())
            .sum::<usize>()
            == 0
    );
    assert_eq!(world.eks.request_log().requests().len(), 1);
}
