//! The certificates of one server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio_rustls::rustls::ServerConfig;

use crate::mutex::lock;
use crate::pki::{CertificateKind, Pki};

/// Issues and caches the certificates of one server.
pub(crate) struct ServerCertificates {
    pki: Pki,
    names: Vec<String>,
    issued: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

// === impl ServerCertificates ===

impl ServerCertificates {
    pub(crate) fn new(pki: &Pki, names: Vec<String>) -> Self {
        Self {
            pki: pki.clone(),
            names,
            issued: Mutex::default(),
        }
    }

    pub(crate) fn config(&self, kind: CertificateKind) -> Arc<ServerConfig> {
        let mut issued = lock(&self.issued);
        if let CertificateKind::ExpiresIn(_) = kind {
            return self.pki.issue(kind, &self.names).server_config();
        }
        let issue = || self.pki.issue(kind, &self.names).server_config();
        issued
            .entry(format!("{kind:?}"))
            .or_insert_with(issue)
            .clone()
    }
}
