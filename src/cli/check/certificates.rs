//! Certificates that expire soon, as `check` reports them: it runs once, so an alert would come too
//! late for a person who runs it before a release.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::catalogue::CheckId;
use crate::net::certificate::date;
use crate::state::CheckState;

/// Time before the expiry of a certificate from which `check` warns.
const WARN_BEFORE: Duration = Duration::from_hours(14 * 24);

/// A certificate that expires soon.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExpiringCertificate {
    /// The check that was presented the certificate.
    pub check: CheckId,
    /// The sentence that names target and date.
    pub evidence: String,
}

/// Returns the certificates that are valid now and expire soon; one per target.
pub fn expiring(check_states: &[CheckState], now: SystemTime) -> Vec<ExpiringCertificate> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let limit = now + WARN_BEFORE;
    let targets = check_states.iter().flat_map(|state| {
        let report = state.latest.iter();
        let targets = report.flat_map(|report| &report.targets);
        targets.map(move |target| (state.check, target))
    });
    let soon = targets.filter_map(|(check, target)| {
        let not_after = target.not_after?;
        let expiry = Duration::from_secs(u64::try_from(not_after).ok()?);
        (expiry > now && expiry < limit).then(|| ExpiringCertificate {
            check,
            evidence: format!(
                "the certificate of {} expires in {}, on {}",
                target.target,
                days(expiry.saturating_sub(now)),
                date(not_after)
            ),
        })
    });
    soon.collect()
}

fn days(left: Duration) -> String {
    match left.as_secs() / 86_400 {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
