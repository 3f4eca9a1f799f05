//! `NO_PROXY`: the hosts that are reached without a proxy.

use std::net::IpAddr;

/// The entries of `NO_PROXY`.
#[derive(Clone, Debug, Default)]
pub(super) struct NoProxy(Vec<NoProxyEntry>);

#[derive(Clone, Debug)]
enum NoProxyEntry {
    /// `*`
    Everything,
    /// `10.0.0.0/8`
    Network { base: IpAddr, bits: u8 },
    /// `10.0.0.1`, with or without a port.
    Address { address: IpAddr, port: Option<u16> },
    /// `example.com` or `.example.com`, with or without a port; the suffix begins with a dot.
    Domain {
        suffix: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl NoProxy {
    /// Parses the list; like Go, it silently skips invalid entries.
    pub(super) fn parse(list: &str) -> Self {
        let mut exceptions = Vec::new();
        for item in list
            .split(',')
            .map(|item| item.trim().to_lowercase())
            .filter(|item| !item.is_empty())
        {
            if item == "*" {
                return Self(vec![NoProxyEntry::Everything]);
            }
            exceptions.extend(exception(&item));
        }
        Self(exceptions)
    }

    /// Returns whether a target bypasses the proxy; the local machine always does.
    pub(super) fn hold(&self, host: &str, port: u16) -> bool {
        let address = host
            .parse::<IpAddr>()
            .ok()
            .map(|address| address.to_canonical());
        if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return true;
        }
        let host = ascii(&host.trim().to_lowercase());
        self.0.iter().any(|exception| match exception {
            NoProxyEntry::Everything => true,
            NoProxyEntry::Network { base, bits } => {
                address.is_some_and(|address| masked(address, *bits) == Some(*base))
            }
            NoProxyEntry::Address {
                address: listed,
                port: only,
            } => address == Some(*listed) && only.is_none_or(|only| only == port),
            NoProxyEntry::Domain {
                suffix,
                itself,
                port: only,
            } => {
                // An address with a zone is never a name.
                !host.contains('%')
                    && (host.ends_with(suffix) || *itself && host == suffix[1..])
                    && only.is_none_or(|only| only == port)
            }
        })
    }
}

fn exception(item: &str) -> Option<NoProxyEntry> {
    if let Some((base, bits)) = item.split_once('/')
        && let Some(network) = network(base, bits)
    {
        return Some(network);
    }
    let (host, port) =
        split_host_port(item).map_or((item, None), |(host, port)| (host, Some(port)));
    // An invalid port matches no target.
    let port = match port {
        None | Some("") => None,
        Some(digits) => Some(digits.parse::<u16>().unwrap_or(0)),
    };
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(NoProxyEntry::Address {
            address: address.to_canonical(),
            port,
        });
    }
    let host = host
        .strip_prefix('*')
        .filter(|rest| rest.starts_with('.'))
        .unwrap_or(host);
    if host.is_empty() {
        return None;
    }
    let (name, itself) = host
        .strip_prefix('.')
        .map_or((host, true), |name| (name, false));
    Some(NoProxyEntry::Domain {
        suffix: format!(".{}", ascii(name)),
        itself,
        port,
    })
}

fn network(base: &str, bits: &str) -> Option<NoProxyEntry> {
    let base = base.parse::<IpAddr>().ok()?;
    let bits = bits
        .parse::<u8>()
        .ok()
        .filter(|_| bits.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(NoProxyEntry::Network {
        base: masked(base, bits)?,
        bits,
    })
}

/// Returns the network address; `None` if the family has fewer bits.
fn masked(address: IpAddr, bits: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX
                .checked_shl(32_u32.checked_sub(u32::from(bits))?)
                .unwrap_or(0);
            Some(IpAddr::from((v4.to_bits() & mask).to_be_bytes()))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX
                .checked_shl(128_u32.checked_sub(u32::from(bits))?)
                .unwrap_or(0);
            Some(IpAddr::from((v6.to_bits() & mask).to_be_bytes()))
        }
    }
}

/// Splits like Go's `net.SplitHostPort`: one colon, or brackets.
fn split_host_port(item: &str) -> Option<(&str, &str)> {
    if let Some(inside) = item.strip_prefix('[') {
        let (host, port) = inside.split_once("]:")?;
        return Some((host, port));
    }
    item.split_once(':').filter(|(_, port)| !port.contains(':'))
}

/// Converts a Unicode name to its DNS form.
fn ascii(name: &str) -> String {
    if name.is_ascii() {
        return name.to_owned();
    }
    url::Host::parse(name).map_or_else(|_| name.to_owned(), |host| host.to_string())
}
