//! Texts of the AWS CLI and of SDKs other than Go's: Python, Java, JavaScript, .NET, Kotlin, Rust.
//!
//! Code and message are AWS's own; the frame around them differs.

use super::codes::{coded, mode_of_code};
use super::denial::denied;
use super::service::AwsErrorSource;
use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::rule::{Rule, contains_any, first_match};
use crate::classify::text::Text;

/// Returns the mode of a text, whatever program wrote it.
pub(super) fn mode(text: Text<'_>) -> Option<FailureMode> {
    if let Some((code, operation)) = cli_call(text) {
        return mode_of_code(code, text, service_of(operation));
    }
    if let Some(mode) = first_match(MESSAGES, text) {
        return Some(mode);
    }
    if contains_any(text, DENIALS) {
        return Some(denied(text));
    }
    coded(text, AwsErrorSource::of(text), DISTINCT_CODES)
        .or_else(|| java_call(text))
        .or_else(|| first_match(NO_CREDENTIALS, text))
}

/// Parses `An error occurred (CODE) when calling the OPERATION operation`.
fn cli_call(text: Text<'_>) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("An error occurred (")?;
    let (code, rest) = rest.split_once(") when calling the ")?;
    let (operation, _) = rest.split_once(" operation")?;
    Some((code, operation))
}

fn service_of(operation: &str) -> AwsErrorSource {
    match operation {
        "AssumeRoleWithWebIdentity" | "GetCallerIdentity" => AwsErrorSource::Sts,
        "AssumeRoleForPodIdentity" => AwsErrorSource::PodIdentity,
        "DescribeInstances"
        | "DescribeInstanceTypes"
        | "DescribeRegions"
        | "DescribeVolumes"
        | "DescribeSubnets"
        | "DescribeVpcs"
        | "DescribeSecurityGroups"
        | "RunInstances" => AwsErrorSource::Ec2,
        _ => AwsErrorSource::Unknown,
    }
}

/// Parses `(Service: AmazonEC2; Status Code: 403; Error Code: CODE; …)`, or without a code
/// `(Service: Sts, Status Code: 403, …)`.
fn java_call(text: Text<'_>) -> Option<FailureMode> {
    let (_, rest) = text.split_once("(Service: ")?;
    let name = rest.split([';', ',']).next()?;
    let service = match name {
        "AmazonEC2" | "Ec2" => AwsErrorSource::Ec2,
        "AWSSecurityTokenService" | "Sts" => AwsErrorSource::Sts,
        "EksAuth" => AwsErrorSource::PodIdentity,
        _ => return None,
    };
    if let Some((_, code)) = rest.split_once("Error Code: ") {
        let code = code.split([';', ')', ',']).next()?;
        return mode_of_code(code, text, service);
    }
    let (_, status) = rest.split_once("Status Code: ")?;
    match status.get(..3)? {
        "500" | "502" | "503" | "504" => Some(service.server_error()),
        _ => None,
    }
}

/// Denials of EC2, which name the policy in the same text.
const DENIALS: &[&str] = &[
    "You are not authorized to perform this operation",
    "is not authorized to perform: ec2:",
];

/// Codes that no system but AWS uses.
const DISTINCT_CODES: &[&str] = &[
    "UnauthorizedOperation",
    "AuthFailure",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "RequestTimeTooSkewed",
    "ExpiredTokenException",
    "OptInRequired",
    "RegionDisabledException",
    "InvalidIdentityToken",
    "InvalidIdentityTokenException",
    "IDPRejectedClaim",
    "IDPRejectedClaimException",
    "IDPCommunicationError",
    "IDPCommunicationErrorException",
    "RequestLimitExceeded",
    "EC2ThrottledException",
    "InvalidInstanceID.NotFound",
    "InvalidInstanceID.Malformed",
    "AssumeRoleUnauthorizedAccess",
];

/// AWS's and its SDKs' sentences, in order of precedence.
const MESSAGES: &[Rule] = &[
    (
        &[
            "169.254.170.23",
            "is not a valid container metadata service hostname",
        ],
        M::AwsPodIdentityUnsupportedByAgentSdk,
    ),
    (
        &["Unsupported host '169.254.170.23'"],
        M::AwsPodIdentityUnsupportedByAgentSdk,
    ),
    (
        &["169.254.170.23", "has an invalid host"],
        M::AwsPodIdentityUnsupportedByAgentSdk,
    ),
    (
        &["169.254.170.23", "did not refer to the loopback interface"],
        M::AwsPodIdentityUnsupportedByAgentSdk,
    ),
    (
        &["Not authorized to perform sts:AssumeRoleWithWebIdentity"],
        M::AwsIrsaTrustDenied,
    ),
    (
        &["No OpenIDConnect provider found in your account"],
        M::AwsIrsaOidcProviderMissing,
    ),
    (&["Incorrect token audience"], M::AwsIrsaWrongAudience),
    (
        &["Couldn't retrieve verification key from your identity provider"],
        M::AwsIrsaIdpUnreachable,
    ),
    (
        &["Token expired: current date/time"],
        M::AwsIrsaTokenExpired,
    ),
    (
        &["token included in the request is expired: current date"],
        M::AwsPodIdentityTokenInvalid,
    ),
    (
        &["serviceaccount/token", "amazonaws.com", "ermission denied"],
        M::AwsIrsaTokenFileMissing,
    ),
    (
        &[
            "serviceaccount/token",
            "amazonaws.com",
            "o such file or directory",
        ],
        M::AwsIrsaTokenFileMissing,
    ),
    (
        &["TokenFileWebIdentityCredentials", "openSync"],
        M::AwsIrsaTokenFileMissing,
    ),
    (
        &["AWS was not able to validate the provided access credentials"],
        M::AwsAuthFailureAmbiguous,
    ),
    (
        &["security token included in the request is invalid"],
        M::AwsKeyInvalid,
    ),
    (
        &["AWS Access Key Id you provided does not exist"],
        M::AwsKeyInvalid,
    ),
    (
        &["security token included in the request is expired"],
        M::AwsSessionExpired,
    ),
    (&["Signature expired: "], M::AwsClockSkew),
    (&["Signature not yet current: "], M::AwsClockSkew),
    (
        &["request signature we calculated does not match"],
        M::AwsKeySecretWrong,
    ),
    (
        &["STS is not activated in this region"],
        M::AwsRegionNotEnabled,
    ),
    (&["Partial credentials found in "], M::AwsKeyIncomplete),
    (
        &["config profile (", ") could not be found"],
        M::AwsProfileInvalid,
    ),
    (&["ProfileNotFound"], M::AwsProfileInvalid),
    (
        &["Unable to retrieve the requested metadata", "401"],
        M::AwsImdsTokenRequired,
    ),
    (
        &["Could not connect to the endpoint URL: \"https://sts."],
        M::AwsStsUnreachable,
    ),
    (
        &["Could not connect to the endpoint URL: \"http://169.254.169.254"],
        M::AwsImdsUnreachable,
    ),
    (&["You must specify a region"], M::MetadataUnresolvable),
    (&["Missing region in config"], M::MetadataUnresolvable),
    (&["Region is missing"], M::MetadataUnresolvable),
    (
        &["Unable to find a region via the region provider chain"],
        M::MetadataUnresolvable,
    ),
    (
        &["Unable to load region from any of the providers"],
        M::MetadataUnresolvable,
    ),
    (
        &["No RegionEndpoint or ServiceURL configured"],
        M::MetadataUnresolvable,
    ),
    (
        &["failed discovering properties: ", "region=\"\""],
        M::MetadataUnresolvable,
    ),
];

/// Credential chains that end without credentials, and why the last source had none.
const NO_CREDENTIALS: &[Rule] = &[
    (
        &["Unable to get IAM security credentials from EC2 Instance Metadata Service"],
        M::AwsImdsUnreachable,
    ),
    (
        &["Unable to contact EC2 metadata service"],
        M::AwsImdsUnreachable,
    ),
    (
        &["failed to load IMDS session token"],
        M::AwsImdsUnreachable,
    ),
    (
        &["making metadata service request to http://169.254.169.254"],
        M::AwsImdsUnreachable,
    ),
    (&["Unable to locate credentials"], M::AwsNoCredentials),
    (&["NoCredentialsError"], M::AwsNoCredentials),
    (
        &["Unable to load AWS credentials from any provider"],
        M::AwsNoCredentials,
    ),
    (
        &["Unable to load credentials from any of the providers in the chain"],
        M::AwsNoCredentials,
    ),
    (
        &["Could not load credentials from any providers"],
        M::AwsNoCredentials,
    ),
    (&["Missing credentials in config"], M::AwsNoCredentials),
    (&["Failed to resolve AWS credentials"], M::AwsNoCredentials),
    (
        &["no providers in chain provided credentials"],
        M::AwsNoCredentials,
    ),
    (
        &["No identity could be resolved from the chain"],
        M::AwsNoCredentials,
    ),
    (
        &["No credentials could be loaded from the chain"],
        M::AwsNoCredentials,
    ),
    (&["o valid credential sources "], M::AwsNoCredentials),
    (
        &["unable to sign request without credentials set"],
        M::AwsNoCredentials,
    ),
    (&["MissingCredentialsError"], M::AwsNoCredentials),
    (&["MissingAuthenticationToken"], M::AwsNoCredentials),
    (
        &["Failed to load credentials from IMDS"],
        M::AwsImdsUnreachable,
    ),
    (
        &["Failed to connect to service endpoint: "],
        M::AwsImdsUnreachable,
    ),
];
