//! A kubeconfig's exec plugin: the program that hands out a credential (`client.authentication.k8s.io/v1`).
//!
//! It is run beside everything else, within a limit, and killed when its time is up.

use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::config::{Secret, tree};
use crate::report::evidence::quote;

/// How long a plugin may take.
const LIMIT: Duration = Duration::from_secs(10);
/// How long a credential is used before the plugin is asked again; it may say that it ends sooner.
const KEEP: Duration = Duration::from_mins(5);
/// A credential is not used any more when it ends this soon, in seconds.
const MARGIN: i64 = 10;
/// The most that is read of what a plugin prints.
const MAX_OUTPUT: u64 = 1 << 20;

/// Runs plugins, and keeps the latest credential for a while.
#[derive(Debug)]
pub struct Plugin {
    limit: Duration,
    kept: Mutex<Option<Kept>>,
    /// Who comes while somebody asks waits for that answer.
    asking: tokio::sync::Mutex<()>,
}

/// What a plugin gave.
#[derive(Clone, Debug)]
pub struct Credential {
    /// For `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// A client certificate and its key, as PEM.
    pub identity: Option<(String, Secret)>,
}

#[derive(Debug)]
struct Kept {
    of: Secret,
    credential: Credential,
    since: Instant,
    expiry: Option<i64>,
}

#[derive(Deserialize)]
struct Output {
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Default for Plugin {
    fn default() -> Self {
        Self::within(LIMIT)
    }
}

impl Plugin {
    /// Runs plugins for so long at most.
    pub fn within(limit: Duration) -> Self {
        Self {
            limit,
            kept: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// The kept credential, or a new one.
    ///
    /// # Errors
    /// Why the plugin gave none; what it printed on standard output is not shown.
    pub async fn credential(&self, exec: &ExecConfig) -> Result<Credential, String> {
        // As a value first: that sorts the keys.
        let of = Secret::new(
            serde_json::to_value(exec)
                .map_err(|error| error.to_string())?
                .to_string(),
        );
        let _turn = self.asking.lock().await;
        if let Some(credential) = self.kept(&of) {
            return Ok(credential);
        }
        let name = exec
            .command
            .as_deref()
            .ok_or("its exec plugin has no command")?;
        let printed = timeout(self.limit, run(name, exec)).await;
        let printed = printed.map_err(|_elapsed| {
            format!(
                "its exec plugin {name} gave no token within {:?}",
                self.limit
            )
        })?;
        let (credential, expiry) = printed
            .and_then(|printed| parse(&printed))
            .map_err(|error| format!("its exec plugin {name} {error}"))?;
        let kept = Kept {
            of,
            credential: credential.clone(),
            since: Instant::now(),
            expiry,
        };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(credential)
    }

    /// The credential was refused: the plugin is asked again next time.
    pub fn forget(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn kept(&self, of: &Secret) -> Option<Credential> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = jiff::Timestamp::now().as_second();
        let good = |kept: &&Kept| {
            kept.of == *of
                && kept.since.elapsed() < KEEP
                && kept.expiry.is_none_or(|expiry| now + MARGIN < expiry)
        };
        kept.as_ref()
            .filter(good)
            .map(|kept| kept.credential.clone())
    }
}

/// Runs it as client-go does without a terminal.
async fn run(name: &str, exec: &ExecConfig) -> Result<Vec<u8>, String> {
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
        return Err(
            "wants to talk to somebody (interactiveMode: Always), and nobody is here".to_owned(),
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
    let mut plugin = Command::new(name)
        .args(exec.args.iter().flatten())
        .envs(variables)
        .env("KUBERNETES_EXEC_INFO", info.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot be run: {error}"))?;
    let (output, errors) =
        tokio::join!(bounded(plugin.stdout.take()), bounded(plugin.stderr.take()));
    let ended = plugin.wait().await.map_err(|error| error.to_string())?;
    if ended.success() {
        Ok(output)
    } else {
        Err(format!("ended with {ended} {}", quote(&errors)))
    }
}

async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut text = Vec::new();
    if let Some(stream) = stream {
        // What was read before an error is judged as it is.
        let _ = stream.take(MAX_OUTPUT).read_to_end(&mut text).await;
    }
    text
}

/// What it printed; JSON, or YAML as client-go takes it too.
fn parse(printed: &[u8]) -> Result<(Credential, Option<i64>), String> {
    let tree = std::str::from_utf8(printed)
        .ok()
        .and_then(|text| tree::parse(text).ok());
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
        .map_err(|_error| "printed an expirationTimestamp that is no time")?;
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
    fn what_is_no_credential_is_said_without_its_text() {
        for printed in [
            "",
            "secret",
            "{}",
            "[]",
            r#"{"status":{}}"#,
            r#"{"status":{"token":""}}"#,
        ] {
            let error = parse(printed.as_bytes()).unwrap_err();
            assert!(
                error.starts_with("printed ") && !error.contains("secret"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_token_a_certificate_and_an_end_are_read_from_json_and_from_yaml() {
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
