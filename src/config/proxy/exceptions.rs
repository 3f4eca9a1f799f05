//! `NO_PROXY`: the hosts that are reached straight.

use std::net::IpAddr;

/// What `NO_PROXY` lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Exceptions(Vec<Exception>);

#[derive(Clone, Debug)]
enum Exception {
    /// `*`
    Everything,
    /// `10.0.0.0/8`
    Network { base: IpAddr, bits: u8 },
    /// `10.0.0.1`, with a port or without.
    Address { address: IpAddr, port: Option<u16> },
    /// `example.com`, `.example.com`, with a port or without; the suffix begins with a dot.
    Domain {
        suffix: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl Exceptions {
    /// Reads the list; what Go cannot read, it leaves out without a word.
    pub(super) fn parse(list: &str) -> Self {
        let mut exceptions = Vec::new();
        for item in list
            .split(',')
            .map(|item| item.trim().to_lowercase())
            .filter(|item| !item.is_empty())
        {
            if item == "*" {
                return Self(vec![Exception::Everything]);
            }
            exceptions.extend(exception(&item));
        }
        Self(exceptions)
    }

    /// Whether a target is reached straight; this machine itself always is.
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
            Exception::Everything => true,
            Exception::Network { base, bits } => {
                address.is_some_and(|address| masked(address, *bits) == Some(*base))
            }
            Exception::Address {
                address: listed,
                port: only,
            } => address == Some(*listed) && only.is_none_or(|only| only == port),
            Exception::Domain {
                suffix,
                itself,
                port: only,
            } => {
                // An address with a zone is no name, whatever the zone looks like.
                !host.contains('%')
                    && (host.ends_with(suffix) || *itself && host == suffix[1..])
                    && only.is_none_or(|only| only == port)
            }
        })
    }
}

fn exception(item: &str) -> Option<Exception> {
    if let Some((base, bits)) = item.split_once('/')
        && let Some(network) = network(base, bits)
    {
        return Some(network);
    }
    let (host, port) =
        split_host_port(item).map_or((item, None), |(host, port)| (host, Some(port)));
    // A port that is none matches no target.
    let port = match port {
        None | Some("") => None,
        Some(digits) => Some(digits.parse::<u16>().unwrap_or(0)),
    };
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(Exception::Address {
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
    Some(Exception::Domain {
        suffix: format!(".{}", ascii(name)),
        itself,
        port,
    })
}

fn network(base: &str, bits: &str) -> Option<Exception> {
    let base = base.parse::<IpAddr>().ok()?;
    let bits = bits
        .parse::<u8>()
        .ok()
        .filter(|_| bits.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(Exception::Network {
        base: masked(base, bits)?,
        bits,
    })
}

/// The network's own address; `None` when the family has fewer bits.
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

/// Go's `net.SplitHostPort`: one colon, or brackets.
fn split_host_port(item: &str) -> Option<(&str, &str)> {
    if let Some(inside) = item.strip_prefix('[') {
        let (host, port) = inside.split_once("]:")?;
        return Some((host, port));
    }
    item.split_once(':').filter(|(_, port)| !port.contains(':'))
}

/// A name in Unicode as it is asked for in DNS.
fn ascii(name: &str) -> String {
    if name.is_ascii() {
        return name.to_owned();
    }
    url::Host::parse(name).map_or_else(|_| name.to_owned(), |host| host.to_string())
}
