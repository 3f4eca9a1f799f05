//! Finds text that looks like a secret, including secrets that this process does not hold.

use crate::redaction::names::SCHEMES;

/// Prefixes of AWS access keys, and their length.
const AWS_KEY_PREFIXES: [&str; 2] = ["AKIA", "ASIA"];
const AWS_KEY_BYTES: usize = 20;
/// Length of a CAST AI API key, in hexadecimal digits.
const API_KEY_BYTES: usize = 64;
/// Shortest part of a JSON Web Token, in bytes.
const MIN_JWT_PART_BYTES: usize = 8;
/// Shortest credential after an authorization scheme, in bytes.
const MIN_CREDENTIAL_BYTES: usize = 8;
/// Longest part of a URL that is searched for its user and password, in bytes.
const MAX_URL_BYTES: usize = 4096;
/// Longest private key that is searched for its end, in bytes.
const MAX_PRIVATE_KEY_BYTES: usize = 16 * 1024;

type Range = (usize, usize);

/// Returns the ranges of a text that no other text resembles: JSON Web Tokens, credentials in URLs
/// and after an authorization scheme, and private keys.
pub(super) fn unmistakable(text: &str) -> Vec<Range> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    found.extend(
        text.match_indices("eyJ")
            .filter_map(|(at, _)| jwt(bytes, at)),
    );
    found.extend(
        text.match_indices("://")
            .filter_map(|(at, _)| user_info(text, at + 3)),
    );
    for scheme in SCHEMES {
        let credentials = text.match_indices(scheme);
        found.extend(credentials.filter_map(|(at, _)| credential(bytes, at + scheme.len())));
    }
    found.extend(private_keys(text));
    found
}

/// Returns the ranges of AWS access keys.
pub(super) fn aws_access_keys(text: &str) -> Vec<Range> {
    let of_prefix = |prefix| {
        text.match_indices(prefix)
            .filter_map(|(at, _)| aws_key(text.as_bytes(), at))
    };
    AWS_KEY_PREFIXES.into_iter().flat_map(of_prefix).collect()
}

fn jwt(bytes: &[u8], at: usize) -> Option<Range> {
    let starts_word = at == 0 || !is_token_byte(bytes[at - 1]);
    if !starts_word {
        return None;
    }
    let part = |from: usize| run(bytes, from, is_base64_url);
    let header = part(at);
    let payload = (bytes.get(header) == Some(&b'.')).then(|| part(header + 1))?;
    let long = header - at >= MIN_JWT_PART_BYTES && payload - header > MIN_JWT_PART_BYTES;
    if !long {
        return None;
    }
    let signature = match bytes.get(payload) {
        Some(b'.') => part(payload + 1),
        _ => payload,
    };
    Some((at, signature))
}

/// Returns user and password of a URL, from the end of `://`.
fn user_info(text: &str, from: usize) -> Option<Range> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>');
    let searched = &text[from..text.floor_char_boundary(from + MAX_URL_BYTES)];
    let url = searched.split(ends).next()?;
    let authority = url.split(['/', '?', '#']).next()?;
    let at = match authority.rfind('@') {
        Some(at) => at,
        // A password with a slash cuts the authority too early. A port is a number.
        None if authority
            .split_once(':')
            .is_some_and(|(_, port)| !is_number(port)) =>
        {
            url.rfind('@')?
        }
        None => return None,
    };
    (at > 0).then_some((from, from + at))
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn credential(bytes: &[u8], from: usize) -> Option<Range> {
    let to = run(bytes, from, is_token_byte);
    let credential = &bytes[from..to];
    // A sentence about a scheme continues with a word.
    let is_word = credential.iter().all(u8::is_ascii_lowercase);
    (credential.len() >= MIN_CREDENTIAL_BYTES && !is_word).then_some((from, to))
}

/// Returns what follows the first line of each private key, up to its last line.
fn private_keys(text: &str) -> impl Iterator<Item = Range> {
    const KIND: &str = "PRIVATE KEY";
    const END: &str = "-----END";
    text.match_indices(KIND).filter_map(|(at, _)| {
        let after = text[at + KIND.len()..]
            .trim_start_matches(" BLOCK")
            .strip_prefix("-----")?;
        let from = text.len() - after.len();
        let dashes = text[..at].rfind("-----")?;
        if text[dashes..at].starts_with(END) {
            return None;
        }
        let limit = text.floor_char_boundary(from + MAX_PRIVATE_KEY_BYTES);
        let to = text[from..limit].find(END).map_or(limit, |end| from + end);
        (to > from).then_some((from, to))
    })
}

/// Returns the private key without its first line, because a log was cut.
pub(super) fn cut_private_key(text: &str) -> Option<Range> {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";
    let end = text.find(END)?;
    let is_key = text[end..].lines().next()?.contains("PRIVATE KEY");
    let from = text.ceil_char_boundary(end.saturating_sub(MAX_PRIVATE_KEY_BYTES));
    (is_key && !text[..end].contains(BEGIN)).then_some((from, end))
}

fn aws_key(bytes: &[u8], at: usize) -> Option<Range> {
    let to = run(bytes, at, |byte| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit()
    });
    let starts_word = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
    let ends_word = bytes
        .get(to)
        .is_none_or(|next| !next.is_ascii_alphanumeric());
    (starts_word && ends_word && to - at == AWS_KEY_BYTES).then_some((at, to))
}

/// Returns words that have the form of a CAST AI API key. Digests have the same, after their algorithm.
pub(super) fn api_keys(text: &str) -> Vec<Range> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let to = run(bytes, at, |byte| byte.is_ascii_alphanumeric());
        if to - at == API_KEY_BYTES
            && bytes[at..to].iter().all(u8::is_ascii_hexdigit)
            && !bytes[..at].ends_with(b"sha256:")
        {
            found.push((at, to));
        }
        at = to.max(at + 1);
    }
    found
}

/// Returns the end of the bytes from a position that belong together.
fn run(bytes: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| belongs(**byte)).count()
}

fn is_base64_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn is_token_byte(byte: u8) -> bool {
    is_base64_url(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use crate::redaction::{known_secrets_hidden, scrubbed};

    #[test]
    fn secrets_in_log_lines_are_hidden() {
        let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZ2VudCJ9.c2lnbmF0dXJl-_";
        let key = "0123456789abcdef".repeat(4);
        let (id, secret) = (
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        );
        let lines = [
            (format!("token {jwt} rejected"), jwt),
            (format!("sending X-API-Key: {key}"), &key),
            (format!("headers map[X-Api-Key:[{key}]]"), &key),
            (
                format!("config {{apiKey:{key} url:https://api.cast.ai}}"),
                &key,
            ),
            (format!("key is {key}"), &key),
            (format!("credentials {id}"), id),
            (
                format!("AWS_SECRET_ACCESS_KEY={secret} AWS_REGION=eu"),
                secret,
            ),
            (format!(r#"{{"SecretAccessKey" : "{secret}"}}"#), secret),
            (
                format!(r#"msg="body {{\"SecretAccessKey\":\"{secret}\"}}""#),
                secret,
            ),
            (
                "proxyconnect https://user:hunter2@proxy:3128: refused".to_owned(),
                "hunter2",
            ),
            (
                "parse \"postgres://u:p%40ss@db/x\": invalid".to_owned(),
                "p%40ss",
            ),
            (
                "Authorization: Basic dXNlcjpwYXNz".to_owned(),
                "dXNlcjpwYXNz",
            ),
            (
                "Get \"https://s3/x?X-Amz-Signature=fe5f80&X-Amz-Date=1\"".to_owned(),
                "fe5f80",
            ),
            ("azure blob ?sv=1&sig=a%2Fb%3D: 403".to_owned(), "a%2Fb%3D"),
            ("password: hunter2".to_owned(), "hunter2"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----".to_owned(),
                "MIIEow",
            ),
            ("-----BEGIN PRIVATE KEY----- MIIEow".to_owned(), "MIIEow"),
        ];
        for (line, secret) in lines {
            let clean = scrubbed(&line);
            assert!(
                clean.contains("[redacted]") && !clean.contains(secret),
                "{line} → {clean}"
            );
        }
    }

    #[test]
    fn ordinary_lines_stay_as_they_are() {
        for line in [
            "failed to refresh token: unauthorized",
            "token: the cluster's token has expired",
            "Bearer token is missing, Basic authentication is off",
            "password=\"\" token=null",
            "failed to read service-account token /var/run/secrets/x/token: permission denied",
            "pulling registry/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "dial tcp [2001:db8::1]:443: i/o timeout",
            "Get \"https://api.cast.ai/v1/me?x=@\": EOF; mail to a@b",
            "ASIAN markets, AKIA is no key",
            "eyJ is how a token starts; eyJhbGciOiJSUzI1NiJ9 alone is its header",
            "-----BEGIN CERTIFICATE----- is what is expected",
        ] {
            assert_eq!(scrubbed(line), line);
            assert_eq!(known_secrets_hidden(line), line);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_scrubbed_without_panic(text in any::<String>(), name in "(token|sig|PRIVATE KEY-----|://|eyJ|Bearer )") {
            let _ = scrubbed(&format!("{text}{name}={text}{name}:\"{text}"));
            let _ = scrubbed(&format!("{name}{text}"));
        }
    }
}
