//! Instance metadata settings of the agent's SDK.

use crate::config::agent::link_local::LinkLocalEndpoint;
use crate::config::agent::setting_error::SettingError;

const IPV4: &str = "http://169.254.169.254";
const IPV6: &str = "http://[fd00:ec2::254]";

/// Instance metadata settings of the agent's SDK.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metadata {
    /// `AWS_EC2_METADATA_DISABLED`: the SDK does not use instance metadata.
    pub disabled: bool,
    /// `AWS_EC2_METADATA_V1_DISABLED`: the SDK does not fall back to requests without a token.
    pub v1_disabled: bool,
    /// The endpoint, or why the exporter does not query it.
    pub endpoint: Result<LinkLocalEndpoint, SettingError>,
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

/// Parses the endpoint; only addresses on the node are allowed.
fn endpoint(text: &str) -> Result<LinkLocalEndpoint, SettingError> {
    LinkLocalEndpoint::read(text).map_err(|why| {
        format!("AWS_EC2_METADATA_SERVICE_ENDPOINT {why}; the exporter does not query it").into()
    })
}
