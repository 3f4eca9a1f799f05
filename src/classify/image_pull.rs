//! Image pull errors of the kubelet and container runtimes.

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::rule::contains_any;

/// Returns the mode of an image pull message; `None` if it is about something else.
pub(super) fn mode(message: &str) -> Option<FailureMode> {
    const ABOUT: &[&str] = &[
        "failed to pull",
        "pulling image",
        "pull image",
        "errimage",
        "imagepull",
        "invalidimagename",
        "pull policy of never",
        "image pull failed",
        "registryunavailable",
        "signaturevalidationfailed",
        "couldn't parse image",
        "invalid reference format",
        "imageinspecterror",
        "failed to fetch oauth token",
        "failed to authorize",
        "pull access denied",
    ];
    let message = message.to_lowercase();
    if !contains_any(&message, ABOUT) {
        return None;
    }
    if contains_any(
        &message,
        &[
            "back-off pulling image",
            "error: imagepullbackoff",
            "error: errimagepull",
        ],
    ) && !has_reason(&message)
    {
        return Some(M::ImageUnknown);
    }
    // One entry per credential tried; a response about the image outranks a refusal without
    // credentials.
    let entries: Vec<_> = message.split("rpc error:").map(entry).collect();
    let best = entries
        .iter()
        .flatten()
        .min_by_key(|mode| rank(**mode))
        .copied();
    Some(best.or_else(|| entry(&message)).unwrap_or(M::ImageUnknown))
}

/// Returns the kind of registry in an image name: one of [`crate::catalogue::metric::REGISTRIES`].
pub fn registry(image: &str) -> &'static str {
    let Some((host, _)) = image.split_once('/') else {
        return "dockerhub";
    };
    let host = host
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let ends = |names: &[&str]| {
        names
            .iter()
            .any(|name| host == name.trim_start_matches('.') || host.ends_with(name))
    };
    if !host.contains('.') && host != "localhost"
        || host == "docker.io"
        || host.ends_with(".docker.io")
    {
        "dockerhub"
    } else if ends(&[".azurecr.io", ".azurecr.cn", ".azurecr.us"]) {
        "acr"
    } else if host.contains(".dkr.ecr.") || host == "public.ecr.aws" {
        "ecr"
    } else if host == "k8s.gcr.io" || ends(&["registry.k8s.io"]) {
        "k8s"
    } else if host.ends_with("-docker.pkg.dev") || host == "docker.pkg.dev" {
        "gar"
    } else if ends(&[".gcr.io"]) {
        "gcr"
    } else if ends(&[".quay.io"]) {
        "quay"
    } else if ends(&[".ghcr.io"]) {
        "ghcr"
    } else if host == "mcr.microsoft.com" || host.ends_with(".mcr.microsoft.com") {
        "mcr"
    } else {
        "other"
    }
}

/// Returns whether a back-off contains the error, as newer kubelets write it: `Back-off pulling
/// image "x": RegistryUnavailable: …`.
fn has_reason(message: &str) -> bool {
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
fn entry(text: &str) -> Option<FailureMode> {
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
    if text.contains("lookup ") && text.contains("timeout") {
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
fn status(text: &str) -> Option<FailureMode> {
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
    (&["no such host", "server misbehaving"], M::ImageDns),
    (&["connection refused"], M::ImageRefused),
    (
        &[
            "i/o timeout",
            "context deadline exceeded",
            "client.timeout",
            "connection timed out",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_one_kind_of_registry() {
        for (image, kind) in [
            ("nginx", "dockerhub"),
            ("library/nginx:1", "dockerhub"),
            ("docker.io/library/nginx", "dockerhub"),
            ("shop.azurecr.io/web:1", "acr"),
            ("shop.azurecr.cn/web", "acr"),
            ("123456789012.dkr.ecr.eu-central-1.amazonaws.com/web", "ecr"),
            ("public.ecr.aws/x/y", "ecr"),
            ("us-docker.pkg.dev/castai-hub/library/agent:v1", "gar"),
            ("gcr.io/x/y", "gcr"),
            ("eu.gcr.io/x/y", "gcr"),
            ("registry.k8s.io/pause:3.9", "k8s"),
            ("k8s.gcr.io/cpvpa-amd64:v0.8.3", "k8s"),
            ("quay.io/x/y", "quay"),
            ("ghcr.io/x/y", "ghcr"),
            ("mcr.microsoft.com/x", "mcr"),
            ("registry.example.com:5000/x", "other"),
            ("localhost:5000/x", "other"),
            ("notazurecr.io/x", "other"),
        ] {
            assert_eq!(registry(image), kind, "{image}");
        }
    }
}
