//! The targets of a check, each with the phases of the last attempt against the agent's timeouts.

use std::time::Duration;

use maud::{Markup, html};

use crate::catalogue::Timeouts;
use crate::catalogue::timeouts::ATTEMPT_TIMEOUT;
use crate::pages::text::prose;
use crate::pages::time_text::{latency, moment};
use crate::pages::tone::Tone;
use crate::report::{PhaseOutcome, PhaseTiming, TargetReport};

/// Width of the chart in its own units.
const WIDTH: f64 = 1000.0;
/// Width below which a bar would not be visible.
const MIN_WIDTH: f64 = 6.0;
/// Maximum number of phases; one that repeats is a retry.
const MAX_PHASES: usize = 12;

/// Renders a target; evidence that the check already shows is not repeated.
pub(super) fn target(target: &TargetReport, timeouts: &Timeouts, shown: &str) -> Markup {
    let (tone, evidence) = match &target.outcome {
        Ok(evidence) => (Tone::Ok, evidence),
        Err(finding) if target.in_use => (Tone::Failing, &finding.evidence),
        Err(finding) => (Tone::Warning, &finding.evidence),
    };
    let use_of = if target.in_use {
        "used by the agent"
    } else {
        "not used by the agent now"
    };
    html! {
        section.target {
            h5 { (tone.icon()) code { (target.target) } " " span.note { (use_of) } }
            @if !shown.contains(evidence.as_str()) && !evidence.as_str().contains(shown) {
                p.evidence { (prose(evidence.as_str())) }
            }
            @if !target.phases.is_empty() { (phases(&target.phases, timeouts)) }
            @if let Some(expiry) = certificate_expiry(target) {
                p.note { "Its certificate is valid until " (expiry) "." }
            }
        }
    }
}

fn certificate_expiry(target: &TargetReport) -> Option<String> {
    let seconds = u64::try_from(target.not_after?).ok()?;
    std::time::UNIX_EPOCH
        .checked_add(Duration::from_secs(seconds))
        .map(moment)
}

fn phases(phases: &[PhaseTiming], timeouts: &Timeouts) -> Markup {
    let total: Duration = phases.iter().map(|phase| phase.duration).sum();
    let shown = &phases[..phases.len().min(MAX_PHASES)];
    let starts = shown.iter().scan(Duration::ZERO, |at, phase| {
        let start = *at;
        *at += phase.duration;
        Some(start)
    });
    html! {
        table.waterfall {
            thead {
                tr {
                    th scope="col" { "Phase" }
                    th.chart scope="col" { "Last attempt" }
                    th.num scope="col" { "Time" }
                    th.num scope="col" { "Agent's limit" }
                }
            }
            tbody {
                @for (phase, start) in shown.iter().zip(starts) {
                    (row(phase, start, total, timeouts))
                }
            }
            tfoot {
                tr {
                    th scope="row" { "total" }
                    td {}
                    td.num { (latency(total)) }
                    td {}
                }
            }
        }
    }
}

fn row(phase: &PhaseTiming, start: Duration, total: Duration, timeouts: &Timeouts) -> Markup {
    // A phase without a timeout is bounded by that of the attempt.
    let limit = Some(timeouts.of_agent(phase.phase)).filter(|limit| *limit < ATTEMPT_TIMEOUT);
    let exceeds = limit.is_some_and(|limit| phase.duration > limit);
    let (class, remark) = match phase.outcome {
        PhaseOutcome::Failed => ("failing", " failed"),
        PhaseOutcome::TimedOut => ("failing", " timed out"),
        PhaseOutcome::Done if exceeds => ("warning", " too slow"),
        PhaseOutcome::Done => ("done", ""),
    };
    let at = |duration: Duration| WIDTH * ratio(duration, total);
    let width = at(phase.duration).max(MIN_WIDTH);
    let left = at(start).min(WIDTH - width);
    html! {
        tr {
            th scope="row" { (phase.phase) }
            td.chart {
                svg.bar viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none" aria-hidden="true" {
                    rect class=(class) x=(whole(left)) y="0" width=(whole(width)) height="10" {}
                }
            }
            td.num { (latency(phase.duration)) @if !remark.is_empty() { span.failed { (remark) } } }
            td.num {
                @if let Some(limit) = limit { (latency(limit)) } @else { "none" }
            }
        }
    }
}

fn ratio(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() {
        0.0
    } else {
        part.as_secs_f64() / whole.as_secs_f64()
    }
}

fn whole(units: f64) -> String {
    format!("{units:.0}")
}
