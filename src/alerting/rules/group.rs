//! Groups of recording and alerting rules, before they are written as YAML.

use std::time::Duration;

use crate::alerting::time_scale::TimeScale;
use crate::alerting::yaml::Yaml;
use crate::catalogue::Severity;

/// How often a group is evaluated.
pub const EVALUATION_INTERVAL: Duration = Duration::from_secs(30);

/// How long an alert keeps firing after its expression stopped matching.
pub const KEEP_FIRING_FOR: Duration = Duration::from_mins(5);

/// Rules that are evaluated one after the other.
#[derive(Clone, Debug)]
pub struct Group {
    /// The check it is about, or another word; the name of the file.
    pub name: String,
    /// In their order.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug)]
pub enum Rule {
    /// A series under a name of its own.
    Record {
        /// `level:metric:operation`.
        name: String,
        /// Labels that it gets.
        labels: Vec<(&'static str, String)>,
        /// What is recorded.
        expr: String,
    },
    /// An alert.
    Alert(AlertRule),
}

/// An alert as Prometheus evaluates it.
#[derive(Clone, Debug)]
pub struct AlertRule {
    /// The name.
    pub name: &'static str,
    /// The static labels; the expression brings the others.
    pub labels: Vec<(&'static str, String)>,
    /// Fires for each series of it.
    pub expr: String,
    /// How long it must last before anyone is told.
    pub patience: Duration,
    /// How long it goes on firing behind its end, so that a fault that comes and goes tells people once.
    pub keep_firing_for: Duration,
    /// How much later than the fault the expression can hold at the earliest: the windows in it.
    pub window: Duration,
    /// The check it is about, where it is about one.
    pub check: Option<&'static str>,
    /// The mode it is about, where it is about one.
    pub mode: Option<&'static str>,
    /// For people; may hold templates.
    pub annotations: Vec<(&'static str, String)>,
}

impl Group {
    /// The group as Prometheus reads it.
    pub fn yaml(&self, time_scale: TimeScale) -> Yaml {
        Yaml::map([
            ("name", Yaml::plain(self.full_name())),
            (
                "interval",
                Yaml::plain(time_scale.format(EVALUATION_INTERVAL)),
            ),
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

    /// The name of the group, unique beside the rules of others.
    pub fn full_name(&self) -> String {
        format!("castai-health.{}", self.name)
    }

    /// Its alerts.
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
    /// How long after the fault people are told at the earliest.
    pub fn earliest_notification(&self) -> Duration {
        self.window + self.patience
    }

    /// The severity, where it is the rule that gives it and not the expression.
    pub fn severity(&self) -> Option<&str> {
        self.labels
            .iter()
            .find(|(name, _)| *name == "severity")
            .map(|(_, value)| value.as_str())
    }

    fn yaml(&self, time_scale: TimeScale) -> Yaml {
        let mut entries = vec![
            ("alert", Yaml::plain(self.name)),
            ("expr", Yaml::Block(self.expr.clone())),
            ("for", Yaml::plain(time_scale.format(self.patience))),
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

/// The label that every alert of ours with a fixed severity has.
pub fn severity_label(severity: Severity) -> (&'static str, String) {
    ("severity", severity.label().to_owned())
}

fn texts(entries: &[(&'static str, String)]) -> Yaml {
    Yaml::map(
        entries
            .iter()
            .map(|(key, value)| (*key, Yaml::text(value.clone()))),
    )
}

/// Escapes text in which nothing is a template.
pub fn escape_template(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}
