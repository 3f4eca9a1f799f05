//! The text of a notification about a failure, as a Prometheus template.

use std::fmt::Write;

use crate::alerting::rules::group::escape_template;
use crate::alerting::rules::selector::Selector;
use crate::alerting::vantages;
use crate::catalogue::{Alert, CheckId, Scope, first_sentence};

/// Says where the alert comes from.
pub const PLACE: &str =
    "Namespace {{ $labels.namespace }}{{ with $labels.cluster }}, cluster {{ . }}{{ end }}.";

/// Names the components that fail in the mode of the alert.
const COMPONENTS: &str = "Components:{{ range query (printf \"max by (component) (castai_health_component_failure{cluster=%q, namespace=%q, mode=%q})\" $labels.cluster $labels.namespace $labels.mode) | sortByLabel \"component\" }} {{ .Labels.component }}{{ end }}";

/// Returns the description: the cause by mode, the impact, where it is seen, and the commands that
/// print the evidence, the fix and the runbook.
pub fn description(alert: &Alert, selector: &Selector) -> String {
    let by_vantage = alert.check.entry().scope == Scope::Pod;
    let (seen, seen_by) = if by_vantage {
        (vantages::SEEN, format!(" {}", vantages::sentence()))
    } else {
        ("", String::new())
    };
    let mut lines = vec![
        format!("{seen}{}", cause(selector)),
        escape_template(alert.impact),
    ];
    if alert.check == CheckId::Components {
        lines.push(COMPONENTS.to_owned());
    }
    lines.push(format!("{PLACE}{seen_by} Evidence and fix:"));
    lines.push(vantages::check_command(by_vantage));
    lines.join("\n")
}

/// Returns one sentence per mode.
fn cause(selector: &Selector) -> String {
    let mut text = String::new();
    for (i, mode) in selector.modes.iter().enumerate() {
        let condition = if i == 0 { "{{ if" } else { "\n{{- else if" };
        let sentence = escape_template(first_sentence(mode.entry().meaning));
        write!(
            text,
            "{condition} eq $labels.mode \"{mode}\" }}}}{sentence}"
        )
        .expect("writing to a string succeeds");
    }
    text + "{{ end }}"
}
