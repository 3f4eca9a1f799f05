//! The status page: headline, root causes, all checks.

use std::time::SystemTime;

use maud::{Markup, html};

use crate::catalogue::{CheckId, Scope, Status};
use crate::config::Vantage;
use crate::diagnosis::Diagnosis;
use crate::doctor::Sidecars;
use crate::exporter::Exporter;
use crate::history::HistorySnapshot;
use crate::pages::headline::{headline, headline_root};
use crate::pages::layout::Page;
use crate::pages::text::{counted, prose};
use crate::pages::time_text::{between, long, moment, time};
use crate::pages::tone::{Tone, status_word};
use crate::pages::view::View;
use crate::pages::{check_list, root_cause, sidecars};
use crate::report::Evidence;
use crate::state::CheckState;

/// Renders the status page from snapshots of the state.
pub fn html(
    check_states: &[CheckState],
    exporter: &Exporter,
    history: &HistorySnapshot,
    sidecars: Option<&Sidecars>,
    now: SystemTime,
) -> String {
    let view = View {
        check_states,
        exporter,
        history,
        sidecars,
        diagnosis: Diagnosis::new(check_states, exporter.vantage),
        now,
    };
    let headline = headline(&view);
    let roots = view.diagnosis.roots().len();
    let main = html! {
        section class={ "headline " (headline.tone.class()) } aria-labelledby="headline" {
            (headline.tone.icon())
            div {
                // Without the duration, which changes all the time.
                h1 #headline data-says={ (headline.verdict) ": " (headline.because) } {
                    (headline.verdict) ": " (prose(&headline.because))
                    @if let Some(since) = headline.since {
                        ", for " (time(since, &long(between(since, now))))
                    }
                }
                @if let Some(lead) = &headline.lead {
                    p {
                        (prose(lead))
                        @if roots > 1 { " There are " (counted(roots, "root cause")) "; the most urgent is first." }
                    }
                }
                (counts(&view))
                @if let Some(root) = headline_root(&view) { (root_cause::first_step(&view, root)) }
                p.note {
                    @if let Some(since) = headline.since { "Since " (time(since, &moment(since))) ". " }
                    @if let Some(cluster) = &exporter.cluster {
                        // Bounded and redacted, as every text that this process did not write.
                        "Cluster " strong { (Evidence::from(cluster.clone()).as_str()) } ". "
                    }
                    (seen_from(exporter)) ". Updated " (time(now, &moment(now))) "."
                }
            }
        }
        (notices(&view))
        (root_cause::section(&view))
        (sidecars::section(&view))
        (check_list::section(&view))
    };
    Page {
        title: headline.verdict,
        tone: headline.tone,
        is_live: true,
        root: "",
        main,
    }
    .html()
}

const fn seen_from(exporter: &Exporter) -> &'static str {
    match (exporter.vantage, exporter.scope) {
        (Vantage::Sidecar, Some(Scope::Pod)) => {
            "Seen from the agent's own pod (sidecar); the companion's page shows the cluster"
        }
        (Vantage::Sidecar, _) => "Seen from the agent's own pod (sidecar)",
        (Vantage::Companion, _) => "Seen from the companion's pod, beside the agent",
    }
}

/// Renders the number of checks per status.
fn counts(view: &View<'_>) -> Markup {
    let urgent_first = [
        Status::Failing,
        Status::Warning,
        Status::Unknown,
        Status::Ok,
        Status::NotApplicable,
    ];
    html! {
        ul.counts aria-label="Number of checks by status" {
            @for status in urgent_first {
                @let count = view.count(status);
                @if count > 0 {
                    @let tone = Tone::of_status(Some(status));
                    li { (tone.icon()) strong { (count) } " " (status_word(Some(status))) }
                }
            }
        }
    }
}

/// Renders what is wrong with the exporter itself or with its configuration.
fn notices(view: &View<'_>) -> Markup {
    let unknown = view.diagnosis.unknown_checks.iter();
    let has_report = |check| {
        view.state(check)
            .is_some_and(|state| state.latest.is_some())
    };
    let unexplained: Vec<CheckId> = unknown
        .filter(|unknown| unknown.caused_by.is_none() && has_report(unknown.check))
        .map(|unknown| unknown.check)
        .collect();
    let stalled = &view.diagnosis.stalled_checks;
    let exporter = view.exporter;
    html! {
        @if !exporter.environment_problems.is_empty() {
            div.notice.failing {
                (Tone::Failing.icon())
                div {
                    p { strong { "The agent's environment contains invalid values." } }
                    ul { @for problem in &exporter.environment_problems { li { (prose(problem)) } } }
                }
            }
        }
        @if !exporter.reload.successful {
            div.notice.warning {
                (Tone::Warning.icon())
                p {
                    strong { "The last configuration reload failed." }
                    " The previous configuration is in use; the log names every error."
                }
            }
        }
        @if !stalled.is_empty() {
            div.notice.warning {
                (Tone::Warning.icon())
                p { strong { "These checks have stopped running: " } (links(stalled)) ". Restart the exporter." }
            }
        }
        @if !unexplained.is_empty() {
            div.notice.unknown {
                (Tone::Unknown.icon())
                p {
                    strong { "No result, although the agent needs what they check: " }
                    (links(&unexplained)) "."
                }
            }
        }
    }
}

fn links(checks: &[CheckId]) -> Markup {
    html! {
        @for (i, check) in checks.iter().enumerate() {
            @if i > 0 { ", " }
            a href={ "#check-" (check) } { (check) }
        }
    }
}
