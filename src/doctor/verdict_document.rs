//! The verdict of an exporter, as its `/api/v1/status` publishes it.
//!
//! The document is that of another program, possibly of a newer version: every text is bounded and
//! cleaned, what is unknown is ignored, and what cannot be read is left out.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::catalogue::Severity;
use crate::report::Evidence;

/// Largest document that is read, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;
/// The newest schema that this program knows.
const SCHEMA_VERSION: u64 = 1;
/// Largest number of entries that are read of each list.
const MAX_ENTRIES: usize = 64;
/// Longest label, in bytes.
const MAX_LABEL_BYTES: usize = 64;

/// The verdict of an exporter.
#[derive(Clone, Debug, Deserialize)]
pub struct VerdictDocument {
    #[serde(deserialize_with = "number", default)]
    schema_version: u64,
    /// When it was written.
    #[serde(deserialize_with = "time", default)]
    pub at: Option<Timestamp>,
    /// The exporter that wrote it.
    #[serde(default, deserialize_with = "or_default")]
    pub exporter: ExporterFacts,
    /// Root causes, most urgent first.
    #[serde(default, deserialize_with = "entries")]
    pub root_causes: Vec<RootCause>,
    /// The result of each check.
    #[serde(default, deserialize_with = "entries")]
    pub checks: Vec<CheckVerdict>,
}

/// The exporter that wrote a document.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ExporterFacts {
    /// Its version.
    #[serde(deserialize_with = "evidence")]
    pub version: Evidence,
    /// Invalid values in the agent's environment.
    #[serde(deserialize_with = "sentences")]
    pub environment_problems: Vec<Evidence>,
}

/// A root cause.
#[derive(Clone, Debug, Deserialize)]
pub struct RootCause {
    /// The check that shows it.
    pub check: Label,
    /// Its mode.
    pub mode: Label,
    /// Its urgency.
    #[serde(default, deserialize_with = "severity")]
    pub severity: Option<Severity>,
    /// Since when it holds.
    #[serde(deserialize_with = "time", default)]
    pub since: Option<Timestamp>,
    /// The checks that fail or are unknown because of it.
    #[serde(default, deserialize_with = "entries")]
    pub also_affected: Vec<Label>,
}

/// The result of a check.
#[derive(Clone, Debug, Deserialize)]
pub struct CheckVerdict {
    /// The check.
    pub id: Label,
    /// `ok`, `warning`, `failing`, `unknown`, `not_applicable`, `skipped`, or a word of a newer
    /// version.
    pub status: Label,
    /// The sentence for people.
    #[serde(default, deserialize_with = "evidence")]
    pub evidence: Evidence,
    /// Findings of the last attempt.
    #[serde(default, deserialize_with = "entries")]
    pub modes: Vec<ModeText>,
    /// Its targets.
    #[serde(default, deserialize_with = "entries")]
    pub targets: Vec<TargetVerdict>,
}

/// The result for one target of a check.
#[derive(Clone, Debug, Deserialize)]
pub struct TargetVerdict {
    /// Its address.
    #[serde(default, deserialize_with = "evidence")]
    pub target: Evidence,
    /// When the presented certificate expires.
    #[serde(default, deserialize_with = "time")]
    pub certificate_not_after: Option<Timestamp>,
}

/// A failure mode in the words of the exporter.
#[derive(Clone, Debug, Deserialize)]
pub struct ModeText {
    /// Its label.
    pub mode: Label,
    /// The evidence.
    #[serde(default, deserialize_with = "evidence")]
    pub evidence: Evidence,
    /// The meaning of the mode.
    #[serde(default, deserialize_with = "evidence")]
    pub meaning: Evidence,
    /// The fix, line by line.
    #[serde(default, deserialize_with = "lines")]
    pub(super) remedy: Vec<String>,
    /// The URL of its runbook.
    #[serde(default, deserialize_with = "evidence")]
    pub runbook: Evidence,
}

/// A label: lower-case letters, digits and underscores.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Label(String);

/// An error in a verdict.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DocumentError {
    /// It is not a JSON document of an exporter.
    #[error("its response is not a status document: is another program listening on that port?")]
    NotAStatus,
    /// Its schema is newer, and has nothing that this version can read.
    #[error("its status document has schema version {0}: use a newer version of this program")]
    TooNew(u64),
}

impl VerdictDocument {
    /// Parses a document.
    ///
    /// # Errors
    /// If it is not a status document, or one of a schema that shares nothing with the known one.
    pub fn parse(json: &[u8]) -> Result<Self, DocumentError> {
        let document: Self =
            serde_json::from_slice(json).map_err(|_error| DocumentError::NotAStatus)?;
        match document.schema_version {
            0 => Err(DocumentError::NotAStatus),
            version if version > SCHEMA_VERSION && document.checks.is_empty() => {
                Err(DocumentError::TooNew(version))
            }
            _ => Ok(document),
        }
    }

    /// Returns whether its schema is newer than the known one, so that parts may be missing here.
    pub fn is_newer(&self) -> bool {
        self.schema_version > SCHEMA_VERSION
    }

    /// Returns the result of a check.
    pub fn check(&self, id: &Label) -> Option<&CheckVerdict> {
        self.checks.iter().find(|check| check.id == *id)
    }
}

impl CheckVerdict {
    /// Returns what it says of a mode.
    pub fn mode(&self, label: &Label) -> Option<&ModeText> {
        self.modes.iter().find(|mode| mode.mode == *label)
    }
}

impl Label {
    /// Returns a label; `None` if the text is none.
    pub fn new(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let valid = !text.is_empty() && text.len() <= MAX_LABEL_BYTES && text.bytes().all(fits);
        valid.then(|| Self(text.to_owned()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| serde::de::Error::custom("not a label"))
    }
}

/// Reads the entries of a list that can be read; anything else is an empty list.
fn entries<'de, D: Deserializer<'de>, T: for<'a> Deserialize<'a>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let Value::Array(values) = Value::deserialize(deserializer)? else {
        return Ok(Vec::new());
    };
    let readable = values.into_iter().take(MAX_ENTRIES);
    Ok(readable
        .filter_map(|value| serde_json::from_value(value).ok())
        .collect())
}

fn or_default<'de, D: Deserializer<'de>, T: for<'a> Deserialize<'a> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

fn evidence<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Evidence, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Evidence::from(text),
        _ => Evidence::default(),
    })
}

fn lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let Value::String(text) = Value::deserialize(deserializer)? else {
        return Ok(Vec::new());
    };
    let lines = text.lines().take(MAX_ENTRIES);
    Ok(lines
        .map(|line| Evidence::from(line).to_string())
        .filter(|line| !line.is_empty())
        .collect())
}

fn sentences<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Evidence>, D::Error> {
    let texts: Vec<String> = entries(deserializer)?;
    Ok(texts.into_iter().map(Evidence::from).collect())
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_u64().unwrap_or(0))
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(|text| text.parse().ok()))
}

fn severity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Severity>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let known = |severity: &&Severity| Some(severity.label()) == value.as_str();
    Ok(Severity::OF_FAILURES.iter().find(known).copied())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(json: &Value) -> Result<VerdictDocument, DocumentError> {
        VerdictDocument::parse(json.to_string().as_bytes())
    }

    #[test]
    fn odd_entries_are_left_out_and_texts_are_cleaned() {
        let document = parse(&json!({
            "schema_version": 1, "at": "soon", "exporter": { "version": "0.1\u{1b}[31m" },
            "root_causes": [
                { "check": "dns", "mode": "net_dns_timeout", "severity": "dreadful", "since": 7 },
                { "check": "Not a label", "mode": "x" }, 7, null,
            ],
            "checks": [
                { "id": "dns", "status": "failing", "evidence": "a\nb", "modes": [
                    { "mode": "net_dns_timeout", "remedy": ["not a text"] },
                ] },
                { "id": "dns" },
            ],
        }))
        .unwrap();
        assert_eq!(document.at, None);
        assert_eq!(document.exporter.version.as_str(), "0.1[31m");
        assert_eq!(document.root_causes.len(), 1);
        assert_eq!(document.root_causes[0].severity, None);
        assert_eq!(document.checks.len(), 1);
        assert_eq!(document.checks[0].evidence.as_str(), "a b");
        assert!(document.checks[0].modes[0].remedy.is_empty());
    }

    #[test]
    fn newer_schema_is_read_as_far_as_it_is_known() {
        let check = json!({ "id": "telepathy", "status": "glowing", "aura": 7 });
        let document = parse(&json!({ "schema_version": 2, "checks": [check] })).unwrap();
        assert!(document.is_newer());
        assert_eq!(document.checks[0].status.as_str(), "glowing");
        let other = parse(&json!({ "schema_version": 3, "verdicts": {} }));
        assert_eq!(other.unwrap_err(), DocumentError::TooNew(3));
    }

    #[test]
    fn other_documents_are_not_a_status() {
        for body in ["", "<html>", "[]", "{}", r#"{"schema_version":"1"}"#] {
            assert_eq!(
                VerdictDocument::parse(body.as_bytes()).unwrap_err(),
                DocumentError::NotAStatus,
                "{body}"
            );
        }
    }
}
