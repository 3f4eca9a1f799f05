//! What one attempt leaves behind: a verdict with its evidence, and how far it got.
//!
//! Invariant: std and the catalogue only. No network, no metrics, no clock but `Instant`.

pub mod evidence;
pub mod observation;
pub mod phase_timer;

use std::sync::Arc;
use std::time::SystemTime;

pub use evidence::Evidence;
pub use observation::Fact;
pub use phase_timer::{Ended, PhaseTime, Trail};

use crate::catalogue::{CheckId, FailureMode, Status};

/// A failure mode with the sentence that shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// For machines.
    pub mode: FailureMode,
    /// For people.
    pub evidence: Evidence,
}

/// What a check says. A probe gives one mode; a watched check gives as many as hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Examined, and as the agent needs it; the evidence says what was seen.
    Ok(Evidence),
    /// Advice, or trouble that the agent survives; never empty.
    Warning(Vec<Finding>),
    /// The agent cannot use it; never empty.
    Failing(Vec<Finding>),
    /// Not examined, or it could not be found out, and why.
    Unknown(Evidence),
    /// It has no meaning here, and why.
    NotApplicable(Evidence),
}

/// How one target of a check fared.
#[derive(Clone, Debug)]
pub struct TargetReport {
    /// The address as people know it; label `target`.
    pub target: String,
    /// Whether the agent itself uses this target.
    pub in_use: bool,
    /// What was seen, or what is wrong.
    pub outcome: Result<Evidence, Finding>,
    /// The phases of this attempt, in order.
    pub phases: Vec<PhaseTime>,
    /// When the presented certificate ends, in seconds since 1970; also when verification failed.
    pub not_after: Option<i64>,
}

/// What a server's `Date` header says about this clock.
#[derive(Clone, Debug, PartialEq)]
pub struct DateSample {
    /// Who said it: a closed list of words (`castai_api`, `apiserver`, …); label `source`.
    pub source: &'static str,
    /// Local clock minus the server's, in seconds.
    pub skew: f64,
    /// Half the round trip plus half the header's resolution of one second.
    pub uncertainty: f64,
}

/// One finished attempt of one check.
#[derive(Clone, Debug)]
pub struct Report {
    /// The verdict of this attempt.
    pub verdict: Verdict,
    /// All targets, the one that the agent uses first. At most ten.
    pub targets: Vec<TargetReport>,
    /// Clock readings on the way.
    pub dates: Vec<DateSample>,
    /// When the credentials that were looked at end, in seconds since 1970.
    pub credentials_end: Option<i64>,
    /// What else was seen, for metrics of its own.
    pub facts: Vec<Fact>,
    /// Who AWS says the agent is.
    pub identity: Option<AwsIdentity>,
    /// The EC2 instance that this pod runs on.
    pub instance: Option<Instance>,
    /// The cluster of AKS that this is.
    pub aks: Option<AksSeen>,
    /// When the attempt ended.
    pub at: SystemTime,
}

/// Who AWS says the agent is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AwsIdentity {
    /// Twelve digits.
    pub account: String,
    /// Role or user as people know it; label `role`.
    pub role: String,
    /// The whole name.
    pub arn: String,
    /// Where its credentials come from: a closed list of words; label `credential_source`.
    pub source: &'static str,
}

/// An EC2 instance, as it or EC2 tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Instance {
    /// Its id.
    pub id: Option<String>,
    /// Its region.
    pub region: String,
    /// Its account, where that is told.
    pub account: Option<String>,
    /// The cluster that its tags name.
    pub cluster: Option<String>,
}

/// A cluster of AKS, as far as it came to be known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AksSeen {
    /// How `az aks` is told which it is.
    pub options: String,
    /// As whom its nodes pull images; nothing where Azure has not told.
    pub puller: Option<Puller>,
}

/// As whom the nodes of a cluster of AKS pull images, by its client id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Puller {
    /// The kubelet's managed identity.
    ManagedIdentity(String),
    /// The cluster's service principal.
    ServicePrincipal(String),
}

/// The latest reports of the other checks, for checks that judge by them.
#[derive(Clone, Debug, Default)]
pub struct Peers(Vec<(CheckId, Arc<Report>)>);

impl Verdict {
    /// One finding that fails the check.
    pub fn failing(finding: Finding) -> Self {
        Self::Failing(vec![finding])
    }

    /// The word for it.
    pub const fn status(&self) -> Status {
        match self {
            Self::Ok(_) => Status::Ok,
            Self::Warning(_) => Status::Warning,
            Self::Failing(_) => Status::Failing,
            Self::Unknown(_) => Status::Unknown,
            Self::NotApplicable(_) => Status::NotApplicable,
        }
    }

    /// What is wrong; empty unless warning or failing.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Warning(findings) | Self::Failing(findings) => findings,
            Self::Ok(_) | Self::Unknown(_) | Self::NotApplicable(_) => &[],
        }
    }

    /// The modes that hold; empty unless warning or failing.
    pub fn modes(&self) -> Vec<FailureMode> {
        self.findings().iter().map(|finding| finding.mode).collect()
    }

    /// The sentence for people; several findings are joined.
    pub fn evidence(&self) -> Evidence {
        match self {
            Self::Ok(evidence) | Self::Unknown(evidence) | Self::NotApplicable(evidence) => {
                evidence.clone()
            }
            Self::Warning(findings) | Self::Failing(findings) => {
                Evidence::joined(findings.iter().map(|finding| &finding.evidence))
            }
        }
    }
}

impl Finding {
    /// A mode and its sentence.
    pub fn new(mode: FailureMode, evidence: impl Into<Evidence>) -> Self {
        Self {
            mode,
            evidence: evidence.into(),
        }
    }
}

impl Report {
    /// A report that holds only a verdict.
    pub fn bare(verdict: Verdict) -> Self {
        Self {
            verdict,
            targets: Vec::new(),
            dates: Vec::new(),
            credentials_end: None,
            facts: Vec::new(),
            identity: None,
            instance: None,
            aks: None,
            at: SystemTime::now(),
        }
    }
}

impl Peers {
    /// The latest reports.
    pub fn new(latest: Vec<(CheckId, Arc<Report>)>) -> Self {
        Self(latest)
    }

    /// The latest report of a check, when it was examined.
    pub fn report(&self, check: CheckId) -> Option<&Report> {
        self.0
            .iter()
            .find(|(of, _)| *of == check)
            .map(|(_, report)| report.as_ref())
    }

    /// All latest reports.
    pub fn iter(&self) -> impl Iterator<Item = (CheckId, &Report)> {
        self.0
            .iter()
            .map(|(check, report)| (*check, report.as_ref()))
    }
}
