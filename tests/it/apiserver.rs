//! Which addresses of the API server are looked at, and what is said of them.

use std::fs;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status};
use castai_health_exporter::report::Verdict;
use castai_health_exporter::state::Standing;
use lab::ApiFault;
use test_support::world::{CheckContext, evidence};

async fn apiserver(world: &CheckContext) -> Standing {
    world
        .look()
        .await
        .into_iter()
        .find(|standing| standing.check == CheckId::Apiserver)
        .unwrap()
}

fn targets(standing: &Standing) -> usize {
    standing
        .latest
        .as_ref()
        .map_or(0, |report| report.targets.len())
}

#[tokio::test]
async fn every_address_behind_the_service_is_a_target_at_the_first_look() {
    let world = CheckContext::start();
    let standing = apiserver(&world).await;
    assert_eq!(targets(&standing), 4, "service, name, two addresses");
    let in_use: Vec<_> = standing
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
    let world = CheckContext::start();
    world.api.set(ApiFault::SlicesForbidden).await;
    let standing = apiserver(&world).await;
    assert_eq!(standing.status(), Status::Ok, "{}", evidence(&standing));
    assert_eq!(targets(&standing), 2);
}

#[tokio::test]
async fn the_last_known_addresses_serve_when_they_cannot_be_listed_any_more() {
    let world = CheckContext::start();
    world.assert_healthy().await;
    world.api.set(ApiFault::SlicesForbidden).await;
    assert_eq!(targets(&apiserver(&world).await), 4);
    world.api.endpoints()[1]
        .set("refused".parse::<ApiFault>().unwrap())
        .await;
    let standing = apiserver(&world).await;
    assert_eq!(
        standing.settled.modes(),
        [FailureMode::K8sEndpointDown],
        "{}",
        evidence(&standing)
    );
}

#[tokio::test]
async fn an_address_that_left_the_service_is_no_target_any_more() {
    let world = CheckContext::start();
    world.assert_healthy().await;
    let [first, second] = world.api.endpoints() else {
        panic!("two endpoints")
    };
    second.set("refused".parse::<ApiFault>().unwrap()).await;
    world.api.set_slices(vec![first.addr()]);
    let standing = apiserver(&world).await;
    assert_eq!(standing.status(), Status::Ok, "{}", evidence(&standing));
    assert_eq!(targets(&standing), 3);
}

#[tokio::test]
async fn addresses_of_the_configuration_replace_those_of_the_service() {
    let mut world = CheckContext::start();
    let first = world.api.endpoints()[0].addr();
    world.file = world.file.replacen(
        "apiserver:\n",
        &format!("apiserver:\n  addresses: ['{first}']\n"),
        1,
    );
    world.set_env("PROVIDER", "eks");
    let standing = apiserver(&world).await;
    assert_eq!(targets(&standing), 3);
    let slices = world
        .api
        .service()
        .journal()
        .requests()
        .into_iter()
        .filter(|request| request.path().contains("slices"));
    assert_eq!(slices.count(), 0, "nothing is listed then");
}

#[tokio::test]
async fn one_unreadable_certificate_beside_the_right_one_does_no_harm() {
    let world = CheckContext::start();
    let mounted = fs::read_to_string(world.mounted("ca.crt")).unwrap();
    let broken =
        "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    fs::write(world.mounted("ca.crt"), format!("{broken}{mounted}")).unwrap();
    world.assert_healthy().await;
}

#[tokio::test]
async fn a_rotated_token_is_used_at_once() {
    let world = CheckContext::start();
    world.assert_healthy().await;
    world.api.set_tokens(vec!["the-next-token".to_owned()]);
    fs::write(world.mounted("token"), "the-next-token\n").unwrap();
    world.assert_healthy().await;
}

#[tokio::test]
async fn a_certificate_that_fails_still_tells_when_it_ends() {
    let world = CheckContext::start();
    world
        .api
        .set("cert-expired".parse::<ApiFault>().unwrap())
        .await;
    let standing = apiserver(&world).await;
    let report = standing.latest.as_ref().unwrap();
    assert!(matches!(report.verdict, Verdict::Failing(_)));
    assert!(
        report.targets[0].not_after.is_some(),
        "the metric must not vanish when it matters"
    );
}
