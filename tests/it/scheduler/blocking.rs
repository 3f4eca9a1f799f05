//! Tests of checks that another check blocks.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status};
use test_support::lab_cluster::evidence;

use super::{Step, TestScheduler, start_times, test_check};

#[tokio::test(start_paused = true)]
async fn blocking_failure_makes_dependent_unknown_without_running_it() {
    let apiserver = test_check(CheckId::Apiserver, &[Step::Fails(FailureMode::NetRefused)]);
    let (clock, castai) = (
        test_check(CheckId::Clock, &[Step::Ok]),
        test_check(CheckId::CastaiApi, &[Step::Ok]),
    );
    let scheduler = TestScheduler::new(&[&apiserver, &castai, &clock]);
    scheduler.run_once().await;
    let blocked = scheduler.check_state(CheckId::Clock);
    assert_eq!(evidence(&blocked), "blocked by apiserver: net_refused");
    assert_eq!(
        (blocked.status(), start_times(&clock).len()),
        (Status::Unknown, 0)
    );
    assert_eq!(
        (
            scheduler.check_state(CheckId::CastaiApi).status(),
            start_times(&castai).len()
        ),
        (Status::Ok, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn other_failures_of_prerequisite_do_not_block() {
    let apiserver = test_check(CheckId::Apiserver, &[Step::Fails(FailureMode::NetReset)]);
    let castai = test_check(CheckId::CastaiApi, &[Step::Fails(FailureMode::NetRefused)]);
    let clock = test_check(CheckId::Clock, &[Step::Ok]);
    let scheduler = TestScheduler::new(&[&apiserver, &castai, &clock]);
    scheduler.run_once().await;
    assert_eq!(
        (
            scheduler.check_state(CheckId::Clock).status(),
            start_times(&clock).len()
        ),
        (Status::Ok, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn blocked_check_runs_once_the_prerequisite_recovers() {
    let apiserver = test_check(
        CheckId::Apiserver,
        &[Step::Fails(FailureMode::NetRefused), Step::Ok],
    );
    let clock = test_check(CheckId::Clock, &[Step::Ok]);
    let scheduler = TestScheduler::new(&[&apiserver, &clock]);
    scheduler.run_once().await;
    assert_eq!(
        scheduler.check_state(CheckId::Clock).status(),
        Status::Unknown
    );
    scheduler.run_once().await;
    assert_eq!(scheduler.check_state(CheckId::Clock).status(), Status::Ok);
}

#[tokio::test(start_paused = true)]
async fn long_blocked_check_runs_immediately_after_recovery() {
    const API_SERVER_REFUSES: Step = Step::Fails(FailureMode::NetRefused);
    let apiserver = test_check(
        CheckId::Apiserver,
        &[
            API_SERVER_REFUSES,
            API_SERVER_REFUSES,
            API_SERVER_REFUSES,
            API_SERVER_REFUSES,
            API_SERVER_REFUSES,
            API_SERVER_REFUSES,
            Step::Ok,
        ],
    );
    let clock = test_check(CheckId::Clock, &[Step::Ok]);
    let mut scheduler = TestScheduler::new(&[&apiserver, &clock]);
    let watch = scheduler.watch();
    scheduler.wait_for_status(CheckId::Clock, Status::Ok).await;
    assert_eq!(start_times(&clock), [start_times(&apiserver)[6]]);
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn dependent_waits_for_first_verdict_of_prerequisites() {
    const LONG: Duration = Duration::from_secs(20);
    let apiserver = test_check(CheckId::Apiserver, &[Step::OkAfter(LONG)]);
    let (castai, clock) = (
        test_check(CheckId::CastaiApi, &[Step::Ok]),
        test_check(CheckId::Clock, &[Step::Ok]),
    );
    let scheduler = TestScheduler::new(&[&clock, &apiserver, &castai]);
    scheduler.run_once().await;
    assert!(start_times(&clock)[0] >= start_times(&apiserver)[0] + LONG);
    assert!(start_times(&castai)[0] < start_times(&apiserver)[0] + LONG);

    let mut scheduler = TestScheduler::new(&[&clock, &apiserver, &castai]);
    let watch = scheduler.watch();
    scheduler.wait_for_status(CheckId::Clock, Status::Ok).await;
    watch.stop().await;
    assert!(start_times(&clock)[1] >= start_times(&apiserver)[1] + LONG);
}
