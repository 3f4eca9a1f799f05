//! The label matchers that select the failures of an alert.

use crate::catalogue::alert::{documented_as, modes_of};
use crate::catalogue::{Alert, CheckId, FailureMode};

/// The checks and modes of an alert.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selector {
    /// The checks: the alert's own, then those that may show the same failure as a consequence.
    pub checks: Vec<CheckId>,
    /// The modes of the pairs that the alert covers.
    pub modes: Vec<FailureMode>,
}

impl Selector {
    /// Returns the selector of an alert.
    pub fn new(alert: &Alert) -> Self {
        let covers = |check: CheckId, mode: FailureMode| {
            let (check, mode) = documented_as(check, mode);
            check == alert.check && alert.modes.contains(&mode)
        };
        let mut checks = vec![alert.check];
        let mut modes = alert.modes.to_vec();
        for check in CheckId::ALL {
            for mode in modes_of(*check).filter(|mode| covers(*check, *mode)) {
                if !checks.contains(check) {
                    checks.push(*check);
                }
                if !modes.contains(&mode) {
                    modes.push(mode);
                }
            }
        }
        Self { checks, modes }
    }

    /// Returns the matchers of `check` and, unless the alert covers all modes of its checks, `mode`.
    pub fn matchers(&self) -> String {
        let checks: Vec<String> = self.checks.iter().map(ToString::to_string).collect();
        let check = matcher("check", &checks);
        let all = self.all_modes();
        if all.iter().all(|mode| self.modes.contains(mode)) {
            return check;
        }
        format!("{check}, {}", matcher("mode", &self.mode_patterns(&all)))
    }

    fn all_modes(&self) -> Vec<FailureMode> {
        self.checks.iter().copied().flat_map(modes_of).collect()
    }

    /// Returns patterns that match exactly this selector's modes among `all`; modes of one family
    /// share a prefix.
    fn mode_patterns(&self, all: &[FailureMode]) -> Vec<String> {
        let mut patterns: Vec<String> = Vec::new();
        for mode in &self.modes {
            let label = mode.label();
            let prefixes = label.match_indices('_').map(|(at, _)| &label[..=at]);
            let is_whole = |prefix: &&str| {
                let with_prefix = |mode: &&FailureMode| mode.label().starts_with(prefix);
                all.iter()
                    .filter(with_prefix)
                    .all(|mode| self.modes.contains(mode))
                    && self.modes.iter().filter(with_prefix).count() > 1
            };
            let pattern = prefixes
                .into_iter()
                .find(is_whole)
                .map_or_else(|| label.to_owned(), |prefix| format!("{prefix}.+"));
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        patterns
    }
}

/// Returns a matcher of a label: equality for one value, a pattern for several.
pub(super) fn matcher(label: &str, values: &[String]) -> String {
    match values {
        [one] if !one.ends_with(".+") => format!("{label}=\"{one}\""),
        several => format!("{label}=~\"{}\"", several.join("|")),
    }
}
