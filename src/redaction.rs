//! Hides secrets in text that other programs wrote: those that this process holds, and those that
//! look like one.
//!
//! Invariant: everything foreign passes through [`known_secrets_hidden`] or [`scrubbed`] before it
//! becomes evidence, a log line or a page. Peers may echo requests, in whole or in part, and in any
//! usual encoding.

mod encoded;
mod encodings;
mod entropy;
mod formats;
mod identifiers;
mod matcher;
mod names;
mod patterns;
mod registry;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use names::Audience;
pub use registry::{RegisteredSecret, remember};

/// The replacement for a secret.
pub const REDACTED: &str = "[redacted]";

/// Remembers the credential in an `Authorization` header, and the password in a basic one.
pub fn remember_authorization(header: &str) {
    let credential = header
        .split_once(' ')
        .map_or(header, |(_, credential)| credential);
    remember(credential.as_bytes());
    let decoded = STANDARD.decode(credential).unwrap_or_default();
    if let Some(colon) = decoded.iter().position(|byte| *byte == b':') {
        remember(&decoded);
        remember(&decoded[colon + 1..]);
    }
}

/// Replaces the secrets that this process holds, and tokens and passwords that no text of ours
/// resembles: JSON Web Tokens, private keys, and credentials in URLs and authorization headers.
pub fn known_secrets_hidden(text: &str) -> Cow<'_, str> {
    let secrets = registry::matcher().ranges(text.as_bytes());
    replaced(
        text,
        secrets.into_iter().chain(patterns::unmistakable(text)),
    )
}

/// Replaces in addition what is named like a secret, such as `password=…`. For text of other
/// programs only.
pub fn scrubbed(text: &str) -> Cow<'_, str> {
    let ranges = secrets(text, Audience::Operators)
        .into_iter()
        .chain(patterns::aws_access_keys(text));
    replaced(text, ranges)
}

/// Text that may leave the cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shareable {
    /// The text without secrets.
    pub text: String,
    /// Number of replacements.
    pub replacements: usize,
}

/// Replaces in addition what may be a secret to readers without access to the cluster: values with a
/// name that hints at one, credentials in the formats of their issuers, encoded secrets, long random
/// words, and identifiers of AWS accounts and keys except for their last four characters.
pub fn shareable(text: &str) -> Shareable {
    let mut ranges = credentials(text);
    ranges.extend(encoded::words(text, &|decoded| {
        !credentials(decoded).is_empty()
    }));
    let replacements = ranges.len();
    let clean = replaced(text, ranges.into_iter());
    let (masked, identifiers) = identifiers::masked(&clean);
    Shareable {
        text: masked.into_owned(),
        replacements: replacements + identifiers,
    }
}

/// Returns the replacement for a value with a name that says that it is secret, or the value as it
/// may leave the cluster.
pub fn shareable_value(name: &str, value: &str) -> Shareable {
    if value == REDACTED || !names::is_secret_value(name, value) {
        return shareable(value);
    }
    Shareable {
        text: REDACTED.to_owned(),
        replacements: 1,
    }
}

/// Returns the parts of a value that are secret everywhere else, too; all of it if it looks random.
pub fn secret_parts<'a>(name: &str, value: &'a str) -> Vec<&'a str> {
    let is_secret = names::is_secret_value(name, value) && entropy::is_random_value(value);
    if !value.contains(char::is_whitespace) && (is_secret || entropy::is_password(value)) {
        return vec![value];
    }
    credentials(value)
        .into_iter()
        .filter_map(|(from, to)| value.get(from..to))
        .collect()
}

/// Returns the ranges of all credentials in a text that is not encoded.
fn credentials(text: &str) -> Vec<(usize, usize)> {
    let mut ranges = secrets(text, Audience::Outside);
    ranges.extend(patterns::cut_private_key(text));
    ranges.extend(formats::known(text));
    ranges.extend(formats::random_words(text));
    ranges
}

/// Returns the ranges of known secrets, and of what cannot be anything else for this audience.
fn secrets(text: &str, audience: Audience) -> Vec<(usize, usize)> {
    let mut ranges = registry::matcher().ranges(text.as_bytes());
    ranges.extend(patterns::unmistakable(text));
    ranges.extend(patterns::api_keys(text));
    ranges.extend(names::values(text, audience));
    ranges
}

/// Replaces these ranges, which may overlap.
fn replaced(text: &str, ranges: impl Iterator<Item = (usize, usize)>) -> Cow<'_, str> {
    let mut ranges: Vec<_> = ranges.collect();
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    ranges.sort_unstable();
    let mut clean = String::with_capacity(text.len());
    let (mut copied, mut hidden_to) = (0, None);
    for (from, to) in ranges {
        // A secret may end inside a character that its encoding does not share.
        let (from, to) = (text.floor_char_boundary(from), text.ceil_char_boundary(to));
        if hidden_to.is_none_or(|end| from > end) {
            clean.push_str(&text[copied..from]);
            clean.push_str(REDACTED);
        }
        copied = to.max(copied);
        hidden_to = Some(copied);
    }
    clean.push_str(&text[copied..]);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    #[test]
    fn encoded_credentials_are_hidden() {
        let basic = STANDARD.encode("admin:hunter2-hunter2");
        let json = STANDARD.encode(r#"{"auths":{"reg.io":{"password":"hunter2"}}}"#);
        for text in [
            format!("login {basic} refused"),
            format!(".dockerconfigjson: {json}"),
            "to https%3A%2F%2Fuser%3Ahunter2%40proxy%3A3128".to_owned(),
        ] {
            let Shareable {
                text: clean,
                replacements,
            } = shareable(&text);
            assert!(replacements > 0 && clean.contains(REDACTED), "{clean}");
            assert!(
                !clean.contains("hunter2") && !clean.contains(&basic) && !clean.contains(&json)
            );
        }
    }

    #[test]
    fn log_lines_without_secrets_stay_as_they_are() {
        for line in [
            r#"{"level":"info","ts":"2026-01-02T03:04:05Z","msg":"sending delta","items":12,"cluster_id":"01234567-89ab-cdef-0123-456789abcdef"}"#,
            r#"E0102 03:04:05.678901       1 leaderelection.go:332] error retrieving resource lock castai-agent/agent-leader-election-lock: Get "https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock": dial tcp 10.96.0.1:443: i/o timeout"#,
            "operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 0e5b2a4e-5a1b-4f6c-9d3e-1f2a3b4c5d6e, api error UnauthorizedOperation: You are not authorized to perform this operation.",
            "pulling us-docker.pkg.dev/castai-hub/library/agent:v0.123.1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "castai_health_phase_duration_seconds_bucket{check=\"castai_api\",phase=\"tls\",le=\"0.1\"} 12",
            "serviceAccountName: castai-agent automountServiceAccountToken: true tokenExpirationSeconds: 3600",
            "level=info msg=\"renewed token\" component=castai-agent-6d8f9c7b5-x2x4z key=castai-agent/castai-agent",
        ] {
            assert_eq!(shareable(line).text, line);
        }
    }

    #[test]
    fn repeated_beginnings_of_secrets_are_searched_in_linear_time() {
        for part in [
            "://",
            "a:b@",
            "ghp_",
            "--",
            "key:",
            "$2a$",
            "eyJ",
            "PRIVATE KEY-----",
            "<a>",
            "-u ",
        ] {
            let text = part.repeat(20_000 / part.len());
            let _ = shareable(&text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_shareable_without_panic(text in any::<String>(), name in "(token|--password|<secret>|@|://|eyJ|=)") {
            let text = format!("{name}{text}{name} {text}:{name}={text}");
            let clean = shareable(&text);
            prop_assert!(clean.replacements > 0 || clean.text == text);
        }
    }

    #[test]
    fn overlapping_and_adjacent_ranges_are_one_replacement() {
        let text = "0123456789";
        assert_eq!(replaced(text, [].into_iter()), "0123456789");
        let ranges = [(6, 8), (1, 3), (2, 4), (4, 5)];
        assert_eq!(
            replaced(text, ranges.into_iter()),
            "0[redacted]5[redacted]89"
        );
        assert_eq!(replaced("äöü", [(1, 3)].into_iter()), "[redacted]ü");
    }
}
