//! Does this node's clock agree with the servers that the agent talks to?
//!
//! It goes nowhere itself: it reads the `Date` headers that the other checks met on their way.

use std::time::{Duration, SystemTime};

use crate::catalogue::{CheckId, FailureMode};
use crate::checks::{Attempt, Check};
use crate::report::{DateSample, Evidence, Finding, Report, Verdict};

/// Beyond this the clock is wrong enough to be told, in seconds.
const ADVICE: f64 = 30.0;
/// Beyond this AWS refuses signatures and tokens seem expired, in seconds.
const LIMIT: f64 = 300.0;
/// Two sources agree when they differ by no more than this beyond their uncertainty, in seconds.
const AGREEMENT: f64 = 5.0;
/// A reading that is older than this says nothing of now.
const MAX_AGE: Duration = Duration::from_mins(3);

/// The check `clock`.
#[derive(Debug)]
pub struct Clock;

impl Check for Clock {
    async fn run(&self, attempt: &Attempt) -> Report {
        let fresh = |at: SystemTime| at.elapsed().map_or(true, |age| age <= MAX_AGE);
        let asked = |check: CheckId| CheckId::Clock.entry().prerequisites.contains(&check);
        let readings = attempt
            .peers()
            .iter()
            .filter(|(check, report)| asked(*check) && fresh(report.at));
        let mut peers = attempt.peers().iter().filter(|(check, _)| asked(*check));
        if peers.all(|(_, report)| matches!(report.verdict, Verdict::NotApplicable(_))) {
            let why = "no server that would tell the time is examined here";
            return Report::bare(Verdict::NotApplicable(Evidence::from(why)));
        }
        let dates: Vec<_> = readings
            .flat_map(|(_, report)| report.dates.clone())
            .collect();
        Report {
            verdict: judge(&dates),
            dates,
            ..Report::bare(Verdict::Unknown(Evidence::default()))
        }
    }
}

/// Two sources must agree before the clock is blamed: one server alone may be wrong itself.
fn judge(readings: &[DateSample]) -> Verdict {
    if readings.is_empty() {
        return Verdict::Unknown(Evidence::from("no server has told the time yet"));
    }
    let off = |reading: &&DateSample| surely_off(reading) > ADVICE;
    let wrong: Vec<_> = readings.iter().filter(off).collect();
    let words = Evidence::from(readings.iter().map(describe).collect::<Vec<_>>().join("; "));
    let agreed = wrong.iter().enumerate().find_map(|(i, one)| {
        let partner = wrong[i + 1..]
            .iter()
            .find(|other| other.source != one.source && agree(one, other))?;
        Some(surely_off(one).min(surely_off(partner)))
    });
    match agreed {
        Some(skew) if skew > LIMIT => Verdict::failing(Finding::new(FailureMode::ClockSkew, words)),
        Some(_) => Verdict::Warning(vec![Finding::new(FailureMode::ClockSkew, words)]),
        None if wrong.is_empty() => Verdict::Ok(words),
        None if wrong.len() == readings.len() => Verdict::Unknown(Evidence::from(format!(
            "{words}; a second source has to agree before this clock is blamed"
        ))),
        None => Verdict::Ok(Evidence::from(format!(
            "{words}; the sources disagree, so a server's clock is wrong"
        ))),
    }
}

/// How far off this clock is at least, in seconds.
fn surely_off(reading: &DateSample) -> f64 {
    reading.skew.abs() - reading.uncertainty
}

fn agree(one: &DateSample, other: &DateSample) -> bool {
    (one.skew - other.skew).abs() <= one.uncertainty + other.uncertainty + AGREEMENT
}

fn describe(reading: &DateSample) -> String {
    let way = if reading.skew < 0.0 {
        "behind"
    } else {
        "ahead of"
    };
    format!(
        "this clock is {:.1} ± {:.1} s {way} {}",
        reading.skew.abs(),
        reading.uncertainty,
        reading.source
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Status;

    fn reading(source: &'static str, skew: f64) -> DateSample {
        DateSample {
            source,
            skew,
            uncertainty: 0.6,
        }
    }

    #[test]
    fn one_source_alone_does_not_blame_this_clock() {
        assert_eq!(
            judge(&[reading("castai_api", 900.0)]).status(),
            Status::Unknown
        );
        let disagreeing = [reading("castai_api", 900.0), reading("apiserver", 0.1)];
        assert_eq!(judge(&disagreeing).status(), Status::Ok);
        let opposite = [reading("castai_api", 900.0), reading("apiserver", -900.0)];
        assert_eq!(judge(&opposite).status(), Status::Unknown);
    }

    #[test]
    fn two_sources_that_agree_do() {
        let far = [reading("castai_api", -901.0), reading("apiserver", -900.0)];
        assert_eq!(judge(&far).modes(), [FailureMode::ClockSkew]);
        assert_eq!(judge(&far).status(), Status::Failing);
        let near = [reading("castai_api", 60.0), reading("apiserver", 61.0)];
        assert_eq!(judge(&near).status(), Status::Warning);
    }

    #[test]
    fn the_uncertainty_is_given_to_the_clocks_favour() {
        let slow = |source| DateSample {
            source,
            skew: 35.0,
            uncertainty: 8.0,
        };
        assert_eq!(
            judge(&[slow("castai_api"), slow("apiserver")]).status(),
            Status::Ok
        );
        assert_eq!(judge(&[]).status(), Status::Unknown);
    }
}
