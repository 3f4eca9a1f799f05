//! Messages of AWS and its SDKs that are decisive without a code.

use crate::catalogue::FailureMode as M;
use crate::classify::rule::Rule;

/// Phrases that are decisive without a code, in order of precedence.
pub(super) const PHRASES: &[Rule] = &[
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
pub(super) const IMDS_PAGES: &[Rule] = &[
    (
        &["<title>401 - Unauthorized</title>"],
        M::AwsImdsTokenRequired,
    ),
    (&["<title>403 - Forbidden</title>"], M::AwsImdsDisabled),
];

/// Texts that report missing credentials without a reason.
pub(super) const NO_CREDENTIALS: &[Rule] = &[
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
