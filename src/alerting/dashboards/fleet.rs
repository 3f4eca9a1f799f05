//! The dashboard of all clusters.

use serde_json::Value;

use crate::alerting::dashboards::failure_texts::{PROBLEM, with_problem};
use crate::alerting::dashboards::layout::{Dashboard, INFO, Row, choice, render, variable};
use crate::alerting::dashboards::panel::Panel;
use crate::alerting::dashboards::root_causes::{
    SEVERITY_WORDS, alerts, root_starts_by_cluster, roots, roots_at_end, severity_code,
};
use crate::alerting::generator_options::GeneratorOptions;
use crate::catalogue::Severity;

const CLUSTER: &str = "cluster=~\"$cluster\"";
/// Label matchers of the failures that the viewer selected.
const SELECTED: &str = "cluster=~\"$cluster\",severity=~\"$severity\"";
/// Rows and series that stay legible in one panel.
const LEGIBLE: u32 = 20;

/// Opens the dashboard of the cluster in the row. Grafana prefixes the path with that of its
/// `root_url`.
const CLUSTER_DASHBOARD: &str = "/d/castai-agent-health?var-cluster=${__data.fields.cluster}&${datasource:queryparam}&${__url_time_range}";

pub(super) fn dashboard(settings: &GeneratorOptions<'_>) -> Value {
    let severities: Vec<&str> = Severity::OF_FAILURES
        .iter()
        .map(|severity| severity.label())
        .collect();
    let properties = Dashboard {
        uid: "castai-agent-fleet",
        title: "CAST AI agent health / fleet",
        description: "Clusters with a CAST AI agent that cannot work, and root causes that several clusters share.",
        variables: vec![
            variable("cluster", INFO, ".*"),
            choice("severity", "Severity", &severities, 2),
        ],
    };
    let rows = vec![
        overview(),
        causes(settings.runbook_base),
        history(),
        exporters(),
    ];
    render(properties, rows)
}

/// Returns the query for the root causes of this severity, by these labels.
fn roots_with(severity: Severity, by: &str) -> String {
    format!("{} == {}", roots(by, SELECTED), severity_code(severity))
}

/// Returns the query for the number of clusters with this severity as their worst.
fn clusters_with(severity: Severity) -> String {
    format!("count({}) or vector(0)", roots_with(severity, "cluster"))
}

/// Returns the query for the clusters with an exporter that was scraped within a time.
fn scraped_within(window: &str) -> String {
    format!("group by (cluster) (present_over_time({INFO}{{{CLUSTER}}}[{window}]))")
}

/// Returns the query for the clusters without exporters, as the alert about them defines it.
fn absent() -> String {
    format!("{} unless {}", scraped_within("1d"), scraped_within("10m"))
}

fn overview() -> Row {
    Row {
        title: "Overview",
        collapsed: false,
        panels: vec![
            Panel::stat(
                "Clusters",
                "Clusters with an exporter that Prometheus scrapes.",
                "short",
                format!("count(group by (cluster) ({INFO}{{{CLUSTER}}})) or vector(0)"),
            )
            .sized(6, 4),
            Panel::stat(
                "Critical",
                "Clusters whose agent cannot work, whether or not an alert fires yet.",
                "short",
                clusters_with(Severity::Critical),
            )
            .thresholds_from_green(&[(1.0, "red")])
            .sized(6, 4),
            Panel::stat(
                "Warning",
                "Clusters with a failure that the agent survives, and with no critical one.",
                "short",
                clusters_with(Severity::Warning),
            )
            .thresholds_from_green(&[(1.0, "orange")])
            .sized(6, 4),
            Panel::stat(
                "Absent",
                "Clusters whose exporters were scraped within a day, and not within ten minutes.",
                "short",
                format!("count({}) or vector(0)", absent()),
            )
            .thresholds_from_green(&[(1.0, "red")])
            .sized(6, 4),
            worst_clusters(),
            shared_causes(),
        ],
    }
}

/// Every cluster, the worst first.
fn worst_clusters() -> Panel {
    let each = "cluster, namespace, check, mode";
    // Zero, so that every cluster has a row with a number in each column.
    let known = format!("0 * {}", scraped_within("1d"));
    let critical = format!(
        "count by (cluster) ({}) or {} or {known}",
        roots_with(Severity::Critical, each),
        absent(),
    );
    let warning = format!(
        "count by (cluster) ({}) or {known}",
        roots_with(Severity::Warning, each)
    );
    let exporters = format!("count by (cluster) ({INFO}{{{CLUSTER}}}) or {known}");
    Panel::table(
        "Worst clusters",
        "Root causes per cluster. A cluster whose exporters are gone has one critical problem. Click a cluster to open its dashboard.",
        critical,
        &["cluster", "critical", "warning", "exporters"],
    )
    .value_column("critical")
    .joined_column("warning", warning)
    .joined_column("exporters", exporters)
    .column_threshold("critical", ("text", 1.0, "red"))
    .column_threshold("warning", ("text", 1.0, "orange"))
    .column_threshold("exporters", ("red", 1.0, "text"))
    .column_link("cluster", "Cluster", CLUSTER_DASHBOARD)
    .sorted_by(&["critical", "warning"])
    .paged()
    .no_value("No clusters")
    .sized(12, 12)
}

/// Root causes by the number of clusters that have them.
fn shared_causes() -> Panel {
    let each = "cluster, check, mode";
    let clusters = |severity: Severity| {
        format!(
            "count by (check, mode) ({}) or 0 * group by (check, mode) ({})",
            roots_with(severity, each),
            roots(each, SELECTED)
        )
    };
    Panel::table(
        "Same root cause in several clusters",
        "Number of clusters with each root cause. Many clusters at once point to a shared cause: CAST AI, a proxy, a region.",
        with_problem(&clusters(Severity::Critical)),
        &[PROBLEM, "check", "mode", "critical", "warning"],
    )
    .value_column("critical")
    .joined_column("warning", clusters(Severity::Warning))
    .column_threshold("critical", ("text", 1.0, "red"))
    .column_threshold("warning", ("text", 1.0, "orange"))
    .problem_column()
    .column_width("check", 110)
    .column_width("mode", 150)
    .column_width("critical", 90)
    .column_width("warning", 90)
    .sorted_by(&["critical", "warning"])
    .paged()
    .no_value("No failures")
    .sized(12, 12)
}

fn causes(runbook_base: &str) -> Row {
    Row {
        title: "Root causes and alerts",
        collapsed: false,
        panels: vec![
            Panel::table(
                "Root causes",
                "What is wrong in which cluster, and since when. Click a cluster to open its dashboard.",
                roots("cluster, check, mode", SELECTED),
                &["severity", "cluster", "check", "mode", "since"],
            )
            .value_column("severity")
            .joined_column("since", root_starts_by_cluster(SELECTED, CLUSTER))
            .column_words("severity", SEVERITY_WORDS)
            .column_width("severity", 80)
            .column_width("mode", 180)
            .column_unit("since", "dateTimeFromNow")
            .empty_cells("since", "unknown")
            .column_width("since", 120)
            .column_link("cluster", "Cluster", CLUSTER_DASHBOARD)
            .sorted_by(&["severity"])
            .paged()
            .no_value("No failures")
            .sized(11, 10),
            Panel::table(
                "Firing alerts",
                "Alerts of all clusters. Click a cluster to open its dashboard.",
                alerts("cluster, alertname, mode", SELECTED),
                &["severity", "cluster", "alertname", "mode"],
            )
            .value_column("severity")
            .column_words("severity", SEVERITY_WORDS)
            .column_width("severity", 80)
            .column_width("alertname", 270)
            .sorted_by(&["severity"])
            .column_link("cluster", "Cluster", CLUSTER_DASHBOARD)
            .paged()
            .no_value("No firing alerts")
            .sized(13, 10)
            .runbook_link(
                runbook_base,
                "alertname",
                "Runbook",
                "${__data.fields.alertname}",
            ),
        ],
    }
}

fn history() -> Row {
    let by_cause = format!(
        "topk({LEGIBLE}, count by (check, mode) ({}))",
        roots("cluster, check, mode", SELECTED)
    );
    let worst = format!("topk({LEGIBLE}, {})", roots_at_end("cluster", SELECTED));
    Row {
        title: "Over time",
        collapsed: false,
        panels: vec![
            Panel::lines(
                "Clusters by severity",
                "Number of clusters whose worst root cause has this severity.",
                "short",
                clusters_with(Severity::Critical),
                "critical",
            )
            .query(clusters_with(Severity::Warning), "warning")
            .series_colours(&[("critical", "red"), ("warning", "orange")])
            .stacked()
            .soft_axis(0.0, 1.0)
            .decimals(0)
            .sized(12, 8),
            Panel::lines(
                "Clusters by root cause",
                "Number of clusters with each of the most common root causes.",
                "short",
                by_cause,
                "{{check}} {{mode}}",
            )
            .stacked()
            .soft_axis(0.0, 1.0)
            .decimals(0)
            .no_value("No failures in this time range")
            .sized(12, 8),
            Panel::states(
                "Worst clusters over time",
                "Highest severity over time, for at most twenty clusters with a root cause at the end of the time range.",
                format!("{} and on (cluster) {worst}", roots("cluster", SELECTED)),
                "{{cluster}}",
            )
            .value_mappings(SEVERITY_WORDS)
            .no_value("No failures now")
            .sized(24, 12)
            .link(
                "Cluster",
                "/d/castai-agent-health?var-cluster=${__field.labels.cluster}&${datasource:queryparam}&${__url_time_range}",
            ),
        ],
    }
}

fn exporters() -> Row {
    Row {
        title: "Exporters",
        collapsed: true,
        panels: vec![
            Panel::table(
                "Versions",
                "Number of clusters per exporter version.",
                format!(
                    "count by (version) (group by (cluster, version) (castai_health_build_info{{{CLUSTER}}}))"
                ),
                &["version", "clusters"],
            )
            .value_column("clusters")
            .sorted_by(&["clusters"])
            .paged(),
        ],
    }
}
