//! `tls_server_config`: builds the server's TLS configuration.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{CipherSuite, NamedGroup, ServerConfig, SupportedProtocolVersion};

use crate::config::config_error::ConfigErrors;
use crate::config::exporter::file;
use crate::config::exporter::file::File;
use crate::config::exporter::web::client_auth;
use crate::config::exporter::web::pem::{Pem, SECTION, name};
use crate::config::sourced_value::{InvalidValue, SourcedValue};
use crate::config::values::word;

const VERSIONS: &[(&str, &SupportedProtocolVersion)] = &[("TLS12", &TLS12), ("TLS13", &TLS13)];

const CURVES: &[(&str, NamedGroup)] = &[
    ("X25519", NamedGroup::X25519),
    ("CurveP256", NamedGroup::secp256r1),
    ("CurveP384", NamedGroup::secp384r1),
];

/// Go's names of the TLS 1.2 cipher suites that the provider supports; as in Go, those of TLS 1.3
/// cannot be chosen.
const SUITES: &[(&str, CipherSuite)] = &[
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_AES_256_GCM_SHA384,
    ),
    (
        "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_128_GCM_SHA256,
    ),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    ),
];

/// The server's TLS configuration and the files it was built from.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    files: Vec<PathBuf>,
}

impl Tls {
    /// Returns the rustls configuration.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// Returns the files it was built from.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// The section being read.
struct Section<'a> {
    file: &'a File,
    folder: &'a Path,
    files: Vec<PathBuf>,
    problems: &'a mut ConfigErrors,
}

/// Builds the TLS configuration; `None` if the file has none or a setting is invalid.
pub(super) fn read(file: &File, folder: &Path, problems: &mut ConfigErrors) -> Option<Tls> {
    let place = file.within(SECTION).next()?.clone();
    let before = problems.0.len();
    let mut section = Section {
        file,
        folder,
        files: Vec::new(),
        problems,
    };
    let chain = section
        .required("cert", &place)
        .and_then(|pem| section.chain(&pem));
    let key = section
        .required("key", &place)
        .and_then(|pem| section.private_key(&pem));
    let authorities = section.pem("client_ca");
    let provider = section.provider();
    let versions = section.versions();
    let verifier = client_auth::verifier(file, authorities.as_ref(), &provider, section.problems);
    let files = section.files;
    let (chain, key, verifier) = (chain?, key?, verifier?);
    let built = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map(|builder| builder.with_client_cert_verifier(verifier))
        .and_then(|builder| builder.with_single_cert(chain, key));
    let mut config = place.noting(problems, |_| {
        built.map_err(|error| {
            InvalidValue::new(
                format!("cannot be used together: {error}"),
                "a certificate and its private key",
            )
        })
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    (problems.0.len() == before).then(|| Tls {
        config: Arc::new(config),
        files,
    })
}

impl Section<'_> {
    /// Reads PEM text from the key itself or from the file in `<key>_file`.
    fn pem(&mut self, key: &str) -> Option<Pem> {
        let inline = self
            .file
            .one(&name(key))
            .filter(|written| !written.value.is_empty());
        let named = self
            .file
            .one(&name(&format!("{key}_file")))
            .filter(|written| !written.value.is_empty());
        if let (Some(inline), Some(_)) = (inline, named) {
            let wrong = InvalidValue::new(
                format!("is set together with {key}_file"),
                "set one of them",
            );
            self.problems.0.push(inline.problem(wrong));
        }
        if let Some(written) = named {
            let path = self.folder.join(&written.value);
            self.files.push(path.clone());
            let text = written.noting(self.problems, |_| file::read_text(&path))?;
            return Some(Pem {
                written: written.clone(),
                text,
            });
        }
        inline.map(|written| Pem {
            written: written.clone(),
            text: written.value.clone(),
        })
    }

    fn required(&mut self, key: &str, place: &SourcedValue) -> Option<Pem> {
        let key_file = format!("{key}_file");
        let written = [&key_file, key]
            .into_iter()
            .filter_map(|key| self.file.one(&name(key)));
        let (empty, set): (Vec<_>, Vec<_>) = written.partition(|written| written.value.is_empty());
        if set.is_empty() {
            let what = if empty.is_empty() {
                "is missing"
            } else {
                "is empty"
            };
            let missing = SourcedValue {
                key: name(&key_file),
                ..place.clone()
            };
            let wrong = InvalidValue::new(what, format!("TLS requires {key_file} or {key}"));
            let at = empty.first().map_or(&missing, |empty| empty);
            self.problems.0.push(at.problem(wrong));
        }
        self.pem(key)
    }

    fn chain(&mut self, pem: &Pem) -> Option<Vec<CertificateDer<'static>>> {
        pem.written.noting(self.problems, |_| {
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(pem.text.as_bytes()).collect();
            let chain = chain.unwrap_or_default();
            let wrong = || {
                InvalidValue::new(
                    "contains no certificate",
                    "a chain in PEM, the server's own certificate first",
                )
            };
            (!chain.is_empty()).then_some(chain).ok_or_else(wrong)
        })
    }

    fn private_key(&mut self, pem: &Pem) -> Option<PrivateKeyDer<'static>> {
        pem.written.noting(self.problems, |_| {
            PrivateKeyDer::from_pem_slice(pem.text.as_bytes()).map_err(|_| {
                InvalidValue::new(
                    "contains no private key",
                    "an unencrypted key in PEM: PKCS #8, RSA or EC",
                )
            })
        })
    }

    /// Returns the provider restricted to the chosen suites and curves.
    fn provider(&mut self) -> Arc<CryptoProvider> {
        let mut provider = ring::default_provider();
        let chosen = self.chosen("cipher_suites", SUITES);
        if !chosen.is_empty() {
            provider
                .cipher_suites
                .retain(|suite| suite.tls13().is_some() || chosen.contains(&suite.suite()));
        }
        let curves = self.chosen("curve_preferences", CURVES);
        if !curves.is_empty() {
            let all = std::mem::take(&mut provider.kx_groups);
            let group =
                |curve: &NamedGroup| all.iter().copied().find(|group| group.name() == *curve);
            provider.kx_groups = curves.iter().filter_map(group).collect();
        }
        Arc::new(provider)
    }

    fn chosen<T: Copy>(&mut self, key: &str, offered: &[(&str, T)]) -> Vec<T> {
        let written = self.file.many(&name(key)).unwrap_or_default();
        written
            .iter()
            .filter_map(|written| written.noting(self.problems, |text| word(text, offered)))
            .collect()
    }

    fn versions(&mut self) -> Vec<&'static SupportedProtocolVersion> {
        let file = self.file;
        let least = file
            .one(&name("min_version"))
            .and_then(|written| self.version(written))
            .unwrap_or(0);
        let most = file
            .one(&name("max_version"))
            .and_then(|written| self.version(written))
            .unwrap_or(VERSIONS.len() - 1);
        if least > most
            && let Some(written) = file.one(&name("min_version"))
        {
            let wrong = InvalidValue::new(
                "is above max_version",
                "raise max_version or lower min_version",
            );
            self.problems.0.push(written.problem(wrong));
            return Vec::new();
        }
        VERSIONS[least..=most]
            .iter()
            .map(|(_, version)| *version)
            .collect()
    }

    /// Returns the position of a version among the supported ones.
    fn version(&mut self, written: &SourcedValue) -> Option<usize> {
        let places: Vec<_> = VERSIONS
            .iter()
            .enumerate()
            .map(|(place, (word, _))| (*word, place))
            .collect();
        written.noting(self.problems, |text| word(text, &places))
    }
}
