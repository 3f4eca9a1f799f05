//! The tunnel through a proxy: CONNECT, as Go's HTTP client asks for it (RFC 9110 §9.3.6).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use crate::catalogue::FailureMode;
use crate::config::proxy::Proxy;
use crate::probe::Stop;
use crate::probe::Transport;
use crate::probe::Trust;
use crate::probe::USER_AGENT;
use crate::probe::authority;
use crate::probe::tls;
use crate::verdict::Finding;
use crate::verdict::Trail;
use crate::verdict::evidence::quote;

/// The most that a proxy may answer before the tunnel.
const MAX_ANSWER: usize = 16 * 1024;

/// Asks the proxy for a tunnel.
///
/// # Errors
/// `proxy_auth_required`, `proxy_denied`, or `proxy_unreachable` when it does not speak.
pub async fn tunnel(
    mut transport: Transport,
    proxy: &Proxy,
    trust: Option<&Trust>,
    host: &str,
    port: u16,
) -> Result<Transport, Stop> {
    let name = authority(&proxy.host, proxy.port);
    if let (true, Some(trust)) = (proxy.tls, trust) {
        let (counted, received) = transport.counted();
        let shaken = tls::handshake(counted, received, trust, &proxy.host, &Trail::default()).await;
        (transport, _) = shaken.map_err(|stop| Stop { finding: unreachable(proxy, &stop.finding), ..stop })?;
    }
    let mute = |what: String| Stop::failed(FailureMode::ProxyUnreachable, format!("proxy {name} {what}"));
    transport
        .write_all(request(proxy, host, port).as_bytes())
        .await
        .map_err(|error| mute(format!("closed the connection before it was asked for a tunnel ({error})")))?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        // Byte by byte: what follows the answer's end belongs to the tunnel.
        let byte = transport.read_u8().await.map_err(|error| {
            mute(format!("closed the connection instead of answering CONNECT ({error}) {}", quote(&answer)))
        })?;
        answer.push(byte);
        if answer.len() > MAX_ANSWER {
            return Err(mute(format!("answered CONNECT with more than {MAX_ANSWER} bytes of headers")));
        }
    }
    match diagnose(&answer) {
        None => Ok(transport),
        Some(mode) => {
            let status = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
            let target = authority(host, port);
            Err(Stop::failed(mode, format!("proxy {name} answered CONNECT {target} with {}", quote(status))))
        }
    }
}

/// What the proxy's answer means; `None` is an open tunnel.
pub fn diagnose(answer: &[u8]) -> Option<FailureMode> {
    let line = String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    let mut words = line.split(' ');
    let http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    match words.next().and_then(|code| code.parse::<u16>().ok()) {
        Some(200..=299) if http => None,
        Some(407) if http => Some(FailureMode::ProxyAuthRequired),
        Some(_) if http => Some(FailureMode::ProxyDenied),
        _ => Some(FailureMode::ProxyUnreachable),
    }
}

fn request(proxy: &Proxy, host: &str, port: u16) -> String {
    let target = authority(host, port);
    let credentials = proxy.credentials.as_ref().map_or_else(String::new, |credentials| {
        format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(credentials.reveal()))
    });
    format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: {USER_AGENT}\r\n{credentials}\r\n")
}

/// The proxy's own name or address failed: that is what is wrong, not the target.
pub fn unreachable(proxy: &Proxy, finding: &Finding) -> Finding {
    let name = authority(&proxy.host, proxy.port);
    Finding::new(FailureMode::ProxyUnreachable, format!("proxy {name}: {}", finding.evidence))
}

/// The finding when the proxy did not answer in time.
pub fn unanswered(proxy: &Proxy, limit: Duration) -> Finding {
    let name = authority(&proxy.host, proxy.port);
    Finding::new(
        FailureMode::ProxyUnreachable,
        format!("proxy {name} accepted the connection but did not answer CONNECT within {limit:?}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_of_the_two_hundreds_opens_the_tunnel() {
        let cases = [
            ("HTTP/1.1 200 Connection established\r\n\r\n", None),
            ("HTTP/1.0 200\r\n\r\n", None),
            ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Some(FailureMode::ProxyAuthRequired)),
            ("HTTP/1.1 403 Forbidden\r\n\r\n", Some(FailureMode::ProxyDenied)),
            ("HTTP/1.1 302 Found\r\n\r\n", Some(FailureMode::ProxyDenied)),
            ("SSH-2.0-OpenSSH\r\n\r\n", Some(FailureMode::ProxyUnreachable)),
            ("", Some(FailureMode::ProxyUnreachable)),
        ];
        for (answer, mode) in cases {
            assert_eq!(diagnose(answer.as_bytes()), mode, "{answer}");
        }
    }

    #[test]
    fn credentials_go_into_the_one_header_they_belong_in() {
        let credentials = Some(crate::config::Secret::new("user:pass"));
        let proxy = Proxy { tls: false, host: "proxy.example".to_owned(), port: 3128, credentials };
        let request = request(&proxy, "2001:db8::1", 443);
        assert!(request.starts_with("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"), "{request}");
        assert!(request.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"), "{request}");
    }
}
