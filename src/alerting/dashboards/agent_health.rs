//! One cluster in depth.

use serde_json::Value;

use crate::alerting::dashboards::layout::{
    Frame, Row, SELECTED, dashboard as framed, runbooks, variable,
};
use crate::alerting::dashboards::panel::Panel;
use crate::alerting::dashboards::status::{SEVERITY_COLOURS, STATUS_WORDS, worst_status};
use crate::alerting::rules::slo::ERROR_RATIO;
use crate::alerting::settings::Settings;
use crate::catalogue::exporter_alert::OBJECTIVE;
use crate::catalogue::{CheckId, Phase};

const INFO: &str = "castai_health_exporter_info";

pub(super) fn dashboard(settings: &Settings<'_>) -> Value {
    let frame = Frame {
        uid: "castai-agent-health",
        title: "CAST AI agent health",
        description: "Can the CAST AI agent of this cluster do its work, and if not, what is wrong and since when.",
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
            runbooks(settings),
        ],
    };
    let mut rows = vec![answer()];
    rows.extend(
        CheckId::ALL
            .iter()
            .filter(|check| check.entry().phases.contains(&Phase::Tls))
            .map(|check| way(*check)),
    );
    rows.extend([aws(), agent(), objectives(), exporter()]);
    framed(frame, rows)
}

/// The answer in one look, and what was the case when.
fn answer() -> Row {
    let with_status = |status: &str| {
        // Without an exporter there is no answer, and not the answer nought.
        format!(
            "sum(max by (check) (castai_health_check_status{{{SELECTED},status=\"{status}\"}}))"
        )
    };
    let alerts = "ALERTS{alertname=~\"Castai.+\",alertstate=\"firing\",severity!=\"none\",cluster=~\"$cluster\"}";
    Row {
        title: "Is the agent able to work?",
        collapsed: false,
        panels: vec![
            Panel::stat("Failing", "Checks that the agent cannot use now.", "short", with_status("failing"))
                .green_until(&[(1.0, "red")]),
            Panel::stat("Warnings", "Checks with trouble that the agent survives.", "short", with_status("warning"))
                .green_until(&[(1.0, "orange")]),
            Panel::stat("Unknown", "Checks that could not be found out.", "short", with_status("unknown"))
                .green_until(&[(1.0, "blue")]),
            Panel::stat(
                "CAST AI was last fine",
                "How long ago CAST AI last accepted the agent's key. CAST AI calls a cluster disconnected after about five minutes.",
                "s",
                format!("time() - max(castai_health_check_last_success_timestamp_seconds{{{SELECTED},check=\"castai_api\"}})"),
            )
            .green_until(&[(120.0, "orange"), (300.0, "red")])
            .decimals(0),
            Panel::stat(
                "Last snapshot",
                "How long ago the agent delivered to CAST AI; it calls itself unhealthy after twelve minutes.",
                "s",
                format!("time() - max(castai_health_agent_last_delivery_timestamp_seconds{{{SELECTED}}})"),
            )
            .green_until(&[(300.0, "orange"), (720.0, "red")])
            .decimals(0),
            Panel::stat(
                "Console status",
                "What CAST AI shows of this cluster.",
                "short",
                format!("max by (status) (castai_health_cluster_agent_status{{{SELECTED}}}) == 1"),
            )
            .named("{{status}}")
            .by_name(),
            Panel::table(
                "What is wrong",
                "Each failure that holds now, its check, and whether the agent survives it; a click on the mode opens the runbooks.",
                format!(
                    "max by (status, check, mode) (castai_health_failure{{{SELECTED}}} * on (cluster, namespace, job, instance, check) group_left (status) (castai_health_check_status{{{SELECTED},status=~\"failing|warning|unknown\"}} == 1))"
                ),
                &["status", "check", "mode"],
            )
            .coloured("status", &[("failing", "red"), ("warning", "orange"), ("unknown", "blue")])
            .otherwise("No failure is reported")
            .sized(16, 6)
            .linked_at("mode", "All runbooks", "${runbooks}/README.md"),
            Panel::stat(
                "Exporters",
                "Exporters that are scraped; with a sidecar and a companion there are two.",
                "short",
                format!("count({INFO}{{{SELECTED}}}) or vector(0)"),
            )
            .red_until(&[(1.0, "green")])
            .sized(4, 6),
            Panel::stat(
                "First certificate to end",
                "When the next certificate on the way ends.",
                "s",
                format!("min(castai_health_tls_certificate_not_after_timestamp_seconds{{{SELECTED}}}) - time()"),
            )
            .red_until(&[(604_800.0, "orange"), (1_814_400.0, "green")])
            .sized(4, 6),
            Panel::states(
                "Checks",
                "The worst status of each check over all exporters.",
                worst_status("check", SELECTED),
                "{{check}}",
            )
            .worded(STATUS_WORDS)
            .sized(24, 15),
            Panel::states(
                "Failure modes",
                "What exactly is wrong, as settled in the episode. A click opens the explanation.",
                format!("max by (check, mode) (castai_health_failure{{{SELECTED}}})"),
                "{{check}} {{mode}}",
            )
            .worded(&[(1, "holds", "red")])
            .otherwise("No failure was reported in this time")
            .sized(24, 6)
            .linked("All runbooks", "${runbooks}/README.md"),
            Panel::table(
                "Alerts that fire",
                "With severity, check and mode; a click on the name opens the runbook.",
                format!("max by (severity, alertname, check, mode, cluster, namespace) ({alerts})"),
                &["severity", "alertname", "check", "mode", "cluster", "namespace"],
            )
            .coloured("severity", SEVERITY_COLOURS)
            .wide("alertname")
            .otherwise("No alert fires")
            .sized(24, 6)
            .linked_at("alertname", "Runbook", "${runbooks}/${__data.fields.alertname}.md"),
        ],
    }
}

/// The way to a target: phases, targets, certificates.
fn way(check: CheckId) -> Row {
    let of = format!("{SELECTED},check=\"{check}\"");
    let limits = check.entry().limits;
    let patience = limits.of(Phase::Tls).as_secs_f64();
    // What the agent always needs lies open.
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
                "Phases, slowest target",
                "How long each phase of the last attempt took; the line is how long the agent waits for TLS.",
                "s",
                format!("max by (phase) (castai_health_target_phase_seconds{{{of}}})"),
                "{{phase}}",
            )
            .green_until(&[(patience, "red")])
            .beginning_at_zero()
            .painted(&phases_in_colour()),
            Panel::heatmap(
                "TLS handshakes",
                "How many handshakes took how long.",
                format!("sum by (le) (increase({buckets}[$__rate_interval]))"),
            ),
            Panel::lines(
                "Phases, 99th percentile",
                "The slow end of each phase: 99 of 100 attempts are quicker.",
                "s",
                // What did not happen has no duration, which is not a number and would stand in the legend.
                format!("histogram_quantile(0.99, sum by (le, phase) (rate(castai_health_phase_duration_seconds_bucket{{{of}}}[$__rate_interval]))) >= 0"),
                "{{phase}}",
            )
            .beginning_at_zero()
            .painted(&phases_in_colour()),
            Panel::states(
                "Targets",
                "Whether anything was wrong with each address in the last attempt.",
                format!("min by (target) (castai_health_target_up{{{of}}})"),
                "{{target}}",
            )
            .worded(&[(0, "down", "red"), (1, "up", "green")])
            .sized(16, 6),
            Panel::lines(
                "Failed attempts",
                "The share of attempts that failed.",
                "percentunit",
                format!(
                    "sum(rate(castai_health_check_failures_total{{{of}}}[$__rate_interval])) / (sum(rate(castai_health_check_attempts_total{{{of}}}[$__rate_interval])) > 0)"
                ),
                "failed",
            )
            .at_least(0.0, 1.0)
            .painted(&[("failed", "red")])
            .sized(8, 6),
        ],
    }
}

/// Each phase in its own colour, whichever of them took place.
fn phases_in_colour() -> Vec<(&'static str, &'static str)> {
    let colour = |phase: Phase| match phase {
        Phase::Resolve => "blue",
        Phase::Connect => "green",
        Phase::Proxy => "purple",
        Phase::Tls => "orange",
        Phase::Request => "yellow",
    };
    Phase::ALL
        .iter()
        .map(|phase| (phase.label(), colour(*phase)))
        .collect()
}

fn aws() -> Row {
    Row {
        title: "Cloud",
        collapsed: false,
        panels: vec![
            Panel::table(
                "Identity",
                "As whom the agent speaks to AWS.",
                format!("max by (account, role, credential_source) (castai_health_aws_identity_info{{{SELECTED}}})"),
                &["account", "role", "credential_source"],
            ),
            Panel::lines(
                "Credentials end in",
                "How long the agent's AWS credentials, or the token that it exchanges for them, still hold.",
                "s",
                format!("min(castai_health_aws_credentials_expiry_timestamp_seconds{{{SELECTED}}}) - time()"),
                "credentials",
            )
            .beginning_at_zero()
            .sized(12, 8),
            Panel::lines(
                "Nodes by purchase option",
                "As the agent can tell them.",
                "short",
                format!("max by (lifecycle) (castai_health_nodes{{{SELECTED}}})"),
                "{{lifecycle}}",
            )
            .stacked()
            .beginning_at_zero()
            .decimals(0),
            Panel::lines(
                "Nodes of unknown purchase option",
                "Shown as on-demand by CAST AI, whatever they are.",
                "short",
                format!("max(castai_health_nodes_lifecycle_unresolved{{{SELECTED}}})"),
                "unresolved",
            )
            .at_least(0.0, 1.0)
            .decimals(0),
            Panel::lines(
                "Clock",
                "This clock minus the clock of each server; AWS refuses signatures beyond five minutes.",
                "s",
                format!("max by (source) (castai_health_clock_skew_seconds{{{SELECTED}}})"),
                "{{source}}",
            )
            .at_least(-5.0, 5.0),
        ],
    }
}

fn agent() -> Row {
    Row {
        title: "Agent",
        collapsed: false,
        panels: vec![
            Panel::table(
                "Versions",
                "The agent that runs here.",
                format!("max by (version) (castai_health_agent_info{{{SELECTED}}})"),
                &["version"],
            )
            .sized(8, 8),
            Panel::lines(
                "Restarts",
                "Restarts of the agent's containers.",
                "short",
                format!("max(increase(castai_health_agent_restarts_total{{{SELECTED}}}[$__rate_interval]))"),
                "restarts",
            )
            .at_least(0.0, 1.0)
            .decimals(0),
            Panel::lines(
                "Image pulls that fail",
                "Pods that cannot pull their image.",
                "short",
                format!("max by (registry, mode) (castai_health_image_pull_failures{{{SELECTED}}})"),
                "{{registry}} {{mode}}",
            )
            .otherwise("No failing pull is reported")
            .at_least(0.0, 1.0)
            .decimals(0),
        ],
    }
}

fn objectives() -> Row {
    let limit = 1.0 - OBJECTIVE;
    let ratio = |window: &str| {
        format!(
            "max by (check) ({ERROR_RATIO}{{cluster=~\"$cluster\",namespace=~\"$namespace\",window=\"{window}\"}})"
        )
    };
    Row {
        title: "Objectives",
        collapsed: true,
        panels: vec![
            Panel::lines(
                "Burn rate",
                "How many times as fast as the objective of 99 % allows the budget for errors is used; lines at 1, 6 and 14.4.",
                "short",
                format!("{} / {limit:.3}", ratio("1h")),
                "{{check}} 1h",
            )
            .and(format!("{} / {limit:.3}", ratio("6h")), "{{check}} 6h")
            .and(format!("{} / {limit:.3}", ratio("3d")), "{{check}} 3d")
            .green_until(&[(1.0, "yellow"), (6.0, "orange"), (14.4, "red")])
            .sized(12, 8),
            Panel::lines(
                "Failed attempts",
                "The share of attempts that failed, per check.",
                "percentunit",
                format!(
                    "sum by (check) (rate(castai_health_check_failures_total{{{SELECTED}}}[$__rate_interval])) / (sum by (check) (rate(castai_health_check_attempts_total{{{SELECTED}}}[$__rate_interval])) > 0)"
                ),
                "{{check}}",
            )
            .at_least(0.0, 1.0)
            .sized(12, 8),
        ],
    }
}

fn exporter() -> Row {
    Row {
        title: "Exporter",
        collapsed: true,
        panels: vec![
            Panel::table(
                "Exporters",
                "Where each stands and what it runs.",
                format!("max by (instance, vantage, scope, agent_environment) ({INFO}{{{SELECTED}}})"),
                &["instance", "vantage", "scope", "agent_environment"],
            ),
            Panel::table(
                "Versions",
                "What each was built from.",
                format!("max by (instance, version, revision) (castai_health_build_info{{{SELECTED}}})"),
                &["instance", "version", "revision"],
            ),
            Panel::lines(
                "Scrape",
                "How long Prometheus takes to scrape.",
                "s",
                format!("max by (instance) (scrape_duration_seconds{{{SELECTED}}})"),
                "{{instance}}",
            ),
            Panel::lines(
                "Memory",
                "Resident memory.",
                "bytes",
                format!("max by (instance) (process_resident_memory_bytes{{{SELECTED}}})"),
                "{{instance}}",
            ),
            Panel::lines(
                "CPU",
                "CPU time per second.",
                "s",
                format!("sum by (instance) (rate(process_cpu_seconds_total{{{SELECTED}}}[$__rate_interval]))"),
                "{{instance}}",
            ),
            Panel::lines(
                "Disturbed attempts",
                "Attempts in which the exporter itself was throttled or late, and those that ended in a bug.",
                "ops",
                format!("sum(rate(castai_health_check_disturbed_total{{{SELECTED}}}[$__rate_interval]))"),
                "disturbed",
            )
            .and(format!("sum(rate(castai_health_check_panics_total{{{SELECTED}}}[$__rate_interval]))"), "panics"),
        ],
    }
}
