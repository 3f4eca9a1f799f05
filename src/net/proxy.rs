//! The tunnel through a proxy: CONNECT, as Go's HTTP client asks for it (RFC 9110 §9.3.6).

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::catalogue::FailureMode;
use crate::config::Secret;
use crate::config::proxy::Proxy;
use crate::net::{Stop, Transport, Trust, USER_AGENT, authority, tls};
use crate::report::evidence::quote;
use crate::report::{Finding, Trail};

/// The most that a proxy may answer before the tunnel.
const MAX_ANSWER: usize = 16 * 1024;
/// The most that is read of a page behind a denial.
const MAX_PAGE: u64 = 1024;
/// How long such a page is waited for.
const PAGE: Duration = Duration::from_secs(1);
/// A shorter value is no secret, and would be found everywhere.
const MIN_SECRET: usize = 6;

/// The TLS handshake with the proxy itself, where its URL is `https://…`.
///
/// # Errors
/// `proxy_unreachable`, with what the handshake ended with.
pub async fn secured(
    transport: Transport,
    proxy: &Proxy,
    trust: &Trust,
) -> Result<Transport, Stop> {
    if !proxy.tls {
        return Ok(transport);
    }
    let (counted, received) = transport.counted();
    let shaken = tls::handshake(counted, received, trust, &proxy.host, &Trail::default()).await;
    shaken
        .map(|(transport, _certificate)| transport)
        .map_err(|stop| Stop {
            finding: unreachable(proxy, &stop.finding),
            ..stop
        })
}

/// Asks the proxy for a tunnel, within a limit that the caller keeps.
///
/// # Errors
/// `proxy_auth_required`, `proxy_denied`, or `proxy_unreachable` when it does not speak.
pub async fn tunnel(
    transport: Transport,
    proxy: &Proxy,
    trust: &Trust,
    (host, port): (&str, u16),
    limit: Duration,
) -> Result<Transport, Stop> {
    let began = Instant::now();
    let name = authority(&proxy.host, proxy.port);
    let mut transport = secured(transport, proxy, trust).await?;
    let mute = |what: String| {
        Stop::failed(
            FailureMode::ProxyUnreachable,
            format!("proxy {name} {what}"),
        )
    };
    transport
        .write_all(request(proxy, host, port).as_bytes())
        .await
        .map_err(|error| {
            mute(format!(
                "closed the connection before it was asked for a tunnel ({error})"
            ))
        })?;
    let mut answer = Vec::new();
    // Go takes a bare line feed for the end of a line as well.
    while !answer.ends_with(b"\n\r\n") && !answer.ends_with(b"\n\n") {
        // Byte by byte: what follows the answer's end belongs to the tunnel.
        let byte = transport.read_u8().await.map_err(|error| {
            mute(format!(
                "closed the connection instead of answering CONNECT ({error}) {}",
                quote(&answer)
            ))
        })?;
        answer.push(byte);
        if answer.len() > MAX_ANSWER {
            return Err(mute(format!(
                "answered CONNECT with more than {MAX_ANSWER} bytes of headers"
            )));
        }
    }
    let Some(mode) = diagnose(&answer) else {
        return Ok(transport);
    };
    let patience = PAGE.min(limit.saturating_sub(began.elapsed()) / 2);
    let page = page(&mut transport, &answer, patience).await;
    let shown = |bytes: &[u8]| quote(without_credentials(bytes, proxy).as_bytes());
    let said = if page.is_empty() {
        String::new()
    } else {
        format!(": {}", shown(&page))
    };
    let target = authority(host, port);
    let status = shown(status_line(&answer));
    Err(Stop::failed(
        mode,
        format!("proxy {name} answered CONNECT {target} with {status}{said}"),
    ))
}

/// The beginning of what a proxy says behind its headers, as far as it comes soon.
async fn page(transport: &mut Transport, head: &[u8], patience: Duration) -> Vec<u8> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| {
        line.strip_prefix("content-length:")?
            .trim()
            .parse::<u64>()
            .ok()
    });
    let mut page = Vec::new();
    let mut rest = transport.take(length.unwrap_or(MAX_PAGE).min(MAX_PAGE));
    let read = async {
        while rest
            .read_buf(&mut page)
            .await
            .is_ok_and(|length| length > 0)
        {}
    };
    // What came before the time was up, or before an error, is worth its words.
    let _ = timeout(patience, read).await;
    page
}

/// A page may echo the request.
fn without_credentials(bytes: &[u8], proxy: &Proxy) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    if let Some(credentials) = &proxy.credentials {
        let plain = credentials.reveal();
        let password = plain
            .split_once(':')
            .map_or(plain, |(_, password)| password);
        for secret in [STANDARD.encode(plain).as_str(), plain, password] {
            if secret.len() >= MIN_SECRET {
                text = text.replace(secret, "[redacted]");
            }
        }
    }
    text
}

fn status_line(answer: &[u8]) -> &[u8] {
    answer
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default()
        .trim_ascii_end()
}

/// What the proxy's answer means; `None` is an open tunnel: 200 and nothing else, as for Go.
pub fn diagnose(answer: &[u8]) -> Option<FailureMode> {
    let line = String::from_utf8_lossy(status_line(answer)).into_owned();
    let mut words = line.split(' ');
    let http = words
        .next()
        .is_some_and(|version| version.starts_with("HTTP/1."));
    match words.next().and_then(|code| code.parse::<u16>().ok()) {
        Some(200) if http => None,
        Some(407) if http => Some(FailureMode::ProxyAuthRequired),
        Some(_) if http => Some(FailureMode::ProxyDenied),
        _ => Some(FailureMode::ProxyUnreachable),
    }
}

/// `Proxy-Authorization`, marked sensitive, for a request that the proxy forwards.
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

/// The proxy's own name or address failed: that is what is wrong, not the target.
pub fn unreachable(proxy: &Proxy, finding: &Finding) -> Finding {
    let name = authority(&proxy.host, proxy.port);
    Finding::new(
        FailureMode::ProxyUnreachable,
        format!("proxy {name}: {}", finding.evidence),
    )
}

/// The finding when the proxy did not answer in time.
pub fn unanswered(proxy: &Proxy, what: &str, limit: Duration) -> Finding {
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
    fn only_the_status_200_opens_the_tunnel() {
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
                "SSH-2.0-OpenSSH\r\n\r\n",
                Some(FailureMode::ProxyUnreachable),
            ),
            ("", Some(FailureMode::ProxyUnreachable)),
        ];
        for (answer, mode) in cases {
            assert_eq!(diagnose(answer.as_bytes()), mode, "{answer}");
        }
    }

    #[test]
    fn credentials_go_into_the_one_header_they_belong_in() {
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
