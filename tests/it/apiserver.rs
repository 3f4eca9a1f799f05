//! Tests of `apiserver`: which addresses are probed, and which verdict follows.

use std::fs;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status};
use castai_health_exporter::report::Verdict;
use castai_health_exporter::state::CheckState;
use lab::ApiFault;
use test_support::lab_cluster::{LabCluster, evidence};

async fn apiserver(world: &LabCluster) -> CheckState {
    world
        .run_checks()
        .await
        .into_iter()
        .find(|check_state| check_state.check == CheckId::Apiserver)
        .unwrap()
}

fn targets(check_state: &CheckState) -> usize {
    check_state
        .latest
        .as_ref()
        .map_or(0, |report| report.targets.len())
}

#[tokio::test]
async fn every_service_endpoint_is_a_target_of_the_first_attempt() {
    let world = LabCluster::start();
    let check_state = apiserver(&world).await;
    assert_eq!(
        targets(&check_state),
        4,
        "targets: service, name, two endpoints"
    );
    let in_use: Vec<_> = check_state
        .latest
        .as_ref()
        .unwrap()
        .targets
        .iter()
        .map(|target| target.in_use)
        .collect();
    assert_eq!(in_use, [true, false, false, false]);
}

#[tokio::test]
async fn without_list_permission_only_the_service_address_is_probed() {
    let world = LabCluster::start();
    world.api.set(ApiFault::SlicesForbidden).await;
    let check_state = apiserver(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
    assert_eq!(targets(&check_state), 2);
}

#[tokio::test]
async fn last_known_endpoints_are_kept_when_listing_fails() {
    let world = LabCluster::start();
    world.assert_healthy().await;
    world.api.set(ApiFault::SlicesForbidden).await;
    assert_eq!(targets(&apiserver(&world).await), 4);
    world.api.endpoints()[1]
        .set("refused".parse::<ApiFault>().unwrap())
        .await;
    let check_state = apiserver(&world).await;
    assert_eq!(
        check_state.stable_modes.modes(),
        [FailureMode::K8sEndpointDown],
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn removed_endpoint_is_no_longer_a_target() {
    let world = LabCluster::start();
    world.assert_healthy().await;
    let [first, second] = world.api.endpoints() else {
        panic!("two endpoints are expected")
    };
    second.set("refused".parse::<ApiFault>().unwrap()).await;
    world.api.set_slices(vec![first.addr()]);
    let check_state = apiserver(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
    assert_eq!(targets(&check_state), 3);
}

#[tokio::test]
async fn configured_targets_replace_service_endpoints() {
    let mut world = LabCluster::start();
    let first = world.api.endpoints()[0].addr();
    world.file = world.file.replacen(
        "apiserver:\n",
        &format!("apiserver:\n  addresses: ['{first}']\n"),
        1,
    );
    world.set_env("PROVIDER", "eks");
    let check_state = apiserver(&world).await;
    assert_eq!(targets(&check_state), 3);
    let slices = world
        .api
        .service()
        .request_log()
        .requests()
        .into_iter()
        .filter(|request| request.path().contains("slices"));
    assert_eq!(slices.count(), 0, "endpoints are not listed");
}

#[tokio::test]
async fn unparsable_ca_certificate_beside_a_valid_one_is_ignored() {
    let world = LabCluster::start();
    let mounted = fs::read_to_string(world.mounted("ca.crt")).unwrap();
    let broken =
        "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    fs::write(world.mounted("ca.crt"), format!("{broken}{mounted}")).unwrap();
    world.assert_healthy().await;
}

#[tokio::test]
async fn rotated_token_is_used_immediately() {
    let world = LabCluster::start();
    world.assert_healthy().await;
    world.api.set_tokens(vec!["the-next-token".to_owned()]);
    fs::write(world.mounted("token"), "the-next-token\n").unwrap();
    world.assert_healthy().await;
}

#[tokio::test]
async fn untrusted_certificate_still_reports_its_expiry() {
    let world = LabCluster::start();
    world
        .api
        .set("cert-expired".parse::<ApiFault>().unwrap())
        .await;
    let check_state = apiserver(&world).await;
    let report = check_state.latest.as_ref().unwrap();
    assert!(matches!(report.verdict, Verdict::Failing(_)));
    assert!(
        report.targets[0].not_after.is_some(),
        "certificate expiry is missing for a failing target"
    );
}

/// Returns the modes of the latest attempt, and its evidence.
fn latest(check_state: &CheckState) -> (Vec<FailureMode>, String) {
    let report = check_state.latest.as_ref().unwrap();
    (
        report.verdict.modes(),
        report.verdict.evidence().to_string(),
    )
}

/// Returns a lab cluster in which only `apiserver` runs.
fn apiserver_only() -> LabCluster {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::Apiserver]);
    world.configure();
    world
}

#[tokio::test]
async fn hanging_apiserver_stays_visible_while_the_service_routes_to_it() {
    let world = apiserver_only();
    world.assert_ok().await;
    let [first, second] = world.api.endpoints() else {
        panic!("two endpoints are expected")
    };
    second
        .set(ApiFault::from("tls-hang".parse::<lab::Fault>().unwrap()))
        .await;
    world
        .api
        .service()
        .set("every-second-hangs".parse::<ApiFault>().unwrap())
        .await;
    let listed = latest(&apiserver(&world).await);
    assert_eq!(listed.0, [FailureMode::K8sEndpointDown], "{}", listed.1);
    // The API server that hangs no longer renews its entry in the list of addresses.
    world.api.set_slices(vec![first.addr()]);
    for _ in 0..4 {
        let (modes, evidence) = latest(&apiserver(&world).await);
        assert_eq!(modes, [FailureMode::K8sEndpointDown], "{evidence}");
        assert!(evidence.contains(&second.addr().to_string()), "{evidence}");
    }
    world.api.heal().await;
    for attempt in 0.. {
        let check_state = apiserver(&world).await;
        if check_state.status() == Status::Ok {
            break;
        }
        assert!(attempt < 2, "{}", evidence(&check_state));
    }
}

#[tokio::test]
async fn intermittent_failures_are_seen_without_the_list_of_addresses() {
    let world = apiserver_only();
    world.api.deny(&["endpointslices"]);
    world.assert_ok().await;
    let healthy = evidence(&apiserver(&world).await);
    assert!(
        healthy.contains("cannot be listed as the agent's service account"),
        "{healthy}"
    );
    world
        .api
        .service()
        .set("every-second-hangs".parse::<ApiFault>().unwrap())
        .await;
    // The first attempt meets the failure on one of its two connections.
    assert_ne!(apiserver(&world).await.status(), Status::Ok);
    for _ in 0..3 {
        let (modes, evidence) = latest(&apiserver(&world).await);
        assert_eq!(modes, [FailureMode::K8sEndpointDown], "{evidence}");
    }
}

#[tokio::test]
async fn remedy_follows_from_which_addresses_fail() {
    let world = apiserver_only();
    world.assert_ok().await;
    let fault = || "tls-hang".parse::<ApiFault>().unwrap();
    let remedy = async || {
        let check_state = apiserver(&world).await;
        let report = check_state.latest.as_ref().unwrap();
        let [finding] = report.verdict.findings() else {
            panic!("one finding is expected: {}", evidence(&check_state));
        };
        assert_eq!(
            finding.mode,
            FailureMode::TlsHandshakeTimeout,
            "{}",
            finding.evidence
        );
        finding.remedy(CheckId::Apiserver).to_string()
    };
    world.api.service().set(fault()).await;
    let pod_path = remedy().await;
    assert!(pod_path.starts_with("Delete the agent's pod"), "{pod_path}");
    world.api.set(fault()).await;
    let control_plane = remedy().await;
    assert!(
        control_plane.starts_with("Repair the control plane"),
        "{control_plane}"
    );
    let unknown = castai_health_exporter::catalogue::remedy(
        CheckId::Apiserver,
        FailureMode::TlsHandshakeTimeout,
    );
    assert!(
        unknown.as_str().starts_with("Check whether other clients"),
        "{unknown}"
    );
}
