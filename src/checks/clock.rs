//! Checks that this node's clock agrees with the servers that the agent uses.
//!
//! Sends no requests: it compares the `Date` headers that other checks received.

use std::time::{Duration, SystemTime};

use crate::catalogue::{CheckId, FailureMode};
use crate::checks::{Attempt, Check};
use crate::report::{DateSample, Evidence, Finding, Report, Verdict};

/// The skew in seconds above which the check warns.
const WARNING_SKEW_SECONDS: f64 = 30.0;
/// The skew in seconds above which AWS rejects signatures and tokens appear expired.
const FAILING_SKEW_SECONDS: f64 = 300.0;
/// The difference in seconds, beyond their uncertainty, up to which two sources agree.
const AGREEMENT_SECONDS: f64 = 5.0;
/// The age above which a reading is ignored.
const MAX_SAMPLE_AGE: Duration = Duration::from_mins(3);

/// The check `clock`.
#[derive(Debug)]
pub struct Clock;

impl Check for Clock {
    async fn run(&self, attempt: &Attempt) -> Report {
        let is_recent = |at: SystemTime| at.elapsed().map_or(true, |age| age <= MAX_SAMPLE_AGE);
        let compared = |check: CheckId| CheckId::Clock.entry().prerequisites.contains(&check);
        let samples = attempt
            .reports()
            .iter()
            .filter(|(check, report)| compared(*check) && is_recent(report.at));
        let mut reports = attempt
            .reports()
            .iter()
            .filter(|(check, _)| compared(*check));
        if reports.all(|(_, report)| matches!(report.verdict, Verdict::NotApplicable(_))) {
            let why = "no check enabled here reads a server's time";
            return Report::from_verdict(Verdict::NotApplicable(Evidence::from(why)));
        }
        let dates: Vec<_> = samples
            .flat_map(|(_, report)| report.dates.clone())
            .collect();
        Report {
            verdict: judge(&dates),
            dates,
            ..Report::from_verdict(Verdict::Unknown(Evidence::default()))
        }
    }
}

/// Blames this clock only if two sources agree, as a single server's clock may itself be wrong.
fn judge(samples: &[DateSample]) -> Verdict {
    if samples.is_empty() {
        return Verdict::Unknown(Evidence::from("no server has returned a Date header yet"));
    }
    let off = |sample: &&DateSample| minimum_skew(sample) > WARNING_SKEW_SECONDS;
    let skewed: Vec<_> = samples.iter().filter(off).collect();
    let evidence = Evidence::from(samples.iter().map(describe).collect::<Vec<_>>().join("; "));
    let agreed = skewed.iter().enumerate().find_map(|(i, one)| {
        let partner = skewed[i + 1..]
            .iter()
            .find(|other| other.source != one.source && agree(one, other))?;
        Some(minimum_skew(one).min(minimum_skew(partner)))
    });
    match agreed {
        Some(skew) if skew > FAILING_SKEW_SECONDS => {
            Verdict::failing(Finding::new(FailureMode::ClockSkew, evidence))
        }
        Some(_) => Verdict::Warning(vec![Finding::new(FailureMode::ClockSkew, evidence)]),
        None if skewed.is_empty() => Verdict::Ok(evidence),
        None if skewed.len() == samples.len() => Verdict::Unknown(Evidence::from(format!(
            "{evidence}; unconfirmed until a second source agrees"
        ))),
        None => Verdict::Ok(Evidence::from(format!(
            "{evidence}; the sources disagree, so one of the servers' clocks is wrong"
        ))),
    }
}

/// Returns the minimum skew of this clock in seconds.
fn minimum_skew(sample: &DateSample) -> f64 {
    sample.skew.abs() - sample.uncertainty
}

fn agree(one: &DateSample, other: &DateSample) -> bool {
    (one.skew - other.skew).abs() <= one.uncertainty + other.uncertainty + AGREEMENT_SECONDS
}

fn describe(sample: &DateSample) -> String {
    let direction = if sample.skew < 0.0 {
        "behind"
    } else {
        "ahead of"
    };
    format!(
        "this node's clock is {:.1} ± {:.1} s {direction} {}",
        sample.skew.abs(),
        sample.uncertainty,
        sample.source
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Status;

    fn sample(source: &'static str, skew: f64) -> DateSample {
        DateSample {
            source,
            skew,
            uncertainty: 0.6,
        }
    }

    #[test]
    fn a_single_source_never_reports_clock_skew() {
        assert_eq!(
            judge(&[sample("castai_api", 900.0)]).status(),
            Status::Unknown
        );
        let disagreeing = [sample("castai_api", 900.0), sample("apiserver", 0.1)];
        assert_eq!(judge(&disagreeing).status(), Status::Ok);
        let opposite = [sample("castai_api", 900.0), sample("apiserver", -900.0)];
        assert_eq!(judge(&opposite).status(), Status::Unknown);
    }

    #[test]
    fn two_agreeing_sources_report_clock_skew() {
        let far = [sample("castai_api", -901.0), sample("apiserver", -900.0)];
        assert_eq!(judge(&far).modes(), [FailureMode::ClockSkew]);
        assert_eq!(judge(&far).status(), Status::Failing);
        let near = [sample("castai_api", 60.0), sample("apiserver", 61.0)];
        assert_eq!(judge(&near).status(), Status::Warning);
    }

    #[test]
    fn skew_within_the_uncertainty_is_ok() {
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
