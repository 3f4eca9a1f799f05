//! Servers that answer on the node itself: what is said to them, and what comes back, does not leave it.

use std::net::IpAddr;

use url::{Host, Url};

/// A server of instance metadata.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// An address, an IPv6 one without brackets; or the name that Google gives its own.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What stands before the path, without a slash at its end.
    pub prefix: String,
}

/// The name of Google's metadata server, which every node knows.
const GOOGLE: &str = "metadata.google.internal";

impl Endpoint {
    /// The server at a URL.
    ///
    /// # Errors
    /// Why it is not asked: only what cannot leave the node is, because tokens and keys come back.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        Self::named(text, None)
    }

    /// The server at a host with or without a port, as `GCE_METADATA_HOST` has it; Google's own name is one.
    ///
    /// # Errors
    /// As for a URL.
    pub fn of_google(host: &str) -> Result<Self, &'static str> {
        Self::named(&format!("http://{host}"), Some(GOOGLE))
    }

    fn named(text: &str, known: Option<&str>) -> Result<Self, &'static str> {
        let Ok(url) = Url::parse(text) else {
            return Err("is no URL");
        };
        if url.scheme() != "http"
            || !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
        {
            return Err("is more than an http address");
        }
        let host = match url.host() {
            Some(Host::Ipv4(address)) => stays(IpAddr::V4(address))?,
            Some(Host::Ipv6(address)) => stays(IpAddr::V6(address))?,
            Some(Host::Domain(name)) if known == Some(name) => name.to_owned(),
            _ => return Err("names a host that is not an address"),
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
        // EC2's own IPv6 address is unique-local and not routed beyond the node, and so is Google's.
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
        Err("leads to an address that is neither link-local nor loopback")
    }
}
