//! One card per root cause: severity, since when, fix, evidence, and what it also affects.

use maud::{Markup, html};

use crate::catalogue::{
    CheckId, Property, Remedy, Severity, Step, alert, anchor, first_sentence, remedy,
};
use crate::diagnosis::Failure;
use crate::pages::fix::fix;
use crate::pages::text::{clause, counted, prose};
use crate::pages::time_text::{between, long, time};
use crate::pages::tone::Tone;
use crate::pages::view::View;

/// Maximum number of cards; the list of checks shows the rest.
const MAX_CARDS: usize = 12;

/// Renders the root causes, most urgent first.
pub(super) fn section(view: &View<'_>) -> Markup {
    let roots = view.diagnosis.roots();
    let left_out = roots.len().saturating_sub(MAX_CARDS);
    html! {
        @if !roots.is_empty() {
            section aria-labelledby="root-causes" {
                h2 #root-causes { (counted(roots.len(), "root cause")) }
                div.cards {
                    @for (i, root) in roots.iter().take(MAX_CARDS).enumerate() {
                        // Only the first card of a check lists what it affects.
                        @let first = roots[..i].iter().all(|other| other.check != root.check);
                        (card(view, root, first))
                    }
                }
                @if left_out > 0 {
                    p { (counted(left_out, "more root cause")) ": see the checks below." }
                }
            }
        }
    }
}

/// Renders the first sentence of the fix, with a link to its commands.
pub(super) fn first_step(view: &View<'_>, root: &Failure) -> Markup {
    let remedy = remedy_of(view, root);
    let first = remedy.steps().find_map(|step| match step {
        Step::Prose(text) => Some(first_sentence(text).trim_end_matches([':', '.'])),
        Step::Command(_) => None,
    });
    html! {
        @if let Some(first) = first {
            p.first-step {
                strong { "Fix: " } (prose(first)) ". "
                a href={ "#" (card_id(root)) } { "Show all steps" }
            }
        }
    }
}

fn card_id(root: &Failure) -> String {
    format!("root-{}", anchor(root.check, root.mode))
}

fn card(view: &View<'_>, root: &Failure, shows_affected: bool) -> Markup {
    let tone = Tone::of_severity(root.severity);
    let affected = if shows_affected {
        view.diagnosis.affected_by(root.check)
    } else {
        Vec::new()
    };
    let id = card_id(root);
    html! {
        article class={ "card " (tone.class()) } aria-labelledby=(id) {
            p.kicker {
                (tone.icon())
                strong { (impact(root)) }
                span.since { "for " (time(root.since, &long(between(root.since, view.now)))) }
            }
            h3 id=(id) { (prose(clause(first_sentence(root.mode.entry().meaning)))) }
            p.names {
                "Check " a href={ "#check-" (root.check) } { (root.check) }
                ", failure mode " code { (root.mode) }
            }
            @if let Some(alert) = alert::covering(root.check, root.mode) {
                p.impact { (prose(alert.impact)) }
            }
            h4 { "Fix" }
            (fix(&remedy_of(view, root)))
            (evidence(view, root))
            @if let Some(route) = runbook(root) {
                p { a.runbook href=(route) { "Open the runbook" } }
            }
            @if !affected.is_empty() { (also_affects(&affected)) }
        }
    }
}

fn impact(root: &Failure) -> &'static str {
    match root.severity {
        Severity::Critical if root.mode.has(Property::Intermittent) => {
            "Critical: the agent cannot work reliably"
        }
        Severity::Critical => "Critical: the agent cannot work",
        Severity::Warning => "Warning: the agent survives this",
        Severity::Info | Severity::None => "Info: the agent does not depend on this",
    }
}

fn evidence(view: &View<'_>, root: &Failure) -> Markup {
    let report = view
        .state(root.check)
        .and_then(|state| state.latest.as_deref());
    let finding = view.finding(root);
    html! {
        @if let Some(finding) = finding {
            h4 { "Evidence" }
            p.evidence { (prose(finding.evidence.as_str())) }
        } @else if let Some(report) = report {
            // Another result takes over only when it holds.
            h4 { "The last attempt found something else" }
            p.evidence { (prose(report.verdict.evidence().as_str())) }
        }
    }
}

fn remedy_of(view: &View<'_>, root: &Failure) -> Remedy {
    view.finding(root).map_or_else(
        || remedy(root.check, root.mode),
        |finding| finding.remedy(root.check),
    )
}

/// Returns the route of the section that describes a failure.
fn runbook(failure: &Failure) -> Option<String> {
    let (check, mode) = alert::documented_as(failure.check, failure.mode);
    let alert = alert::for_mode(check, mode)?;
    Some(format!("runbooks/{}#{}", alert.name, anchor(check, mode)))
}

fn also_affects(affected: &[CheckId]) -> Markup {
    html! {
        p.affected {
            "Also affects "
            @for (i, check) in affected.iter().enumerate() {
                @if i > 0 { ", " }
                a href={ "#check-" (check) } { (check) }
            }
            " until this is fixed."
        }
    }
}
