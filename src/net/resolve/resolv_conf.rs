//! Parser for `resolv.conf`, lenient as Go's (`net.dnsReadConfig`): invalid entries are skipped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Number of nameservers that are used.
const MAX_NAMESERVERS: usize = 3;
/// Largest value of `ndots`.
const MAX_NDOTS: usize = 15;

/// The settings in `resolv.conf`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResolvConf {
    /// Nameservers in the order of use.
    pub nameservers: Vec<IpAddr>,
    /// Suffixes of the search list, without the trailing dot.
    pub search: Vec<String>,
    /// Number of dots from which a name is looked up as it is first.
    pub ndots: usize,
    /// Timeout of a query.
    pub timeout: Duration,
    /// Number of queries per nameserver.
    pub attempts: usize,
    /// Whether queries use TCP.
    pub tcp: bool,
    /// Whether queries announce EDNS0.
    pub edns0: bool,
}

impl ResolvConf {
    /// Parses the file. The default nameserver is localhost, the default search list the domain of
    /// `hostname`.
    pub fn parse(text: &[u8], hostname: &str) -> Self {
        let mut conf = Self {
            nameservers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            tcp: false,
            edns0: false,
        };
        for line in String::from_utf8_lossy(text)
            .lines()
            .filter(|line| !line.starts_with([';', '#']))
        {
            let mut words = line
                .split([' ', '\t', '\r'])
                .filter(|word| !word.is_empty());
            match words.next() {
                Some("nameserver") if conf.nameservers.len() < MAX_NAMESERVERS => {
                    conf.nameservers.extend(words.next().and_then(address));
                }
                Some("domain") => {
                    conf.search = words.next().into_iter().filter_map(suffix).collect();
                }
                Some("search") => conf.search = words.filter_map(suffix).collect(),
                Some("options") => words.for_each(|option| conf.option(option)),
                _ => {}
            }
        }
        if conf.nameservers.is_empty() {
            conf.nameservers = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        if conf.search.is_empty() {
            conf.search = hostname
                .split_once('.')
                .and_then(|(_, domain)| suffix(domain))
                .into_iter()
                .collect();
        }
        conf
    }

    fn option(&mut self, option: &str) {
        match option.split_once(':').unwrap_or((option, "")) {
            ("ndots", count) => self.ndots = leading_number(count).min(MAX_NDOTS),
            ("timeout", seconds) => {
                self.timeout = Duration::from_secs(leading_number(seconds).max(1) as u64);
            }
            ("attempts", count) => self.attempts = leading_number(count).max(1),
            ("use-vc" | "usevc" | "tcp", "") => self.tcp = true,
            ("edns0", "") => self.edns0 = true,
            _ => {}
        }
    }
}

/// Parses the leading digits, zero if there are none. Like Go's `dtoi`, it saturates at 16 million.
fn leading_number(text: &str) -> usize {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let max = 0xff_ffff;
    if end == 0 {
        0
    } else {
        text[..end].parse().unwrap_or(max).min(max)
    }
}

fn address(text: &str) -> Option<IpAddr> {
    // The zone of a link-local address is dropped.
    text.split('%').next()?.parse().ok()
}

/// Returns a valid suffix without the trailing dot.
fn suffix(text: &str) -> Option<String> {
    let bare = text.strip_suffix('.').unwrap_or(text);
    is_valid_name(bare).then(|| bare.to_owned())
}

/// Returns whether each label has 1 to 63 bytes, which is all that Go checks.
pub(super) fn is_valid_name(name: &str) -> bool {
    name.split('.').all(|label| (1..=63).contains(&label.len()))
}
