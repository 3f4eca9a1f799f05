//! Tests of the scheduler on a paused clock that jumps to the next timer.

mod blocking;
mod derived;
mod intervals;
mod neighbours;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use castai_health_exporter::catalogue::{
    CheckId, Effect, FailureMode, Need, Phase, Relation, RemedyValues, Status,
};
use castai_health_exporter::checks::{Attempt, Check, CheckSet, ScheduledCheck};
use castai_health_exporter::report::{Finding, Report, Verdict};
use castai_health_exporter::scheduler;
use castai_health_exporter::scheduler::{OnChange, RunningChecks};
use castai_health_exporter::state::{CheckState, HealthState, VerdictChange};
use test_support::lab_cluster::evidence;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

const INTERVAL: Duration = Duration::from_mins(1);

/// Blocks `clock` while the API server refuses connections.
const API_SERVER_BLOCKS_CLOCK: &[Relation] = &[Relation {
    cause: CheckId::Apiserver,
    modes: &[FailureMode::NetRefused],
    affected: CheckId::Clock,
    effect: Effect::Blocks,
    at_any_severity: false,
}];

/// A scripted step of a check.
#[derive(Clone, Copy)]
enum Step {
    Ok,
    OkAfter(Duration),
    Fails(FailureMode),
    /// Fails while this check fails, and is `ok` otherwise.
    Follows(CheckId),
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
            Step::Follows(check) => {
                let report = attempt.reports().report(check);
                if let Some(Verdict::Failing(findings)) = report.map(|report| &report.verdict) {
                    return Report::from_verdict(Verdict::Failing(findings.clone()));
                }
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
        Self::with_relations(rows, API_SERVER_BLOCKS_CLOCK)
    }

    fn with_relations(rows: &[&TestCheck], relations: &'static [Relation]) -> Self {
        let rows = rows
            .iter()
            .map(|test_check| Arc::clone(test_check))
            .collect();
        let check_set = CheckSet {
            checks: rows,
            relations,
            watch_tasks: Vec::new(),
            remedy_values: RemedyValues::default(),
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
