//! Errors of AWS and its SDKs: texts of both generations of the Go SDK, and error bodies as
//! received.
//!
//! The first SDK writes `Code: message
//! \tstatus code: 403, request id: …
//! caused by: …`, the second `operation error EC2: DescribeInstances, https response error
//! StatusCode: 403, …, api error Code: message`. In both, the innermost code decides; the wrappers
//! differ between versions.

mod body;
mod codes;
mod denial;
mod other_sdks;
mod phrases;
mod service;

pub use body::error_body;
pub(super) use body::is_error_xml;
use body::{json, tag};
use codes::{CODES, coded, mode_of_code};
use phrases::{IMDS_PAGES, NO_CREDENTIALS, PHRASES};
pub use service::AwsErrorSource;

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::go_error;
use crate::classify::go_error::Cause;
use crate::classify::html::is_html;
use crate::classify::reading::Reading;
use crate::classify::rule::{contains_any, first_match};
use crate::classify::text::{Grams, Text};

/// Classifies a log text of the SDK; `None` if it is not about AWS or no rule matches.
pub(super) fn log_text(text: Text<'_>) -> Option<Reading> {
    if let Some(mode) = first_match(PHRASES, text) {
        return Some(mode.into());
    }
    if !speaks_of_aws(text) {
        return other_sdks::mode(text).map(Reading::from);
    }
    let service = AwsErrorSource::of(text);
    if service == AwsErrorSource::Imds {
        return Some(imds(text));
    }
    // Without a status, AWS did not answer; the reason phrase may look like a code.
    if text.contains("StatusCode: 0,")
        && let Some(Cause::Mode(
            mode @ (M::ProxyDenied | M::ProxyBadGateway | M::ProxyAuthRequired),
        )) = go_error::cause_in(text)
    {
        return Some(mode.into());
    }
    if let Some(mode) = coded(text, service, CODES) {
        return Some(mode.into());
    }
    match go_error::cause_in(text) {
        Some(cause) => Some(on_the_way(cause, text, service)),
        None if text.contains("StatusCode: 5") || text.contains("status code: 5") => {
            Some(service.server_error().into())
        }
        None => other_sdks::mode(text)
            .or_else(|| first_match(NO_CREDENTIALS, text))
            .map(Reading::from),
    }
}

/// Returns whether a text is about AWS.
fn speaks_of_aws(text: Text<'_>) -> bool {
    const WORDS: &[&str] = &[
        "operation error ",
        "configuring aws client",
        "aws client",
        "aws sdk",
        "aws credentials",
        "describing instance",
        "instance_id=",
        ", request id: ",
        "NoCredentialProviders",
        "EC2MetadataError",
        "EC2RoleRequestError",
        "WebIdentityErr",
        "RequestError: send request failed",
        "get credentials",
        "169.254.170.23",
        "fd00:ec2::23",
        "failed to load credentials",
        "instance region",
        "account id: ",
        ", fault: client",
        ", fault: server",
    ];
    contains_any(text, WORDS) && !speaks_of_other_clouds(text)
}

/// GKE and AKS have their metadata at the same address.
fn speaks_of_other_clouds(text: Text<'_>) -> bool {
    contains_any(
        text,
        &[
            "computeMetadata",
            "GCE metadata",
            "GKE_",
            "AKS_",
            "metadata/instance?",
        ],
    )
}

/// Classifies errors of the instance metadata service, which have a status and no code.
fn imds(text: Text<'_>) -> Reading {
    let looking_for_role = contains_any(
        text,
        &[
            "no EC2 IMDS role found",
            "no EC2 instance role found",
            "NoCredentialProviders",
        ],
    );
    let status = ["StatusCode: ", "status code: "]
        .iter()
        .find_map(|word| text.rsplit_once(word)?.1.get(..3)?.parse::<u16>().ok())
        .unwrap_or(0);
    let mode = match status {
        401 => M::AwsImdsTokenRequired,
        403 => M::AwsImdsDisabled,
        404 if looking_for_role => M::AwsImdsNoRole,
        404 => M::MetadataUnresolvable,
        500..=599 => M::AwsImdsServerError,
        0 if matches!(go_error::cause_in(text), Some(Cause::Mode(mode)) if mode != M::HttpTimeout) => {
            M::AwsImdsUnreachable
        }
        // Without a response it is unknown whether a role exists.
        _ if looking_for_role => M::AwsNoCredentials,
        _ => M::AwsImdsUnreachable,
    };
    mode.into()
}

/// No response arrived: the transport cause, or the peer named in the text.
fn on_the_way(cause: Cause, text: Text<'_>, service: AwsErrorSource) -> Reading {
    match (cause, service) {
        (Cause::GivenUp, _) if text.contains("context canceled") => Reading::Harmless,
        (_, AwsErrorSource::PodIdentity) if text.contains("operation error EKS Auth") => {
            M::AwsPodIdentityBackendUnreachable.into()
        }
        (_, AwsErrorSource::PodIdentity) => M::AwsPodIdentityAgentUnreachable.into(),
        (Cause::Mode(mode), _) => mode.into(),
        (_, AwsErrorSource::Sts) => M::AwsStsUnreachable.into(),
        // Seen when STS or its name does not respond: the text stops where credentials are fetched.
        _ if text.contains("get credentials: ") => M::AwsStsUnreachable.into(),
        (Cause::GivenUp, _) => Reading::Harmless,
        (Cause::NotConnected, _) => M::NetConnectTimeout.into(),
        (Cause::Deadline, _) => M::NetNoAnswer.into(),
        (Cause::Lost, _) => M::HttpTimeout.into(),
    }
}

/// Returns the mode of a service's error code, using the message where the code alone is ambiguous.
pub fn code(service: AwsErrorSource, code: &str, message: &str) -> Option<FailureMode> {
    let grams = Grams::of(message);
    let message = Text::new(message, &grams);
    first_match(PHRASES, message).or_else(|| mode_of_code(code, message, service))
}

/// Classifies an error body.
pub(super) fn read_body(body: &str) -> Reading {
    let body = body.trim();
    if body.is_empty() {
        return Reading::Harmless;
    }
    // The metadata service responds with HTML pages.
    if let Some(mode) = first_match(IMDS_PAGES, body) {
        return mode.into();
    }
    if is_html(None, body) {
        return M::Ec2UnexpectedBody.into();
    }
    let (code, message) = if body.starts_with('{') {
        json(body)
    } else {
        (tag(body, "Code"), tag(body, "Message"))
    };
    let Some(code) = code else {
        // Not a document: perhaps a line of the SDK, or plain text of the Pod Identity agent.
        return log_text(Text::new(body, &Grams::of(body)))
            .unwrap_or_else(|| M::Unclassified.into());
    };
    let message = message.unwrap_or_default();
    let service = if body.contains("<Response>") || body.contains("<Errors>") {
        AwsErrorSource::Ec2
    } else if body.contains("sts.amazonaws.com") || body.contains("<ErrorResponse") {
        AwsErrorSource::Sts
    } else {
        AwsErrorSource::of(Text::new(body, &Grams::of(body)))
    };
    if code == "Success" || code == "DryRunOperation" {
        return Reading::Harmless;
    }
    self::code(service, &code, &message)
        .unwrap_or(M::Unclassified)
        .into()
}
