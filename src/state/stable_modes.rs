//! Episodes: which modes hold, smoothed so that look-alike modes do not flap in alerts.

use std::time::SystemTime;

use crate::catalogue::{FailureMode, Property};
use crate::report::{Report, Verdict};

/// Consecutive attempts that must agree before other modes take over within an episode.
const ATTEMPTS_TO_SETTLE: u32 = 3;

/// Consecutive timeouts that may be attributed to this process; a permanently busy machine must not
/// hide a fault.
const MAX_SUPPRESSED_TIMEOUTS: u32 = 2;

/// The time from the first failing attempt to the next `ok` or `not_applicable`; `unknown` does not
/// close it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Episode {
    /// When the first failing attempt finished.
    pub began: SystemTime,
    contender: Vec<FailureMode>,
    streak: u32,
    /// Consecutive attempts that were only a warning.
    warnings: u32,
}

/// The modes that hold, smoothed over the episode.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StableModes {
    modes: Vec<FailureMode>,
    since: Option<SystemTime>,
    episode: Option<Episode>,
    suppressed: u32,
}

impl StableModes {
    /// Returns the modes that hold now.
    pub fn modes(&self) -> &[FailureMode] {
        &self.modes
    }

    /// Returns when the check stopped being `ok`, if modes hold.
    pub fn since(&self) -> Option<SystemTime> {
        self.since
    }

    /// Returns whether the check is failing, not only warning. Like another mode, a warning must
    /// hold for three attempts in a row to take over within an episode.
    pub fn is_failing(&self) -> bool {
        let episode = self.episode.as_ref();
        episode.is_some_and(|episode| episode.warnings < ATTEMPTS_TO_SETTLE)
    }

    /// Returns the open episode.
    pub fn episode(&self) -> Option<&Episode> {
        self.episode.as_ref()
    }

    /// Returns whether a verdict is attributed to self-throttling: it would open an episode, and
    /// nothing but a timeout supports it.
    pub fn suppresses(&mut self, verdict: &Verdict) -> bool {
        let by_time_alone = verdict
            .modes()
            .iter()
            .all(|mode| mode.has(Property::Timeout));
        let begins = self.episode.is_none() && matches!(verdict, Verdict::Failing(_));
        let suppressed = begins && by_time_alone && self.suppressed < MAX_SUPPRESSED_TIMEOUTS;
        self.suppressed += u32::from(suppressed);
        suppressed
    }

    /// Records one attempt.
    pub fn record(&mut self, report: &Report) {
        match &report.verdict {
            Verdict::Warning(_) | Verdict::Failing(_) => {
                self.since.get_or_insert(report.at);
            }
            Verdict::Ok(_) | Verdict::Unknown(_) | Verdict::NotApplicable(_) => {}
        }
        match (&report.verdict, &mut self.episode) {
            (Verdict::Ok(_) | Verdict::NotApplicable(_), _) => *self = Self::default(),
            (Verdict::Unknown(_), _) => {}
            (Verdict::Warning(_), None) => self.modes = report.verdict.modes(),
            (Verdict::Failing(_), None) => {
                self.modes = report.verdict.modes();
                self.suppressed = 0;
                self.episode = Some(Episode {
                    began: report.at,
                    contender: Vec::new(),
                    streak: 0,
                    warnings: 0,
                });
            }
            (Verdict::Warning(_) | Verdict::Failing(_), Some(episode)) => {
                episode.warnings = match report.verdict {
                    Verdict::Warning(_) => episode.warnings + 1,
                    _ => 0,
                };
                let modes = report.verdict.modes();
                if modes == self.modes {
                    episode.streak = 0;
                } else if modes == episode.contender && episode.streak > 0 {
                    episode.streak += 1;
                } else {
                    episode.contender = modes;
                    episode.streak = 1;
                }
                // A specific cause replaces the generic mode immediately.
                let explained = self.modes == [FailureMode::AgentUnavailable] && episode.streak > 0;
                if explained || episode.streak >= ATTEMPTS_TO_SETTLE {
                    episode.streak = 0;
                    self.modes = std::mem::take(&mut episode.contender);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Finding;

    const HANG: FailureMode = FailureMode::TlsHandshakeTimeout;
    const RESET: FailureMode = FailureMode::NetReset;

    fn failing(mode: FailureMode) -> Report {
        Report::from_verdict(Verdict::failing(Finding::new(mode, "seen")))
    }

    fn settled_after(reports: impl IntoIterator<Item = Report>) -> StableModes {
        let mut stable_modes = StableModes::default();
        for report in reports {
            stable_modes.record(&report);
        }
        stable_modes
    }

    #[test]
    fn first_failing_attempt_opens_an_episode_with_its_mode() {
        assert_eq!(settled_after([failing(HANG)]).modes(), [HANG]);
    }

    #[test]
    fn mode_changes_after_three_consecutive_attempts() {
        let two = settled_after([failing(HANG), failing(RESET), failing(RESET)]);
        assert_eq!(two.modes(), [HANG]);
        let interrupted = settled_after([HANG, RESET, RESET, HANG, RESET].map(failing));
        assert_eq!(interrupted.modes(), [HANG]);
        let three = settled_after([HANG, RESET, RESET, RESET].map(failing));
        assert_eq!(three.modes(), [RESET]);
    }

    #[test]
    fn generic_mode_is_replaced_immediately_by_a_specific_one() {
        let [shortage, crash] =
            [FailureMode::AgentUnavailable, FailureMode::AgentCrashloop].map(failing);
        let explained = [shortage.clone(), crash];
        assert_eq!(
            settled_after(explained.clone()).modes(),
            [FailureMode::AgentCrashloop]
        );
        let vague_again = explained.into_iter().chain([shortage.clone(), shortage]);
        assert_eq!(
            settled_after(vague_again).modes(),
            [FailureMode::AgentCrashloop]
        );
    }

    #[test]
    fn ok_closes_an_episode_and_unknown_does_not() {
        let unknown = Report::from_verdict(Verdict::Unknown("cannot tell".into()));
        let open = settled_after([failing(HANG), unknown]);
        assert_eq!(open.modes(), [HANG]);
        assert!(open.episode().is_some());
        let ended = settled_after([
            failing(HANG),
            Report::from_verdict(Verdict::Ok("fine".into())),
        ]);
        assert_eq!(ended, StableModes::default());
    }

    #[test]
    fn warning_opens_no_episode() {
        let warning = Report::from_verdict(Verdict::Warning(vec![Finding::new(HANG, "seen")]));
        let stable_modes = settled_after([warning]);
        assert_eq!(stable_modes.modes(), [HANG]);
        assert!(stable_modes.episode().is_none());
    }

    #[test]
    fn timeout_is_suppressed_only_outside_an_episode() {
        assert!(StableModes::default().suppresses(&failing(HANG).verdict));
        assert!(!StableModes::default().suppresses(&failing(RESET).verdict));
        assert!(!settled_after([failing(RESET)]).suppresses(&failing(HANG).verdict));
    }

    #[test]
    fn timeouts_are_suppressed_at_most_twice_in_a_row() {
        let mut stable_modes = StableModes::default();
        let hang = failing(HANG).verdict;
        assert_eq!(
            [
                stable_modes.suppresses(&hang),
                stable_modes.suppresses(&hang),
                stable_modes.suppresses(&hang)
            ],
            [true, true, false]
        );
    }
}
