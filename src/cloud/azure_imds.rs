//! Azure's instance metadata service: the one document, as the agent asks for it.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::catalogue::FailureMode as M;
use crate::cloud::MetadataServer;
use crate::net::Answer;
use crate::report::Finding;

const METADATA: HeaderName = HeaderName::from_static("metadata");
const TRUE: HeaderValue = HeaderValue::from_static("True");
/// As Go orders a query.
const INSTANCE: &str = "/metadata/instance?api-version=2021-05-01&format=json";

/// What of a node's document says where its cluster is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Instance {
    /// The region.
    pub location: String,
    /// The resource group of the nodes.
    pub node_resource_group: String,
    /// The subscription.
    pub subscription: String,
}

impl Instance {
    /// Asks for the document; a value that it lacks is empty.
    ///
    /// # Errors
    /// `azure_imds_*`.
    pub async fn fetch(server: &mut MetadataServer<'_>) -> Result<Self, Finding> {
        let headers = HeaderMap::from_iter([(METADATA, TRUE)]);
        let answer = server
            .get(INSTANCE, headers, M::AzureImdsUnreachable)
            .await?;
        let proxied = server.is_proxied();
        let said = format!("GET {INSTANCE} was answered {}", answer.status);
        if let Some((mode, why)) = refusal(&answer, proxied) {
            return Err(Finding::new(
                mode,
                format!("{said}{why} {}", answer.quoted()),
            ));
        }
        let json = answer.json().unwrap_or_default();
        let compute = &json["compute"];
        if !compute.is_object() {
            let what = format!(
                "{said} with something else than a node's metadata: {}",
                answer.quoted()
            );
            return Err(Finding::new(M::AzureImdsUnreachable, what));
        }
        let text = |name: &str| compute[name].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            location: text("location"),
            node_resource_group: text("resourceGroupName"),
            subscription: text("subscriptionId"),
        })
    }

    /// What the agent lacks of it, by the names of the variables that would give it.
    pub fn missing(&self) -> Vec<&'static str> {
        let rows = [
            ("AKS_LOCATION", &self.location),
            ("AKS_NODE_RESOURCE_GROUP", &self.node_resource_group),
            ("AKS_SUBSCRIPTION_ID", &self.subscription),
        ];
        rows.into_iter()
            .filter(|(_, value)| value.is_empty())
            .map(|(name, _)| name)
            .collect()
    }
}

/// What an answer other than the one hoped for means, and why.
fn refusal(answer: &Answer, proxied: bool) -> Option<(M, &'static str)> {
    // Its own errors are JSON with one word for what is wrong.
    let own = answer
        .json()
        .is_some_and(|json: Value| json["error"].is_string());
    Some(match answer.status.as_u16() {
        200 => return None,
        _ if proxied && !own => (M::AzureImdsUnreachable, " by the proxy:"),
        400 => (M::AzureImdsBadRequest, ""),
        401 | 403 => (M::AzureImdsRestricted, ": this pod may not ask:"),
        429 => (M::AzureImdsRateLimited, ""),
        410 => (
            M::AzureImdsUnreachable,
            ": it is being updated, for 70 seconds at most:",
        ),
        _ => (M::AzureImdsUnreachable, ""),
    })
}
