//! The sidecars and their root causes, on the page of a companion.

use maud::{Markup, html};

use crate::catalogue::{
    Placeholder, Property, Remedy, RemedyValues, Severity, Status, first_sentence,
};
use crate::doctor::{SidecarRootCause, SidecarVerdict, SidecarView, Sidecars};
use crate::pages::fix::fix;
use crate::pages::text::{clause, prose};
use crate::pages::time_text::{between, long, short, time};
use crate::pages::tone::{self, Tone, status_word};
use crate::pages::view::View;

/// The steps that open the page of a sidecar.
const OPEN_ITS_PAGE: &str = "Its own page has the fix. Forward its port, then open \
    `http://127.0.0.1:{port}/`:\n\
    $ kubectl -n {namespace} port-forward pod/{pod} {port}";
/// Statuses that are counted, most urgent first.
const COUNTED: [Status; 4] = [
    Status::Failing,
    Status::Warning,
    Status::Unknown,
    Status::Ok,
];

/// Renders one card per sidecar.
pub(super) fn section(view: &View<'_>) -> Markup {
    html! {
        @if let Some(sidecars) = view.sidecars {
            @for problem in &sidecars.problems {
                div.notice.unknown { (Tone::Unknown.icon()) p { (prose(problem)) } }
            }
            @if !sidecars.views.is_empty() {
                section aria-labelledby="sidecars" {
                    div.heading {
                        h2 #sidecars { "Seen from the agent's pods" }
                        p.note {
                            "The sidecars report what the agent itself meets. Read "
                            (time(sidecars.read_at, &format!("{} ago", short(between(sidecars.read_at, view.now)))))
                            "."
                        }
                    }
                    div.cards {
                        @for sidecar in &sidecars.views { (card(view, sidecar)) }
                    }
                }
            }
        }
    }
}

/// Returns the most urgent root cause that a sidecar reports, if it concerns the agent.
pub(super) fn worst(sidecars: Option<&Sidecars>) -> Option<&SidecarRootCause> {
    let views = sidecars.map_or(&[][..], |sidecars| &sidecars.views);
    let verdicts = views.iter().filter_map(|view| view.verdict.as_ref().ok());
    let roots = verdicts.flat_map(|verdict| &verdict.root_causes);
    most_urgent(roots).filter(|root| root.severity > Severity::Info)
}

/// Returns the most urgent root cause, the first one if several are alike.
fn most_urgent<'a>(
    roots: impl Iterator<Item = &'a SidecarRootCause>,
) -> Option<&'a SidecarRootCause> {
    let rank = |root: &SidecarRootCause| (root.severity, !is_intermittent(root));
    roots.reduce(|worst, root| {
        if rank(root) > rank(worst) {
            root
        } else {
            worst
        }
    })
}

/// Returns whether a root cause affects only some of the agent's requests.
pub(super) fn is_intermittent(root: &SidecarRootCause) -> bool {
    let mode = root.known_mode();
    mode.is_some_and(|mode| mode.has(Property::Intermittent))
}

/// Returns the cause in this program's own words, without a full stop.
pub(super) fn cause(root: &SidecarRootCause) -> String {
    match root.known_mode() {
        Some(mode) => clause(first_sentence(mode.entry().meaning)).to_owned(),
        None => format!("`{}` of `{}`", root.mode, root.check),
    }
}

fn card(view: &View<'_>, sidecar: &SidecarView) -> Markup {
    let verdict = sidecar.verdict.as_ref();
    let (tone, word) = match verdict {
        Ok(verdict) => judged(verdict),
        Err(_) => (Tone::Unknown, "Not readable from here"),
    };
    let id = format!("sidecar-{}", sidecar.pod);
    html! {
        article class={ "card " (tone.class()) } aria-labelledby=(id) {
            p.kicker { (tone.icon()) strong { (word) } }
            h3 id=(id) { code { (sidecar.pod) } }
            p.names {
                @if let Some(node) = &sidecar.node { "Node " code { (node) } }
                @if let Ok(verdict) = verdict { ", exporter " (verdict.version) }
            }
            @match verdict {
                Ok(verdict) => (details(view, verdict)),
                Err(error) => p.impact { (prose(&sentence(&error.to_string()))) },
            }
            @if tone > Tone::Ok { (fix(&open_its_page(sidecar))) }
        }
    }
}

fn judged(verdict: &SidecarVerdict) -> (Tone, &'static str) {
    match most_urgent(verdict.root_causes.iter()) {
        Some(root) if root.severity > Severity::Info => (
            Tone::of_severity(root.severity),
            tone::verdict(root.severity, is_intermittent(root)),
        ),
        Some(_) => (Tone::Info, "Nothing that the agent needs fails"),
        None if verdict.count("ok") == 0 => (Tone::Unknown, "No result yet"),
        None => (Tone::Ok, "No failure"),
    }
}

fn details(view: &View<'_>, verdict: &SidecarVerdict) -> Markup {
    html! {
        @for root in &verdict.root_causes {
            p.impact {
                (Tone::of_severity(root.severity).icon()) " " (prose(&cause(root)))
                " (" code { (root.check) } ", " code { (root.mode) } ")"
                @if let Some(since) = root.since {
                    @let since = since.into();
                    ", for " (time(since, &long(between(since, view.now))))
                }
                "."
            }
            p.evidence { (prose(root.evidence.as_str())) }
        }
        ul.counts aria-label="Number of checks by status" {
            @for status in COUNTED {
                @let count = verdict.count(status.label());
                @if count > 0 {
                    li {
                        (Tone::of_status(Some(status)).icon())
                        strong { (count) } " " (status_word(Some(status)))
                    }
                }
            }
        }
    }
}

fn open_its_page(sidecar: &SidecarView) -> Remedy {
    let values = RemedyValues::default()
        .with(Placeholder::Namespace, &sidecar.namespace)
        .with(Placeholder::Pod, &sidecar.pod)
        .with(Placeholder::Port, &sidecar.port.to_string());
    Remedy::new(OPEN_ITS_PAGE, &values)
}

/// Returns an error as a sentence.
fn sentence(error: &str) -> String {
    let mut characters = error.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).chain(['.']).collect()
}
