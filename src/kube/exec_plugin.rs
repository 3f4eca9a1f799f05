//! Exec plugins of a kubeconfig (`client.authentication.k8s.io/v1`), run asynchronously with a
//! timeout.

use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::config::Secret;
use crate::config::exporter::yaml;
use crate::report::evidence::quote;
use crate::{own_resources, redaction};

/// Time after which a plugin is killed.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum age of a cached credential; it may expire sooner.
const MAX_CACHE_AGE: Duration = Duration::from_mins(5);
/// Remaining lifetime below which a cached credential is not used, in seconds.
const MIN_LIFETIME_SECONDS: i64 = 10;
/// Largest output of a plugin that is read, in bytes.
const MAX_OUTPUT_BYTES: u64 = 1 << 20;

/// Runs exec plugins and caches the latest credential.
#[derive(Debug)]
pub struct ExecPlugin {
    timeout: Duration,
    cache: Mutex<Option<CachedCredential>>,
    /// Serialises runs, so that concurrent callers share one result.
    running: tokio::sync::Mutex<()>,
}

/// A credential from a plugin.
#[derive(Clone, Debug)]
pub struct Credential {
    /// A bearer token.
    pub token: Option<Secret>,
    /// A client certificate and its key, both PEM.
    pub identity: Option<(String, Secret)>,
}

/// An error while running an exec plugin.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct ExecPluginError(String);

#[derive(Debug)]
struct CachedCredential {
    /// The configuration of the plugin that returned it.
    plugin: Secret,
    credential: Credential,
    since: Instant,
    expiry: Option<i64>,
}

#[derive(Deserialize)]
struct Output {
    status: Option<ExecCredentialStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredentialStatus {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Default for ExecPlugin {
    fn default() -> Self {
        Self::with_timeout(TIMEOUT)
    }
}

impl ExecPlugin {
    /// Returns a runner with another timeout.
    pub fn with_timeout(timeout: Duration) -> Self {
        Self {
            timeout,
            cache: Mutex::default(),
            running: tokio::sync::Mutex::default(),
        }
    }

    /// Returns the cached credential or runs the plugin. Errors never contain its standard output.
    ///
    /// # Errors
    /// If the plugin returns no credential within the timeout.
    pub async fn credential(&self, exec: &ExecConfig) -> Result<Credential, ExecPluginError> {
        // The value sorts the keys, which makes equal configurations compare equal.
        let plugin = Secret::unregistered(
            serde_json::to_value(exec)
                .map_err(|error| ExecPluginError(error.to_string()))?
                .to_string(),
        );
        let _turn = self.running.lock().await;
        if let Some(credential) = self.cached(&plugin) {
            return Ok(credential);
        }
        let name = exec
            .command
            .as_deref()
            .ok_or_else(|| ExecPluginError("the exec plugin has no command".to_owned()))?;
        let output = timeout(self.timeout, run(name, exec)).await;
        let output = output.map_err(|_elapsed| {
            ExecPluginError(format!(
                "exec plugin {name} timed out after {:?}",
                self.timeout
            ))
        })?;
        let (credential, expiry) = output
            .and_then(|output| parse(&output))
            .map_err(|error| ExecPluginError(format!("exec plugin {name} {error}")))?;
        let cached = CachedCredential {
            plugin,
            credential: credential.clone(),
            since: Instant::now(),
            expiry,
        };
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = Some(cached);
        Ok(credential)
    }

    /// Discards the cached credential, so that the next call runs the plugin.
    pub fn discard(&self) {
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn cached(&self, plugin: &Secret) -> Option<Credential> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let now = jiff::Timestamp::now().as_second();
        let is_valid = |kept: &&CachedCredential| {
            kept.plugin == *plugin
                && kept.since.elapsed() < MAX_CACHE_AGE
                && kept
                    .expiry
                    .is_none_or(|expiry| now + MIN_LIFETIME_SECONDS < expiry)
        };
        cache
            .as_ref()
            .filter(is_valid)
            .map(|kept| kept.credential.clone())
    }
}

/// Runs a plugin as client-go does without a terminal.
async fn run(name: &str, exec: &ExecConfig) -> Result<Vec<u8>, String> {
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
        return Err(
            "requires a terminal (interactiveMode: Always), which the exporter does not have"
                .to_owned(),
        );
    }
    let mut spec = json!({ "interactive": false });
    if exec.provide_cluster_info {
        spec["cluster"] = serde_json::to_value(&exec.cluster).map_err(|error| error.to_string())?;
    }
    let info = json!({ "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec });
    let variables = exec
        .env
        .iter()
        .flatten()
        .filter_map(|pair| Some((pair.get("name")?, pair.get("value")?)));
    for secret in configured_secrets(exec) {
        redaction::remember(secret.as_bytes());
    }
    let mut plugin = Command::new(name)
        .args(exec.args.iter().flatten())
        .envs(variables)
        .env("KUBERNETES_EXEC_INFO", info.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .inspect_err(own_resources::note)
        .map_err(|error| format!("failed to start: {error}"))?;
    let (output, errors) =
        tokio::join!(bounded(plugin.stdout.take()), bounded(plugin.stderr.take()));
    let status = plugin.wait().await.map_err(|error| error.to_string())?;
    if status.success() {
        Ok(output)
    } else {
        Err(format!("failed with {status}: {}", quote(&errors)))
    }
}

/// Returns the values of variables and options with a name that marks them as secret. A plugin may
/// print them.
fn configured_secrets(exec: &ExecConfig) -> Vec<&str> {
    let is_secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["key", "token", "secret", "password"]
            .iter()
            .any(|word| name.contains(word))
    };
    let variables = exec.env.iter().flatten().filter_map(|pair| {
        let name = pair.get("name").filter(|name| is_secret(name));
        name.and_then(|_| pair.get("value")).map(String::as_str)
    });
    let args: Vec<&str> = exec.args.iter().flatten().map(String::as_str).collect();
    let options = args.iter().enumerate().filter_map(|(at, option)| {
        let name = option.starts_with('-').then_some(*option)?;
        match name.split_once('=') {
            Some((name, value)) => is_secret(name).then_some(value),
            None => args.get(at + 1).copied().filter(|_| is_secret(name)),
        }
    });
    variables.chain(options).collect()
}

async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut text = Vec::new();
    if let Some(stream) = stream {
        // A partial output is parsed like a whole one.
        let _ = stream.take(MAX_OUTPUT_BYTES).read_to_end(&mut text).await;
    }
    text
}

/// Parses an `ExecCredential`, which client-go accepts as JSON or YAML.
fn parse(output: &[u8]) -> Result<(Credential, Option<i64>), String> {
    let tree = std::str::from_utf8(output)
        .ok()
        .and_then(|text| yaml::parse(text).ok());
    let output: Option<Output> =
        tree.and_then(|tree| serde_json::from_value(tree.value.to_json()).ok());
    let status = output
        .and_then(|output| output.status)
        .ok_or("printed no ExecCredential with a status")?;
    let expiry = status
        .expiration_timestamp
        .map(|time| time.parse::<jiff::Timestamp>());
    let expiry = expiry
        .transpose()
        .map_err(|_error| "printed an invalid expirationTimestamp")?;
    let token = status
        .token
        .filter(|token| !token.is_empty())
        .map(Secret::new);
    let identity = status
        .client_certificate_data
        .zip(status.client_key_data.map(Secret::new));
    if token.is_none() && identity.is_none() {
        return Err("printed neither a token nor a client certificate".to_owned());
    }
    Ok((
        Credential { token, identity },
        expiry.map(jiff::Timestamp::as_second),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_output_is_reported_without_its_text() {
        for output in [
            "",
            "secret",
            "{}",
            "[]",
            r#"{"status":{}}"#,
            r#"{"status":{"token":""}}"#,
        ] {
            let error = parse(output.as_bytes()).unwrap_err();
            assert!(
                error.starts_with("printed ") && !error.contains("secret"),
                "{error}"
            );
        }
    }

    #[test]
    fn token_certificate_and_expiry_are_parsed_from_json_and_yaml() {
        let (json, expiry) =
            parse(br#"{"status":{"token":"t","expirationTimestamp":"2023-11-14T22:13:20Z"}}"#)
                .unwrap();
        assert_eq!(
            (json.token, expiry),
            (Some(Secret::new("t")), Some(1_700_000_000))
        );
        let (yaml, expiry) =
            parse(b"status:\n  clientCertificateData: c\n  clientKeyData: k\n").unwrap();
        assert_eq!(
            (yaml.identity, expiry),
            (Some(("c".to_owned(), Secret::new("k"))), None)
        );
    }
}
