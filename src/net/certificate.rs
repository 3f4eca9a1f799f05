//! The certificate that a server presented, as evidence: whether or not it was accepted.

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::report::evidence::single_line;

/// The most names of a certificate that are quoted.
const MAX_NAMES: usize = 8;
/// The most of one name that is quoted, in characters.
const MAX_NAME: usize = 100;

/// Organisations whose products break TLS open on the way, as they name themselves in the certificates they make.
const INSPECTORS: &[&str] = &[
    "zscaler",
    "netskope",
    "palo alto",
    "fortinet",
    "fortigate",
    "bluecoat",
    "blue coat",
    "symantec web",
    "forcepoint",
    "websense",
    "cisco umbrella",
    "mcafee web",
    "skyhigh",
    "sophos",
    "check point",
    "checkpoint",
    "squid",
    "mitmproxy",
    "charles proxy",
    "cato networks",
    "iboss",
    "barracuda",
    "watchguard",
    "sonicwall",
    "menlo security",
    "ssl inspection",
    "tls inspection",
    "ssl proxy",
    "ssl decrypt",
];

/// What a presented leaf certificate says of itself, safe to show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// Whom it was made for.
    pub subject: String,
    /// Who made it.
    pub issuer: String,
    /// Names and addresses that it is valid for, the first few.
    pub names: Vec<String>,
    /// When it begins, in seconds since 1970.
    pub not_before: i64,
    /// When it ends, in seconds since 1970.
    pub not_after: i64,
    /// The issuer of the last certificate of the chain, as it is encoded.
    pub top_issuer: Vec<u8>,
    /// Whether the chain ends in an authority that vouches for itself: a root that was sent along.
    pub brings_root: bool,
}

impl Certificate {
    /// Reads the presented chain; `None` when the leaf is not X.509.
    pub fn read(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
        let top = intermediates
            .last()
            .and_then(|last| X509Certificate::from_der(last).ok());
        let brings_root = top
            .as_ref()
            .is_some_and(|(_, top)| top.subject().as_raw() == top.issuer().as_raw());
        let top_issuer = top.as_ref().map_or_else(
            || parsed.issuer().as_raw(),
            |(_, top)| top.issuer().as_raw(),
        );
        Some(Self {
            subject: shown(&parsed.subject().to_string()),
            issuer: shown(&parsed.issuer().to_string()),
            names: names(&parsed),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            top_issuer: top_issuer.to_vec(),
            brings_root,
        })
    }

    /// Whether the issuer gives itself away as a product that breaks TLS open.
    pub fn names_an_inspector(&self) -> bool {
        let issuer = self.issuer.to_ascii_lowercase();
        INSPECTORS.iter().any(|name| issuer.contains(name))
    }

    /// Subject, issuer and dates in words.
    pub fn describe(&self) -> String {
        format!(
            "certificate for {} issued by {}, valid from {} to {}",
            if self.names.is_empty() {
                &self.subject
            } else {
                self.names.first().unwrap_or(&self.subject)
            },
            self.issuer,
            date(self.not_before),
            date(self.not_after)
        )
    }
}

/// A moment as people read it: RFC 3339, UTC.
pub fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| format!("{seconds} s after 1970"),
        |time| time.to_string(),
    )
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(shown(name)),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .take(MAX_NAMES)
        .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| std::net::Ipv4Addr::from(octets).to_string());
    let v6 =
        || <[u8; 16]>::try_from(bytes).map(|octets| std::net::Ipv6Addr::from(octets).to_string());
    v4.or_else(|_| v6()).ok()
}

/// Foreign text as it may stand in evidence.
fn shown(text: &str) -> String {
    let line = single_line(text);
    if line.chars().count() <= MAX_NAME {
        line
    } else {
        line.chars().take(MAX_NAME).chain(['…']).collect()
    }
}
