//! What one exporter says of a check over time, as the series of promtool's tests.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Need, Status};

use crate::promtool::test_case::STEP;

/// What the exporter says for some time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Says {
    /// All is well.
    Ok,
    /// It fails.
    Failing,
    /// It warns.
    Warning,
    /// It cannot find out, within the episode.
    UnknownSince,
    /// It cannot find out, and has just started.
    Unknown,
    /// It has no meaning here.
    NotApplicable,
    /// Nothing: it is not there.
    Nothing,
}

/// One exporter and what it says.
pub(super) struct Speaker {
    pub(super) cluster: String,
    pub(super) vantage: &'static str,
    pub(super) instance: &'static str,
    pub(super) need: Need,
    pub(super) says: Vec<(Duration, Says)>,
}

impl Speaker {
    /// The agent's sidecar in the cluster `one`, in a check that the agent cannot work without.
    pub(super) fn sidecar(says: &[(Duration, Says)]) -> Self {
        let (vantage, instance) = ("sidecar", "10.0.0.1:9878");
        Self {
            cluster: "one".to_owned(),
            vantage,
            instance,
            need: Need::Start,
            says: says.to_vec(),
        }
    }

    /// The same, beside it.
    pub(super) fn companion(says: &[(Duration, Says)]) -> Self {
        Self {
            vantage: "companion",
            instance: "10.0.0.2:9878",
            ..Self::sidecar(says)
        }
    }

    /// Everything it says of a check, where its failures have this mode.
    pub(super) fn series(&self, check: CheckId, mode: FailureMode) -> Vec<(String, String)> {
        let target = format!(
            "cluster=\"{}\",namespace=\"castai-agent\",job=\"castai-health-exporter\",instance=\"{}\"",
            self.cluster, self.instance
        );
        let there = |says: Says| (says != Says::Nothing).then_some(1);
        let mut all = vec![
            (
                format!(
                    "castai_health_exporter_info{{{target},vantage=\"{}\"}}",
                    self.vantage
                ),
                self.values(&there),
            ),
            (
                format!(
                    "castai_health_check_need{{{target},check=\"{check}\",need=\"{}\"}}",
                    self.need.label()
                ),
                self.values(&there),
            ),
        ];
        for status in Status::ALL {
            let is = |says: Says| status_of(says).map(|now| i32::from(now == *status));
            all.push((
                format!(
                    "castai_health_check_status{{{target},check=\"{check}\",status=\"{status}\"}}"
                ),
                self.values(&is),
            ));
        }
        let fails = |says: Says| matches!(says, Says::Failing | Says::UnknownSince).then_some(1);
        let shows = |says: Says| {
            matches!(says, Says::Failing | Says::UnknownSince | Says::Warning).then_some(1)
        };
        all.push((
            format!("castai_health_failure{{{target},check=\"{check}\",mode=\"{mode}\"}}"),
            self.values(&shows),
        ));
        all.push((
            format!(
                "castai_health_check_episode_start_timestamp_seconds{{{target},check=\"{check}\"}}"
            ),
            self.values(&fails),
        ));
        all.retain(|(_, values)| values.split(' ').any(|value| !value.starts_with('_')));
        all
    }

    /// Values in promtool's notation; where there is none, the series has ended.
    fn values(&self, of: &dyn Fn(Says) -> Option<i32>) -> String {
        let mut runs: Vec<(Option<i32>, usize)> = Vec::new();
        for (during, says) in &self.says {
            let (value, samples) = (of(*says), samples(*during));
            match runs.last_mut() {
                Some((last, run)) if *last == value => *run += samples,
                _ => runs.push((value, samples)),
            }
        }
        let mut before = None;
        let mut words = Vec::new();
        for (value, run) in runs {
            match (value, run) {
                (Some(value), 1) => words.push(value.to_string()),
                (Some(value), run) => words.push(format!("{value}x{}", run - 1)),
                (None, run) if before.is_some() => {
                    words.push("stale".to_owned());
                    if run > 1 {
                        words.push(format!("_x{}", run - 1));
                    }
                }
                (None, run) => words.push(format!("_x{run}")),
            }
            before = value;
        }
        words.join(" ")
    }
}

fn samples(during: Duration) -> usize {
    usize::try_from(during.as_secs() / STEP.as_secs()).unwrap_or(usize::MAX)
}

fn status_of(says: Says) -> Option<Status> {
    match says {
        Says::Ok => Some(Status::Ok),
        Says::Failing => Some(Status::Failing),
        Says::Warning => Some(Status::Warning),
        Says::UnknownSince | Says::Unknown => Some(Status::Unknown),
        Says::NotApplicable => Some(Status::NotApplicable),
        Says::Nothing => None,
    }
}
