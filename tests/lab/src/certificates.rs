//! The certificates of one server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio_rustls::rustls::ServerConfig;

use crate::journal::lock;
use crate::pki::{Certificate, Pki};

/// The certificates of one server, issued when they are first shown.
pub(crate) struct Certificates {
    pki: Pki,
    names: Vec<String>,
    issued: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

// === impl Certificates ===

impl Certificates {
    pub(crate) fn new(pki: &Pki, names: Vec<String>) -> Self {
        Self {
            pki: pki.clone(),
            names,
            issued: Mutex::default(),
        }
    }

    pub(crate) fn show(&self, kind: Certificate) -> Arc<ServerConfig> {
        let mut issued = lock(&self.issued);
        if let Certificate::ExpiresIn(_) = kind {
            return self.pki.issue(kind, &self.names).server_config();
        }
        let issue = || self.pki.issue(kind, &self.names).server_config();
        issued
            .entry(format!("{kind:?}"))
            .or_insert_with(issue)
            .clone()
    }
}
