//! How the API server is reached and as whom: the mounted service account, or a kubeconfig.

use std::fs;
use std::io;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::future::ready;
use http::HeaderMap;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use kube::client::Body;
use kube::client::ConfigExt;
use kube::config::KubeConfigOptions;
use kube::config::Kubeconfig;
use secrecy::ExposeSecret;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tower::Layer;
use tower::ServiceExt;

use crate::catalogue::FailureMode;
use crate::config::InCluster;
use crate::config::Secret;
use crate::config::proxy::Proxy;
use crate::probe::Trust;
use crate::probe::tls::Identity;
use crate::probe::tls::Place;
use crate::verdict::Evidence;
use crate::verdict::Finding;

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
    /// `k8s_token_missing` when there is no token to read.
    pub fn in_cluster(place: &InCluster) -> Result<Self, Denied> {
        let token_file = place.service_account_dir.join("token");
        let token = read(&token_file).map_err(|error| missing(&token_file, &error))?;
        let token = String::from_utf8_lossy(&token).trim().to_owned();
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| !token.is_empty());
        let mut bearer = bearer.ok_or_else(|| missing(&token_file, &io::Error::other("it holds no token")))?;
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
            token_expiry: super::token::expiry(&token),
            remark,
        })
    }

    /// As a kubeconfig says, with every way to authenticate that kube knows.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn kubeconfig(path: &Path, context: Option<&str>) -> Result<Self, Denied> {
        let unusable = |error: &dyn std::fmt::Display| {
            Denied::Unknown(Evidence::from(format!("kubeconfig {} cannot be used: {error}", path.display())))
        };
        let file = Kubeconfig::read_from(path).map_err(|error| unusable(&error))?;
        let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(file, &options).await.map_err(|error| unusable(&error))?;
        if config.accept_invalid_certs {
            return Err(unusable(&"it says insecure-skip-tls-verify, and nothing is sent unverified"));
        }
        let host = config.cluster_url.host().ok_or_else(|| unusable(&"its server has no host"))?.to_owned();
        let https = config.cluster_url.scheme_str() != Some("http");
        let trust =
            if https { Some(Arc::new(kubeconfig_trust(&config).map_err(|error| unusable(&error))?)) } else { None };
        let headers = authorization(&config).await.map_err(|error| unusable(&error))?;
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: config.cluster_url.port_u16().unwrap_or(if https { 443 } else { 80 }),
            trust,
            server_name: config.tls_server_name.clone(),
            prefix: config.cluster_url.path().trim_end_matches('/').to_owned(),
            proxy: config.proxy_url.as_ref().and_then(named_proxy),
            token_expiry: bearer.and_then(super::token::expiry),
            headers,
            remark: None,
        })
    }
}

fn missing(path: &Path, error: &io::Error) -> Denied {
    let evidence = format!("no service-account token: {}: {error}", path.display());
    Denied::Broken(Finding::new(FailureMode::K8sTokenMissing, evidence))
}

/// The mounted CA; without one the agent falls back to the system's roots, and so do we.
fn cluster_trust(path: &Path) -> Result<(Trust, Option<String>), Denied> {
    let mounted = read(path).map_err(|error| error.to_string());
    let trust = mounted.and_then(|pem| Trust::pem(&pem, Place::Cluster).map_err(|error| error.to_string()));
    match trust {
        Ok(trust) => Ok((trust, None)),
        Err(error) => {
            let remark = format!("{} cannot be used ({error}), so the system's roots are", path.display());
            let system = Trust::system(Place::Cluster);
            let system = system.map_err(|error| Denied::Unknown(Evidence::from(format!("{remark}; {error}"))))?;
            Ok((system, Some(remark)))
        }
    }
}

fn kubeconfig_trust(config: &kube::Config) -> Result<Trust, Box<dyn std::error::Error>> {
    let user = &config.auth_info;
    let written = |data: Option<&str>, path: Option<&str>| -> Result<Option<Vec<u8>>, Box<dyn std::error::Error>> {
        match (data, path) {
            (Some(data), _) => Ok(Some(STANDARD.decode(data)?)),
            (None, Some(path)) => Ok(Some(read(path)?)),
            (None, None) => Ok(None),
        }
    };
    let chain = written(user.client_certificate_data.as_deref(), user.client_certificate.as_deref())?;
    let key = written(user.client_key_data.as_ref().map(ExposeSecret::expose_secret), user.client_key.as_deref())?;
    let identity = match (chain, key) {
        (Some(chain), Some(key)) => Some(Identity::pem(&chain, &key)?),
        _ => None,
    };
    let roots = match (&config.root_cert, &config.root_cert_file) {
        (Some(roots), _) => roots.iter().map(|der| CertificateDer::from(der.clone())).collect(),
        (None, Some(path)) => CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<_, _>>()?,
        (None, None) => return Ok(Trust::system(Place::Cluster)?),
    };
    Ok(Trust::authorities(roots, identity, Place::Cluster)?)
}

/// Lets kube's own layer make the header (token, token file, exec plugin, basic) and takes it from there.
fn authorization(config: &kube::Config) -> BoxFuture<'static, kube::Result<HeaderMap>> {
    let layer = match config.auth_layer() {
        Ok(Some(layer)) => layer,
        Ok(None) => return Box::pin(ready(Ok(HeaderMap::new()))),
        Err(error) => return Box::pin(ready(Err(error))),
    };
    let take = tower::service_fn(|request: http::Request<Body>| {
        ready(Ok::<_, tower::BoxError>(http::Response::new(request.into_parts().0.headers)))
    });
    let taken = layer.layer(take).oneshot(http::Request::new(Body::empty()));
    Box::pin(taken.map(|taken| taken.map(http::Response::into_body).map_err(kube::Error::Service)))
}

/// The kubeconfig's `proxy-url`.
fn named_proxy(url: &http::Uri) -> Option<Proxy> {
    let tls = url.scheme_str() == Some("https");
    let port = url.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let credentials = url.authority().and_then(|authority| authority.as_str().rsplit_once('@'));
    let credentials = credentials.map(|(credentials, _)| Secret::new(credentials));
    Some(Proxy { tls, host: url.host()?.to_owned(), port, credentials })
}

fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut content)?;
    Ok(content)
}
