//! The progress line of `check` on a terminal.

use std::sync::Arc;

use crate::catalogue::Status;
use crate::cli::output;
use crate::scheduler::OnChange;
use crate::state::HealthState;

/// Number of running checks that are named, so that the line fits a terminal of 80 columns.
const MAX_NAMED: usize = 2;

/// Returns a callback that shows the running checks, and with `repeats` that failing ones run again.
pub(super) fn progress(health: &Arc<HealthState>, repeats: bool) -> OnChange {
    show(health, repeats);
    let health = Arc::clone(health);
    Arc::new(move |_| show(&health, repeats))
}

fn show(health: &HealthState, repeats: bool) {
    let check_states = health.check_states();
    let waiting: Vec<&str> = health.waiting().iter().map(|check| check.label()).collect();
    let failing = check_states
        .iter()
        .filter(|check_state| check_state.status() == Status::Failing)
        .count();
    output::progress(&line(&waiting, check_states.len(), failing, repeats));
}

fn line(waiting: &[&str], all: usize, failing: usize, repeats: bool) -> String {
    if waiting.is_empty() {
        return if failing > 0 && repeats {
            format!("{failing} failing, retrying …")
        } else {
            String::new()
        };
    }
    let named = waiting[..waiting.len().min(MAX_NAMED)].join(", ");
    let done = all - waiting.len();
    format!("{done} of {all} checks done, running {named} …")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::CheckId;

    #[test]
    fn line_fits_a_terminal_however_many_checks_run() {
        let mut labels: Vec<&str> = CheckId::ALL.iter().map(|check| check.label()).collect();
        labels.sort_by_key(|label| std::cmp::Reverse(label.len()));
        let line = line(&labels, labels.len(), 0, false);
        assert!(
            line.starts_with("0 of ") && line.chars().count() <= 80,
            "{line}"
        );
    }

    #[test]
    fn failing_checks_are_retried_only_with_wait() {
        assert_eq!(line(&[], 4, 2, true), "2 failing, retrying …");
        assert_eq!(line(&[], 4, 2, false), "");
        assert_eq!(
            line(&["dns"], 4, 2, false),
            "3 of 4 checks done, running dns …"
        );
    }
}
