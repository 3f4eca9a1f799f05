//! Invariants of what a notification says, and of its links.

use std::collections::BTreeSet;
use std::path::Path;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::rules::group::AlertRule;
use castai_health_exporter::alerting::rules::selector::Selector;
use castai_health_exporter::catalogue::alert::covering;
use castai_health_exporter::catalogue::{first_sentence, runbook_url};
use test_support::committed::committed_file;

use super::{alert_rules, failure_rules, pairs};
use crate::cli::program;

const BASE: &str = "https://example.org/runbooks";

const WITHOUT_BASE: GeneratorOptions<'static> = GeneratorOptions {
    runbook_base: "",
    ..GeneratorOptions::DEFAULT
};

const WITH_BASE: GeneratorOptions<'static> = GeneratorOptions {
    runbook_base: BASE,
    ..GeneratorOptions::DEFAULT
};

fn annotation<'a>(rule: &'a AlertRule, name: &str) -> &'a str {
    let found = rule.annotations.iter().find(|(key, _)| *key == name);
    found.map_or_else(|| panic!("{} has no {name}", rule.name), |(_, text)| text)
}

#[test]
fn every_alert_has_a_summary_a_description_and_a_runbook() {
    for (settings, runbook) in [(&WITHOUT_BASE, "runbook"), (&WITH_BASE, "runbook_url")] {
        for rule in alert_rules(settings) {
            let names: Vec<&str> = rule.annotations.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, ["summary", "description", runbook], "{}", rule.name);
            let summary = annotation(&rule, "summary");
            assert!(
                !summary.contains("{{") && summary.ends_with('.'),
                "{summary}"
            );
            let static_labels = rule.labels.iter().all(|(_, value)| !value.contains("{{"));
            assert!(static_labels, "{}", rule.name);
            // The command stands on a separate line.
            let title = annotation(&rule, "description")
                .lines()
                .rev()
                .nth(1)
                .unwrap();
            let is_title = title.contains("Evidence") && title.ends_with(':');
            assert!(is_title, "{}: {title}", rule.name);
        }
    }
}

#[test]
fn no_annotation_has_a_relative_link() {
    for settings in [&WITHOUT_BASE, &WITH_BASE] {
        for rule in alert_rules(settings) {
            for (name, text) in &rule.annotations {
                assert!(
                    !text.contains("]("),
                    "{} {name}: Markdown is not rendered",
                    rule.name
                );
                for word in text.split_whitespace() {
                    let is_file =
                        word.contains(".md") || word.contains("../") || word.contains("runbooks/");
                    assert!(
                        !is_file || word.starts_with(BASE),
                        "{} {name}: {word}",
                        rule.name
                    );
                }
            }
        }
    }
}

#[test]
fn every_runbook_url_is_absolute_and_leads_to_a_section() {
    let rules = failure_rules(&WITH_BASE);
    let mut sections = BTreeSet::new();
    for (check, mode) in pairs() {
        let alert = covering(check, mode).unwrap_or_else(|| panic!("{check} {mode} has no alert"));
        let (_, rule) = rules
            .iter()
            .find(|(one, _)| one.name == alert.name)
            .unwrap();
        let dashed = mode.label().replace('_', "-");
        let url = annotation(rule, "runbook_url")
            .replace("{{ reReplaceAll \"_\" \"-\" $labels.mode }}", &dashed);
        assert_eq!(
            Some(&url),
            runbook_url(BASE, check, mode).as_ref(),
            "{check} {mode}"
        );
        let path = url.strip_prefix(BASE).expect("the URL is below the base");
        let (page, anchor) = path.split_once('#').expect("the URL has an anchor");
        let page = committed_file(&format!("alerts/runbooks{page}"));
        assert_eq!(
            page.matches(&format!("<a id=\"{anchor}\"></a>")).count(),
            1,
            "{url}"
        );
        sections.insert(url);
    }
    assert!(sections.len() > 50, "{}", sections.len());
}

#[test]
fn description_names_the_cause_of_every_mode() {
    for (alert, rule) in failure_rules(&GeneratorOptions::DEFAULT) {
        let description = annotation(&rule, "description");
        for mode in Selector::new(alert).modes {
            let sentence = first_sentence(mode.entry().meaning);
            let branch = format!("eq $labels.mode \"{mode}\" }}}}{sentence}");
            assert_eq!(
                description.matches(&branch).count(),
                1,
                "{} {mode}",
                alert.name
            );
        }
        assert!(description.contains(alert.impact), "{}", alert.name);
    }
}

#[test]
fn templates_use_only_labels_of_their_series() {
    for rule in alert_rules(&GeneratorOptions::DEFAULT) {
        let by = rule
            .expr
            .split_once(" by (")
            .and_then(|(_, from)| from.split_once(')'));
        let labels: Vec<&str> = by
            .map(|(labels, _)| labels.split(", ").collect())
            .unwrap_or_default();
        for (name, text) in &rule.annotations {
            for used in text.split("$labels.").skip(1) {
                let end = used.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let used = &used[..end.unwrap_or(used.len())];
                assert!(
                    labels.contains(&used),
                    "{} {name}: {used} is empty",
                    rule.name
                );
            }
        }
    }
}

#[test]
fn generate_uses_runbook_base_url() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let base = "https://example.org/books/";
    let output = program(&["generate", folder, "--runbook.base-url", base])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let rules = Path::new(folder).join("alerts/rules/kubernetes.yaml");
    let rules = std::fs::read_to_string(rules).unwrap();
    let url = "runbook_url: 'https://example.org/books/CastaiDnsFailing.md#dns-{{";
    assert!(rules.contains(url), "{rules}");
}
