//! Go's error texts and their modes, in order of precedence.

use crate::catalogue::FailureMode as M;
use crate::classify::rule::Rule;

/// Configuration errors that surface only when a request is made.
pub(super) const SETTINGS: &[Rule] = &[
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
pub(super) const TLS: &[Rule] = &[
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
pub(super) const LOOKUP: &[Rule] = &[
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
    (&["device or resource busy"], M::NetDnsTimeout),
    (&["operation was canceled"], M::NetDnsTimeout),
];

/// TCP errors, before and after the connection is established.
pub(super) const CONNECTION: &[Rule] = &[
    (&["no servers could be reached"], M::NetDnsTimeout),
    (&["connection refused"], M::NetRefused),
    (&["actively refused"], M::NetRefused),
    (
        &["The connection to the server ", " was refused"],
        M::NetRefused,
    ),
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
pub(super) const HTTP: &[Rule] = &[
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
