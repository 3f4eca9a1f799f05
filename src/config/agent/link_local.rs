//! Metadata endpoints on the node itself: neither request nor response leaves the node.

use std::net::IpAddr;

use url::{Host, Url};

/// A metadata endpoint on the node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LinkLocalEndpoint {
    /// An address (IPv6 without brackets), or the name of Google's metadata server.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path prefix, without a trailing slash.
    pub prefix: String,
}

/// Name of Google's metadata server, which resolves on every node.
const GOOGLE: &str = "metadata.google.internal";

impl LinkLocalEndpoint {
    /// Parses a URL.
    ///
    /// # Errors
    /// Why it is not queried: only addresses on the node are allowed, because responses contain
    /// tokens and keys.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        Self::named(text, None)
    }

    /// Parses a host with an optional port, as in `GCE_METADATA_HOST`; the name of Google's server
    /// is allowed.
    ///
    /// # Errors
    /// As for a URL.
    pub fn of_google(host: &str) -> Result<Self, &'static str> {
        Self::named(&format!("http://{host}"), Some(GOOGLE))
    }

    fn named(text: &str, known: Option<&str>) -> Result<Self, &'static str> {
        let Ok(url) = Url::parse(text) else {
            return Err("is not a URL");
        };
        if url.scheme() != "http"
            || !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
        {
            return Err("contains more than scheme, host and port, or is not http");
        }
        let host = match url.host() {
            Some(Host::Ipv4(address)) => stays(IpAddr::V4(address))?,
            Some(Host::Ipv6(address)) => stays(IpAddr::V6(address))?,
            Some(Host::Domain(name)) if known == Some(name) => name.to_owned(),
            _ => return Err("has a host name instead of an address"),
        };
        let prefix = url.path().trim_end_matches('/').to_owned();
        Ok(Self {
            host,
            port: url.port_or_known_default().unwrap_or(80),
            prefix,
        })
    }
}

fn stays(address: IpAddr) -> Result<String, &'static str> {
    let stays = match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        // EC2's IPv6 address is unique-local and not routed beyond the node, and so is Google's.
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unicast_link_local()
                || address.segments()[..2] == [0xfd00, 0x0ec2]
                || address.segments()[..2] == [0xfd20, 0x00ce]
        }
    };
    if stays {
        Ok(address.to_string())
    } else {
        Err("points to an address that is neither link-local nor loopback")
    }
}
