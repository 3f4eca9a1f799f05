//! The rules of a check: what is recorded of its failures, and one alert per failure mode.
//!
//! Three steps. First the failures of each vantage with their rank, remembered while an exporter restarts or cannot
//! find out. Then both vantages together. Last the severity, of which each pair's alert is one series.

use std::time::Duration;

use crate::alerting::rules::group::{
    AlertRule, Group, KEEP_FIRING_FOR, Rule, escape_template, severity_label,
};
use crate::alerting::settings::Settings;
use crate::alerting::time_scale::TimeScale;
use crate::alerting::visibility::Visibility;
use crate::catalogue::alert::ALERTS;
use crate::catalogue::{Alert, CheckId, FailureMode, Scope, Severity, alert, remedy, runbook_url};

/// How long a failure is remembered when its exporter is gone.
const REMEMBERED: Duration = Duration::from_mins(15);

/// A check whose attempts fail and warn in turn counts as failing.
const WARNS_STEADILY: Duration = Duration::from_mins(3);

/// The failures of each vantage; the value is the rank of the severity.
pub const RANK: &str = "cluster_namespace_vantage_check_mode:castai_health_failure:rank";
/// The failures of both vantages; the value is ten times the rank, and the place.
const PLACED: &str = "cluster_namespace_check_mode:castai_health_failure:rank_place";
/// The failures that people are told of; the value is the place.
pub const TOLD: &str = "cluster_namespace_check_mode_severity:castai_health_failure:place";

const VANTAGES: [&str; 2] = ["sidecar", "companion"];
const INSTANCE: &str = "cluster, namespace, job, instance";

/// Returns one group per check that has alerts.
pub fn groups(settings: &Settings<'_>) -> Vec<Group> {
    let with_alerts = |check: &&CheckId| ALERTS.iter().any(|alert| alert.check == **check);
    CheckId::ALL
        .iter()
        .filter(with_alerts)
        .map(|check| of_check(*check, settings))
        .collect()
}

fn of_check(check: CheckId, settings: &Settings<'_>) -> Group {
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
    rules.push(record(PLACED, None, placed(check)));
    for (severity, from, below) in [
        (Severity::Critical, 30, 40),
        (Severity::Warning, 20, 30),
        (Severity::Info, 10, 20),
    ] {
        let of = format!("{PLACED}{{check=\"{check}\"}}");
        rules.push(record(
            TOLD,
            Some(severity_label(severity)),
            format!("({of} >= {from} < {below}) % 10"),
        ));
    }
    for alert in ALERTS.iter().filter(|alert| alert.check == check) {
        rules.extend(
            alert
                .modes
                .iter()
                .map(|mode| Rule::Alert(of_pair(alert, *mode, settings))),
        );
    }
    Group {
        name: check.label().to_owned(),
        rules,
    }
}

/// The rank of each failure of a vantage: 3 critical, 2 warning, 1 info.
///
/// What was known before is kept while no exporter of the vantage says anything else: while it restarts, and while it
/// is unknown after a restart.
fn rank(check: CheckId, vantage: &str, time_scale: TimeScale) -> String {
    let stands =
        format!("and on ({INSTANCE}) castai_health_exporter_info{{vantage=\"{vantage}\"}}");
    let failure = format!("castai_health_failure{{check=\"{check}\"}} {stands}");
    let same = format!("on ({INSTANCE}, check)");
    let warns = time_scale.format(WARNS_STEADILY);
    let remembered = time_scale.format(REMEMBERED);
    format!(
        "max by (cluster, namespace, check, mode) (
    3 * (
      {failure}
      and {same} castai_health_check_episode_start_timestamp_seconds{{check=\"{check}\"}}
      and {same} castai_health_check_need{{check=\"{check}\",need=\"start\"}} == 1
      unless {same} min_over_time(castai_health_check_status{{check=\"{check}\",status=\"warning\"}}[{warns}]) == 1
    )
  or
    1 * ({failure} and {same} castai_health_check_need{{check=\"{check}\",need=\"none\"}} == 1)
  or
    2 * ({failure})
)
or
(
  max without (vantage) ({RANK}{{check=\"{check}\",vantage=\"{vantage}\"}})
  unless on (cluster, namespace, check) ({failure})
  unless on (cluster, namespace, check)
    (castai_health_check_status{{check=\"{check}\",status=~\"ok|not_applicable\"}} == 1 {stands})
  and on (cluster, namespace, check)
    max_over_time(castai_health_check_status{{check=\"{check}\",status=\"unknown\"}}[{remembered}])
)"
    )
}

/// The worst rank of both vantages, ten times, and the place that the two of them make.
fn placed(check: CheckId) -> String {
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
    let held = |place: Visibility| match place {
        Visibility::SomePods => {
            format!("({sidecar}\n    and on (cluster, namespace, check) {sidecar_fine})")
        }
        Visibility::Everywhere => format!("({both} and {sidecar} and {companion})"),
        Visibility::PodOnly => {
            format!("({sidecar}\n    and on (cluster, namespace, check) {companion_fine})")
        }
        Visibility::Pod => sidecar.clone(),
        Visibility::BesideOnly => {
            format!("({companion}\n    and on (cluster, namespace, check) {sidecar_fine})")
        }
        Visibility::Beside | Visibility::Cluster => companion.clone(),
    };
    let cases: Vec<String> = Visibility::OF_PODS
        .iter()
        .map(|place| {
            let held = held(*place);
            let held = if place.survived() {
                format!("clamp_max({held}, 2)")
            } else {
                held
            };
            format!("10 * {held}\n  + {}", place.code())
        })
        .collect();
    cases.join("\nor\n")
}

fn of_pair(alert: &'static Alert, mode: FailureMode, settings: &Settings<'_>) -> AlertRule {
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
        expr: format!("{TOLD}{{check=\"{check}\",mode=\"{mode}\"}} >= 0"),
        patience: alert::patience(check, mode),
        keep_firing_for: KEEP_FIRING_FOR,
        window: Duration::ZERO,
        check: Some(check.label()),
        mode: Some(mode.label()),
        annotations: annotations(alert, mode, &template, settings.runbook_base),
    }
}

/// What people are told of a pair, with these words about the place.
pub fn annotations(
    alert: &Alert,
    mode: FailureMode,
    place: &str,
    runbook_base: &str,
) -> Vec<(&'static str, String)> {
    let entry = mode.entry();
    let url =
        runbook_url(runbook_base, alert.check, mode).expect("the pair of an alert has a runbook");
    vec![
        ("summary", escape_template(alert.summary)),
        (
            "description",
            format!("{}{place}", escape_template(entry.meaning)),
        ),
        ("impact", escape_template(alert.impact)),
        ("remedy", escape_template(remedy(alert.check, mode))),
        ("runbook_url", url),
    ]
}
