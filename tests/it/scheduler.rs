//! Tests of the scheduler on a paused clock that jumps to the next timer.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use castai_health_exporter::catalogue::relations::Block;
use castai_health_exporter::catalogue::{CheckId, FailureMode, Need, Phase, Status};
use castai_health_exporter::checks::{Attempt, Check, CheckSet, ScheduledCheck};
use castai_health_exporter::report::{Finding, PhaseOutcome, Report, Verdict};
use castai_health_exporter::scheduler;
use castai_health_exporter::scheduler::{OnChange, RunningChecks};
use castai_health_exporter::state::{CheckState, HealthState, VerdictChange};
use test_support::lab_cluster::evidence;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

const INTERVAL: Duration = Duration::from_mins(1);

/// Blocks `clock` while the API server refuses connections.
const API_SERVER_BLOCKS_CLOCK: &[Block] = &[Block {
    check: CheckId::Apiserver,
    modes: &[FailureMode::NetRefused],
    blocked: CheckId::Clock,
}];

/// A scripted step of a check.
#[derive(Clone, Copy)]
enum Step {
    Ok,
    OkAfter(Duration),
    Fails(FailureMode),
    Panics,
    /// Starts a handshake that never completes.
    Hangs,
    /// Stalls the whole process, then fails.
    Stalls(FailureMode),
}

/// A check that plays a script and repeats its last step.
struct ScriptedCheck {
    steps: &'static [Step],
    start_times: Mutex<Vec<Instant>>,
    in_flight: Arc<AtomicUsize>,
}

/// An attempt in flight.
struct InFlightGuard(Arc<AtomicUsize>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Check for ScriptedCheck {
    async fn run(&self, attempt: &Attempt) -> Report {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let _guard = InFlightGuard(Arc::clone(&self.in_flight));
        let step = {
            let mut start_times = self.start_times.lock().unwrap();
            start_times.push(Instant::now());
            *self
                .steps
                .get(start_times.len() - 1)
                .or(self.steps.last())
                .unwrap()
        };
        match step {
            Step::Ok => {}
            Step::OkAfter(span) => sleep(span).await,
            Step::Fails(mode) => {
                return Report::from_verdict(Verdict::failing(Finding::new(mode, "seen")));
            }
            Step::Stalls(mode) => {
                std::thread::sleep(Duration::from_millis(400));
                sleep(Duration::from_millis(300)).await;
                return Report::from_verdict(Verdict::failing(Finding::new(mode, "seen")));
            }
            Step::Panics => panic!("a bug in a check"),
            Step::Hangs => {
                attempt.start_target("10.0.0.1:443", true).begin(Phase::Tls);
                pending::<()>().await;
            }
        }
        Report::from_verdict(Verdict::Ok("fine".into()))
    }
}

type TestCheck = Arc<ScheduledCheck<ScriptedCheck>>;

fn test_check(check: CheckId, steps: &'static [Step]) -> TestCheck {
    let runner = ScriptedCheck {
        steps,
        start_times: Mutex::default(),
        in_flight: Arc::default(),
    };
    Arc::new(ScheduledCheck {
        check,
        need: Need::Start,
        interval: INTERVAL,
        subject: 0,
        runner,
    })
}

fn start_times(test_check: &TestCheck) -> Vec<Instant> {
    test_check.runner.start_times.lock().unwrap().clone()
}

/// A scheduler under test, its health state and its change notifications.
struct TestScheduler {
    check_set: CheckSet<ScriptedCheck>,
    health: Arc<HealthState>,
    on_change: OnChange,
    changes: mpsc::UnboundedReceiver<VerdictChange>,
}

impl TestScheduler {
    fn new(rows: &[&TestCheck]) -> Self {
        let rows = rows
            .iter()
            .map(|test_check| Arc::clone(test_check))
            .collect();
        let check_set = CheckSet {
            checks: rows,
            blocks: API_SERVER_BLOCKS_CLOCK,
            watch_tasks: Vec::new(),
        };
        let health = Arc::new(HealthState::new(&scheduler::check_specs(&check_set)));
        let (sender, changes) = mpsc::unbounded_channel();
        let on_change: OnChange = Arc::new(move |change| drop(sender.send(change.clone())));
        Self {
            check_set,
            health,
            on_change,
            changes,
        }
    }

    async fn run_once(&self) {
        scheduler::run_once(&self.check_set, &self.health, &self.on_change).await;
    }

    fn watch(&self) -> RunningChecks {
        RunningChecks::start(&self.check_set, &self.health, &self.on_change)
    }

    fn check_state(&self, check: CheckId) -> CheckState {
        self.health
            .check_states()
            .into_iter()
            .find(|check_state| check_state.check == check)
            .unwrap()
    }

    /// Waits until a check has this status.
    async fn wait_for_status(&mut self, check: CheckId, status: Status) {
        while let Some(change) = self.changes.recv().await {
            if change.check == check && change.report.verdict.status() == status {
                return;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn panic_is_unknown_and_counted_and_isolated() {
    let (dns, apiserver) = (
        test_check(CheckId::Dns, &[Step::Panics, Step::Ok]),
        test_check(CheckId::Apiserver, &[Step::Ok]),
    );
    let mut scheduler = TestScheduler::new(&[&dns, &apiserver]);
    scheduler.run_once().await;
    let broken = scheduler.check_state(CheckId::Dns);
    assert_eq!(
        (broken.status(), broken.counts.panics),
        (Status::Unknown, 1)
    );
    assert!(
        evidence(&broken).starts_with("internal error"),
        "{}",
        evidence(&broken)
    );
    assert_eq!(
        scheduler.check_state(CheckId::Apiserver).status(),
        Status::Ok
    );
    let watch = scheduler.watch();
    scheduler.wait_for_status(CheckId::Dns, Status::Ok).await;
    assert_eq!(scheduler.check_state(CheckId::Dns).counts.panics, 1);
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn run_once_retries_after_self_throttling() {
    let held_up = test_check(
        CheckId::Dns,
        &[Step::Stalls(FailureMode::NetDnsTimeout), Step::Ok],
    );
    let for_ever = test_check(
        CheckId::Apiserver,
        &[Step::Stalls(FailureMode::TlsHandshakeTimeout)],
    );
    let scheduler = TestScheduler::new(&[&held_up, &for_ever]);
    scheduler.run_once().await;
    assert_eq!(
        (
            scheduler.check_state(CheckId::Dns).status(),
            start_times(&held_up).len()
        ),
        (Status::Ok, 2)
    );
    assert_eq!(
        (
            scheduler.check_state(CheckId::Apiserver).status(),
            start_times(&for_ever).len()
        ),
        (Status::Failing, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn panicking_check_keeps_running() {
    let dns = test_check(CheckId::Dns, &[Step::Panics, Step::Panics, Step::Ok]);
    let mut scheduler = TestScheduler::new(&[&dns]);
    let watch = scheduler.watch();
    scheduler.wait_for_status(CheckId::Dns, Status::Ok).await;
    assert_eq!(scheduler.check_state(CheckId::Dns).counts.panics, 2);
    watch.stop().await;
}

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

#[tokio::test(start_paused = true)]
async fn stop_cancels_attempts_in_flight() {
    let dns = test_check(CheckId::Dns, &[Step::Hangs]);
    let scheduler = TestScheduler::new(&[&dns]);
    let in_flight = || dns.runner.in_flight.load(Ordering::Relaxed);
    let watch = scheduler.watch();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(in_flight(), 1);
    watch.stop().await;
    assert_eq!(in_flight(), 0);
    sleep(INTERVAL).await;
    assert_eq!(
        (
            start_times(&dns).len(),
            scheduler.check_state(CheckId::Dns).latest.is_none()
        ),
        (1, true)
    );
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
