//! Certificate authorities made at run time, and every kind of bad certificate.

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

/// The authorities of one pretend world; cheap to clone.
#[derive(Clone)]
pub struct Pki {
    authorities: Arc<Authorities>,
}

/// What a server shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Certificate {
    /// Signed by the authority, for the right names, valid since yesterday and for a year.
    Good,
    /// Its time ended yesterday.
    Expired,
    /// Its time begins tomorrow.
    NotYetValid,
    /// Valid for so much longer.
    ExpiresIn(Duration),
    /// For `elsewhere.example` and 192.0.2.1.
    OtherName,
    /// For the right DNS names, without any address.
    NoAddress,
    /// Signed by "Example Corp TLS Inspection CA".
    Intercepted,
    /// Signed by an authority that has the right name and another key.
    ForeignCa,
    /// Signed by itself.
    SelfSigned,
    /// Signed by an intermediate authority that is not sent along.
    Incomplete,
    /// A chain of more than 32 KiB.
    Huge,
    /// Foreign, with escape sequences, line feeds and markup in its names.
    Hostile,
}

/// A chain, leaf first, and the leaf's key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

struct Authorities {
    trusted: Authority,
    intermediate: Authority,
    same_name: Authority,
    inspection: Authority,
    hostile: Authority,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// What the hostile certificate calls itself and its issuer.
pub const HOSTILE_NAME: &str =
    "\u{1b}[31mroot\u{1b}[0m\r\nlevel=error msg=\"forged\"\n<script>alert(1)</script>";

/// The organisation of the inspecting authority.
pub const INSPECTION_ORGANISATION: &str = "Example Corp";

const DAY: Duration = Duration::from_hours(24);

// === impl Pki ===

impl Pki {
    /// Makes the authorities; `name` becomes the common name of the trusted one.
    ///
    /// # Panics
    ///
    /// If the system has no random numbers.
    pub fn new(name: &str) -> Self {
        let trusted = root(&subject(name, None));
        let intermediate = CertifiedIssuer::signed_by(
            authority(&subject("Lab Intermediate", None)),
            new_key(),
            &trusted,
        )
        .expect("the parameters are valid");
        let authorities = Authorities {
            intermediate,
            same_name: root(&subject(name, None)),
            inspection: root(&subject(
                "Example Corp TLS Inspection CA",
                Some(INSPECTION_ORGANISATION),
            )),
            hostile: root(&subject(&format!("{HOSTILE_NAME} CA"), Some(HOSTILE_NAME))),
            trusted,
        };
        Self {
            authorities: Arc::new(authorities),
        }
    }

    /// The certificate of the trusted authority.
    pub fn ca_pem(&self) -> String {
        self.authorities.trusted.pem()
    }

    /// The certificate of the inspecting authority, for those who install it.
    pub fn inspection_ca_pem(&self) -> String {
        self.authorities.inspection.pem()
    }

    /// Issues a certificate for these DNS names and addresses.
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn issue(&self, kind: Certificate, names: &[String]) -> Identity {
        let now = OffsetDateTime::now_utc();
        let mut leaf = leaf(kind, names);
        (leaf.not_before, leaf.not_after) = match kind {
            Certificate::Expired => (now - 30 * DAY, now - DAY),
            Certificate::NotYetValid => (now + DAY, now + 30 * DAY),
            Certificate::ExpiresIn(remaining) => (now - 30 * DAY, now + remaining),
            _ => (now - DAY, now + 365 * DAY),
        };
        let key = new_key();
        let authorities = &self.authorities;
        let issuer = match kind {
            Certificate::Intercepted => &authorities.inspection,
            Certificate::ForeignCa => &authorities.same_name,
            Certificate::Hostile => &authorities.hostile,
            Certificate::Incomplete => &authorities.intermediate,
            _ => &authorities.trusted,
        };
        let certificate = match kind {
            Certificate::SelfSigned => leaf.self_signed(&key),
            _ => leaf.signed_by(&key, issuer),
        }
        .expect("the parameters are valid");
        let mut chain = vec![certificate.der().clone()];
        match kind {
            Certificate::SelfSigned | Certificate::Incomplete => {}
            Certificate::Huge => chain.extend((0..3).map(|_| bulky())),
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
    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// TLS 1.2 and 1.3, HTTP/1.1, no client certificates.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("rcgen writes PKCS#8");
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions")
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)
            .expect("the key belongs to the certificate");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("the system has random numbers")
}

fn subject(common_name: &str, organisation: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if let Some(organisation) = organisation {
        name.push(DnType::OrganizationName, organisation);
    }
    name.push(DnType::CommonName, common_name);
    name
}

fn authority(name: &DistinguishedName) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.not_before = now - 400 * DAY;
    params.not_after = now + 3650 * DAY;
    params.distinguished_name = name.clone();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn root(name: &DistinguishedName) -> Authority {
    CertifiedIssuer::self_signed(authority(name), new_key()).expect("the parameters are valid")
}

fn leaf(kind: Certificate, names: &[String]) -> CertificateParams {
    let elsewhere = ["elsewhere.example".to_owned(), "192.0.2.1".to_owned()];
    let names: Vec<String> = match kind {
        Certificate::OtherName => elsewhere.to_vec(),
        Certificate::NoAddress => names
            .iter()
            .filter(|name| name.parse::<std::net::IpAddr>().is_err())
            .cloned()
            .collect(),
        _ => names.to_vec(),
    };
    let common_name = if kind == Certificate::Hostile {
        HOSTILE_NAME
    } else {
        names.first().map_or("lab", |name| name)
    };
    let distinguished_name = subject(
        common_name,
        (kind == Certificate::Hostile).then_some(HOSTILE_NAME),
    );
    let mut params = CertificateParams::new(names).expect("the names are ASCII");
    params.distinguished_name = distinguished_name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

/// A certificate of 15 KiB, so that three of them pass 32 KiB and stay below what a TLS message may hold.
fn bulky() -> CertificateDer<'static> {
    let mut params = authority(&subject("Lab Bulky Intermediate", None));
    let mut octets = vec![0x04, 0x82, 0x3a, 0x00];
    octets.resize(4 + 0x3a00, 0x2a);
    params.custom_extensions = vec![CustomExtension::from_oid_content(
        &[1, 3, 6, 1, 4, 1, 55_555, 1],
        octets,
    )];
    params
        .self_signed(&new_key())
        .expect("the parameters are valid")
        .der()
        .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_chain_passes_32_kib_and_fits_a_handshake_message() {
        let identity = Pki::new("lab").issue(Certificate::Huge, &["a.example".to_owned()]);
        let size: usize = identity
            .chain()
            .iter()
            .map(|certificate| certificate.len())
            .sum();
        assert!((32 * 1024..60 * 1024).contains(&size), "{size}");
    }
}
