//! Newer evidence that disproves an incident in the agent's log.
//!
//! Only evidence of the same kind counts: cached credentials still work when STS issues no new ones,
//! and a response to one API says nothing about another.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

use crate::agent::logs::Incident;
use crate::catalogue::{CheckId, FailureMode as M};
use crate::report::{LatestReports, Report, Verdict};

/// Silence after which granted permissions show that a refusal is over. The agent repeats a refused
/// watch after at most a minute, but checked permissions need not cover what it watches.
const REFUSAL_SILENCE: SignedDuration = SignedDuration::from_secs(40);

/// Returns whether another check has evidence against an incident that is newer than its last
/// occurrence.
pub(super) fn is_disproved(
    incident: &Incident,
    last: Timestamp,
    reports: &LatestReports,
    now: Timestamp,
) -> bool {
    let is_newer = |time: SystemTime| Timestamp::try_from(time).is_ok_and(|time| time > last);
    let works = |check| {
        reports
            .report(check)
            .filter(|report| is_usable(report) && is_newer(report.at))
    };
    if incident.mode == M::K8sRbacForbidden {
        let is_silent = now.duration_since(last) > REFUSAL_SILENCE;
        return is_silent && works(CheckId::AgentPermissions).is_some();
    }
    if !incident.sticky {
        return false;
    }
    if incident.credentials {
        works(CheckId::StsIdentity)
            .and_then(|report| report.credentials_obtained)
            .is_some_and(is_newer)
    } else {
        works(CheckId::Ec2Api).is_some_and(|report| matches!(report.verdict, Verdict::Ok(_)))
    }
}

/// Returns whether a check succeeded, perhaps with advice.
const fn is_usable(report: &Report) -> bool {
    matches!(report.verdict, Verdict::Ok(_) | Verdict::Warning(_))
}
