//! Tests of checks that follow from other checks' verdicts.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status};
use tokio::time::{Instant, sleep};

use super::{Step, TestCheck, TestScheduler, start_times, test_check};

/// The longest time between the change of a verdict and the next attempt of a check that follows
/// from it.
const MAX_DELAY: Duration = Duration::from_millis(1200);
const DENIED: Step = Step::Fails(FailureMode::Ec2DeniedScp);
const RESET: Step = Step::Fails(FailureMode::NetReset);

/// Returns the longest time from one of these moments to the next attempt.
fn longest_delay(moments: &[Instant], attempts: &[Instant]) -> Duration {
    let delay = |moment: &Instant| {
        let next = attempts.iter().find(|attempt| *attempt > moment);
        *next.expect("no attempt followed") - *moment
    };
    moments.iter().map(delay).max().unwrap_or_default()
}

async fn run_for(scheduler: &TestScheduler, minutes: u64) {
    let watch = scheduler.watch();
    sleep(Duration::from_mins(minutes)).await;
    watch.stop().await;
}

/// EC2 fails in its fourth attempt and recovers in its sixth.
fn ec2_api() -> TestCheck {
    let steps = &[Step::Ok, Step::Ok, Step::Ok, DENIED, DENIED, Step::Ok];
    test_check(CheckId::Ec2Api, steps)
}

#[tokio::test(start_paused = true)]
async fn derived_check_follows_its_prerequisite_at_once_in_both_directions() {
    let (ec2_api, nodes) = (
        ec2_api(),
        test_check(CheckId::NodeLifecycle, &[Step::Follows(CheckId::Ec2Api)]),
    );
    let mut scheduler = TestScheduler::new(&[&ec2_api, &nodes]);
    let watch = scheduler.watch();
    for (attempt, status) in [(3, Status::Failing), (5, Status::Ok)] {
        scheduler
            .wait_for_status(CheckId::NodeLifecycle, status)
            .await;
        let delay = Instant::now() - start_times(&ec2_api)[attempt];
        assert!(delay <= MAX_DELAY, "{status} after {delay:?}");
    }
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn derived_check_runs_at_its_interval_while_nothing_changes() {
    let (ec2_api, nodes) = (
        test_check(CheckId::Ec2Api, &[Step::Ok]),
        test_check(CheckId::NodeLifecycle, &[Step::Follows(CheckId::Ec2Api)]),
    );
    run_for(&TestScheduler::new(&[&ec2_api, &nodes]), 10).await;
    let attempts = start_times(&nodes).len();
    assert!((10..=13).contains(&attempts), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn change_of_mode_alone_repeats_a_derived_check() {
    let steps = &[DENIED, DENIED, DENIED, RESET];
    let (ec2_api, nodes) = (
        test_check(CheckId::Ec2Api, steps),
        test_check(CheckId::NodeLifecycle, &[Step::Follows(CheckId::Ec2Api)]),
    );
    run_for(&TestScheduler::new(&[&ec2_api, &nodes]), 5).await;
    let changed = start_times(&ec2_api)[3];
    assert!(longest_delay(&[changed], &start_times(&nodes)) <= MAX_DELAY);
}

#[tokio::test(start_paused = true)]
async fn flapping_prerequisites_repeat_a_derived_check_at_most_once_a_second() {
    const FLAPS: &[Step] = &[
        RESET,
        Step::Ok,
        RESET,
        Step::Ok,
        RESET,
        Step::Ok,
        RESET,
        Step::Ok,
        RESET,
        Step::Ok,
    ];
    let prerequisites = [
        CheckId::AwsCredentials,
        CheckId::StsIdentity,
        CheckId::Ec2Api,
    ]
    .map(|check| test_check(check, FLAPS));
    let nodes = test_check(CheckId::NodeLifecycle, &[Step::Ok]);
    let rows: Vec<&TestCheck> = prerequisites.iter().chain([&nodes]).collect();
    run_for(&TestScheduler::new(&rows), 5).await;
    let attempts = start_times(&nodes);
    let shortest = attempts.windows(2).map(|pair| pair[1] - pair[0]).min();
    assert!(shortest >= Some(Duration::from_millis(900)), "{shortest:?}");
    for prerequisite in &prerequisites {
        let changes = &start_times(prerequisite)[1..FLAPS.len()];
        assert!(longest_delay(changes, &attempts) <= MAX_DELAY * 2);
    }
}

#[tokio::test(start_paused = true)]
async fn check_with_a_target_of_its_own_keeps_its_interval() {
    let (credentials, sts) = (
        test_check(CheckId::AwsCredentials, &[Step::Ok, Step::Ok, RESET]),
        test_check(CheckId::StsIdentity, &[Step::Ok]),
    );
    run_for(&TestScheduler::new(&[&credentials, &sts]), 10).await;
    let attempts = start_times(&sts).len();
    assert!((10..=13).contains(&attempts), "{attempts}");
}
