//! A token for Azure's Resource Manager: of the pod's workload identity, or of an identity of its node.

use std::fs::File;
use std::io::Read;

use http::{HeaderMap, HeaderName, HeaderValue};
use url::{Url, form_urlencoded};

use crate::catalogue::FailureMode;
use crate::cloud::api::Api;
use crate::cloud::{MetadataServer, api};
use crate::config::Secret;
use crate::config::control_plane::{Federation, is_plain};

const METADATA: HeaderName = HeaderName::from_static("metadata");
const TRUE: HeaderValue = HeaderValue::from_static("true");
/// The most that is read of a token's file.
const MAX_TOKEN: u64 = 64 * 1024;

/// Exchanges the token of the service account at Azure's login, for a token that is good at `resource` only.
///
/// # Errors
/// Why there is none.
pub async fn exchanged(
    login: &Api<'_>,
    federation: &Federation,
    resource: &Url,
) -> Result<Secret, String> {
    let Federation {
        tenant,
        client,
        token_file,
    } = federation;
    if !is_plain(tenant) {
        return Err("AZURE_TENANT_ID is no tenant".to_owned());
    }
    let mut text = String::new();
    File::open(token_file)
        .and_then(|file| file.take(MAX_TOKEN).read_to_string(&mut text))
        .map_err(|error| {
            format!(
                "AZURE_FEDERATED_TOKEN_FILE {}: {error}",
                token_file.display()
            )
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
    let answer = login
        .post(&format!("/{tenant}/oauth2/v2.0/token"), form, &assertion)
        .await?;
    let named = |what: String| format!("{} {what}", login.name());
    match answer.status.as_u16() {
        200 => api::access_token(&answer).map_err(named),
        _ => Err(named(format!(
            "{}: see whether the identity {client} has a federated credential for this pod's service account",
            api::refusal(&answer)
        ))),
    }
}

/// Asks the node for a token of one of its identities, good at `resource` only.
///
/// # Errors
/// Why there is none.
pub async fn of_node(
    server: &mut MetadataServer<'_>,
    client: Option<&str>,
    resource: &Url,
) -> Result<Secret, String> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("api-version", "2018-02-01")
        .append_pair("resource", &audience(resource))
        .extend_pairs(client.map(|client| ("client_id", client)))
        .finish();
    let path = format!("/metadata/identity/oauth2/token?{query}");
    let headers = HeaderMap::from_iter([(METADATA, TRUE)]);
    let answer = server
        .get(&path, headers, FailureMode::AzureImdsUnreachable)
        .await;
    let answer = answer.map_err(|finding| finding.evidence.to_string())?;
    match answer.status.as_u16() {
        200 => {
            api::access_token(&answer).map_err(|what| format!("Azure's metadata service {what}"))
        }
        _ => Err(format!(
            "Azure's metadata service {}: give this pod a workload identity (AZURE_CLIENT_ID, AZURE_TENANT_ID, \
             AZURE_FEDERATED_TOKEN_FILE), or name an identity of the node by AZURE_CLIENT_ID",
            api::refusal(&answer)
        )),
    }
}

/// Whom a token is for.
fn audience(resource: &Url) -> String {
    format!("{}/", resource.as_str().trim_end_matches('/'))
}
