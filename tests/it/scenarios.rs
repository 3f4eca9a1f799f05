//! Break exactly one thing, expect exactly that root cause, heal it, expect every check to be `ok`.
//!
//! There is one row per (check, mode); the tests of the catalogue find missing rows.

use castai_health_exporter::catalogue::{CheckId, Status};
use test_support::lab_cluster::{LabCluster, evidence};
use test_support::scenarios::{Scenario, break_world, heal, scenario, world_for};

macro_rules! tests {
    ($($name:ident)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                play(scenario(stringify!($name))).await;
            }
        )+
    };
}

test_support::for_each_scenario!(tests);

async fn play(scenario: &Scenario) {
    let mut world = world_for(scenario.broken);
    world.assert_healthy().await;
    let healthy = (world.env.clone(), world.file.clone());
    break_world(&mut world, scenario.broken).await;
    let root = world
        .assert_root(scenario.check, scenario.mode, scenario.status)
        .await;
    assert!(!evidence(&root).is_empty());
    heal(&mut world, healthy).await;
    world.assert_healthy().await;
}

#[tokio::test]
async fn a_proxy_that_is_not_probed_is_unknown_and_says_so() {
    let mut world = LabCluster::start();
    world.set_env("HTTPS_PROXY", "socks5://proxy.lab:1080");
    let check_states = world.look().await;
    let castai = check_states
        .iter()
        .find(|check_state| check_state.check == CheckId::CastaiApi)
        .unwrap();
    assert_eq!(castai.status(), Status::Unknown);
    assert!(evidence(castai).contains("SOCKS"));
}
