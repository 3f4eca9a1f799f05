//! How the API server is reached and as whom: the mounted service account, or a kubeconfig.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use crate::catalogue::FailureMode;
use crate::config::InCluster;
use crate::config::proxy::Proxy;
use crate::kube::service_account_token::Claims;
use crate::net::Trust;
use crate::net::tls::Place;
use crate::report::{Evidence, Finding};

/// The most that is read of a token, a CA bundle or a key.
const MAX_FILE: u64 = 1 << 20;

/// Everything that a request to the API server needs.
#[derive(Clone, Debug)]
pub struct Access {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whom to trust; `None` speaks plain HTTP, as a kubeconfig may say.
    pub trust: Option<Arc<Trust>>,
    /// The name that the certificate must bear, when it is not the host.
    pub server_name: Option<String>,
    /// The path before every path: a kubeconfig's server may have one.
    pub prefix: String,
    /// A proxy that the kubeconfig names.
    pub proxy: Option<Proxy>,
    /// `Authorization`, marked sensitive.
    pub headers: HeaderMap,
    /// When the token ends, in seconds since 1970.
    pub token_expiry: Option<i64>,
    /// What was odd but did not stop us.
    pub remark: Option<String>,
}

/// Why no request can be made.
#[derive(Debug)]
pub enum Denied {
    /// The agent cannot work with this either.
    Broken(Finding),
    /// We cannot find out.
    Unknown(Evidence),
}

impl Access {
    /// As a pod is told: the files of the service account are read anew, so that a rotated token is used at once.
    ///
    /// # Errors
    /// `k8s_token_missing` when there is no token, unknown when this process may not read it.
    pub fn in_cluster(place: &InCluster) -> Result<Self, Denied> {
        let token_file = place.service_account_dir.join("token");
        let token = token_in(&token_file).map_err(|error| missing(&token_file, &error))?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut bearer = bearer.map_err(|error| missing(&token_file, &io::Error::other(error)))?;
        bearer.set_sensitive(true);
        let (trust, remark) = cluster_trust(&place.service_account_dir.join("ca.crt"))?;
        Ok(Self {
            host: place.host.clone(),
            port: place.port,
            trust: Some(Arc::new(trust)),
            server_name: None,
            prefix: String::new(),
            proxy: None,
            headers: HeaderMap::from_iter([(AUTHORIZATION, bearer)]),
            token_expiry: super::service_account_token::expiry(&token),
            remark,
        })
    }

    /// What the token says of itself, when one is sent.
    pub fn claims(&self) -> Option<Claims> {
        super::service_account_token::claims(
            self.headers
                .get(AUTHORIZATION)?
                .to_str()
                .ok()?
                .strip_prefix("Bearer ")?,
        )
    }
}

/// A token that is not there is the agent's trouble; one that only this process may not read is ours.
fn missing(path: &Path, error: &io::Error) -> Denied {
    let evidence = format!("no service-account token: {}: {error}", path.display());
    if matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::InvalidData
    ) {
        Denied::Broken(Finding::new(FailureMode::K8sTokenMissing, evidence))
    } else {
        Denied::Unknown(Evidence::from(evidence))
    }
}

/// The mounted CA; without one the agent falls back to the system's roots, and so do we.
fn cluster_trust(path: &Path) -> Result<(Trust, Option<String>), Denied> {
    let mounted = read(path).map_err(|error| error.to_string());
    let trust =
        mounted.and_then(|pem| Trust::pem(&pem, Place::Cluster).map_err(|error| error.to_string()));
    match trust {
        Ok(trust) => Ok((trust, None)),
        Err(error) => {
            let remark = format!(
                "{} cannot be used ({error}), so the system's roots are",
                path.display()
            );
            let system = Trust::system(Place::Cluster);
            let system = system
                .map_err(|error| Denied::Unknown(Evidence::from(format!("{remark}; {error}"))))?;
            Ok((system, Some(remark)))
        }
    }
}

/// The token in a file, without the white space around it.
pub(super) fn token_in(path: &Path) -> io::Result<String> {
    let token = String::from_utf8_lossy(&read(path)?).trim().to_owned();
    let sound = !token.is_empty() && HeaderValue::from_str(&token).is_ok();
    if sound {
        Ok(token)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it holds no token",
        ))
    }
}

pub(super) fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path)?
        .take(MAX_FILE)
        .read_to_end(&mut content)?;
    Ok(content)
}
