//! Everything that is published, named once: checks, failure modes, alerts, metrics, limits.
//!
//! Invariant: std only. No clock, no network, no metrics library, no YAML.

pub mod alert;
pub mod check;
pub mod exporter_alert;
pub mod groups;
pub mod metric;
pub mod mode;
pub mod mode_set;
pub mod permission;
pub mod relations;
pub mod remedies;
pub mod timeouts;

pub use alert::Alert;
pub use check::{CheckId, Need, Phase, Scope, Status};
pub use exporter_alert::{OwnAlert, Severity};
pub use mode::FailureMode;
pub use permission::Right;
pub use remedies::remedy;
pub use timeouts::Limits;

/// Where the runbooks lie when no other place is configured: the folder in this repository.
pub const RUNBOOK_BASE: &str = "alerts/runbooks";

/// The address of the runbook section of a (check, mode), when the catalogue lists the pair.
pub fn runbook_url(base: &str, check: CheckId, mode: FailureMode) -> Option<String> {
    let alert = alert::explaining(check, mode)?;
    let (check, mode) = relations::root(check, mode);
    Some(format!("{base}/{}.md#{}", alert.name, anchor(check, mode)))
}

/// The anchor of a pair's section in its runbook.
pub fn anchor(check: CheckId, mode: FailureMode) -> String {
    format!("{check}-{mode}").replace('_', "-")
}

/// The first sentence of a text; a full stop in code (between backticks) ends none.
pub fn first_sentence(text: &str) -> &str {
    let mut code = false;
    for (at, c) in text.char_indices() {
        match c {
            '`' => code = !code,
            '.' if !code
                && text[at + 1..]
                    .chars()
                    .next()
                    .is_none_or(char::is_whitespace) =>
            {
                return &text[..=at];
            }
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_stop_in_code_or_inside_a_word_ends_no_sentence() {
        assert_eq!(
            first_sentence("Ask `nslookup api.cast.ai. x` for v1.2. Then wait."),
            "Ask `nslookup api.cast.ai. x` for v1.2."
        );
        assert_eq!(first_sentence("no stop"), "no stop");
    }
}
