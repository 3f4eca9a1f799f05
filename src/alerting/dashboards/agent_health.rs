//! The dashboard of one cluster.

mod details;

use serde_json::Value;

use crate::alerting::dashboards::agent_health::details::{
    agent, cloud, connection, exporter, objectives,
};
use crate::alerting::dashboards::failure_texts::{FIX, NO_EXPORTER, PROBLEM, with_texts};
use crate::alerting::dashboards::layout::{Dashboard, INFO, Row, SELECTED, render, variable};
use crate::alerting::dashboards::panel::Panel;
use crate::alerting::dashboards::root_causes::{
    FAILURE_WORDS, SEVERITY_WORDS, affected_checks, alerts, root_starts, roots,
    roots_and_consequences, severity_code,
};
use crate::alerting::dashboards::status::{STATUS_MAPPINGS, worst_status};
use crate::alerting::generator_options::GeneratorOptions;
use crate::catalogue::{CheckGroup, CheckId, Phase, Severity};

pub(super) fn dashboard(settings: &GeneratorOptions<'_>) -> Value {
    let properties = Dashboard {
        uid: "castai-agent-health",
        title: "CAST AI agent health",
        description: "Whether the CAST AI agent of this cluster can work, and if not, what is broken and since when.",
        variables: vec![
            variable("cluster", INFO, ".*"),
            variable(
                "namespace",
                &format!("{INFO}{{cluster=~\"$cluster\"}}"),
                ".+",
            ),
            variable(
                "job",
                &format!("{INFO}{{cluster=~\"$cluster\",namespace=~\"$namespace\"}}"),
                ".+",
            ),
        ],
    };
    let mut rows = vec![overview(settings.runbook_base)];
    rows.extend(
        CheckId::ALL
            .iter()
            .filter(|check| check.entry().phases.contains(&Phase::Tls))
            .map(|check| connection(*check)),
    );
    rows.extend([cloud(), agent(), objectives(), exporter()]);
    render(properties, rows)
}

/// Status now and over time.
fn overview(runbook_base: &str) -> Row {
    let mut panels = Vec::from(numbers());
    panels.push(root_causes(runbook_base));
    panels.push(consequences());
    panels.push(firing_alerts(runbook_base));
    panels.extend(CheckPanel::ALL.iter().map(checks));
    panels.extend([
        Panel::states(
            "Failures",
            "Severity of each root cause over time. A consequence has its cause in another check and notifies no one.",
            roots_and_consequences("check, mode", SELECTED),
            "{{check}} {{mode}}",
        )
        .value_mappings(FAILURE_WORDS)
        .no_value("No failures in this time range")
        .sized(24, 7),
    ]);
    Row {
        title: "Can the agent work?",
        collapsed: false,
        panels,
    }
}

/// The checks of one panel: some groups are small, and no cluster has more than one cloud.
struct CheckPanel {
    title: &'static str,
    groups: &'static [CheckGroup],
    size: (u32, u32),
}

impl CheckPanel {
    const ALL: &'static [Self] = &[
        Self {
            title: "Checks: network",
            groups: &[CheckGroup::Network],
            size: (12, 5),
        },
        Self {
            title: "Checks: cloud",
            groups: &[CheckGroup::Aws, CheckGroup::GoogleCloud, CheckGroup::Azure],
            size: (12, 5),
        },
        Self {
            title: "Checks: Kubernetes",
            groups: &[CheckGroup::Kubernetes],
            size: (12, 6),
        },
        Self {
            title: "Checks: CAST AI",
            groups: &[CheckGroup::CastAi],
            size: (12, 6),
        },
        Self {
            title: "Checks: agent",
            groups: &[CheckGroup::Agent],
            size: (24, 7),
        },
    ];
}

/// The worst status of each check of some groups over time.
fn checks(panel: &CheckPanel) -> Panel {
    let shown: Vec<&str> = CheckId::ALL
        .iter()
        .filter(|check| panel.groups.contains(&check.group()))
        .map(|check| check.label())
        .collect();
    let selected = format!("{SELECTED},check=~\"{}\"", shown.join("|"));
    Panel::states(
        panel.title,
        "Worst status of each check across all exporters. Checks that do not apply to this cluster are left out.",
        format!("{} > 0", worst_status("check", &selected)),
        "{{check}}",
    )
    .value_mappings(STATUS_MAPPINGS)
    .no_value("Nothing to check, or no exporter is scraped")
    .sized(panel.size.0, panel.size.1)
}

/// Single numbers at the top.
fn numbers() -> [Panel; 8] {
    // Without an exporter the panel shows no data rather than zero.
    let or_zero = |query: &str| format!("{query} or 0 * group({INFO}{{{SELECTED}}})");
    let with_severity = |severity: Severity| {
        let all = roots("cluster, namespace, check, mode", SELECTED);
        or_zero(&format!("count({all} == {})", severity_code(severity)))
    };
    let unknown = or_zero(&format!(
        "count(group by (check) (castai_health_check_unknown{{{SELECTED},caused_by=\"\"}}))"
    ));
    [
        Panel::stat("Critical", "Root causes that keep the agent from working.", "short", with_severity(Severity::Critical))
            .thresholds_from_green(&[(1.0, "red")]),
        Panel::stat("Warning", "Root causes that the agent survives.", "short", with_severity(Severity::Warning))
            .thresholds_from_green(&[(1.0, "orange")]),
        Panel::stat("Unknown", "Checks that the agent needs and that return no result, other than because of a root cause.", "short", unknown)
            .thresholds_from_green(&[(1.0, "blue")]),
        Panel::stat(
            "CAST AI last reachable",
            "Time since CAST AI last accepted the agent's API key. CAST AI shows a cluster as disconnected after about five minutes.",
            "s",
            // If it was never reachable, at least since the exporter started.
            format!(
                "time() - max(castai_health_check_last_success_timestamp_seconds{{{SELECTED},check=\"castai_api\"}}) or time() - min(process_start_time_seconds{{{SELECTED}}}) and on () max(castai_health_check_status{{{SELECTED},check=\"castai_api\",status=\"failing\"}}) == 1"
            ),
        )
        .thresholds_from_green(&[(120.0, "orange"), (300.0, "red")])
        .no_value("unknown")
        .decimals(0),
        Panel::stat(
            "Last snapshot",
            "Time since the agent last delivered a snapshot to CAST AI. It reports itself unhealthy after twelve minutes.",
            "s",
            format!("time() - max(castai_health_agent_last_delivery_timestamp_seconds{{{SELECTED}}})"),
        )
        .thresholds_from_green(&[(300.0, "orange"), (720.0, "red")])
        .no_value("unknown")
        .decimals(0),
        Panel::stat(
            "Console status",
            "Status of this cluster in the CAST AI console.",
            "short",
            format!("max by (status) (castai_health_cluster_agent_status{{{SELECTED}}}) == 1"),
        )
        .legend("{{status}}")
        .no_value("unknown")
        .show_name(),
        Panel::stat(
            "Exporters",
            "Exporters that Prometheus scrapes: two with a sidecar and a companion.",
            "short",
            format!("count({INFO}{{{SELECTED}}}) or vector(0)"),
        )
        .thresholds_from_red(&[(1.0, "green")]),
        Panel::stat(
            "Next certificate expiry",
            "Time until the next server certificate expires.",
            "s",
            format!("min(castai_health_tls_certificate_not_after_timestamp_seconds{{{SELECTED}}}) - time()"),
        )
        .thresholds_from_red(&[(604_800.0, "orange"), (1_814_400.0, "green")])
        .no_value("unknown"),
    ]
    .map(|panel| panel.sized(3, 4))
}

/// The root causes, each with its start, its effects and its fix.
fn root_causes(runbook_base: &str) -> Panel {
    // Without an exporter there is nothing to show, which must not look healthy.
    let no_exporter = format!(
        "label_replace(label_replace({} * absent({INFO}{{{SELECTED}}}), \"check\", \"exporter\", \"\", \"\"), \"mode\", \"{NO_EXPORTER}\", \"\", \"\")",
        severity_code(Severity::Critical)
    );
    let failures = format!("({} or {no_exporter})", roots("check, mode", SELECTED));
    Panel::table(
        "Root causes",
        "What is wrong now, since when, and what to do first. If several exporters see a failure, the highest severity counts. Click a problem to open its section of the runbooks.",
        with_texts(&failures),
        &["severity", PROBLEM, FIX, "since", "affects", "check", "mode"],
    )
    .value_column("severity")
    .joined_column("since", root_starts(SELECTED))
    .joined_column("affects", affected_checks(SELECTED))
    .column_words("severity", SEVERITY_WORDS)
    .column_width("severity", 80)
    .column_unit("since", "dateTimeFromNow")
    .empty_cells("since", "unknown")
    .column_width("since", 120)
    .empty_cells("affects", "0")
    .column_width("affects", 70)
    .column_width("check", 150)
    .column_width("mode", 190)
    .problem_column()
    .fix_column()
    .sorted_by(&["severity"])
    .no_value("No failures")
    .sized(24, 8)
    .section_link(runbook_base)
}

/// Panels of what the root causes affect.
fn consequences() -> Panel {
    let failing = format!(
        "max by (caused_by, check, mode) (castai_health_failure{{{SELECTED},caused_by!=\"\"}})"
    );
    let blocked = format!(
        "max by (caused_by, check) (castai_health_check_unknown{{{SELECTED},caused_by!=\"\"}})"
    );
    Panel::table(
        "Also affected",
        "Failures that a root cause explains, and checks that it blocks (mode unknown). Fix the root cause instead.",
        format!(
            "{failing} or on (caused_by, check) label_replace({blocked}, \"mode\", \"unknown\", \"\", \"\")"
        ),
        &["caused_by", "check", "mode"],
    )
    .no_value("Nothing else is affected")
    .sized(10, 7)
}

fn firing_alerts(runbook_base: &str) -> Panel {
    Panel::table(
        "Firing alerts",
        "Alerts of this cluster.",
        alerts(
            "alertname, check, mode, cluster, namespace",
            "cluster=~\"$cluster\"",
        ),
        &[
            "severity",
            "alertname",
            "check",
            "mode",
            "cluster",
            "namespace",
        ],
    )
    .value_column("severity")
    .column_words("severity", SEVERITY_WORDS)
    .column_width("severity", 80)
    .column_width("alertname", 290)
    .column_width("mode", 190)
    .sorted_by(&["severity"])
    .no_value("No firing alerts")
    .sized(14, 7)
    .runbook_link(
        runbook_base,
        "alertname",
        "Runbook",
        "${__data.fields.alertname}",
    )
}
