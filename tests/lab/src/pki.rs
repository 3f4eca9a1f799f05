//! Certificate authorities created at run time, and every kind of bad certificate.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use time::OffsetDateTime;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A set of certificate authorities; cheap to clone.
#[derive(Clone)]
pub struct Pki {
    authorities: Arc<CertificateAuthorities>,
}

/// A valid certificate, or one of several bad ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CertificateKind {
    /// Signed by the trusted CA for the right names, valid from yesterday for a year.
    Valid,
    /// Expired yesterday.
    Expired,
    /// Valid from tomorrow.
    NotYetValid,
    /// Expires after this duration.
    ExpiresIn(Duration),
    /// For `elsewhere.example` and 192.0.2.1.
    WrongName,
    /// For the right DNS names, without IP SANs.
    NoIpSan,
    /// Signed by "Example Corp TLS Inspection CA".
    Intercepted,
    /// Signed by a CA with the same name as the trusted one but another key.
    ForeignCa,
    /// Self-signed.
    SelfSigned,
    /// Signed by an intermediate CA that is missing from the chain.
    MissingIntermediate,
    /// With a chain of more than 32 KiB.
    Huge,
    /// Signed by an untrusted CA, with escape sequences, line feeds and markup in its names.
    Hostile,
}

/// A certificate chain, leaf first, and the leaf's key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

struct CertificateAuthorities {
    trusted: CertificateAuthority,
    intermediate: CertificateAuthority,
    lookalike: CertificateAuthority,
    inspection: CertificateAuthority,
    hostile: CertificateAuthority,
}

type CertificateAuthority = CertifiedIssuer<'static, KeyPair>;

/// Subject and issuer name of the hostile certificate.
pub const HOSTILE_NAME: &str =
    "\u{1b}[31mroot\u{1b}[0m\r\nlevel=error msg=\"forged\"\n<script>alert(1)</script>";

/// Organisation of the TLS-inspecting CA.
pub const INSPECTION_ORGANISATION: &str = "Example Corp";

const DAY: Duration = Duration::from_hours(24);

// === impl Pki ===

impl Pki {
    /// Creates the authorities. `name` is the common name of the trusted one.
    ///
    /// # Panics
    ///
    /// If the system's random number generator fails.
    pub fn new(name: &str) -> Self {
        let trusted = root_ca(&subject(name, None));
        let intermediate = CertifiedIssuer::signed_by(
            ca_params(&subject("Lab Intermediate", None)),
            new_key(),
            &trusted,
        )
        .expect("valid parameters");
        let authorities = CertificateAuthorities {
            intermediate,
            lookalike: root_ca(&subject(name, None)),
            inspection: root_ca(&subject(
                "Example Corp TLS Inspection CA",
                Some(INSPECTION_ORGANISATION),
            )),
            hostile: root_ca(&subject(&format!("{HOSTILE_NAME} CA"), Some(HOSTILE_NAME))),
            trusted,
        };
        Self {
            authorities: Arc::new(authorities),
        }
    }

    /// Returns the certificate of the trusted CA.
    pub fn ca_pem(&self) -> String {
        self.authorities.trusted.pem()
    }

    /// Returns the certificate of the TLS-inspecting CA, for clients that install it.
    pub fn inspection_ca_pem(&self) -> String {
        self.authorities.inspection.pem()
    }

    /// Issues a certificate for these DNS names and IP addresses.
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn issue(&self, kind: CertificateKind, names: &[String]) -> Identity {
        let now = OffsetDateTime::now_utc();
        let mut leaf = leaf_params(kind, names);
        (leaf.not_before, leaf.not_after) = match kind {
            CertificateKind::Expired => (now - 30 * DAY, now - DAY),
            CertificateKind::NotYetValid => (now + DAY, now + 30 * DAY),
            CertificateKind::ExpiresIn(remaining) => (now - 30 * DAY, now + remaining),
            _ => (now - DAY, now + 365 * DAY),
        };
        let key = new_key();
        let authorities = &self.authorities;
        let issuer = match kind {
            CertificateKind::Intercepted => &authorities.inspection,
            CertificateKind::ForeignCa => &authorities.lookalike,
            CertificateKind::Hostile => &authorities.hostile,
            CertificateKind::MissingIntermediate => &authorities.intermediate,
            _ => &authorities.trusted,
        };
        let certificate = match kind {
            CertificateKind::SelfSigned => leaf.self_signed(&key),
            _ => leaf.signed_by(&key, issuer),
        }
        .expect("valid parameters");
        let mut chain = vec![certificate.der().clone()];
        match kind {
            CertificateKind::SelfSigned | CertificateKind::MissingIntermediate => {}
            CertificateKind::Huge => chain.extend((0..3).map(|_| bulky_certificate())),
            _ => chain.push(issuer.der().clone()),
        }
        Identity { chain, key }
    }
}

impl fmt::Debug for Pki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pki").finish_non_exhaustive()
    }
}

// === impl Identity ===

impl Identity {
    /// Returns the certificate chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Returns a configuration for TLS 1.2 and 1.3 and HTTP/1.1, without client certificates.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der())
            .expect("rcgen serializes keys as PKCS#8");
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring supports the default versions")
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)
            .expect("key matches the certificate");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("random number generator works")
}

fn subject(common_name: &str, organisation: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if let Some(organisation) = organisation {
        name.push(DnType::OrganizationName, organisation);
    }
    name.push(DnType::CommonName, common_name);
    name
}

fn ca_params(name: &DistinguishedName) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.not_before = now - 400 * DAY;
    params.not_after = now + 3650 * DAY;
    params.distinguished_name = name.clone();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn root_ca(name: &DistinguishedName) -> CertificateAuthority {
    CertifiedIssuer::self_signed(ca_params(name), new_key()).expect("valid parameters")
}

fn leaf_params(kind: CertificateKind, names: &[String]) -> CertificateParams {
    let elsewhere = ["elsewhere.example".to_owned(), "192.0.2.1".to_owned()];
    let names: Vec<String> = match kind {
        CertificateKind::WrongName => elsewhere.to_vec(),
        CertificateKind::NoIpSan => names
            .iter()
            .filter(|name| name.parse::<std::net::IpAddr>().is_err())
            .cloned()
            .collect(),
        _ => names.to_vec(),
    };
    let common_name = if kind == CertificateKind::Hostile {
        HOSTILE_NAME
    } else {
        names.first().map_or("lab", |name| name)
    };
    let distinguished_name = subject(
        common_name,
        (kind == CertificateKind::Hostile).then_some(HOSTILE_NAME),
    );
    let mut params = CertificateParams::new(names).expect("names are ASCII");
    params.distinguished_name = distinguished_name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

/// Creates a certificate of 15 KiB: three of them exceed 32 KiB and still fit a TLS message.
fn bulky_certificate() -> CertificateDer<'static> {
    let mut params = ca_params(&subject("Lab Bulky Intermediate", None));
    let mut octets = vec![0x04, 0x82, 0x3a, 0x00];
    octets.resize(4 + 0x3a00, 0x2a);
    params.custom_extensions = vec![CustomExtension::from_oid_content(
        &[1, 3, 6, 1, 4, 1, 55_555, 1],
        octets,
    )];
    params
        .self_signed(&new_key())
        .expect("valid parameters")
        .der()
        .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_chain_exceeds_32_kib_and_fits_a_handshake_message() {
        let identity = Pki::new("lab").issue(CertificateKind::Huge, &["a.example".to_owned()]);
        let size: usize = identity
            .chain()
            .iter()
            .map(|certificate| certificate.len())
            .sum();
        assert!((32 * 1024..60 * 1024).contains(&size), "{size}");
    }
}
