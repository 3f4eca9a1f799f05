//! How the agent's SDK asks for instance metadata.

use std::net::IpAddr;

use url::Host;
use url::Url;

const IPV4: &str = "http://169.254.169.254";
const IPV6: &str = "http://[fd00:ec2::254]";

/// How the agent's SDK asks for instance metadata.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metadata {
    /// `AWS_EC2_METADATA_DISABLED`: it does not ask at all.
    pub disabled: bool,
    /// Whom it asks, or why the exporter does not.
    pub endpoint: Result<Endpoint, String>,
}

/// A server of instance metadata.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// An address, an IPv6 one without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What stands before the path, without a slash at its end.
    pub prefix: String,
}

impl Metadata {
    pub(super) fn read(set: &dyn Fn(&str) -> Option<String>) -> Self {
        let disabled = set("AWS_EC2_METADATA_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let ipv6 = set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
        let usual = if ipv6 { IPV6 } else { IPV4 };
        let endpoint = set("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| usual.to_owned());
        Self { disabled, endpoint: self::endpoint(&endpoint) }
    }
}

/// Only what cannot leave the node is asked: a token and a role's keys come back.
fn endpoint(text: &str) -> Result<Endpoint, String> {
    let refused =
        |why: &str| Err(format!("AWS_EC2_METADATA_SERVICE_ENDPOINT {why}, and the exporter does not ask there"));
    let Ok(url) = Url::parse(text) else { return refused("is no URL") };
    if url.scheme() != "http" || !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return refused("is more than an http address");
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        _ => return refused("names a host that is not an address"),
    };
    if !stays_here(address) {
        return refused("leads to an address that is neither link-local nor loopback");
    }
    Ok(Endpoint {
        host: address.to_string(),
        port: url.port_or_known_default().unwrap_or(80),
        prefix: url.path().trim_end_matches('/').to_owned(),
    })
}

fn stays_here(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        // EC2's own IPv6 address is unique-local and not routed beyond the node.
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unicast_link_local() || address.segments()[..2] == [0xfd00, 0x0ec2]
        }
    }
}
