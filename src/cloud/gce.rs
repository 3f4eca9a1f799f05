//! Google's metadata server: single values, as Go's library `cloud.google.com/go/compute/metadata` asks for them.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::catalogue::FailureMode as M;
use crate::cloud::{MetadataServer, api};
use crate::config::Secret;
use crate::net::Answer;
use crate::report::Finding;
use crate::report::evidence::quote;

/// Both sides send it: without it a request is refused, and an answer is somebody else's.
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
const GOOGLE: HeaderValue = HeaderValue::from_static("Google");
/// What stands before the path of a value.
const ROOT: &str = "/computeMetadata/v1/";
/// The longest value that is one.
const MAX_VALUE: usize = 1024;

/// The path of the project's name.
pub const PROJECT: &str = "project/project-id";
/// The path of the node's zone.
pub const ZONE: &str = "instance/zone";
/// The path of the cluster's name.
pub const CLUSTER: &str = "instance/attributes/cluster-name";
/// The path of the cluster's region or zone.
pub const LOCATION: &str = "instance/attributes/cluster-location";
/// The path of the service account that this pod is to Google.
pub const ACCOUNT: &str = "instance/service-accounts/default/email";

/// The path of a token of that account.
const TOKEN: &str = "instance/service-accounts/default/token";

/// What stands in a path that concerns the service account.
const ACCOUNTS: &str = "/service-accounts/";

/// One value; an empty one is none.
///
/// # Errors
/// `gcp_metadata_*`.
pub async fn value(server: &mut MetadataServer<'_>, path: &str) -> Result<String, Finding> {
    let answer = ask(server, path).await?;
    let text = String::from_utf8_lossy(&answer.body).trim().to_owned();
    if text.is_empty() {
        return Err(Finding::new(
            M::GcpMetadataAttrMissing,
            format!("GET {ROOT}{path} was answered with nothing"),
        ));
    }
    if answer.cut || text.len() > MAX_VALUE || text.chars().any(char::is_control) {
        let what = format!(
            "GET {ROOT}{path} was answered with what is no value: {}",
            quote(text.as_bytes())
        );
        return Err(Finding::new(M::GcpMetadataUnreachable, what));
    }
    Ok(text)
}

/// A token of the pod's service account, for Google's APIs.
///
/// # Errors
/// `gcp_metadata_*`.
pub async fn token(server: &mut MetadataServer<'_>) -> Result<Secret, Finding> {
    let answer = ask(server, TOKEN).await?;
    api::access_token(&answer).map_err(|what| {
        Finding::new(
            M::GcpMetadataUnreachable,
            format!("GET {ROOT}{TOKEN} was {what}"),
        )
    })
}

/// The region of a zone, by the agent's own rule: the first two of three parts.
pub fn region(zone: &str) -> Option<String> {
    let name = zone.rsplit('/').next().unwrap_or_default();
    let parts: Vec<_> = name.split('-').collect();
    if let [country, region, _] = parts.as_slice() {
        Some(format!("{country}-{region}"))
    } else {
        None
    }
}

/// An answer of 200 that is Google's.
async fn ask(server: &mut MetadataServer<'_>, path: &str) -> Result<Answer, Finding> {
    let headers = HeaderMap::from_iter([(FLAVOR, GOOGLE)]);
    let answer = server
        .get(&format!("{ROOT}{path}"), headers, M::GcpMetadataUnreachable)
        .await?;
    let said = format!("GET {ROOT}{path} was answered {}", answer.status);
    match refusal(&answer, server.is_proxied(), path) {
        None => Ok(answer),
        Some((mode, why)) => Err(Finding::new(
            mode,
            format!("{said}{why} {}", answer.quoted())
                .trim_end()
                .to_owned(),
        )),
    }
}

/// What an answer other than the one hoped for means, and why.
fn refusal(answer: &Answer, proxied: bool, path: &str) -> Option<(M, &'static str)> {
    let googles = answer.headers.get(FLAVOR) == Some(&GOOGLE);
    Some(match answer.status.as_u16() {
        _ if proxied && !googles => (
            M::GcpMetadataHeaderMissing,
            " without Metadata-Flavor: Google, so by the proxy:",
        ),
        403 => (
            M::GcpMetadataHeaderMissing,
            ", as if Metadata-Flavor: Google had not been sent:",
        ),
        429 | 503 => (M::GcpMetadataRateLimited, ""),
        _ if !googles => (
            M::GcpMetadataHeaderMissing,
            " without Metadata-Flavor: Google, so not by Google's metadata server:",
        ),
        200 => return None,
        404 if path.contains(ACCOUNTS) => (M::GcpMetadataNoSa, ": there is no service account"),
        404 => (M::GcpMetadataAttrMissing, ""),
        _ => (M::GcpMetadataUnreachable, ""),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_two_of_three_parts() {
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
