//! Client authentication: `client_auth_type`, `client_ca_file`, `client_allowed_sans`.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::config_error::ConfigErrors;
use crate::config::exporter::file::File;
use crate::config::exporter::web::pem::{Pem, name};
use crate::config::sourced_value::InvalidValue;
use crate::config::values::word;

/// The certificate that a client must present.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ClientAuth {
    /// Nothing.
    None,
    /// Any certificate, optional.
    Request,
    /// Any certificate.
    RequireAny,
    /// A certificate of a trusted authority, optional.
    VerifyIfGiven,
    /// A certificate of a trusted authority.
    RequireAndVerify,
}

const TYPES: &[(&str, ClientAuth)] = &[
    ("NoClientCert", ClientAuth::None),
    ("RequestClientCert", ClientAuth::Request),
    ("RequireClientCert", ClientAuth::RequireAny),
    ("RequireAnyClientCert", ClientAuth::RequireAny),
    ("VerifyClientCertIfGiven", ClientAuth::VerifyIfGiven),
    ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerify),
];

/// Builds the verifier of client certificates; `None` if a setting is invalid.
pub(super) fn verifier(
    file: &File,
    authorities: Option<&Pem>,
    provider: &Arc<CryptoProvider>,
    problems: &mut ConfigErrors,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let auth = match file
        .one(&name("client_auth_type"))
        .filter(|written| !written.value.is_empty())
    {
        Some(written) => written.noting(problems, |text| word(text, TYPES))?,
        None => ClientAuth::None,
    };
    let verifies = matches!(
        auth,
        ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify
    );
    if let (Some(pem), ClientAuth::None) = (authorities, auth) {
        let wrong = InvalidValue::new(
            "lists authorities, but client_auth_type requests no certificate",
            "set client_auth_type",
        );
        problems.0.push(pem.written.problem(wrong));
    }
    if verifies && authorities.is_none() {
        let wrong = InvalidValue::new(
            "verifies certificates, but no authority is configured",
            "add client_ca_file",
        );
        problems.0.extend(
            file.one(&name("client_auth_type"))
                .map(|written| written.problem(wrong)),
        );
        return None;
    }
    let inner: Arc<dyn ClientCertVerifier> = match (auth, authorities) {
        (ClientAuth::None, _) => WebPkiClientVerifier::no_client_auth(),
        (ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify, Some(pem)) => {
            let roots = pem.written.noting(problems, |_| roots(&pem.text))?;
            let builder =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            let builder = if auth == ClientAuth::VerifyIfGiven {
                builder.allow_unauthenticated()
            } else {
                builder
            };
            pem.written.noting(problems, |_| {
                builder.build().map_err(|error| {
                    InvalidValue::new(
                        format!("cannot be used: {error}"),
                        "certificates of authorities in PEM",
                    )
                })
            })?
        }
        _ => Arc::new(Unverified {
            mandatory: auth == ClientAuth::RequireAny,
            provider: Arc::clone(provider),
        }),
    };
    let Some(sans) = file.many(&name("client_allowed_sans")) else {
        return Some(inner);
    };
    if !matches!(auth, ClientAuth::RequireAny | ClientAuth::RequireAndVerify) {
        let right = "client_auth_type RequireAnyClientCert or RequireAndVerifyClientCert";
        let wrong = InvalidValue::new("requires clients to present a certificate", right);
        problems
            .0
            .extend(sans.first().map(|written| written.problem(wrong)));
        return None;
    }
    Some(Arc::new(Named {
        inner,
        allowed: sans.iter().map(|written| written.value.clone()).collect(),
    }))
}

fn roots(text: &str) -> Result<RootCertStore, InvalidValue> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(
        CertificateDer::pem_slice_iter(text.as_bytes()).filter_map(Result::ok),
    );
    if roots.is_empty() {
        Err(InvalidValue::new(
            "contains no certificate",
            "certificates of authorities in PEM",
        ))
    } else {
        Ok(roots)
    }
}

/// Accepts any certificate if the client holds its key.
#[derive(Debug)]
struct Unverified {
    mandatory: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Unverified {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Accepts what another verifier accepts if one of the certificate's names is allowed.
#[derive(Debug)]
struct Named {
    inner: Arc<dyn ClientCertVerifier>,
    allowed: Vec<String>,
}

impl Named {
    fn allows(&self, leaf: &CertificateDer<'_>) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(leaf) else {
            return false;
        };
        let Ok(Some(extension)) = certificate.subject_alternative_name() else {
            return false;
        };
        extension.value.general_names.iter().any(|name| {
            let name = match name {
                GeneralName::DNSName(name)
                | GeneralName::RFC822Name(name)
                | GeneralName::URI(name) => (*name).to_owned(),
                GeneralName::IPAddress(bytes) => match address(bytes) {
                    Some(address) => address.to_string(),
                    None => return false,
                },
                _ => return false,
            };
            self.allowed.contains(&name)
        })
    }
}

fn address(bytes: &[u8]) -> Option<std::net::IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from))
        .ok()
}

impl ClientCertVerifier for Named {
    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.inner.verify_client_cert(leaf, intermediates, now)?;
        if self.allows(leaf) {
            return Ok(verified);
        }
        Err(Error::InvalidCertificate(
            CertificateError::ApplicationVerificationFailure,
        ))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
