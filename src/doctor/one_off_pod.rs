//! A short-lived pod that runs `check` where the agent runs: created, followed and removed.

pub mod manifest;
mod pod_state;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use manifest::{CONTAINER, ManifestError, OWNER_LABEL, PodRequest};
use pod_state::PodState;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::doctor::verdict_document::{MAX_DOCUMENT_BYTES, VerdictDocument};
use crate::kube::access_review::{ReviewedAccess, is_allowed};
use crate::kube::types::object::Object;
use crate::kube::{Client, ClientError};
use crate::report::evidence::quote;

/// The kubelet stops the pod after this time, even if this program is gone.
const DEADLINE: Duration = Duration::from_mins(5);
/// Largest Deployment and pod that are read, in bytes.
const MAX_OBJECT_BYTES: usize = 2 << 20;
/// Largest log that is read, in bytes: the document, and the log lines around it.
const MAX_LOG_BYTES: usize = 2 * MAX_DOCUMENT_BYTES;
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Number of polls in a row that may fail: the connection of a laptop breaks now and then.
const MAX_FAILED_POLLS: u32 = 5;
const NAME_PREFIX: &str = "castai-health-check";
/// Verbs and resources that are needed, with their subresource.
const NEEDED: &[(&str, &str)] = &[
    ("create", "pods"),
    ("get", "pods"),
    ("get", "pods/log"),
    ("delete", "pods"),
];

/// A pod that this program created and has to remove.
#[derive(Debug)]
pub struct OneOffPod {
    client: Client,
    namespace: String,
    name: String,
    image: String,
}

/// An error of the short-lived pod, as a sentence that says what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OneOffPodError {
    /// Permissions are missing.
    #[error(
        "you may not start a pod in namespace {namespace}: your account lacks {}; ask for these \
         verbs, or run check without --in-cluster",
        verbs.join(", ")
    )]
    NotAllowed {
        /// The namespace.
        namespace: String,
        /// The missing verbs with their resources, such as `create pods`.
        verbs: Vec<String>,
    },
    /// The agent's Deployment cannot be used as a template.
    #[error("the agent's Deployment {namespace}/{name} cannot be read: {reason}")]
    NoTemplate {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The reason.
        reason: String,
    },
    /// The Deployment is not one of the agent.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The API server or an admission policy rejected the pod.
    #[error("the API server rejected the pod: {0}")]
    Rejected(String),
    /// The image cannot be pulled.
    #[error(
        "the image {image} cannot be pulled: {reason}; name one that this cluster can pull with \
         --image, the pod uses the agent's imagePullSecrets"
    )]
    ImagePull {
        /// The image.
        image: String,
        /// The reason.
        reason: String,
    },
    /// The container cannot be created, as the agent's probably cannot either.
    #[error("the container cannot be created: {0}")]
    NotCreated(String),
    /// The pod did not finish in time.
    #[error("the pod did not finish within {} s: {state}", DEADLINE.as_secs())]
    TooLate {
        /// Its last state.
        state: String,
    },
    /// The API server rejects reads of the pod.
    #[error("the state of the pod cannot be read: {0}")]
    Unreadable(String),
    /// Something deleted or evicted the pod.
    #[error("the pod was stopped: {0}")]
    Stopped(String),
    /// The pod finished without a report.
    #[error("the pod finished without a report; its log ends with {0}")]
    NoReport(String),
    /// The API server did not respond.
    #[error("{0}")]
    Request(#[from] ClientError),
}

impl OneOffPod {
    /// Returns an error that names the verbs that the caller lacks to run a pod.
    ///
    /// # Errors
    /// If a verb is missing, or if the API server does not say.
    pub async fn review(client: &Client, namespace: &str) -> Result<(), OneOffPodError> {
        let mut api = client.connect().await?;
        let mut verbs = Vec::new();
        for (verb, resource) in NEEDED {
            let access = ReviewedAccess {
                verb,
                group: "",
                resource,
                namespace: Some(namespace),
                name: None,
            };
            if !is_allowed(&mut api, &access).await? {
                verbs.push(format!("{verb} {resource}"));
            }
        }
        if verbs.is_empty() {
            return Ok(());
        }
        Err(OneOffPodError::NotAllowed {
            namespace: namespace.to_owned(),
            verbs,
        })
    }

    /// Returns the handle of a pod that is not created yet, so that it can be removed whatever
    /// happens to the request that creates it.
    pub fn new(client: &Client, namespace: &str, image: &str) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let unique = since.unwrap_or_default().as_nanos() & 0xffff_ffff_ffff;
        Self {
            client: client.clone(),
            namespace: namespace.to_owned(),
            name: format!("{NAME_PREFIX}-{unique:012x}"),
            image: image.to_owned(),
        }
    }

    /// Returns the name of the pod.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the command that removes the pod.
    pub fn removal_command(&self) -> String {
        format!("kubectl -n {} delete pod {}", self.namespace, self.name)
    }

    /// Creates the pod from the agent's Deployment, if possible on the node of the agent's pod, waits
    /// until it has run `check` with these arguments, and returns its verdict. `progress` receives
    /// the state of the pod.
    ///
    /// # Errors
    /// If the pod cannot be created, does not finish or prints no report.
    pub async fn run(
        &self,
        deployment: &str,
        agent_pod: Option<&str>,
        arguments: Vec<String>,
        progress: impl Fn(&str),
    ) -> Result<VerdictDocument, OneOffPodError> {
        let template = self.template(deployment).await?;
        let node = match agent_pod {
            Some(pod) => self.node_of(pod).await,
            None => None,
        };
        let manifest = manifest::pod(
            &template,
            &PodRequest {
                name: self.name.clone(),
                image: self.image.clone(),
                arguments,
                deadline_seconds: DEADLINE.as_secs(),
                node,
            },
        )?;
        let path = format!("/api/v1/namespaces/{}/pods", self.namespace);
        progress("creating the pod");
        let reply = self.client.create(&path, &manifest).await?;
        if !reply.status.is_success() {
            return Err(OneOffPodError::Rejected(reply.reason()));
        }
        self.wait(progress).await?;
        self.report().await
    }

    /// Returns the node of a pod. It is only preferred, so an error does not matter.
    async fn node_of(&self, pod: &str) -> Option<String> {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}", self.namespace);
        let reply = self.client.get_bytes(&path, MAX_OBJECT_BYTES).await.ok()?;
        let pod: Object<Node> = serde_json::from_slice(&reply.body).ok()?;
        Some(pod.spec.node_name).filter(|name| !name.is_empty())
    }

    /// Removes the pod, if it exists.
    ///
    /// # Errors
    /// If the API server does not remove it.
    pub async fn remove(&self) -> Result<(), OneOffPodError> {
        remove(&self.client, &self.namespace, &self.name).await
    }

    async fn template(&self, deployment: &str) -> Result<Value, OneOffPodError> {
        let namespace = &self.namespace;
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}");
        let reply = self.client.get_bytes(&path, MAX_OBJECT_BYTES).await?;
        let unusable = |reason: String| OneOffPodError::NoTemplate {
            namespace: namespace.clone(),
            name: deployment.to_owned(),
            reason,
        };
        if !reply.status.is_success() {
            return Err(unusable(reply.reason()));
        }
        // The position only: values may be secret.
        serde_json::from_slice(&reply.body)
            .map_err(|error| unusable(format!("invalid JSON at column {}", error.column())))
    }

    async fn wait(&self, progress: impl Fn(&str)) -> Result<(), OneOffPodError> {
        let deadline = Instant::now() + DEADLINE;
        let mut failed_polls = 0;
        loop {
            let state = match self.state().await {
                Err(error @ OneOffPodError::Stopped(_)) => return Err(error),
                Err(error) => {
                    failed_polls += 1;
                    if failed_polls > MAX_FAILED_POLLS {
                        return Err(error);
                    }
                    sleep(POLL_INTERVAL).await;
                    continue;
                }
                Ok(state) => state,
            };
            failed_polls = 0;
            match &state {
                PodState::Finished => return Ok(()),
                PodState::ImagePull(reason) => {
                    return Err(OneOffPodError::ImagePull {
                        image: self.image.clone(),
                        reason: reason.clone(),
                    });
                }
                PodState::NotCreated(reason) => {
                    return Err(OneOffPodError::NotCreated(reason.clone()));
                }
                PodState::Stopped(reason) => return Err(OneOffPodError::Stopped(reason.clone())),
                PodState::Waiting(_) | PodState::Running => progress(&state.to_string()),
            }
            if Instant::now() >= deadline {
                return Err(OneOffPodError::TooLate {
                    state: state.to_string(),
                });
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    async fn state(&self) -> Result<PodState, OneOffPodError> {
        let reply = self
            .client
            .get_bytes(&self.path(), MAX_OBJECT_BYTES)
            .await?;
        match reply.status {
            StatusCode::NOT_FOUND => Err(OneOffPodError::Stopped(
                "something else deleted it".to_owned(),
            )),
            status if status.is_success() => Ok(PodState::parse(&reply.body)),
            status => Err(OneOffPodError::Unreadable(format!(
                "{status} {}",
                reply.reason()
            ))),
        }
    }

    /// Reads the report from the pod's log, where log lines may surround it.
    async fn report(&self) -> Result<VerdictDocument, OneOffPodError> {
        let path = format!("{}/log?container={CONTAINER}", self.path());
        let reply = self.client.get_bytes(&path, MAX_LOG_BYTES).await?;
        if !reply.status.is_success() {
            return Err(OneOffPodError::NoReport(reply.reason()));
        }
        document_in(&reply.body).ok_or_else(|| {
            let end = reply.body.len().saturating_sub(300);
            OneOffPodError::NoReport(quote(&reply.body[end..]))
        })
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}", self.namespace, self.name)
    }
}

/// Removes finished pods of earlier runs that were killed before they could remove theirs.
pub async fn remove_leftovers(client: &Client, namespace: &str) {
    let (label, value) = OWNER_LABEL;
    let mut finished = Vec::new();
    let each = |item: &[u8]| {
        let pod: Result<Object<IgnoredAny, Phase>, _> = serde_json::from_slice(item);
        if let Ok(pod) = pod
            && matches!(pod.status.phase.as_str(), "Succeeded" | "Failed")
        {
            finished.push(pod.metadata.name);
        }
    };
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let listed = client
        .list(&path, &format!("{label}={value}"), "list pods", each)
        .await;
    if listed.is_ok() {
        for name in finished {
            // The next run tries again.
            let _ = remove(client, namespace, &name).await;
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Phase {
    phase: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Node {
    node_name: String,
}

async fn remove(client: &Client, namespace: &str, name: &str) -> Result<(), OneOffPodError> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
    let reply = client.delete(&path).await?;
    match reply.status {
        StatusCode::NOT_FOUND => Ok(()),
        status if status.is_success() => Ok(()),
        _ => Err(OneOffPodError::Rejected(reply.reason())),
    }
}

/// Returns the last status document in a log.
fn document_in(log: &[u8]) -> Option<VerdictDocument> {
    let starts = memchr::memmem::rfind_iter(log, b"{\n");
    starts
        .filter(|start| *start == 0 || log[start - 1] == b'\n')
        .find_map(|start| {
            // Log lines may follow.
            let mut documents = serde_json::Deserializer::from_slice(&log[start..]).into_iter();
            let document: Value = documents.next()?.ok()?;
            VerdictDocument::parse(document.to_string().as_bytes()).ok()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_is_found_between_log_lines() {
        let log = "level=WARN msg=\"{\"\n{\n  \"schema_version\": 1,\n  \"checks\": []\n}\nlevel=INFO msg=bye\n";
        assert!(document_in(log.as_bytes()).is_some());
        for log in ["", "{\n", "level=ERROR msg=x\n", "{\n  \"a\": 1\n}\n"] {
            assert!(document_in(log.as_bytes()).is_none(), "{log}");
        }
    }
}
