//! The details of a check: its evidence, its targets and its recent changes.

use maud::{Markup, html};

use crate::catalogue::{CheckId, Need, first_sentence};
use crate::config::Vantage;
use crate::history::{Change, CheckHistory};
use crate::pages::fix::command;
use crate::pages::text::{clause, prose};
use crate::pages::time_text::{between, clock, long, short, time};
use crate::pages::tone::{Tone, status_word};
use crate::pages::view::View;
use crate::pages::waterfall::target;
use crate::report::Report;
use crate::state::CheckState;

/// Maximum number of changes on the page; the JSON has all of them.
const MAX_CHANGES: usize = 10;

/// Renders what is below a check once it is opened.
pub(super) fn details(view: &View<'_>, state: &CheckState) -> Markup {
    let report = state.latest.as_deref();
    html! {
        p.question { (prose(state.check.entry().question)) }
        @if let Some(report) = report {
            p.evidence { (prose(report.verdict.evidence().as_str())) }
        }
        (facts(view, state))
        @if let Some(report) = report { (targets(view, state.check, report)) }
        h4 { "Changes" }
        @match view.history.of(state.check) {
            Some(history) => (changes(view, history)),
            None => p.note { "None since the history began." },
        }
        h4 { "Run it now" }
        (command(&check_command(view.exporter.vantage, state.check)))
    }
}

fn targets(view: &View<'_>, check: CheckId, report: &Report) -> Markup {
    let timeouts = view.exporter.timeouts_of(check);
    let evidence = report.verdict.evidence();
    html! {
        @if !report.targets.is_empty() {
            h4 { "Targets" }
            div.targets {
                @for of in &report.targets { (target(of, timeouts, evidence.as_str())) }
            }
        }
    }
}

/// Returns the command that runs a check where this exporter runs.
fn check_command(vantage: Vantage, check: CheckId) -> String {
    let (pod, flags) = match vantage {
        Vantage::Sidecar => ("castai-agent -c castai-health-exporter", ""),
        Vantage::Companion => ("castai-health-exporter", "--vantage=companion "),
    };
    format!(
        "kubectl -n castai-agent exec deploy/{pod} -- /castai-health-exporter check {flags}{check}"
    )
}

fn facts(view: &View<'_>, state: &CheckState) -> Markup {
    let cause = view.diagnosis.root_of(state.check);
    html! {
        dl.facts {
            @if let Some(root) = cause {
                (fact("Root cause", &html! { a href={ "#check-" (root) } { (root) } }))
            }
            @if let Some(since) = state.stable_modes.since() {
                (fact("Not ok for", &time(since, &long(between(since, view.now)))))
            }
            (fact("Last success", &last_success(view, state)))
            (fact("Interval", &html! { (short(state.interval)) }))
            (fact("The agent", &html! { (need(state.need)) }))
            (fact("Concerns", &html! { "the " (state.check.entry().scope.label()) }))
        }
    }
}

fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn last_success(view: &View<'_>, state: &CheckState) -> Markup {
    if let Some(at) = state.last_success {
        time(at, &format!("{} ago", short(between(at, view.now))))
    } else {
        html! { "none since this process started" }
    }
}

const fn need(need: Need) -> &'static str {
    match need {
        Need::Start => "cannot work without it",
        Need::Feature => "lacks a feature without it",
        Need::None => "does not use it",
    }
}

fn changes(view: &View<'_>, history: &CheckHistory) -> Markup {
    let count = history.changes().len();
    let ends = history
        .changes()
        .skip(1)
        .map(|next| next.at)
        .chain([view.now]);
    let mut newest_first: Vec<_> = history.changes().zip(ends).collect();
    newest_first.reverse();
    html! {
        ol.changes {
            @for (change, end) in newest_first.into_iter().take(MAX_CHANGES) {
                li {
                    (time(change.at, &clock(change.at, view.now)))
                    " " (Tone::of_status(change.status).icon()) " "
                    span {
                        strong { (status_word(change.status)) }
                        " for " (long(between(change.at, end)))
                        (causes(change))
                    }
                }
            }
        }
        @if count > MAX_CHANGES {
            p.note { (count - MAX_CHANGES) " earlier: " a href="api/v1/history" { "history as JSON" } }
        }
    }
}

fn causes(change: &Change) -> Markup {
    html! {
        @for (i, mode) in change.modes.iter().enumerate() {
            @if i == 0 { ": " } @else { "; " }
            (prose(clause(first_sentence(mode.entry().meaning)))) " (" code { (mode) } ")"
        }
    }
}
