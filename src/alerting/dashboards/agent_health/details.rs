//! Rows with details: connections, cloud, agent, objectives and the exporter itself.

use crate::alerting::dashboards::layout::{INFO, Row, SELECTED};
use crate::alerting::dashboards::panel::Panel;
use crate::alerting::dashboards::status::phase_colours;
use crate::alerting::rules::slo::ERROR_RATIO;
use crate::catalogue::exporter_alert::SLO_TARGET;
use crate::catalogue::{CheckId, Phase};

/// Connections to the targets of a check.
pub(super) fn connection(check: CheckId) -> Row {
    let of = format!("{SELECTED},check=\"{check}\"");
    let timeouts = check.entry().timeouts;
    let timeout = timeouts.of_agent(Phase::Tls).as_secs_f64();
    // Rows of checks that every agent needs are expanded.
    let (title, collapsed) = match check {
        CheckId::Apiserver => ("Kubernetes API server", false),
        CheckId::CastaiApi => ("CAST AI", false),
        CheckId::StsIdentity => ("AWS STS", true),
        CheckId::Ec2Api => ("AWS EC2", true),
        other => (other.label(), true),
    };
    let buckets = format!("castai_health_phase_duration_seconds_bucket{{{of},phase=\"tls\"}}");
    Row {
        title,
        collapsed,
        panels: vec![
            Panel::lines(
                "Phase durations, slowest target",
                "Duration of each phase in the last attempt. The line is the agent's TLS timeout.",
                "s",
                format!("max by (phase) (castai_health_target_phase_duration_seconds{{{of}}})"),
                "{{phase}}",
            )
            .thresholds_from_green(&[(timeout, "red")])
            .axis_from_zero()
            .series_colours(&phase_colours()),
            Panel::heatmap(
                "TLS handshakes",
                "Distribution of TLS handshake durations.",
                format!("sum by (le) (increase({buckets}[$__rate_interval]))"),
            ),
            Panel::lines(
                "Phase durations, 99th percentile",
                "99 of 100 attempts are faster.",
                "s",
                // Phases without samples are NaN and would appear in the legend.
                format!("histogram_quantile(0.99, sum by (le, phase) (rate(castai_health_phase_duration_seconds_bucket{{{of}}}[$__rate_interval]))) >= 0"),
                "{{phase}}",
            )
            .axis_from_zero()
            .series_colours(&phase_colours()),
            Panel::states(
                "Targets",
                "Whether the last attempt at each address succeeded.",
                format!("min by (target) (castai_health_target_up{{{of}}})"),
                "{{target}}",
            )
            .value_mappings(&[(0, "down", "red"), (1, "up", "green")])
            .sized(16, 6),
            Panel::lines(
                "Failed attempts",
                "Share of attempts that failed.",
                "percentunit",
                format!(
                    "sum(rate(castai_health_check_failures_total{{{of}}}[$__rate_interval])) / (sum(rate(castai_health_check_attempts_total{{{of}}}[$__rate_interval])) > 0)"
                ),
                "failed",
            )
            .soft_axis(0.0, 1.0)
            .series_colours(&[("failed", "red")])
            .sized(8, 6),
        ],
    }
}

pub(super) fn cloud() -> Row {
    Row {
        title: "Cloud",
        collapsed: false,
        panels: vec![
            Panel::table(
                "Identity",
                "AWS identity of the agent.",
                format!("max by (account, role, credential_source) (castai_health_aws_identity_info{{{SELECTED}}})"),
                &["account", "role", "credential_source"],
            ),
            Panel::lines(
                "AWS credentials expiry",
                "Time until the agent's AWS credentials, or the token exchanged for them, expire.",
                "s",
                format!("min(castai_health_aws_credentials_expiry_timestamp_seconds{{{SELECTED}}}) - time()"),
                "credentials",
            )
            .axis_from_zero()
            .sized(12, 8),
            Panel::lines(
                "Nodes by purchase option",
                "Purchase options as the agent determines them.",
                "short",
                format!("max by (lifecycle) (castai_health_nodes{{{SELECTED}}})"),
                "{{lifecycle}}",
            )
            .stacked()
            .axis_from_zero()
            .decimals(0),
            Panel::lines(
                "Nodes with unknown purchase option",
                "CAST AI shows these nodes as on-demand.",
                "short",
                format!("max(castai_health_nodes_lifecycle_unresolved{{{SELECTED}}})"),
                "unresolved",
            )
            .soft_axis(0.0, 1.0)
            .decimals(0),
            Panel::lines(
                "Clock skew",
                "Local clock minus the clock of each server. AWS rejects signatures from five minutes on.",
                "s",
                format!("max by (source) (castai_health_clock_skew_seconds{{{SELECTED}}})"),
                "{{source}}",
            )
            .soft_axis(-5.0, 5.0),
        ],
    }
}

pub(super) fn agent() -> Row {
    Row {
        title: "Agent",
        collapsed: false,
        panels: vec![
            Panel::table(
                "Versions",
                "Agent versions running in this cluster.",
                format!("max by (version) (castai_health_agent_info{{{SELECTED}}})"),
                &["version"],
            )
            .sized(8, 8),
            Panel::lines(
                "Restarts",
                "Container restarts of the agent.",
                "short",
                format!("max(increase(castai_health_agent_restarts_total{{{SELECTED}}}[$__rate_interval]))"),
                "restarts",
            )
            .soft_axis(0.0, 1.0)
            .decimals(0),
            Panel::lines(
                "Failing image pulls",
                "Pods that cannot pull their image.",
                "short",
                format!("max by (registry, mode) (castai_health_image_pull_failures{{{SELECTED}}})"),
                "{{registry}} {{mode}}",
            )
            .no_value("No failing image pulls")
            .soft_axis(0.0, 1.0)
            .decimals(0),
        ],
    }
}

pub(super) fn objectives() -> Row {
    let limit = 1.0 - SLO_TARGET;
    let ratio = |recorded: &str, window: &str| {
        format!(
            "max by (check) (avg_over_time({ERROR_RATIO}{{cluster=~\"$cluster\",namespace=~\"$namespace\",window=\"{recorded}\"}}[{window}])) / {limit:.3}"
        )
    };
    Row {
        title: "Objectives",
        collapsed: true,
        panels: vec![
            Panel::lines(
                "Burn rate",
                "Error budget consumption relative to the 99% objective. The lines are the alert thresholds 3, 6 and 14.4.",
                "short",
                ratio("5m", "1h"),
                "{{check}} 1h",
            )
            .query(ratio("30m", "6h"), "{{check}} 6h")
            .query(ratio("30m", "1d"), "{{check}} 1d")
            .thresholds_from_green(&[(3.0, "yellow"), (6.0, "orange"), (14.4, "red")])
            .sized(12, 8),
            Panel::lines(
                "Failed attempts",
                "Share of failed attempts per check.",
                "percentunit",
                format!(
                    "sum by (check) (rate(castai_health_check_failures_total{{{SELECTED}}}[$__rate_interval])) / (sum by (check) (rate(castai_health_check_attempts_total{{{SELECTED}}}[$__rate_interval])) > 0)"
                ),
                "{{check}}",
            )
            .soft_axis(0.0, 1.0)
            .sized(12, 8),
        ],
    }
}

pub(super) fn exporter() -> Row {
    Row {
        title: "Exporter",
        collapsed: true,
        panels: vec![
            Panel::table(
                "Exporters",
                "Vantage and scope of each exporter.",
                format!("max by (instance, vantage, scope, agent_environment) ({INFO}{{{SELECTED}}})"),
                &["instance", "vantage", "scope", "agent_environment"],
            ),
            Panel::table(
                "Versions",
                "Version and revision of each exporter.",
                format!("max by (instance, version, revision) (castai_health_build_info{{{SELECTED}}})"),
                &["instance", "version", "revision"],
            ),
            Panel::lines(
                "Scrape duration",
                "Time Prometheus takes to scrape each exporter.",
                "s",
                format!("max by (instance) (scrape_duration_seconds{{{SELECTED}}})"),
                "{{instance}}",
            ),
            Panel::lines(
                "Memory",
                "Resident memory of each exporter.",
                "bytes",
                format!("max by (instance) (process_resident_memory_bytes{{{SELECTED}}})"),
                "{{instance}}",
            ),
            Panel::lines(
                "CPU",
                "CPU time per second of each exporter.",
                "s",
                format!("sum by (instance) (rate(process_cpu_seconds_total{{{SELECTED}}}[$__rate_interval]))"),
                "{{instance}}",
            ),
            Panel::lines(
                "Throttled attempts",
                "Attempts during which the exporter itself was CPU-throttled or delayed, and attempts that panicked.",
                "ops",
                format!("sum(rate(castai_health_check_throttled_total{{{SELECTED}}}[$__rate_interval])) or 0 * group({INFO}{{{SELECTED}}})"),
                "throttled",
            )
            .query(format!("sum(rate(castai_health_check_panics_total{{{SELECTED}}}[$__rate_interval])) or 0 * group({INFO}{{{SELECTED}}})"), "panics"),
        ],
    }
}
