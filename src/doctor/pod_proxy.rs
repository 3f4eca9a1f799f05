//! Reads from an exporter through the API server's pod proxy.

use bytes::Bytes;
use http::StatusCode;

use crate::doctor::exporter_pod::ExporterPod;
use crate::kube::{ApiReply, Client, ClientError};
use crate::report::Evidence;

/// An error while reading from an exporter, as a sentence that says what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PodProxyError {
    /// The container does not run.
    #[error("it does not run: {0}")]
    NotRunning(Evidence),
    /// RBAC denies the pod proxy.
    #[error(
        "you are not allowed to get pods/proxy in namespace {namespace}: ask for that permission, \
         or use kubectl -n {namespace} port-forward {pod} {port}"
    )]
    Forbidden {
        /// The namespace of the pod.
        namespace: String,
        /// The pod.
        pod: String,
        /// The exporter's port.
        port: u16,
    },
    /// The exporter requires a password, which the API server does not forward.
    #[error(
        "it requires a password, which the API server's proxy does not forward: use kubectl -n \
         {namespace} port-forward {pod} {port}, then curl with the password"
    )]
    PasswordRequired {
        /// The namespace of the pod.
        namespace: String,
        /// The pod.
        pod: String,
        /// The exporter's port.
        port: u16,
    },
    /// The API server cannot reach the pod.
    #[error(
        "the API server cannot reach it: {0}; a network policy or a firewall between the control \
         plane and the nodes may block it"
    )]
    Unreachable(String),
    /// The pod does not exist any more.
    #[error("it no longer exists")]
    Gone,
    /// The exporter responded with an error.
    #[error("it responded with {status} {reason}")]
    Rejected {
        /// The status code.
        status: StatusCode,
        /// The quoted body.
        reason: String,
    },
    /// The response exceeds the limit.
    #[error("its response is larger than {0} bytes")]
    TooLarge(usize),
    /// The API server did not respond.
    #[error("{0}")]
    Request(#[from] ClientError),
}

/// Reads a route of an exporter, such as `/metrics`, up to `limit` bytes.
///
/// # Errors
/// If the exporter cannot be reached or rejects the request.
pub async fn get(
    client: &Client,
    pod: &ExporterPod,
    route: &str,
    limit: usize,
) -> Result<Bytes, PodProxyError> {
    if let Some(why) = &pod.not_running {
        return Err(PodProxyError::NotRunning(why.clone()));
    }
    let path = format!("{}{route}", pod.route_prefix);
    // Its web configuration file is not visible here, so TLS is tried first if it has one.
    let over_tls = if pod.has_web_config {
        get_over(client, pod, true, &path, limit).await.map(Some)
    } else {
        Ok(None)
    };
    match over_tls {
        Ok(Some(body)) => return Ok(body),
        Ok(None) | Err(PodProxyError::Unreachable(_) | PodProxyError::Rejected { .. }) => {}
        Err(error) => return Err(error),
    }
    let plain = get_over(client, pod, false, &path, limit).await;
    match (over_tls, plain) {
        // Neither worked: the error over TLS is that of the exporter, not of a wrong protocol.
        (Err(over_tls), Err(PodProxyError::Unreachable(_) | PodProxyError::Rejected { .. })) => {
            Err(over_tls)
        }
        (_, plain) => plain,
    }
}

async fn get_over(
    client: &Client,
    pod: &ExporterPod,
    tls: bool,
    path: &str,
    limit: usize,
) -> Result<Bytes, PodProxyError> {
    let reply = client.get_from_pod(&pod.pod_port(tls), path, limit).await?;
    body(pod, reply, limit)
}

/// Returns the body of a reply. An error of the API server is a `Status`; any other is the pod's.
fn body(pod: &ExporterPod, reply: ApiReply, limit: usize) -> Result<Bytes, PodProxyError> {
    if reply.status.is_success() {
        return if reply.truncated {
            Err(PodProxyError::TooLarge(limit))
        } else {
            Ok(reply.body)
        };
    }
    let (namespace, name, port) = (pod.namespace.clone(), pod.name.clone(), pod.port);
    Err(match (reply.status, reply.status_message()) {
        (StatusCode::FORBIDDEN, Some(_)) => PodProxyError::Forbidden {
            namespace,
            pod: name,
            port,
        },
        (StatusCode::NOT_FOUND, Some(_)) => PodProxyError::Gone,
        (status, Some(message)) if status.is_server_error() => PodProxyError::Unreachable(
            message
                .trim_start_matches("error trying to reach service: ")
                .to_owned(),
        ),
        (StatusCode::UNAUTHORIZED, None) => PodProxyError::PasswordRequired {
            namespace,
            pod: name,
            port,
        },
        (status, _) => PodProxyError::Rejected {
            status,
            reason: reply.reason(),
        },
    })
}
