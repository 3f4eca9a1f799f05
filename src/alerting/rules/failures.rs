//! Rules per check: recorded failures and one alert per failure mode.
//!
//! Three steps: the severity rank of each failure per vantage, kept while an exporter restarts or its
//! check is unknown; both vantages together; one series per severity, which the alerts select.

use std::time::Duration;

use crate::alerting::generator_options::GeneratorOptions;
use crate::alerting::rules::group::{
    AlertRule, Group, KEEP_FIRING_FOR, Rule, escape_template, severity_label,
};
use crate::alerting::time_scale::TimeScale;
use crate::alerting::visibility::Visibility;
use crate::catalogue::alert::ALERTS;
use crate::catalogue::{Alert, CheckId, FailureMode, Scope, Severity, alert, remedy, runbook_url};

/// Time for which a failure is kept while its exporter is gone.
const RETENTION: Duration = Duration::from_mins(15);

/// A check whose attempts alternate between failing and warning counts as failing.
const STEADY_WARNING: Duration = Duration::from_mins(3);

/// Failures per vantage; the value is the rank of the severity.
const RANK: &str = "cluster_namespace_vantage_check_mode:castai_health_failure:rank";
/// Failures of both vantages; the value is ten times the rank plus the visibility.
const RANK_AND_VISIBILITY: &str =
    "cluster_namespace_check_mode:castai_health_failure:rank_visibility";
/// Failures by severity; the value is the visibility.
const BY_SEVERITY: &str = "cluster_namespace_check_mode_severity:castai_health_failure:visibility";

const VANTAGES: [&str; 2] = ["sidecar", "companion"];
const INSTANCE: &str = "cluster, namespace, job, instance";

/// Returns one group per check that has alerts.
pub fn groups(settings: &GeneratorOptions<'_>) -> Vec<Group> {
    let with_alerts = |check: &&CheckId| ALERTS.iter().any(|alert| alert.check == **check);
    CheckId::ALL
        .iter()
        .filter(with_alerts)
        .map(|check| group(*check, settings))
        .collect()
}

fn group(check: CheckId, settings: &GeneratorOptions<'_>) -> Group {
    let record = |name: &str, label: Option<(&'static str, String)>, expr: String| Rule::Record {
        name: name.to_owned(),
        labels: label.into_iter().collect(),
        expr,
    };
    let mut rules = Vec::new();
    for vantage in VANTAGES {
        rules.push(record(
            RANK,
            Some(("vantage", vantage.to_owned())),
            rank(check, vantage, settings.time_scale),
        ));
    }
    rules.push(record(
        RANK_AND_VISIBILITY,
        None,
        rank_and_visibility(check),
    ));
    for (severity, from, below) in [
        (Severity::Critical, 30, 40),
        (Severity::Warning, 20, 30),
        (Severity::Info, 10, 20),
    ] {
        let of = format!("{RANK_AND_VISIBILITY}{{check=\"{check}\"}}");
        rules.push(record(
            BY_SEVERITY,
            Some(severity_label(severity)),
            format!("({of} >= {from} < {below}) % 10"),
        ));
    }
    for alert in ALERTS.iter().filter(|alert| alert.check == check) {
        rules.extend(
            alert
                .modes
                .iter()
                .map(|mode| Rule::Alert(alert_rule(alert, *mode, settings))),
        );
    }
    Group {
        name: check.label().to_owned(),
        rules,
    }
}

/// Returns the rank of each failure of a vantage: 3 critical, 2 warning, 1 info.
///
/// The previous rank is kept while an exporter restarts and while its check is unknown afterwards.
fn rank(check: CheckId, vantage: &str, time_scale: TimeScale) -> String {
    let from_vantage =
        format!("and on ({INSTANCE}) castai_health_exporter_info{{vantage=\"{vantage}\"}}");
    let failure = format!("castai_health_failure{{check=\"{check}\"}} {from_vantage}");
    let same_check = format!("on ({INSTANCE}, check)");
    let steady = time_scale.format(STEADY_WARNING);
    let retention = time_scale.format(RETENTION);
    format!(
        "max by (cluster, namespace, check, mode) (
    3 * (
      {failure}
      and {same_check} castai_health_check_episode_start_timestamp_seconds{{check=\"{check}\"}}
      and {same_check} castai_health_check_need{{check=\"{check}\",need=\"start\"}} == 1
      unless {same_check} min_over_time(castai_health_check_status{{check=\"{check}\",status=\"warning\"}}[{steady}]) == 1
    )
  or
    1 * ({failure} and {same_check} castai_health_check_need{{check=\"{check}\",need=\"none\"}} == 1)
  or
    2 * ({failure})
)
or
(
  max without (vantage) ({RANK}{{check=\"{check}\",vantage=\"{vantage}\"}})
  unless on (cluster, namespace, check) ({failure})
  unless on (cluster, namespace, check)
    (castai_health_check_status{{check=\"{check}\",status=~\"ok|not_applicable\"}} == 1 {from_vantage})
  and on (cluster, namespace, check)
    max_over_time(castai_health_check_status{{check=\"{check}\",status=\"unknown\"}}[{retention}])
)"
    )
}

/// Returns ten times the worst rank of both vantages plus the visibility.
fn rank_and_visibility(check: CheckId) -> String {
    let of = |vantage: &str| {
        format!("max without (vantage) ({RANK}{{check=\"{check}\",vantage=\"{vantage}\"}})")
    };
    if check.entry().scope == Scope::Cluster {
        return format!(
            "max by (cluster, namespace, check, mode) ({RANK}{{check=\"{check}\"}}) * 10"
        );
    }
    let [sidecar, companion] = VANTAGES.map(of);
    let fine = |vantage: &str| {
        format!(
            "(castai_health_check_status{{check=\"{check}\",status=\"ok\"}} == 1 and on ({INSTANCE}) castai_health_exporter_info{{vantage=\"{vantage}\"}})"
        )
    };
    let [sidecar_fine, companion_fine] = VANTAGES.map(fine);
    let both = format!("max without (vantage) ({RANK}{{check=\"{check}\"}})");
    let failures = |visibility: Visibility| match visibility {
        Visibility::SomeSidecars => {
            format!("({sidecar}\n    and on (cluster, namespace, check) {sidecar_fine})")
        }
        Visibility::Both => format!("({both} and {sidecar} and {companion})"),
        Visibility::SidecarOnly => {
            format!("({sidecar}\n    and on (cluster, namespace, check) {companion_fine})")
        }
        Visibility::Sidecar => sidecar.clone(),
        Visibility::CompanionOnly => {
            format!("({companion}\n    and on (cluster, namespace, check) {sidecar_fine})")
        }
        Visibility::Companion | Visibility::Cluster => companion.clone(),
    };
    let cases: Vec<String> = Visibility::POD_SCOPE
        .iter()
        .map(|visibility| {
            let failures = failures(*visibility);
            let failures = if visibility.agent_survives() {
                format!("clamp_max({failures}, 2)")
            } else {
                failures
            };
            format!("10 * {failures}\n  + {}", visibility.code())
        })
        .collect();
    cases.join("\nor\n")
}

fn alert_rule(
    alert: &'static Alert,
    mode: FailureMode,
    settings: &GeneratorOptions<'_>,
) -> AlertRule {
    let check = alert.check;
    let template = if check.entry().scope == Scope::Cluster {
        String::new()
    } else {
        Visibility::template()
    };
    AlertRule {
        name: alert.name,
        labels: vec![
            ("check", check.label().to_owned()),
            ("mode", mode.label().to_owned()),
        ],
        expr: format!("{BY_SEVERITY}{{check=\"{check}\",mode=\"{mode}\"}} >= 0"),
        for_duration: alert::for_duration(check, mode),
        keep_firing_for: KEEP_FIRING_FOR,
        window: Duration::ZERO,
        check: Some(check.label()),
        mode: Some(mode.label()),
        annotations: annotations(alert, mode, &template, settings.runbook_base),
    }
}

/// Returns the annotations of an alert, with a sentence about the vantages that see it.
pub fn annotations(
    alert: &Alert,
    mode: FailureMode,
    visibility: &str,
    runbook_base: &str,
) -> Vec<(&'static str, String)> {
    let entry = mode.entry();
    let url =
        runbook_url(runbook_base, alert.check, mode).expect("the pair of an alert has a runbook");
    vec![
        ("summary", escape_template(alert.summary)),
        (
            "description",
            format!("{}{visibility}", escape_template(entry.meaning)),
        ),
        ("impact", escape_template(alert.impact)),
        ("remedy", escape_template(remedy(alert.check, mode))),
        ("runbook_url", url),
    ]
}
