//! Tests of the notes that Helm prints after an installation.

use crate::support::helm::{CHART, Helm, IMAGE};

const WARNING: &str = "WARNING: ";

/// Returns the notes; only Helm 4 renders them without a cluster.
async fn notes(values: &[&str]) -> String {
    let mut arguments = vec!["install", "exporter", CHART, "--dry-run=client"];
    arguments.extend(["--namespace", "castai-agent", "--set", IMAGE]);
    arguments.extend(values.iter().flat_map(|value| ["--set", *value]));
    let printed = Helm::latest().offline(&arguments).await.unwrap();
    let (_, notes) = printed.split_once("\nNOTES:\n").unwrap();
    notes.to_owned()
}

#[tokio::test]
async fn notes_say_whether_rules_are_installed() {
    let without = notes(&[]).await;
    assert!(without.contains("rules are not installed"), "{without}");
    assert!(
        without.contains("--set prometheusRule.enabled=true"),
        "{without}"
    );
    assert!(!without.contains(WARNING), "{without}");
    let values = [
        "prometheusRule.enabled=true",
        "prometheusRule.namespace=monitoring",
        "prometheusRule.labels.release=prometheus",
    ];
    let with = notes(&values).await;
    assert!(
        with.contains("as PrometheusRules in the namespace monitoring."),
        "{with}"
    );
    assert!(
        with.contains("prometheusRule has the label release=prometheus."),
        "{with}"
    );
    assert!(!with.contains("rules are not installed"), "{with}");
    assert!(!with.contains(WARNING), "{with}");
}

#[tokio::test]
async fn notes_know_the_label_of_other_charts() {
    let values = [
        "podMonitor.enabled=true",
        "podMonitor.labels.release=null",
        "podMonitor.additionalLabels.release=prometheus",
    ];
    let notes = notes(&values).await;
    assert!(
        notes.contains("podMonitor has the label release=prometheus."),
        "{notes}"
    );
    assert!(!notes.contains(WARNING), "{notes}");
}

#[tokio::test]
async fn notes_warn_about_a_missing_release_label() {
    let rules = [
        "prometheusRule.enabled=true",
        "prometheusRule.labels.release=null",
    ];
    let monitor = ["podMonitor.enabled=true", "podMonitor.labels.release=null"];
    for (values, named, other) in [
        (
            rules.as_slice(),
            "prometheusRule.labels",
            "podMonitor.labels",
        ),
        (&monitor, "podMonitor.labels", "prometheusRule.labels"),
    ] {
        let notes = notes(values).await;
        assert!(
            notes.contains(&format!("{WARNING}{named} does not contain")),
            "{notes}"
        );
        assert!(
            notes.contains(&format!(" --set {named}.release=RELEASE\n")),
            "{notes}"
        );
        assert!(!notes.contains(other), "{notes}");
    }
    let both = notes(&[rules.as_slice(), &monitor].concat()).await;
    let start = format!("{WARNING}podMonitor.labels and prometheusRule.labels do not contain");
    assert!(both.contains(&start), "{both}");
}

#[tokio::test]
async fn notes_run_checks_with_the_flags_of_the_companion() {
    let default = notes(&[]).await;
    assert!(default.contains("check --vantage=companion\n"), "{default}");
    let values = [
        "agent.namespace=elsewhere",
        "agent.deployment=other",
        "companion.config.log.level=debug",
    ];
    let flags = "check --vantage=companion --agent.namespace=elsewhere --agent.deployment=other --config.file=/etc/castai-health-exporter/exporter.yaml\n";
    let changed = notes(&values).await;
    assert!(changed.contains(flags), "{changed}");
}
