//! The instance document of Azure's instance metadata service, requested as the agent does.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::catalogue::FailureMode as M;
use crate::cloud::MetadataServer;
use crate::net::Response;
use crate::report::Finding;

const METADATA: HeaderName = HeaderName::from_static("metadata");
const TRUE: HeaderValue = HeaderValue::from_static("True");
/// Path with the query in Go's order.
const INSTANCE_PATH: &str = "/metadata/instance?api-version=2021-05-01&format=json";

/// The fields of a node's document that locate its cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AzureInstance {
    /// Region.
    pub location: String,
    /// Resource group of the nodes.
    pub node_resource_group: String,
    /// Subscription ID.
    pub subscription: String,
}

impl AzureInstance {
    /// Reads the document; missing values are empty.
    ///
    /// # Errors
    /// `azure_imds_*`.
    pub async fn fetch(server: &mut MetadataServer<'_>) -> Result<Self, Finding> {
        let headers = HeaderMap::from_iter([(METADATA, TRUE)]);
        let response = server
            .get(INSTANCE_PATH, headers, M::AzureImdsUnreachable)
            .await?;
        let proxied = server.is_proxied();
        let status = format!("GET {INSTANCE_PATH} returned {}", response.status);
        if let Some((mode, reason)) = diagnose(&response, proxied) {
            return Err(Finding::new(
                mode,
                format!("{status}{reason} {}", response.quoted()),
            ));
        }
        let json = response.json().unwrap_or_default();
        let compute = &json["compute"];
        if !compute.is_object() {
            let evidence = format!(
                "{status}, but the body is not instance metadata: {}",
                response.quoted()
            );
            return Err(Finding::new(M::AzureImdsUnreachable, evidence));
        }
        let text = |name: &str| compute[name].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            location: text("location"),
            node_resource_group: text("resourceGroupName"),
            subscription: text("subscriptionId"),
        })
    }

    /// Returns the variables that would provide the missing values to the agent.
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

/// Returns the failure mode of an error response, and the text after its status.
fn diagnose(response: &Response, proxied: bool) -> Option<(M, &'static str)> {
    // The service's own errors are JSON with a string.
    let is_from_service = response
        .json()
        .is_some_and(|json: Value| json["error"].is_string());
    Some(match response.status.as_u16() {
        200 => return None,
        _ if proxied && !is_from_service => (M::AzureImdsUnreachable, " from the proxy:"),
        400 => (M::AzureImdsBadRequest, ""),
        401 | 403 => (M::AzureImdsRestricted, ": this pod has no access:"),
        429 => (M::AzureImdsRateLimited, ""),
        410 => (
            M::AzureImdsUnreachable,
            ": the service is being updated, which takes up to 70 seconds:",
        ),
        _ => (M::AzureImdsUnreachable, ""),
    })
}
