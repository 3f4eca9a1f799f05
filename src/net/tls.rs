//! The TLS handshake: whom we trust, what was presented, and why it did not come to an end.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_rustls::{TlsConnector, rustls};

use crate::catalogue::FailureMode;
use crate::net::transport::{Counted, Received};
use crate::net::{Certificate, Stop, Transport};
use crate::report::evidence::quote;
use crate::report::{Ended, Finding, Trail};

/// The longest certificate chain that is looked at, in bytes.
const MAX_CHAIN: usize = 32 * 1024;

/// The most certificates of one PEM text.
const MAX_ROOTS: usize = 2048;

/// Whom we trust, and as whom we present ourselves.
#[derive(Debug)]
pub struct Trust {
    config: ClientConfig,
    verifier: Arc<WebPkiServerVerifier>,
    roots: Vec<Vec<u8>>,
    /// The given certificates as they are: a server may present one of them itself.
    pinned: Arc<[CertificateDer<'static>]>,
    place: Place,
}

/// What kind of authority may be expected at the target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// A name of the public internet: an authority that nobody knows is somebody in between.
    Public,
    /// A cluster with an authority of its own.
    Cluster,
}

/// A client certificate with its key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why a set of roots cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The system has no roots.
    #[error("no CA certificates were found on this system; set SSL_CERT_FILE or mount a bundle")]
    NoRoots,
    /// The given PEM cannot be used.
    #[error("{0}")]
    Pem(String),
    /// rustls does not take it.
    #[error("{0}")]
    Rustls(#[from] rustls::Error),
}

impl Identity {
    /// Reads a client certificate and its key.
    ///
    /// # Errors
    /// When either is not PEM.
    pub fn pem(chain: &[u8], key: &[u8]) -> Result<Self, TrustError> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
        let chain =
            chain.map_err(|error| TrustError::Pem(format!("client certificate: {error:?}")))?;
        let key = PrivateKeyDer::from_pem_slice(key);
        let key = key.map_err(|error| TrustError::Pem(format!("client key: {error:?}")))?;
        Ok(Self { chain, key })
    }
}

impl Trust {
    /// Trusts the system's roots: `SSL_CERT_FILE`, `SSL_CERT_DIR`, or where distributions keep them.
    ///
    /// # Errors
    /// When there are none.
    pub fn system(place: Place) -> Result<Self, TrustError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(TrustError::NoRoots);
        }
        Self::new(roots, None, place)
    }

    /// Trusts the certificates of a PEM text, and nobody else.
    ///
    /// # Errors
    /// When it holds no certificate that can be used.
    pub fn pem(pem: &[u8], place: Place) -> Result<Self, TrustError> {
        // Go skips what it cannot read, as long as something is left.
        let certificates = CertificateDer::pem_slice_iter(pem)
            .take(MAX_ROOTS)
            .filter_map(Result::ok)
            .collect();
        Self::authorities(certificates, None, place)
    }

    /// Trusts these certificates and nobody else; perhaps presents a client certificate itself.
    ///
    /// # Errors
    /// When none of them can be used.
    pub fn authorities(
        certificates: Vec<CertificateDer<'static>>,
        identity: Option<Identity>,
        place: Place,
    ) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        if roots.is_empty() {
            return Err(TrustError::Pem(
                "holds no certificate that can be used".to_owned(),
            ));
        }
        Ok(Self {
            pinned: certificates.into(),
            ..Self::new(roots, identity, place)?
        })
    }

    fn new(
        roots: RootCertStore,
        identity: Option<Identity>,
        place: Place,
    ) -> Result<Self, TrustError> {
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
        let names = roots
            .roots
            .iter()
            .map(|root| root.subject.to_vec())
            .collect();
        let roots = Arc::new(roots);
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .build()
                .map_err(|error| TrustError::Pem(error.to_string()))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key }) => builder.with_client_auth_cert(chain, key)?,
        };
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config,
            verifier,
            roots: names,
            pinned: Arc::default(),
            place,
        })
    }
}

/// Verifies as rustls does, and keeps what was presented.
#[derive(Debug)]
struct Witness {
    verifier: Arc<WebPkiServerVerifier>,
    /// A leaf that is one of these itself is a self-signed server's.
    pinned: Arc<[CertificateDer<'static>]>,
    trail: Trail,
    seen: Mutex<Option<Certificate>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let size = end_entity.len()
            + intermediates
                .iter()
                .map(|certificate| certificate.len())
                .sum::<usize>();
        if size > MAX_CHAIN {
            return Err(rustls::Error::General(format!(
                "certificate chain of {size} bytes, more than {MAX_CHAIN}"
            )));
        }
        if let Some(certificate) = Certificate::read(end_entity, intermediates) {
            self.trail.note_not_after(certificate.not_after);
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(certificate);
        }
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(rustls::Error::InvalidCertificate(problem))
                if certificate_mode(&problem) == FailureMode::TlsUnknownAuthority
                    && self.pinned.contains(end_entity) =>
            {
                self.verify_pinned(end_entity, server_name, now)
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

impl Witness {
    /// Go accepts a given certificate that the server presents itself, as long as its dates and names fit.
    fn verify_pinned(
        &self,
        end_entity: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let seen = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        match seen {
            Some(seen) if now > seen.not_after => Err(CertificateError::Expired.into()),
            Some(seen) if now < seen.not_before => Err(CertificateError::NotValidYet.into()),
            _ => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
        }
    }
}

/// Shakes hands; nothing is sent on a connection whose certificate did not verify.
///
/// # Errors
/// A mode `tls_*` with the presented certificate as evidence, or `net_reset`.
pub async fn handshake(
    transport: Counted<Transport>,
    received: Received,
    trust: &Trust,
    name: &str,
    trail: &Trail,
) -> Result<(Transport, Option<Certificate>), Stop> {
    let witness = Arc::new(Witness {
        verifier: Arc::clone(&trust.verifier),
        pinned: Arc::clone(&trust.pinned),
        trail: trail.clone(),
        seen: Mutex::default(),
    });
    let mut config = trust.config.clone();
    config
        .dangerous()
        .set_certificate_verifier(Arc::<Witness>::clone(&witness));
    let server_name = match name.parse::<IpAddr>() {
        Ok(address) => ServerName::IpAddress(address.into()),
        Err(_) => ServerName::try_from(name.to_owned()).map_err(|_| {
            Stop::failed(
                FailureMode::TlsHostnameMismatch,
                format!("{name} is not a name that a certificate can bear"),
            )
        })?,
    };
    let shaken = TlsConnector::from(Arc::new(config))
        .connect(server_name, transport)
        .await;
    let seen = witness
        .seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match shaken {
        Ok(stream) => Ok((Transport::Tls(Box::new(stream)), seen)),
        Err(error) => {
            let mode = diagnose(&error, seen.as_ref(), trust);
            let evidence = describe(
                &error,
                mode,
                seen.as_ref(),
                name,
                &received.opening(),
                received.bytes(),
            );
            Err(Stop {
                finding: Finding::new(mode, evidence),
                ended: Ended::Failed,
            })
        }
    }
}

/// What an error of the handshake means.
fn diagnose(error: &io::Error, seen: Option<&Certificate>, trust: &Trust) -> FailureMode {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        Some(rustls::Error::InvalidCertificate(problem)) => match certificate_mode(problem) {
            FailureMode::TlsUnknownAuthority
                if seen.is_some_and(|seen| intercepted(seen, trust)) =>
            {
                FailureMode::TlsIntercepted
            }
            mode => mode,
        },
        Some(_) => FailureMode::TlsProtocol,
        None => FailureMode::NetReset,
    }
}

fn certificate_mode(problem: &CertificateError) -> FailureMode {
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            FailureMode::TlsExpired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            FailureMode::TlsNotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            FailureMode::TlsHostnameMismatch
        }
        CertificateError::BadEncoding | CertificateError::UnhandledCriticalExtension => {
            FailureMode::TlsProtocol
        }
        // A CA of the same name with another key shows as a bad signature; the rest is a chain that leads nowhere.
        _ => FailureMode::TlsUnknownAuthority,
    }
}

/// Whether somebody in between made the certificate: he says so, or he sent a root along that nobody knows.
///
/// A leaf alone proves nothing: a server that forgets its intermediate looks the same.
fn intercepted(seen: &Certificate, trust: &Trust) -> bool {
    let known = trust
        .roots
        .iter()
        .any(|root| seen.top_issuer.ends_with(root));
    seen.names_an_inspector()
        || (trust.place == Place::Public && seen.brings_root && !known && !is_public(seen))
}

/// Whether the issuer bears the name of an authority that the system knows, although it is not the configured one.
fn is_public(seen: &Certificate) -> bool {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
        .roots
        .iter()
        .any(|root| seen.top_issuer.ends_with(&root.subject))
}

fn describe(
    error: &io::Error,
    mode: FailureMode,
    seen: Option<&Certificate>,
    name: &str,
    opening: &[u8],
    received: u64,
) -> String {
    let certificate = seen.map_or_else(String::new, |seen| format!(": {}", seen.describe()));
    match mode {
        FailureMode::TlsExpired => format!("the certificate has expired{certificate}"),
        FailureMode::TlsNotYetValid => {
            format!("the certificate is not valid yet by this clock{certificate}")
        }
        FailureMode::TlsHostnameMismatch => {
            let names = seen.map_or_else(String::new, |seen| seen.names.join(", "));
            format!("the certificate is for [{names}], not for {name}{certificate}")
        }
        FailureMode::TlsUnknownAuthority => {
            format!("no configured authority vouches for it ({error}){certificate}")
        }
        FailureMode::TlsIntercepted => {
            format!("an unknown authority stands in for the expected one{certificate}")
        }
        FailureMode::NetReset if received == 0 => {
            format!(
                "the connection was closed right after the TLS greeting, before any answer ({error})"
            )
        }
        FailureMode::NetReset => {
            format!("the connection was closed in the handshake after {received} bytes ({error})")
        }
        _ if opening.starts_with(b"HTTP/") => {
            format!(
                "it answers plain HTTP on this port, not TLS: {}",
                quote(first_line(opening))
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

/// The finding when the time for the handshake was up.
pub fn hung(target: &str, received: u64, limit: Duration) -> Finding {
    let hint = if received == 0 {
        "not one byte came back: an overloaded or dead server, or something on the way that only pretends to accept"
            .to_owned()
    } else {
        format!(
            "only {received} bytes came back: a path that drops large packets (MTU) looks like this"
        )
    };
    Finding::new(
        FailureMode::TlsHandshakeTimeout,
        format!(
            "{target} accepted the connection but the TLS handshake did not finish within {limit:?}; {hint}"
        ),
    )
}
