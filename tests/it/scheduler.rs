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
const BLOCKS: &[Block] = &[Block {
    check: CheckId::Apiserver,
    modes: &[FailureMode::NetRefused],
    blocked: CheckId::Clock,
}];

/// A scripted step of a check.
#[derive(Clone, Copy)]
enum Act {
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
struct Scripted {
    acts: &'static [Act],
    began: Mutex<Vec<Instant>>,
    in_flight: Arc<AtomicUsize>,
}

/// An attempt in flight.
struct Flight(Arc<AtomicUsize>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Check for Scripted {
    async fn run(&self, attempt: &Attempt) -> Report {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let _flight = Flight(Arc::clone(&self.in_flight));
        let act = {
            let mut began = self.began.lock().unwrap();
            began.push(Instant::now());
            *self.acts.get(began.len() - 1).or(self.acts.last()).unwrap()
        };
        match act {
            Act::Ok => {}
            Act::OkAfter(span) => sleep(span).await,
            Act::Fails(mode) => {
                return Report::from_verdict(Verdict::failing(Finding::new(mode, "seen")));
            }
            Act::Stalls(mode) => {
                std::thread::sleep(Duration::from_millis(400));
                sleep(Duration::from_millis(300)).await;
                return Report::from_verdict(Verdict::failing(Finding::new(mode, "seen")));
            }
            Act::Panics => panic!("a bug in a check"),
            Act::Hangs => {
                attempt.start_target("10.0.0.1:443", true).begin(Phase::Tls);
                pending::<()>().await;
            }
        }
        Report::from_verdict(Verdict::Ok("fine".into()))
    }
}

type Row = Arc<ScheduledCheck<Scripted>>;

fn row(check: CheckId, acts: &'static [Act]) -> Row {
    let runner = Scripted {
        acts,
        began: Mutex::default(),
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

fn began(row: &Row) -> Vec<Instant> {
    row.runner.began.lock().unwrap().clone()
}

/// A scheduler under test, its health state and its change notifications.
struct Stage {
    check_set: CheckSet<Scripted>,
    health: Arc<HealthState>,
    on_change: OnChange,
    changes: mpsc::UnboundedReceiver<VerdictChange>,
}

impl Stage {
    fn new(rows: &[&Row]) -> Self {
        let rows = rows.iter().map(|row| Arc::clone(row)).collect();
        let check_set = CheckSet {
            checks: rows,
            blocks: BLOCKS,
            watch_tasks: Vec::new(),
        };
        let health = Arc::new(HealthState::new(&scheduler::check_specs(&check_set)));
        let (tell, changes) = mpsc::unbounded_channel();
        let on_change: OnChange = Arc::new(move |change| drop(tell.send(change.clone())));
        Self {
            check_set,
            health,
            on_change,
            changes,
        }
    }

    async fn once(&self) {
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
    async fn becomes(&mut self, check: CheckId, status: Status) {
        while let Some(change) = self.changes.recv().await {
            if change.check == check && change.report.verdict.status() == status {
                return;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_unknown_and_counted_and_stops_neither_the_others_nor_the_next_attempt() {
    let (dns, apiserver) = (
        row(CheckId::Dns, &[Act::Panics, Act::Ok]),
        row(CheckId::Apiserver, &[Act::Ok]),
    );
    let mut stage = Stage::new(&[&dns, &apiserver]);
    stage.once().await;
    let broken = stage.check_state(CheckId::Dns);
    assert_eq!(
        (broken.status(), broken.counts.panics),
        (Status::Unknown, 1)
    );
    assert!(
        evidence(&broken).starts_with("internal error"),
        "{}",
        evidence(&broken)
    );
    assert_eq!(stage.check_state(CheckId::Apiserver).status(), Status::Ok);
    let watch = stage.watch();
    stage.becomes(CheckId::Dns, Status::Ok).await;
    assert_eq!(stage.check_state(CheckId::Dns).counts.panics, 1);
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn examining_once_looks_again_when_this_process_itself_was_held_up() {
    let held_up = row(
        CheckId::Dns,
        &[Act::Stalls(FailureMode::NetDnsTimeout), Act::Ok],
    );
    let for_ever = row(
        CheckId::Apiserver,
        &[Act::Stalls(FailureMode::TlsHandshakeTimeout)],
    );
    let stage = Stage::new(&[&held_up, &for_ever]);
    stage.once().await;
    assert_eq!(
        (
            stage.check_state(CheckId::Dns).status(),
            began(&held_up).len()
        ),
        (Status::Ok, 2)
    );
    assert_eq!(
        (
            stage.check_state(CheckId::Apiserver).status(),
            began(&for_ever).len()
        ),
        (Status::Failing, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_is_examined_again_and_again() {
    let dns = row(CheckId::Dns, &[Act::Panics, Act::Panics, Act::Ok]);
    let mut stage = Stage::new(&[&dns]);
    let watch = stage.watch();
    stage.becomes(CheckId::Dns, Status::Ok).await;
    assert_eq!(stage.check_state(CheckId::Dns).counts.panics, 2);
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_blocks_makes_the_dependent_unknown_without_examining_it() {
    let apiserver = row(CheckId::Apiserver, &[Act::Fails(FailureMode::NetRefused)]);
    let (clock, castai) = (
        row(CheckId::Clock, &[Act::Ok]),
        row(CheckId::CastaiApi, &[Act::Ok]),
    );
    let stage = Stage::new(&[&apiserver, &castai, &clock]);
    stage.once().await;
    let blocked = stage.check_state(CheckId::Clock);
    assert_eq!(evidence(&blocked), "blocked by apiserver: net_refused");
    assert_eq!(
        (blocked.status(), began(&clock).len()),
        (Status::Unknown, 0)
    );
    assert_eq!(
        (
            stage.check_state(CheckId::CastaiApi).status(),
            began(&castai).len()
        ),
        (Status::Ok, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn another_failure_of_the_prerequisite_blocks_nothing_nor_does_the_same_one_elsewhere() {
    let apiserver = row(CheckId::Apiserver, &[Act::Fails(FailureMode::NetReset)]);
    let castai = row(CheckId::CastaiApi, &[Act::Fails(FailureMode::NetRefused)]);
    let clock = row(CheckId::Clock, &[Act::Ok]);
    let stage = Stage::new(&[&apiserver, &castai, &clock]);
    stage.once().await;
    assert_eq!(
        (
            stage.check_state(CheckId::Clock).status(),
            began(&clock).len()
        ),
        (Status::Ok, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_blocked_check_is_examined_once_the_block_is_gone() {
    let apiserver = row(
        CheckId::Apiserver,
        &[Act::Fails(FailureMode::NetRefused), Act::Ok],
    );
    let clock = row(CheckId::Clock, &[Act::Ok]);
    let stage = Stage::new(&[&apiserver, &clock]);
    stage.once().await;
    assert_eq!(stage.check_state(CheckId::Clock).status(), Status::Unknown);
    stage.once().await;
    assert_eq!(stage.check_state(CheckId::Clock).status(), Status::Ok);
}

#[tokio::test(start_paused = true)]
async fn what_was_blocked_for_long_is_examined_at_once_when_the_block_is_gone() {
    const REFUSED: Act = Act::Fails(FailureMode::NetRefused);
    let apiserver = row(
        CheckId::Apiserver,
        &[
            REFUSED,
            REFUSED,
            REFUSED,
            REFUSED,
            REFUSED,
            REFUSED,
            Act::Ok,
        ],
    );
    let clock = row(CheckId::Clock, &[Act::Ok]);
    let mut stage = Stage::new(&[&apiserver, &clock]);
    let watch = stage.watch();
    stage.becomes(CheckId::Clock, Status::Ok).await;
    assert_eq!(began(&clock), [began(&apiserver)[6]]);
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_deadline_keeps_what_was_learnt() {
    let apiserver = row(CheckId::Apiserver, &[Act::Hangs]);
    let stage = Stage::new(&[&apiserver]);
    stage.once().await;
    let check_state = stage.check_state(CheckId::Apiserver);
    let report = check_state.latest.unwrap();
    let target = report.targets.first().expect("the target it was at");
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
async fn an_attempt_has_25_seconds() {
    const JUST: Act = Act::OkAfter(Duration::from_millis(24_900));
    const NOT: Act = Act::OkAfter(Duration::from_millis(25_100));
    let stage = Stage::new(&[&row(CheckId::Apiserver, &[JUST])]);
    stage.once().await;
    assert_eq!(stage.check_state(CheckId::Apiserver).status(), Status::Ok);
    let stage = Stage::new(&[&row(CheckId::Apiserver, &[NOT])]);
    stage.once().await;
    assert_eq!(
        stage.check_state(CheckId::Apiserver).status(),
        Status::Unknown
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_of_verdict_brings_the_next_attempt_sooner() {
    let dns = row(
        CheckId::Dns,
        &[
            Act::Ok,
            Act::Ok,
            Act::Fails(FailureMode::NetRefused),
            Act::Ok,
            Act::Panics,
        ],
    );
    let mut stage = Stage::new(&[&dns]);
    let watch = stage.watch();
    stage.becomes(CheckId::Dns, Status::Unknown).await;
    watch.stop().await;
    let began = began(&dns);
    let waited: Vec<_> = began
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs())
        .collect();
    // Waits after the first verdict, after the same verdict, after a failure, and after `ok`.
    let [4..6, 53..67, 4..6, 4..6] = waited[..] else {
        panic!("{waited:?}")
    };
}

#[tokio::test(start_paused = true)]
async fn what_stays_unknown_is_looked_at_again_after_twice_as_long_each_time() {
    const UNKNOWN: Act = Act::Panics;
    let dns = row(
        CheckId::Dns,
        &[
            UNKNOWN,
            UNKNOWN,
            UNKNOWN,
            UNKNOWN,
            UNKNOWN,
            UNKNOWN,
            Act::Ok,
        ],
    );
    let mut stage = Stage::new(&[&dns]);
    let watch = stage.watch();
    stage.becomes(CheckId::Dns, Status::Ok).await;
    watch.stop().await;
    let began = began(&dns);
    let waited: Vec<_> = began
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs())
        .collect();
    // The wait doubles up to the check's interval.
    let [4..6, 8..12, 17..23, 35..45, 53..67, 53..67] = waited[..] else {
        panic!("{waited:?}")
    };
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_the_attempts_in_flight() {
    let dns = row(CheckId::Dns, &[Act::Hangs]);
    let stage = Stage::new(&[&dns]);
    let in_flight = || dns.runner.in_flight.load(Ordering::Relaxed);
    let watch = stage.watch();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(in_flight(), 1);
    watch.stop().await;
    assert_eq!(in_flight(), 0);
    sleep(INTERVAL).await;
    assert_eq!(
        (
            began(&dns).len(),
            stage.check_state(CheckId::Dns).latest.is_none()
        ),
        (1, true)
    );
}

#[tokio::test(start_paused = true)]
async fn a_dependent_waits_for_the_first_verdict_of_its_prerequisites() {
    const LONG: Duration = Duration::from_secs(20);
    let apiserver = row(CheckId::Apiserver, &[Act::OkAfter(LONG)]);
    let (castai, clock) = (
        row(CheckId::CastaiApi, &[Act::Ok]),
        row(CheckId::Clock, &[Act::Ok]),
    );
    let stage = Stage::new(&[&clock, &apiserver, &castai]);
    stage.once().await;
    assert!(began(&clock)[0] >= began(&apiserver)[0] + LONG);
    assert!(began(&castai)[0] < began(&apiserver)[0] + LONG);

    let mut stage = Stage::new(&[&clock, &apiserver, &castai]);
    let watch = stage.watch();
    stage.becomes(CheckId::Clock, Status::Ok).await;
    watch.stop().await;
    assert!(began(&clock)[1] >= began(&apiserver)[1] + LONG);
}
