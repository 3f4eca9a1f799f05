//! Log texts about the clouds' metadata servers.

use crate::catalogue::FailureMode as M;
use crate::classify::go_error;
use crate::classify::go_error::Cause;
use crate::classify::reading::Reading;
use crate::classify::rule::{Rule, contains_any, first_match};

/// Classifies a log text about metadata servers; `None` if it is about something else.
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
        // The SDK's credential chain is more specific.
        Some(_) if amazon && contains_any(text, &["operation error ", "NoCredentialProviders"]) => {
            return None;
        }
        Some(_) if amazon => M::AwsImdsUnreachable.into(),
        Some(_) => M::AzureImdsUnreachable.into(),
        None if text.to_lowercase().contains("provide required") => M::MetadataUnresolvable.into(),
        None => return None,
    })
}

/// Errors with a response.
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
