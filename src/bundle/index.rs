//! The page that opens first: what is broken and how to fix it, then the files. It needs neither a
//! network nor JavaScript.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::bundle::manifest::{LeftOut, Manifest, ManifestFile, Reason};
use crate::catalogue::{Severity, Step};
use crate::doctor::verdict_document::Label;
use crate::doctor::{Findings, SharedRoot};
use crate::redaction::shareable;

const STYLE: &str = include_str!("index.css");
/// Nothing is loaded, whatever the text of another program contains.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
const TIME: &str = "%Y-%m-%d %H:%M:%S UTC";

/// Renders the page.
pub fn page(manifest: &Manifest, findings: &Findings, vantages: &[String]) -> String {
    let seen_by = if vantages.is_empty() {
        "no vantage".to_owned()
    } else {
        vantages.join(", ")
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Support bundle of " (manifest.namespace) }
                style { (PreEscaped(STYLE)) }
            }
            body { main {
                header {
                    h1 { (headline(findings, vantages)) }
                    p {
                        "Agent in namespace " b { (manifest.namespace) }
                        ", collected " (manifest.at.strftime(TIME)) " by " (manifest.collected_by)
                        ", seen by " (seen_by)
                    }
                }
                @for root in &findings.roots { (root_cause(root)) }
                (files(&manifest.files))
                (left_out(&manifest.left_out))
            } }
        }
    };
    page.into_string()
}

fn headline(findings: &Findings, vantages: &[String]) -> String {
    let most_urgent = findings.roots.first();
    let critical = most_urgent.filter(|root| root.severity == Severity::Critical);
    let verdict = critical.map(|root| {
        if root.is_intermittent() {
            "The agent cannot work reliably"
        } else {
            "The agent cannot work"
        }
    });
    match (findings.roots.len(), verdict, vantages.is_empty()) {
        (0, _, true) => "No exporter could be reached".to_owned(),
        (0, _, false) => "Nothing is failing".to_owned(),
        (1, Some(verdict), _) => format!("{verdict}: 1 root cause"),
        (number, Some(verdict), _) => format!("{verdict}: {number} root causes"),
        (1, None, _) => "The agent works with 1 problem".to_owned(),
        (number, None, _) => format!("The agent works with {number} problems"),
    }
}

fn root_cause(root: &SharedRoot) -> Markup {
    let severity = root.severity.label();
    let affected: Vec<&str> = root.also_affected.iter().map(Label::as_str).collect();
    html! {
        section class={ "cause " (severity) } {
            h2 { (root.text.meaning.as_str()) }
            p.label {
                (severity) " · " (root.check.as_str()) " · " (root.mode.as_str())
                @if let Some(since) = root.since { " · since " (since.strftime(TIME)) }
            }
            // Before it is escaped: the redactor does not know HTML.
            @let evidence = shareable(root.text.evidence.as_str()).text;
            @if !evidence.is_empty() { p { b { "Evidence" } " " (evidence) } }
            p { b { "Fix" } }
            @for step in root.remedy.steps() {
                @match step {
                    Step::Prose(text) => p { (text) },
                    Step::Command(text) => pre tabindex="0" { code { (text) } },
                }
            }
            @if !affected.is_empty() { p { b { "Also affected" } " " (affected.join(", ")) } }
        }
    }
}

fn files(files: &[ManifestFile]) -> Markup {
    html! {
        section {
            h2 { "Files" }
            table {
                thead { tr {
                    th { "File" } th { "Content" } th.number { "Size" } th.number { "Redacted" }
                } }
                tbody {
                    @for file in files { tr {
                        td { a href=(file.path) { (file.path) } }
                        td { (file.what) @if let Some(cut) = &file.truncated { ", " (cut) } }
                        td.number { (size(file.bytes)) }
                        td.number { (file.redactions) }
                    } }
                }
            }
            p { a href="manifest.json" { "manifest.json" } " lists the same for programs." }
        }
    }
}

/// Lists what is missing, errors first.
fn left_out(left_out: &[LeftOut]) -> Markup {
    let mut sorted: Vec<&LeftOut> = left_out.iter().collect();
    sorted.sort_by_key(|left_out| left_out.reason == Reason::ByDesign);
    html! {
        section {
            h2 { "Left out" }
            table {
                thead { tr { th { "What" } th { "Why" } th { "Detail" } } }
                tbody {
                    @for left_out in sorted { tr {
                        td { (left_out.what) } td.short { (left_out.reason) } td { (left_out.detail) }
                    } }
                }
            }
        }
    }
}

/// Formats a size for people.
fn size(bytes: usize) -> String {
    if bytes < 1024 {
        format!("{bytes} B")
    } else {
        format!("{} KiB", bytes.div_ceil(1024))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::{VerdictDocument, View};

    fn manifest() -> Manifest {
        Manifest {
            schema_version: 1,
            at: jiff::Timestamp::UNIX_EPOCH,
            collected_by: "castai-health-exporter 0.1.0 (revision abc)".to_owned(),
            namespace: "<b>".to_owned(),
            files: vec![ManifestFile {
                path: "logs/agent-1/agent.log".to_owned(),
                what: "log of castai-agent/agent-1 (agent)".to_owned(),
                bytes: 1025,
                redactions: 3,
                truncated: Some("the last 5000 lines".to_owned()),
            }],
            left_out: vec![LeftOut::new("Secrets", Reason::ByDesign, "never")],
        }
    }

    #[test]
    fn page_opens_offline_and_escapes_foreign_names() {
        let page = page(&manifest(), &Findings::merge(&[]), &[]);
        for part in [
            "href=\"logs/agent-1/agent.log\"",
            ", the last 5000 lines",
            "2 KiB",
            "&lt;b&gt;",
            "never collected",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        for external in ["http:", "https:", "<script", "url(", "@import"] {
            assert!(!page.contains(external), "{external} in {page}");
        }
    }

    #[test]
    fn headline_says_whether_the_agent_can_work() {
        let headline_of = |roots: &[(&str, &str, &str)]| {
            let roots = roots.iter().map(|(check, mode, severity)| {
                json!({ "check": check, "mode": mode, "severity": severity })
            });
            let document = json!({ "schema_version": 1, "root_causes": roots.collect::<Vec<_>>() });
            let document = VerdictDocument::parse(document.to_string().as_bytes()).unwrap();
            let findings = Findings::merge(&[View::of_this_machine(document)]);
            headline(&findings, &["this machine".to_owned()])
        };
        let partial = ("apiserver", "k8s_endpoint_down", "critical");
        let revoked = ("castai_api", "castai_token_invalid", "critical");
        let denied = ("ec2_api", "ec2_denied_scp", "warning");
        for (roots, expected) in [
            (&[][..], "Nothing is failing"),
            (&[denied], "The agent works with 1 problem"),
            (&[partial], "The agent cannot work reliably: 1 root cause"),
            (
                &[denied, partial],
                "The agent cannot work reliably: 2 root causes",
            ),
            (&[partial, revoked], "The agent cannot work: 2 root causes"),
        ] {
            assert_eq!(headline_of(roots), expected);
        }
    }

    #[test]
    fn redactor_leaves_the_page_as_it_is() {
        let page = page(
            &manifest(),
            &Findings::merge(&[]),
            &["sidecar-x".to_owned()],
        );
        assert_eq!(shareable(&page).text, page);
    }
}
