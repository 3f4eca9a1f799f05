//! The dashboard of all clusters.

use serde_json::Value;

use crate::alerting::dashboards::layout::{Dashboard, Row, render, runbooks, variable};
use crate::alerting::dashboards::panel::Panel;
use crate::alerting::dashboards::status::{SEVERITY_COLOURS, STATUS_MAPPINGS, worst_status};
use crate::alerting::generator_options::GeneratorOptions;
use crate::catalogue::ExporterAlert;

const CLUSTER: &str = "cluster=~\"$cluster\"";

pub(super) fn dashboard(settings: &GeneratorOptions<'_>) -> Value {
    let properties = Dashboard {
        uid: "castai-agent-fleet",
        title: "CAST AI agent health / fleet",
        description: "Clusters with a CAST AI agent that cannot work, and failures that several clusters share.",
        variables: vec![
            variable("cluster", "castai_health_exporter_info", ".*"),
            runbooks(settings),
        ],
    };
    render(properties, vec![overview(), clusters()])
}

fn firing(matchers: &str) -> String {
    format!("ALERTS{{alertname=~\"Castai.+\",alertstate=\"firing\",{CLUSTER}{matchers}}}")
}

fn overview() -> Row {
    let absent = ExporterAlert::ExporterAbsent.entry().name;
    Row {
        title: "Overview",
        collapsed: false,
        panels: vec![
            Panel::stat(
                "Clusters",
                "Clusters with an exporter that Prometheus scrapes.",
                "short",
                format!("count(group by (cluster) (castai_health_exporter_info{{{CLUSTER}}})) or vector(0)"),
            )
            .sized(6, 4),
            Panel::stat(
                "Critical alerts",
                "Clusters with a firing critical alert.",
                "short",
                format!("count(group by (cluster) ({})) or vector(0)", firing(",severity=\"critical\"")),
            )
            .thresholds_from_green(&[(1.0, "red")])
            .sized(6, 4),
            Panel::stat(
                "Failing",
                "Clusters in which a check that the agent needs is failing, whether or not an alert fires yet.",
                "short",
                format!("count(group by (cluster) (castai_health_check_status{{{CLUSTER},status=\"failing\"}} == 1 and on (cluster, namespace, job, instance, check) castai_health_check_need{{need=\"start\"}} == 1)) or vector(0)"),
            )
            .thresholds_from_green(&[(1.0, "orange")])
            .sized(6, 4),
            Panel::stat(
                "Absent",
                "Clusters with exporters that reported within a day and do not now.",
                "short",
                format!("count(group by (cluster) (ALERTS{{alertname=\"{absent}\",alertstate=\"firing\",{CLUSTER}}})) or vector(0)"),
            )
            .thresholds_from_green(&[(1.0, "red")])
            .sized(6, 4),
            Panel::lines(
                "Failing clusters by check",
                "Many clusters at once point to a shared cause: CAST AI, a proxy, a region.",
                "short",
                format!("count by (check) (max by (cluster, check) (castai_health_check_status{{{CLUSTER},status=\"failing\"}}) == 1)"),
                "{{check}}",
            )
            .stacked()
            .soft_axis(0.0, 1.0)
            .decimals(0)
            .no_value("No failing clusters")
            .sized(12, 8),
            Panel::lines(
                "Failing clusters by failure mode",
                "Clusters per check and failure mode.",
                "short",
                format!("count by (check, mode) (group by (cluster, check, mode) (castai_health_failure{{{CLUSTER}}}))"),
                "{{check}} {{mode}}",
            )
            .stacked()
            .soft_axis(0.0, 1.0)
            .decimals(0)
            .no_value("No failing clusters")
            .sized(12, 8),
        ],
    }
}

fn clusters() -> Row {
    Row {
        title: "Clusters",
        collapsed: false,
        panels: vec![
            Panel::table(
                "Firing alerts",
                "Click a cluster to open its dashboard, or an alert to open its runbook.",
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
            .column_colours("severity", SEVERITY_COLOURS)
            .wide_column("alertname")
            .no_value("No firing alerts")
            .sized(24, 9)
            .column_link(
                "cluster",
                "Cluster",
                "/d/castai-agent-health?var-cluster=${__data.fields.cluster}",
            )
            .column_link(
                "alertname",
                "Runbook",
                "${runbooks}/${__data.fields.alertname}.md",
            ),
            Panel::states(
                "Clusters",
                "Worst status of each cluster.",
                worst_status("cluster", CLUSTER),
                "{{cluster}}",
            )
            .value_mappings(STATUS_MAPPINGS)
            .sized(24, 14)
            .link(
                "Cluster",
                "/d/castai-agent-health?var-cluster=${__field.labels.cluster}",
            ),
            Panel::table(
                "Versions",
                "Clusters per exporter version.",
                format!(
                    "count by (version) (group by (cluster, version) (castai_health_build_info{{{CLUSTER}}}))"
                ),
                &["version", "Value"],
            ),
        ],
    }
}
