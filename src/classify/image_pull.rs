//! Image pull errors of the kubelet and container runtimes.

mod registry;

pub use registry::registry;

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::rule::contains_any;
use crate::classify::text::Text;

/// Returns the mode of an image pull message; `None` if it is about something else.
pub(super) fn mode(message: Text<'_>) -> Option<FailureMode> {
    let may_be = |words: &[&str]| words.iter().any(|word| message.may_contain(word));
    if !may_be(PREFACES) && !may_be(REGISTRY) && !may_be(DAEMON) {
        return None;
    }
    let lower = message.to_ascii_lowercase();
    let message = message.part(&lower);
    if !is_about_a_pull(message) {
        return None;
    }
    if contains_any(
        message,
        &[
            "back-off pulling image",
            "error: imagepullbackoff",
            "error: errimagepull",
        ],
    ) && !has_reason(message)
    {
        return Some(M::ImageUnknown);
    }
    // One entry per credential tried; a response about the image outranks a refusal without
    // credentials.
    let entries: Vec<_> = message
        .as_str()
        .split("rpc error:")
        .map(|text| entry(message.part(text)))
        .collect();
    let best = entries
        .iter()
        .flatten()
        .min_by_key(|mode| rank(**mode))
        .copied();
    Some(best.or_else(|| entry(message)).unwrap_or(M::ImageUnknown))
}

/// Returns whether a message, in lower case, is about a failed pull.
///
/// The kubelet's preface says so; docker, ctr, crictl, containerd and CRI-O write the error alone,
/// which shows by the registry's API or by words that only registries use.
fn is_about_a_pull(message: Text<'_>) -> bool {
    if contains_any(
        message,
        &[
            "failed to pull chart",
            "helm pull",
            "successfully pulled image",
        ],
    ) {
        return false;
    }
    contains_any(message, PREFACES)
        || contains_any(message, REGISTRY)
        || contains_any(message, DAEMON)
            && contains_any(
                message,
                &[
                    "/v2/",
                    "received unexpected http status",
                    "unauthorized: ",
                    "denied: ",
                ],
            )
}

/// Returns whether a back-off contains the error, as newer kubelets write it: `Back-off pulling
/// image "x": RegistryUnavailable: …`.
fn has_reason(message: Text<'_>) -> bool {
    message.contains("\": ")
}

/// Facts about the image itself outrank responses to an anonymous pull.
fn rank(mode: FailureMode) -> u8 {
    match mode {
        M::ImageNotFound => 0,
        M::ImageAuthFailed => 2,
        // It may be either.
        M::ImageAuthOrMissing => 3,
        _ => 1,
    }
}

/// Returns the mode of one entry.
fn entry(text: Text<'_>) -> Option<FailureMode> {
    let rule = |rules: &[(&[&str], FailureMode)]| {
        rules
            .iter()
            .find(|(words, _)| contains_any(text, words))
            .map(|(_, mode)| *mode)
    };
    if let Some(mode) = rule(BEFORE_STATUS) {
        return Some(mode);
    }
    let of_signature = text.split_once("signature ").map_or("", |(_, rest)| rest);
    if contains_any(of_signature, &["required", "rejected"]) {
        return Some(M::ImageSignature);
    }
    if text.contains("lookup ") && contains_any(text, &["timeout", "device or resource busy"]) {
        return Some(M::ImageDns);
    }
    if let Some(mode) = rule(ON_THE_WAY) {
        return Some(mode);
    }
    if text.contains("pull access denied") && text.contains("repository does not exist") {
        let anonymous = text.contains("no basic auth credentials");
        return Some(if anonymous {
            M::ImageAuthFailed
        } else {
            M::ImageAuthOrMissing
        });
    }
    status(text).or_else(|| rule(BY_WORDING))
}

/// Returns the mode of the HTTP status in an entry.
fn status(text: Text<'_>) -> Option<FailureMode> {
    const BEFORE: &[&str] = &[
        "unexpected status",
        "failed with status code [",
        "unexpected http status: ",
        "invalid status code from registry ",
    ];
    let rest = BEFORE
        .iter()
        .find_map(|words| text.split_once(words).map(|(_, rest)| rest))?;
    // It is followed by a method and a URL, or a bracket; the status follows a colon and a space.
    let code = rest
        .match_indices(": ")
        .filter_map(|(at, separator)| rest.get(at + separator.len()..at + separator.len() + 3))
        .chain(rest.get(..3))
        .find_map(|digits| {
            digits
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| digits.parse::<u16>().ok())?
        })?;
    match code {
        401 => Some(M::ImageAuthFailed),
        403 => Some(M::ImageForbidden),
        404 => Some(M::ImageNotFound),
        429 => Some(M::ImageRateLimited),
        500..=599 => Some(M::ImageRegistry5xx),
        _ => None,
    }
}

/// Words of the kubelet and the runtimes that announce a failed pull, in lower case.
const PREFACES: &[&str] = &[
    "failed to pull image",
    "failed to pull and unpack image",
    "pulling image failed",
    "error pulling image",
    "pulling image: ",
    "back-off pulling image",
    "cannotpullcontainererror",
    "pullimage ",
    "pullimage\\",
    "errimage",
    "imagepullbackoff",
    "invalidimagename",
    "pull policy of never",
    "image pull failed",
    "failed to pull ",
    "registryunavailable",
    "signaturevalidationfailed",
    "couldn't parse image",
    "invalid reference format",
    "imageinspecterror",
];

/// Words that only registries and their clients use, in lower case.
const REGISTRY: &[&str] = &[
    "failed to fetch oauth token",
    "failed to fetch anonymous token",
    "failed to authorize: ",
    "pull access denied",
    "failed to resolve reference ",
    "failed to resolve ref ",
    "failed to do request: head ",
    "failed to extract layer",
    "failed to register layer",
    "failed to copy: httpreadseeker",
    "error reading manifest",
    "reading manifest ",
    "initializing source docker://",
    "pinging docker registry",
    "pinging container registry",
    "manifest unknown",
    "manifest for ",
    "toomanyrequests: ",
    "no basic auth credentials",
    "no matching manifest for ",
    "no match for platform in manifest",
    "unexpected status from head request to ",
    "unexpected status from get request to ",
    "requested access to the resource is denied",
    "artifactregistry.repositories.downloadartifacts",
    "unable to retrieve auth token: ",
    "exec format error",
    "/v2/\": ",
    "/v2/: ",
];

/// Docker's preface to any error, in lower case.
const DAEMON: &[&str] = &["error response from daemon: "];

/// Decisive whatever else the message says.
const BEFORE_STATUS: &[(&[&str], FailureMode)] = &[
    (
        &["is not present with pull policy of never"],
        M::ImageNeverPull,
    ),
    (
        &[
            "invalidimagename",
            "invalid reference format",
            "couldn't parse image",
        ],
        M::ImageInvalidName,
    ),
    (
        &["signaturevalidationfailed", "signature validation failed"],
        M::ImageSignature,
    ),
    (
        &[
            "toomanyrequests",
            "too many requests",
            "rate limit",
            "rate exceeded",
            ": 429",
            "http 429",
            "pull rate",
        ],
        M::ImageRateLimited,
    ),
    (&["no space left on device"], M::ImageNoSpace),
    (
        &[
            "no match for platform",
            "no matching manifest for",
            "no image found in image index",
            "no image found in manifest list",
            "exec format error",
        ],
        M::ImagePlatformMismatch,
    ),
];

/// Failures between the node and the registry.
const ON_THE_WAY: &[(&[&str], FailureMode)] = &[
    (&["tls handshake timeout"], M::ImageTimeout),
    (
        &[
            "x509:",
            "tls: ",
            "server gave http response to https client",
        ],
        M::ImageTlsUntrusted,
    ),
    (
        &[
            "no such host",
            "server misbehaving",
            "temporary failure in name resolution",
        ],
        M::ImageDns,
    ),
    (&["connection refused"], M::ImageRefused),
    (
        &[
            "i/o timeout",
            "context deadline exceeded",
            "client.timeout",
            "connection timed out",
            "timeout awaiting response headers",
        ],
        M::ImageTimeout,
    ),
];

/// Registry messages without a status.
const BY_WORDING: &[(&[&str], FailureMode)] = &[
    (
        &[
            "denied: ",
            "\" denied",
            "requested access to the resource is denied",
            "403 forbidden",
            "(403)",
        ],
        M::ImageForbidden,
    ),
    (
        &[
            "unauthorized",
            "authentication required",
            "no basic auth credentials",
            "failed to authorize",
            "failed to fetch oauth token",
            "failed to fetch anonymous token",
            "insufficient_scope",
            "unable to retrieve auth token",
            "unauthenticated request",
            "authorization failed",
        ],
        M::ImageAuthFailed,
    ),
    (
        &[
            "manifest unknown",
            "not found",
            "does not exist",
            "name unknown",
        ],
        M::ImageNotFound,
    ),
    (
        &["registryunavailable", "registry is unavailable"],
        M::ImageRegistryUnavailable,
    ),
];
