//! The sidecars in the document of a companion.

use jiff::{Timestamp, Unit};
use serde::Serialize;

use crate::doctor::{SidecarRootCause, SidecarVerdict, SidecarView, Sidecars};
use crate::status::summary::Summary;

/// The sidecars, and when they were read.
#[derive(Debug, Serialize)]
pub(super) struct SidecarList {
    read_at: Option<Timestamp>,
    problems: Vec<String>,
    pods: Vec<Sidecar>,
}

#[derive(Debug, Serialize)]
struct Sidecar {
    pod: String,
    node: Option<String>,
    error: Option<String>,
    version: Option<String>,
    at: Option<Timestamp>,
    summary: Option<Summary>,
    root_causes: Vec<RootCause>,
}

#[derive(Debug, Serialize)]
struct RootCause {
    check: String,
    mode: String,
    severity: &'static str,
    since: Option<Timestamp>,
    evidence: String,
}

impl SidecarList {
    pub(super) fn new(sidecars: &Sidecars) -> Self {
        let read_at = Timestamp::try_from(sidecars.read_at);
        Self {
            read_at: read_at.and_then(|at| at.round(Unit::Millisecond)).ok(),
            problems: sidecars.problems.clone(),
            pods: sidecars.views.iter().map(Sidecar::new).collect(),
        }
    }
}

impl Sidecar {
    fn new(view: &SidecarView) -> Self {
        let verdict = view.verdict.as_ref();
        let known = verdict.ok();
        Self {
            pod: view.pod.clone(),
            node: view.node.clone(),
            error: verdict.err().map(ToString::to_string),
            version: known.map(|verdict| verdict.version.to_string()),
            at: known.and_then(|verdict| verdict.at),
            summary: known.map(summary),
            root_causes: known
                .map_or(&[][..], |verdict| &verdict.root_causes)
                .iter()
                .map(RootCause::new)
                .collect(),
        }
    }
}

fn summary(verdict: &SidecarVerdict) -> Summary {
    Summary {
        ok: verdict.count("ok"),
        warning: verdict.count("warning"),
        failing: verdict.count("failing"),
        unknown: verdict.count("unknown"),
        not_applicable: verdict.count("not_applicable"),
        skipped: verdict.count("skipped"),
    }
}

impl RootCause {
    fn new(root: &SidecarRootCause) -> Self {
        Self {
            check: root.check.to_string(),
            mode: root.mode.to_string(),
            severity: root.severity.label(),
            since: root.since,
            evidence: root.evidence.to_string(),
        }
    }
}
