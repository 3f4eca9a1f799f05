//! The result of checking one credential source.

use crate::report::{Evidence, Finding, TargetReport, Verdict};

/// The number of trailing characters of an access key ID that are shown.
const SUFFIX_CHARS: usize = 4;

/// The result of checking a credential source.
#[derive(Debug)]
pub(super) struct SourceResult {
    pub(super) verdict: Verdict,
    /// The expiry of the credentials, or of the token that they are requested with.
    pub(super) expiry: Option<i64>,
    /// The credential server that was queried.
    pub(super) target: Option<TargetReport>,
}

impl From<Verdict> for SourceResult {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            expiry: None,
            target: None,
        }
    }
}

impl SourceResult {
    /// Appends a remark to the evidence.
    pub(super) fn with_remark(self, remark: &str) -> Self {
        self.map_evidence(|evidence| Evidence::from(format!("{evidence}; {remark}")))
    }

    pub(super) fn map_evidence(self, map: impl Fn(&Evidence) -> Evidence) -> Self {
        let all = |findings: &[Finding]| {
            findings
                .iter()
                .map(|one| Finding::new(one.mode, map(&one.evidence)))
                .collect()
        };
        let verdict = match &self.verdict {
            Verdict::Ok(evidence) => Verdict::Ok(map(evidence)),
            Verdict::Unknown(why) => Verdict::Unknown(map(why)),
            Verdict::NotApplicable(why) => Verdict::NotApplicable(map(why)),
            Verdict::Warning(findings) => Verdict::Warning(all(findings)),
            Verdict::Failing(findings) => Verdict::Failing(all(findings)),
        };
        Self { verdict, ..self }
    }
}

/// Returns the last characters of an access key ID, enough to distinguish keys.
pub(in crate::checks) fn key_suffix(id: &str) -> String {
    let letters: Vec<char> = id.chars().collect();
    if letters.len() < 4 * SUFFIX_CHARS {
        return "…".to_owned();
    }
    format!(
        "…{}",
        letters[letters.len() - SUFFIX_CHARS..]
            .iter()
            .collect::<String>()
    )
}
