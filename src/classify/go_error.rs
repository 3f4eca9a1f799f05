//! Go's error texts for network, proxy, TLS and HTTP failures, whatever wraps them.

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::rule::{Rule, contains_any, first_match};

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
fn proxy(text: &str) -> Option<FailureMode> {
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
    refused_connect(text).then_some(M::ProxyDenied)
}

/// Returns whether an `https` request ends with only a status text: the response to CONNECT.
fn refused_connect(text: &str) -> bool {
    const STATUS: &[&str] = &[
        "Forbidden",
        "Bad Gateway",
        "Service Unavailable",
        "Gateway Timeout",
        "Gateway Time-out",
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
    STATUS.iter().any(|status| {
        text.match_indices(status).any(|(at, _)| {
            let before = &text[..at];
            let after = &text[at + status.len()..];
            let ends = after.is_empty()
                || after.starts_with([',', '"', '\n', ')'])
                || after.starts_with(" provider=");
            ends && before.ends_with("\": ") && quoted_before_is_https(before)
        })
    })
}

/// Returns whether the quoted text that ends three bytes before the end of `before` is an `https`
/// URL.
fn quoted_before_is_https(before: &str) -> bool {
    let Some(quoted) = before.strip_suffix("\": ") else {
        return false;
    };
    let quoted = quoted.strip_suffix('\\').unwrap_or(quoted);
    // URLs are short; a bounded window keeps this linear for hostile texts.
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

fn tls(text: &str) -> Option<FailureMode> {
    if text.contains("certificate signed by unknown authority") && names_an_interceptor(text) {
        return Some(M::TlsIntercepted);
    }
    first_match(TLS, text)
}

/// Returns whether the authority named by Go is evidently a TLS-inspecting product.
fn names_an_interceptor(text: &str) -> bool {
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
fn lookup(text: &str) -> Option<FailureMode> {
    if text.contains("no suitable address") {
        return Some(M::NetDnsNoAddress);
    }
    let (_, behind) = text.split_once("lookup ")?;
    // Old agents use an address with a scheme as a name.
    if ["https: ", "https on ", "http: ", "http on "]
        .iter()
        .any(|host| behind.starts_with(host))
    {
        return Some(M::AgentConfigInvalid);
    }
    first_match(LOOKUP, behind)
}

/// Matches timeouts and cancellations without a phase or failure.
fn vague(text: &str) -> Option<Cause> {
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

/// Returns whether the error ends with `EOF`: the other side closed the connection.
fn ends_with_eof(text: &str) -> bool {
    if text.contains("JSON") || text.contains("parsing json") {
        return false;
    }
    if text.contains("unexpected EOF") {
        return true;
    }
    text.match_indices("EOF").any(|(at, word)| {
        let before = &text[..at];
        let after = text[at + word.len()..].trim_start_matches(['"', '\'', '\\', ')']);
        (before.is_empty() || before.ends_with(": "))
            && (after.trim().is_empty() || after.starts_with([',', '\n', ']']))
    })
}

/// Configuration errors that surface only when a request is made.
const SETTINGS: &[Rule] = &[
    (
        &["invalid header field value for \"X-Api-Key\""],
        M::CastaiKeyMalformed,
    ),
    (
        &["invalid header field value for \\\"X-Api-Key\\\""],
        M::CastaiKeyMalformed,
    ),
    (&["no Host in request URL"], M::AgentConfigInvalid),
    (&["unsupported protocol scheme"], M::AgentConfigInvalid),
    (
        &["first path segment in URL cannot contain colon"],
        M::AgentConfigInvalid,
    ),
    (&["missing protocol scheme"], M::AgentConfigInvalid),
    (&["invalid port", "after host"], M::AgentConfigInvalid),
    (&["invalid URL escape"], M::AgentConfigInvalid),
    (
        &["invalid character", "in host name"],
        M::AgentConfigInvalid,
    ),
    (
        &["net/url: invalid control character in URL"],
        M::AgentConfigInvalid,
    ),
    (
        &["dial tcp: address ", ": invalid port"],
        M::AgentConfigInvalid,
    ),
    (&["dial tcp: unknown port"], M::AgentConfigInvalid),
];

/// TLS: certificate errors first, then protocol errors.
const TLS: &[Rule] = &[
    (
        &["certificate signed by unknown authority"],
        M::TlsUnknownAuthority,
    ),
    (
        &["not yet valid: current time", "is before"],
        M::TlsNotYetValid,
    ),
    (&["certificate has expired"], M::TlsExpired),
    (&["x509: certificate is valid for "], M::TlsHostnameMismatch),
    (&["any IP SANs"], M::TlsHostnameMismatch),
    (
        &["x509: certificate is not valid for any names"],
        M::TlsHostnameMismatch,
    ),
    (
        &["x509: certificate relies on legacy Common Name field"],
        M::TlsHostnameMismatch,
    ),
    (&["x509: certificate has no names"], M::TlsHostnameMismatch),
    (
        &["not authorized to sign other certificates"],
        M::TlsUnknownAuthority,
    ),
    (
        &["x509: failed to load system roots"],
        M::TlsUnknownAuthority,
    ),
    (&["certificate is not trusted"], M::TlsUnknownAuthority),
    (&["TLS handshake timeout"], M::TlsHandshakeTimeout),
    (
        &["first record does not look like a TLS handshake"],
        M::TlsProtocol,
    ),
    (
        &["server gave HTTP response to HTTPS client"],
        M::TlsProtocol,
    ),
    (&["remote error: tls: "], M::TlsProtocol),
    (&["local error: tls: "], M::TlsProtocol),
    (&["tls: "], M::TlsProtocol),
    (&["x509: "], M::TlsProtocol),
];

/// Errors after `lookup NAME`.
const LOOKUP: &[Rule] = &[
    (&["no such host"], M::NetDnsNxdomain),
    (&["No such host is known"], M::NetDnsNxdomain),
    (&["server misbehaving"], M::NetDnsServfail),
    (&["no answer from DNS server"], M::NetDnsServfail),
    (&["cannot unmarshal DNS message"], M::NetDnsServfail),
    (&["no data of the requested type"], M::NetDnsNoAddress),
    (&["i/o timeout"], M::NetDnsTimeout),
    (&[": timeout"], M::NetDnsTimeout),
    (&["context deadline exceeded"], M::NetDnsTimeout),
    (&["connection refused"], M::NetDnsTimeout),
    (&["network is unreachable"], M::NetDnsTimeout),
    (&["no route to host"], M::NetDnsTimeout),
    (&["operation not permitted"], M::NetDnsTimeout),
    (&["Temporary failure in name resolution"], M::NetDnsTimeout),
];

/// TCP errors, before and after the connection is established.
const CONNECTION: &[Rule] = &[
    (&["connection refused"], M::NetRefused),
    (&["actively refused"], M::NetRefused),
    (&["no route to host"], M::NetUnreachable),
    (&["network is unreachable"], M::NetUnreachable),
    (&["host is down"], M::NetUnreachable),
    (&["cannot assign requested address"], M::NetUnreachable),
    (&["connect: operation not permitted"], M::NetUnreachable),
    (&["connection timed out"], M::NetConnectTimeout),
    (
        &["did not properly respond after a period of time"],
        M::NetConnectTimeout,
    ),
    (&["read udp ", ":53: i/o timeout"], M::NetDnsTimeout),
    (&["read tcp ", "i/o timeout"], M::HttpTimeout),
    (&["write tcp ", "i/o timeout"], M::HttpTimeout),
    (&["dial tcp ", "i/o timeout"], M::NetConnectTimeout),
    (
        &["dial tcp ", "context deadline exceeded"],
        M::NetConnectTimeout,
    ),
    (&["connection reset by peer"], M::NetReset),
    (&["forcibly closed"], M::NetReset),
    (&["broken pipe"], M::NetReset),
    (&["server closed idle connection"], M::NetReset),
    (
        &["server sent GOAWAY and closed the connection"],
        M::NetReset,
    ),
    (&["graceful shutdown GOAWAY"], M::NetReset),
];

/// Malformed HTTP responses.
const HTTP: &[Rule] = &[
    (&["malformed HTTP"], M::HttpProtocol),
    (&["malformed MIME header"], M::HttpProtocol),
    (&["server response headers exceeded"], M::HttpProtocol),
    (&["http2: frame too large"], M::HttpProtocol),
    (&["http2: response body closed"], M::HttpProtocol),
    (&["stream error: stream ID"], M::HttpProtocol),
    (&["connection error: "], M::HttpProtocol),
    (&["gzip: invalid header"], M::HttpProtocol),
    (&["invalid byte in chunk length"], M::HttpProtocol),
    (&["stopped after 10 redirects"], M::HttpProtocol),
];
