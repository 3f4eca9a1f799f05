//! The authorized networks of a control plane.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Prefix length of IPv4-mapped addresses, `::ffff:0:0/96` (RFC 4291 §2.5.5.2).
const MAPPED_PREFIX_LENGTH: u8 = 96;

/// A CIDR block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CidrBlock {
    address: IpAddr,
    length: u8,
}

/// A text that is not a CIDR block.
#[derive(Debug, Eq, PartialEq)]
pub struct ParseCidrError;

/// A list of CIDR blocks and service tags in its original order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuthorizedNetworks {
    list: Vec<CidrBlock>,
    tags: Vec<String>,
    invalid: usize,
}

impl CidrBlock {
    /// Returns the block with only this address.
    pub fn single(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self {
            address,
            length: bits(address),
        }
    }

    /// Returns whether the block contains an address. An IPv4-mapped address counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
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

    /// Returns whether the block contains every address of its family.
    pub const fn contains_all(&self) -> bool {
        self.length == 0
    }
}

impl FromStr for CidrBlock {
    type Err = ParseCidrError;

    /// Parses `203.0.113.0/24`, `2001:db8::/32` or a single address. Host bits are ignored.
    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        let (address, length) = text
            .trim()
            .split_once('/')
            .map_or((text.trim(), None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| ParseCidrError)?;
        let max = bits(address);
        let length = match length {
            None => max,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
                .parse::<u8>()
                .ok()
                .filter(|length| *length <= max)
                .ok_or(ParseCidrError)?,
            Some(_) => return Err(ParseCidrError),
        };
        let canonical = address.to_canonical();
        // A block wider than the mapped range is an IPv6 block.
        if bits(canonical) != max && length < MAPPED_PREFIX_LENGTH {
            return Ok(Self { address, length });
        }
        Ok(Self {
            address: canonical,
            length: length - (max - bits(canonical)),
        })
    }
}

impl fmt::Display for CidrBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl AuthorizedNetworks {
    /// Parses a list, and counts the entries that are neither a CIDR block nor a service tag.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut parsed = Self::default();
        for text in texts {
            match text.parse::<CidrBlock>() {
                Ok(network) if parsed.list.contains(&network) => {}
                Ok(network) => parsed.list.push(network),
                Err(ParseCidrError) if is_tag(text) => parsed.tags.push(text.to_owned()),
                Err(ParseCidrError) => parsed.invalid += 1,
            }
        }
        parsed
    }

    /// Returns whether the list has no entries.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.tags.is_empty() && self.invalid == 0
    }

    /// Returns the narrowest block that contains an address.
    pub fn narrowest_containing(&self, address: IpAddr) -> Option<&CidrBlock> {
        self.list
            .iter()
            .filter(|network| network.contains(address))
            .max_by_key(|network| network.length)
    }

    /// Returns the service tags. Only the cloud provider knows their addresses.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Returns the number of entries that could not be parsed.
    pub fn invalid_entries(&self) -> usize {
        self.invalid
    }

    /// Returns all entries, followed by the addresses that they do not contain, joined by commas.
    ///
    /// Returns `None` if an entry is invalid, because a list without it would lock clients out.
    pub fn merged_with(&self, more: &[IpAddr]) -> Option<String> {
        if self.invalid > 0 {
            return None;
        }
        let mut merged: Vec<String> = self.list.iter().map(CidrBlock::to_string).collect();
        merged.extend(self.tags.iter().cloned());
        for address in more {
            let block = CidrBlock::single(*address).to_string();
            if self.narrowest_containing(*address).is_none() && !merged.contains(&block) {
                merged.push(block);
            }
        }
        Some(merged.join(","))
    }
}

impl fmt::Display for AuthorizedNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Number of entries in evidence.
        const MAX_SHOWN: usize = 5;
        let all: Vec<_> = self
            .list
            .iter()
            .map(CidrBlock::to_string)
            .chain(self.tags.iter().cloned())
            .collect();
        let shown = all
            .iter()
            .take(MAX_SHOWN)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        f.write_str(if all.is_empty() { "none" } else { &shown })?;
        match all.len().saturating_sub(MAX_SHOWN) + self.invalid {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

const fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Returns whether a text is a service tag such as `AzureCloud` or `Storage.WestEurope`, and safe
/// in a shell.
fn is_tag(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}
