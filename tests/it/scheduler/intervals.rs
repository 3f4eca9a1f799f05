//! Tests of intervals, back-off and deadlines.

use std::sync::atomic::Ordering;
use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Phase, Status};
use castai_health_exporter::report::PhaseOutcome;
use tokio::time::sleep;

use super::{Step, TestScheduler, start_times, test_check};

#[tokio::test(start_paused = true)]
async fn deadline_keeps_partial_results() {
    let apiserver = test_check(CheckId::Apiserver, &[Step::Hangs]);
    let scheduler = TestScheduler::new(&[&apiserver]);
    scheduler.run_once().await;
    let check_state = scheduler.check_state(CheckId::Apiserver);
    let report = check_state.latest.unwrap();
    let target = report
        .targets
        .first()
        .expect("the target in progress is kept");
    assert_eq!(target.target, "10.0.0.1:443");
    assert_eq!(
        target.outcome.as_ref().unwrap_err().mode,
        FailureMode::TlsHandshakeTimeout
    );
    let phases: Vec<_> = target
        .phases
        .iter()
        .map(|time| (time.phase, time.outcome))
        .collect();
    assert_eq!(phases, [(Phase::Tls, PhaseOutcome::TimedOut)]);
    assert_eq!(apiserver.runner.in_flight.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn attempt_deadline_is_25_seconds() {
    const JUST: Step = Step::OkAfter(Duration::from_millis(24_900));
    const NOT: Step = Step::OkAfter(Duration::from_millis(25_100));
    let scheduler = TestScheduler::new(&[&test_check(CheckId::Apiserver, &[JUST])]);
    scheduler.run_once().await;
    assert_eq!(
        scheduler.check_state(CheckId::Apiserver).status(),
        Status::Ok
    );
    let scheduler = TestScheduler::new(&[&test_check(CheckId::Apiserver, &[NOT])]);
    scheduler.run_once().await;
    assert_eq!(
        scheduler.check_state(CheckId::Apiserver).status(),
        Status::Unknown
    );
}

#[tokio::test(start_paused = true)]
async fn verdict_change_shortens_the_next_interval() {
    let dns = test_check(
        CheckId::Dns,
        &[
            Step::Ok,
            Step::Ok,
            Step::Fails(FailureMode::NetRefused),
            Step::Ok,
            Step::Panics,
        ],
    );
    let mut scheduler = TestScheduler::new(&[&dns]);
    let watch = scheduler.watch();
    scheduler
        .wait_for_status(CheckId::Dns, Status::Unknown)
        .await;
    watch.stop().await;
    let start_times = start_times(&dns);
    let waited: Vec<_> = start_times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs())
        .collect();
    // Waits after the first verdict, after the same verdict, after a failure, and after `ok`.
    let [4..6, 53..67, 4..6, 4..6] = waited[..] else {
        panic!("{waited:?}")
    };
}

#[tokio::test(start_paused = true)]
async fn unknown_check_backs_off_exponentially() {
    const UNKNOWN: Step = Step::Panics;
    let dns = test_check(
        CheckId::Dns,
        &[
            UNKNOWN,
            UNKNOWN,
            UNKNOWN,
            UNKNOWN,
            UNKNOWN,
            UNKNOWN,
            Step::Ok,
        ],
    );
    let mut scheduler = TestScheduler::new(&[&dns]);
    let watch = scheduler.watch();
    scheduler.wait_for_status(CheckId::Dns, Status::Ok).await;
    watch.stop().await;
    let start_times = start_times(&dns);
    let waited: Vec<_> = start_times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs())
        .collect();
    // The wait doubles up to the check's interval.
    let [4..6, 8..12, 17..23, 35..45, 53..67, 53..67] = waited[..] else {
        panic!("{waited:?}")
    };
}

/// Returns the seconds between the starts of the attempts of a check within ten minutes.
async fn spacing(steps: &'static [Step]) -> Vec<f64> {
    let castai_api = test_check(CheckId::CastaiApi, steps);
    let scheduler = TestScheduler::new(&[&castai_api]);
    let watch = scheduler.watch();
    sleep(Duration::from_mins(10)).await;
    watch.stop().await;
    start_times(&castai_api)
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn failing_check_runs_more_often_and_most_often_in_its_first_three_minutes() {
    let spacing = spacing(&[Step::Ok, Step::Fails(FailureMode::NetRefused)]).await;
    // After the first verdict.
    let failing = &spacing[1..];
    let early = failing.iter().take_while(|seconds| **seconds < 7.0).count();
    assert!((33..40).contains(&early), "{spacing:?}");
    assert!(
        failing[early..]
            .iter()
            .all(|seconds| (13.0..17.0).contains(seconds)),
        "{spacing:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn attempt_that_timed_out_is_followed_by_the_next_at_once() {
    let spacing = spacing(&[Step::Ok, Step::Hangs]).await;
    let steady = &spacing[2..];
    assert!(
        steady.iter().all(|seconds| (25.8..26.3).contains(seconds)),
        "{spacing:?}"
    );
}
