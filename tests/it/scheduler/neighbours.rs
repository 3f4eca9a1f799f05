//! Tests of checks that run again because a related check changed.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, Effect, FailureMode, Relation};
use tokio::time::{Instant, sleep};

use super::{Step, TestScheduler, start_times, test_check};

/// A denial by EC2 explains what the agent logs of it.
const EC2_EXPLAINS_LOG: &[Relation] = &[Relation {
    cause: CheckId::Ec2Api,
    modes: &[FailureMode::Ec2Throttled],
    affected: CheckId::AgentLog,
    effect: Effect::Fails(&[FailureMode::Ec2Throttled]),
    at_any_severity: false,
}];
/// The two checks fail alike, and the first explains the second.
const SHARED: &[Relation] = &[Relation {
    cause: CheckId::CastaiApi,
    modes: &[FailureMode::Ec2Throttled],
    affected: CheckId::StsIdentity,
    effect: Effect::FailsAlike,
    at_any_severity: false,
}];
/// The same in both directions, which the catalogue does not allow.
const BOTH_WAYS: &[Relation] = &[
    Relation {
        cause: CheckId::CastaiApi,
        modes: &[FailureMode::Ec2Throttled],
        affected: CheckId::StsIdentity,
        effect: Effect::FailsAlike,
        at_any_severity: false,
    },
    Relation {
        cause: CheckId::StsIdentity,
        modes: &[FailureMode::Ec2Throttled],
        affected: CheckId::CastaiApi,
        effect: Effect::FailsAlike,
        at_any_severity: false,
    },
];
const THROTTLED: Step = Step::Fails(FailureMode::Ec2Throttled);
const UNRELATED: Step = Step::Fails(FailureMode::CastaiTokenInvalid);
/// The longest time from a change to the next attempt of a check that it concerns: the pause and its
/// jitter, or the rest of the spacing between two attempts.
const MAX_DELAY: Duration = Duration::from_millis(5_100);

/// Returns the first attempt of a check after a moment.
fn next_attempt(attempts: &[Instant], after: Instant) -> Duration {
    let next = attempts.iter().find(|attempt| **attempt > after);
    *next.expect("no attempt followed") - after
}

#[tokio::test(start_paused = true)]
async fn effect_makes_its_possible_causes_run_again() {
    let steps = &[Step::Ok, Step::Ok, Step::Ok, THROTTLED];
    let (ec2_api, agent_log) = (
        test_check(CheckId::Ec2Api, &[Step::Ok]),
        test_check(CheckId::AgentLog, steps),
    );
    let scheduler = TestScheduler::with_relations(&[&ec2_api, &agent_log], EC2_EXPLAINS_LOG);
    let watch = scheduler.watch();
    sleep(Duration::from_mins(5)).await;
    watch.stop().await;
    let changed = start_times(&agent_log)[3];
    let delay = next_attempt(&start_times(&ec2_api), changed);
    assert!(delay <= MAX_DELAY, "{delay:?}");
}

#[tokio::test(start_paused = true)]
async fn cause_makes_its_effects_run_again_when_it_begins_and_ends() {
    let steps = &[Step::Ok, Step::Ok, Step::Ok, THROTTLED, Step::Ok];
    let (castai_api, sts) = (
        test_check(CheckId::CastaiApi, steps),
        test_check(CheckId::StsIdentity, &[Step::Ok]),
    );
    let scheduler = TestScheduler::with_relations(&[&castai_api, &sts], SHARED);
    let watch = scheduler.watch();
    sleep(Duration::from_mins(5)).await;
    watch.stop().await;
    for attempt in [3, 4] {
        let delay = next_attempt(&start_times(&sts), start_times(&castai_api)[attempt]);
        assert!(delay <= MAX_DELAY, "{delay:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn unrelated_change_makes_no_check_run_again() {
    let steps = &[Step::Ok, Step::Ok, UNRELATED, Step::Ok, UNRELATED, Step::Ok];
    let (ec2_api, agent_log) = (
        test_check(CheckId::Ec2Api, &[Step::Ok]),
        test_check(CheckId::AgentLog, steps),
    );
    let scheduler = TestScheduler::with_relations(&[&ec2_api, &agent_log], EC2_EXPLAINS_LOG);
    let watch = scheduler.watch();
    sleep(Duration::from_mins(10)).await;
    watch.stop().await;
    let attempts = start_times(&ec2_api).len();
    assert!((10..=13).contains(&attempts), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn flapping_neighbours_cause_no_storm() {
    const FLAPS: &[Step] = &[
        THROTTLED,
        Step::Ok,
        THROTTLED,
        Step::Ok,
        THROTTLED,
        Step::Ok,
        THROTTLED,
        Step::Ok,
        THROTTLED,
        Step::Ok,
        THROTTLED,
        Step::Ok,
        THROTTLED,
        Step::Ok,
        THROTTLED,
        Step::Ok,
    ];
    let (castai_api, sts) = (
        test_check(CheckId::CastaiApi, FLAPS),
        test_check(CheckId::StsIdentity, FLAPS),
    );
    let scheduler = TestScheduler::with_relations(&[&castai_api, &sts], BOTH_WAYS);
    let watch = scheduler.watch();
    sleep(Duration::from_mins(5)).await;
    watch.stop().await;
    for check in [&castai_api, &sts] {
        let attempts = start_times(check);
        let shortest = attempts.windows(2).map(|pair| pair[1] - pair[0]).min();
        assert!(
            shortest >= Some(Duration::from_millis(4_400)),
            "{shortest:?}"
        );
    }
}
