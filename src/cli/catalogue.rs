//! `catalogue`: lists checks, failure modes, alerts and metrics as text or JSON.

use serde_json::{Value, json};

use crate::catalogue::alert::{ALERTS, modes_of};
use crate::catalogue::metric::METRICS;
use crate::catalogue::permission::{PERMISSIONS, RoleScope};
use crate::catalogue::relation::RELATIONS;
use crate::catalogue::{CheckId, Effect, ExporterAlert, FailureMode, Relation};
use crate::cli::args::catalogue::CatalogueArgs;
use crate::cli::args::output::OutputFormat;
use crate::cli::exit::Exit;
use crate::cli::output::print;

/// Version of the JSON schema, raised by incompatible changes.
const SCHEMA_VERSION: u32 = 1;

pub(super) fn run(options: &CatalogueArgs) -> Exit {
    print(&match options.output {
        OutputFormat::Text => as_text(),
        OutputFormat::Json => format!("{:#}\n", as_json()),
    });
    Exit::Success
}

fn as_text() -> String {
    let checks = CheckId::ALL.iter();
    let checks = checks.map(|check| row(check.label(), check.entry().question));
    let modes = FailureMode::ALL.iter();
    let modes = modes.map(|mode| row(mode.label(), mode.entry().meaning));
    let own = ExporterAlert::ALL.iter().map(|alert| alert.entry());
    let alerts = ALERTS
        .iter()
        .map(|alert| row(alert.name, alert.summary))
        .chain(own.map(|alert| row(alert.name, alert.summary)));
    let metrics = METRICS.iter();
    let metrics = metrics.map(|metric| row(&metric.full_name(), metric.help));
    [
        section("CHECKS", checks),
        section("FAILURE MODES", modes),
        section("ALERTS", alerts),
        section("METRICS", metrics),
    ]
    .join("\n")
}

fn section(title: &str, rows: impl Iterator<Item = String>) -> String {
    std::iter::once(format!("{title}\n")).chain(rows).collect()
}

fn row(name: &str, description: &str) -> String {
    format!("  {name:<40} {description}\n")
}

fn as_json() -> Value {
    json!({
        "schema_version": SCHEMA_VERSION,
        "checks": CheckId::ALL.iter().map(|check| check_json(*check)).collect::<Vec<_>>(),
        "modes": FailureMode::ALL.iter().map(|mode| mode_json(*mode)).collect::<Vec<_>>(),
        "alerts": ALERTS.iter().map(|alert| json!({
            "alert": alert.name,
            "check": alert.check.label(),
            "modes": labels(alert.modes),
            "summary": alert.summary,
            "impact": alert.impact,
            "diagnosis": alert.diagnosis,
        })).collect::<Vec<_>>(),
        "exporter_alerts": ExporterAlert::ALL.iter().map(|alert| exporter_alert_json(*alert)).collect::<Vec<_>>(),
        "relations": RELATIONS.iter().map(relation_json).collect::<Vec<_>>(),
        "permissions": PERMISSIONS.iter().map(|permission| {
            let namespace = match permission.scope {
                RoleScope::Cluster => None,
                RoleScope::AgentNamespace => Some("castai-agent"),
                RoleScope::Namespace(name) => Some(name),
            };
            json!({
                "group": permission.group,
                "resource": permission.resource,
                "verbs": permission.verbs,
                "namespace": namespace,
                "names": permission.names,
                "checks": permission.checks.iter().map(|check| check.label()).collect::<Vec<_>>(),
                "purpose": permission.purpose,
            })
        }).collect::<Vec<_>>(),
        "metrics": METRICS.iter().map(|metric| json!({
            "name": metric.full_name(),
            "type": metric.kind.label(),
            "unit": metric.unit,
            "help": metric.help,
            "labels": metric.labels.iter().map(|label| json!({
                "name": label.name, "values": label.values.closed(),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn relation_json(relation: &Relation) -> Value {
    let (effect, modes) = match relation.effect {
        Effect::Fails(modes) => ("fails", modes),
        Effect::FailsAlike => ("fails", relation.modes),
        Effect::Blocks => ("blocks", &[][..]),
    };
    json!({
        "cause": relation.cause.label(),
        "cause_modes": labels(relation.modes),
        "affected": relation.affected.label(),
        "effect": effect,
        "affected_modes": labels(modes),
        "same_mode": matches!(relation.effect, Effect::FailsAlike),
        "at_any_severity": relation.at_any_severity,
    })
}

pub(super) fn exporter_alert_json(alert: ExporterAlert) -> Value {
    let entry = alert.entry();
    json!({
        "alert": entry.name,
        "severity": entry.severity.label(),
        "summary": entry.summary,
        "meaning": entry.meaning,
        "impact": entry.impact,
        "diagnosis": entry.diagnosis,
        "remedy": alert.remedy().as_str(),
    })
}

pub(super) fn check_json(check: CheckId) -> Value {
    let entry = check.entry();
    let mut modes = labels(&modes_of(check).collect::<Vec<_>>());
    modes.sort_unstable();
    modes.dedup();
    json!({
        "check": entry.label,
        "question": entry.question,
        "scope": entry.scope.label(),
        "interval_seconds": entry.interval.as_secs_f64(),
        "prerequisites": entry.prerequisites.iter().map(|check| check.label()).collect::<Vec<_>>(),
        "phases": entry.phases.iter().map(|phase| phase.label()).collect::<Vec<_>>(),
        "modes": modes,
    })
}

fn mode_json(mode: FailureMode) -> Value {
    let entry = mode.entry();
    json!({
        "mode": entry.label, "meaning": entry.meaning, "distinguishing": entry.distinguishing,
        "remedy": mode.remedy().as_str(),
    })
}

fn labels(modes: &[FailureMode]) -> Vec<&'static str> {
    modes.iter().map(|mode| mode.label()).collect()
}
