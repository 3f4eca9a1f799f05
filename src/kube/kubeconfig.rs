//! How the API server is reached as a kubeconfig says.
//!
//! kube knows what its fields mean; the file is read, and its credentials are used, as client-go does.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use secrecy::ExposeSecret;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::config::proxy::Proxy;
use crate::config::tree;
use crate::kube::credentials::{read, token_in};
use crate::kube::{Access, Denied, Plugin};
use crate::net::Trust;
use crate::net::tls::{Identity, Place};
use crate::report::Evidence;

/// Stands for "no proxy", because kube reads the environment where a cluster names none.
const NO_PROXY_URL: &str = "http://no-proxy.invalid";

impl Access {
    /// As a kubeconfig says, with every way to authenticate that is left in client-go.
    ///
    /// # Errors
    /// When the file cannot be used, or its plugin gives no credential.
    pub async fn kubeconfig(
        path: &Path,
        context: Option<&str>,
        plugin: &Plugin,
    ) -> Result<Self, Denied> {
        let unusable = |error: &dyn fmt::Display| {
            Denied::Unknown(Evidence::from(format!(
                "kubeconfig {} cannot be used: {error}",
                path.display()
            )))
        };
        let mut config = usable(path, context)
            .await
            .map_err(|error| unusable(&error))?;
        let host = config.cluster_url.host().unwrap_or_default().to_owned();
        let proxy = named_proxy(&config).map_err(|error| unusable(&error))?;
        let headers = authorization(&mut config, plugin)
            .await
            .map_err(|error| unusable(&error))?;
        let https = config.cluster_url.scheme_str() != Some("http");
        let trust = if https {
            Some(Arc::new(
                kubeconfig_trust(&config).map_err(|error| unusable(&error))?,
            ))
        } else {
            None
        };
        let bearer = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: config
                .cluster_url
                .port_u16()
                .unwrap_or(if https { 443 } else { 80 }),
            trust,
            server_name: config.tls_server_name.clone(),
            prefix: config.cluster_url.path().trim_end_matches('/').to_owned(),
            proxy,
            token_expiry: bearer.and_then(super::service_account_token::expiry),
            headers,
            remark: None,
        })
    }
}

/// The file's context, if a request could be made with it; its credentials are not looked at.
///
/// # Errors
/// Why not, without a word of what may be secret.
pub async fn usable(path: &Path, context: Option<&str>) -> Result<kube::Config, String> {
    let config = context_of(path, context).await?;
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
async fn context_of(path: &Path, context: Option<&str>) -> Result<kube::Config, String> {
    let mut file = file(path)?;
    for cluster in file
        .clusters
        .iter_mut()
        .filter_map(|named| named.cluster.as_mut())
    {
        // Without one kube takes HTTPS_PROXY, and NO_PROXY counts for nothing.
        let own = cluster.proxy_url.take().filter(|url| !url.is_empty());
        cluster.proxy_url = Some(own.unwrap_or_else(|| NO_PROXY_URL.to_owned()));
    }
    let options = KubeConfigOptions {
        context: context.map(str::to_owned),
        ..KubeConfigOptions::default()
    };
    let config = kube::Config::from_custom_kubeconfig(file, &options).await;
    let mut config = config.map_err(|error| error.to_string())?;
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

/// Reads a kubeconfig; what is wrong with it is said without its text, because any line may hold a token.
fn file(path: &Path) -> Result<Kubeconfig, String> {
    let text = String::from_utf8(read(path).map_err(|error| error.to_string())?);
    let text = text.map_err(|_error| "it is no text in UTF-8".to_owned())?;
    let value =
        tree::parse(text.trim_start_matches('\u{feff}')).map_err(|(line, _fault)| match line {
            Some(line) => format!("it is no kubeconfig: no YAML from line {line} on"),
            None => "it is no kubeconfig: no YAML".to_owned(),
        })?;
    let mut file =
        serde_json::from_value(value.value.to_json()).map_err(|error| without_content(&error))?;
    from_folder(&mut file, path.parent().unwrap_or(Path::new("")));
    Ok(file)
}

/// Paths are relative to the file's folder; a plugin's name without a separator is looked for in `PATH`.
fn from_folder(file: &mut Kubeconfig, folder: &Path) {
    let clusters = file
        .clusters
        .iter_mut()
        .filter_map(|named| named.cluster.as_mut());
    let authorities = clusters.filter_map(|cluster| cluster.certificate_authority.as_mut());
    let users = file
        .auth_infos
        .iter_mut()
        .filter_map(|named| named.auth_info.as_mut());
    let files = users.flat_map(|user| {
        let AuthInfo {
            client_certificate,
            client_key,
            token_file,
            exec,
            ..
        } = user;
        let command = exec
            .as_mut()
            .and_then(|exec| exec.command.as_mut())
            .filter(|command| command.contains('/'));
        [
            client_certificate.as_mut(),
            client_key.as_mut(),
            token_file.as_mut(),
            command,
        ]
    });
    for path in authorities.chain(files.flatten()) {
        // An absolute path replaces the folder.
        *path = folder.join(&*path).to_string_lossy().into_owned();
    }
}

/// What a value should be, and not what it is.
fn without_content(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(", expected ") {
        Some((_content, expected)) => {
            format!("it is no kubeconfig: a value in it is not {expected}")
        }
        None if text.starts_with("missing field") => format!("it is no kubeconfig: {text}"),
        None => "it is no kubeconfig".to_owned(),
    }
}

fn kubeconfig_trust(config: &kube::Config) -> Result<Trust, Box<dyn std::error::Error>> {
    let user = &config.auth_info;
    let written = |data: Option<&str>,
                   path: Option<&str>|
     -> Result<Option<Vec<u8>>, Box<dyn std::error::Error>> {
        match (data, path) {
            (Some(data), _) => Ok(Some(STANDARD.decode(data)?)),
            (None, Some(path)) => Ok(Some(read(path)?)),
            (None, None) => Ok(None),
        }
    };
    let chain = written(
        user.client_certificate_data.as_deref(),
        user.client_certificate.as_deref(),
    )?;
    let key = written(
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
            CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<_, _>>()?
        }
        (None, None) => return Ok(Trust::system(Place::Cluster)?),
    };
    Ok(Trust::authorities(roots, identity, Place::Cluster)?)
}

/// Who asks: by a token, a password or an ID token in the file, else by what its plugin hands out.
async fn authorization(config: &mut kube::Config, plugin: &Plugin) -> Result<HeaderMap, String> {
    let user = &mut config.auth_info;
    if let Some(path) = user.token_file.take() {
        match token_in(Path::new(&path)) {
            Ok(token) => user.token = Some(token.into()),
            // As in client-go: what was written beside the file serves when the file does not.
            Err(_unreadable) if user.token.is_some() => {}
            Err(error) => return Err(format!("{path}: {error}")),
        }
    }
    if let Some(written) = written(user)? {
        return header(&written);
    }
    let Some(exec) = &user.exec else {
        return Ok(HeaderMap::new());
    };
    let credential = plugin.credential(exec).await?;
    if let Some((chain, key)) = credential.identity {
        user.client_certificate_data = Some(STANDARD.encode(chain));
        user.client_key_data = Some(STANDARD.encode(key.reveal()).into());
    }
    credential.token.map_or_else(
        || Ok(HeaderMap::new()),
        |token| header(&format!("Bearer {}", token.reveal())),
    )
}

/// The header that the file itself gives.
fn written(user: &AuthInfo) -> Result<Option<String>, String> {
    match &user.auth_provider {
        Some(provider) if provider.name == "oidc" => {
            let token = provider
                .config
                .get("id-token")
                .ok_or("its auth provider oidc has no id-token")?;
            return Ok(Some(format!("Bearer {token}")));
        }
        Some(provider) => {
            let name = &provider.name;
            return Err(format!(
                "the auth provider {name} is none that client-go has any more; use an exec plugin"
            ));
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

fn header(text: &str) -> Result<HeaderMap, String> {
    let value = HeaderValue::from_str(text)
        .map_err(|_error| "its token is none that HTTP can carry".to_owned());
    let mut value = value?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

/// The kubeconfig's own `proxy-url`.
fn named_proxy(config: &kube::Config) -> Result<Option<Proxy>, String> {
    let written = config.proxy_url.as_ref().map(ToString::to_string);
    let own = written.filter(|url| url.trim_end_matches('/') != NO_PROXY_URL);
    let proxy = own.map(|url| Proxy::from_url(&url)).transpose();
    proxy.map_err(|wrong| format!("its proxy-url {}; {}", wrong.what, wrong.right))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_a_password_and_an_id_token_are_sent_as_client_go_sends_them() {
        let written = |user: serde_json::Value| written(&serde_json::from_value(user).unwrap());
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
            assert_eq!(
                written(user.clone()).unwrap().as_deref(),
                expected,
                "{user}"
            );
        }
        assert_eq!(
            written(oidc(json!({}))).unwrap_err(),
            "its auth provider oidc has no id-token"
        );
        let gone = written(json!({ "auth-provider": { "name": "gcp" } })).unwrap_err();
        assert!(
            gone.starts_with("the auth provider gcp is none that client-go has any more"),
            "{gone}"
        );
        assert!(header("Bearer a\nb").is_err());
    }

    #[test]
    fn paths_are_relative_to_the_file_and_a_bare_command_is_looked_for_in_path() {
        let user = json!({ "name": "u", "user": {
            "client-certificate": "c.crt", "client-key": "/keys/c.key", "tokenFile": "t", "exec": { "command": "bin/x" },
        }});
        let bare = json!({ "name": "b", "user": { "exec": { "command": "aws" } } });
        let cluster = json!({ "name": "c", "cluster": { "certificate-authority": "ca.crt" } });
        let file = json!({ "clusters": [cluster], "users": [user, bare] });
        let mut file: Kubeconfig = serde_json::from_value(file).unwrap();
        from_folder(&mut file, Path::new("/home"));
        let ca = file.clusters[0]
            .cluster
            .as_ref()
            .unwrap()
            .certificate_authority
            .as_deref();
        assert_eq!(ca, Some("/home/ca.crt"));
        let users: Vec<_> = file
            .auth_infos
            .iter()
            .map(|named| named.auth_info.as_ref().unwrap())
            .collect();
        let paths = [
            &users[0].client_certificate,
            &users[0].client_key,
            &users[0].token_file,
        ];
        assert_eq!(
            paths.map(Option::as_deref),
            [Some("/home/c.crt"), Some("/keys/c.key"), Some("/home/t")]
        );
        let commands =
            [users[0], users[1]].map(|user| user.exec.as_ref().unwrap().command.as_deref());
        assert_eq!(commands, [Some("/home/bin/x"), Some("aws")]);
    }
}
