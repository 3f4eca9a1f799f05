//! The result of one attempt of a check: verdict, evidence, observations and phase durations.
//!
//! Invariant: uses only the standard library and the catalogue; no network, no metrics, no clock
//! but `Instant`.

pub mod cloud_identity;
pub mod evidence;
pub mod observation;
pub mod phase_timer;
pub mod verdict;

use std::sync::Arc;
use std::time::SystemTime;

pub use cloud_identity::{AksClusterInfo, AwsIdentity, Ec2Instance, ImagePullIdentity};
pub use evidence::Evidence;
pub use observation::Observation;
pub use phase_timer::{PhaseOutcome, PhaseTimer, PhaseTiming};
pub use verdict::{Finding, Verdict};

use crate::catalogue::{CheckId, Placeholder, RemedyValues};

/// The result for one target of a check.
#[derive(Clone, Debug)]
pub struct TargetReport {
    /// Address of the target; label `target`.
    pub target: String,
    /// Whether the agent itself uses this target.
    pub in_use: bool,
    /// The evidence of success, or the finding.
    pub outcome: Result<Evidence, Finding>,
    /// The phases of this attempt, in order.
    pub phases: Vec<PhaseTiming>,
    /// Expiry of the presented certificate in seconds since 1970, even if verification failed.
    pub not_after: Option<i64>,
}

/// The local clock compared with a server's `Date` header.
#[derive(Clone, Debug, PartialEq)]
pub struct DateSample {
    /// The server, from a closed list (`castai_api`, `apiserver`, …); label `source`.
    pub source: &'static str,
    /// Local clock minus the server's, in seconds.
    pub skew: f64,
    /// Half the round trip plus half the header's resolution of one second.
    pub uncertainty: f64,
}

/// The result of one attempt of one check.
#[derive(Clone, Debug)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// At most ten targets, starting with the one that the agent uses.
    pub targets: Vec<TargetReport>,
    /// Clock comparisons with the servers that responded.
    pub dates: Vec<DateSample>,
    /// Expiry of the credentials in seconds since 1970.
    pub credentials_expiry: Option<i64>,
    /// Time at which the credentials that the check used were obtained.
    pub credentials_obtained: Option<SystemTime>,
    /// Time at which the agent last complained about its cloud credentials.
    pub credentials_complaint: Option<SystemTime>,
    /// Observations with dedicated metrics.
    pub observations: Vec<Observation>,
    /// The agent's AWS identity.
    pub identity: Option<AwsIdentity>,
    /// The EC2 instance that this pod runs on.
    pub instance: Option<Ec2Instance>,
    /// The AKS cluster that this pod runs in.
    pub aks: Option<AksClusterInfo>,
    /// Time at which the attempt finished.
    pub at: SystemTime,
}

/// The latest reports of all checks, for checks that depend on others.
#[derive(Clone, Debug, Default)]
pub struct LatestReports(Vec<(CheckId, Arc<Report>)>);

impl Report {
    /// Returns a report that only has a verdict.
    pub fn from_verdict(verdict: Verdict) -> Self {
        Self {
            verdict,
            targets: Vec::new(),
            dates: Vec::new(),
            credentials_expiry: None,
            credentials_obtained: None,
            credentials_complaint: None,
            observations: Vec::new(),
            identity: None,
            instance: None,
            aks: None,
            at: SystemTime::now(),
        }
    }
}

impl Report {
    /// Completes the remedies with what is known of the installation and of the failing target.
    pub fn complete_remedies(&mut self, known: &RemedyValues) {
        let failing = self.targets.iter().find(|target| target.outcome.is_err());
        let mut values = RemedyValues::default();
        if let Some(TargetReport { target, .. }) = failing {
            let (host, port) = target.rsplit_once(':').unwrap_or((target, ""));
            values = values
                .with(Placeholder::Host, host)
                .with(Placeholder::Port, port);
        }
        self.verdict.complete_remedies(&values.or(known));
    }

    /// Adds the identity and the instance that this check discovered.
    fn discovered(&self, mut values: RemedyValues) -> RemedyValues {
        if let Some(identity) = &self.identity {
            values = values.with(Placeholder::Account, &identity.account);
            // Users have no role.
            if identity.arn.contains("role/") {
                values = values.with(Placeholder::Role, &identity.role);
            }
        }
        if let Some(instance) = &self.instance {
            values = values.with(Placeholder::Region, &instance.region);
            if let Some(id) = &instance.id {
                values = values.with(Placeholder::Instance, id);
            }
        }
        values
    }
}

impl LatestReports {
    /// Returns what the checks discovered that completes remedies.
    pub fn remedy_values(&self) -> RemedyValues {
        let reports = self.0.iter().map(|(_, report)| report);
        reports.fold(RemedyValues::default(), |values, report| {
            report.discovered(values)
        })
    }

    /// Collects the latest reports.
    pub fn new(latest: Vec<(CheckId, Arc<Report>)>) -> Self {
        Self(latest)
    }

    /// Returns the latest report of a check, if it has run.
    pub fn report(&self, check: CheckId) -> Option<&Report> {
        self.0
            .iter()
            .find(|(of, _)| *of == check)
            .map(|(_, report)| report.as_ref())
    }

    /// Iterates over all latest reports.
    pub fn iter(&self) -> impl Iterator<Item = (CheckId, &Report)> {
        self.0
            .iter()
            .map(|(check, report)| (*check, report.as_ref()))
    }
}
