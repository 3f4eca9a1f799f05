//! The endpoint and credentials of a kubeconfig, with the precedence rules of client-go.

use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError as FileError};
use secrecy::ExposeSecret;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::config::agent::proxy::Proxy;
use crate::config::regular_file;
use crate::kube::credentials::{Credentials, MAX_FILE_BYTES, read_file, read_token};
use crate::kube::endpoint::{ApiEndpoint, AuthError};
use crate::kube::exec_plugin::ExecPlugin;
use crate::net::Trust;
use crate::net::tls::trust::{Identity, PkiScope};

/// Placeholder for "no proxy": without a `proxy-url`, kube would apply `HTTPS_PROXY` and ignore
/// `NO_PROXY`.
const NO_PROXY_URL: &str = "http://no-proxy.invalid";

/// An error while loading a kubeconfig. Omits the file's text, which may be secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct KubeconfigError(String);

impl ApiEndpoint {
    /// Returns the endpoint of a kubeconfig. Supports every authentication method of client-go.
    ///
    /// # Errors
    /// If the file is unusable, or if its exec plugin returns no credential.
    pub async fn from_kubeconfig(
        path: &Path,
        context: Option<&str>,
        plugin: &ExecPlugin,
    ) -> Result<Self, AuthError> {
        let unusable = |error: &dyn fmt::Display| AuthError::Kubeconfig {
            path: path.to_owned(),
            cause: error.to_string(),
        };
        let mut config = load(path, context)
            .await
            .map_err(|error| unusable(&error))?;
        let host = config.cluster_url.host().unwrap_or_default().to_owned();
        let proxy = proxy_url(&config).map_err(|error| unusable(&error))?;
        let credentials = credentials(&mut config, plugin)
            .await
            .map_err(|error| unusable(&error))?;
        let https = config.cluster_url.scheme_str() != Some("http");
        let trust = if https {
            Some(Arc::new(trust(&config).map_err(|error| unusable(&error))?))
        } else {
            None
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: config
                .cluster_url
                .port_u16()
                .unwrap_or(if https { 443 } else { 80 }),
            trust,
            server_name: config.tls_server_name.clone(),
            path_prefix: config.cluster_url.path().trim_end_matches('/').to_owned(),
            proxy,
            credentials,
            remark: None,
        })
    }
}

/// Loads a context of a kubeconfig and validates its cluster. Does not read credentials.
///
/// # Errors
/// If the file is unusable.
pub async fn load(path: &Path, context: Option<&str>) -> Result<kube::Config, KubeconfigError> {
    let config = load_context(path, context).await?;
    if config.accept_invalid_certs {
        return Err(KubeconfigError(
            "insecure-skip-tls-verify is not supported: credentials are only sent over verified \
             connections"
                .to_owned(),
        ));
    }
    if config.cluster_url.host().is_none() {
        return Err(KubeconfigError("the server URL has no host".to_owned()));
    }
    proxy_url(&config)?;
    Ok(config)
}

/// Loads a context without the proxy settings that kube would add from the environment.
async fn load_context(path: &Path, context: Option<&str>) -> Result<kube::Config, KubeconfigError> {
    let mut file = read_kubeconfig(path)?;
    for cluster in file
        .clusters
        .iter_mut()
        .filter_map(|named| named.cluster.as_mut())
    {
        let own = cluster.proxy_url.take().filter(|url| !url.is_empty());
        cluster.proxy_url = Some(own.unwrap_or_else(|| NO_PROXY_URL.to_owned()));
    }
    let options = KubeConfigOptions {
        context: context.map(str::to_owned),
        ..KubeConfigOptions::default()
    };
    let config = kube::Config::from_custom_kubeconfig(file, &options).await;
    let mut config = config.map_err(|error| KubeconfigError(error.to_string()))?;
    let exec = config
        .auth_info
        .exec
        .as_mut()
        .and_then(|exec| exec.cluster.as_mut());
    if let Some(cluster) = exec.filter(|cluster| cluster.proxy_url.as_deref() == Some(NO_PROXY_URL))
    {
        cluster.proxy_url = None;
    }
    Ok(config)
}

/// Reads a kubeconfig; paths in it are relative to its directory. Errors omit its text, because any
/// line may contain a token.
fn read_kubeconfig(path: &Path) -> Result<Kubeconfig, KubeconfigError> {
    let unreadable = |error: &io::Error| KubeconfigError(error.to_string());
    // kube reads whatever the path names, as a whole.
    let file = regular_file::open(path).map_err(|error| unreadable(&error))?;
    let size = file.metadata().map_err(|error| unreadable(&error))?.len();
    if size > MAX_FILE_BYTES {
        return Err(KubeconfigError(format!(
            "it is larger than {MAX_FILE_BYTES} bytes"
        )));
    }
    Kubeconfig::read_from(path).map_err(|error| match error {
        FileError::ReadConfig(error, _) => unreadable(&error),
        FileError::Parse(error) => KubeconfigError(match error.location() {
            Some(at) => format!("not a kubeconfig: invalid YAML at line {}", at.line()),
            None => "not a kubeconfig: invalid YAML".to_owned(),
        }),
        error => KubeconfigError(error.to_string()),
    })
}

fn trust(config: &kube::Config) -> Result<Trust, Box<dyn std::error::Error>> {
    let user = &config.auth_info;
    let bytes = |data: Option<&str>,
                 path: Option<&str>|
     -> Result<Option<Vec<u8>>, Box<dyn std::error::Error>> {
        match (data, path) {
            (Some(data), _) => Ok(Some(STANDARD.decode(data)?)),
            (None, Some(path)) => Ok(Some(read_file(path)?)),
            (None, None) => Ok(None),
        }
    };
    let chain = bytes(
        user.client_certificate_data.as_deref(),
        user.client_certificate.as_deref(),
    )?;
    let key = bytes(
        user.client_key_data
            .as_ref()
            .map(ExposeSecret::expose_secret),
        user.client_key.as_deref(),
    )?;
    let identity = match (chain, key) {
        (Some(chain), Some(key)) => Some(Identity::pem(&chain, &key)?),
        _ => None,
    };
    let roots = match (&config.root_cert, &config.root_cert_file) {
        (Some(roots), _) => roots
            .iter()
            .map(|der| CertificateDer::from(der.clone()))
            .collect(),
        (None, Some(path)) => {
            CertificateDer::pem_slice_iter(&read_file(path)?).collect::<Result<_, _>>()?
        }
        (None, None) => return Ok(Trust::system(PkiScope::Cluster)?),
    };
    Ok(Trust::authorities(roots, identity, PkiScope::Cluster)?)
}

/// Returns the credentials in the file, or those of its exec plugin.
async fn credentials(
    config: &mut kube::Config,
    plugin: &ExecPlugin,
) -> Result<Credentials, KubeconfigError> {
    let user = &mut config.auth_info;
    if let Some(path) = user.token_file.take() {
        match read_token(Path::new(&path)) {
            Ok(token) => user.token = Some(token.into()),
            // client-go falls back to the inline token too.
            Err(_unreadable) if user.token.is_some() => {}
            Err(error) => return Err(KubeconfigError(format!("{path}: {error}"))),
        }
    }
    if let Some(text) = inline_authorization(user)? {
        return authorization(&text);
    }
    let Some(exec) = &user.exec else {
        return Ok(Credentials::default());
    };
    let credential = plugin
        .credential(exec)
        .await
        .map_err(|error| KubeconfigError(error.to_string()))?;
    if let Some((chain, key)) = credential.identity {
        user.client_certificate_data = Some(STANDARD.encode(chain));
        user.client_key_data = Some(STANDARD.encode(key.reveal()).into());
    }
    credential.token.map_or_else(
        || Ok(Credentials::default()),
        |token| authorization(&format!("Bearer {}", token.reveal())),
    )
}

/// Returns the `Authorization` header that the file itself defines.
fn inline_authorization(user: &AuthInfo) -> Result<Option<String>, KubeconfigError> {
    match &user.auth_provider {
        Some(provider) if provider.name == "oidc" => {
            let token = provider
                .config
                .get("id-token")
                .ok_or_else(|| KubeconfigError("auth provider oidc has no id-token".to_owned()))?;
            return Ok(Some(format!("Bearer {token}")));
        }
        Some(provider) => {
            let name = &provider.name;
            return Err(KubeconfigError(format!(
                "auth provider {name} was removed from client-go; use an exec plugin"
            )));
        }
        None => {}
    }
    if let (Some(name), Some(password)) = (&user.username, &user.password) {
        let both = format!("{name}:{}", password.expose_secret());
        return Ok(Some(format!("Basic {}", STANDARD.encode(both))));
    }
    let token = user
        .token
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .filter(|token| !token.is_empty());
    Ok(token.map(|token| format!("Bearer {token}")))
}

fn authorization(text: &str) -> Result<Credentials, KubeconfigError> {
    Credentials::authorization(text).ok_or_else(|| {
        KubeconfigError("the token contains bytes that an HTTP header cannot".to_owned())
    })
}

/// Returns the kubeconfig's `proxy-url`.
fn proxy_url(config: &kube::Config) -> Result<Option<Proxy>, KubeconfigError> {
    let written = config.proxy_url.as_ref().map(ToString::to_string);
    let own = written.filter(|url| url.trim_end_matches('/') != NO_PROXY_URL);
    let proxy = own.map(|url| Proxy::from_url(&url)).transpose();
    proxy.map_err(|wrong| KubeconfigError(format!("proxy-url {}; {}", wrong.what, wrong.right)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn token_password_and_id_token_become_the_authorization_header() {
        let header =
            |user: serde_json::Value| inline_authorization(&serde_json::from_value(user).unwrap());
        let oidc = |config: serde_json::Value| json!({ "auth-provider": { "name": "oidc", "config": config } });
        for (user, expected) in [
            (json!({ "token": "t" }), Some("Bearer t")),
            (json!({ "token": "" }), None),
            (json!({}), None),
            (
                json!({ "username": "u", "password": "p" }),
                Some("Basic dTpw"),
            ),
            (json!({ "username": "u", "token": "t" }), Some("Bearer t")),
            (oidc(json!({ "id-token": "i" })), Some("Bearer i")),
        ] {
            assert_eq!(header(user.clone()).unwrap().as_deref(), expected, "{user}");
        }
        assert_eq!(
            header(oidc(json!({}))).unwrap_err().to_string(),
            "auth provider oidc has no id-token"
        );
        let removed = header(json!({ "auth-provider": { "name": "gcp" } })).unwrap_err();
        assert!(
            removed
                .to_string()
                .starts_with("auth provider gcp was removed"),
            "{removed}"
        );
        assert!(authorization("Bearer a\nb").is_err());
    }
}
