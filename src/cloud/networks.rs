//! The networks that a control plane lets in, as its cloud lists them. Pure.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// How many bits of `::ffff:0:0/96` stand before a mapped IPv4 address (RFC 4291 §2.5.5.2).
const MAPPED: u8 = 96;

/// Addresses with the same first bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

/// What is written is no network.
#[derive(Debug, Eq, PartialEq)]
pub struct NoNetwork;

/// A list of networks, in its own order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Networks {
    list: Vec<Network>,
    tags: Vec<String>,
    unread: usize,
}

impl Network {
    /// The network that holds only this address.
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self {
            address,
            length: bits(address),
        }
    }

    /// Whether it holds an address; an IPv4 address that is mapped into IPv6 is one of IPv4.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.length);
                u32::from(network).checked_shr(shift) == u32::from(address).checked_shr(shift)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.length);
                u128::from(network).checked_shr(shift) == u128::from(address).checked_shr(shift)
            }
            _ => false,
        }
    }

    /// Whether it holds every address of its family.
    pub const fn is_everything(&self) -> bool {
        self.length == 0
    }
}

impl FromStr for Network {
    type Err = NoNetwork;

    /// Reads `203.0.113.0/24`, `2001:db8::/32` or a bare address; bits behind the length do not count.
    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, length) = text
            .trim()
            .split_once('/')
            .map_or((text.trim(), None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| NoNetwork)?;
        let most = bits(address);
        let length = match length {
            None => most,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
                .parse::<u8>()
                .ok()
                .filter(|length| *length <= most)
                .ok_or(NoNetwork)?,
            Some(_) => return Err(NoNetwork),
        };
        let canonical = address.to_canonical();
        // Wider than all mapped addresses it is a network of IPv6.
        if bits(canonical) != most && length < MAPPED {
            return Ok(Self { address, length });
        }
        Ok(Self {
            address: canonical,
            length: length - (most - bits(canonical)),
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl Networks {
    /// Reads a list; what is neither a network nor a service tag is counted.
    pub fn read<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut read = Self::default();
        for text in texts {
            match text.parse::<Network>() {
                Ok(network) if read.list.contains(&network) => {}
                Ok(network) => read.list.push(network),
                Err(NoNetwork) if is_tag(text) => read.tags.push(text.to_owned()),
                Err(NoNetwork) => read.unread += 1,
            }
        }
        read
    }

    /// Whether nothing stands in it.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.tags.is_empty() && self.unread == 0
    }

    /// The narrowest network that holds an address.
    pub fn holding(&self, address: IpAddr) -> Option<&Network> {
        self.list
            .iter()
            .filter(|network| network.holds(address))
            .max_by_key(|network| network.length)
    }

    /// Names of service tags, which stand for addresses that only the cloud knows.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// How many entries could not be read.
    pub fn unread(&self) -> usize {
        self.unread
    }

    /// All entries in their order, and behind them these addresses as far as they are missing, joined by commas.
    ///
    /// Nothing when an entry could not be read: a list without it would lock somebody out.
    pub fn merged(&self, more: &[IpAddr]) -> Option<String> {
        if self.unread > 0 {
            return None;
        }
        let mut merged: Vec<String> = self.list.iter().map(Network::to_string).collect();
        merged.extend(self.tags.iter().cloned());
        for address in more {
            let alone = Network::of(*address).to_string();
            if self.holding(*address).is_none() && !merged.contains(&alone) {
                merged.push(alone);
            }
        }
        Some(merged.join(","))
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// A sentence is for people.
        const SHOWN: usize = 5;
        let all: Vec<_> = self
            .list
            .iter()
            .map(Network::to_string)
            .chain(self.tags.iter().cloned())
            .collect();
        let shown = all
            .iter()
            .take(SHOWN)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        f.write_str(if all.is_empty() { "none" } else { &shown })?;
        match all.len().saturating_sub(SHOWN) + self.unread {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

const fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// `AzureCloud` or `Storage.WestEurope`; nothing that a shell would take for more than a word.
fn is_tag(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}
