//! The notification that an alert is expected to send, spelled out as its reader sees it.

use castai_health_exporter::alerting::vantages;
use castai_health_exporter::catalogue::{
    Alert, CheckId, ExporterAlert, FailureMode, Scope, Severity, anchor, first_sentence,
};

use crate::promtool::series::NAMESPACE;

const IN_COMPANION: &str =
    "kubectl -n castai-agent exec deploy/castai-health-exporter -- /castai-health-exporter";
const IN_SIDECAR: &str = "kubectl -n castai-agent exec deploy/castai-agent -c castai-health-exporter -- /castai-health-exporter";

/// Labels and annotations of a firing alert.
#[derive(Clone)]
pub(super) struct Notification {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) annotations: Vec<(&'static str, String)>,
}

/// The exporters that see a failure.
#[derive(Clone, Copy)]
pub(super) enum SeenBy {
    /// Only the sidecar.
    Sidecar,
    /// Only the companion.
    Companion,
    /// Both.
    Both,
}

/// Returns the notification about a failure of an alert's own check.
pub(super) fn of_failure(
    alert: &Alert,
    mode: FailureMode,
    severity: Severity,
    cluster: Option<&str>,
    seen_by: SeenBy,
    runbook_base: &str,
) -> Notification {
    let check = alert.check;
    let by_vantage = check.entry().scope == Scope::Pod;
    let mut place = place(cluster);
    if by_vantage {
        place = format!("{place} {}", seen_by.sentence());
    }
    let command = match seen_by {
        SeenBy::Sidecar if by_vantage => format!("{IN_SIDECAR} check"),
        _ => format!("{IN_COMPANION} check --vantage=companion"),
    };
    let mut lines = vec![first_sentence(mode.entry().meaning), alert.impact];
    if check == CheckId::Components {
        lines.push("Components: evictor");
    }
    let (place, command) = (
        format!("{place} Evidence and fix:"),
        format!("{command} {check}"),
    );
    lines.extend([place.as_str(), &command]);
    let mut labels = place_labels(cluster);
    labels.extend([
        ("check", check.to_string()),
        ("mode", mode.to_string()),
        ("severity", severity.label().to_owned()),
    ]);
    let anchor = format!("#{}", anchor(check, mode));
    Notification {
        labels,
        annotations: vec![
            ("summary", alert.summary.to_owned()),
            ("description", lines.join("\n")),
            runbook(runbook_base, alert.name, &anchor),
        ],
    }
}

/// Returns the notification of an alert that belongs to no single failure mode, in the cluster
/// `one`. `labels` are those besides cluster and namespace; they include `severity`.
pub(super) fn of_exporter_alert(
    alert: ExporterAlert,
    labels: &[(&'static str, &str)],
    runbook_base: &str,
) -> Notification {
    let entry = alert.entry();
    let mut meaning = entry.meaning.to_owned();
    for (label, value) in labels {
        meaning = meaning.replace(&format!("{{{label}}}"), value);
    }
    let check = labels.iter().find(|(name, _)| *name == "check");
    let command = match entry.diagnosis[0].strip_prefix("castai-health-exporter ") {
        Some(arguments) if arguments.starts_with("check") => {
            let check = check.map_or("", |(_, check)| check);
            format!("{IN_COMPANION} check --vantage=companion {check}")
        }
        Some(arguments) => format!("{IN_COMPANION} {arguments}"),
        None => entry.diagnosis[0].to_owned(),
    };
    let cluster = (!alert.is_optional()).then_some("one");
    let place = cluster.map_or_else(String::new, |cluster| format!(" {}", place(Some(cluster))));
    let mut all = cluster.map_or_else(Vec::new, |cluster| place_labels(Some(cluster)));
    all.extend(
        labels
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    let runbook = match runbook(runbook_base, entry.name, "") {
        // The alert has no namespace in which an exporter could be asked.
        ("runbook", command) if alert.is_optional() || alert == ExporterAlert::ExporterAbsent => (
            "runbook",
            command.replace(&format!("{IN_COMPANION} "), "castai-health-exporter "),
        ),
        runbook => runbook,
    };
    Notification {
        labels: all,
        annotations: vec![
            ("summary", entry.summary.to_owned()),
            (
                "description",
                format!("{meaning}\n{}{place} Evidence:\n{command}", entry.impact),
            ),
            runbook,
        ],
    }
}

impl SeenBy {
    fn sentence(self) -> &'static str {
        match self {
            Self::Sidecar => vantages::SIDECAR,
            Self::Companion => vantages::COMPANION,
            Self::Both => vantages::BOTH,
        }
    }
}

fn place(cluster: Option<&str>) -> String {
    let cluster = cluster
        .map(|cluster| format!(", cluster {cluster}"))
        .unwrap_or_default();
    format!("Namespace {NAMESPACE}{cluster}.")
}

fn place_labels(cluster: Option<&str>) -> Vec<(&'static str, String)> {
    let cluster = cluster.map(|cluster| ("cluster", cluster.to_owned()));
    let namespace = ("namespace", NAMESPACE.to_owned());
    cluster.into_iter().chain([namespace]).collect()
}

fn runbook(base: &str, alert: &str, anchor: &str) -> (&'static str, String) {
    if base.is_empty() {
        ("runbook", format!("{IN_COMPANION} explain {alert}"))
    } else {
        ("runbook_url", format!("{base}/{alert}.md{anchor}"))
    }
}
