//! Who is told, and who is not because somebody was told the cause: Alertmanager's routes and inhibitions.

use std::time::Duration;

use crate::catalogue::alerts::ALERTS;
use crate::catalogue::relations::{BLOCKS, CONSEQUENCES, MUTES};
use crate::catalogue::{Alert, Check, FailureMode, OwnAlert, Severity, relations};
use crate::generate::rule::Alerting;
use crate::generate::tempo::Tempo;
use crate::generate::yaml::Yaml;

/// While an alert of the source fires, those of the target are not told.
#[derive(Clone, Debug)]
pub struct Inhibition {
    /// The cause.
    pub source: Vec<Matcher>,
    /// What follows.
    pub target: Vec<Matcher>,
    /// Labels that must be the same in both.
    pub equal: &'static [&'static str],
    /// The source is an alert of somebody else's.
    pub foreign: bool,
}

/// One condition on a label: any of these values, or any value but none.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The label.
    pub label: &'static str,
    /// The values; empty is every value that is there.
    pub values: Vec<&'static str>,
}

const PLACE: &[&str] = &["cluster", "namespace"];
const PLACE_AND_CHECK: &[&str] = &["cluster", "namespace", "check"];
const PLACE_AND_MODE: &[&str] = &["cluster", "namespace", "mode"];

/// Alerts about a check as a whole: no cause, so they are silent where a cause is told.
const WITHOUT_CAUSE: [OwnAlert; 3] = [
    OwnAlert::CheckFailing,
    OwnAlert::ErrorBudgetBurn,
    OwnAlert::CheckUnknown,
];

/// The receivers that the example names.
const PAGER: &str = "castai-pager";
const TICKET: &str = "castai-ticket";
const DEADMAN: &str = "castai-deadman";
const NOBODY: &str = "castai-nobody";

impl Matcher {
    fn is(label: &'static str, values: impl IntoIterator<Item = &'static str>) -> Self {
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

    /// Whether it holds for an alert as its rule describes it; what the rule leaves open may hold.
    pub fn may_hold(&self, alert: &Alerting) -> bool {
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

    fn written(&self) -> String {
        match self.values.as_slice() {
            [] => format!("{}!=\"\"", self.label),
            [one] => format!("{}=\"{one}\"", self.label),
            several => format!("{}=~\"{}\"", self.label, several.join("|")),
        }
    }

    fn as_object(&self) -> Yaml {
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

/// All inhibitions, causes first.
pub fn inhibitions() -> Vec<Inhibition> {
    let mut all = Vec::new();
    let pair = |check: Check, modes: &'static [FailureMode]| {
        vec![
            Matcher::is("check", [check.label()]),
            Matcher::is("mode", modes.iter().map(|mode| mode.label())),
        ]
    };
    let without_cause = |check: Check| {
        vec![
            Matcher::is(
                "alertname",
                WITHOUT_CAUSE.iter().map(|alert| alert.entry().name),
            ),
            Matcher::is("check", [check.label()]),
        ]
    };
    let mut add = |source, target, equal, foreign| {
        all.push(Inhibition {
            source,
            target,
            equal,
            foreign,
        })
    };
    // A dead API server has alerts of its own in most clusters.
    let apiserver = ALERTS
        .iter()
        .filter(|alert| alert.check == Check::Apiserver)
        .map(|alert| alert.name);
    let api_is_down = vec![Matcher::is("alertname", ["KubeAPIDown"])];
    add(
        api_is_down,
        vec![Matcher::is("alertname", apiserver)],
        &["cluster"],
        true,
    );
    for row in CONSEQUENCES {
        for source in told(row.check, row.modes) {
            add(source, without_cause(row.check), PLACE, false);
        }
    }
    for row in BLOCKS {
        for source in told(row.check, row.modes) {
            add(source, without_cause(row.blocked), PLACE, false);
        }
    }
    for row in MUTES {
        let mut source = pair(row.check, row.modes);
        // What is seen only beside an agent that is well explains nothing of its pods, and wakes nobody.
        if row.muted == Check::AgentWorkload {
            source.push(Matcher::is("severity", [Severity::Critical.label()]));
        }
        let equal = if row.same_mode { PLACE_AND_MODE } else { PLACE };
        add(source, pair(row.muted, row.muted_modes), equal, false);
    }
    let of_the_same_check = vec![Matcher::is(
        "alertname",
        WITHOUT_CAUSE.iter().map(|alert| alert.entry().name),
    )];
    add(
        vec![Matcher::any("check"), Matcher::any("mode")],
        of_the_same_check,
        PLACE_AND_CHECK,
        false,
    );
    for alert in OwnAlert::ALL
        .iter()
        .filter(|alert| !alert.mutes().is_empty())
    {
        let muted = alert.mutes().iter().map(|muted| muted.entry().name);
        let (source, target) = (
            Matcher::is("alertname", [alert.entry().name]),
            Matcher::is("alertname", muted),
        );
        add(vec![source], vec![target], PLACE, false);
    }
    all
}

/// The alerts that tell of these modes of a check: its own, or those of the checks that they follow from.
fn told(check: Check, modes: &[FailureMode]) -> Vec<Vec<Matcher>> {
    let mut by_check: Vec<(Check, Vec<&'static str>)> = Vec::new();
    for (check, mode) in modes.iter().map(|mode| relations::root(check, *mode)) {
        match by_check.iter_mut().find(|(known, _)| *known == check) {
            Some((_, modes)) => modes.push(mode.label()),
            None => by_check.push((check, vec![mode.label()])),
        }
    }
    let matchers = |(check, modes): (Check, Vec<&'static str>)| {
        vec![
            Matcher::is("check", [check.label()]),
            Matcher::is("mode", modes),
        ]
    };
    by_check.into_iter().map(matchers).collect()
}

/// A whole configuration, to start from or to paste its parts; notifications go to these addresses.
pub fn configuration(webhook: &str, tempo: Tempo) -> String {
    let receiver = |name: &str, resolved: &str| {
        let hook = Yaml::map([
            (
                "url",
                Yaml::text(format!("{webhook}/{}", name.trim_start_matches("castai-"))),
            ),
            ("send_resolved", Yaml::plain(resolved)),
        ]);
        Yaml::map([
            ("name", Yaml::plain(name)),
            ("webhook_configs", Yaml::List(vec![hook])),
        ])
    };
    let nobody = Yaml::map([("name", Yaml::plain(NOBODY))]);
    let root = Yaml::map([
        ("receiver", Yaml::plain(NOBODY)),
        ("group_by", plain_list(PLACE)),
        ("routes", Yaml::List(vec![route(tempo)])),
    ]);
    Yaml::map([
        ("route", root),
        ("inhibit_rules", inhibit_rules()),
        (
            "receivers",
            Yaml::List(vec![
                nobody,
                receiver(PAGER, "true"),
                receiver(TICKET, "true"),
                receiver(DEADMAN, "false"),
            ]),
        ),
    ])
    .document()
}

/// The route alone, to paste into the tree that is there.
pub fn routes() -> String {
    Yaml::map([("routes", Yaml::List(vec![route(Tempo::REAL)]))]).document()
}

/// The inhibitions alone.
pub fn inhibit_rules_alone() -> String {
    Yaml::map([("inhibit_rules", inhibit_rules())]).document()
}

/// The same for the Prometheus Operator, which binds it to its own namespace.
pub fn operator_object() -> String {
    let matchers = |of: &[Matcher]| Yaml::List(of.iter().map(Matcher::as_object).collect());
    // The operator narrows both sides to the namespace; an alert of the control plane's is never in it.
    let rules = inhibitions()
        .into_iter()
        .filter(|rule| !rule.foreign)
        .map(|rule| {
            Yaml::map([
                ("sourceMatch", matchers(&rule.source)),
                ("targetMatch", matchers(&rule.target)),
                ("equal", plain_list(rule.equal)),
            ])
        });
    let receiver = |name: &str, path: &str, resolved: &str| {
        let hook = Yaml::map([
            (
                "url",
                Yaml::text(format!("http://alert-receiver.example/{path}")),
            ),
            ("sendResolved", Yaml::plain(resolved)),
        ]);
        Yaml::map([
            ("name", Yaml::plain(name)),
            ("webhookConfigs", Yaml::List(vec![hook])),
        ])
    };
    let child = |label: &'static str, value: &'static str, rest: Vec<(&'static str, Yaml)>| {
        let mut entries = vec![("matchers", matchers(&[Matcher::is(label, [value])]))];
        entries.extend(rest);
        Yaml::map(entries)
    };
    let severity = |word: &'static str,
                    to: &'static str,
                    group: Yaml,
                    wait: &'static str,
                    repeat: &'static str| {
        child(
            "severity",
            word,
            vec![
                ("receiver", Yaml::plain(to)),
                ("groupBy", group),
                ("groupWait", Yaml::plain(wait)),
                ("repeatInterval", Yaml::plain(repeat)),
            ],
        )
    };
    let alertname = plain_list(&["cluster", "namespace", "alertname"]);
    let route = Yaml::map([
        ("receiver", Yaml::plain(NOBODY)),
        ("groupBy", plain_list(PLACE)),
        (
            "routes",
            Yaml::List(vec![
                severity("critical", PAGER, plain_list(PLACE), "1m", "4h"),
                severity("warning", TICKET, alertname, "1m", "24h"),
            ]),
        ),
    ]);
    let spec = Yaml::map([
        ("route", route),
        ("inhibitRules", Yaml::List(rules.collect())),
        (
            "receivers",
            Yaml::List(vec![
                Yaml::map([("name", Yaml::plain(NOBODY))]),
                receiver(PAGER, "pager", "true"),
                receiver(TICKET, "ticket", "true"),
            ]),
        ),
    ]);
    Yaml::map([
        ("apiVersion", Yaml::plain("monitoring.coreos.com/v1alpha1")),
        ("kind", Yaml::plain("AlertmanagerConfig")),
        (
            "metadata",
            Yaml::map([
                ("name", Yaml::plain("castai-health")),
                ("namespace", Yaml::plain("castai-agent")),
            ]),
        ),
        ("spec", spec),
    ])
    .document()
}

/// The receivers that an alert of this name and severity reaches.
pub fn receiver_of(name: &str, severity: &str) -> &'static str {
    match severity {
        _ if name == OwnAlert::Watchdog.entry().name => DEADMAN,
        "critical" => PAGER,
        "warning" => TICKET,
        _ => NOBODY,
    }
}

/// Names of all alerts, those of failure modes first.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALERTS
        .iter()
        .map(|alert: &Alert| alert.name)
        .chain(OwnAlert::ALL.iter().map(|alert| alert.entry().name))
}

fn route(tempo: Tempo) -> Yaml {
    let minutes = |minutes: u64| Yaml::plain(tempo.of(Duration::from_mins(minutes)));
    let child = |matcher: String, receiver: &str, rest: Vec<(&'static str, Yaml)>| {
        let mut entries = vec![
            ("matchers", Yaml::texts([matcher])),
            ("receiver", Yaml::plain(receiver)),
        ];
        entries.extend(rest);
        Yaml::map(entries)
    };
    let watchdog = OwnAlert::Watchdog.entry().name;
    let deadman = vec![
        ("group_wait", Yaml::plain("0s")),
        ("group_interval", minutes(1)),
        ("repeat_interval", minutes(5)),
    ];
    // Longer than an evaluation, so that a cause is there before what follows from it is told.
    let pager = vec![
        ("group_by", plain_list(PLACE)),
        ("group_wait", minutes(1)),
        ("group_interval", minutes(5)),
        ("repeat_interval", minutes(4 * 60)),
    ];
    let ticket = vec![
        (
            "group_by",
            plain_list(&["cluster", "namespace", "alertname"]),
        ),
        ("group_wait", minutes(1)),
        ("group_interval", minutes(5)),
        ("repeat_interval", minutes(24 * 60)),
    ];
    let children = vec![
        child(format!("alertname=\"{watchdog}\""), DEADMAN, deadman),
        child("severity=\"critical\"".to_owned(), PAGER, pager),
        child("severity=\"warning\"".to_owned(), TICKET, ticket),
    ];
    child(
        "alertname=~\"Castai.+\"".to_owned(),
        NOBODY,
        vec![("routes", Yaml::List(children))],
    )
}

fn inhibit_rules() -> Yaml {
    let matchers = |of: &[Matcher]| Yaml::texts(of.iter().map(Matcher::written));
    let rules = inhibitions().into_iter().map(|rule| {
        Yaml::map([
            ("source_matchers", matchers(&rule.source)),
            ("target_matchers", matchers(&rule.target)),
            ("equal", plain_list(rule.equal)),
        ])
    });
    Yaml::List(rules.collect())
}

fn plain_list(words: &[&str]) -> Yaml {
    Yaml::List(words.iter().map(|word| Yaml::plain(*word)).collect())
}
