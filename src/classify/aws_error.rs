//! Errors of AWS and its SDKs: texts of both generations of the Go SDK, and error bodies as
//! received.
//!
//! The first SDK writes `Code: message
//! \tstatus code: 403, request id: …
//! caused by: …`, the second `operation error EC2: DescribeInstances, https response error
//! StatusCode: 403, …, api error Code: message`. In both, the innermost code decides; the wrappers
//! differ between versions.

use serde_json::Value;

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::go_error;
use crate::classify::go_error::Cause;
use crate::classify::html::is_html;
use crate::classify::reading::Reading;
use crate::classify::rule::{Rule, contains_any, first_match};

/// The service that responded, as far as the text shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// EC2.
    Ec2,
    /// STS.
    Sts,
    /// The EKS Pod Identity agent, or the service behind it.
    PodIdentity,
    /// Instance metadata.
    Imds,
    /// Not shown by the text.
    Unknown,
}

/// A parsed AWS error body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ErrorBody {
    /// Error code; without one, the response is not from AWS.
    pub code: Option<String>,
    /// Error message.
    pub message: Option<String>,
    /// Request ID.
    pub request_id: Option<String>,
}

/// Parses an error body in any envelope: EC2's, STS's, or JSON.
pub fn error_body(body: &str) -> ErrorBody {
    let body = body.trim();
    let ((code, message), request_id) = if body.starts_with('{') {
        (json(body), None)
    } else if is_html(None, body) {
        return ErrorBody::default();
    } else {
        (
            (tag(body, "Code"), tag(body, "Message")),
            tag(body, "RequestId").or_else(|| tag(body, "RequestID")),
        )
    };
    ErrorBody {
        code: code.filter(|code| !code.is_empty()),
        message,
        request_id,
    }
}

/// Returns the mode of a service's error code, using the message where the code alone is ambiguous.
pub fn code(service: Service, code: &str, message: &str) -> Option<FailureMode> {
    first_match(PHRASES, message).or_else(|| mode_of_code(code, message, service))
}

/// Classifies a log text of the SDK; `None` if it is not about AWS or no rule matches.
pub(super) fn log_text(text: &str) -> Option<Reading> {
    if let Some(mode) = first_match(PHRASES, text) {
        return Some(mode.into());
    }
    if !speaks_of_aws(text) {
        return None;
    }
    let service = Service::of(text);
    if service == Service::Imds {
        return Some(imds(text));
    }
    if let Some(mode) = coded(text, service) {
        return Some(mode.into());
    }
    match go_error::cause(text) {
        Some(cause) => Some(on_the_way(cause, text, service)),
        None if text.contains("StatusCode: 5") || text.contains("status code: 5") => {
            Some(service.server_error().into())
        }
        None => first_match(NO_CREDENTIALS, text).map(Reading::from),
    }
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
        return log_text(body).unwrap_or_else(|| M::Unclassified.into());
    };
    let message = message.unwrap_or_default();
    let service = if body.contains("<Response>") || body.contains("<Errors>") {
        Service::Ec2
    } else if body.contains("sts.amazonaws.com") || body.contains("<ErrorResponse") {
        Service::Sts
    } else {
        Service::of(body)
    };
    if code == "Success" || code == "DryRunOperation" {
        return Reading::Harmless;
    }
    first_match(PHRASES, &message)
        .or_else(|| mode_of_code(&code, &message, service))
        .unwrap_or(M::Unclassified)
        .into()
}

impl Service {
    /// Returns the last service called: the innermost operation, or the address of its credential
    /// source.
    fn of(text: &str) -> Self {
        const POD_IDENTITY: &[&str] = &[
            "169.254.170.23",
            "fd00:ec2::23",
            "failed to load credentials",
            "CredentialsEndpointError",
            ", fault: ",
        ];
        if contains_any(text, POD_IDENTITY) {
            return Self::PodIdentity;
        }
        if let Some(at) = text.rfind("operation error ") {
            let operation = &text[at + "operation error ".len()..];
            return match operation.split(':').next().unwrap_or_default() {
                "EC2" => Self::Ec2,
                "STS" => Self::Sts,
                "EKS Auth" => Self::PodIdentity,
                "ec2imds" => Self::Imds,
                _ => Self::Unknown,
            };
        }
        if contains_any(text, &["EC2MetadataError", "169.254.169.254"]) {
            Self::Imds
        } else if contains_any(text, &["WebIdentity", "//sts.", "GetCallerIdentity"]) {
            Self::Sts
        } else if contains_any(
            text,
            &["describing instance", "DescribeInstances", "//ec2."],
        ) {
            Self::Ec2
        } else {
            Self::Unknown
        }
    }

    const fn throttled(self) -> FailureMode {
        match self {
            Self::Sts => M::AwsStsThrottled,
            Self::PodIdentity => M::AwsPodIdentityThrottled,
            Self::Ec2 | Self::Imds | Self::Unknown => M::Ec2Throttled,
        }
    }

    const fn server_error(self) -> FailureMode {
        match self {
            Self::Sts => M::AwsStsServerError,
            Self::PodIdentity => M::AwsPodIdentityBackendUnreachable,
            Self::Imds => M::AwsImdsServerError,
            Self::Ec2 | Self::Unknown => M::Ec2ServerError,
        }
    }
}

/// Returns whether a text is about AWS.
fn speaks_of_aws(text: &str) -> bool {
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
fn speaks_of_other_clouds(text: &str) -> bool {
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
fn imds(text: &str) -> Reading {
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
        // Without a response it is unknown whether a role exists.
        _ if looking_for_role => M::AwsNoCredentials,
        _ => M::AwsImdsUnreachable,
    };
    mode.into()
}

/// No response arrived: the transport cause, or the peer named in the text.
fn on_the_way(cause: Cause, text: &str, service: Service) -> Reading {
    match (cause, service) {
        (Cause::GivenUp, _) if text.contains("context canceled") => Reading::Harmless,
        (_, Service::PodIdentity) if text.contains("operation error EKS Auth") => {
            M::AwsPodIdentityBackendUnreachable.into()
        }
        (_, Service::PodIdentity) => M::AwsPodIdentityAgentUnreachable.into(),
        (Cause::Mode(mode), _) => mode.into(),
        (_, Service::Sts) => M::AwsStsUnreachable.into(),
        // Seen when STS or its name does not respond: the text stops where credentials are fetched.
        _ if text.contains("get credentials: ") => M::AwsStsUnreachable.into(),
        (Cause::GivenUp, _) => Reading::Harmless,
        (Cause::NotConnected, _) => M::NetConnectTimeout.into(),
        (Cause::Deadline | Cause::Lost, _) => M::HttpTimeout.into(),
    }
}

/// Returns the mode of the innermost code in a text.
fn coded(text: &str, service: Service) -> Option<FailureMode> {
    let (at, code) = CODES
        .iter()
        .filter_map(|code| {
            let at = text.rfind(code)?;
            let ends =
                !text[at + code.len()..].starts_with(|next: char| next.is_ascii_alphanumeric());
            let begins = !text[..at].ends_with(|before: char| before.is_ascii_alphanumeric());
            (begins && ends).then_some((at, *code))
        })
        .max()?;
    mode_of_code(code, &text[at..], service)
}

/// Returns the mode of an error code, using the message where the code alone is ambiguous.
fn mode_of_code(code: &str, message: &str, service: Service) -> Option<FailureMode> {
    let web_identity =
        message.contains("WebIdentity") || message.contains("Token expired: current date/time");
    Some(match code.trim_end_matches("Exception") {
        "UnauthorizedOperation" => denied(message),
        "AccessDenied"
            if message.contains("sts:") && contains_any(&message.to_lowercase(), PERIMETERS) =>
        {
            M::AwsStsDenied
        }
        "AccessDenied" if contains_any(message, &["sts:AssumeRoleWithWebIdentity"]) => {
            M::AwsIrsaTrustDenied
        }
        "AccessDenied"
            if message.contains("associated role") || service == Service::PodIdentity =>
        {
            M::AwsPodIdentityDenied
        }
        "AccessDenied" if service == Service::Sts => M::AwsStsDenied,
        "AccessDenied" if service == Service::Ec2 || message.contains("ec2:") => denied(message),
        "AuthFailure" | "RequestExpired" => M::AwsAuthFailureAmbiguous,
        "InvalidClientTokenId" | "InvalidAccessKeyId" | "UnrecognizedClient" => M::AwsKeyInvalid,
        "SignatureDoesNotMatch"
            if contains_any(message, &["Signature expired", "Signature not yet current"]) =>
        {
            M::AwsClockSkew
        }
        "SignatureDoesNotMatch" | "IncompleteSignature" => M::AwsKeySecretWrong,
        "RequestTimeTooSkewed" => M::AwsClockSkew,
        "ExpiredToken" | "InvalidToken" if service == Service::PodIdentity => {
            M::AwsPodIdentityTokenInvalid
        }
        "ExpiredToken" if web_identity || code == "ExpiredTokenException" => M::AwsIrsaTokenExpired,
        "ExpiredToken" => M::AwsSessionExpired,
        "OptInRequired" | "RegionDisabled" => M::AwsRegionNotEnabled,
        "InvalidIdentityToken" if message.contains("Incorrect token audience") => {
            M::AwsIrsaWrongAudience
        }
        "InvalidIdentityToken" if message.contains("No OpenIDConnect provider found") => {
            M::AwsIrsaOidcProviderMissing
        }
        "InvalidIdentityToken" | "IDPRejectedClaim" => M::AwsIrsaTokenInvalid,
        "IDPCommunicationError" => M::AwsIrsaIdpUnreachable,
        "ResourceNotFound" if service == Service::PodIdentity => M::AwsPodIdentityNoAssociation,
        "RequestLimitExceeded" | "EC2Throttled" => M::Ec2Throttled,
        "Throttling" | "Throttled" | "TooManyRequests" => service.throttled(),
        "InternalError" | "InternalFailure" | "Unavailable" | "ServiceUnavailable"
        | "InternalServer" => service.server_error(),
        "InvalidInstanceID.NotFound" | "InvalidInstanceID.Malformed" => M::Ec2RegionWrong,
        "UnknownError" if service == Service::Ec2 => M::Ec2UnexpectedBody,
        "UnknownError" => M::ProxyBlockPage,
        "AssumeRoleUnauthorizedAccess" => M::AwsImdsRoleTrust,
        _ => return None,
    })
}

/// Policies around STS that apply regardless of the role's own policies.
const PERIMETERS: &[&str] = &[
    "vpc endpoint policy",
    "service control policy",
    "resource control policy",
];

/// Returns which kind of policy denies, from the end of the message; AWS names only one.
fn denied(message: &str) -> FailureMode {
    const KINDS: &[(&str, FailureMode)] = &[
        ("service control policy", M::Ec2DeniedScp),
        ("resource control policy", M::Ec2DeniedRcp),
        ("resource-based policy", M::Ec2DeniedResourcePolicy),
        ("session policy", M::Ec2DeniedSessionPolicy),
        ("permissions boundary", M::Ec2DeniedBoundary),
        ("vpc endpoint policy", M::Ec2DeniedVpcePolicy),
    ];
    let message = message.to_lowercase();
    let explicit = message
        .split_once("with an explicit deny in ")
        .map(|(_, rest)| rest);
    let Some(reason) = explicit.or_else(|| message.split_once("because no ").map(|(_, rest)| rest))
    else {
        return M::Ec2DeniedUnspecified;
    };
    // The kind directly follows the phrase, after at most an article and a word like
    // "organization's".
    let reason: String = reason.chars().take(64).collect();
    if reason.contains("identity-based policy") {
        return if explicit.is_some() {
            M::Ec2DeniedExplicitIdentity
        } else {
            M::Ec2DeniedIdentityPolicy
        };
    }
    KINDS
        .iter()
        .find(|(kind, _)| reason.contains(kind))
        .map_or(M::Ec2DeniedUnspecified, |(_, mode)| *mode)
}

/// Parses code and message of a JSON error.
fn json(body: &str) -> (Option<String>, Option<String>) {
    let Ok(value) = serde_json::from_str::<Value>(body) else {
        return (None, None);
    };
    let text = |keys: &[&str]| {
        keys.iter()
            .find_map(|key| value.get(*key)?.as_str())
            .map(str::to_owned)
    };
    let code = text(&["__type", "Code", "code"])
        .map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
    let message = text(&["message", "Message"]);
    (
        code.or_else(|| message.as_deref().and_then(code_of_message)),
        message,
    )
}

/// Infers the code from a message: some services send the code in a header only.
fn code_of_message(message: &str) -> Option<String> {
    const MESSAGES: &[(&str, &str)] = &[
        (
            "does not have permissions to assume the associated role",
            "AccessDeniedException",
        ),
        (
            "security token included in the request is invalid",
            "UnrecognizedClientException",
        ),
        (
            "security token included in the request is expired",
            "ExpiredToken",
        ),
        ("Rate exceeded", "ThrottlingException"),
        (
            "signature we calculated does not match",
            "SignatureDoesNotMatch",
        ),
        ("Signature expired", "SignatureDoesNotMatch"),
    ];
    MESSAGES
        .iter()
        .find(|(words, _)| message.contains(words))
        .map(|(_, code)| (*code).to_owned())
}

/// Returns the text of the first element with this name.
fn tag(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once("</")
        .map(|(text, _)| text.trim().to_owned())
}

/// AWS error codes that determine a mode.
const CODES: &[&str] = &[
    "UnauthorizedOperation",
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "RequestExpired",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "RequestTimeTooSkewed",
    "ExpiredToken",
    "ExpiredTokenException",
    "OptInRequired",
    "RegionDisabledException",
    "InvalidIdentityToken",
    "InvalidIdentityTokenException",
    "IDPRejectedClaim",
    "IDPRejectedClaimException",
    "IDPCommunicationError",
    "IDPCommunicationErrorException",
    "InvalidTokenException",
    "ResourceNotFoundException",
    "RequestLimitExceeded",
    "EC2ThrottledException",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "InternalError",
    "InternalFailure",
    "Unavailable",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "InternalServerException",
    "InvalidInstanceID.NotFound",
    "InvalidInstanceID.Malformed",
    "UnknownError",
    "AssumeRoleUnauthorizedAccess",
];

/// Phrases that are decisive without a code, in order of precedence.
const PHRASES: &[Rule] = &[
    (
        &["only loopback hosts are allowed"],
        M::AwsPodIdentityUnsupportedByAgentSdk,
    ),
    (&["role ARN is not set"], M::AwsIrsaRoleArnMissing),
    (
        &["failed to retrieve jwt from provide source"],
        M::AwsIrsaTokenFileMissing,
    ),
    (
        &["failed fetching WebIdentity token"],
        M::AwsIrsaTokenFileMissing,
    ),
    (&["SharedConfigProfileNotExist"], M::AwsProfileInvalid),
    (
        &["failed to get shared config profile"],
        M::AwsProfileInvalid,
    ),
    (&["SharedConfigLoadError"], M::AwsProfileInvalid),
    (&["SharedConfigAssumeRoleError"], M::AwsProfileInvalid),
    (&["custom CA bundle"], M::AwsCaBundleInvalid),
    (&["LoadCustomCABundleError"], M::AwsCaBundleInvalid),
    (
        &["aws client", "open ", ": no such file or directory"],
        M::AwsCaBundleInvalid,
    ),
    (
        &["aws client", "open ", ": permission denied"],
        M::AwsCaBundleInvalid,
    ),
    (
        &["EKS does not have permissions to assume the associated role"],
        M::AwsPodIdentityDenied,
    ),
    (
        &["Service account token cannot be empty"],
        M::AwsPodIdentityTokenInvalid,
    ),
    (
        &["Service account token cannot be parsed"],
        M::AwsPodIdentityTokenInvalid,
    ),
    (
        &["failed basic claim validations"],
        M::AwsPodIdentityTokenInvalid,
    ),
    (&["access disabled to EC2 IMDS"], M::AwsImdsDisabled),
    (
        &["instance metadata did not return a region"],
        M::MetadataUnresolvable,
    ),
    (&["MissingRegion: "], M::MetadataUnresolvable),
    (
        &["operation error ", "Missing Region"],
        M::MetadataUnresolvable,
    ),
    (&["no tags found for instance_id="], M::Ec2TagsMissing),
    (
        &["instance cluster tags not found for instance_id="],
        M::Ec2TagsMissing,
    ),
    (
        &["no reservations found for instance_id="],
        M::Ec2InstanceNotVisible,
    ),
    (
        &["no instances found for instance_id="],
        M::Ec2InstanceNotVisible,
    ),
    (&["failed decoding EC2"], M::Ec2UnexpectedBody),
    (
        &["operation error EC2", "deserialization failed"],
        M::Ec2UnexpectedBody,
    ),
    (
        &["describing instance", "SerializationError: "],
        M::Ec2UnexpectedBody,
    ),
    (
        &["invalid header field value for \"Authorization\"", "aws"],
        M::AwsKeyInvalid,
    ),
    (
        &[
            "invalid header field value for \"Authorization\"",
            "operation error ",
        ],
        M::AwsKeyInvalid,
    ),
];

/// HTML pages of the instance metadata service.
const IMDS_PAGES: &[Rule] = &[
    (
        &["<title>401 - Unauthorized</title>"],
        M::AwsImdsTokenRequired,
    ),
    (&["<title>403 - Forbidden</title>"], M::AwsImdsDisabled),
];

/// Texts that report missing credentials without a reason.
const NO_CREDENTIALS: &[Rule] = &[
    (&["AssumeRoleUnauthorizedAccess"], M::AwsImdsRoleTrust),
    (&["no EC2 instance role found"], M::AwsImdsNoRole),
    (&["NoCredentialProviders"], M::AwsNoCredentials),
    (&["no EC2 IMDS role found"], M::AwsNoCredentials),
    (
        &["failed to refresh cached credentials"],
        M::AwsNoCredentials,
    ),
    (&["get credentials: "], M::AwsNoCredentials),
];

/// Returns whether this is an AWS error document.
pub(super) fn is_error_xml(text: &str) -> bool {
    text.contains("<Code>")
        && contains_any(
            text,
            &["<ErrorResponse", "<Response>", "<Errors>", "<Error>"],
        )
}
