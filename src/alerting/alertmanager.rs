//! Example configuration for Alertmanager: routes, receivers and inhibition rules.

pub mod inhibition;

use std::time::Duration;

use crate::alerting::alertmanager::inhibition::{Matcher, inhibitions};
use crate::alerting::file::{ALERTMANAGER, GeneratedFile};
use crate::alerting::time_scale::TimeScale;
use crate::alerting::yaml::Yaml;
use crate::catalogue::alert::ALERTS;
use crate::catalogue::{Alert, ExporterAlert};

const GROUP_BY_AGENT: &[&str] = &["cluster", "namespace"];

/// Receivers of the example.
const PAGER: &str = "castai-pager";
const TICKET: &str = "castai-ticket";
const DEADMAN: &str = "castai-deadman";
const NO_RECEIVER: &str = "castai-null";

/// Returns the example configuration, its parts, and the object of the Prometheus Operator.
pub fn files() -> [GeneratedFile; 4] {
    let webhook = "http://alert-receiver.example";
    [
        (
            "alertmanager.yaml",
            configuration(webhook, TimeScale::REAL_TIME),
        ),
        ("routes.yaml", routes()),
        ("inhibitions.yaml", inhibitions_only()),
        ("alertmanagerconfig.yaml", operator_object()),
    ]
    .map(|(name, contents)| GeneratedFile::yaml(format!("{ALERTMANAGER}/{name}"), &contents))
}

/// Returns a complete configuration that sends notifications to a webhook.
pub fn configuration(webhook: &str, time_scale: TimeScale) -> String {
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
    let null = Yaml::map([("name", Yaml::plain(NO_RECEIVER))]);
    let root = Yaml::map([
        ("receiver", Yaml::plain(NO_RECEIVER)),
        ("group_by", plain_list(GROUP_BY_AGENT)),
        ("routes", Yaml::List(vec![route(time_scale)])),
    ]);
    Yaml::map([
        ("route", root),
        ("inhibit_rules", inhibit_rules()),
        (
            "receivers",
            Yaml::List(vec![
                null,
                receiver(PAGER, "true"),
                receiver(TICKET, "true"),
                receiver(DEADMAN, "false"),
            ]),
        ),
    ])
    .document()
}

/// Returns the route, to paste into an existing tree.
pub fn routes() -> String {
    Yaml::map([("routes", Yaml::List(vec![route(TimeScale::REAL_TIME)]))]).document()
}

/// Returns the inhibition rules, to paste into an existing configuration.
pub fn inhibitions_only() -> String {
    Yaml::map([("inhibit_rules", inhibit_rules())]).document()
}

/// Returns an `AlertmanagerConfig`, which the Prometheus Operator limits to its namespace.
pub fn operator_object() -> String {
    let matchers =
        |of: &[Matcher]| Yaml::List(of.iter().map(Matcher::to_operator_object).collect());
    // The operator adds the namespace to both sides; alerts on the control plane are outside of it.
    let rules = inhibitions()
        .into_iter()
        .filter(|rule| !rule.external)
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
        ("receiver", Yaml::plain(NO_RECEIVER)),
        ("groupBy", plain_list(GROUP_BY_AGENT)),
        (
            "routes",
            Yaml::List(vec![
                severity("critical", PAGER, plain_list(GROUP_BY_AGENT), "1m", "4h"),
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
                Yaml::map([("name", Yaml::plain(NO_RECEIVER))]),
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

/// Returns the receiver of an alert with this name and severity.
pub fn receiver_of(name: &str, severity: &str) -> &'static str {
    match severity {
        _ if name == ExporterAlert::Watchdog.entry().name => DEADMAN,
        "critical" => PAGER,
        "warning" => TICKET,
        _ => NO_RECEIVER,
    }
}

/// Returns the names of all alerts, those of failure modes first.
pub fn alert_names() -> impl Iterator<Item = &'static str> {
    ALERTS
        .iter()
        .map(|alert: &Alert| alert.name)
        .chain(ExporterAlert::ALL.iter().map(|alert| alert.entry().name))
}

fn route(time_scale: TimeScale) -> Yaml {
    let minutes = |minutes: u64| Yaml::plain(time_scale.format(Duration::from_mins(minutes)));
    let child = |matcher: String, receiver: &str, rest: Vec<(&'static str, Yaml)>| {
        let mut entries = vec![
            ("matchers", Yaml::texts([matcher])),
            ("receiver", Yaml::plain(receiver)),
        ];
        entries.extend(rest);
        Yaml::map(entries)
    };
    let watchdog = ExporterAlert::Watchdog.entry().name;
    let deadman = vec![
        ("group_wait", Yaml::plain("0s")),
        ("group_interval", minutes(1)),
        ("repeat_interval", minutes(5)),
    ];
    // Longer than an evaluation, so that the cause is known before consequences notify.
    let pager = vec![
        ("group_by", plain_list(GROUP_BY_AGENT)),
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
        NO_RECEIVER,
        vec![("routes", Yaml::List(children))],
    )
}

fn inhibit_rules() -> Yaml {
    let matchers = |of: &[Matcher]| Yaml::texts(of.iter().map(Matcher::to_matcher_string));
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
