//! Runs the checks: intervals, jitter, deadlines, fast re-probe after a change of the check itself
//! or of related ones, contained panics.
//!
//! Invariant: nothing else creates intervals, deadlines or tasks, except the server for its
//! connections and `kube_events` for its writer.

pub mod jitter;
pub mod self_throttling;

mod neighbours;
mod pacing;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use neighbours::NeighbourChanges;
use pacing::Pacing;
use self_throttling::SelfThrottling;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::catalogue::{CheckId, Effect, FailureMode, Relation, RemedyValues, timeouts};
use crate::checks::{Attempt, Check, CheckSet, ScheduledCheck, WatchTask};
use crate::report::{Evidence, Finding, LatestReports, Report, Verdict};
use crate::state::{AttemptResult, CheckSpec, HealthState, RecordedAttempt, VerdictChange};

/// Window within which all checks start, each at a random moment.
const START_SPREAD: Duration = Duration::from_secs(1);
/// First and longest pause before a broken watch restarts; it doubles each time.
const WATCH_BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// A watch that ran for this long was healthy, so its back-off starts over.
const WATCH_HEALTHY_AFTER: Duration = Duration::from_mins(1);

/// Called on every change of verdict.
pub type OnChange = Arc<dyn Fn(&VerdictChange) + Send + Sync>;

/// Checks that run until they are stopped.
#[derive(Debug)]
pub struct RunningChecks {
    tasks: JoinSet<()>,
    watch_tasks: JoinSet<()>,
}

/// State shared by all check tasks: where results go, and what other checks have completed.
#[derive(Clone)]
struct SchedulerContext {
    health: Arc<HealthState>,
    on_change: OnChange,
    relations: &'static [Relation],
    remedy_values: Arc<RemedyValues>,
    /// The checks with a verdict so far, for checks that wait for a prerequisite.
    completed: Arc<watch::Sender<Vec<CheckId>>>,
    /// The changes of verdict that concern other checks.
    changes: Arc<watch::Sender<NeighbourChanges>>,
}

/// Returns what the state needs to know of the checks in a set.
pub fn check_specs<E>(check_set: &CheckSet<E>) -> Vec<CheckSpec> {
    let entry = |row: &Arc<ScheduledCheck<E>>| CheckSpec {
        check: row.check,
        need: row.need,
        interval: row.interval,
        subject: row.subject,
    };
    check_set.checks.iter().map(entry).collect()
}

/// Runs every check of the set once, prerequisites first, and records the results.
pub async fn run_once<E: Check>(
    check_set: &CheckSet<E>,
    health: &Arc<HealthState>,
    on_change: &OnChange,
) {
    let context = SchedulerContext::new(check_set, health, on_change);
    // Kept alive until every check has completed.
    let _feeding = spawn_watch_tasks(&check_set.watch_tasks);
    let mut tasks = JoinSet::new();
    for row in &check_set.checks {
        let (context, row, first) = (
            context.clone(),
            Arc::clone(row),
            prerequisites(row, check_set),
        );
        tasks.spawn(async move {
            context.wait_for_prerequisites(&first).await;
            // There is no next interval, so a suppressed timeout is retried; the number of
            // suppressions is limited.
            while context.attempt(&row).await.suppressed {}
            context.mark_completed(row.check);
        });
    }
    tasks.join_all().await;
}

impl RunningChecks {
    /// Starts every check of the set.
    pub fn start<E: Check>(
        check_set: &CheckSet<E>,
        health: &Arc<HealthState>,
        on_change: &OnChange,
    ) -> Self {
        let context = SchedulerContext::new(check_set, health, on_change);
        let watch_tasks = spawn_watch_tasks(&check_set.watch_tasks);
        let mut tasks = JoinSet::new();
        for row in &check_set.checks {
            let (context, row, first) = (
                context.clone(),
                Arc::clone(row),
                prerequisites(row, check_set),
            );
            tasks.spawn(async move {
                sleep(jitter::within(START_SPREAD)).await;
                context.wait_for_prerequisites(&first).await;
                let mut pacing = Pacing::new(row.check, row.interval);
                loop {
                    let (began, known) = (Instant::now(), context.changes_for(row.check));
                    let recorded = context.attempt(&row).await;
                    context.mark_completed(row.check);
                    let pause = jitter::around(pacing.pause_after(&recorded, began.elapsed()));
                    context.plan_next_attempt(row.check, pause);
                    tokio::select! {
                        // One change may resolve both: a check that was blocked runs at once.
                        biased;
                        // The check was unknown only because another check blocked it.
                        () = context.unblocked(row.check) => {}
                        () = sleep(pause) => {}
                        // A related check changed, which often concerns this one too.
                        () = context.neighbour_changed(row.check, known) => {
                            let pause = pacing.pause_after_neighbour(began.elapsed());
                            context.plan_next_attempt(row.check, pause);
                            sleep(pause).await;
                        }
                    }
                }
            });
        }
        Self { tasks, watch_tasks }
    }

    /// Cancels all attempts and returns when nothing runs any more.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.watch_tasks.shutdown().await;
    }
}

/// Runs the watches until the returned set is dropped; drops objects from an earlier run.
fn spawn_watch_tasks(watch_tasks: &[WatchTask]) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for feed in watch_tasks {
        feed.reset();
        let feed = feed.clone();
        tasks.spawn(async move {
            let mut backoff = WATCH_BACKOFF.0;
            loop {
                let began = Instant::now();
                feed.run().await;
                backoff = if began.elapsed() > WATCH_HEALTHY_AFTER {
                    WATCH_BACKOFF.0
                } else {
                    backoff
                };
                sleep(jitter::around(backoff)).await;
                backoff = (backoff * 2).min(WATCH_BACKOFF.1);
            }
        });
    }
    tasks
}

/// Returns the prerequisites of a check that are part of this set.
fn prerequisites<E>(row: &ScheduledCheck<E>, check_set: &CheckSet<E>) -> Vec<CheckId> {
    let runs = |check: &&CheckId| check_set.checks.iter().any(|row| row.check == **check);
    row.check
        .entry()
        .prerequisites
        .iter()
        .filter(runs)
        .copied()
        .collect()
}

impl SchedulerContext {
    fn new<E>(check_set: &CheckSet<E>, health: &Arc<HealthState>, on_change: &OnChange) -> Self {
        let (health, on_change) = (Arc::clone(health), Arc::clone(on_change));
        Self {
            health,
            on_change,
            relations: check_set.relations,
            remedy_values: Arc::new(check_set.remedy_values.clone()),
            completed: Arc::default(),
            changes: Arc::default(),
        }
    }

    /// Waits until each of these checks has a verdict.
    async fn wait_for_prerequisites(&self, checks: &[CheckId]) {
        let mut completed = self.completed.subscribe();
        let all = |completed: &Vec<CheckId>| checks.iter().all(|check| completed.contains(check));
        completed
            .wait_for(all)
            .await
            .expect("this context holds the sender");
    }

    /// Resolves when a blocked check is no longer blocked; never resolves if it is not blocked.
    async fn unblocked(&self, check: CheckId) {
        let mut changes = self.changes.subscribe();
        let free =
            |_: &NeighbourChanges| blocked(check, self.relations, &self.health.peers()).is_none();
        if free(&NeighbourChanges::default()) {
            std::future::pending::<()>().await;
        }
        changes
            .wait_for(free)
            .await
            .expect("this context holds the sender");
    }

    /// Records when the next attempt of a check follows, for the views.
    fn plan_next_attempt(&self, check: CheckId, pause: Duration) {
        self.health
            .plan_next_attempt(check, SystemTime::now() + pause);
    }

    /// Returns the number of changes so far that concern a check.
    fn changes_for(&self, check: CheckId) -> u64 {
        self.changes.borrow().concerning(check)
    }

    /// Resolves when a change concerns a check beyond the known ones.
    async fn neighbour_changed(&self, check: CheckId, known: u64) {
        self.changes
            .subscribe()
            .wait_for(|changes| changes.concerning(check) > known)
            .await
            .expect("this context holds the sender");
    }

    fn mark_completed(&self, check: CheckId) {
        self.completed.send_if_modified(|completed| {
            let first = !completed.contains(&check);
            if first {
                completed.push(check);
            }
            first
        });
    }

    /// Runs one attempt of one check and records it.
    async fn attempt<E: Check>(&self, row: &Arc<ScheduledCheck<E>>) -> RecordedAttempt {
        let check = row.check;
        let peers = self.health.peers();
        let mut modes = peers
            .report(check)
            .map_or_else(Vec::new, |report| report.verdict.modes());
        let result = if let Some(why) = blocked(check, self.relations, &peers) {
            AttemptResult {
                report: Report::from_verdict(Verdict::Unknown(why)),
                self_throttled: false,
                panicked: false,
            }
        } else {
            let known = RemedyValues::clone(&self.remedy_values).or(&peers.remedy_values());
            let mut result = attempt(row, peers).await;
            result.report.complete_remedies(&known);
            result
        };
        let recorded = self.health.record(check, result);
        if let Some(change) = &recorded.change {
            (self.on_change)(change);
            modes.extend(change.report.verdict.modes());
            self.changes
                .send_modify(|changes| changes.record(check, &modes, self.relations));
        }
        recorded
    }
}

impl fmt::Debug for SchedulerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("board", &self.health)
            .finish_non_exhaustive()
    }
}

/// Returns why a check is blocked: a prerequisite fails in a mode that makes the attempt pointless.
fn blocked(check: CheckId, relations: &[Relation], peers: &LatestReports) -> Option<Evidence> {
    let blocks = |relation: &&Relation| {
        relation.affected == check && matches!(relation.effect, Effect::Blocks)
    };
    let mut blocking = relations.iter().filter(blocks);
    blocking.find_map(|relation| {
        let mode = failing_mode_of(relation, peers)?;
        let why = format!("blocked by {}: {mode}", relation.cause);
        Some(Evidence::from(why))
    })
}

fn failing_mode_of(relation: &Relation, peers: &LatestReports) -> Option<FailureMode> {
    let Verdict::Failing(findings) = &peers.report(relation.cause)?.verdict else {
        return None;
    };
    findings
        .iter()
        .map(|finding| finding.mode)
        .find(|mode| relation.modes.contains(mode))
}

/// Runs one attempt under the deadline; a panic affects only this check.
async fn attempt<E: Check>(row: &Arc<ScheduledCheck<E>>, peers: LatestReports) -> AttemptResult {
    let attempt = Arc::new(Attempt::new(peers));
    let disturbance = SelfThrottling::begin();
    let (completed, of) = (Arc::clone(row), Arc::clone(&attempt));
    // A JoinSet aborts the task when this attempt is dropped.
    let mut task = JoinSet::new();
    task.spawn(async move { completed.runner.run(&of).await });
    let outcome = disturbance
        .watch(timeout(timeouts::ATTEMPT_TIMEOUT, task.join_next()))
        .await;
    let self_throttled = disturbance.detected();
    match outcome {
        Ok(Some(Ok(report))) => AttemptResult {
            report,
            self_throttled,
            panicked: false,
        },
        Ok(Some(Err(_)) | None) => {
            let why = "internal error: the check's own code failed; the log says where";
            AttemptResult {
                report: Report::from_verdict(Verdict::Unknown(Evidence::from(why))),
                self_throttled,
                panicked: true,
            }
        }
        Err(_elapsed) => AttemptResult {
            report: cancelled(&attempt),
            self_throttled,
            panicked: false,
        },
    }
}

/// Builds the report of an attempt that ran into its deadline: finished targets, and phases that
/// did not finish.
///
/// The check itself could not decide: a target that the agent uses determines the verdict, others
/// are advice.
fn cancelled(attempt: &Attempt) -> Report {
    let targets = attempt.targets_at_timeout(|target, phase| {
        let evidence = format!(
            "{target}: {phase} had not ended when the attempt's {:?} were up",
            timeouts::ATTEMPT_TIMEOUT
        );
        Finding::new(FailureMode::timeout_of(phase), evidence)
    });
    let wrong = |in_use: bool| {
        let mut of = targets.iter().filter(move |target| target.in_use == in_use);
        of.find_map(|target| target.outcome.clone().err())
    };
    let verdict = match (wrong(true), wrong(false)) {
        (Some(finding), _) => Verdict::failing(finding),
        (None, Some(finding)) => Verdict::Warning(vec![finding]),
        (None, None) => Verdict::Unknown(Evidence::from(format!(
            "no answer within {:?}",
            timeouts::ATTEMPT_TIMEOUT
        ))),
    };
    Report {
        targets,
        ..Report::from_verdict(verdict)
    }
}
