//! One rule per alert about failures: it selects root causes, whose severity comes with the series.

use std::time::Duration;

use crate::alerting::generator_options::GeneratorOptions;
use crate::alerting::rules::description::description;
use crate::alerting::rules::group::{
    AlertRule, FAILURES_INTERVAL, Group, KEEP_FIRING_FOR, Rule, escape_template, runbook,
};
use crate::alerting::rules::selector::{Selector, matcher};
use crate::alerting::time_scale::TimeScale;
use crate::catalogue::Alert;
use crate::catalogue::alert::AREAS;

/// Time for which an observed failure may outlast its cause: the longest back-off of the kubelet is
/// five minutes.
const OUTLASTS_CAUSE: Duration = Duration::from_mins(10);

/// Returns one group per area.
pub fn groups(settings: &GeneratorOptions<'_>) -> Vec<Group> {
    let group = |(area, alerts): &(&str, &[Alert])| Group {
        name: (*area).to_owned(),
        interval: FAILURES_INTERVAL,
        rules: alerts
            .iter()
            .map(|alert| Rule::Alert(alert_rule(alert, settings)))
            .collect(),
    };
    AREAS.iter().map(group).collect()
}

fn alert_rule(alert: &Alert, settings: &GeneratorOptions<'_>) -> AlertRule {
    let selector = Selector::new(alert);
    let mut annotations = vec![
        ("summary", escape_template(alert.summary)),
        ("description", description(alert, &selector)),
    ];
    let anchor = format!(
        "#{}-{{{{ reReplaceAll \"_\" \"-\" $labels.mode }}}}",
        alert.check.label().replace('_', "-")
    );
    annotations.push(runbook(settings.runbook_base, alert.name, &anchor));
    AlertRule {
        name: alert.name,
        labels: Vec::new(),
        expr: expression(alert, &selector, settings.time_scale),
        for_duration: alert.for_duration(),
        keep_firing_for: KEEP_FIRING_FOR,
        annotations,
    }
}

fn expression(alert: &Alert, selector: &Selector, time_scale: TimeScale) -> String {
    let roots = format!(
        "max by (cluster, namespace, check, mode, severity) (\n  castai_health_failure{{{}, caused_by=\"\"}}\n) == 1",
        selector.matchers()
    );
    let causes: Vec<String> = alert
        .explained_by()
        .iter()
        .map(ToString::to_string)
        .collect();
    if causes.is_empty() {
        return roots;
    }
    // A failure that the agent survives does not explain why it does not run, and a failure of
    // something that it does not use explains nothing.
    let severity = if alert.can_stop_agent() {
        ", severity=\"critical\""
    } else {
        ", severity!=\"info\""
    };
    format!(
        "{roots}\nunless on (cluster, namespace)\n  max_over_time(castai_health_failure{{{}{severity}}}[{}])",
        matcher("check", &causes),
        time_scale.format(OUTLASTS_CAUSE)
    )
}
