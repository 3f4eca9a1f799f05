//! EKS's `DescribeCluster`, which the exporter asks as the agent.
//!
//! Wire format: the Amazon EKS API reference, version 2017-11-01.

use aws_credential_types::Credentials;
use http::Request;

use crate::aws::signed::Signed;
use crate::aws::{Line, Refused};
use crate::config::aws::{Endpoint, Service};
use crate::net::Answer;

/// EKS at one address.
#[derive(Clone, Debug)]
pub struct Eks(Signed);

impl Eks {
    /// EKS at the end of a line, asked with these credentials.
    pub fn new(line: &Line, endpoint: &Endpoint, credentials: &Credentials) -> Self {
        Self(Signed::new(
            (Service::Eks, "DescribeCluster"),
            line,
            endpoint,
            credentials,
        ))
    }

    /// What EKS tells of a cluster.
    ///
    /// # Errors
    /// How far it got.
    pub async fn cluster(&self, name: &str) -> Result<Answer, Refused> {
        let request = Request::get(format!("/clusters/{name}")).body(String::new());
        let request = request
            .map_err(|_| Refused::Unsent("the cluster's name cannot stand in a path".to_owned()))?;
        self.0.ask(request).await
    }
}
