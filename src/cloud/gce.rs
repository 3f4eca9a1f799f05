//! Values from Google's metadata server, requested as Go's `cloud.google.com/go/compute/metadata`
//! does.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::catalogue::FailureMode as M;
use crate::cloud::{MetadataServer, api};
use crate::config::Secret;
use crate::net::Response;
use crate::report::Finding;
use crate::report::evidence::quote;

/// Header of requests and responses. The server rejects requests without it; a response without it
/// is from another server.
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
const GOOGLE: HeaderValue = HeaderValue::from_static("Google");
/// Prefix of all paths.
const ROOT_PATH: &str = "/computeMetadata/v1/";
/// Longest value that is accepted, in bytes.
const MAX_VALUE_BYTES: usize = 1024;

/// Path of the project ID.
pub const PROJECT: &str = "project/project-id";
/// Path of the node's zone.
pub const ZONE: &str = "instance/zone";
/// Path of the cluster name.
pub const CLUSTER: &str = "instance/attributes/cluster-name";
/// Path of the cluster's region or zone.
pub const LOCATION: &str = "instance/attributes/cluster-location";
/// Path of the email of this pod's service account.
pub const ACCOUNT: &str = "instance/service-accounts/default/email";

/// Path of a token of that account.
const TOKEN: &str = "instance/service-accounts/default/token";

/// Part of all paths of service accounts.
const SERVICE_ACCOUNTS: &str = "/service-accounts/";

/// Reads one value, which must not be empty.
///
/// # Errors
/// `gcp_metadata_*`.
pub async fn value(server: &mut MetadataServer<'_>, path: &str) -> Result<String, Finding> {
    let response = get(server, path).await?;
    let text = String::from_utf8_lossy(&response.body).trim().to_owned();
    if text.is_empty() {
        return Err(Finding::new(
            M::GcpMetadataAttrMissing,
            format!("GET {ROOT_PATH}{path} returned an empty value"),
        ));
    }
    if response.truncated || text.len() > MAX_VALUE_BYTES || text.chars().any(char::is_control) {
        let evidence = format!(
            "GET {ROOT_PATH}{path} returned an invalid value: {}",
            quote(text.as_bytes())
        );
        return Err(Finding::new(M::GcpMetadataUnreachable, evidence));
    }
    Ok(text)
}

/// Requests a token of the pod's service account for Google's APIs.
///
/// # Errors
/// `gcp_metadata_*`.
pub async fn token(server: &mut MetadataServer<'_>) -> Result<Secret, Finding> {
    let response = get(server, TOKEN).await?;
    api::access_token(&response).map_err(|problem| {
        Finding::new(
            M::GcpMetadataUnreachable,
            format!("GET {ROOT_PATH}{TOKEN} {problem}"),
        )
    })
}

/// Returns the region of a zone by the agent's rule: the first two of three parts.
pub fn region(zone: &str) -> Option<String> {
    let name = zone.rsplit('/').next().unwrap_or_default();
    let parts: Vec<_> = name.split('-').collect();
    if let [country, region, _] = parts.as_slice() {
        Some(format!("{country}-{region}"))
    } else {
        None
    }
}

/// Sends a GET and returns a response with status 200 from Google.
async fn get(server: &mut MetadataServer<'_>, path: &str) -> Result<Response, Finding> {
    let headers = HeaderMap::from_iter([(FLAVOR, GOOGLE)]);
    let response = server
        .get(
            &format!("{ROOT_PATH}{path}"),
            headers,
            M::GcpMetadataUnreachable,
        )
        .await?;
    let status = format!("GET {ROOT_PATH}{path} returned {}", response.status);
    match diagnose(&response, server.is_proxied(), path) {
        None => Ok(response),
        Some((mode, reason)) => Err(Finding::new(
            mode,
            format!("{status}{reason} {}", response.quoted())
                .trim_end()
                .to_owned(),
        )),
    }
}

/// Returns the failure mode of an error response, and the text after its status.
fn diagnose(response: &Response, proxied: bool, path: &str) -> Option<(M, &'static str)> {
    let is_from_google = response.headers.get(FLAVOR) == Some(&GOOGLE);
    Some(match response.status.as_u16() {
        _ if proxied && !is_from_google => (
            M::GcpMetadataHeaderMissing,
            " without Metadata-Flavor: Google, so the proxy responded:",
        ),
        403 => (
            M::GcpMetadataHeaderMissing,
            ", as for a request without Metadata-Flavor: Google:",
        ),
        429 | 503 => (M::GcpMetadataRateLimited, ""),
        _ if !is_from_google => (
            M::GcpMetadataHeaderMissing,
            " without Metadata-Flavor: Google, so another server responded:",
        ),
        200 => return None,
        404 if path.contains(SERVICE_ACCOUNTS) => {
            (M::GcpMetadataNoSa, ": the node has no service account")
        }
        404 => (M::GcpMetadataAttrMissing, ""),
        _ => (M::GcpMetadataUnreachable, ""),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_is_the_first_two_parts_of_a_zone() {
        assert_eq!(
            region("projects/1/zones/europe-west3-b").as_deref(),
            Some("europe-west3")
        );
        assert_eq!(region("europe-west3-b").as_deref(), Some("europe-west3"));
        for odd in ["", "projects/1/zones/lab", "a-b", "a-b-c-d"] {
            assert_eq!(region(odd), None, "{odd}");
        }
    }
}
