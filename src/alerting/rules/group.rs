//! Groups of recording and alerting rules.

use std::time::Duration;

use crate::alerting::time_scale::TimeScale;
use crate::alerting::vantages::IN_COMPANION;
use crate::alerting::yaml::Yaml;
use crate::catalogue::Severity;

/// Evaluation interval of the groups about failures; part of the time from a fault to its alert.
pub const FAILURES_INTERVAL: Duration = Duration::from_secs(15);
/// Evaluation interval of the other groups.
pub const EVALUATION_INTERVAL: Duration = Duration::from_mins(1);

/// Time for which an alert keeps firing after its expression stopped matching.
pub const KEEP_FIRING_FOR: Duration = Duration::from_mins(5);

/// Rules that Prometheus evaluates in order.
#[derive(Clone, Debug)]
pub struct Group {
    /// Area of the rules; also the file name.
    pub name: String,
    /// Time between two evaluations.
    pub interval: Duration,
    /// The rules in evaluation order.
    pub rules: Vec<Rule>,
}

/// A recording or alerting rule.
#[derive(Clone, Debug)]
pub enum Rule {
    /// A recording rule.
    Record {
        /// Name of the recorded series: `level:metric:operation`.
        name: String,
        /// Labels added to the series.
        labels: Vec<(&'static str, String)>,
        /// Recorded expression.
        expr: String,
    },
    /// An alerting rule.
    Alert(AlertRule),
}

/// An alerting rule.
#[derive(Clone, Debug)]
pub struct AlertRule {
    /// Name of the alert.
    pub name: &'static str,
    /// Static labels; the others come with the series of the expression.
    pub labels: Vec<(&'static str, String)>,
    /// Expression; the alert fires for each of its series.
    pub expr: String,
    /// Time for which the expression must match before the alert fires.
    pub for_duration: Duration,
    /// Time for which the alert keeps firing afterwards, so that a flapping failure notifies once.
    pub keep_firing_for: Duration,
    /// Annotations, which may contain templates.
    pub annotations: Vec<(&'static str, String)>,
}

impl Group {
    /// Returns the group as Prometheus reads it.
    pub fn yaml(&self, time_scale: TimeScale) -> Yaml {
        Yaml::map([
            ("name", Yaml::plain(self.full_name())),
            ("interval", Yaml::plain(time_scale.format(self.interval))),
            (
                "rules",
                Yaml::List(
                    self.rules
                        .iter()
                        .map(|rule| rule.yaml(time_scale))
                        .collect(),
                ),
            ),
        ])
    }

    /// Returns the name of the group, with a prefix that keeps it unique in Prometheus.
    pub fn full_name(&self) -> String {
        format!("castai-health.{}", self.name)
    }

    /// Returns the alerting rules.
    pub fn alerts(&self) -> impl Iterator<Item = &AlertRule> {
        self.rules.iter().filter_map(|rule| match rule {
            Rule::Alert(alert) => Some(alert),
            Rule::Record { .. } => None,
        })
    }
}

impl Rule {
    fn yaml(&self, time_scale: TimeScale) -> Yaml {
        match self {
            Self::Record { name, labels, expr } => {
                let mut entries = vec![
                    ("record", Yaml::plain(name)),
                    ("expr", Yaml::Block(expr.clone())),
                ];
                if !labels.is_empty() {
                    entries.push(("labels", texts(labels)));
                }
                Yaml::map(entries)
            }
            Self::Alert(alert) => alert.yaml(time_scale),
        }
    }
}

impl AlertRule {
    fn yaml(&self, time_scale: TimeScale) -> Yaml {
        let mut entries = vec![
            ("alert", Yaml::plain(self.name)),
            ("expr", Yaml::Block(self.expr.clone())),
            ("for", Yaml::plain(time_scale.format(self.for_duration))),
        ];
        if !self.keep_firing_for.is_zero() {
            entries.push((
                "keep_firing_for",
                Yaml::plain(time_scale.format(self.keep_firing_for)),
            ));
        }
        if !self.labels.is_empty() {
            entries.push(("labels", texts(&self.labels)));
        }
        entries.push(("annotations", texts(&self.annotations)));
        Yaml::map(entries)
    }
}

/// Returns the label of a fixed severity.
pub fn severity_label(severity: Severity) -> (&'static str, String) {
    ("severity", severity.label().to_owned())
}

/// Returns the annotation with the link to a runbook, or with the command that prints it if no base
/// URL is known: a relative link leads nowhere in a notification.
pub fn runbook(base: &str, alert: &str, anchor: &str) -> (&'static str, String) {
    if base.is_empty() {
        return ("runbook", format!("{IN_COMPANION} explain {alert}"));
    }
    ("runbook_url", format!("{base}/{alert}.md{anchor}"))
}

fn texts(entries: &[(&'static str, String)]) -> Yaml {
    let text = |value: &String| {
        if value.contains('\n') {
            Yaml::Block(value.clone())
        } else {
            Yaml::text(value.clone())
        }
    };
    Yaml::map(entries.iter().map(|(key, value)| (*key, text(value))))
}

/// Escapes text so that Prometheus expands nothing in it.
pub fn escape_template(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}
