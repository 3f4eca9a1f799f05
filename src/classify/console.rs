//! Sentences of CAST AI's console.

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::text::Text;

/// Returns the mode of a sentence or status of the console; it must be the whole text.
pub(super) fn mode(text: Text<'_>) -> Option<FailureMode> {
    /// Each sentence contains one of these words.
    const KEYWORDS: &[&str] = &[
        "respond",
        "disconnect",
        "unable",
        "outdated",
        "reconcil",
        "access",
    ];
    // The longest sentence has fewer bytes.
    if text.len() > 200 || !KEYWORDS.iter().any(|word| text.may_contain(word)) {
        return None;
    }
    let text = text
        .trim()
        .trim_end_matches(['.', '!'])
        .to_lowercase()
        .replace('-', " ");
    let text = ["cluster status: ", "status: ", "agent status: ", "error: "]
        .iter()
        .find_map(|label| text.strip_prefix(label))
        .unwrap_or(&text);
    WHOLE
        .iter()
        .find(|(sentence, _)| text == *sentence)
        .or_else(|| STARTS.iter().find(|(start, _)| text.starts_with(start)))
        .map(|(_, mode)| *mode)
}

/// Whole texts, in lower case and without hyphens.
const WHOLE: &[(&str, FailureMode)] = &[
    ("not responding", M::CastaiNotResponding),
    ("non responding", M::CastaiNotResponding),
    ("cluster not responding", M::CastaiNotResponding),
    ("cluster is not responding", M::CastaiNotResponding),
    ("agent not responding", M::CastaiNotResponding),
    ("agent is not responding", M::CastaiNotResponding),
    ("disconnected", M::CastaiDisconnected),
    ("cluster disconnected", M::CastaiDisconnected),
    ("the cast ai agent is disconnected", M::CastaiDisconnected),
    ("cast ai agent is disconnected", M::CastaiDisconnected),
    (
        "the cast ai agent is not responding",
        M::CastaiNotResponding,
    ),
    ("cast ai agent is not responding", M::CastaiNotResponding),
    ("cluster is disconnected", M::CastaiDisconnected),
    ("agent disconnected", M::CastaiDisconnected),
    ("reconciliation failed", M::CastaiReconcileFailed),
];

/// Beginnings of texts, in lower case and without hyphens.
const STARTS: &[(&str, FailureMode)] = &[
    ("cluster controller not responding", M::CastaiNotResponding),
    (
        "cluster controller is not responding",
        M::CastaiNotResponding,
    ),
    (
        "the cast ai agent is unable to connect to the api",
        M::CastaiNotResponding,
    ),
    (
        "cast ai agent is unable to connect to the api",
        M::CastaiNotResponding,
    ),
    ("outdated cluster controller", M::AgentVersionOutdated),
    ("cluster controller is outdated", M::AgentVersionOutdated),
    ("outdated agent", M::AgentVersionOutdated),
    ("outdated castai agent", M::AgentVersionOutdated),
    ("agent is outdated", M::AgentVersionOutdated),
    ("failed to reconcile cluster", M::CastaiReconcileFailed),
    ("cluster reconciliation failed", M::CastaiReconcileFailed),
    ("no access to kubernetes api server", M::CpfwBlocked),
];
