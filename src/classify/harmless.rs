//! Lines that healthy systems log as well, or that only follow from a cause in another line.

use crate::classify::rule::contains_any;
use crate::classify::text::Text;

/// Returns whether a text is harmless whatever else it says.
pub(super) fn is_harmless(text: Text<'_>) -> bool {
    contains_any(text, SERVER_SIDE) || contains_any(text, CONSEQUENCES)
}

/// Server-side log messages about clients: probes, port scans, closed browsers.
const SERVER_SIDE: &[&str] = &[
    "http: TLS handshake error from ",
    "http2: server connection error from ",
    "http2: server: error reading preface from client",
    "http: superfluous response.WriteHeader",
    "http: response.WriteHeader on hijacked connection",
    "http: URL query contains semicolon",
    "http: proxy error: context canceled",
    "http: abort Handler",
    "http: Accept error: ",
    "ServerHandshake(",
    "Server.Serve failed to create ServerTransport",
    "rejected connection from \"",
    "while SSL handshaking, client: ",
    "client prematurely closed connection",
    "client sent HTTP request to HTTPS server",
    "Client sent an HTTP request to an HTTPS server",
    "http2Server.HandleStreams failed to read frame",
    "http2Server.HandleStreams received bogus greeting from client",
    "peer closed connection in SSL handshake",
    "write: broken pipe while writing response",
];

/// Lines that healthy agents log as well, or consequences of a cause named in another line.
const CONSEQUENCES: &[&str] = &[
    "failed to send logs after shutdown timed out",
    "context canceled before registration was initiated",
    // `shutdown triggered by "leader election" (no error)`.
    "\" (no error)",
    "healthz server closed",
    "metrics server closed",
    "http: Server closed",
    "context done",
    "unexpected agent restart detected",
    "unable to retrieve the complete list of server APIs",
    "Skipping conditional informer",
    "client-side throttling",
    "loading metadata failed: parsing json",
    "the object has been modified",
    "StorageError: invalid object, Code: 4, Key:",
    "lock is held by",
    "Failed getting pod metrics",
    "couldn't get resource list for ",
    "stale GroupVersion discovery",
    "falling back to IMDSv1",
    "too old resource version",
    "unable to decode an event from the watch stream: context canceled",
    "Unexpected watch close",
    "very short watch",
    "Neither --kubeconfig nor --master was specified",
    "Failed to release lock: resource name may not be empty",
    "running without any HTTP authentication checking",
    // The agent's discovery splits every error without checking its shape; the line before names
    // the error.
    "index out of range [1] with length 1",
];
