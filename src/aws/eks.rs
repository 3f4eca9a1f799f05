//! The EKS API: `DescribeCluster`, called with the agent's credentials.
//!
//! Wire format: Amazon EKS API reference, version 2017-11-01.

use aws_credential_types::Credentials;
use http::Request;

use crate::aws::signed_operation::SignedOperation;
use crate::aws::{CallError, PhasedConnector};
use crate::config::agent::aws::{AwsService, ServiceEndpoint};
use crate::net::Response;

/// A client for EKS at one endpoint.
#[derive(Clone, Debug)]
pub struct Eks(SignedOperation);

impl Eks {
    /// Creates a client.
    pub fn new(
        connector: &PhasedConnector,
        endpoint: &ServiceEndpoint,
        credentials: &Credentials,
    ) -> Self {
        Self(SignedOperation::new(
            (AwsService::Eks, "DescribeCluster"),
            connector,
            endpoint,
            credentials,
        ))
    }

    /// Describes a cluster.
    ///
    /// # Errors
    /// If EKS does not return it.
    pub async fn describe_cluster(&self, name: &str) -> Result<Response, CallError> {
        let request = Request::get(format!("/clusters/{name}")).body(String::new());
        let request = request.map_err(|_| {
            CallError::NotSent("the cluster name is not valid in a URL path".to_owned())
        })?;
        self.0.invoke(request).await
    }
}
