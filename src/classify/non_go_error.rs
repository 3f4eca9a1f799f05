//! Errors of clients that are not written in Go: curl, OpenSSL, Python, Java, Node.js, .NET, Rust,
//! and the lookup tools of a shell.

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::rule::{Rule, contains_any, first_match};
use crate::classify::text::Text;

/// Returns the mode of a transport error; the deepest layer that failed decides.
pub(super) fn mode(text: Text<'_>) -> Option<FailureMode> {
    proxy(text)
        .or_else(|| first_match(TLS, text))
        .or_else(|| first_match(DNS, text))
        .or_else(|| first_match(CONNECTION, text))
}

/// Matches errors of the tunnel through a proxy.
fn proxy(text: Text<'_>) -> Option<FailureMode> {
    const REFUSED: &[&str] = &[
        "from proxy after CONNECT",
        "CONNECT tunnel failed, response ",
        "Tunnel connection failed: ",
        "Unable to tunnel through proxy",
        "Unexpected response code for CONNECT",
        "tunneling socket could not be established, statusCode=",
        "The proxy tunnel request to proxy ",
        "Proxy CONNECT aborted",
        "unsuccessful tunnel",
        "failed to do connect handshake",
        "Can't complete SOCKS",
        "ERR_TUNNEL_CONNECTION_FAILED",
    ];
    const UNREACHABLE: &[&str] = &[
        "Could not resolve proxy",
        "Couldn't resolve proxy",
        "Unable to connect to proxy",
        "Cannot connect to proxy",
        "Failed to connect to proxy",
        "failed to connect to proxy",
        "ProxyConnectionError",
        "ERR_PROXY_CONNECTION_FAILED",
        "tunneling socket could not be established, cause=",
    ];
    const AUTHENTICATION: &[&str] = &[
        "407",
        "proxy authentication required",
        "Proxy Authentication Required",
        "Failed to authenticate with proxy",
    ];
    if contains_any(text, REFUSED) {
        let required = contains_any(text, AUTHENTICATION);
        return Some(if required {
            M::ProxyAuthRequired
        } else {
            M::ProxyDenied
        });
    }
    if contains_any(text, &AUTHENTICATION[1..]) {
        return Some(M::ProxyAuthRequired);
    }
    contains_any(text, UNREACHABLE).then_some(M::ProxyUnreachable)
}

/// Certificates first, then the handshake.
const TLS: &[Rule] = &[
    (&["certificate has expired"], M::TlsExpired),
    (&["CERT_HAS_EXPIRED"], M::TlsExpired),
    (&["CertificateExpiredException"], M::TlsExpired),
    (&["invalid peer certificate: Expired"], M::TlsExpired),
    (
        &["invalid peer certificate: certificate expired"],
        M::TlsExpired,
    ),
    (&["certificate is not yet valid"], M::TlsNotYetValid),
    (&["CERT_NOT_YET_VALID"], M::TlsNotYetValid),
    (&["CertificateNotYetValidException"], M::TlsNotYetValid),
    (
        &["invalid peer certificate: NotValidYet"],
        M::TlsNotYetValid,
    ),
    (
        &["no alternative certificate subject name matches"],
        M::TlsHostnameMismatch,
    ),
    (&["does not match target host name"], M::TlsHostnameMismatch),
    (&["does not match target hostname"], M::TlsHostnameMismatch),
    (
        &["Hostname mismatch, certificate is not valid for"],
        M::TlsHostnameMismatch,
    ),
    (
        &["IP address mismatch, certificate is not valid for"],
        M::TlsHostnameMismatch,
    ),
    (&["hostname '", "doesn't match"], M::TlsHostnameMismatch),
    (&["hostname mismatch"], M::TlsHostnameMismatch),
    (
        &["does not match certificate's altnames"],
        M::TlsHostnameMismatch,
    ),
    (&["ERR_TLS_CERT_ALTNAME_INVALID"], M::TlsHostnameMismatch),
    (&["No subject alternative "], M::TlsHostnameMismatch),
    (&["No name matching ", " found"], M::TlsHostnameMismatch),
    (
        &["SSLPeerUnverifiedException: Hostname "],
        M::TlsHostnameMismatch,
    ),
    (
        &["invalid peer certificate: NotValidForName"],
        M::TlsHostnameMismatch,
    ),
    (
        &["invalid peer certificate: certificate not valid for name"],
        M::TlsHostnameMismatch,
    ),
    (&["RemoteCertificateNameMismatch"], M::TlsHostnameMismatch),
    (
        &["unable to get local issuer certificate"],
        M::TlsUnknownAuthority,
    ),
    (
        &["unable to get issuer certificate"],
        M::TlsUnknownAuthority,
    ),
    (&["UNABLE_TO_GET_ISSUER_CERT"], M::TlsUnknownAuthority),
    (
        &["unable to verify the first certificate"],
        M::TlsUnknownAuthority,
    ),
    (&["UNABLE_TO_VERIFY_LEAF_SIGNATURE"], M::TlsUnknownAuthority),
    (&["self signed certificate"], M::TlsUnknownAuthority),
    (&["self-signed certificate"], M::TlsUnknownAuthority),
    (&["SELF_SIGNED_CERT"], M::TlsUnknownAuthority),
    (&["PKIX path building failed"], M::TlsUnknownAuthority),
    (
        &["unable to find valid certification path"],
        M::TlsUnknownAuthority,
    ),
    (&["PKIX path validation failed"], M::TlsUnknownAuthority),
    (
        &["Trust anchor for certification path not found"],
        M::TlsUnknownAuthority,
    ),
    (
        &["invalid peer certificate: UnknownIssuer"],
        M::TlsUnknownAuthority,
    ),
    (&["SEC_ERROR_UNKNOWN_ISSUER"], M::TlsUnknownAuthority),
    (
        &["InvalidCertificate(UnknownIssuer)"],
        M::TlsUnknownAuthority,
    ),
    (&["InvalidCertificate(Expired"], M::TlsExpired),
    (&["InvalidCertificate(NotValidYet"], M::TlsNotYetValid),
    (
        &["InvalidCertificate(NotValidForName"],
        M::TlsHostnameMismatch,
    ),
    (&["RemoteCertificateChainErrors"], M::TlsUnknownAuthority),
    (&["UntrustedRoot"], M::TlsUnknownAuthority),
    (
        &["certificate signed by unknown authority"],
        M::TlsUnknownAuthority,
    ),
    (&["SSL connection timeout"], M::TlsHandshakeTimeout),
    (&["SSL connection timed out"], M::TlsHandshakeTimeout),
    (&["handshake operation timed out"], M::TlsHandshakeTimeout),
    (&["TLS handshake timed out"], M::TlsHandshakeTimeout),
    (&["SSL handshake timed out"], M::TlsHandshakeTimeout),
    (&["SSL_ERROR_SYSCALL"], M::NetReset),
    (&["SSL_connect: Connection reset by peer"], M::NetReset),
    (&["EOF occurred in violation of protocol"], M::NetReset),
    (&["unexpected eof while reading"], M::NetReset),
    (&["Remote host terminated the handshake"], M::NetReset),
    (
        &["Remote host closed connection during handshake"],
        M::NetReset,
    ),
    (
        &["before secure TLS connection was established"],
        M::NetReset,
    ),
    (&["wrong version number"], M::TlsProtocol),
    (&["WRONG_VERSION_NUMBER"], M::TlsProtocol),
    (&["ssl", " alert "], M::TlsProtocol),
    (&["tlsv1 alert "], M::TlsProtocol),
    (&["Received fatal alert: "], M::TlsProtocol),
    (&["received fatal alert: "], M::TlsProtocol),
    (&["handshake_failure"], M::TlsProtocol),
    (&["no protocols available"], M::TlsProtocol),
    (&["SSL routines:", "unsupported protocol"], M::TlsProtocol),
    (&["Unsupported or unrecognized SSL message"], M::TlsProtocol),
    (&["packet length too long"], M::TlsProtocol),
    (&["CERTIFICATE_VERIFY_FAILED"], M::TlsUnknownAuthority),
    (&["certificate verify failed"], M::TlsUnknownAuthority),
];

/// Name resolution.
const DNS: &[Rule] = &[
    (&["Resolving timed out after "], M::NetDnsTimeout),
    (&["EAI_AGAIN"], M::NetDnsTimeout),
    (&["Temporary failure in name resolution"], M::NetDnsTimeout),
    (
        &["failed to lookup address information: Try again"],
        M::NetDnsTimeout,
    ),
    (&["no servers could be reached"], M::NetDnsTimeout),
    (
        &["communications error to ", "#53: timed out"],
        M::NetDnsTimeout,
    ),
    (&["server can't find ", ": SERVFAIL"], M::NetDnsServfail),
    (&["server can't find ", ": REFUSED"], M::NetDnsServfail),
    (&["server can't find ", ": NXDOMAIN"], M::NetDnsNxdomain),
    (&["status: NXDOMAIN"], M::NetDnsNxdomain),
    (&["status: SERVFAIL"], M::NetDnsServfail),
    (&["No address associated with hostname"], M::NetDnsNoAddress),
    (&["Could not resolve host"], M::NetDnsNxdomain),
    (&["Couldn't resolve host"], M::NetDnsNxdomain),
    (&["Name or service not known"], M::NetDnsNxdomain),
    (&["nodename nor servname provided"], M::NetDnsNxdomain),
    (&["Name does not resolve"], M::NetDnsNxdomain),
    (&["ENOTFOUND"], M::NetDnsNxdomain),
    (&["UnknownHostException"], M::NetDnsNxdomain),
    (&["Unable to resolve host "], M::NetDnsNxdomain),
    (&["No such host is known"], M::NetDnsNxdomain),
    (&["getaddrinfow: ", "no such host"], M::NetDnsNxdomain),
    (&["getaddrinfow: ", "No such host"], M::NetDnsNxdomain),
    (&["wget: bad address "], M::NetDnsNxdomain),
    (&["ping: bad address "], M::NetDnsNxdomain),
];

/// TCP, before and after the connection is established.
const CONNECTION: &[Rule] = &[
    (&["Connection refused"], M::NetRefused),
    (&["ECONNREFUSED"], M::NetRefused),
    (&["curl: (7) ", "Couldn't connect to server"], M::NetRefused),
    (&["No route to host"], M::NetUnreachable),
    (&["Network is unreachable"], M::NetUnreachable),
    (&["Network unreachable"], M::NetUnreachable),
    (&["EHOSTUNREACH"], M::NetUnreachable),
    (&["ENETUNREACH"], M::NetUnreachable),
    (&["Connect timeout on endpoint URL"], M::NetConnectTimeout),
    (&["ConnectTimeoutError"], M::NetConnectTimeout),
    (&["ConnectTimeoutException"], M::NetConnectTimeout),
    (&["HttpConnectTimeoutException"], M::NetConnectTimeout),
    (&["onnect timed out"], M::NetConnectTimeout),
    (&["curl: (28) Failed to connect"], M::NetConnectTimeout),
    (&["curl: (28) Connection timed out"], M::NetConnectTimeout),
    (&["curl: (28) Connection timeout"], M::NetConnectTimeout),
    (&["connect ETIMEDOUT"], M::NetConnectTimeout),
    (
        &["failed to connect to ", "after ", "ms"],
        M::NetConnectTimeout,
    ),
    (&["HTTP connect timeout occurred"], M::NetConnectTimeout),
    (&["Read timeout on endpoint URL"], M::HttpTimeout),
    (&["ReadTimeoutError"], M::HttpTimeout),
    (&["ReadTimeout: "], M::HttpTimeout),
    (&["Read timed out"], M::HttpTimeout),
    (&["read timed out"], M::HttpTimeout),
    (&["SocketTimeoutException: timeout"], M::HttpTimeout),
    (&["ESOCKETTIMEDOUT"], M::HttpTimeout),
    (&["curl: (28) "], M::HttpTimeout),
    (&["ETIMEDOUT"], M::NetConnectTimeout),
    (&["Connection timed out"], M::NetConnectTimeout),
    (&["Empty reply from server"], M::NetReset),
    (&["Connection reset"], M::NetReset),
    (&["ECONNRESET"], M::NetReset),
    (&["socket hang up"], M::NetReset),
    (&["RemoteDisconnected"], M::NetReset),
    (&["hyper::Error(IncompleteMessage)"], M::NetReset),
    (&["Remote end closed connection"], M::NetReset),
    (
        &["Connection was closed before we received a valid response"],
        M::NetReset,
    ),
    (&["ConnectionClosedError"], M::NetReset),
    (&["connection closed before message completed"], M::NetReset),
    (&["unexpected end of stream"], M::NetReset),
    (&["NoHttpResponseException"], M::NetReset),
    (&["failed to respond"], M::NetReset),
    (&["Broken pipe"], M::NetReset),
    (&["EPIPE"], M::NetReset),
];
