//! The report as JSON.
//!
//! | key | value |
//! |---|---|
//! | `schema_version` | 1, as in `/api/v1/status` |
//! | `at` | when the document was written |
//! | `agent` | `namespace`, `deployment`, `problem` (why its environment is not known, or `null`) |
//! | `root_causes[]` | as in `/api/v1/status`, and `fails`, `evidence`, `meaning`, `remedy`, `runbook`, `seen_by[]` (`place`, `pods`, `of`: the number of pods that were read) |
//! | `vantages[]` | `place` (`sidecar`, `in-cluster pod`, `companion`, `this machine`), `pod`, `at`, `version`, `error` |
//! | `checks[]` | `id`, `status` (the worst), `evidence`, `results[]` (`place`, `status`, `count`, `of`) |
//! | `expiring_certificates[]` | certificates that expire within 14 days, which `--strict` counts as failures: `check`, `evidence` |
//! | `only_in_a_pod` | the checks that no vantage has run, because only a pod can |
//! | `remarks` | what could not be searched, as sentences |

use jiff::{Timestamp, Unit};
use serde::Serialize;

use crate::cli::check::certificates::ExpiringCertificate;
use crate::cli::check::doctor::examination::Examination;
use crate::doctor::findings::{Cell, SharedCheck, Sighting};
use crate::doctor::{SharedRoot, View};
use crate::status::SCHEMA_VERSION;

/// The JSON document.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    schema_version: u32,
    at: Option<Timestamp>,
    agent: Agent<'a>,
    root_causes: Vec<RootCause<'a>>,
    vantages: Vec<Vantage<'a>>,
    checks: Vec<Check<'a>>,
    expiring_certificates: Vec<Certificate<'a>>,
    only_in_a_pod: Vec<&'static str>,
    remarks: &'a [String],
}

#[derive(Serialize)]
struct Agent<'a> {
    namespace: &'a str,
    deployment: &'a str,
    problem: Option<&'a str>,
}

#[derive(Serialize)]
struct RootCause<'a> {
    check: &'a str,
    mode: &'a str,
    severity: &'static str,
    since: Option<Timestamp>,
    also_affected: Vec<&'a str>,
    fails: bool,
    evidence: &'a str,
    meaning: &'a str,
    remedy: &'a str,
    runbook: Option<&'a str>,
    seen_by: Vec<SeenBy<'a>>,
}

#[derive(Serialize)]
struct SeenBy<'a> {
    place: &'static str,
    pods: Vec<&'a str>,
    of: usize,
}

#[derive(Serialize)]
struct Vantage<'a> {
    place: &'static str,
    pod: Option<&'a str>,
    at: Option<Timestamp>,
    version: Option<&'a str>,
    error: Option<String>,
}

#[derive(Serialize)]
struct Check<'a> {
    id: &'a str,
    status: &'static str,
    evidence: &'a str,
    results: Vec<CheckResult>,
}

#[derive(Serialize)]
struct Certificate<'a> {
    check: &'static str,
    evidence: &'a str,
}

#[derive(Serialize)]
struct CheckResult {
    place: &'static str,
    status: &'static str,
    count: usize,
    of: usize,
}

impl<'a> Document<'a> {
    pub(super) fn new(examination: &'a Examination) -> Self {
        let (namespace, deployment) = &examination.agent;
        let findings = &examination.findings;
        Self {
            schema_version: SCHEMA_VERSION,
            at: Timestamp::now().round(Unit::Millisecond).ok(),
            agent: Agent {
                namespace,
                deployment,
                problem: examination.agent_problem.as_deref(),
            },
            root_causes: findings.roots.iter().map(RootCause::new).collect(),
            vantages: examination.views.iter().map(Vantage::new).collect(),
            checks: findings.checks.iter().map(Check::new).collect(),
            expiring_certificates: examination.expiring.iter().map(Certificate::new).collect(),
            only_in_a_pod: examination
                .only_in_a_pod
                .iter()
                .map(|check| check.label())
                .collect(),
            remarks: &examination.remarks,
        }
    }

    /// Serialises the document, with a trailing newline.
    pub(super) fn json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("strings and numbers can be written");
        text.push('\n');
        text
    }
}

impl<'a> RootCause<'a> {
    fn new(root: &'a SharedRoot) -> Self {
        let runbook = root.text.runbook.as_str();
        Self {
            check: root.check.as_str(),
            mode: root.mode.as_str(),
            severity: root.severity.label(),
            since: root.since,
            also_affected: root
                .also_affected
                .iter()
                .map(crate::doctor::verdict_document::Label::as_str)
                .collect(),
            fails: root.fails,
            evidence: root.text.evidence.as_str(),
            meaning: root.text.meaning.as_str(),
            remedy: root.remedy.as_str(),
            runbook: Some(runbook).filter(|runbook| !runbook.is_empty()),
            seen_by: root.seen_by.iter().map(SeenBy::new).collect(),
        }
    }
}

impl<'a> SeenBy<'a> {
    fn new(seen: &'a Sighting) -> Self {
        Self {
            place: seen.place.label(),
            // This machine is not a pod.
            pods: seen
                .pods
                .iter()
                .map(String::as_str)
                .filter(|pod| !pod.is_empty())
                .collect(),
            of: seen.of,
        }
    }
}

impl<'a> Vantage<'a> {
    fn new(view: &'a View) -> Self {
        let verdict = view.verdict.as_ref();
        Self {
            place: view.place.label(),
            pod: Some(view.pod.as_str()).filter(|pod| !pod.is_empty()),
            at: verdict.ok().and_then(|document| document.at),
            version: verdict
                .ok()
                .map(|document| document.exporter.version.as_str()),
            error: verdict.err().map(ToString::to_string),
        }
    }
}

impl<'a> Certificate<'a> {
    fn new(certificate: &'a ExpiringCertificate) -> Self {
        Self {
            check: certificate.check.label(),
            evidence: &certificate.evidence,
        }
    }
}

impl<'a> Check<'a> {
    fn new(check: &'a SharedCheck) -> Self {
        let result = |cell: &Cell| CheckResult {
            place: cell.place.label(),
            status: cell.status,
            count: cell.count,
            of: cell.of,
        };
        Self {
            id: check.id.as_str(),
            status: check.status(),
            evidence: check.evidence.as_str(),
            results: check.cells.iter().map(result).collect(),
        }
    }
}
