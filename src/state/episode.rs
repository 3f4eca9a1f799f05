//! Which modes hold, steady enough for an alert: look-alikes do not make it flicker.

use std::time::SystemTime;

use crate::catalogue::FailureMode;
use crate::catalogue::groups::TIMEOUT_MODES;
use crate::report::{Report, Verdict};

/// So many attempts in a row must agree before other modes take over within an episode.
const ATTEMPTS_TO_SETTLE: u32 = 3;

/// So many time-outs in a row are put down to this process itself; a machine that is always busy must not hide a fault.
const EXCUSES: u32 = 2;

/// From the first failing attempt to the next `ok` or `not_applicable`; `unknown` does not end it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Episode {
    /// When the first failing attempt ended.
    pub began: SystemTime,
    contender: Vec<FailureMode>,
    streak: u32,
}

/// The modes that hold, as settled.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settled {
    modes: Vec<FailureMode>,
    episode: Option<Episode>,
    excused: u32,
}

impl Settled {
    /// The modes that hold now.
    pub fn modes(&self) -> &[FailureMode] {
        &self.modes
    }

    /// The episode that is open.
    pub fn episode(&self) -> Option<&Episode> {
        self.episode.as_ref()
    }

    /// Whether a verdict of a disturbed attempt is put down to the disturbance: it would begin an episode, and only
    /// time speaks for it.
    pub fn excuses(&mut self, verdict: &Verdict) -> bool {
        let by_time_alone = verdict
            .modes()
            .iter()
            .all(|mode| TIMEOUT_MODES.contains(mode));
        let begins = self.episode.is_none() && matches!(verdict, Verdict::Failing(_));
        let excused = begins && by_time_alone && self.excused < EXCUSES;
        self.excused += u32::from(excused);
        excused
    }

    /// Takes in one attempt.
    pub fn take(&mut self, report: &Report) {
        match (&report.verdict, &mut self.episode) {
            (Verdict::Ok(_) | Verdict::NotApplicable(_), _) => *self = Self::default(),
            (Verdict::Unknown(_), _) => {}
            (Verdict::Warning(_), None) => self.modes = report.verdict.modes(),
            (Verdict::Failing(_), None) => {
                self.modes = report.verdict.modes();
                self.excused = 0;
                self.episode = Some(Episode {
                    began: report.at,
                    contender: Vec::new(),
                    streak: 0,
                });
            }
            (Verdict::Warning(_) | Verdict::Failing(_), Some(episode)) => {
                let modes = report.verdict.modes();
                if modes == self.modes {
                    episode.streak = 0;
                } else if modes == episode.contender && episode.streak > 0 {
                    episode.streak += 1;
                } else {
                    episode.contender = modes;
                    episode.streak = 1;
                }
                // A mere shortage gives way at once to what explains it.
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
        Report::bare(Verdict::failing(Finding::new(mode, "seen")))
    }

    fn settled_after(reports: impl IntoIterator<Item = Report>) -> Settled {
        let mut settled = Settled::default();
        for report in reports {
            settled.take(&report);
        }
        settled
    }

    #[test]
    fn the_first_failing_attempt_names_the_episode() {
        assert_eq!(settled_after([failing(HANG)]).modes(), [HANG]);
    }

    #[test]
    fn another_mode_takes_over_only_after_three_attempts_in_a_row() {
        let two = settled_after([failing(HANG), failing(RESET), failing(RESET)]);
        assert_eq!(two.modes(), [HANG]);
        let interrupted = settled_after([HANG, RESET, RESET, HANG, RESET].map(failing));
        assert_eq!(interrupted.modes(), [HANG]);
        let three = settled_after([HANG, RESET, RESET, RESET].map(failing));
        assert_eq!(three.modes(), [RESET]);
    }

    #[test]
    fn a_shortage_gives_way_to_its_explanation_at_once_and_not_the_other_way_round() {
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
    fn unknown_does_not_end_an_episode_but_ok_does() {
        let unknown = Report::bare(Verdict::Unknown("cannot tell".into()));
        let open = settled_after([failing(HANG), unknown]);
        assert_eq!(open.modes(), [HANG]);
        assert!(open.episode().is_some());
        let ended = settled_after([failing(HANG), Report::bare(Verdict::Ok("fine".into()))]);
        assert_eq!(ended, Settled::default());
    }

    #[test]
    fn a_warning_begins_no_episode() {
        let warning = Report::bare(Verdict::Warning(vec![Finding::new(HANG, "seen")]));
        let settled = settled_after([warning]);
        assert_eq!(settled.modes(), [HANG]);
        assert!(settled.episode().is_none());
    }

    #[test]
    fn only_a_time_out_outside_an_episode_is_excused() {
        assert!(Settled::default().excuses(&failing(HANG).verdict));
        assert!(!Settled::default().excuses(&failing(RESET).verdict));
        assert!(!settled_after([failing(RESET)]).excuses(&failing(HANG).verdict));
    }

    #[test]
    fn a_machine_that_is_always_busy_hides_a_fault_only_twice() {
        let mut settled = Settled::default();
        let hang = failing(HANG).verdict;
        assert_eq!(
            [
                settled.excuses(&hang),
                settled.excuses(&hang),
                settled.excuses(&hang)
            ],
            [true, true, false]
        );
    }
}
