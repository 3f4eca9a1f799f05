//! Log texts about the clouds' metadata servers.

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::go_error;
use crate::classify::go_error::Cause;
use crate::classify::reading::Reading;
use crate::classify::rule::{Rule, contains_any, first_match};
use crate::classify::text::Text;

/// Classifies a log text about metadata servers; `None` if it is about something else.
pub(super) fn log_text(text: Text<'_>) -> Option<Reading> {
    if let Some(mode) = first_match(ANSWERS, text) {
        return Some(mode.into());
    }
    let google = contains_any(
        text,
        &[
            "computeMetadata",
            "metadata.google.internal",
            "GCE metadata",
            "GKE Metadata Server",
            "Google Compute Engine metadata service",
            "GKE_",
        ],
    );
    let azure = contains_any(
        text,
        &[
            "metadata/instance?",
            "failed to retrieve instance metadata",
            "//169.254.169.254/metadata/",
            "AKS_",
        ],
    );
    let amazon = text.contains("//169.254.169.254/latest/") && !text.contains("status code: ");
    if !google && !azure && !amazon {
        return None;
    }
    if google && let Some(mode) = google_status(text) {
        return Some(mode.into());
    }
    Some(match go_error::cause_in(text) {
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

/// Returns the mode of a status of Google's metadata server, which clients word differently.
fn google_status(text: Text<'_>) -> Option<FailureMode> {
    let status = [
        "http status code: ",
        "status code ",
        "status code: ",
        "Status: ",
        "HTTP status ",
    ]
    .iter()
    .find_map(|words| text.split_once(words)?.1.get(..3)?.parse::<u16>().ok())?;
    match status {
        403 => Some(M::GcpMetadataHeaderMissing),
        404 if text.contains("service-accounts/") => Some(M::GcpMetadataNoSa),
        404 => Some(M::GcpMetadataAttrMissing),
        429 | 503 => Some(M::GcpMetadataRateLimited),
        _ => None,
    }
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
    (
        &["Missing required header", "Metadata-Flavor"],
        M::GcpMetadataHeaderMissing,
    ),
    (
        &["Missing Metadata-Flavor:Google header"],
        M::GcpMetadataHeaderMissing,
    ),
    (
        &["does not have permission to get URL", "/computeMetadata/"],
        M::GcpMetadataHeaderMissing,
    ),
    (
        &["Compute Engine Metadata server unavailable"],
        M::GcpMetadataUnreachable,
    ),
    (
        &["no response from the IMDS endpoint"],
        M::AzureImdsUnreachable,
    ),
    (
        &["Required metadata header not specified"],
        M::AzureImdsBadRequest,
    ),
    (
        &["api-version was not specified in the request"],
        M::AzureImdsBadRequest,
    ),
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
