//! Tests of `apiserver`: which addresses are probed, and which verdict follows.

use std::fs;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status};
use castai_health_exporter::report::Verdict;
use castai_health_exporter::state::CheckState;
use lab::ApiFault;
use test_support::lab_cluster::{LabCluster, evidence};

async fn apiserver(world: &LabCluster) -> CheckState {
    world
        .look()
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
async fn every_address_behind_the_service_is_a_target_at_the_first_look() {
    let world = LabCluster::start();
    let check_state = apiserver(&world).await;
    assert_eq!(targets(&check_state), 4, "service, name, two addresses");
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
async fn without_the_right_to_list_them_the_services_address_alone_is_judged() {
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
async fn the_last_known_addresses_serve_when_they_cannot_be_listed_any_more() {
    let world = LabCluster::start();
    world.assert_healthy().await;
    world.api.set(ApiFault::SlicesForbidden).await;
    assert_eq!(targets(&apiserver(&world).await), 4);
    world.api.endpoints()[1]
        .set("refused".parse::<ApiFault>().unwrap())
        .await;
    let check_state = apiserver(&world).await;
    assert_eq!(
        check_state.settled.modes(),
        [FailureMode::K8sEndpointDown],
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn an_address_that_left_the_service_is_no_target_any_more() {
    let world = LabCluster::start();
    world.assert_healthy().await;
    let [first, second] = world.api.endpoints() else {
        panic!("two endpoints")
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
async fn addresses_of_the_configuration_replace_those_of_the_service() {
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
    assert_eq!(slices.count(), 0, "nothing is listed then");
}

#[tokio::test]
async fn one_unreadable_certificate_beside_the_right_one_does_no_harm() {
    let world = LabCluster::start();
    let mounted = fs::read_to_string(world.mounted("ca.crt")).unwrap();
    let broken =
        "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    fs::write(world.mounted("ca.crt"), format!("{broken}{mounted}")).unwrap();
    world.assert_healthy().await;
}

#[tokio::test]
async fn a_rotated_token_is_used_at_once() {
    let world = LabCluster::start();
    world.assert_healthy().await;
    world.api.set_tokens(vec!["the-next-token".to_owned()]);
    fs::write(world.mounted("token"), "the-next-token\n").unwrap();
    world.assert_healthy().await;
}

#[tokio::test]
async fn a_certificate_that_fails_still_tells_when_it_ends() {
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
        "the metric must not vanish when it matters"
    );
}
