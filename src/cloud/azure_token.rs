//! Tokens for Azure Resource Manager: from the pod's workload identity, or from a managed identity
//! of its node.

use std::io::Read;
use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue};
use url::{Url, form_urlencoded};

use crate::catalogue::FailureMode;
use crate::cloud::api::Api;
use crate::cloud::{CloudApiError, MetadataServer, api};
use crate::config::exporter::control_plane_access::{AzureWorkloadIdentity, is_plain};
use crate::config::{Secret, regular_file};

/// Name of the metadata service in errors.
const METADATA_SERVICE: &str = "Azure's metadata service";
const METADATA: HeaderName = HeaderName::from_static("metadata");
const TRUE: HeaderValue = HeaderValue::from_static("true");
/// Largest token file that is read, in bytes.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// Exchanges the service account token for an Azure token that is valid for `resource` only.
///
/// # Errors
/// If the token file is unreadable, or Azure does not issue a token.
pub async fn from_workload_identity(
    login: &Api<'_>,
    federation: &AzureWorkloadIdentity,
    resource: &Url,
) -> Result<Secret, CloudApiError> {
    let AzureWorkloadIdentity {
        tenant,
        client,
        token_file,
    } = federation;
    if !is_plain(tenant) {
        return Err(CloudApiError::InvalidSetting(
            "AZURE_TENANT_ID is not a valid tenant ID".to_owned(),
        ));
    }
    let mut text = String::new();
    regular_file::open(Path::new(token_file))
        .and_then(|file| file.take(MAX_TOKEN_BYTES).read_to_string(&mut text))
        .map_err(|error| {
            CloudApiError::InvalidSetting(format!(
                "failed to read AZURE_FEDERATED_TOKEN_FILE {}: {error}",
                token_file.display()
            ))
        })?;
    let assertion = Secret::new(text.trim());
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", client)
        .append_pair("scope", &format!("{}.default", audience(resource)))
        .append_pair(
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        )
        .append_pair("client_assertion", assertion.reveal())
        .finish();
    let response = login
        .post(&format!("/{tenant}/oauth2/v2.0/token"), form, &assertion)
        .await?;
    match response.status.as_u16() {
        200 => api::access_token(&response).map_err(|problem| login.error(problem)),
        _ => Err(login.error(format!(
            "{}: check that identity {client} has a federated credential for this pod's service account",
            api::describe_error(&response)
        ))),
    }
}

/// Requests a token of one of the node's managed identities that is valid for `resource` only.
///
/// # Errors
/// If the metadata service does not issue a token.
pub async fn from_node_identity(
    server: &mut MetadataServer<'_>,
    client: Option<&str>,
    resource: &Url,
) -> Result<Secret, CloudApiError> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("api-version", "2018-02-01")
        .append_pair("resource", &audience(resource))
        .extend_pairs(client.map(|client| ("client_id", client)))
        .finish();
    let path = format!("/metadata/identity/oauth2/token?{query}");
    let headers = HeaderMap::from_iter([(METADATA, TRUE)]);
    let response = server
        .get(&path, headers, FailureMode::AzureImdsUnreachable)
        .await;
    let error = |problem| CloudApiError::Response {
        server: METADATA_SERVICE.to_owned(),
        problem,
    };
    let response =
        response.map_err(|finding| error(format!("is unreachable: {}", finding.evidence)))?;
    match response.status.as_u16() {
        200 => api::access_token(&response).map_err(error),
        _ => Err(error(format!(
            "{}: configure a workload identity for this pod (AZURE_CLIENT_ID, AZURE_TENANT_ID, \
             AZURE_FEDERATED_TOKEN_FILE), or select an identity of the node with AZURE_CLIENT_ID",
            api::describe_error(&response)
        ))),
    }
}

/// Returns the audience of a token for a resource.
fn audience(resource: &Url) -> String {
    format!("{}/", resource.as_str().trim_end_matches('/'))
}
