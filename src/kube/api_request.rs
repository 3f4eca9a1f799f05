//! Requests that belong to no check: bounded reads and lists, creation and deletion of an object,
//! and GET requests to a port of a pod through the API server.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use url::form_urlencoded;

use crate::kube::client::Client;
use crate::kube::error::ClientError;
use crate::kube::json_stream::{ItemSplitter, MAX_TEXT_BYTES, SplitError};
use crate::kube::types::object::ListEnvelope;
use crate::net::{Response, StreamResponse};
use crate::report::Evidence;
use crate::report::evidence::quote_body;

/// Deadline for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Objects per page of a list.
const PAGE_SIZE: usize = 100;
/// Largest list that is read, in bytes.
const MAX_LIST_BYTES: usize = 32 << 20;
/// Most pages of a list. A server that always names a next page must not keep a person waiting.
const MAX_PAGES: usize = 400;

/// A response with any status.
#[derive(Clone, Debug)]
pub struct ApiReply {
    /// The status code.
    pub status: StatusCode,
    /// The body, truncated at the limit of the request.
    pub body: Bytes,
    /// Whether the body was longer.
    pub truncated: bool,
}

/// The objects to list.
#[derive(Clone, Copy, Debug)]
pub struct ListQuery<'a> {
    /// The path of the collection.
    pub collection: &'a str,
    /// The label selector; empty selects all.
    pub selector: &'a str,
    /// The permission, as in `list pods`.
    pub permission: &'a str,
    /// The length to which texts in the objects are cut, in bytes.
    pub max_text_bytes: usize,
}

/// An HTTP port of a pod, reached through the API server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PodPort {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The port number.
    pub port: u16,
    /// Whether the port serves TLS; the API server does not verify the certificate.
    pub tls: bool,
}

/// The error document of the API server.
#[derive(Debug, Deserialize)]
struct StatusObject {
    kind: String,
    #[serde(default)]
    message: String,
}

impl PodPort {
    /// Returns the path at the API server that forwards to this path in the pod.
    pub fn proxy_path(&self, path: &str) -> String {
        let Self {
            namespace,
            pod,
            port,
            tls,
        } = self;
        let scheme = if *tls { "https:" } else { "" };
        format!("/api/v1/namespaces/{namespace}/pods/{scheme}{pod}:{port}/proxy{path}")
    }
}

impl ApiReply {
    /// Returns the message of the API server's `Status`, safe to print; `None` for any other body,
    /// such as the error page of a pod. A pod or a webhook may have written the message.
    pub fn status_message(&self) -> Option<String> {
        let status: StatusObject = serde_json::from_slice(&self.body).ok()?;
        (status.kind == "Status").then(|| Evidence::from(status.message).to_string())
    }

    /// Returns the message of the API server, or the beginning of the body in quotes.
    pub fn reason(&self) -> String {
        self.status_message()
            .filter(|message| !message.is_empty())
            .unwrap_or_else(|| quote_body(&self.body))
    }
}

impl From<Response> for ApiReply {
    fn from(response: Response) -> Self {
        Self {
            status: response.status,
            truncated: response.truncated,
            body: response.body,
        }
    }
}

impl Client {
    /// Reads up to `limit` bytes on a new connection.
    ///
    /// # Errors
    /// If no response arrives.
    pub async fn get_bytes(&self, path: &str, limit: usize) -> Result<ApiReply, ClientError> {
        let mut api = self.connect().await?;
        let mut stream = match api.stream(path).await? {
            StreamResponse::Rejected(response) => return Ok(response.into()),
            StreamResponse::Stream(stream) => stream,
        };
        let deadline = Instant::now() + BODY_TIMEOUT;
        let mut body = Vec::new();
        while let Some(chunk) = stream
            .next(deadline.saturating_duration_since(Instant::now()))
            .await
            .map_err(ClientError::Request)?
        {
            let room = limit - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                return Ok(ApiReply {
                    status: StatusCode::OK,
                    body: body.into(),
                    truncated: true,
                });
            }
        }
        Ok(ApiReply {
            status: StatusCode::OK,
            body: body.into(),
            truncated: false,
        })
    }

    /// Lists the objects of a collection that match a label selector, and passes the JSON of each
    /// on. Long texts in them are cut; what is larger than the limit is left out. Returns whether
    /// the list is complete.
    ///
    /// # Errors
    /// If the list cannot be read; `permission` names what is missing, as in `list pods`.
    pub async fn list(
        &self,
        collection: &str,
        selector: &str,
        permission: &str,
        mut each: impl FnMut(&[u8]),
    ) -> Result<bool, ClientError> {
        let query = ListQuery {
            collection,
            selector,
            permission,
            max_text_bytes: MAX_TEXT_BYTES,
        };
        let list = self.list_items(query, |item| {
            if let Ok(item) = item {
                each(item);
            }
        });
        list.await
    }

    /// Lists the objects that match a query, and passes the JSON of each on, or that it is too
    /// large. Returns whether the list is complete.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub async fn list_items(
        &self,
        query: ListQuery<'_>,
        mut each: impl FnMut(Result<&[u8], SplitError>),
    ) -> Result<bool, ClientError> {
        let ListQuery {
            collection,
            selector,
            permission,
            max_text_bytes,
        } = query;
        let malformed = |cause: String| ClientError::Malformed {
            subject: collection.to_owned(),
            cause,
        };
        let mut api = self.connect().await?;
        let (mut next, mut bytes_read) = (String::new(), 0);
        for _ in 0..MAX_PAGES {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("labelSelector", selector)
                .append_pair("limit", &PAGE_SIZE.to_string())
                .append_pair("continue", &next)
                .finish();
            let mut stream = match api.stream(&format!("{collection}?{query}")).await? {
                StreamResponse::Stream(stream) => stream,
                StreamResponse::Rejected(response) if response.status == StatusCode::FORBIDDEN => {
                    return Err(api.forbidden(permission.to_owned()));
                }
                StreamResponse::Rejected(response) => {
                    let request = format!("GET {collection}");
                    return Err(ClientError::rejected(&request, &response, None));
                }
            };
            let mut items = ItemSplitter::new(max_text_bytes);
            let deadline = Instant::now() + BODY_TIMEOUT;
            while let Some(chunk) = stream
                .next(deadline.saturating_duration_since(Instant::now()))
                .await
                .map_err(ClientError::Request)?
            {
                bytes_read += chunk.len();
                items
                    .feed(&chunk, &mut each)
                    .map_err(|error| malformed(error.to_string()))?;
            }
            let envelope = items
                .envelope()
                .map_err(|error| malformed(error.to_string()))?;
            let envelope: ListEnvelope = serde_json::from_slice(&envelope)
                .map_err(|error| malformed(format!("invalid JSON at column {}", error.column())))?;
            next = envelope.metadata.r#continue;
            if next.is_empty() || bytes_read > MAX_LIST_BYTES {
                break;
            }
        }
        Ok(next.is_empty())
    }

    /// Reads up to `limit` bytes from a port of a pod.
    ///
    /// # Errors
    /// If no response arrives.
    pub async fn get_from_pod(
        &self,
        port: &PodPort,
        path: &str,
        limit: usize,
    ) -> Result<ApiReply, ClientError> {
        self.get_bytes(&port.proxy_path(path), limit).await
    }

    /// Creates an object in the collection at this path.
    ///
    /// # Errors
    /// If no response arrives.
    pub async fn create(&self, path: &str, object: &Value) -> Result<ApiReply, ClientError> {
        let mut api = self.connect().await?;
        Ok(api.post(path, object).await?.into())
    }

    /// Deletes the object at this path.
    ///
    /// # Errors
    /// If no response arrives.
    pub async fn delete(&self, path: &str) -> Result<ApiReply, ClientError> {
        let mut api = self.connect().await?;
        Ok(api.delete(path).await?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &'static str) -> ApiReply {
        ApiReply {
            status: StatusCode::FORBIDDEN,
            body: Bytes::from_static(body.as_bytes()),
            truncated: false,
        }
    }

    #[test]
    fn pod_proxy_path_names_scheme_and_port() {
        let mut port = PodPort {
            namespace: "castai-agent".to_owned(),
            pod: "castai-agent-1".to_owned(),
            port: 9878,
            tls: false,
        };
        assert_eq!(
            port.proxy_path("/api/v1/status"),
            "/api/v1/namespaces/castai-agent/pods/castai-agent-1:9878/proxy/api/v1/status"
        );
        port.tls = true;
        assert!(
            port.proxy_path("/x")
                .contains("/pods/https:castai-agent-1:9878/proxy/x")
        );
    }

    #[test]
    fn status_of_the_api_server_is_distinguished_from_a_body_of_the_pod() {
        let refused = reply(r#"{"kind":"Status","apiVersion":"v1","message":"pods is forbidden"}"#);
        assert_eq!(
            refused.status_message().as_deref(),
            Some("pods is forbidden")
        );
        let hostile = reply(r#"{"kind":"Status","message":"a\u001b[31mb\nc"}"#);
        assert_eq!(hostile.status_message().as_deref(), Some("a[31mb c"));
        assert_eq!(reply(r#"{"kind":"Other"}"#).status_message(), None);
        assert_eq!(reply("<html>").status_message(), None);
        assert_eq!(reply("no entry").reason(), "\"no entry\"");
    }
}
