//! All checks by group, each with status, times and its last 24 hours.

use maud::{Markup, html};

use crate::catalogue::{CheckGroup, CheckId, Status, first_sentence};
use crate::pages::check_details::details;
use crate::pages::strip::{TimeSpan, strip};
use crate::pages::text::{clause, counted, prose, shortened};
use crate::pages::time_text::{between, latency as milliseconds, moment, short, time};
use crate::pages::tone::{Tone, status_word};
use crate::pages::view::{View, latency};
use crate::state::CheckState;

/// Longest text of a check in the list, in characters; its details have the whole text.
const MAX_CHARACTERS: usize = 160;

/// Renders the checks.
pub(super) fn section(view: &View<'_>) -> Markup {
    let span = TimeSpan::of(view.history, view.now);
    html! {
        section aria-labelledby="checks" {
            div.heading {
                h2 #checks { "Checks" }
                p.note {
                    "Open a check for its targets and changes. The strips show up to 24 hours; the \
                     history begins " (time(view.history.began, &moment(view.history.began))) "."
                }
            }
            div.groups {
                @for group in CheckGroup::ALL { (group_of(view, *group, span)) }
            }
            (inapplicable(view))
        }
    }
}

fn group_of(view: &View<'_>, group: CheckGroup, span: TimeSpan) -> Markup {
    let applies = |state: &&CheckState| {
        state.check.group() == group && state.status() != Status::NotApplicable
    };
    let states: Vec<_> = view.check_states.iter().filter(applies).collect();
    let id = format!("group-{}", group.label());
    html! {
        @if !states.is_empty() {
            section.group aria-labelledby=(id) {
                div.columns {
                    h3 id=(id) { (group.title()) }
                    span aria-hidden="true" { (span.name) }
                    span.num aria-hidden="true" { "Last" }
                    span.num aria-hidden="true" { "Next" }
                    span.num aria-hidden="true" { "Latency" }
                }
                @for state in states { (row(view, state, span)) }
            }
        }
    }
}

fn row(view: &View<'_>, state: &CheckState, span: TimeSpan) -> Markup {
    let status = Some(state.status());
    let tone = Tone::of_status(status);
    html! {
        details class={ "check " (tone.class()) } id={ "check-" (state.check) } {
            summary {
                (tone.icon())
                span.what {
                    span.which {
                        span.name { (state.check) }
                        " "
                        span.status { (status_word(status)) }
                    }
                    " "
                    span.text { (prose(&in_short(view, state))) }
                }
                span.history { (strip(view.history.of(state.check), span)) }
                span.times { (times(view, state)) }
            }
            div.body { (details(view, state)) }
        }
    }
}

fn times(view: &View<'_>, state: &CheckState) -> Markup {
    let report = state.latest.as_deref();
    html! {
        span.num {
            span.caption { "Last " }
            @if let Some(report) = report {
                (time(report.at, &format!("{} ago", short(between(report.at, view.now)))))
            } @else { "not yet" }
        }
        span.num { span.caption { "Next " } (next_attempt(view, state)) }
        span.num {
            span.caption { "Latency " }
            @if let Some(latency) = report.and_then(latency) {
                (milliseconds(latency))
            } @else { span.none { "none" } }
        }
    }
}

fn next_attempt(view: &View<'_>, state: &CheckState) -> Markup {
    match state.next_attempt {
        Some(due) if due > view.now => {
            let pause = short(between(view.now, due));
            time(due, &format!("in {pause}"))
        }
        _ => html! { "now" },
    }
}

/// Returns the cause of a failure, or else the evidence.
fn in_short(view: &View<'_>, state: &CheckState) -> String {
    let Some(report) = &state.latest else {
        return "has no result yet".to_owned();
    };
    let findings = report.verdict.findings();
    let causes: Vec<&str> = findings
        .iter()
        .map(|finding| clause(first_sentence(finding.mode.entry().meaning)))
        .collect();
    let text = match (causes.as_slice(), view.diagnosis.root_of(state.check)) {
        ([], _) => report.verdict.evidence().to_string(),
        (causes, None) => causes.join("; "),
        (causes, Some(root)) => format!("{}, caused by `{root}`", causes.join("; ")),
    };
    shortened(&text, MAX_CHARACTERS)
}

/// Renders the checks that do not apply here or do not run, with the reason.
fn inapplicable(view: &View<'_>) -> Markup {
    let not_applicable = view.check_states.iter().filter_map(|state| {
        let report = state.latest.as_ref()?;
        let applies = state.status() != Status::NotApplicable;
        (!applies).then(|| (state.check, report.verdict.evidence().to_string()))
    });
    let skipped = view.exporter.skipped.iter();
    let skipped = skipped.map(|skipped| (skipped.check, skipped.why.clone()));
    let mut reasons: Vec<(CheckId, String)> = not_applicable.chain(skipped).collect();
    reasons.sort_by_key(|(check, _)| *check);
    html! {
        @if !reasons.is_empty() {
            details.check.off #not-applicable {
                summary {
                    (Tone::Off.icon())
                    span.what {
                        span.name { "Not applicable here or not running" }
                        ": " (counted(reasons.len(), "check"))
                    }
                }
                dl.body.reasons {
                    @for (check, why) in reasons {
                        dt id={ "check-" (check) } { (check) }
                        dd { (prose(&why)) }
                    }
                }
            }
        }
    }
}
