//! How the API server is reached and as whom: the mounted service account, or a kubeconfig.

use std::fmt;
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
use kube::config::KubeconfigError;
use secrecy::ExposeSecret;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tower::Layer;
use tower::ServiceExt;

use crate::catalogue::FailureMode;
use crate::cluster::Plugin;
use crate::cluster::token::Claims;
use crate::config::InCluster;
use crate::config::proxy::Proxy;
use crate::probe::Trust;
use crate::probe::tls::Identity;
use crate::probe::tls::Place;
use crate::verdict::Evidence;
use crate::verdict::Finding;

/// The most that is read of a token, a CA bundle or a key.
const MAX_FILE: u64 = 1 << 20;
/// Stands for "no proxy", because kube reads the environment where a cluster names none.
const NO_PROXY_URL: &str = "http://no-proxy.invalid";

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
            token_expiry: super::token::expiry(&token),
            remark,
        })
    }

    /// As a kubeconfig says, with every way to authenticate that is left in client-go.
    ///
    /// # Errors
    /// When the file cannot be used, or its plugin gives no credential.
    pub async fn kubeconfig(path: &Path, context: Option<&str>, plugin: &Plugin) -> Result<Self, Denied> {
        let unusable = |error: &dyn fmt::Display| {
            Denied::Unknown(Evidence::from(format!("kubeconfig {} cannot be used: {error}", path.display())))
        };
        let mut config = usable(path, context).await.map_err(|error| unusable(&error))?;
        let host = config.cluster_url.host().unwrap_or_default().to_owned();
        let proxy = named_proxy(&config).map_err(|error| unusable(&error))?;
        let headers = authorization(&mut config, plugin).await.map_err(|error| unusable(&error))?;
        let https = config.cluster_url.scheme_str() != Some("http");
        let trust =
            if https { Some(Arc::new(kubeconfig_trust(&config).map_err(|error| unusable(&error))?)) } else { None };
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: config.cluster_url.port_u16().unwrap_or(if https { 443 } else { 80 }),
            trust,
            server_name: config.tls_server_name.clone(),
            prefix: config.cluster_url.path().trim_end_matches('/').to_owned(),
            proxy,
            token_expiry: bearer.and_then(super::token::expiry),
            headers,
            remark: None,
        })
    }

    /// What the token says of itself, when one is sent.
    pub fn claims(&self) -> Option<Claims> {
        super::token::claims(self.headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?)
    }
}

/// The file's context, if a request could be made with it; its credentials are not looked at.
///
/// # Errors
/// Why not, without a word of what may be secret.
pub async fn usable(path: &Path, context: Option<&str>) -> Result<kube::Config, String> {
    let config = parsed(path, context).await.map_err(|error| without_content(&error))?;
    if config.accept_invalid_certs {
        return Err("it says insecure-skip-tls-verify, and nothing is sent unverified".to_owned());
    }
    if config.cluster_url.host().is_none() {
        return Err("its server has no host".to_owned());
    }
    named_proxy(&config)?;
    Ok(config)
}

/// The file's context, without what kube would add from the environment of this process.
async fn parsed(path: &Path, context: Option<&str>) -> Result<kube::Config, KubeconfigError> {
    let mut file = Kubeconfig::read_from(path)?;
    for cluster in file.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        // Without one kube takes HTTPS_PROXY, and NO_PROXY counts for nothing.
        let own = cluster.proxy_url.take().filter(|url| !url.is_empty());
        cluster.proxy_url = Some(own.unwrap_or_else(|| NO_PROXY_URL.to_owned()));
    }
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = kube::Config::from_custom_kubeconfig(file, &options).await?;
    let exec = config.auth_info.exec.as_mut().and_then(|exec| exec.cluster.as_mut());
    if let Some(cluster) = exec.filter(|cluster| cluster.proxy_url.as_deref() == Some(NO_PROXY_URL)) {
        cluster.proxy_url = None;
    }
    Ok(config)
}

/// What is wrong with a kubeconfig; of text that does not parse only the place, because its lines may hold a token.
fn without_content(error: &KubeconfigError) -> String {
    let KubeconfigError::Parse(_) = error else { return error.to_string() };
    let text = error.to_string();
    let place = text.find("line ").map(|start| {
        let words = text[start..].split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.take(4).collect::<Vec<_>>().join(" ")
    });
    match place.filter(|place| place.contains("column")) {
        Some(place) => format!("it is no kubeconfig: {place}"),
        None => "it is no kubeconfig".to_owned(),
    }
}

/// A token that is not there is the agent's trouble; one that only this process may not read is ours.
fn missing(path: &Path, error: &io::Error) -> Denied {
    let evidence = format!("no service-account token: {}: {error}", path.display());
    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) {
        Denied::Broken(Finding::new(FailureMode::K8sTokenMissing, evidence))
    } else {
        Denied::Unknown(Evidence::from(evidence))
    }
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

/// Lets kube's own layer make the header (token, basic, oidc) and takes it from there; files and plugins are read here,
/// because kube would use a file's line feed, and run a plugin while everything else waits.
async fn authorization(config: &mut kube::Config, plugin: &Plugin) -> Result<HeaderMap, String> {
    let user = &mut config.auth_info;
    if let Some(provider) = user.auth_provider.as_ref().filter(|provider| provider.name != "oidc") {
        return Err(format!(
            "the auth provider {} is none that client-go has any more; use an exec plugin",
            provider.name
        ));
    }
    if let Some(path) = user.token_file.take() {
        match token_in(Path::new(&path)) {
            Ok(token) => user.token = Some(token.into()),
            // As in client-go: what was written beside the file serves when the file does not.
            Err(_unreadable) if user.token.is_some() => {}
            Err(error) => return Err(format!("{path}: {error}")),
        }
    }
    let exec = user.exec.take();
    let headers = header_of(config).await.map_err(|error| error.to_string())?;
    let Some(exec) = exec.filter(|_| headers.is_empty()) else { return Ok(headers) };
    let credential = plugin.credential(&exec).await?;
    let user = &mut config.auth_info;
    user.token = credential.token.map(|token| token.reveal().into());
    if let Some((chain, key)) = credential.identity {
        user.client_certificate_data = Some(STANDARD.encode(chain));
        user.client_key_data = Some(STANDARD.encode(key.reveal()).into());
    }
    header_of(config).await.map_err(|error| error.to_string())
}

fn header_of(config: &kube::Config) -> BoxFuture<'static, kube::Result<HeaderMap>> {
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

/// The kubeconfig's own `proxy-url`.
fn named_proxy(config: &kube::Config) -> Result<Option<Proxy>, String> {
    let written = config.proxy_url.as_ref().map(ToString::to_string);
    let own = written.filter(|url| url.trim_end_matches('/') != NO_PROXY_URL);
    let proxy = own.map(|url| Proxy::from_url(&url)).transpose();
    proxy.map_err(|wrong| format!("its proxy-url {}; {}", wrong.what, wrong.right))
}

/// The token in a file, without the white space around it.
fn token_in(path: &Path) -> io::Result<String> {
    let token = String::from_utf8_lossy(&read(path)?).trim().to_owned();
    let sound = !token.is_empty() && HeaderValue::from_str(&token).is_ok();
    if sound { Ok(token) } else { Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no token")) }
}

fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut content)?;
    Ok(content)
}
