//! Trusted root certificates and the client certificate.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls;
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedCipherSuite};

use crate::net::tls::chain_signatures;
use crate::own_resources;

/// Number of certificates that are read of one PEM bundle.
const MAX_ROOTS: usize = 2048;

/// Size of the largest file that `SSL_CERT_FILE` may name.
const MAX_BUNDLE_BYTES: u64 = 16 << 20;

/// Trusted root certificates, and the client certificate to present.
#[derive(Debug)]
pub struct Trust {
    pub(super) config: ClientConfig,
    pub(super) verifier: Arc<WebPkiServerVerifier>,
    /// Subjects of the roots, DER-encoded.
    pub(super) root_subjects: Vec<Vec<u8>>,
    /// The configured certificates, one of which a self-signed server may present itself.
    pub(super) pinned: Arc<[CertificateDer<'static>]>,
    pub(super) scope: PkiScope,
    roots: Arc<RootCertStore>,
}

/// The kind of CA that is expected at a target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PkiScope {
    /// A public name: an unknown CA is a TLS-inspecting proxy.
    Public,
    /// A cluster with a private CA.
    Cluster,
}

/// A client certificate with its key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// The reason why root certificates or a client certificate cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TrustError {
    /// The system has no root certificates.
    #[error("no CA certificates found on this system; set SSL_CERT_FILE or mount a CA bundle")]
    NoRoots,
    /// The PEM text is invalid.
    #[error("{0}")]
    Pem(String),
    /// rustls rejects the settings.
    #[error("{0}")]
    Rustls(#[from] rustls::Error),
}

impl Identity {
    /// Parses a client certificate and its key.
    ///
    /// # Errors
    /// If either is not PEM.
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
    /// Trusts the system's roots: `SSL_CERT_FILE`, `SSL_CERT_DIR`, or the paths of the
    /// distributions.
    ///
    /// # Errors
    /// If the system has none.
    pub fn system(scope: PkiScope) -> Result<Self, TrustError> {
        let roots = system_roots();
        if roots.is_empty() {
            return Err(TrustError::NoRoots);
        }
        Self::new(Arc::new(roots), None, scope)
    }

    /// Returns the same trust without a client certificate, or `None` if it has none.
    ///
    /// # Errors
    /// If rustls rejects the settings.
    pub fn without_identity(&self) -> Result<Option<Self>, TrustError> {
        if !self.config.client_auth_cert_resolver.has_certs() {
            return Ok(None);
        }
        Ok(Some(Self {
            pinned: Arc::clone(&self.pinned),
            ..Self::new(Arc::clone(&self.roots), None, self.scope)?
        }))
    }

    /// Trusts only the certificates of a PEM bundle.
    ///
    /// # Errors
    /// If it contains no valid certificate.
    pub fn pem(pem: &[u8], scope: PkiScope) -> Result<Self, TrustError> {
        // Go skips invalid certificates as long as one is valid.
        let certificates = CertificateDer::pem_slice_iter(pem)
            .take(MAX_ROOTS)
            .filter_map(Result::ok)
            .collect();
        Self::authorities(certificates, None, scope)
    }

    /// Trusts only these certificates, and presents a client certificate if one is given.
    ///
    /// # Errors
    /// If none of the certificates is valid.
    pub fn authorities(
        certificates: Vec<CertificateDer<'static>>,
        identity: Option<Identity>,
        scope: PkiScope,
    ) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        if roots.is_empty() {
            return Err(TrustError::Pem("contains no valid certificate".to_owned()));
        }
        Ok(Self {
            pinned: certificates.into(),
            ..Self::new(Arc::new(roots), identity, scope)?
        })
    }

    fn new(
        roots: Arc<RootCertStore>,
        identity: Option<Identity>,
        scope: PkiScope,
    ) -> Result<Self, TrustError> {
        let provider = Arc::new(provider());
        let root_subjects = roots
            .roots
            .iter()
            .map(|root| root.subject.to_vec())
            .collect();
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .build()
                .map_err(|error| TrustError::Pem(error.to_string()))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&roots));
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key }) => builder.with_client_auth_cert(chain, key)?,
        };
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config,
            verifier,
            root_subjects,
            pinned: Arc::default(),
            scope,
            roots,
        })
    }
}

/// Returns the cryptography with the cipher suites in the order of the agent, a Go program: AES-128
/// first (Go, `crypto/tls`, `defaultCipherSuitesTLS13`). Its SHA-256 costs less than SHA-384. Each
/// signature of a certificate chain is verified once.
fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    let is_aes_128 = |suite: &SupportedCipherSuite| {
        let name = suite.suite().as_str();
        name.is_some_and(|name| name.contains("AES_128"))
    };
    provider
        .cipher_suites
        .sort_by_key(|suite| !is_aes_128(suite));
    provider.signature_verification_algorithms.all = chain_signatures::algorithms();
    provider
}

/// Reads the system's root certificates, which may be none.
pub(super) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    if std::env::var_os("SSL_CERT_FILE").is_none_or(|path| is_ca_bundle(Path::new(&path))) {
        let loaded = rustls_native_certs::load_native_certs();
        for error in &loaded.errors {
            if let rustls_native_certs::ErrorKind::Io { inner, .. } = &error.kind {
                own_resources::note(inner);
            }
        }
        roots.add_parsable_certificates(loaded.certs);
    }
    roots
}

/// Returns whether `rustls-native-certs`, which reads the whole file, can read it in bounded time.
fn is_ca_bundle(path: &Path) -> bool {
    // The crate skips a missing file.
    fs::metadata(path).map_or(true, |file| {
        file.is_file() && file.len() <= MAX_BUNDLE_BYTES
    })
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::CipherSuite;
    use tokio_rustls::rustls::pki_types::SignatureVerificationAlgorithm;

    use super::*;

    #[test]
    fn chain_signatures_are_verified_once_and_handshake_signatures_always() {
        let algorithms = provider().signature_verification_algorithms;
        let once = |one: &&dyn SignatureVerificationAlgorithm| {
            format!("{one:?}").starts_with("VerifyOnce")
        };
        assert!(algorithms.all.iter().all(once));
        let of_ring = ring::default_provider().signature_verification_algorithms;
        assert_eq!(algorithms.all.len(), of_ring.all.len());
        let mut of_handshakes = algorithms.mapping.iter().flat_map(|(_, all)| *all);
        assert!(!of_handshakes.any(once));
    }

    #[test]
    fn cipher_suites_are_offered_in_the_order_of_the_agent() {
        let suites = provider().cipher_suites;
        let at = |suite| suites.iter().position(|of| of.suite() == suite).unwrap();
        assert_eq!(at(CipherSuite::TLS13_AES_128_GCM_SHA256), 0);
        assert!(
            at(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
                < at(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)
        );
        assert_eq!(suites.len(), ring::default_provider().cipher_suites.len());
    }
}
