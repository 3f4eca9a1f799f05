//! `tls_server_config`: from what is written to a server's TLS.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{CipherSuite, NamedGroup, ServerConfig, SupportedProtocolVersion};

use crate::config::file;
use crate::config::file::File;
use crate::config::problem::Problems;
use crate::config::values::word;
use crate::config::web::clients;
use crate::config::written::{Written, Wrong};

const SECTION: &str = "tls_server_config";

const VERSIONS: &[(&str, &SupportedProtocolVersion)] = &[("TLS12", &TLS12), ("TLS13", &TLS13)];

const CURVES: &[(&str, NamedGroup)] = &[
    ("X25519", NamedGroup::X25519),
    ("CurveP256", NamedGroup::secp256r1),
    ("CurveP384", NamedGroup::secp384r1),
];

/// Go's names of the suites that the provider has for TLS 1.2; those of TLS 1.3 cannot be chosen, there as here.
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

/// TLS of the server, ready to use, and the files it was made from.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    files: Vec<PathBuf>,
}

impl Tls {
    /// For handshakes.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// The files it was made from.
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

/// The section of a file, being read.
struct Section<'a> {
    file: &'a File,
    folder: &'a Path,
    files: Vec<PathBuf>,
    problems: &'a mut Problems,
}

/// A PEM text, and the place that problems with it point at.
pub(super) struct Pem {
    pub(super) written: Written,
    pub(super) text: String,
}

/// The TLS that a file asks for; `None` when it asks for none, or something is wrong.
pub(super) fn read(file: &File, folder: &Path, problems: &mut Problems) -> Option<Tls> {
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
    let verifier = clients::verifier(file, authorities.as_ref(), &provider, section.problems);
    let files = section.files;
    let (chain, key, verifier) = (chain?, key?, verifier?);
    let built = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map(|builder| builder.with_client_cert_verifier(verifier))
        .and_then(|builder| builder.with_single_cert(chain, key));
    let mut config = place.noting(problems, |_| {
        built.map_err(|error| {
            Wrong::new(
                format!("cannot be served: {error}"),
                "a certificate and the key made for it",
            )
        })
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    (problems.0.len() == before).then(|| Tls {
        config: Arc::new(config),
        files,
    })
}

/// The full name of a key of the section.
pub(super) fn name(key: &str) -> String {
    format!("{SECTION}.{key}")
}

impl Section<'_> {
    /// A PEM text, from the key itself or from the file that `<key>_file` names.
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
            let wrong = Wrong::new(format!("stands beside {key}_file"), "write one of them");
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

    fn required(&mut self, key: &str, place: &Written) -> Option<Pem> {
        let named = [key.to_owned(), format!("{key}_file")]
            .iter()
            .any(|key| self.file.one(&name(key)).is_some());
        let pem = self.pem(key);
        if !named {
            let missing = Written {
                key: name(&format!("{key}_file")),
                ..place.clone()
            };
            let wrong = Wrong::new("is missing", format!("TLS needs {key}_file, or {key}"));
            self.problems.0.push(missing.problem(wrong));
        }
        pem
    }

    fn chain(&mut self, pem: &Pem) -> Option<Vec<CertificateDer<'static>>> {
        pem.written.noting(self.problems, |_| {
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(pem.text.as_bytes()).collect();
            let chain = chain.unwrap_or_default();
            let wrong = || {
                Wrong::new(
                    "holds no certificate",
                    "a chain in PEM, the server's own certificate first",
                )
            };
            (!chain.is_empty()).then_some(chain).ok_or_else(wrong)
        })
    }

    fn private_key(&mut self, pem: &Pem) -> Option<PrivateKeyDer<'static>> {
        pem.written.noting(self.problems, |_| {
            PrivateKeyDer::from_pem_slice(pem.text.as_bytes()).map_err(|_| {
                Wrong::new(
                    "holds no private key",
                    "an unencrypted key in PEM: PKCS #8, RSA or EC",
                )
            })
        })
    }

    /// The provider, with the chosen suites and curves only.
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
            let wrong = Wrong::new(
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

    /// The place of a version among those offered.
    fn version(&mut self, written: &Written) -> Option<usize> {
        let places: Vec<_> = VERSIONS
            .iter()
            .enumerate()
            .map(|(place, (word, _))| (*word, place))
            .collect();
        written.noting(self.problems, |text| word(text, &places))
    }
}
