//! The certificate that a server presented, as evidence.

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::report::evidence::single_line;

/// Number of a certificate's names that are kept.
const MAX_NAMES: usize = 8;
/// Longest name in evidence, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Issuer names of TLS-inspecting proxies.
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

/// The fields of a presented leaf certificate, safe to show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// The subject.
    pub subject: String,
    /// The issuer.
    pub issuer: String,
    /// The first subject alternative names.
    pub names: Vec<String>,
    /// Start of validity in seconds since 1970.
    pub not_before: i64,
    /// End of validity in seconds since 1970.
    pub not_after: i64,
    /// The issuer of the chain's last certificate, DER-encoded.
    pub top_issuer: Vec<u8>,
    /// Whether the chain includes a self-signed root.
    pub sends_root: bool,
}

impl Certificate {
    /// Parses the presented chain, or returns `None` if the leaf is not X.509.
    pub fn parse(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
        let top = intermediates
            .last()
            .and_then(|last| X509Certificate::from_der(last).ok());
        let sends_root = top
            .as_ref()
            .is_some_and(|(_, top)| top.subject().as_raw() == top.issuer().as_raw());
        let top_issuer = top.as_ref().map_or_else(
            || parsed.issuer().as_raw(),
            |(_, top)| top.issuer().as_raw(),
        );
        Some(Self {
            subject: sanitized(&parsed.subject().to_string()),
            issuer: sanitized(&parsed.issuer().to_string()),
            names: names(&parsed),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            top_issuer: top_issuer.to_vec(),
            sends_root,
        })
    }

    /// Returns whether the issuer is a known TLS-inspecting proxy.
    pub fn is_from_tls_inspector(&self) -> bool {
        let issuer = self.issuer.to_ascii_lowercase();
        INSPECTORS.iter().any(|name| issuer.contains(name))
    }

    /// Describes subject, issuer and validity.
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

/// Formats a time in seconds since 1970 as RFC 3339 in UTC.
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
            GeneralName::DNSName(name) => Some(sanitized(name)),
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

/// Returns untrusted text in one line, truncated.
fn sanitized(text: &str) -> String {
    let line = single_line(text);
    if line.chars().count() <= MAX_NAME_CHARS {
        line
    } else {
        line.chars().take(MAX_NAME_CHARS).chain(['…']).collect()
    }
}
