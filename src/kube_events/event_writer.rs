//! Writes Events to the API server: creates one, or counts up the one that exists.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;
use serde_json::Value;

use crate::catalogue::Timeouts;
use crate::config::{Config, ProxyRules};
use crate::kube::{ApiConnection, Client, ClientError};
use crate::kube_events::event::{DeploymentReference, EventText};
use crate::net::{Resolver, Response};

/// Largest number of Events with a remembered count.
const MAX_REMEMBERED: usize = 256;

/// Writes Events about one Deployment.
#[derive(Debug)]
pub(super) struct EventWriter {
    client: Client,
    namespace: String,
    deployment: String,
    /// The counts of the Events that this process wrote, by name.
    counts: BTreeMap<String, u64>,
}

/// A reason why an Event was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum EventError {
    /// The API server cannot be reached or denies a permission.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The Deployment that the Event would be about does not exist.
    #[error("Deployment {namespace}/{name} does not exist")]
    NoDeployment { namespace: String, name: String },
    /// The limit of the rate is reached.
    #[error("too many Events in a short time")]
    TooMany,
    /// The API server rejects the Event.
    #[error("{request} returned {status} {body}")]
    Rejected {
        request: &'static str,
        status: StatusCode,
        body: String,
    },
}

impl EventWriter {
    /// Returns a writer for the agent's Deployment.
    pub(super) fn new(config: &Config) -> Self {
        let mut own = config.clone();
        if own.agent_location.is_some() {
            // The agent's proxies do not apply to the exporter, and may be what is broken.
            own.proxy = ProxyRules::default();
        }
        let client = Client::new(&own, &Arc::new(Resolver::new(&config.dns)));
        Self {
            client: client.with_timeouts(Timeouts::AUXILIARY),
            namespace: config.installation.namespace.clone(),
            deployment: config.installation.deployment.clone(),
            counts: BTreeMap::new(),
        }
    }

    /// Writes an Event.
    pub(super) async fn write(
        &mut self,
        text: &EventText,
        now: SystemTime,
    ) -> Result<(), EventError> {
        let mut api = self.client.connect().await?;
        let about = self.reference(&mut api).await?;
        let name = text.object_name(&about);
        let collection = format!("/api/v1/namespaces/{}/events", self.namespace);
        let path = format!("{collection}/{name}");
        let known = self.counts.get(&name).copied();
        let patched = match known {
            Some(count) => count_up(&mut api, &path, text, Some(count), now).await?,
            None => None,
        };
        let count = match patched {
            Some(count) => count,
            None => create(&mut api, &collection, &path, text, &about, now).await?,
        };
        if self.counts.len() >= MAX_REMEMBERED {
            self.counts.clear();
        }
        self.counts.insert(name, count);
        Ok(())
    }

    /// Reads the unique ID of the Deployment.
    async fn reference(&self, api: &mut ApiConnection) -> Result<DeploymentReference, EventError> {
        let Self {
            namespace,
            deployment: name,
            ..
        } = self;
        let path = format!(
            "/apis/apps/v1/namespaces/{namespace}/deployments?fieldSelector=metadata.name%3D{name}"
        );
        let response = api.get(&path).await?;
        if response.status == StatusCode::FORBIDDEN {
            let permission = format!("list deployments.apps in namespace {namespace}");
            return Err(api.forbidden(permission).into());
        }
        let json = accepted("GET deployments", &response)?;
        let uid = json["items"][0]["metadata"]["uid"].as_str();
        let uid = uid.ok_or_else(|| EventError::NoDeployment {
            namespace: namespace.clone(),
            name: name.clone(),
        })?;
        Ok(DeploymentReference {
            namespace: namespace.clone(),
            name: name.clone(),
            uid: uid.to_owned(),
        })
    }
}

/// Creates the Event; an exporter before this one may have done so already.
async fn create(
    api: &mut ApiConnection,
    collection: &str,
    path: &str,
    text: &EventText,
    about: &DeploymentReference,
    now: SystemTime,
) -> Result<u64, EventError> {
    let response = api.post(collection, &text.object(about, now)).await?;
    match response.status {
        StatusCode::CONFLICT => {
            // A patch returns the object, and with it the count that no permission to read is
            // needed for.
            let count = count_up(api, path, text, None, now).await?;
            let count = count_up(api, path, text, count, now).await?;
            Ok(count.unwrap_or(1))
        }
        StatusCode::FORBIDDEN => Err(api
            .forbidden(format!("create events in namespace {}", about.namespace))
            .into()),
        _ => accepted("POST events", &response).map(|_| 1),
    }
}

/// Changes an Event and returns its count; `None` if it has expired.
async fn count_up(
    api: &mut ApiConnection,
    path: &str,
    text: &EventText,
    count: Option<u64>,
    now: SystemTime,
) -> Result<Option<u64>, EventError> {
    let count = count.map(|count| count.saturating_add(1));
    let response = api.patch(path, &text.patch(count, now)).await?;
    match response.status {
        StatusCode::NOT_FOUND => Ok(None),
        StatusCode::FORBIDDEN => Err(api.forbidden("patch events".to_owned()).into()),
        _ => {
            let event = accepted("PATCH events", &response)?;
            Ok(Some(event["count"].as_u64().unwrap_or(1)))
        }
    }
}

fn accepted(request: &'static str, response: &Response) -> Result<Value, EventError> {
    if response.status.is_success() {
        return Ok(response.json().unwrap_or_default());
    }
    Err(EventError::Rejected {
        request,
        status: response.status,
        body: response.quoted(),
    })
}
