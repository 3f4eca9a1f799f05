//! The status page: HTML without scripts, styles or state. All content is escaped.

use std::fmt::Write;

/// Content of the status page.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// The version of the exporter.
    pub version: String,
    /// The rows, most urgent first.
    pub facts: Vec<Fact>,
}

/// One row of the status page.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fact {
    /// The check and its status.
    pub word: String,
    /// The evidence.
    pub sentence: String,
    /// Each fix, and the route of its runbook.
    pub remedies: Vec<(String, String)>,
}

const TITLE: &str = "CAST AI health exporter";
const DESCRIPTION: &str =
    "Probes everything the CAST AI agent depends on and says which part is broken.";
const LINKS: &[(&str, &str)] = &[
    ("/metrics", "Metrics"),
    ("/api/v1/status", "Status as JSON"),
    ("/-/healthy", "Healthy"),
    ("/-/ready", "Ready"),
];

/// Renders the page; its links are below the route prefix.
pub fn html(page: &Page, prefix: &str) -> String {
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{TITLE}</title>\n</head>\n<body>\n\
         <h1>{TITLE}</h1>\n<p>{DESCRIPTION}</p>\n<p>Version {}</p>\n",
        escaped(&page.version)
    );
    if !page.facts.is_empty() {
        html.push_str("<dl>\n");
        for Fact {
            word,
            sentence,
            remedies,
        } in &page.facts
        {
            let _ = writeln!(
                html,
                "<dt>{}</dt>\n<dd>{}</dd>",
                escaped(word),
                escaped(sentence)
            );
            for (remedy, runbook) in remedies {
                let (remedy, route) = (escaped(remedy), escaped(&format!("{prefix}{runbook}")));
                let _ = writeln!(
                    html,
                    "<dd>Fix: {remedy} <a href=\"{route}\">Runbook</a></dd>"
                );
            }
        }
        html.push_str("</dl>\n");
    }
    html.push_str("<ul>\n");
    for (path, name) in LINKS {
        let _ = writeln!(
            html,
            "<li><a href=\"{}{path}\">{name}</a></li>",
            escaped(prefix)
        );
    }
    html.push_str("</ul>\n");
    html.push_str("</body>\n</html>\n");
    html
}

/// Escapes text for use between tags and in quoted attributes.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() && c != '\n' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
