//! Many clusters at a glance.

use serde_json::Value;

use crate::alerting::dashboards::layout::{Frame, Row, dashboard as framed, runbooks, variable};
use crate::alerting::dashboards::panel::Panel;
use crate::alerting::dashboards::status::{SEVERITY_COLOURS, STATUS_WORDS, worst_status};
use crate::alerting::settings::Settings;
use crate::catalogue::OwnAlert;

const CLUSTER: &str = "cluster=~\"$cluster\"";

pub(super) fn dashboard(settings: &Settings<'_>) -> Value {
    let frame = Frame {
        uid: "castai-agent-fleet",
        title: "CAST AI agent health / fleet",
        description: "Which clusters' CAST AI agents cannot do their work, and of what many suffer alike.",
        variables: vec![
            variable("cluster", "castai_health_exporter_info", ".*"),
            runbooks(settings),
        ],
    };
    framed(frame, vec![counts(), clusters()])
}

fn firing(matchers: &str) -> String {
    format!("ALERTS{{alertname=~\"Castai.+\",alertstate=\"firing\",{CLUSTER}{matchers}}}")
}

fn counts() -> Row {
    let silent = OwnAlert::Silent.entry().name;
    Row {
        title: "How many?",
        collapsed: false,
        panels: vec![
            Panel::stat(
                "Clusters",
                "Clusters whose exporters are scraped.",
                "short",
                format!("count(group by (cluster) (castai_health_exporter_info{{{CLUSTER}}})) or vector(0)"),
            )
            .sized(6, 4),
            Panel::stat(
                "Paging",
                "Clusters with a critical alert.",
                "short",
                format!("count(group by (cluster) ({})) or vector(0)", firing(",severity=\"critical\"")),
            )
            .green_until(&[(1.0, "red")])
            .sized(6, 4),
            Panel::stat(
                "Failing now",
                "Clusters in which a check fails that the agent cannot work without, told or not yet told.",
                "short",
                format!("count(group by (cluster) (castai_health_check_status{{{CLUSTER},status=\"failing\"}} == 1 and on (cluster, namespace, job, instance, check) castai_health_check_need{{need=\"start\"}} == 1)) or vector(0)"),
            )
            .green_until(&[(1.0, "orange")])
            .sized(6, 4),
            Panel::stat(
                "Silent",
                "Clusters that were heard within a day and are silent now.",
                "short",
                format!("count(group by (cluster) (ALERTS{{alertname=\"{silent}\",alertstate=\"firing\",{CLUSTER}}})) or vector(0)"),
            )
            .green_until(&[(1.0, "red")])
            .sized(6, 4),
            Panel::lines(
                "Failing clusters by check",
                "Many at once: look for what they share, CAST AI, a proxy, a region.",
                "short",
                format!("count by (check) (max by (cluster, check) (castai_health_check_status{{{CLUSTER},status=\"failing\"}}) == 1)"),
                "{{check}}",
            )
            .stacked()
            .at_least(0.0, 1.0)
            .decimals(0)
            .otherwise("No failing cluster is reported")
            .sized(12, 8),
            Panel::lines(
                "Failing clusters by mode",
                "The same by what exactly is wrong.",
                "short",
                format!("count by (check, mode) (group by (cluster, check, mode) (castai_health_failure{{{CLUSTER}}}))"),
                "{{check}} {{mode}}",
            )
            .stacked()
            .at_least(0.0, 1.0)
            .decimals(0)
            .otherwise("No failing cluster is reported")
            .sized(12, 8),
        ],
    }
}

fn clusters() -> Row {
    Row {
        title: "Which?",
        collapsed: false,
        panels: vec![
            Panel::table(
                "Alerts that fire",
                "A click on the cluster opens its dashboard, one on the name the runbook.",
                format!(
                    "max by (cluster, severity, alertname, check, mode, namespace) ({})",
                    firing(",severity!=\"none\"")
                ),
                &[
                    "cluster",
                    "severity",
                    "alertname",
                    "check",
                    "mode",
                    "namespace",
                ],
            )
            .coloured("severity", SEVERITY_COLOURS)
            .wide("alertname")
            .otherwise("No alert fires")
            .sized(24, 9)
            .linked_at(
                "cluster",
                "Cluster",
                "/d/castai-agent-health?var-cluster=${__data.fields.cluster}",
            )
            .linked_at(
                "alertname",
                "Runbook",
                "${runbooks}/${__data.fields.alertname}.md",
            ),
            Panel::states(
                "Clusters",
                "The worst status of each cluster.",
                worst_status("cluster", CLUSTER),
                "{{cluster}}",
            )
            .worded(STATUS_WORDS)
            .sized(24, 14)
            .linked(
                "Cluster",
                "/d/castai-agent-health?var-cluster=${__field.labels.cluster}",
            ),
            Panel::table(
                "Versions",
                "How many clusters run which exporter.",
                format!(
                    "count by (version) (group by (cluster, version) (castai_health_build_info{{{CLUSTER}}}))"
                ),
                &["version", "Value"],
            ),
        ],
    }
}
