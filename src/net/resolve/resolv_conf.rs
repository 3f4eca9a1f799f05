//! `resolv.conf` as Go reads it (`net.dnsReadConfig`): what makes no sense in it is passed by, and the rest counts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The most nameservers that are asked.
const MAX_SERVERS: usize = 3;
/// The most dots that can be asked for.
const MAX_NDOTS: usize = 15;

/// What the file says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResolvConf {
    /// Whom to ask, in this order.
    pub nameservers: Vec<IpAddr>,
    /// What is put behind a name, without the last dot.
    pub search: Vec<String>,
    /// A name with so many dots is asked for itself first.
    pub ndots: usize,
    /// How long a nameserver has.
    pub timeout: Duration,
    /// How often each is asked.
    pub attempts: usize,
    /// Whether TCP is used from the start.
    pub tcp: bool,
    /// Whether larger answers are invited.
    pub edns0: bool,
}

impl ResolvConf {
    /// What a text says on a machine of this name. Without a nameserver this machine itself is asked.
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
                Some("nameserver") if conf.nameservers.len() < MAX_SERVERS => {
                    conf.nameservers.extend(words.next().and_then(address));
                }
                Some("domain") => {
                    conf.search = words.next().into_iter().filter_map(suffix).collect()
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
            ("ndots", count) => self.ndots = number(count).min(MAX_NDOTS),
            ("timeout", seconds) => {
                self.timeout = Duration::from_secs(number(seconds).max(1) as u64)
            }
            ("attempts", count) => self.attempts = number(count).max(1),
            ("use-vc" | "usevc" | "tcp", "") => self.tcp = true,
            ("edns0", "") => self.edns0 = true,
            _ => {}
        }
    }
}

/// The digits at the beginning; Go's `dtoi` gives up at 16 million, and no number is none.
fn number(text: &str) -> usize {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let most = 0xff_ffff;
    if end == 0 {
        0
    } else {
        text[..end].parse().unwrap_or(most).min(most)
    }
}

fn address(text: &str) -> Option<IpAddr> {
    // The zone is not carried along.
    text.split('%').next()?.parse().ok()
}

/// A suffix that DNS can hold.
fn suffix(text: &str) -> Option<String> {
    let bare = text.strip_suffix('.').unwrap_or(text);
    can_be_asked(bare).then(|| bare.to_owned())
}

/// Whether each label has 1 to 63 bytes; more Go does not ask of a suffix.
pub(super) fn can_be_asked(name: &str) -> bool {
    name.split('.').all(|label| (1..=63).contains(&label.len()))
}
