//! Certificate verification that records the presented certificate.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::rustls;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};

use super::trust::Trust;
use crate::catalogue::FailureMode;
use crate::net::Certificate;
use crate::report::PhaseTimer;

/// Largest certificate chain that is verified, in bytes.
const MAX_CHAIN_BYTES: usize = 32 * 1024;

/// Verifies as rustls does, and records the presented certificate.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    verifier: Arc<WebPkiServerVerifier>,
    pinned: Arc<[CertificateDer<'static>]>,
    timer: PhaseTimer,
    presented: Mutex<Option<Certificate>>,
}

impl RecordingVerifier {
    pub(super) fn new(trust: &Trust, timer: &PhaseTimer) -> Self {
        Self {
            verifier: Arc::clone(&trust.verifier),
            pinned: Arc::clone(&trust.pinned),
            timer: timer.clone(),
            presented: Mutex::default(),
        }
    }

    /// Takes the certificate that the server presented.
    pub(super) fn take_presented(&self) -> Option<Certificate> {
        self.presented
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Verifies name and validity of a pinned certificate, as Go does for a configured one that the
    /// server presents.
    fn verify_pinned(
        &self,
        end_entity: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let presented = self
            .presented
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        match presented {
            Some(certificate) if now > certificate.not_after => {
                Err(CertificateError::Expired.into())
            }
            Some(certificate) if now < certificate.not_before => {
                Err(CertificateError::NotValidYet.into())
            }
            _ => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
        }
    }
}

impl ServerCertVerifier for RecordingVerifier {
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
        if size > MAX_CHAIN_BYTES {
            return Err(rustls::Error::General(format!(
                "certificate chain of {size} bytes exceeds the limit of {MAX_CHAIN_BYTES}"
            )));
        }
        if let Some(certificate) = Certificate::parse(end_entity, intermediates) {
            self.timer.record_not_after(certificate.not_after);
            *self
                .presented
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(certificate);
        }
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(rustls::Error::InvalidCertificate(error))
                if certificate_mode(&error) == FailureMode::TlsUnknownAuthority
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

/// Returns the failure mode of a certificate that was rejected.
pub(super) fn certificate_mode(error: &CertificateError) -> FailureMode {
    match error {
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
        // A CA with the same name and another key shows as a bad signature.
        _ => FailureMode::TlsUnknownAuthority,
    }
}
