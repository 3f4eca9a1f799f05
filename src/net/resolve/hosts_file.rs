//! Lookup in the hosts file.

use std::net::IpAddr;

/// Returns the addresses of a name.
pub(super) fn addresses(text: &[u8], host: &str) -> Vec<IpAddr> {
    let name = host.strip_suffix('.').unwrap_or(host);
    let text = String::from_utf8_lossy(text);
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words
                .any(|alias| alias.trim_end_matches('.').eq_ignore_ascii_case(name))
                .then_some(address)
        })
        .collect()
}
