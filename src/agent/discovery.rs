//! Finds the agent through the API server: its Deployment, the newest pod, and the pod's
//! environment.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use serde::de::{DeserializeOwned, IgnoredAny};
use url::form_urlencoded;

use crate::agent::aws_identity::{
    SKIP_CONTAINERS_ANNOTATION, agent_container, image_version, skips_agent,
};
use crate::agent::environment::{self, MountedObjects};
use crate::agent::projected_tokens;
use crate::config::{AgentDiscovery, AgentEnvironment, AgentLocation, DiscoveredAgent};
use crate::kube::json_stream::{ItemSplitter, SplitError};
use crate::kube::types::object::{List, ListEnvelope, Map, Object, ObjectMeta};
use crate::kube::types::pod_spec::{PodSpec, PodWithSpec};
use crate::kube::types::workload::{WorkloadSpec, revision};
use crate::kube::{ApiConnection, Client, ClientError};
use crate::net::{Response, StreamResponse};

/// The label that the chart sets on the agent's Deployment, whatever its name.
pub const AGENT_LABEL: (&str, &str) = ("app.kubernetes.io/name", "castai-agent");
/// Largest number of Deployments with the chart's label that are searched for the agent.
const MAX_LABELLED_DEPLOYMENTS: usize = 4;
/// Pods per page of a list.
const PAGE_SIZE: usize = 50;
/// Longest environment variable, in bytes, as in Linux.
const MAX_VARIABLE_BYTES: usize = 128 << 10;
/// Number of bytes of pods that are searched for the agent's newest pod.
const MAX_PODS_BYTES: usize = 4 << 20;
/// Timeout for each chunk of a page.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(15);

/// The agent's Deployment.
type AgentDeployment = Object<WorkloadSpec<PodSpec>, IgnoredAny, IgnoredAny, Map>;
/// A `ReplicaSet`, of which only the metadata matters.
type ReplicaSetMetadata = Object<IgnoredAny, IgnoredAny, IgnoredAny, Map>;

/// An error while finding the agent.
enum DiscoveryError {
    NotInstalled(String),
    Unreadable(String),
}

/// Finds the agent and the environment of its newest pod, or of its Deployment if it has no pod.
///
/// A pod belongs to the agent if its `ReplicaSet` belongs to the Deployment; labels alone do not
/// count.
pub async fn discover(client: &Client, location: &AgentLocation) -> AgentDiscovery {
    match find_agent(client, location).await {
        Ok(agent) => AgentDiscovery::Found(agent),
        Err(DiscoveryError::NotInstalled(why)) => AgentDiscovery::Absent(why),
        Err(DiscoveryError::Unreadable(why)) => AgentDiscovery::Unreadable(why),
    }
}

async fn find_agent(
    client: &Client,
    location: &AgentLocation,
) -> Result<DiscoveredAgent, DiscoveryError> {
    let mut api = client.connect().await?;
    let AgentLocation {
        namespace,
        deployment: name,
        ..
    } = location;
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
    let subject = format!("Deployment {name} in namespace {namespace}");
    let deployment = match get(&mut api, &path, "get deployments.apps", &subject).await? {
        Some(deployment) => deployment,
        None => labelled_deployment(&mut api, namespace)
            .await?
            .ok_or_else(|| {
                DiscoveryError::NotInstalled(format!(
                    "Deployment {name} does not exist in namespace {namespace}"
                ))
            })?,
    };
    let pod = newest(owned_pods(&mut api, namespace, &deployment).await?);
    let (source, object, spec) = match &pod {
        Some(pod) => (AgentEnvironment::Pod, &pod.metadata.name, &pod.spec),
        None => (
            AgentEnvironment::Deployment,
            &deployment.metadata.name,
            &deployment.spec.template.spec,
        ),
    };
    let mounts = MountedObjects::new(&location.mounts);
    let environment = environment::resolve(spec, pod.as_ref(), &mounts);
    let skipped = pod
        .as_ref()
        .and_then(|pod| pod.metadata.annotations.get(SKIP_CONTAINERS_ANNOTATION));
    Ok(DiscoveredAgent {
        source,
        object: object.clone(),
        address: pod.as_ref().and_then(|pod| pod.status.pod_ip.clone()),
        service_account: spec
            .service_account()
            .unwrap_or(&location.service_account)
            .to_owned(),
        variables: environment.variables,
        unseen: environment.unresolved,
        tokens: projected_tokens::mounted_tokens(spec),
        version: agent_container(spec).and_then(|agent| image_version(&agent.image)),
        skips_agent: skips_agent(skipped.map(String::as_str)),
    })
}

/// Returns the Deployment with the chart's label.
async fn labelled_deployment(
    api: &mut ApiConnection,
    namespace: &str,
) -> Result<Option<AgentDeployment>, DiscoveryError> {
    let (label, value) = AGENT_LABEL;
    let selector: String =
        form_urlencoded::byte_serialize(format!("{label}={value}").as_bytes()).collect();
    let path = format!(
        "/apis/apps/v1/namespaces/{namespace}/deployments?labelSelector={selector}&limit={MAX_LABELLED_DEPLOYMENTS}"
    );
    let subject = format!("Deployments with label {label}={value} in namespace {namespace}");
    let found: Option<List<AgentDeployment>> =
        get(api, &path, "list deployments.apps", &subject).await?;
    Ok(found.and_then(|found| {
        found
            .items
            .into_iter()
            .find(|deployment| agent_container(&deployment.spec.template.spec).is_some())
    }))
}

/// Returns the pods of a Deployment, and whether each has its current revision.
async fn owned_pods(
    api: &mut ApiConnection,
    namespace: &str,
    deployment: &AgentDeployment,
) -> Result<Vec<(bool, PodWithSpec)>, DiscoveryError> {
    let mut pods = Vec::new();
    // Keyed by ReplicaSet UID: whether it has the current revision, or None if it has another
    // owner.
    let mut revisions: BTreeMap<String, Option<bool>> = BTreeMap::new();
    for pod in list_pods(api, namespace, &deployment.spec.selector.to_string()).await? {
        let Some(owner) = pod.metadata.controller_of_kind("ReplicaSet").cloned() else {
            continue;
        };
        if !revisions.contains_key(&owner.uid) {
            let path = format!(
                "/apis/apps/v1/namespaces/{namespace}/replicasets/{}",
                owner.name
            );
            let subject = format!("ReplicaSet {}", owner.name);
            let set: Option<ReplicaSetMetadata> =
                get(api, &path, "get replicasets.apps", &subject).await?;
            let is_current = set
                .map(|set| set.metadata)
                .filter(|set| set.uid == owner.uid)
                .filter(|set| {
                    set.controller_of_kind("Deployment")
                        .is_some_and(|owner| owner.uid == deployment.metadata.uid)
                })
                .map(|set| revision(&set) == revision(&deployment.metadata));
            revisions.insert(owner.uid.clone(), is_current);
        }
        if let Some(is_current) = revisions[&owner.uid] {
            pods.push((is_current, pod));
        }
    }
    Ok(pods)
}

/// Lists the pods that match a selector, page by page. Parses each pod as its page arrives.
async fn list_pods(
    api: &mut ApiConnection,
    namespace: &str,
    selector: &str,
) -> Result<Vec<PodWithSpec>, DiscoveryError> {
    let subject = format!("pods in namespace {namespace}");
    let mut pods = Vec::new();
    let (mut bytes_read, mut invalid) = (0, None);
    let mut next = String::new();
    loop {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("labelSelector", selector)
            .append_pair("limit", &PAGE_SIZE.to_string())
            .append_pair("continue", &next)
            .finish();
        let path = format!("/api/v1/namespaces/{namespace}/pods?{query}");
        let mut stream = match api.stream(&path).await? {
            StreamResponse::Stream(stream) => stream,
            StreamResponse::Rejected(response) => {
                return Err(rejected(&response, "list pods", &subject));
            }
        };
        let mut items = ItemSplitter::new(MAX_VARIABLE_BYTES);
        while let Some(bytes) = stream
            .next(CHUNK_TIMEOUT)
            .await
            .map_err(ClientError::Request)?
        {
            let each = |item: Result<&[u8], SplitError>| {
                let parsed = item
                    .map_err(|error| malformed(&subject, &error))
                    .and_then(|item| {
                        bytes_read += item.len();
                        serde_json::from_slice(item).map_err(|error| unparsable(&subject, &error))
                    });
                match parsed {
                    Ok(pod) if bytes_read <= MAX_PODS_BYTES => pods.push(pod),
                    Ok(_) => {}
                    Err(error) => invalid = Some(error),
                }
            };
            items
                .feed(&bytes, each)
                .map_err(|error| malformed(&subject, &error))?;
        }
        let envelope = items
            .envelope()
            .map_err(|error| malformed(&subject, &error))?;
        let envelope: ListEnvelope =
            serde_json::from_slice(&envelope).map_err(|error| unparsable(&subject, &error))?;
        next = envelope.metadata.r#continue;
        if next.is_empty() || bytes_read > MAX_PODS_BYTES {
            // A pod that cannot be read matters only if no other can.
            return match invalid.filter(|_| pods.is_empty()) {
                Some(error) => Err(error),
                None => Ok(pods),
            };
        }
    }
}

/// Returns the newest pod that is not being deleted. The current revision takes precedence, because
/// a rollback makes an older `ReplicaSet` current again.
fn newest(pods: Vec<(bool, PodWithSpec)>) -> Option<PodWithSpec> {
    let age = |metadata: &ObjectMeta<IgnoredAny, Map>| {
        (metadata.creation_timestamp, metadata.name.clone())
    };
    pods.into_iter()
        .filter(|(_, pod)| pod.metadata.deletion_timestamp.is_none())
        .max_by_key(|(is_current, pod)| (*is_current, age(&pod.metadata)))
        .map(|(_, pod)| pod)
}

/// Reads one object; `None` if it does not exist.
async fn get<T: DeserializeOwned>(
    api: &mut ApiConnection,
    path: &str,
    permission: &str,
    subject: &str,
) -> Result<Option<T>, DiscoveryError> {
    let response = api.get(path).await?;
    match response.status {
        StatusCode::OK if response.truncated => {
            Err(malformed(subject, &"the response is larger than 64 KiB"))
        }
        StatusCode::OK => serde_json::from_slice(&response.body)
            .map(Some)
            .map_err(|error| unparsable(subject, &error)),
        StatusCode::NOT_FOUND => Ok(None),
        _ => Err(rejected(&response, permission, subject)),
    }
}

impl From<ClientError> for DiscoveryError {
    fn from(error: ClientError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

fn rejected(response: &Response, permission: &str, subject: &str) -> DiscoveryError {
    let body = response.quoted();
    unreadable(&match response.status {
        StatusCode::FORBIDDEN => {
            format!("the exporter's service account is not allowed to {permission}: {body}")
        }
        status => format!("the request for {subject} returned {status} {body}"),
    })
}

fn malformed(subject: &str, cause: &dyn fmt::Display) -> DiscoveryError {
    unreadable(&format!("malformed response for {subject}: {cause}"))
}

/// Reports only the position of a parse error, because the values may be secret.
fn unparsable(subject: &str, error: &serde_json::Error) -> DiscoveryError {
    let (line, column) = (error.line(), error.column());
    malformed(
        subject,
        &format!("invalid JSON at line {line}, column {column}"),
    )
}

fn unreadable(cause: &str) -> DiscoveryError {
    DiscoveryError::Unreadable(format!("failed to read the agent's environment: {cause}"))
}
