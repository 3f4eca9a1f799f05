//! Tests of `control_plane_access` beyond the scenarios: evidence, unknown verdicts and token
//! requests.

use std::fs;
use std::net::IpAddr;

use castai_health_exporter::catalogue::{CheckId, Need, Status};
use castai_health_exporter::state::CheckState;
use lab::azure_imds::AZURE_TOKEN;
use lab::cloud_api::{FEDERATED_TOKEN, TENANT_ID, WORKLOAD_CLIENT_ID};
use lab::gce::GOOGLE_TOKEN;
use lab::imds::{ROLE_SECRET, ROLE_TOKEN};
use lab::{AzureImdsFault, CertificateKind, CloudApiFault, EksFault, GceFault, Pki, RogueServer};
use test_support::lab_cluster::{LabCluster, evidence};
use test_support::scenarios::WebIdentity;

async fn looked(world: &LabCluster) -> (Status, String) {
    let check_states: Vec<CheckState> = world.look().await;
    let check_state = check_states
        .iter()
        .find(|check_state| check_state.check == CheckId::ControlPlaneAccess)
        .unwrap();
    (check_state.status(), evidence(check_state))
}

async fn with(provider: &str, fault: &str) -> (Status, String) {
    let world = LabCluster::of(provider);
    match provider {
        "eks" => world.eks.set(fault.parse::<EksFault>().unwrap()).await,
        "gke" => {
            world.apis[0]
                .set(fault.parse::<CloudApiFault>().unwrap())
                .await
        }
        _ => {
            world.apis[1]
                .set(fault.parse::<CloudApiFault>().unwrap())
                .await
        }
    }
    looked(&world).await
}

#[tokio::test]
async fn whoever_is_let_in_is_named_with_the_reason() {
    for (provider, fault, reason) in [
        ("eks", "listed", "35.221.40.21 (in 35.221.40.0/24)"),
        ("gke", "listed", "35.221.40.21 (in 35.221.40.0/24)"),
        ("aks", "listed", "35.221.40.21 (in 35.221.40.0/24)"),
        (
            "gke",
            "google-only",
            "35.221.40.21 (as an address of Google Cloud's",
        ),
    ] {
        let (status, said) = with(provider, fault).await;
        assert_eq!(status, Status::Ok, "{said}");
        assert!(
            said.contains(reason) && said.contains("documentation of 2023"),
            "{said}"
        );
    }
    for provider in ["eks", "gke", "aks"] {
        let (status, said) = looked(&LabCluster::of(provider)).await;
        assert!(
            status == Status::Ok && said.contains("open to all addresses"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn the_remedy_repeats_the_whole_list() {
    for (provider, command) in [
        (
            "eks",
            "`aws eks update-cluster-config --region eu-central-1 --name lab --resources-vpc-config \
             publicAccessCidrs=203.0.113.0/24,198.51.100.7/32,35.221.40.21/32`",
        ),
        (
            "gke",
            "`gcloud container clusters update lab --location europe-west3 --project lab-project \
             --enable-master-authorized-networks --master-authorized-networks \
             203.0.113.0/24,198.51.100.7/32,35.221.40.21/32`",
        ),
        (
            "aks",
            "`az aks update --subscription 00000000-1111-2222-3333-444444444444 --resource-group lab-group --name lab \
             --api-server-authorized-ip-ranges 203.0.113.0/24,198.51.100.7/32,35.221.40.21/32`",
        ),
    ] {
        let (status, said) = with(provider, "blocked").await;
        assert_eq!(status, Status::Failing);
        assert!(said.contains(command), "{said}");
    }
    for (provider, show) in [("eks", "aws eks describe-cluster"), ("aks", "az aks show")] {
        let (status, said) = with(provider, "blocked-by-long-list").await;
        assert_eq!(status, Status::Failing);
        assert!(
            said.contains(&format!("to the whole list from `{show}")) && !said.ends_with('…'),
            "{said}"
        );
    }
}

#[tokio::test]
async fn what_eks_does_not_tell_blocks_nobody() {
    for (fault, why) in [
        (
            "access-denied",
            "allow eks:DescribeCluster on this cluster for \"arn:aws:sts::123456789012:assumed-role/lab-node",
        ),
        ("denied-scp", "service control policy"),
        ("not-found", "correct EKS_REGION or EKS_CLUSTER_NAME"),
        ("throttled", "TooManyRequestsException"),
        ("expired-token", "the next attempt uses new credentials"),
        ("server-error", "ServerException"),
        ("unrelated-json", "no cluster"),
        ("hostile", "AccessDeniedException"),
        ("blocked-while-updating", "in progress (UPDATING)"),
        ("blocked-by-hostile-entry", "could not be read"),
        ("refused", "net_refused"),
        ("reset", "net_reset"),
        ("tls-hang", "tls_handshake_timeout"),
        ("cert-foreign-ca", "tls_unknown_authority"),
        ("cert-wrong-name", "tls_hostname_mismatch"),
        ("html:200", "no cluster"),
        ("html:503", "503"),
        ("noise", "http_protocol"),
        ("truncated", "http_protocol"),
        ("endless-body", "no cluster"),
        ("clock:+600s", "InvalidSignatureException"),
        ("redirect-to:https://elsewhere.example/", "returned 30"),
    ] {
        let (status, said) = with("eks", fault).await;
        assert!(
            status == Status::Unknown && said.contains(why),
            "{fault}: {status} {said}"
        );
        assert!(
            !said.chars().any(char::is_control) && !said.contains("reboot"),
            "{fault}: {said}"
        );
        for secret in [ROLE_SECRET, ROLE_TOKEN] {
            assert!(!said.contains(secret), "{fault}: {said}");
        }
    }
}

#[tokio::test]
async fn eks_is_asked_as_the_agent_and_without_its_credentials_not_at_all() {
    let mut world = LabCluster::start();
    let (status, said) = looked(&world).await;
    assert_eq!(status, Status::Ok, "{said}");
    world.set_env("EKS_CLUSTER_NAME", "another");
    let (status, said) = looked(&world).await;
    assert!(
        status == Status::Unknown && said.contains("there is no cluster another in eu-central-1"),
        "{said}"
    );
    world.set_env("EKS_CLUSTER_NAME", "$(reboot)/..");
    let (status, said) = looked(&world).await;
    assert!(
        status == Status::Unknown && !said.contains("reboot"),
        "{said}"
    );
    world.set_env("EKS_CLUSTER_NAME", "lab");

    world.with_key(lab::aws::KEY_ID, "another secret");
    let (status, said) = looked(&world).await;
    assert!(
        status == Status::Unknown && said.contains("InvalidSignatureException"),
        "{said}"
    );
    world.with_key(lab::aws::KEY_ID, lab::aws::SECRET);
    // An agent that does not call AWS still has credentials.
    world.set_env("EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED", "false");
    let asked = |world: &LabCluster| {
        [world.sts.request_log(), world.ec2.request_log()].map(|of| of.requests().len())
    };
    let before = asked(&world);
    assert_eq!(looked(&world).await.0, Status::Ok);
    assert_eq!(asked(&world), before, "nobody else of AWS is asked");
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        world.unset_env(name);
    }
    world.with_web_identity(WebIdentity::Token("sts.amazonaws.com", -60, 86_000));
    let (status, said) = looked(&world).await;
    assert_eq!(status, Status::Ok, "{said}");

    let connections = world.eks.request_log().connections().len();
    for name in [
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED",
    ] {
        world.unset_env(name);
    }
    world.set_env("AWS_EC2_METADATA_DISABLED", "true");
    let (status, said) = looked(&world).await;
    assert!(
        status == Status::Unknown && said.contains("without credentials"),
        "{said}"
    );
    assert_eq!(world.eks.request_log().connections().len(), connections);
}

#[tokio::test]
async fn what_could_not_be_found_out_blocks_nobody() {
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
            let (status, said) = with(provider, fault).await;
            assert_eq!(status, Status::Unknown, "{provider} {fault}: {said}");
            assert!(
                !said.chars().any(char::is_control) && !said.contains("reboot"),
                "{provider} {fault}: {said}"
            );
            for secret in [GOOGLE_TOKEN, AZURE_TOKEN] {
                assert!(!said.contains(secret), "{provider} {fault}: {said}");
            }
        }
    }
    let (_, said) = with("gke", "forbidden").await;
    assert!(
        said.contains("container.clusters.get") && said.contains("roles/container.clusterViewer"),
        "{said}"
    );
    let (_, said) = with("aks", "forbidden").await;
    assert!(
        said.contains("az role assignment create --role Reader"),
        "{said}"
    );
}

#[tokio::test]
async fn without_a_token_nobody_is_blamed() {
    let world = LabCluster::of("gke");
    world.gce.set(GceFault::NoServiceAccount).await;
    let (status, said) = looked(&world).await;
    assert!(
        status == Status::Unknown && said.contains("failed to get a Google token"),
        "{said}"
    );
    for (fault, why) in [
        (AzureImdsFault::NoIdentity, "Identity not found"),
        (
            AzureImdsFault::ManyIdentities,
            "Multiple user assigned identities",
        ),
        (AzureImdsFault::Restricted, "not allowed"),
    ] {
        let mut world = LabCluster::of("aks");
        world.set_env("AKS_LOCATION", "westeurope");
        world.set_env("AKS_NODE_RESOURCE_GROUP", "MC_lab-group_lab_westeurope");
        world.set_env("AKS_SUBSCRIPTION_ID", lab::azure_imds::SUBSCRIPTION);
        world.azure.set(fault.clone()).await;
        let (status, said) = looked(&world).await;
        assert!(
            status == Status::Unknown && said.contains(why),
            "{fault}: {said}"
        );
        if fault == AzureImdsFault::ManyIdentities {
            world.set_env("AZURE_CLIENT_ID", WORKLOAD_CLIENT_ID);
            assert_eq!(
                looked(&world).await.0,
                Status::Ok,
                "an identity that is named is found"
            );
        }
    }
}

#[tokio::test]
async fn a_workload_identity_goes_before_the_nodes() {
    let mut world = LabCluster::of("aks");
    let file = world.mounted("azure-token");
    fs::write(&file, FEDERATED_TOKEN).unwrap();
    world.set_env("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap());
    world.set_env("AZURE_CLIENT_ID", WORKLOAD_CLIENT_ID);
    world.set_env("AZURE_TENANT_ID", TENANT_ID);
    let (status, said) = looked(&world).await;
    assert_eq!(status, Status::Ok, "{said}");
    assert!(
        !world
            .azure
            .request_log()
            .requests()
            .iter()
            .any(|request| request.target.contains("oauth2"))
    );
    let scope = format!(
        "https://management.lab:{}/.default",
        world.apis[1].addr().port()
    );
    let login = &world.apis[2].request_log().requests()[0];
    assert!(
        login.parameters().contains(&("scope".to_owned(), scope)),
        "{:?}",
        login.parameters()
    );

    world.apis[2].set(CloudApiFault::Hostile).await;
    let (status, said) = looked(&world).await;
    assert_eq!(status, Status::Unknown);
    assert!(
        !said.contains(FEDERATED_TOKEN) && !said.chars().any(char::is_control),
        "{said}"
    );
    world.apis[2].set(CloudApiFault::Forbidden).await;
    let (status, said) = looked(&world).await;
    assert!(
        status == Status::Unknown && said.contains("AADSTS70021"),
        "{said}"
    );
    fs::remove_file(&file).unwrap();
    let (status, said) = looked(&world).await;
    assert!(
        status == Status::Unknown && said.contains("AZURE_FEDERATED_TOKEN_FILE"),
        "{said}"
    );
}

#[tokio::test]
async fn other_addresses_of_cast_ai_are_looked_for() {
    let mut world = LabCluster::of("gke");
    world.file = world.file.replace(
        "control_plane:\n",
        "control_plane:\n  castai_addresses: [203.0.113.9, 192.0.2.1]\n",
    );
    world.configure();
    let (status, said) = looked(&world).await;
    assert!(status == Status::Ok && !said.contains("2023"), "{said}");
    world.apis[0].set(CloudApiFault::Blocked).await;
    let (status, said) = looked(&world).await;
    assert_eq!(status, Status::Failing);
    assert!(
        said.contains("203.0.113.0/24,198.51.100.7/32,192.0.2.1/32`") && !said.contains("35.221"),
        "{said}"
    );
    world.apis[0].set(CloudApiFault::GoogleOnly).await;
    let (status, said) = looked(&world).await;
    assert!(
        status == Status::Unknown && said.contains("192.0.2.1 is not in"),
        "{said}"
    );
}

#[tokio::test]
async fn a_cluster_of_aks_whose_name_cannot_be_told_is_asked_for_by_its_id() {
    let mut world = LabCluster::of("aks");
    for (name, value) in [
        ("AKS_LOCATION", "westeurope"),
        ("AKS_NODE_RESOURCE_GROUP", "MC_lab_group_lab_westeurope"),
        ("AKS_SUBSCRIPTION_ID", lab::azure_imds::SUBSCRIPTION),
    ] {
        world.set_env(name, value);
    }
    let (status, said) = looked(&world).await;
    assert!(
        status == Status::Unknown && said.contains("control_plane.azure_cluster"),
        "{said}"
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
    assert_eq!(looked(&world).await.0, Status::Ok);
}

#[tokio::test]
async fn nothing_is_asked_of_a_cloud_that_is_not_this_clusters() {
    for provider in ["kops", "anywhere", "openshift", "selfhostedec2"] {
        let world = LabCluster::of(provider);
        let check_states = world.look().await;
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

#[tokio::test]
async fn no_impostor_hears_a_token() {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let elsewhere = Pki::new("Somebody Else");
    let rogue = RogueServer::tls(
        IpAddr::from([127, 0, 90, 1]),
        &elsewhere,
        CertificateKind::Valid,
        vec!["container.lab".to_owned()],
    )
    .unwrap();
    let (gke, aks) = (LabCluster::of("gke"), LabCluster::of("aks"));
    for world in [&gke, &aks] {
        for name in ["container.lab", "management.lab"] {
            world
                .dns
                .set_for(name, lab::DnsFault::Address(rogue.addr().ip().to_string()));
        }
    }
    for (mut world, api) in [(gke, 0), (aks, 1)] {
        let port = world.apis[api].addr().port().to_string();
        world.file = world.file.replace(
            &format!("lab:{port}"),
            &format!("lab:{}", rogue.addr().port()),
        );
        world.configure();
        let (status, said) = looked(&world).await;
        assert_eq!(status, Status::Unknown, "{said}");
    }
    assert!(!rogue.request_log().connections().is_empty());
    for secret in [GOOGLE_TOKEN, AZURE_TOKEN] {
        assert!(!rogue.has_received(secret));
    }
}
