//! Go's error texts for network, proxy, TLS and HTTP failures, whatever wraps them.

mod rules;

use rules::{CONNECTION, HTTP, LOOKUP, SETTINGS, TLS};

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::rule::{contains_any, first_match};
use crate::classify::text::{Grams, Text};

/// Transport failure in a Go error text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// A named failure.
    Mode(FailureMode),
    /// A timeout in an unknown phase.
    Deadline,
    /// A timeout before the connection was established: resolve, connect, proxy or TLS.
    NotConnected,
    /// An established connection was lost without an error from the other side.
    Lost,
    /// The operation was cancelled: a consequence of something else.
    GivenUp,
}

/// Returns the cause in a Go error text, if any.
pub fn cause(text: &str) -> Option<Cause> {
    cause_in(Text::new(text, &Grams::of(text)))
}

/// Returns the cause in an indexed text.
pub(super) fn cause_in(text: Text<'_>) -> Option<Cause> {
    proxy(text)
        .or_else(|| tls(text))
        .or_else(|| first_match(SETTINGS, text))
        .or_else(|| lookup(text))
        .or_else(|| first_match(CONNECTION, text))
        .or_else(|| first_match(HTTP, text))
        .map(Cause::Mode)
        .or_else(|| vague(text))
}

/// Matches proxy errors: `proxyconnect` if the proxy is unreachable, a bare status text after the
/// address if it refuses.
fn proxy(text: Text<'_>) -> Option<FailureMode> {
    if text.contains("Proxy Authentication Required") {
        return Some(M::ProxyAuthRequired);
    }
    if text.contains("socks connect") {
        let refused = contains_any(
            text,
            &[
                "general SOCKS server failure",
                "not allowed by ruleset",
                "unknown error",
            ],
        );
        return Some(if refused {
            M::ProxyDenied
        } else {
            M::ProxyUnreachable
        });
    }
    if text.contains("proxyconnect ") {
        return Some(M::ProxyUnreachable);
    }
    connect_response(text)
}

/// Returns the mode of a failed `https` request that is followed by a status text only: the response
/// to CONNECT.
fn connect_response(text: Text<'_>) -> Option<FailureMode> {
    const GATEWAY: &[&str] = &[
        "Bad Gateway",
        "Service Unavailable",
        "Gateway Timeout",
        "Gateway Time-out",
    ];
    const STATUS: &[&str] = &[
        "Forbidden",
        "Method Not Allowed",
        "Not Found",
        "Bad Request",
        "Unauthorized",
        "Too Many Requests",
        "Internal Server Error",
        "Not Implemented",
        "Unavailable For Legal Reasons",
        "Moved Permanently",
        "Found",
        "Temporary Redirect",
        "Not Acceptable",
    ];
    if !text.contains("https://") {
        return None;
    }
    let ends_with = |status: &&str| {
        text.match_indices(status).any(|(at, _)| {
            let before = &text.as_str()[..at];
            ends_here(&text.as_str()[at + status.len()..])
                && before.ends_with("\": ")
                && quoted_before_is_https(before)
        })
    };
    if GATEWAY.iter().any(ends_with) {
        return Some(M::ProxyBadGateway);
    }
    (STATUS.iter().any(ends_with) || own_reason_phrase(text)).then_some(M::ProxyDenied)
}

/// Returns whether this text is no longer part of the error before it.
fn ends_here(after: &str) -> bool {
    after.is_empty() || after.starts_with([',', '"', '\n', ')']) || after.starts_with(" provider=")
}

/// Returns whether an `https` request is followed by the proxy's own reason phrase, such as
/// `Blocked by policy` or `URLBlocked`: Go's errors begin with a lower-case word, or are `EOF`.
fn own_reason_phrase(text: Text<'_>) -> bool {
    const MAX_PHRASE_BYTES: usize = 60;
    text.match_indices("\": ").any(|(at, mark)| {
        let after = &text.as_str()[at + mark.len()..];
        let word = after
            .bytes()
            .take_while(|byte| byte.is_ascii_lowercase() || *byte == b'_')
            .take(MAX_PHRASE_BYTES);
        let is_phrase = !after.starts_with("EOF")
            && (after.starts_with(|first: char| first.is_ascii_uppercase())
                || word.into_iter().any(|byte| byte == b'_'));
        if !is_phrase {
            return false;
        }
        let length = after
            .bytes()
            .take(MAX_PHRASE_BYTES + 1)
            .take_while(|byte| byte.is_ascii_alphanumeric() || b" _-.'/".contains(byte))
            .count();
        length <= MAX_PHRASE_BYTES
            && ends_here(&after[length..])
            && quoted_before_is_https(&text.as_str()[..at + mark.len()])
    })
}

/// Returns whether the quoted text before the final `": "` of `before` is an `https` URL.
fn quoted_before_is_https(before: &str) -> bool {
    let Some(quoted) = before.strip_suffix("\": ") else {
        return false;
    };
    let quoted = quoted.strip_suffix('\\').unwrap_or(quoted);
    // URLs are short; a bounded window keeps this linear on hostile input.
    let window = tail(quoted, 2048);
    window
        .rfind('"')
        .is_some_and(|open| window[open + 1..].starts_with("https://"))
}

/// Returns the last bytes of a text, at most `limit`, cut at a character boundary.
fn tail(text: &str, limit: usize) -> &str {
    let mut from = text.len().saturating_sub(limit);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

/// Returns the first bytes of a text, at most `limit`, cut at a character boundary.
fn head(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn tls(text: Text<'_>) -> Option<FailureMode> {
    if text.contains("certificate signed by unknown authority") && names_an_interceptor(text) {
        return Some(M::TlsIntercepted);
    }
    first_match(TLS, text)
}

/// Returns whether the authority named by Go is evidently a TLS-inspecting product.
fn names_an_interceptor(text: Text<'_>) -> bool {
    const PRODUCTS: &[&str] = &[
        "zscaler",
        "netskope",
        "fortinet",
        "fortigate",
        "palo alto",
        "blue coat",
        "bluecoat",
        "umbrella",
        "sophos",
        "forcepoint",
        "websense",
        "check point",
        "mcafee",
        "sonicwall",
        "barracuda",
        "mitmproxy",
        "squid",
        "ssl inspection",
        "tls inspection",
        "cato networks",
        "iboss",
    ];
    text.split_once("candidate authority certificate")
        .is_some_and(|(_, name)| contains_any(&name.to_lowercase(), PRODUCTS))
}

/// Matches name resolution errors: everything after `lookup` belongs to the resolver, `i/o timeout`
/// included.
fn lookup(text: Text<'_>) -> Option<FailureMode> {
    if text.contains("no suitable address") {
        return Some(M::NetDnsNoAddress);
    }
    text.match_indices("lookup ")
        .find_map(|(at, word)| resolver_error(&text.as_str()[at + word.len()..]))
}

/// Returns the mode of `NAME: reason` or `NAME on SERVER: reason`; `None` if the word before was
/// part of a sentence, as in `node lookup failed: …`.
fn resolver_error(behind: &str) -> Option<FailureMode> {
    const MAX_NAME_BYTES: usize = 300;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(byte);
    let length = behind
        .bytes()
        .take(MAX_NAME_BYTES)
        .take_while(is_name)
        .count();
    let (name, rest) = behind.split_at(length);
    let reason = match rest.strip_prefix(" on ") {
        Some(server) => head(server, MAX_NAME_BYTES)
            .find(": ")
            .map(|at| &server[at + 2..]),
        None => rest.strip_prefix(": "),
    }?;
    // Old agents use an address with a scheme as a name.
    if matches!(name, "http" | "https") {
        return Some(M::AgentConfigInvalid);
    }
    let window = head(reason, MAX_NAME_BYTES);
    let mode = first_match(LOOKUP, window)?;
    let is_resolver = LOOKUP
        .iter()
        .any(|(words, _)| reason.starts_with(words[0].trim_start_matches(": ")))
        || [
            "read udp ",
            "write udp ",
            "dial udp ",
            "dial tcp ",
            "getaddrinfow: ",
        ]
        .iter()
        .any(|start| reason.starts_with(start));
    is_resolver.then_some(mode)
}

/// Matches timeouts and cancellations without a phase or failure.
fn vague(text: Text<'_>) -> Option<Cause> {
    const DEADLINE: &[&str] = &[
        "context deadline exceeded",
        "would exceed context deadline",
        "i/o timeout",
    ];
    const GIVEN_UP: &[&str] = &[
        "context canceled",
        "operation was canceled",
        "request canceled",
        "closed pipe",
        "use of closed network connection",
        "timed out waiting for the condition",
        "Server closed",
        "server closed",
    ];
    if text.contains("request canceled while waiting for connection")
        && text.contains("Client.Timeout")
    {
        return Some(Cause::NotConnected);
    }
    if contains_any(
        text,
        &[
            "Client.Timeout",
            "net/http: timeout awaiting response headers",
        ],
    ) {
        return Some(Cause::Mode(M::HttpTimeout));
    }
    if contains_any(
        text,
        &[
            "http2: client connection lost",
            "http2: client connection force closed",
        ],
    ) {
        return Some(Cause::Lost);
    }
    if contains_any(text, DEADLINE) {
        return Some(Cause::Deadline);
    }
    if ends_with_eof(text) {
        return Some(Cause::Mode(M::NetReset));
    }
    contains_any(text, GIVEN_UP).then_some(Cause::GivenUp)
}

/// Returns whether `EOF` is the last word of the error: the other side closed the connection.
fn ends_with_eof(text: Text<'_>) -> bool {
    if text.contains("JSON") || text.contains("parsing json") {
        return false;
    }
    if text.contains("unexpected EOF") {
        return true;
    }
    text.match_indices("EOF").any(|(at, word)| {
        let before = &text.as_str()[..at];
        let after = text.as_str()[at + word.len()..].trim_start_matches(['"', '\'', '\\', ')']);
        (before.is_empty() || before.ends_with(": "))
            && (after.trim().is_empty() || after.starts_with([',', '\n', ']']))
    })
}
