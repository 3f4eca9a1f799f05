//! The series that one exporter exposes for a check over time.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Need, Status};

use crate::promtool::test_case::STEP;

/// State of the check for some time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// The check is ok.
    Ok,
    /// The check is failing.
    Failing,
    /// The check is warning.
    Warning,
    /// The check is unknown during an episode.
    UnknownInEpisode,
    /// The check is unknown after the exporter started.
    UnknownAfterStart,
    /// The check is not applicable.
    NotApplicable,
    /// The exporter is not running.
    Absent,
}

/// An exporter and the phases that its check goes through.
pub(super) struct SimulatedExporter {
    pub(super) cluster: String,
    pub(super) vantage: &'static str,
    pub(super) instance: &'static str,
    pub(super) need: Need,
    pub(super) phases: Vec<(Duration, Phase)>,
}

impl SimulatedExporter {
    /// A sidecar in the cluster `one`, with a check that the agent needs to start.
    pub(super) fn sidecar(phases: &[(Duration, Phase)]) -> Self {
        let (vantage, instance) = ("sidecar", "10.0.0.1:9878");
        Self {
            cluster: "one".to_owned(),
            vantage,
            instance,
            need: Need::Start,
            phases: phases.to_vec(),
        }
    }

    /// A companion in the same cluster.
    pub(super) fn companion(phases: &[(Duration, Phase)]) -> Self {
        Self {
            vantage: "companion",
            instance: "10.0.0.2:9878",
            ..Self::sidecar(phases)
        }
    }

    /// Returns the series of a check whose failures have this mode.
    pub(super) fn series(&self, check: CheckId, mode: FailureMode) -> Vec<(String, String)> {
        let target = format!(
            "cluster=\"{}\",namespace=\"castai-agent\",job=\"castai-health-exporter\",instance=\"{}\"",
            self.cluster, self.instance
        );
        let present = |phase: Phase| (phase != Phase::Absent).then_some(1);
        let mut all = vec![
            (
                format!(
                    "castai_health_exporter_info{{{target},vantage=\"{}\"}}",
                    self.vantage
                ),
                self.values(&present),
            ),
            (
                format!(
                    "castai_health_check_need{{{target},check=\"{check}\",need=\"{}\"}}",
                    self.need.label()
                ),
                self.values(&present),
            ),
        ];
        for status in Status::ALL {
            let is = |phase: Phase| status_of(phase).map(|now| i32::from(now == *status));
            all.push((
                format!(
                    "castai_health_check_status{{{target},check=\"{check}\",status=\"{status}\"}}"
                ),
                self.values(&is),
            ));
        }
        let failing =
            |phase: Phase| matches!(phase, Phase::Failing | Phase::UnknownInEpisode).then_some(1);
        let reported = |phase: Phase| {
            matches!(
                phase,
                Phase::Failing | Phase::UnknownInEpisode | Phase::Warning
            )
            .then_some(1)
        };
        all.push((
            format!("castai_health_failure{{{target},check=\"{check}\",mode=\"{mode}\"}}"),
            self.values(&reported),
        ));
        all.push((
            format!(
                "castai_health_check_episode_start_timestamp_seconds{{{target},check=\"{check}\"}}"
            ),
            self.values(&failing),
        ));
        all.retain(|(_, values)| values.split(' ').any(|value| !value.starts_with('_')));
        all
    }

    /// Returns values in promtool's notation; a phase without a value makes the series stale.
    fn values(&self, of: &dyn Fn(Phase) -> Option<i32>) -> String {
        let mut runs: Vec<(Option<i32>, usize)> = Vec::new();
        for (during, phase) in &self.phases {
            let (value, samples) = (of(*phase), samples(*during));
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

fn status_of(phase: Phase) -> Option<Status> {
    match phase {
        Phase::Ok => Some(Status::Ok),
        Phase::Failing => Some(Status::Failing),
        Phase::Warning => Some(Status::Warning),
        Phase::UnknownInEpisode | Phase::UnknownAfterStart => Some(Status::Unknown),
        Phase::NotApplicable => Some(Status::NotApplicable),
        Phase::Absent => None,
    }
}
