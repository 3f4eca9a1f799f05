//! Faults in a row on a real control plane, with recovery and restarts between them: each is named,
//! and nothing of an earlier one is reported again.
//!
//! Two API servers and etcd are real, and fail for real. Everything else that the agent depends on is
//! the lab's, which fails in `tests/it/fault_sequences.rs` in the same way.

pub(super) mod admin;
pub(super) mod agent;
pub(super) mod bed;
pub(super) mod faults;
mod injection;
pub(super) mod node;

use std::time::Duration;

use bed::SequenceBed;
use castai_health_exporter::catalogue::{CheckId, FailureMode};
use castai_health_exporter::classify::classify_line;
use faults::{RealFault, cluster_faults, lab_faults};
use test_support::sequence::figures::print_and_assert;
use test_support::sequence::observed::{Settled, settle};
use test_support::sequence::{Credentials, Figures, Random};

/// Time after which a fault counts as not named, or as still reported: much more than it takes on a
/// busy machine.
const GIVE_UP: Duration = Duration::from_mins(3);
/// Attempts of each check during which nothing may be reported after a recovery.
const QUIET_ATTEMPTS: u64 = 2;
/// Faults of the control plane and the agent's objects, and of the lab, in the short sequence.
const SHORT: (usize, usize) = (5, 3);
/// The same in the long ones.
const LONG: (usize, usize) = (25, 8);

#[tokio::test]
async fn short_sequence_of_faults_is_told_apart() {
    let figures = play(1, Credentials::WebIdentity, SHORT).await;
    print_and_assert(&figures);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes 15 minutes; `make test-sequences` runs it"]
async fn three_orders_of_all_faults_are_told_apart() {
    let (one, two, three) = tokio::join!(
        play(1, Credentials::WebIdentity, LONG),
        play(2, Credentials::Node, LONG),
        play(3, Credentials::WebIdentity, LONG),
    );
    let figures: Vec<Figures> = [one, two, three].into_iter().flatten().collect();
    print_and_assert(&figures);
}

async fn play(seed: u64, credentials: Credentials, count: (usize, usize)) -> Vec<Figures> {
    let mut bed = SequenceBed::start(credentials).await;
    let mut random = Random::new(seed);
    let mut faults = random.order(cluster_faults(), count.0);
    faults.extend(random.order(lab_faults(credentials), count.1));
    let all = faults.len();
    let sequence = format!("seed {seed}");
    assert_eq!(recover(&mut bed).await.err(), None, "at the start");
    let mut figures = Vec::new();
    for fault in random.order(faults, all) {
        let closed_before = bed.agent.times_closed;
        bed.inject(fault).await;
        let named = settle(GIVE_UP, async || {
            bed.live().await;
            misnamed(&bed, fault).await
        })
        .await;
        bed.heal().await;
        let mut recovered = recover(&mut bed).await;
        // A restart for another reason brings nothing back.
        let restarts = random.below(2) == 0;
        if recovered.is_ok() && restarts {
            bed.restart_agent().await;
        }
        // Each check has seen the healthy cluster before the next fault.
        if recovered.is_ok()
            && let Err(reported) = stay_quiet(&mut bed, closed_before).await
        {
            recovered = Err(reported);
        }
        figures.push(Figures::new(&sequence, fault.name, named, recovered));
    }
    figures
}

/// Waits until everything is ok, also according to attempts that have read the agent's last lines.
async fn recover(bed: &mut SequenceBed) -> Result<Settled, Vec<String>> {
    let before = attempts_of(&bed.exporter.attempts().await, CheckId::AgentLog);
    settle(GIVE_UP, async || {
        bed.live().await;
        let now = attempts_of(&bed.exporter.attempts().await, CheckId::AgentLog);
        let mut wrong = bed.exporter.unhealthy().await;
        // The first attempt may have read the log before the fault's last line.
        if now < before + QUIET_ATTEMPTS {
            wrong.push("agent_log made no attempt".to_owned());
        }
        wrong
    })
    .await
}

/// Returns what is wrong while a fault lasts: its root cause is not the only one, or the agent's log
/// is said to contain something else.
async fn misnamed(bed: &SequenceBed, fault: RealFault) -> Vec<String> {
    let mut wrong = bed.exporter.roots_unless((fault.check, fault.mode)).await;
    let line = fault.agent.line();
    let logged = line.and_then(|line| classify_line(line).mode());
    for (check, mode) in bed.exporter.failures().await {
        if check == CheckId::AgentLog && Some(mode) != logged {
            let evidence = bed.exporter.evidence(check).await;
            wrong.push(format!("the agent's log: {mode}: {evidence}"));
        }
    }
    wrong
}

/// Waits for further attempts of every check, during which nothing may be reported.
///
/// If the agent's ports were closed since the fault began, an attempt that was in flight when they
/// opened may have seen them closed. The next one must not.
async fn stay_quiet(bed: &mut SequenceBed, closed_before: u32) -> Result<(), Vec<String>> {
    let mut before = bed.exporter.attempts().await;
    // Checks that do not apply make no attempts.
    before.retain(|(_, count)| *count > 0);
    let was_closed = bed.agent.times_closed > closed_before;
    let mut reported = Vec::new();
    let waited = settle(GIVE_UP, async || {
        bed.live().await;
        let now = bed.exporter.attempts().await;
        let made = |check: CheckId| attempts_of(&now, check) - attempts_of(&before, check);
        let mut unfinished = Vec::new();
        for (check, mode) in bed.exporter.failures().await {
            let evidence = bed.exporter.evidence(check).await;
            let failure = format!("after recovery: {check} {mode}: {evidence}");
            let saw_closed_ports = was_closed
                && (check, mode) == (CheckId::AgentHealth, FailureMode::AgentHealthUnreachable)
                && made(check) <= 1;
            if saw_closed_ports {
                unfinished.push(failure);
            } else {
                reported.push(failure);
            }
        }
        let behind = before.iter().map(|(check, _)| *check);
        let behind = behind.filter(|check| made(*check) < QUIET_ATTEMPTS);
        unfinished.extend(behind.map(|check| format!("{check} made no attempt")));
        unfinished
    })
    .await;
    waited?;
    reported.dedup();
    if reported.is_empty() {
        Ok(())
    } else {
        Err(reported)
    }
}

fn attempts_of(counts: &[(CheckId, u64)], check: CheckId) -> u64 {
    let found = counts.iter().find(|(other, _)| *other == check);
    found.map_or(0, |(_, count)| *count)
}
