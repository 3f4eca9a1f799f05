//! Tunnels through a proxy with CONNECT, as Go's HTTP client opens them (RFC 9110 §9.3.6).

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::catalogue::{Category, FailureMode};
use crate::config::Secret;
use crate::config::agent::proxy::Proxy;
use crate::net::http::USER_AGENT;
use crate::net::{PhaseError, Transport, Trust, authority, tls};
use crate::report::evidence::quote;
use crate::report::{Finding, PhaseTimer};

/// Largest header section of a CONNECT response, in bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Number of bytes that are read of an error page.
const MAX_PAGE_BYTES: u64 = 1024;
/// Time to wait for an error page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(1);

/// Performs the TLS handshake with the proxy itself, if its URL is `https://…`.
///
/// # Errors
/// `proxy_unreachable`, with the error of the handshake.
pub async fn secured(
    transport: Transport,
    proxy: &Proxy,
    trust: &Trust,
) -> Result<Transport, PhaseError> {
    if !proxy.tls {
        return Ok(transport);
    }
    let (counting, received) = transport.counting();
    let handshake = tls::handshake(
        counting,
        received,
        trust,
        &proxy.host,
        &PhaseTimer::default(),
    )
    .await;
    handshake
        .map(|(transport, _certificate)| transport)
        .map_err(|error| PhaseError {
            finding: unreachable(proxy, &error.finding),
            ..error
        })
}

/// Opens a tunnel. The caller enforces `limit`, which only bounds the time for an error page here.
///
/// # Errors
/// `proxy_auth_required`, `proxy_denied`, `proxy_bad_gateway`, or `proxy_unreachable` if the proxy
/// does not respond with HTTP.
pub async fn tunnel(
    transport: Transport,
    proxy: &Proxy,
    trust: &Trust,
    (host, port): (&str, u16),
    limit: Duration,
) -> Result<Transport, PhaseError> {
    let began = Instant::now();
    let name = authority(&proxy.host, proxy.port);
    let mut transport = secured(transport, proxy, trust).await?;
    let failed = |what: String| {
        PhaseError::failed(
            FailureMode::ProxyUnreachable,
            format!("proxy {name} {what}"),
        )
    };
    transport
        .write_all(request(proxy, host, port).as_bytes())
        .await
        .map_err(|error| {
            failed(format!(
                "closed the connection before the CONNECT request ({error})"
            ))
        })?;
    let mut head = Vec::new();
    // Go accepts a bare line feed as a line ending.
    while !head.ends_with(b"\n\r\n") && !head.ends_with(b"\n\n") {
        // Byte by byte, because the bytes after the headers belong to the tunnel.
        let byte = transport.read_u8().await.map_err(|error| {
            failed(format!(
                "closed the connection without responding to CONNECT ({error}) {}",
                quote(&head)
            ))
        })?;
        head.push(byte);
        if head.len() > MAX_HEADER_BYTES {
            return Err(failed(format!(
                "responded to CONNECT with more than {MAX_HEADER_BYTES} bytes of headers"
            )));
        }
    }
    let Some(mode) = diagnose(&head) else {
        return Ok(transport);
    };
    let page_timeout = PAGE_TIMEOUT.min(limit.saturating_sub(began.elapsed()) / 2);
    let page = read_page(&mut transport, &head, page_timeout).await;
    let page = if page.is_empty() {
        String::new()
    } else {
        format!(": {}", quote(&page))
    };
    let target = authority(host, port);
    let status = quote(status_line(&head));
    Err(PhaseError::failed(
        mode,
        format!("proxy {name} responded to CONNECT {target} with {status}{page}"),
    ))
}

/// Reads the beginning of the page after a proxy's headers, as far as it arrives in time.
async fn read_page(transport: &mut Transport, head: &[u8], limit: Duration) -> Vec<u8> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| {
        line.strip_prefix("content-length:")?
            .trim()
            .parse::<u64>()
            .ok()
    });
    let mut page = Vec::new();
    let mut rest = transport.take(length.unwrap_or(MAX_PAGE_BYTES).min(MAX_PAGE_BYTES));
    let read = async {
        while rest
            .read_buf(&mut page)
            .await
            .is_ok_and(|length| length > 0)
        {}
    };
    // The part that arrived before a timeout or an error is still useful.
    let _ = timeout(limit, read).await;
    page
}

fn status_line(head: &[u8]) -> &[u8] {
    head.split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default()
        .trim_ascii_end()
}

/// Returns the failure mode of a CONNECT response, or `None` for an open tunnel. Like Go, it
/// accepts only status 200.
pub fn diagnose(head: &[u8]) -> Option<FailureMode> {
    let line = String::from_utf8_lossy(status_line(head)).into_owned();
    let mut words = line.split(' ');
    let http = words
        .next()
        .is_some_and(|version| version.starts_with("HTTP/1."));
    match words.next().and_then(|code| code.parse::<u16>().ok()) {
        Some(200) if http => None,
        Some(407) if http => Some(FailureMode::ProxyAuthRequired),
        Some(502..=504) if http => Some(FailureMode::ProxyBadGateway),
        Some(_) if http => Some(FailureMode::ProxyDenied),
        _ => Some(FailureMode::ProxyUnreachable),
    }
}

/// Returns the `Proxy-Authorization` header, marked sensitive, for a request that the proxy
/// forwards.
pub fn authorization(proxy: &Proxy) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&basic(proxy.credentials.as_ref()?)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn basic(credentials: &Secret) -> String {
    format!("Basic {}", STANDARD.encode(credentials.reveal()))
}

fn request(proxy: &Proxy, host: &str, port: u16) -> String {
    let target = authority(host, port);
    let credentials = proxy
        .credentials
        .as_ref()
        .map_or_else(String::new, |credentials| {
            format!("Proxy-Authorization: {}\r\n", basic(credentials))
        });
    format!(
        "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: {USER_AGENT}\r\n{credentials}\r\n"
    )
}

/// Returns the finding of a proxy that could not be resolved or connected to. A name that does not
/// resolve is a fault of name resolution, like any other name.
pub fn unreachable(proxy: &Proxy, finding: &Finding) -> Finding {
    let name = authority(&proxy.host, proxy.port);
    let mode = match finding.mode.category() {
        Category::Dns => finding.mode,
        _ => FailureMode::ProxyUnreachable,
    };
    Finding::new(mode, format!("proxy {name}: {}", finding.evidence))
}

/// Returns the finding of a proxy that did not respond in time.
pub fn timed_out(proxy: &Proxy, what: &str, limit: Duration) -> Finding {
    let name = authority(&proxy.host, proxy.port);
    Finding::new(
        FailureMode::ProxyUnreachable,
        format!("proxy {name} accepted the connection but did not {what} within {limit:?}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_status_200_opens_the_tunnel() {
        let cases = [
            ("HTTP/1.1 200 Connection established\r\n\r\n", None),
            ("HTTP/1.0 200\r\n\r\n", None),
            ("HTTP/1.1 200 OK\n\n", None),
            ("HTTP/1.1 200\n\n", None),
            (
                "HTTP/1.1 204 No Content\r\n\r\n",
                Some(FailureMode::ProxyDenied),
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\n",
                Some(FailureMode::ProxyDenied),
            ),
            (
                "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                Some(FailureMode::ProxyAuthRequired),
            ),
            (
                "HTTP/1.1 403 Forbidden\r\n\r\n",
                Some(FailureMode::ProxyDenied),
            ),
            ("HTTP/1.1 302 Found\r\n\r\n", Some(FailureMode::ProxyDenied)),
            (
                "HTTP/1.1 502 Bad Gateway\r\n\r\n",
                Some(FailureMode::ProxyBadGateway),
            ),
            (
                "HTTP/1.1 504 Gateway Timeout\r\n\r\n",
                Some(FailureMode::ProxyBadGateway),
            ),
            (
                "SSH-2.0-OpenSSH\r\n\r\n",
                Some(FailureMode::ProxyUnreachable),
            ),
            ("", Some(FailureMode::ProxyUnreachable)),
        ];
        for (head, mode) in cases {
            assert_eq!(diagnose(head.as_bytes()), mode, "{head}");
        }
    }

    #[test]
    fn credentials_are_sent_in_proxy_authorization() {
        let credentials = Some(crate::config::Secret::new("user:pass"));
        let proxy = Proxy {
            tls: false,
            host: "proxy.example".to_owned(),
            port: 3128,
            credentials,
        };
        let request = request(&proxy, "2001:db8::1", 443);
        assert!(
            request
                .starts_with("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"),
            "{request}"
        );
        assert!(
            request.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"),
            "{request}"
        );
    }
}
