//! The name becomes addresses, as Go's resolver does it: hosts file, search list, ndots, A and AAAA side by side.
//!
//! It speaks DNS itself, because only the response code tells a name that does not exist from a resolver in trouble.

pub mod resolv_conf;

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
pub use resolv_conf::ResolvConf;

use crate::catalogue::FailureMode;
use crate::config::Dns;
use crate::net::Stop;
use crate::report::{Ended, Finding};

/// The most that is read of a hosts file or resolv.conf.
const MAX_FILE: u64 = 1 << 20;
/// Who this machine says it is.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";
/// Addresses that only a default route leads to (RFC 5737, RFC 3849); nothing is sent there.
const ANYWHERE_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const ANYWHERE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// The longest name that DNS knows, in characters.
const MAX_NAME: usize = 254;

/// Resolves names through the pod's own resolver; keeps no answer between two attempts.
#[derive(Debug)]
pub struct Resolver {
    settings: Dns,
    latest: Mutex<Option<Arc<Client>>>,
}

/// What a state of resolv.conf comes to.
#[derive(Debug)]
struct Client {
    text: Vec<u8>,
    dns: TokioResolver,
    nameservers: Vec<SocketAddr>,
    conf: ResolvConf,
    remark: Option<String>,
}

/// Why one spelling of a name gave no address.
#[derive(Debug)]
struct Miss {
    mode: FailureMode,
    what: String,
    ended: Ended,
}

impl Resolver {
    /// A resolver as the configuration and resolv.conf say; the file is read anew each time, as Go does when it changes.
    pub fn new(settings: &Dns) -> Self {
        Self {
            settings: settings.clone(),
            latest: Mutex::default(),
        }
    }

    /// The addresses of a name, those first that this pod can route to.
    ///
    /// # Errors
    /// One of the modes `net_dns_*`, with the resolver's answer as evidence.
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, Stop> {
        let written = in_hosts_file(&self.settings.hosts, host);
        if !written.is_empty() {
            return Ok(written);
        }
        let client = self.client();
        let mut worst: Option<Miss> = None;
        for name in candidates(host, &client.conf.search, client.conf.ndots) {
            let Ok(question) =
                Name::from_labels(name.trim_end_matches('.').split('.').map(str::as_bytes))
            else {
                continue;
            };
            let began = Instant::now();
            match client.dns.lookup_ip(question).await {
                Ok(found) => return usable(host, found.iter().collect(), has_route),
                Err(error) => {
                    // A socket's error is no silence, whatever it is called: that takes the time that was given.
                    let silent = matches!(error, NetError::Timeout)
                        && began.elapsed() >= client.conf.timeout;
                    let ended = if silent {
                        Ended::TimedOut
                    } else {
                        Ended::Failed
                    };
                    let miss = Miss {
                        mode: diagnose(&error),
                        what: format!("{name} {}", answer(&error)),
                        ended,
                    };
                    // The name itself outranks its spellings with the search list, a resolver in trouble both.
                    let outranks = worst
                        .as_ref()
                        .is_none_or(|worst| rank(miss.mode) >= rank(worst.mode));
                    if outranks {
                        worst = Some(miss);
                    }
                }
            }
        }
        let miss = worst.unwrap_or_else(|| Miss {
            mode: FailureMode::NetDnsNxdomain,
            what: format!("{host} is not a name that DNS can hold"),
            ended: Ended::Failed,
        });
        let finding = Finding::new(
            miss.mode,
            format!("{host} does not resolve: {} {}", client.asked(), miss.what),
        );
        Err(Stop {
            finding,
            ended: miss.ended,
        })
    }

    /// The client for what resolv.conf says now.
    fn client(&self) -> Arc<Client> {
        let (text, remark) = match read_bounded(&self.settings.resolv_conf) {
            Ok(text) => (text, None),
            Err(error) => (
                Vec::new(),
                Some(format!("{}: {error}", self.settings.resolv_conf.display())),
            ),
        };
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        match latest
            .as_ref()
            .filter(|client| client.text == text && client.remark == remark)
        {
            Some(client) => Arc::clone(client),
            None => Arc::clone(latest.insert(Arc::new(Client::new(&self.settings, text, remark)))),
        }
    }
}

impl Client {
    fn new(settings: &Dns, text: Vec<u8>, remark: Option<String>) -> Self {
        let hostname = fs::read_to_string(HOSTNAME).unwrap_or_default();
        let conf = ResolvConf::parse(&text, hostname.trim());
        let written = || {
            conf.nameservers
                .iter()
                .map(|address| SocketAddr::new(*address, 53))
                .collect()
        };
        let nameservers: Vec<_> = settings.nameservers.clone().unwrap_or_else(written);
        let servers = nameservers
            .iter()
            .map(|address| nameserver(*address, conf.tcp))
            .collect();
        let mut options = ResolverOpts::default();
        options.timeout = conf.timeout;
        options.attempts = conf.attempts;
        options.edns0 = conf.edns0;
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
        options.num_concurrent_reqs = 1;
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let dns = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()
            .expect("only TLS could fail, and there is none");
        Self {
            text,
            dns,
            nameservers,
            conf,
            remark,
        }
    }

    fn asked(&self) -> String {
        let servers: Vec<_> = self
            .nameservers
            .iter()
            .take(3)
            .map(ToString::to_string)
            .collect();
        let remark = self
            .remark
            .as_ref()
            .map_or_else(String::new, |remark| format!(" ({remark})"));
        format!("asked {}{remark},", servers.join(", "))
    }
}

fn nameserver(address: SocketAddr, tcp: bool) -> NameServerConfig {
    let ip = address.ip();
    let mut server = if tcp {
        NameServerConfig::tcp(ip)
    } else {
        NameServerConfig::udp_and_tcp(ip)
    };
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

/// The spellings of a name in the order in which Go asks for them (`net.nameList`), all absolute.
fn candidates(host: &str, search: &[String], ndots: usize) -> Vec<String> {
    let bare = host.strip_suffix('.').unwrap_or(host);
    if bare.len() >= MAX_NAME || !resolv_conf::can_be_asked(bare) {
        return Vec::new();
    }
    let absolute = format!("{bare}.");
    if host.ends_with('.') {
        return vec![absolute];
    }
    let searched = search.iter().map(|suffix| format!("{bare}.{suffix}."));
    let mut names: Vec<_> = searched.filter(|name| name.len() <= MAX_NAME).collect();
    let enough_dots = bare.bytes().filter(|byte| *byte == b'.').count() >= ndots;
    names.insert(if enough_dots { 0 } else { names.len() }, absolute);
    names
}

/// What the resolver's answer means.
pub fn diagnose(error: &NetError) -> FailureMode {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(missing)) => match missing.response_code {
            ResponseCode::NXDomain => FailureMode::NetDnsNxdomain,
            ResponseCode::NoError => FailureMode::NetDnsNoAddress,
            _ => FailureMode::NetDnsServfail,
        },
        NetError::Dns(_) | NetError::Proto(_) => FailureMode::NetDnsServfail,
        // No answer, a resolver that refuses packets, or one whose connection is gone: nobody answered.
        _ => FailureMode::NetDnsTimeout,
    }
}

/// What the resolver answered, in words.
fn answer(error: &NetError) -> String {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(missing))
            if missing.response_code == ResponseCode::NoError =>
        {
            "exists but has no address".to_owned()
        }
        NetError::Dns(DnsError::NoRecordsFound(missing)) => {
            format!("was answered {}", missing.response_code)
        }
        NetError::Dns(DnsError::ResponseCode(code)) => format!("was answered {code}"),
        NetError::Timeout => "got no answer".to_owned(),
        other => format!("got no usable answer: {other}"),
    }
}

/// Which miss tells most: silence over trouble over an empty answer over a name that does not exist.
fn rank(mode: FailureMode) -> u8 {
    match mode {
        FailureMode::NetDnsTimeout => 3,
        FailureMode::NetDnsServfail => 2,
        FailureMode::NetDnsNoAddress => 1,
        _ => 0,
    }
}

/// The finding when the time for resolving was up.
pub fn unanswered(host: &str, resolver: &Resolver, limit: Duration) -> Finding {
    let evidence = format!(
        "{host} does not resolve: {} no answer within {limit:?}",
        resolver.client().asked()
    );
    Finding::new(FailureMode::NetDnsTimeout, evidence)
}

/// The addresses that this pod has a route to.
///
/// All of them when it has none: connecting shows why. Only where the other family would do is a name as good as
/// without address.
fn usable(
    host: &str,
    addresses: Vec<IpAddr>,
    has_route: impl Fn(IpAddr) -> bool,
) -> Result<Vec<IpAddr>, Stop> {
    let routed: Vec<_> = addresses
        .iter()
        .copied()
        .filter(|address| has_route(*address))
        .collect();
    if !routed.is_empty() || addresses.is_empty() {
        return Ok(if routed.is_empty() { addresses } else { routed });
    }
    let (family, own, other) = match addresses[0] {
        IpAddr::V4(_) => ("IPv4", ANYWHERE_V4.into(), ANYWHERE_V6.into()),
        IpAddr::V6(_) => ("IPv6", ANYWHERE_V6.into(), ANYWHERE_V4.into()),
    };
    let one_family = addresses
        .iter()
        .all(|address| address.is_ipv4() == addresses[0].is_ipv4());
    if !one_family || has_route(own) || !has_route(other) {
        return Ok(addresses);
    }
    Err(Stop::failed(
        FailureMode::NetDnsNoAddress,
        format!(
            "{host} has only {family} addresses ({}), and this pod has no {family} route",
            addresses[0]
        ),
    ))
}

/// Asks the kernel's routing table: connecting a UDP socket sends nothing.
fn has_route(address: IpAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    UdpSocket::bind((any, 0))
        .and_then(|socket| socket.connect((address, 53)))
        .is_ok()
}

fn in_hosts_file(path: &Path, host: &str) -> Vec<IpAddr> {
    let wanted = host.strip_suffix('.').unwrap_or(host);
    let Ok(text) = read_bounded(path) else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words
                .any(|name| name.trim_end_matches('.').eq_ignore_ascii_case(wanted))
                .then_some(address)
        })
        .collect()
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path)?
        .take(MAX_FILE)
        .read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_few_dots_is_searched_before_it_is_asked_for_itself() {
        let search = [
            "ns.svc.cluster.local".to_owned(),
            "cluster.local".to_owned(),
        ];
        let names = candidates("api.cast.ai", &search, 5);
        assert_eq!(
            names,
            [
                "api.cast.ai.ns.svc.cluster.local.",
                "api.cast.ai.cluster.local.",
                "api.cast.ai."
            ]
        );
        assert_eq!(candidates("api.cast.ai", &search, 2)[0], "api.cast.ai.");
        assert_eq!(candidates("api.cast.ai.", &search, 5), ["api.cast.ai."]);
    }

    #[test]
    fn a_name_that_dns_cannot_hold_is_asked_for_nowhere() {
        assert!(candidates(&"a.".repeat(200), &[], 1).is_empty());
        assert!(candidates("", &[], 1).is_empty());
        assert!(candidates("a..b", &[], 1).is_empty());
        assert!(candidates(&"a".repeat(64), &[], 1).is_empty());
    }

    #[test]
    fn a_name_is_without_address_only_where_the_other_family_would_do() {
        let v6: IpAddr = "2001:db8:1::1".parse().unwrap();
        let v4: IpAddr = "198.51.100.1".parse().unwrap();
        let mode = |addresses: &[IpAddr], routes: &[IpAddr]| {
            let routed = usable("api.cast.lab", addresses.to_vec(), |address| {
                routes.contains(&address)
            });
            routed.map_err(|stop| stop.finding.mode)
        };
        assert_eq!(
            mode(&[v6], &[ANYWHERE_V4.into()]),
            Err(FailureMode::NetDnsNoAddress)
        );
        assert_eq!(
            mode(&[v4], &[ANYWHERE_V6.into()]),
            Err(FailureMode::NetDnsNoAddress)
        );
        assert_eq!(
            mode(&[v6], &[]),
            Ok(vec![v6]),
            "no network at all is for connect to say"
        );
        assert_eq!(
            mode(&[v6], &[ANYWHERE_V4.into(), ANYWHERE_V6.into()]),
            Ok(vec![v6]),
            "one prohibited route"
        );
        assert_eq!(mode(&[v6, v4], &[]), Ok(vec![v6, v4]));
        assert_eq!(mode(&[v6, v4], &[v4]), Ok(vec![v4]));
    }
}
