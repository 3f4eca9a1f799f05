//! Finds values with a name that hints at a secret, in all the ways in which programs write a name
//! and its value: `NAME=value`, `name: value`, `--name value`, `<name>value</name>` and headers.

use crate::redaction::entropy;

type Range = (usize, usize);

/// Names with a value that is a secret everywhere, in lower case without separators.
const SECRET_NAMES: &[&str] = &[
    "accesskey",
    "accesstoken",
    "apikey",
    "authorization",
    "authtoken",
    "awssecretaccesskey",
    "awssessiontoken",
    "clientassertion",
    "clientsecret",
    "idtoken",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "proxyauthorization",
    "pwd",
    "refreshtoken",
    "secret",
    "secretaccesskey",
    "secretkey",
    "securitytoken",
    "sessiontoken",
    "sig",
    "signature",
    "token",
    "xamzsecuritytoken",
    "xamzsignature",
    "xapikey",
    "xawsec2metadatatoken",
];
/// Suffixes of names with a value that does not leave the cluster.
const SECRET_SUFFIXES: &[&str] = &[
    "accesskey",
    "accountkey",
    "apikey",
    "apikeys",
    "authorization",
    "connectionstring",
    "credential",
    "credentials",
    "dsn",
    "keydata",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "pgpass",
    "privatekey",
    "pwd",
    "secret",
    "secretkey",
    "secrets",
    "sharedaccesskey",
    "sharedaccesssignature",
    "signature",
    "signingkey",
    "token",
    "tokens",
    "webhook",
    "webhookurl",
];
/// Parts of names with a value that is a secret only if it looks random.
const SUSPICIOUS_PARTS: &[&str] = &[
    "auth", "cert", "cookie", "cred", "hash", "key", "license", "nonce", "pass", "salt", "secret",
    "session", "sig", "token",
];
/// Headers with a value that is a secret up to the end of the line.
const SECRET_HEADERS: &[&str] = &["authorization", "cookie", "proxyauthorization", "setcookie"];
/// Words that replace a missing or a hidden value.
const NO_VALUES: &[&str] = &["null", "none", "nil", "true", "false", "<nil>", "redacted"];
/// Authorization schemes before a credential.
pub(super) const SCHEMES: &[&str] = &["Bearer ", "Basic ", "bearer ", "basic "];
/// Longest name and longest value, in bytes.
const MAX_NAME_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 4096;
/// Longest `user:password` before an `@`, in bytes.
const MAX_USER_BYTES: usize = 512;
/// Shortest value after a flag or in a colon-separated pair, in bytes.
const MIN_VALUE_BYTES: usize = 6;

/// The audience of a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Audience {
    /// People with access to the cluster.
    Operators,
    /// People without access: what may be secret is hidden too.
    Outside,
}

/// Returns whether a value under this name does not leave the cluster.
pub(super) fn is_secret_value(name: &str, value: &str) -> bool {
    Audience::Outside.hides(&normalised(name), value)
}

/// Returns the ranges of values in a text with a name that says that they are secret: of `name=value`
/// and `name: value`, and for readers outside of every other notation.
pub(super) fn values(text: &str, audience: Audience) -> Vec<Range> {
    let mut found = Vec::new();
    for (at, separator) in text.match_indices(['=', ':']) {
        let name = name_before(&text[..at]);
        found.extend(pair(
            text,
            name,
            at + separator.len(),
            separator == "=",
            audience,
        ));
    }
    if audience == Audience::Operators {
        return found;
    }
    for (at, _) in text.match_indices("--") {
        found.extend(flag(text, at + 2));
    }
    for (at, _) in text.match_indices("-u ") {
        found.extend(word_with_colon(text, at + 3));
    }
    for (at, _) in text.match_indices('>') {
        found.extend(element(text, at));
    }
    for (at, _) in text.match_indices('@') {
        found.extend(user_before(text, at));
    }
    found
}

impl Audience {
    /// Returns whether to hide a value under a normalised name.
    fn hides(self, name: &str, value: &str) -> bool {
        if value.is_empty() || NO_VALUES.contains(&value) {
            return false;
        }
        let ends = || SECRET_SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
        SECRET_NAMES.binary_search(&name).is_ok()
            || self == Self::Outside
                && (ends() || self.suspects(name) && entropy::is_random_value(value))
    }

    /// Returns whether the value of a normalised name may be hidden at all.
    fn suspects(self, name: &str) -> bool {
        match self {
            Self::Operators => SECRET_NAMES.binary_search(&name).is_ok(),
            Self::Outside => {
                SUSPICIOUS_PARTS.iter().any(|part| name.contains(part))
                    || SECRET_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
                    || SECRET_NAMES.binary_search(&name).is_ok()
            }
        }
    }
}

fn normalised(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Returns the name at the end of a text, without quotes.
fn name_before(text: &str) -> &str {
    let text = text.trim_end_matches(['"', '\'', '\\', ' ', '[']);
    let from = text.floor_char_boundary(text.len().saturating_sub(MAX_NAME_BYTES));
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let start = text[from..].rfind(|c| !is_name(c)).map_or(from, |at| {
        let at = from + at;
        at + text[at..].chars().next().map_or(1, char::len_utf8)
    });
    &text[start..]
}

/// Returns the value after `name=` or `name:`.
fn pair(text: &str, name: &str, from: usize, equals: bool, audience: Audience) -> Option<Range> {
    let name = normalised(name);
    if !audience.suspects(&name) {
        return None;
    }
    let header = audience == Audience::Outside && SECRET_HEADERS.contains(&name.as_str());
    let mut after = text[from..].trim_start_matches(' ');
    for opening in ['[', '\\'] {
        after = after.strip_prefix(opening).unwrap_or(after);
    }
    let unquoted = after.strip_prefix(['"', '\'']);
    let (quoted, mut after) = (unquoted.is_some(), unquoted.unwrap_or(after));
    for scheme in SCHEMES {
        after = after.strip_prefix(scheme).unwrap_or(after);
    }
    let from = text.len() - after.len();
    let searched = &after[..after.floor_char_boundary(MAX_VALUE_BYTES)];
    let ends = |c: char| match c {
        '"' | '\'' | '\\' => true,
        '\n' | '\r' | ']' | '}' => !quoted,
        ',' | ';' | '&' | ')' => !quoted && !header,
        c => c.is_whitespace() && !quoted && !header,
    };
    let value = searched.split(ends).next()?.trim_end();
    // Without quotes or an equals sign, what follows may be a sentence.
    let certain = quoted || equals && !header;
    let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
    let is_sentence = value.split_whitespace().all(is_word);
    let is_exact = SECRET_NAMES.binary_search(&name.as_str()).is_ok();
    let is_plausible = value.len() >= MIN_VALUE_BYTES
        && (has_digit || audience == Audience::Outside && (header || is_exact) && !is_sentence);
    let is_secret = header || audience.hides(&name, value);
    (is_secret && (certain || is_plausible)).then_some((from, from + value.len()))
}

/// Returns the value after `--name `.
fn flag(text: &str, from: usize) -> Option<Range> {
    let searched = &text[from..text.floor_char_boundary(from + MAX_NAME_BYTES)];
    let name = &searched[..searched.find(' ')?];
    let rest = &text[from + name.len()..];
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !is_name {
        return None;
    }
    let rest = rest.trim_start_matches(['"', '\'', ' ']);
    let searched = &rest[..rest.floor_char_boundary(MAX_VALUE_BYTES)];
    let value = searched.split([' ', '"', '\'', '\n', ',']).next()?;
    let from = text.len() - rest.len();
    (is_secret_value(name, value) && !value.starts_with('-') && !is_word(value))
        .then_some((from, from + value.len()))
}

/// Returns a word of the form `user:password`.
fn word_with_colon(text: &str, from: usize) -> Option<Range> {
    let rest = text[from..].trim_start_matches(['"', '\'', ' ']);
    let word = rest.split([' ', '"', '\'', '\n']).next()?;
    let from = text.len() - rest.len();
    let colon = word.find(':').filter(|at| *at > 0 && at + 1 < word.len())?;
    (!word[colon..].starts_with("://")).then_some((from, from + word.len()))
}

/// Returns the content of `<name>…<`.
fn element(text: &str, end_of_tag: usize) -> Option<Range> {
    let tag = name_before(&text[..end_of_tag]);
    let opened = end_of_tag.checked_sub(tag.len() + 1)?;
    if tag.is_empty() || text.as_bytes()[opened] != b'<' {
        return None;
    }
    let from = end_of_tag + 1;
    let value = text[from..].split(['<', '\n']).next()?;
    is_secret_value(tag, value).then_some((from, from + value.len()))
}

/// Returns `user:password` before an `@`, as in data source names.
fn user_before(text: &str, at: usize) -> Option<Range> {
    // A digest of an image follows its tag.
    if text[at + 1..].starts_with("sha") {
        return None;
    }
    let before = &text[text.ceil_char_boundary(at.saturating_sub(MAX_USER_BYTES))..at];
    let start = at - before.len();
    let ends =
        |c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '<' | '>' | '=' | '(' | ',');
    let from = before.rfind(ends).map_or(0, |end| {
        end + before[end..].chars().next().map_or(1, char::len_utf8)
    });
    let pair = &before[from..];
    let colon = pair.find(':')?;
    let host = text[at + 1..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    (host && colon > 0 && colon + 1 < pair.len()).then_some((start + from, at))
}

/// Returns whether a value is an ordinary word: a sentence about a secret continues with one.
fn is_word(value: &str) -> bool {
    let mut chars = value.trim_end_matches(['.', ',', ':', ';']).chars();
    let is_rest = |c: char| c.is_lowercase() || matches!(c, '-' | '/' | '.');
    chars.next().is_none_or(char::is_alphabetic) && chars.all(is_rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(SECRET_NAMES.is_sorted());
    }

    fn hidden(text: &str) -> Vec<&str> {
        let mut found: Vec<_> = values(text, Audience::Outside)
            .iter()
            .map(|(from, to)| &text[*from..*to])
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn value_is_found_however_its_name_is_written() {
        for (text, value) in [
            ("DB_PASSWORD=hunter2 x=1", "hunter2"),
            (r#"{"db_password":"correct horse"}"#, "correct horse"),
            ("mysql --root-password hunter2 --verbose", "hunter2"),
            ("<SecretAccessKey>wJalrXUt</SecretAccessKey>", "wJalrXUt"),
            ("curl -u admin:hunter2 http://x", "admin:hunter2"),
            ("user:hunter2@tcp(db:3306)/x", "user:hunter2"),
            ("Authorization: Negotiate YIIabc==", "Negotiate YIIabc=="),
            ("Cookie: a=1; session=2\nnext", "a=1; session=2"),
            ("map[Set-Cookie:[a=1; b=2] X:[y]]", "a=1; b=2"),
            ("AccountName=x;AccountKey=aGVsbG8=;", "aGVsbG8="),
            ("licenseKey: 7f3a9c1e5b2d", "7f3a9c1e5b2d"),
            ("client-key-data: LS0tLS1CRUdJTg1", "LS0tLS1CRUdJTg1"),
        ] {
            assert!(hidden(text).contains(&value), "{text}: {:?}", hidden(text));
        }
    }

    #[test]
    fn sentences_and_names_stay() {
        for text in [
            "failed to refresh token: unauthorized",
            "the API key is missing: set it",
            "secretName: castai-agent",
            "tokenExpirationSeconds: 3600",
            "key=\"castai-agent/castai-agent-5d8f\" attempts=3",
            "reg.io/castai/agent:v1@sha256:0123",
            "mail to a@b and to https://host:8080/x@y",
            "--token-file /var/run/token",
            "password=null token=\"\"",
            "x -> y",
        ] {
            assert_eq!(hidden(text), Vec::<&str>::new(), "{text}");
        }
    }
}
