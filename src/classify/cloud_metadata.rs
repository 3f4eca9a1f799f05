//! What the clouds' metadata servers make CAST AI's components say.

use super::go_error::Cause;
use super::{Reading, Rule, contains_any, first_match, go_error};
use crate::catalogue::FailureMode as M;

/// What a log text about them says; nothing if it is about something else.
pub(super) fn log_text(text: &str) -> Option<Reading> {
    if let Some(mode) = first_match(ANSWERS, text) {
        return Some(mode.into());
    }
    let google = contains_any(
        text,
        &[
            "computeMetadata",
            "metadata.google.internal",
            "GCE metadata",
            "GKE_",
        ],
    );
    let azure = contains_any(
        text,
        &[
            "metadata/instance?",
            "failed to retrieve instance metadata",
            "AKS_",
        ],
    );
    let amazon = text.contains("//169.254.169.254/latest/") && !text.contains("status code: ");
    if !google && !azure && !amazon {
        return None;
    }
    Some(match go_error::cause(text) {
        Some(Cause::GivenUp) => Reading::Harmless,
        Some(_) if google => M::GcpMetadataUnreachable.into(),
        // A chain of the SDK says more.
        Some(_) if amazon && contains_any(text, &["operation error ", "NoCredentialProviders"]) => {
            return None;
        }
        Some(_) if amazon => M::AwsImdsUnreachable.into(),
        Some(_) => M::AzureImdsUnreachable.into(),
        None if text.to_lowercase().contains("provide required") => M::MetadataUnresolvable.into(),
        None => return None,
    })
}

/// They answered.
const ANSWERS: &[Rule] = &[
    (
        &["GCE metadata \"", "service-accounts/default", "not defined"],
        M::GcpMetadataNoSa,
    ),
    (
        &["GCE metadata \"", "not defined"],
        M::GcpMetadataAttrMissing,
    ),
    (&["compute: Received 403"], M::GcpMetadataHeaderMissing),
    (&["compute: Received 429"], M::GcpMetadataRateLimited),
    (&["compute: Received 503"], M::GcpMetadataRateLimited),
    (
        &["failed to retrieve instance metadata", "400"],
        M::AzureImdsBadRequest,
    ),
    (
        &["failed to retrieve instance metadata", "429"],
        M::AzureImdsRateLimited,
    ),
];
