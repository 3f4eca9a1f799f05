//! How the agent's SDK asks for instance metadata.

use crate::config::node_local::Endpoint;

const IPV4: &str = "http://169.254.169.254";
const IPV6: &str = "http://[fd00:ec2::254]";

/// How the agent's SDK asks for instance metadata.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metadata {
    /// `AWS_EC2_METADATA_DISABLED`: it does not ask at all.
    pub disabled: bool,
    /// `AWS_EC2_METADATA_V1_DISABLED`: without a token it does not ask.
    pub v1_disabled: bool,
    /// Whom it asks, or why the exporter does not.
    pub endpoint: Result<Endpoint, String>,
}

impl Metadata {
    pub(super) fn read(set: &dyn Fn(&str) -> Option<String>) -> Self {
        let yes = |name: &str| set(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let (disabled, v1_disabled) = (
            yes("AWS_EC2_METADATA_DISABLED"),
            yes("AWS_EC2_METADATA_V1_DISABLED"),
        );
        let ipv6 = set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
            .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
        let usual = if ipv6 { IPV6 } else { IPV4 };
        let endpoint = set("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| usual.to_owned());
        Self {
            disabled,
            v1_disabled,
            endpoint: self::endpoint(&endpoint),
        }
    }
}

/// Only what cannot leave the node is asked.
fn endpoint(text: &str) -> Result<Endpoint, String> {
    Endpoint::read(text).map_err(|why| {
        format!("AWS_EC2_METADATA_SERVICE_ENDPOINT {why}, and the exporter does not ask there")
    })
}
