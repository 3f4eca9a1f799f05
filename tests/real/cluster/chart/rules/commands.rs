//! Tests of the commands in notifications, which must fit the names of the release and of the agent.

use std::collections::BTreeSet;

use super::objects::Objects;
use crate::support::helm::Helm;

/// Start of a command in the namespace of the series.
const LABEL: &str = "kubectl -n {{ $labels.namespace }}";
const PROGRAM: &str = "-- /castai-health-exporter";

/// Returns every command in the annotations, without the rest of a template.
async fn commands(values: &[&str]) -> BTreeSet<String> {
    let both = [
        "prometheusRule.watchdog=true",
        "prometheusRule.sameRootInManyClusters=true",
    ];
    let objects = Objects::render(&Helm::latest(), &[values, &both].concat()).await;
    let mut commands = BTreeSet::new();
    for alert in objects.alerts() {
        for text in alert["annotations"].as_object().unwrap().values() {
            for (at, _) in text.as_str().unwrap().match_indices("kubectl ") {
                let command = &text.as_str().unwrap()[at..];
                let end = command
                    .find(['\n', '|'])
                    .into_iter()
                    .chain(command.find("{{ else }}"))
                    .chain(command.find("{{ end }}"))
                    .min();
                let command = command[..end.unwrap_or(command.len())].trim_end();
                commands.insert(command.replace(alert["alert"].as_str().unwrap(), "ALERT"));
            }
        }
    }
    commands
}

/// Asserts that these values give exactly these commands that run or read the exporter or the agent.
async fn assert_commands(values: &[&str], wanted: &[&str]) {
    let mut commands = commands(values).await;
    // Commands about all pods of a namespace name neither.
    commands.retain(|command| {
        [" exec ", " logs ", " -l "]
            .iter()
            .any(|word| command.contains(word))
    });
    let wanted: BTreeSet<String> = wanted.iter().map(|&command| command.to_owned()).collect();
    assert_eq!(commands, wanted, "{values:?}");
}

#[tokio::test]
async fn commands_name_release_and_agent() {
    let in_companion = format!("{LABEL} exec deploy/exporter-castai-health-exporter {PROGRAM}");
    let flags = "--vantage=companion --agent.deployment=other --agent.service-account=another --config.file=/etc/castai-health-exporter/exporter.yaml";
    assert_commands(
        &[
            "agent.deployment=other",
            "agent.serviceAccount=another",
            "companion.config.log.level=debug",
            "sidecar.agentContainer=main",
            "sidecar.podLabels.part=agent",
        ],
        &[
            &format!("{in_companion} check {flags}"),
            &format!("{in_companion} check {flags} {{{{ $labels.check }}}}"),
            &format!("{in_companion} --config.check --config.file=/etc/castai-health-exporter/exporter.yaml"),
            &format!("{in_companion} explain ALERT"),
            &format!("{LABEL} exec deploy/other -c castai-health-exporter {PROGRAM} check"),
            &format!("{LABEL} logs -l app.kubernetes.io/name=castai-health-exporter --tail=100"),
            &format!("{LABEL} logs -l app.kubernetes.io/name=castai-health-exporter --tail=200"),
            &format!("{LABEL} logs deployment/other -c main --since=1h"),
            &format!("{LABEL} get pods -l app.kubernetes.io/name=castai-agent,part=agent -o jsonpath='{{range .items[*]}}{{.metadata.name}}{{\": \"}}{{.spec.containers[*].name}}{{\"\\n\"}}{{end}}'"),
        ],
    )
    .await;
}

#[tokio::test]
async fn commands_name_both_namespaces_if_the_companion_runs_elsewhere() {
    let in_companion = format!("kubectl -n castai-agent exec deploy/mine {PROGRAM}");
    let flags = "--vantage=companion --agent.namespace=elsewhere";
    assert_commands(
        &["agent.namespace=elsewhere", "fullnameOverride=mine", "nameOverride=my"],
        &[
            &format!("{in_companion} check {flags}"),
            &format!("{in_companion} check {flags} {{{{ $labels.check }}}}"),
            &format!("{in_companion} --config.check"),
            &format!("{in_companion} explain ALERT"),
            &format!("kubectl -n elsewhere exec deploy/castai-agent -c castai-health-exporter {PROGRAM} check"),
            "kubectl -n castai-agent logs -l app.kubernetes.io/name=my --tail=100",
            "kubectl -n castai-agent logs -l app.kubernetes.io/name=my --tail=200",
            "kubectl -n elsewhere logs deployment/castai-agent -c agent --since=1h",
            "kubectl -n elsewhere get pods -l app.kubernetes.io/name=castai-agent -o jsonpath='{range .items[*]}{.metadata.name}{\": \"}{.spec.containers[*].name}{\"\\n\"}{end}'",
        ],
    )
    .await;
}

#[tokio::test]
async fn commands_use_the_sidecar_without_a_companion() {
    let sidecar = format!("{LABEL} exec deploy/other -c castai-health-exporter {PROGRAM}");
    assert_commands(
        &[
            "companion.enabled=false",
            "sidecar.enabled=true",
            "agent.deployment=other",
        ],
        &[
            &format!("{sidecar} check"),
            &format!("{sidecar} check {{{{ $labels.check }}}}"),
            &format!("{sidecar} --config.check"),
            &format!("{sidecar} explain ALERT"),
            &format!("{LABEL} logs deploy/other -c castai-health-exporter --tail=100"),
            &format!("{LABEL} logs deploy/other -c castai-health-exporter --tail=200"),
            &format!("{LABEL} logs deployment/other -c agent --since=1h"),
            &format!("{LABEL} get pods -l app.kubernetes.io/name=castai-agent -o jsonpath='{{range .items[*]}}{{.metadata.name}}{{\": \"}}{{.spec.containers[*].name}}{{\"\\n\"}}{{end}}'"),
        ],
    )
    .await;
}

#[tokio::test]
async fn both_helms_render_the_same_rules() {
    let [helm3, helm4] = Helm::both();
    let values = ["agent.namespace=elsewhere", "agent.deployment=other"];
    let [one, other] = [
        Objects::render(&helm3, &values).await,
        Objects::render(&helm4, &values).await,
    ];
    assert_eq!(one.rule_objects(), other.rule_objects());
}
