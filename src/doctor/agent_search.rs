//! Finds the agent for a person who may not know its namespace.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::agent::discovery;
use crate::agent::discovery::AGENT_LABEL;
use crate::config::{AgentDiscovery, AgentLocation};
use crate::kube::Client;
use crate::kube::types::object::Object;

/// Namespace in which the chart installs the agent by default.
const DEFAULT_NAMESPACE: &str = "castai-agent";

/// The agent, and where it was found.
#[derive(Debug)]
pub struct AgentSearch {
    /// Its namespace and Deployment.
    pub location: AgentLocation,
    /// Its environment.
    pub discovery: AgentDiscovery,
    /// A remark about the search.
    pub remark: Option<String>,
}

#[derive(Deserialize)]
struct NamedDeployment {
    #[serde(flatten)]
    object: Object<IgnoredAny>,
}

impl AgentSearch {
    /// Looks at the given location, and in all namespaces if that is the default one and the agent
    /// is not there.
    pub async fn run(client: &Client, location: AgentLocation) -> Self {
        let discovery = discovery::discover(client, &location).await;
        let absent = matches!(discovery, AgentDiscovery::Absent(_));
        if !absent || location.namespace != DEFAULT_NAMESPACE {
            return Self {
                location,
                discovery,
                remark: None,
            };
        }
        let found = labelled_deployments(client).await;
        match found.as_slice() {
            [(namespace, name)] => {
                let location = AgentLocation {
                    namespace: namespace.clone(),
                    deployment: name.clone(),
                    ..location
                };
                Self {
                    discovery: discovery::discover(client, &location).await,
                    remark: Some(format!(
                        "the agent was found in namespace {namespace}; name it with -n {namespace}"
                    )),
                    location,
                }
            }
            [] => Self {
                location,
                discovery,
                remark: None,
            },
            several => {
                let namespaces: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
                Self {
                    location,
                    discovery,
                    remark: Some(format!(
                        "agents were found in the namespaces {}; choose one with -n",
                        namespaces.join(", ")
                    )),
                }
            }
        }
    }
}

/// Returns namespace and name of the Deployments with the chart's label. Without the permission to
/// list them everywhere, there are none.
async fn labelled_deployments(client: &Client) -> Vec<(String, String)> {
    let (label, value) = AGENT_LABEL;
    let mut found = Vec::new();
    let each = |item: &[u8]| {
        if let Ok(NamedDeployment { object }) = serde_json::from_slice(item) {
            found.push((object.metadata.namespace, object.metadata.name));
        }
    };
    let listed = client
        .list(
            "/apis/apps/v1/deployments",
            &format!("{label}={value}"),
            "list deployments.apps",
            each,
        )
        .await;
    match listed {
        Ok(_) => found,
        Err(_not_permitted) => Vec::new(),
    }
}
