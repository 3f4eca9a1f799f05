//! The TLS handshake and the diagnosis of its failures.

pub mod trust;

mod chain_signatures;
mod verifier;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsConnector, rustls};
use trust::{PkiScope, Trust};
use verifier::{RecordingVerifier, certificate_mode};

use crate::catalogue::{FailureMode, Situation};
use crate::config::agent::proxy::Proxy;
use crate::net::transport::{CountingStream, ReceivedBytes};
use crate::net::{Certificate, PhaseError, Transport, authority};
use crate::report::evidence::quote;
use crate::report::{Finding, PhaseTimer};

/// Performs the handshake. No data is sent unless the certificate was verified.
///
/// # Errors
/// A mode `tls_*` with the presented certificate as evidence, or `net_reset`.
pub async fn handshake(
    transport: CountingStream<Transport>,
    received: ReceivedBytes,
    trust: &Trust,
    name: &str,
    timer: &PhaseTimer,
) -> Result<(Transport, Option<Certificate>), PhaseError> {
    let verifier = Arc::new(RecordingVerifier::new(trust, timer));
    let mut config = trust.config.clone();
    config
        .dangerous()
        .set_certificate_verifier(Arc::<RecordingVerifier>::clone(&verifier));
    let server_name = match name.parse::<IpAddr>() {
        Ok(address) => ServerName::IpAddress(address.into()),
        Err(_) => ServerName::try_from(name.to_owned()).map_err(|_| {
            PhaseError::failed(
                FailureMode::TlsHostnameMismatch,
                format!("{name} is not a valid name for a certificate"),
            )
        })?,
    };
    let result = TlsConnector::from(Arc::new(config))
        .connect(server_name, transport)
        .await;
    let presented = verifier.take_presented();
    match result {
        Ok(stream) => Ok((Transport::Tls(Box::new(stream)), presented)),
        Err(error) => {
            let mode = diagnose(&error, presented.as_ref(), trust);
            let evidence = describe(&error, mode, presented.as_ref(), name, &received);
            Err(PhaseError::failed(mode, evidence))
        }
    }
}

/// Returns the failure mode of a handshake error.
fn diagnose(error: &io::Error, presented: Option<&Certificate>, trust: &Trust) -> FailureMode {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        Some(rustls::Error::InvalidCertificate(error)) => match certificate_mode(error) {
            FailureMode::TlsUnknownAuthority
                if presented.is_some_and(|certificate| is_intercepted(certificate, trust)) =>
            {
                FailureMode::TlsIntercepted
            }
            mode => mode,
        },
        Some(_) => FailureMode::TlsProtocol,
        None => FailureMode::NetReset,
    }
}

/// Returns whether a TLS-inspecting proxy issued the certificate: its issuer is a known product, or
/// its chain includes an unknown root.
///
/// A leaf without a chain proves nothing, because a server that does not send its intermediate
/// looks the same.
fn is_intercepted(presented: &Certificate, trust: &Trust) -> bool {
    let has_configured_root = trust
        .root_subjects
        .iter()
        .any(|subject| presented.top_issuer.ends_with(subject));
    presented.is_from_tls_inspector()
        || (trust.scope == PkiScope::Public
            && presented.sends_root
            && !has_configured_root
            && !has_system_root(presented))
}

/// Returns whether the issuer has the name of a CA that the system trusts, even if the configured
/// bundle lacks it.
fn has_system_root(presented: &Certificate) -> bool {
    trust::system_roots()
        .roots
        .iter()
        .any(|root| presented.top_issuer.ends_with(&root.subject))
}

fn describe(
    error: &io::Error,
    mode: FailureMode,
    presented: Option<&Certificate>,
    name: &str,
    received: &ReceivedBytes,
) -> String {
    let certificate = presented.map_or_else(String::new, |presented| {
        format!(": {}", presented.describe())
    });
    let (prefix, count) = (received.prefix(), received.count());
    match mode {
        FailureMode::TlsExpired => format!("the certificate has expired{certificate}"),
        FailureMode::TlsNotYetValid => {
            format!("the certificate is not yet valid according to the local clock{certificate}")
        }
        FailureMode::TlsHostnameMismatch => {
            let names = presented.map_or_else(String::new, |presented| presented.names.join(", "));
            format!("the certificate is valid for [{names}], not for {name}{certificate}")
        }
        FailureMode::TlsUnknownAuthority => {
            format!("the certificate is not signed by a trusted CA ({error}){certificate}")
        }
        FailureMode::TlsIntercepted => {
            format!(
                "an unknown CA issued the certificate in place of the expected one{certificate}"
            )
        }
        FailureMode::NetReset if count == 0 => {
            format!(
                "the connection was closed after the TLS ClientHello, before any response ({error})"
            )
        }
        FailureMode::NetReset => {
            format!(
                "the connection was closed during the TLS handshake after {count} bytes ({error})"
            )
        }
        _ if prefix.starts_with(b"HTTP/") => {
            format!(
                "the port serves plain HTTP, not TLS: {}",
                quote(first_line(&prefix))
            )
        }
        _ => format!("the TLS handshake failed: {error}{certificate}"),
    }
}

fn first_line(bytes: &[u8]) -> &[u8] {
    bytes
        .split(|byte| *byte == b'\r' || *byte == b'\n')
        .next()
        .unwrap_or(bytes)
}

/// Returns the finding of a handshake that timed out, perhaps through the tunnel of a proxy.
pub fn timed_out(target: &str, proxy: Option<&Proxy>, received: u64, limit: Duration) -> Finding {
    let (hint, situation) = match (received, proxy) {
        (0, Some(proxy)) => (
            format!(
                "no bytes were received through the proxy {}",
                authority(&proxy.host, proxy.port)
            ),
            Situation::ThroughProxy,
        ),
        (0, None) => (
            "no bytes were received: the server is overloaded or hung, or a middlebox accepts connections for it"
                .to_owned(),
            Situation::NothingReceived,
        ),
        (received, _) => (
            format!("only {received} bytes were received, as on a path that drops large packets (MTU)"),
            Situation::PartOfHandshake,
        ),
    };
    let evidence = format!(
        "{target} accepted the connection but the TLS handshake did not complete within {limit:?}; {hint}"
    );
    Finding::new(FailureMode::TlsHandshakeTimeout, evidence).in_situation(Some(situation))
}
