//! Certificates that expire soon, as `check` reports them: it runs once, so an alert would come too
//! late for a person who runs it before a release.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::catalogue::CheckId;
use crate::doctor::View;
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

/// A certificate, as a target presented it.
struct PresentedCertificate<'a> {
    check: CheckId,
    target: &'a str,
    /// In seconds since 1970.
    not_after: i64,
}

/// Returns the certificates that are valid now and expire soon; one per target.
pub fn expiring(check_states: &[CheckState], now: SystemTime) -> Vec<ExpiringCertificate> {
    let targets = check_states.iter().flat_map(|state| {
        let report = state.latest.iter();
        let targets = report.flat_map(|report| &report.targets);
        targets.map(move |target| (state.check, target))
    });
    let presented = targets.filter_map(|(check, target)| {
        Some(PresentedCertificate {
            check,
            target: &target.target,
            not_after: target.not_after?,
        })
    });
    presented.filter_map(|one| one.expiring(now)).collect()
}

/// Returns the certificates that any vantage was presented, that are valid now and expire soon; one
/// per target and date.
pub fn expiring_in_views(views: &[View], now: SystemTime) -> Vec<ExpiringCertificate> {
    let documents = views.iter().filter_map(|view| view.verdict.as_ref().ok());
    let checks = documents.flat_map(|document| &document.checks);
    let presented = checks.flat_map(|check| {
        let id = CheckId::from_label(check.id.as_str());
        check.targets.iter().filter_map(move |target| {
            Some(PresentedCertificate {
                check: id?,
                target: target.target.as_str(),
                not_after: target.certificate_not_after?.as_second(),
            })
        })
    });
    let mut expiring: Vec<_> = presented.filter_map(|one| one.expiring(now)).collect();
    expiring.sort_by(|a, b| (a.check, &a.evidence).cmp(&(b.check, &b.evidence)));
    expiring.dedup();
    expiring
}

impl PresentedCertificate<'_> {
    /// Returns what to report if it is valid now and expires soon.
    fn expiring(&self, now: SystemTime) -> Option<ExpiringCertificate> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let expiry = Duration::from_secs(u64::try_from(self.not_after).ok()?);
        (expiry > now && expiry < now + WARN_BEFORE).then(|| ExpiringCertificate {
            check: self.check,
            evidence: format!(
                "the certificate of {} expires in {}, on {}",
                self.target,
                days(expiry.saturating_sub(now)),
                date(self.not_after)
            ),
        })
    }
}

fn days(left: Duration) -> String {
    match left.as_secs() / 86_400 {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
