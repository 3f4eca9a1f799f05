//! The verdict of a check, and the findings behind it.

use crate::catalogue::{
    CheckId, FailureMode, Placeholder, Remedy, RemedyValues, Situation, Status, remedy_in,
};
use crate::redaction::known_secrets_hidden;
use crate::report::evidence::Evidence;

/// A failure mode with its evidence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The failure mode.
    pub mode: FailureMode,
    /// The evidence.
    pub evidence: Evidence,
    /// The evidence beside the failure that decides its fix.
    pub situation: Option<Situation>,
    /// A remedy for exactly this failure, which replaces that of the catalogue.
    pub own_remedy: Option<String>,
    /// Known values of the installation and of the failure; they complete the remedy.
    pub remedy_values: RemedyValues,
}

/// The verdict of one attempt. A probe finds one mode; a check of watched objects finds all that
/// hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The agent can use it.
    Ok(Evidence),
    /// Advice, or a fault that the agent survives; never empty.
    Warning(Vec<Finding>),
    /// The agent cannot use it; never empty.
    Failing(Vec<Finding>),
    /// Not tested or not determined, with the reason.
    Unknown(Evidence),
    /// Not applicable here, with the reason.
    NotApplicable(Evidence),
}

impl Verdict {
    /// Returns a verdict that fails with one finding.
    pub fn failing(finding: Finding) -> Self {
        Self::Failing(vec![finding])
    }

    /// Returns the status without the evidence.
    pub const fn status(&self) -> Status {
        match self {
            Self::Ok(_) => Status::Ok,
            Self::Warning(_) => Status::Warning,
            Self::Failing(_) => Status::Failing,
            Self::Unknown(_) => Status::Unknown,
            Self::NotApplicable(_) => Status::NotApplicable,
        }
    }

    /// Returns the findings; empty unless warning or failing.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Warning(findings) | Self::Failing(findings) => findings,
            Self::Ok(_) | Self::Unknown(_) | Self::NotApplicable(_) => &[],
        }
    }

    /// Adds a remark to the evidence, to that of the first finding if there are several.
    #[must_use]
    pub fn with_remark(self, remark: &str) -> Self {
        let first = |mut findings: Vec<Finding>| {
            if let Some(first) = findings.first_mut() {
                first.evidence = first.evidence.with_remark(remark);
            }
            findings
        };
        match self {
            Self::Ok(evidence) => Self::Ok(evidence.with_remark(remark)),
            Self::Warning(findings) => Self::Warning(first(findings)),
            Self::Failing(findings) => Self::Failing(first(findings)),
            Self::Unknown(evidence) => Self::Unknown(evidence.with_remark(remark)),
            Self::NotApplicable(evidence) => Self::NotApplicable(evidence.with_remark(remark)),
        }
    }

    /// Adds what is known to complete the remedies; what the findings know themselves prevails.
    pub fn complete_remedies(&mut self, known: &RemedyValues) {
        if let Self::Warning(findings) | Self::Failing(findings) = self {
            for finding in findings {
                let own = std::mem::take(&mut finding.remedy_values);
                finding.remedy_values = own.or(known);
            }
        }
    }

    /// Returns the failure modes; empty unless warning or failing.
    pub fn modes(&self) -> Vec<FailureMode> {
        self.findings().iter().map(|finding| finding.mode).collect()
    }

    /// Returns the evidence, joined if there are several findings.
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
    /// Creates a finding.
    pub fn new(mode: FailureMode, evidence: impl Into<Evidence>) -> Self {
        Self {
            mode,
            evidence: evidence.into(),
            situation: None,
            own_remedy: None,
            remedy_values: RemedyValues::default(),
        }
    }

    /// Sets the situation, which decides the remedy.
    #[must_use]
    pub fn in_situation(self, situation: Option<Situation>) -> Self {
        Self { situation, ..self }
    }

    /// Replaces the evidence.
    #[must_use]
    pub fn with_evidence(self, evidence: impl Into<Evidence>) -> Self {
        Self {
            evidence: evidence.into(),
            ..self
        }
    }

    /// Sets the remedy for exactly this failure, as marked text; `None` if that of the catalogue
    /// fits.
    #[must_use]
    pub fn with_own_remedy(self, text: Option<String>) -> Self {
        Self {
            own_remedy: text.map(|text| known_secrets_hidden(&text).into_owned()),
            ..self
        }
    }

    /// Adds a value that completes the remedy.
    #[must_use]
    pub fn with_value(self, placeholder: Placeholder, value: &str) -> Self {
        Self {
            remedy_values: self.remedy_values.with(placeholder, value),
            ..self
        }
    }

    /// Returns the remedy that fits the evidence.
    pub fn remedy(&self, check: CheckId) -> Remedy {
        match &self.own_remedy {
            Some(text) => Remedy::new(text.clone(), &self.remedy_values),
            None => remedy_in(check, self.mode, self.situation, &self.remedy_values),
        }
    }
}
