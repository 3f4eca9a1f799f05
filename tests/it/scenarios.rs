//! Break exactly one thing, expect exactly that root cause, heal it, expect every check to be `ok`.
//!
//! There is one row per (check, mode); the tests of the catalogue find missing rows.

use castai_health_exporter::catalogue::{CheckId, Status};
use test_support::lab_cluster::{LabCluster, evidence};
use test_support::scenarios::{Scenario, heal, inject_fault, lab_cluster_for, scenario};

use crate::golden_entries::assert_evidence;

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
    let mut world = lab_cluster_for(scenario.fault);
    world.assert_healthy().await;
    let healthy = (world.env.clone(), world.file.clone());
    inject_fault(&mut world, scenario.fault).await;
    let root = world
        .assert_root(scenario.check, scenario.mode, scenario.status)
        .await;
    // The offsets of clocks vary from run to run.
    if scenario.check != CheckId::Clock {
        assert_evidence(scenario.name, &evidence(&root));
    }
    heal(&mut world, healthy).await;
    world.assert_healthy().await;
}

#[tokio::test]
async fn socks_proxy_is_unknown_and_named() {
    let mut world = LabCluster::start();
    world.set_env("HTTPS_PROXY", "socks5://proxy.lab:1080");
    let check_states = world.run_checks().await;
    let castai = check_states
        .iter()
        .find(|check_state| check_state.check == CheckId::CastaiApi)
        .unwrap();
    assert_eq!(castai.status(), Status::Unknown);
    assert!(evidence(castai).contains("SOCKS"));
}
