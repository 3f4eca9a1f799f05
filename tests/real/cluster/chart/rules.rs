//! Tests of the values that change the alerting rules.

mod commands;
mod objects;
mod promtool;

use std::collections::{BTreeMap, BTreeSet};

use castai_health_exporter::alerting;
use castai_health_exporter::alerting::file::{OPTIONAL_RULES, RULES};
use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::catalogue::ExporterAlert;
use castai_health_exporter::catalogue::alert::ALERTS;
use objects::Objects;
use serde_json::{Value, json};
use test_support::committed::{committed, committed_file};

use super::template;
use crate::support::helm::Helm;

const ENABLED: &str = "prometheusRule.enabled=true";
/// Names as in the committed rules.
const DEFAULT_NAME: &str = "fullnameOverride=castai-health-exporter";
/// `kubectl apply` keeps the object in an annotation, and annotations are at most this long.
const MAX_APPLIED_BYTES: usize = 262_144;
const RUNBOOKS: &str = "https://runbooks.example.com/castai";

/// Returns the groups of these rule files by name.
fn groups(files: impl IntoIterator<Item = String>) -> BTreeMap<String, Value> {
    let mut groups = BTreeMap::new();
    for contents in files {
        let document: Value = serde_saphyr::from_str(&contents).unwrap();
        for group in document["groups"].as_array().unwrap() {
            groups.insert(group["name"].as_str().unwrap().to_owned(), group.clone());
        }
    }
    groups
}

/// Returns the committed groups that are installed by default.
fn default_groups() -> BTreeMap<String, Value> {
    groups(committed(RULES).into_iter().map(|file| file.contents))
}

/// Returns the groups of a user who generates the files with a base URL for the runbooks.
fn generated_groups(runbook_base: &str) -> BTreeMap<String, Value> {
    let settings = GeneratorOptions {
        runbook_base,
        ..GeneratorOptions::DEFAULT
    };
    let is_rules = |path: &str| path == OPTIONAL_RULES || path.starts_with(&format!("{RULES}/"));
    let files = alerting::files(&settings).into_iter();
    groups(
        files
            .filter(|file| is_rules(&file.path))
            .map(|file| file.contents),
    )
}

/// Returns the names of the alerts in the catalogue that are on by default.
fn default_names() -> BTreeSet<String> {
    let about_exporter = ExporterAlert::ALL
        .iter()
        .filter(|alert| !alert.is_optional())
        .map(|alert| alert.entry().name);
    let names = ALERTS.iter().map(|alert| alert.name).chain(about_exporter);
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn default_rules_are_the_committed_ones_without_the_optional_alerts() {
    for helm in Helm::both() {
        let objects = Objects::render(&helm, &[DEFAULT_NAME]).await;
        assert_eq!(objects.groups(), default_groups());
        assert_eq!(objects.alert_names(), default_names());
        assert!(default_names().len() > 50);
    }
}

#[tokio::test]
async fn optional_alerts_are_installed_on_request() {
    for helm in Helm::both() {
        for (value, alert) in [
            ("watchdog", "CastaiHealthWatchdog"),
            (
                "sameRootInManyClusters",
                "CastaiHealthSameRootInManyClusters",
            ),
        ] {
            let value = format!("prometheusRule.{value}=true");
            let mut names = Objects::render(&helm, &[&value]).await.alert_names();
            assert!(names.remove(alert), "{value}");
            assert_eq!(names, default_names());
        }
        let both = [
            "prometheusRule.watchdog=true",
            "prometheusRule.sameRootInManyClusters=true",
            DEFAULT_NAME,
        ];
        let installed = Objects::render(&helm, &both).await.groups();
        let optional = "castai-health.optional";
        let wanted = &groups([committed_file(OPTIONAL_RULES)])[optional];
        assert_eq!(&installed[optional], wanted);
    }
}

#[tokio::test]
async fn disabled_alerts_are_left_out_with_their_empty_groups() {
    let list = ["prometheusRule.disabled={CastaiErrorBudgetBurn,CastaiClockSkew}"];
    let map = [
        "prometheusRule.disabled.CastaiErrorBudgetBurn=true",
        "prometheusRule.disabled.CastaiClockSkew=true",
        "prometheusRule.disabled.CastaiDnsFailing=false",
    ];
    let mut kept = default_names();
    for name in ["CastaiErrorBudgetBurn", "CastaiClockSkew"] {
        assert!(kept.remove(name));
    }
    for helm in Helm::both() {
        for values in [list.as_slice(), &map] {
            let objects = Objects::render(&helm, values).await;
            assert_eq!(objects.alert_names(), kept, "{values:?}");
            let groups = objects.groups();
            assert!(groups.contains_key("castai-health.cluster"));
            assert!(!groups.contains_key("castai-health.slo"), "{values:?}");
            assert_eq!(objects.rule_objects().len(), groups.len());
        }
    }
}

#[tokio::test]
async fn overrides_change_one_alert_and_nothing_else() {
    let values = [
        DEFAULT_NAME,
        "prometheusRule.overrides.CastaiHealthCheckUnknown.for=1h30m",
        "prometheusRule.overrides.CastaiHealthCheckUnknown.keepFiringFor=0s",
        "prometheusRule.overrides.CastaiHealthCheckUnknown.severity=info",
        "prometheusRule.overrides.CastaiHealthCheckUnknown.labels.team=platform",
    ];
    for helm in Helm::both() {
        let mut wanted = default_groups();
        let rules = wanted["castai-health.exporter"]["rules"].as_array();
        let at = rules
            .unwrap()
            .iter()
            .position(|rule| rule["alert"] == "CastaiHealthCheckUnknown");
        let rule = &mut wanted.get_mut("castai-health.exporter").unwrap()["rules"][at.unwrap()];
        rule["for"] = json!("1h30m");
        rule["keep_firing_for"] = json!("0s");
        rule["labels"] = json!({"severity": "info", "team": "platform"});
        assert_eq!(Objects::render(&helm, &values).await.groups(), wanted);
    }
}

#[tokio::test]
async fn overridden_severity_replaces_that_of_the_series() {
    let values = ["prometheusRule.overrides.CastaiAgentOutdated.severity=critical"];
    for helm in Helm::both() {
        let rules = Objects::render(&helm, &values)
            .await
            .alert("CastaiAgentOutdated");
        assert_eq!(rules[0]["labels"], json!({"severity": "critical"}));
        let expr = rules[0]["expr"].as_str().unwrap();
        assert!(
            expr.starts_with("max by (cluster, namespace, check, mode) ("),
            "{expr}"
        );
        let others = Objects::render(&helm, &[])
            .await
            .alert("CastaiAgentOutdated");
        assert_eq!(others[0].get("labels"), None);
    }
}

#[tokio::test]
async fn additional_labels_and_annotations_are_added_to_every_alert() {
    const DASHBOARD: &str =
        "https://grafana.example.com/d/castai?var-cluster={{ $labels.cluster }}";
    let annotation = format!("prometheusRule.additionalRuleAnnotations.dashboard={DASHBOARD}");
    let values = [
        "prometheusRule.additionalRuleLabels.team=sre",
        "prometheusRule.additionalRuleLabels.tier=one",
        "prometheusRule.overrides.CastaiClockSkew.labels.team=platform",
        &annotation,
    ];
    for helm in Helm::both() {
        let plain = Objects::render(&helm, &[]).await.alerts();
        let objects = Objects::render(&helm, &values).await;
        assert_eq!(objects.alerts().len(), plain.len());
        for (rule, mut wanted) in objects.alerts().into_iter().zip(plain) {
            let team = if rule["alert"] == "CastaiClockSkew" {
                "platform"
            } else {
                "sre"
            };
            wanted["labels"]["team"] = json!(team);
            wanted["labels"]["tier"] = json!("one");
            wanted["annotations"]["dashboard"] = json!(DASHBOARD);
            assert_eq!(rule, wanted);
        }
        let recording = &objects.groups()["castai-health.slo"]["rules"][0];
        assert_eq!(recording["labels"], json!({"window": "5m"}));
    }
}

#[tokio::test]
async fn rules_are_put_into_the_given_namespace_with_labels() {
    let values = [
        "prometheusRule.namespace=monitoring",
        "prometheusRule.labels.release=prometheus",
    ];
    for helm in Helm::both() {
        for object in Objects::render(&helm, &values).await.rule_objects() {
            assert_eq!(object["metadata"]["namespace"], "monitoring");
            assert_eq!(object["metadata"]["labels"]["release"], "prometheus");
        }
        let objects = Objects::render(&helm, &[]).await;
        let metadata = &objects.rule_objects()[0]["metadata"];
        assert_eq!(metadata["namespace"], "castai-agent");
        assert_eq!(metadata["labels"]["release"], "kube-prometheus-stack");
    }
}

#[tokio::test]
async fn unknown_alert_names_fail_with_similar_names() {
    const LIST: &str = "To list all alerts, run: castai-health-exporter catalogue\n";
    let cases: [(&[&str], &str); 5] = [
        (
            &["prometheusRule.disabled={CastaiDNSFailing,CastaiClockSkew}"],
            "prometheusRule.disabled: unknown alert CastaiDNSFailing (did you mean CastaiDnsFailing?)\n",
        ),
        (
            &["prometheusRule.disabled.CastaiApiUnreachabel=true"],
            "prometheusRule.disabled: unknown alert CastaiApiUnreachabel (did you mean CastaiApiUnreachable?)\n",
        ),
        (
            &[
                "prometheusRule.overrides.CastaiEc2Denid.for=10m",
                "prometheusRule.overrides.CastaiImagePullFail.for=10m",
            ],
            "prometheusRule.overrides: unknown alert CastaiEc2Denid (did you mean CastaiEc2Denied?)\n\
             prometheusRule.overrides: unknown alert CastaiImagePullFail (did you mean CastaiImagePullFailing, CastaiAgentImagePullFailing?)\n",
        ),
        (
            &["prometheusRule.disabled={Watchdog}"],
            "prometheusRule.disabled: unknown alert Watchdog (did you mean CastaiHealthWatchdog?)\n",
        ),
        (
            &["prometheusRule.disabled={KubePodCrashLooping}"],
            "prometheusRule.disabled: unknown alert KubePodCrashLooping\n",
        ),
    ];
    for helm in Helm::both() {
        for (values, wanted) in cases {
            let error = template(&helm, &[&[ENABLED], values].concat())
                .await
                .expect_err(wanted);
            let message = format!("\n{wanted}{LIST}");
            assert!(error.contains(&message), "{values:?}: {error}");
        }
    }
}

#[tokio::test]
async fn labels_that_identify_a_failure_cannot_be_changed() {
    let cases = [
        (
            "prometheusRule.additionalRuleLabels.severity=page",
            "prometheusRule.additionalRuleLabels: set the severity of an alert with prometheusRule.overrides.ALERT.severity",
        ),
        (
            "prometheusRule.overrides.CastaiClockSkew.labels.mode=any",
            "prometheusRule.overrides.CastaiClockSkew.labels: the label mode identifies the failure and cannot be changed",
        ),
        (
            "prometheusRule.additionalRuleLabels.cluster=lab",
            "prometheusRule.additionalRuleLabels: the label cluster identifies the failure and cannot be changed",
        ),
    ];
    for helm in Helm::both() {
        for (value, wanted) in cases {
            let error = template(&helm, &[ENABLED, value]).await.expect_err(value);
            assert!(error.contains(&format!("\n{wanted}\n")), "{error}");
        }
    }
}

#[tokio::test]
async fn runbook_links_are_those_of_the_generator() {
    let urls = |groups: BTreeMap<String, Value>| {
        let rules = groups.into_values().flat_map(|mut group| {
            let rules = group["rules"].as_array_mut().unwrap();
            std::mem::take(rules)
        });
        let annotations = |mut rule: Value| {
            let annotations = rule["annotations"].as_object_mut()?;
            annotations.remove("summary")?;
            annotations.remove("description")?;
            Some((rule["alert"].to_string(), rule["annotations"].clone()))
        };
        rules.filter_map(annotations).collect::<Vec<_>>()
    };
    let with_slash = format!("prometheusRule.runbookBaseUrl={RUNBOOKS}/");
    let values = [
        "prometheusRule.watchdog=true",
        "prometheusRule.sameRootInManyClusters=true",
        "sidecar.enabled=true",
        &with_slash,
    ];
    for helm in Helm::both() {
        let objects = Objects::render(&helm, &values).await;
        let wanted = urls(generated_groups(RUNBOOKS));
        assert!(
            wanted[0].1["runbook_url"]
                .as_str()
                .unwrap()
                .starts_with(RUNBOOKS)
        );
        assert_eq!(urls(objects.groups()), wanted);
        let argument = format!("--runbook.base-url={RUNBOOKS}/");
        assert!(objects.companion_arguments().contains(&argument));
        let sidecar = objects.of_kind("MutatingAdmissionPolicy")[0].to_string();
        assert!(sidecar.contains(&argument), "{sidecar}");
        let without = Objects::render(&helm, &["sidecar.enabled=true", DEFAULT_NAME]).await;
        assert_eq!(urls(without.groups()), urls(default_groups()));
        for object in without
            .of_kind("Deployment")
            .iter()
            .chain(&without.of_kind("MutatingAdmissionPolicy"))
        {
            assert!(!object.to_string().contains("--runbook"), "{object}");
        }
    }
}

#[tokio::test]
async fn rule_objects_are_small_enough_for_kubectl_apply() {
    let long = "x".repeat(60);
    let values = [
        "prometheusRule.watchdog=true",
        &format!("prometheusRule.runbookBaseUrl=https://{long}.example.com/{long}"),
        &format!("fullnameOverride={}", &long[..53]),
        &format!("agent.deployment={long}"),
        "agent.namespace=elsewhere",
        "companion.config.log.level=debug",
    ];
    let objects = Objects::render(&Helm::latest(), &values).await;
    let sizes = objects
        .rule_objects()
        .into_iter()
        .map(|object| object.to_string().len());
    let largest = sizes.max().unwrap();
    println!("largest PrometheusRule: {largest} bytes");
    assert!(largest < MAX_APPLIED_BYTES / 2, "{largest}");
}
