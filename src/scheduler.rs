//! Time: intervals, jitter, deadlines, quick re-probe after a change, panics contained.
//!
//! Invariant: nothing else creates intervals, deadlines or tasks, but the server for its connections.

pub mod jitter;
pub mod self_throttling;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self_throttling::Disturbance;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::catalogue::relations::Block;
use crate::catalogue::{CheckId, FailureMode, timeouts};
use crate::checks::{Attempt, Check, Feed, Plan, Planned};
use crate::report::{Evidence, Finding, Peers, Report, Verdict};
use crate::state::{Board, Change, Entry, Posted, Posting};

/// All checks start within this time, each at its own moment.
const SPREAD: Duration = Duration::from_secs(1);
/// After a change of verdict the next attempt comes at least so soon, so that an episode settles or ends quickly.
const QUICK: Duration = Duration::from_secs(5);

/// How long a feed that broke rests before it begins anew: twice as long each time, up to the second.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A feed that went on for so long was well.
const WELL: Duration = Duration::from_mins(1);

/// What is told of every change of verdict.
pub type OnChange = Arc<dyn Fn(&Change) + Send + Sync>;

/// Checks that run for ever, until stopped.
#[derive(Debug)]
pub struct Watch {
    tasks: JoinSet<()>,
    feeding: JoinSet<()>,
}

/// Where reports go: the board, and whoever is told of changes.
#[derive(Clone)]
struct Desk {
    board: Arc<Board>,
    on_change: OnChange,
    blocks: &'static [Block],
    /// The checks that have had a verdict here, for those who wait for another's first.
    examined: Arc<watch::Sender<Vec<CheckId>>>,
    /// Sends at every change of a verdict, for those who are blocked.
    changed: Arc<watch::Sender<()>>,
}

/// How the checks of a plan are entered on the board.
pub fn entries<E>(plan: &Plan<E>) -> Vec<Entry> {
    let entry = |row: &Arc<Planned<E>>| Entry {
        check: row.check,
        need: row.need,
        interval: row.interval,
        subject: row.subject,
    };
    plan.rows.iter().map(entry).collect()
}

/// Examines every check of the plan once, prerequisites first, and posts to the board.
pub async fn once<E: Check>(plan: &Plan<E>, board: &Arc<Board>, on_change: &OnChange) {
    let desk = Desk::new(plan, board, on_change);
    // Held until every check has looked.
    let _feeding = feed(&plan.feeds);
    let mut tasks = JoinSet::new();
    for row in &plan.rows {
        let (desk, row, first) = (desk.clone(), Arc::clone(row), prerequisites(row, plan));
        tasks.spawn(async move {
            desk.wait_for(&first).await;
            // There is no next time, so what proves nothing is looked at again; the board excuses it only so often.
            while desk.attempt(&row).await.excused {}
            desk.note_examined(row.check);
        });
    }
    tasks.join_all().await;
}

impl Watch {
    /// Starts every check of the plan.
    pub fn start<E: Check>(plan: &Plan<E>, board: &Arc<Board>, on_change: &OnChange) -> Self {
        let desk = Desk::new(plan, board, on_change);
        let feeding = feed(&plan.feeds);
        let mut tasks = JoinSet::new();
        for row in &plan.rows {
            let (desk, row, first) = (desk.clone(), Arc::clone(row), prerequisites(row, plan));
            tasks.spawn(async move {
                sleep(jitter::within(SPREAD)).await;
                desk.wait_for(&first).await;
                let mut pause = QUICK;
                loop {
                    let posted = desk.attempt(&row).await;
                    desk.note_examined(row.check);
                    // What stays unknown is looked at again after twice as long each time, so that a first look before
                    // everything was up does not stand for a long interval.
                    let wanted = match (posted.change, posted.unknown) {
                        (Some(_), _) => QUICK,
                        (None, true) => pause * 2,
                        (None, false) => row.interval,
                    };
                    pause = wanted.min(row.interval);
                    tokio::select! {
                        () = sleep(jitter::around(pause)) => {}
                        // It was unknown for another's fault only.
                        () = desk.unblocked(row.check) => {}
                    }
                }
            });
        }
        Self { tasks, feeding }
    }

    /// Ends all attempts; returns when nothing runs any more.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.feeding.shutdown().await;
    }
}

/// Keeps the feeds going until the set is dropped; what they brought before is forgotten.
fn feed(feeds: &[Feed]) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for feed in feeds {
        feed.forget();
        let feed = feed.clone();
        tasks.spawn(async move {
            let mut rest = REST.0;
            loop {
                let began = Instant::now();
                feed.follow().await;
                rest = if began.elapsed() > WELL { REST.0 } else { rest };
                sleep(jitter::around(rest)).await;
                rest = (rest * 2).min(REST.1);
            }
        });
    }
    tasks
}

/// The prerequisites of a check that run in this plan.
fn prerequisites<E>(row: &Planned<E>, plan: &Plan<E>) -> Vec<CheckId> {
    let runs = |check: &&CheckId| plan.rows.iter().any(|row| row.check == **check);
    row.check
        .entry()
        .prerequisites
        .iter()
        .filter(runs)
        .copied()
        .collect()
}

impl Desk {
    fn new<E>(plan: &Plan<E>, board: &Arc<Board>, on_change: &OnChange) -> Self {
        let (board, on_change) = (Arc::clone(board), Arc::clone(on_change));
        Self {
            board,
            on_change,
            blocks: plan.blocks,
            examined: Arc::default(),
            changed: Arc::default(),
        }
    }

    /// Waits until each of these checks has had a verdict.
    async fn wait_for(&self, checks: &[CheckId]) {
        let mut examined = self.examined.subscribe();
        let all = |examined: &Vec<CheckId>| checks.iter().all(|check| examined.contains(check));
        examined
            .wait_for(all)
            .await
            .expect("this desk holds the sender");
    }

    /// Resolves when a check that is blocked now is blocked no more; never, if it is not blocked.
    async fn unblocked(&self, check: CheckId) {
        let mut changed = self.changed.subscribe();
        let free = |(): &()| blocked(check, self.blocks, &self.board.peers()).is_none();
        if free(&()) {
            std::future::pending::<()>().await;
        }
        changed
            .wait_for(free)
            .await
            .expect("this desk holds the sender");
    }

    fn note_examined(&self, check: CheckId) {
        self.examined.send_if_modified(|examined| {
            let first = !examined.contains(&check);
            if first {
                examined.push(check);
            }
            first
        });
    }

    /// One attempt of one check, posted.
    async fn attempt<E: Check>(&self, row: &Arc<Planned<E>>) -> Posted {
        let check = row.check;
        let posting = match blocked(check, self.blocks, &self.board.peers()) {
            Some(why) => Posting {
                report: Report::bare(Verdict::Unknown(why)),
                disturbed: false,
                panicked: false,
            },
            None => attempt(row, self.board.peers()).await,
        };
        let posted = self.board.post(check, posting);
        if let Some(change) = &posted.change {
            (self.on_change)(change);
            self.changed.send_replace(());
        }
        posted
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("board", &self.board)
            .finish_non_exhaustive()
    }
}

/// Whether a prerequisite fails in a mode that makes it pointless to ask.
fn blocked(check: CheckId, blocks: &[Block], peers: &Peers) -> Option<Evidence> {
    let by = |block: &&Block| block.blocked == check && holding(block, peers).is_some();
    let block = blocks.iter().find(by)?;
    let mode = holding(block, peers)?;
    Some(Evidence::from(format!(
        "blocked by {}: {mode}",
        block.check
    )))
}

fn holding(block: &Block, peers: &Peers) -> Option<FailureMode> {
    let Verdict::Failing(findings) = &peers.report(block.check)?.verdict else {
        return None;
    };
    findings
        .iter()
        .map(|finding| finding.mode)
        .find(|mode| block.modes.contains(mode))
}

/// Examines once, under the deadline; a panic is the check's own trouble and stops nothing else.
async fn attempt<E: Check>(row: &Arc<Planned<E>>, peers: Peers) -> Posting {
    let attempt = Arc::new(Attempt::new(peers));
    let disturbance = Disturbance::begin();
    let (examined, of) = (Arc::clone(row), Arc::clone(&attempt));
    // In a set, so that nothing of it goes on when this attempt is dropped.
    let mut task = JoinSet::new();
    task.spawn(async move { examined.examine.run(&of).await });
    let outcome = disturbance
        .watch(timeout(timeouts::ATTEMPT, task.join_next()))
        .await;
    let disturbed = disturbance.happened();
    match outcome {
        Ok(Some(Ok(report))) => Posting {
            report,
            disturbed,
            panicked: false,
        },
        Ok(Some(Err(_)) | None) => {
            let why = "internal error: the check's own code failed; the log says where";
            Posting {
                report: Report::bare(Verdict::Unknown(Evidence::from(why))),
                disturbed,
                panicked: true,
            }
        }
        Err(_elapsed) => Posting {
            report: cancelled(&attempt),
            disturbed,
            panicked: false,
        },
    }
}

/// What is left of an attempt whose whole time was up: what had ended by then, and the phases that had not.
///
/// The check itself did not come to judge: a target that the agent uses decides, others are advice.
fn cancelled(attempt: &Attempt) -> Report {
    let targets = attempt.cut_off(|target, phase| {
        let evidence = format!(
            "{target}: {phase} had not ended when the attempt's {:?} were up",
            timeouts::ATTEMPT
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
            timeouts::ATTEMPT
        ))),
    };
    Report {
        targets,
        ..Report::bare(verdict)
    }
}
