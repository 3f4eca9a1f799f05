//! Inhibition rules: an alert on a consequence is muted while the alert on its cause fires.

use crate::alerting::rules::group::AlertRule;
use crate::alerting::yaml::Yaml;
use crate::catalogue::alert::ALERTS;
use crate::catalogue::mute::MUTES;
use crate::catalogue::relations::{BLOCKS, CONSEQUENCES};
use crate::catalogue::{CheckId, ExporterAlert, FailureMode, Severity, relations};

/// An inhibition rule: while the source fires, the target does not notify.
#[derive(Clone, Debug)]
pub struct Inhibition {
    /// Matchers of the cause.
    pub source: Vec<Matcher>,
    /// Matchers of the consequence.
    pub target: Vec<Matcher>,
    /// Labels that must be equal in both.
    pub equal: &'static [&'static str],
    /// Whether the source is an alert of other rules, such as kubernetes-mixin.
    pub external: bool,
}

/// A condition on a label: one of these values, or any non-empty value.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// Name of the label.
    pub label: &'static str,
    /// Accepted values; empty for any non-empty value.
    pub values: Vec<&'static str>,
}

const SAME_AGENT: &[&str] = &["cluster", "namespace"];
const SAME_CHECK: &[&str] = &["cluster", "namespace", "check"];
const SAME_MODE: &[&str] = &["cluster", "namespace", "mode"];

/// Alerts on a check as a whole, which an alert with a cause mutes.
const WITHOUT_CAUSE: [ExporterAlert; 3] = [
    ExporterAlert::CheckFailing,
    ExporterAlert::ErrorBudgetBurn,
    ExporterAlert::CheckUnknown,
];

impl Matcher {
    pub(super) fn is(label: &'static str, values: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            label,
            values: values.into_iter().collect(),
        }
    }

    fn any(label: &'static str) -> Self {
        Self {
            label,
            values: Vec::new(),
        }
    }

    /// Returns whether it can match an alert; labels that the rule leaves open can.
    pub fn can_match(&self, alert: &AlertRule) -> bool {
        let (known, value) = match self.label {
            "alertname" => (true, Some(alert.name)),
            "mode" => (true, alert.mode),
            "check" => (alert.check.is_some(), alert.check),
            "severity" => (alert.severity().is_some(), alert.severity()),
            _ => (false, None),
        };
        match value {
            Some(value) => self.values.is_empty() || self.values.contains(&value),
            None => !known,
        }
    }

    pub(super) fn to_matcher_string(&self) -> String {
        match self.values.as_slice() {
            [] => format!("{}!=\"\"", self.label),
            [one] => format!("{}=\"{one}\"", self.label),
            several => format!("{}=~\"{}\"", self.label, several.join("|")),
        }
    }

    pub(super) fn to_operator_object(&self) -> Yaml {
        let (kind, value) = match self.values.as_slice() {
            [] => ("!=", String::new()),
            [one] => ("=", (*one).to_owned()),
            several => ("=~", several.join("|")),
        };
        Yaml::map([
            ("name", Yaml::plain(self.label)),
            ("matchType", Yaml::text(kind)),
            ("value", Yaml::text(value)),
        ])
    }
}

/// Returns all inhibition rules, causes first.
pub fn inhibitions() -> Vec<Inhibition> {
    let mut all = Vec::new();
    let pair = |check: CheckId, modes: &'static [FailureMode]| {
        vec![
            Matcher::is("check", [check.label()]),
            Matcher::is("mode", modes.iter().map(|mode| mode.label())),
        ]
    };
    let without_cause = |check: CheckId| {
        vec![
            Matcher::is(
                "alertname",
                WITHOUT_CAUSE.iter().map(|alert| alert.entry().name),
            ),
            Matcher::is("check", [check.label()]),
        ]
    };
    let mut add = |source, target, equal, external| {
        all.push(Inhibition {
            source,
            target,
            equal,
            external,
        });
    };
    // Most clusters already alert on an unreachable API server.
    let apiserver = ALERTS
        .iter()
        .filter(|alert| alert.check == CheckId::Apiserver)
        .map(|alert| alert.name);
    let api_is_down = vec![Matcher::is("alertname", ["KubeAPIDown"])];
    add(
        api_is_down,
        vec![Matcher::is("alertname", apiserver)],
        &["cluster"],
        true,
    );
    for row in CONSEQUENCES {
        for source in root_matchers(row.check, row.modes) {
            add(source, without_cause(row.check), SAME_AGENT, false);
        }
    }
    for row in BLOCKS {
        for source in root_matchers(row.check, row.modes) {
            add(source, without_cause(row.blocked), SAME_AGENT, false);
        }
    }
    for row in MUTES {
        let mut source = pair(row.check, row.modes);
        // A failure that only the companion sees explains nothing about the agent's pods.
        if row.muted == CheckId::AgentWorkload {
            source.push(Matcher::is("severity", [Severity::Critical.label()]));
        }
        let equal = if row.same_mode { SAME_MODE } else { SAME_AGENT };
        add(source, pair(row.muted, row.muted_modes), equal, false);
    }
    let of_the_same_check = vec![Matcher::is(
        "alertname",
        WITHOUT_CAUSE.iter().map(|alert| alert.entry().name),
    )];
    add(
        vec![Matcher::any("check"), Matcher::any("mode")],
        of_the_same_check,
        SAME_CHECK,
        false,
    );
    for alert in ExporterAlert::ALL
        .iter()
        .filter(|alert| !alert.mutes().is_empty())
    {
        let muted = alert.mutes().iter().map(|muted| muted.entry().name);
        let (source, target) = (
            Matcher::is("alertname", [alert.entry().name]),
            Matcher::is("alertname", muted),
        );
        add(vec![source], vec![target], SAME_AGENT, false);
    }
    all
}

/// Returns matchers of the alerts on these modes: those of the check or of its root causes.
fn root_matchers(check: CheckId, modes: &[FailureMode]) -> Vec<Vec<Matcher>> {
    let mut by_check: Vec<(CheckId, Vec<&'static str>)> = Vec::new();
    for (check, mode) in modes.iter().map(|mode| relations::root(check, *mode)) {
        match by_check.iter_mut().find(|(known, _)| *known == check) {
            Some((_, modes)) => modes.push(mode.label()),
            None => by_check.push((check, vec![mode.label()])),
        }
    }
    let matchers = |(check, modes): (CheckId, Vec<&'static str>)| {
        vec![
            Matcher::is("check", [check.label()]),
            Matcher::is("mode", modes),
        ]
    };
    by_check.into_iter().map(matchers).collect()
}
