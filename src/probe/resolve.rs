//! The name becomes addresses, as Go's resolver does it: hosts file, search list, ndots, A and AAAA side by side.
//!
//! It speaks DNS itself, because only the response code tells a name that does not exist from a resolver in trouble.

use std::fs;
use std::io;
use std::io::Read;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::NameServerConfig;
use hickory_resolver::config::ResolveHosts;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::config::ServerOrderingStrategy;
use hickory_resolver::net::DnsError;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::system_conf::parse_resolv_conf;

use crate::catalogue::FailureMode;
use crate::config::Dns;
use crate::probe::Stop;
use crate::verdict::Finding;

/// The most that is read of a hosts file or resolv.conf.
const MAX_FILE: u64 = 1 << 20;
/// The longest name that DNS knows, in characters.
const MAX_NAME: usize = 254;

/// Resolves names through the pod's own resolver; keeps nothing between two attempts.
#[derive(Debug)]
pub struct Resolver {
    client: Result<Client, String>,
    hosts: PathBuf,
}

#[derive(Debug)]
struct Client {
    dns: TokioResolver,
    nameservers: Vec<SocketAddr>,
    search: Vec<String>,
    ndots: usize,
}

/// Why one spelling of a name gave no address.
#[derive(Debug)]
struct Miss {
    mode: FailureMode,
    what: String,
}

impl Resolver {
    /// A resolver as the configuration and resolv.conf say.
    pub fn new(settings: &Dns) -> Self {
        Self { client: Client::new(settings).map_err(|error| error.to_string()), hosts: settings.hosts.clone() }
    }

    /// The addresses of a name, those first that this pod can route to.
    ///
    /// # Errors
    /// One of the modes `net_dns_*`, with the resolver's answer as evidence.
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, Stop> {
        let written = in_hosts_file(&self.hosts, host);
        if !written.is_empty() {
            return Ok(written);
        }
        let client = self.client.as_ref().map_err(|error| {
            Stop::failed(FailureMode::NetDnsServfail, format!("no resolver to ask for {host}: {error}"))
        })?;
        let mut worst: Option<Miss> = None;
        for name in candidates(host, &client.search, client.ndots) {
            match client.dns.lookup_ip(name.as_str()).await {
                Ok(found) => return usable(host, found.iter().collect()),
                Err(error) => {
                    let miss = Miss { mode: diagnose(&error), what: format!("{name} {}", answer(&error)) };
                    // The name itself outranks its spellings with the search list, a resolver in trouble both.
                    let outranks = worst.as_ref().is_none_or(|worst| rank(miss.mode) >= rank(worst.mode));
                    if outranks {
                        worst = Some(miss);
                    }
                }
            }
        }
        let miss = worst.unwrap_or_else(|| Miss {
            mode: FailureMode::NetDnsNxdomain,
            what: format!("{host} is not a name that DNS can hold"),
        });
        Err(Stop {
            finding: Finding::new(miss.mode, format!("{host} does not resolve: {} {}", self.asked(), miss.what)),
            ended: if miss.mode == FailureMode::NetDnsTimeout {
                crate::verdict::Ended::TimedOut
            } else {
                crate::verdict::Ended::Failed
            },
        })
    }

    fn asked(&self) -> String {
        let Ok(client) = &self.client else { return "resolver".to_owned() };
        let servers: Vec<_> = client.nameservers.iter().take(3).map(ToString::to_string).collect();
        format!("asked {},", servers.join(", "))
    }
}

impl Client {
    fn new(settings: &Dns) -> io::Result<Self> {
        let (mut config, mut options) = parse_resolv_conf(resolv_conf(settings)?).map_err(io::Error::other)?;
        if let Some(nameservers) = &settings.nameservers {
            let servers = nameservers.iter().map(|address| nameserver(*address)).collect();
            config = ResolverConfig::from_parts(None, config.search().to_vec(), servers);
        }
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
        options.num_concurrent_reqs = 1;
        let search = config.search().iter().map(|name| name.to_utf8().trim_end_matches('.').to_owned()).collect();
        let nameservers = config
            .name_servers()
            .iter()
            .map(|server| SocketAddr::new(server.ip, server.connections.first().map_or(53, |first| first.port)))
            .collect();
        let ndots = options.ndots;
        let dns = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()
            .map_err(io::Error::other)?;
        Ok(Self { dns, nameservers, search, ndots })
    }
}

/// The text of resolv.conf; without a file or a nameserver in it Go asks this host (`net.defaultNS`).
fn resolv_conf(settings: &Dns) -> io::Result<Vec<u8>> {
    let mut text = match read_bounded(&settings.resolv_conf) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", settings.resolv_conf.display()))),
    };
    if !text.split(|byte| *byte == b'\n').any(|line| line.trim_ascii_start().starts_with(b"nameserver")) {
        text.extend_from_slice(b"\nnameserver 127.0.0.1\n");
    }
    Ok(text)
}

fn nameserver(address: SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

/// The spellings of a name in the order in which Go asks for them (`net.nameList`), all absolute.
fn candidates(host: &str, search: &[String], ndots: usize) -> Vec<String> {
    let bare = host.strip_suffix('.').unwrap_or(host);
    if bare.is_empty() || bare.len() >= MAX_NAME {
        return Vec::new();
    }
    let absolute = format!("{bare}.");
    if host.ends_with('.') {
        return vec![absolute];
    }
    let searched = search.iter().filter(|suffix| !suffix.is_empty()).map(|suffix| format!("{bare}.{suffix}."));
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
        NetError::Dns(DnsError::NoRecordsFound(missing)) if missing.response_code == ResponseCode::NoError => {
            "exists but has no address".to_owned()
        }
        NetError::Dns(DnsError::NoRecordsFound(missing)) => format!("was answered {}", missing.response_code),
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
    let evidence = format!("{host} does not resolve: {} no answer within {limit:?}", resolver.asked());
    Finding::new(FailureMode::NetDnsTimeout, evidence)
}

/// Puts the addresses first that this pod has a route to; a name without any is as good as without address.
fn usable(host: &str, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Stop> {
    let routed: Vec<_> = addresses.iter().copied().filter(|address| has_route(*address)).collect();
    if !routed.is_empty() {
        return Ok(routed);
    }
    let one_family = addresses.iter().all(IpAddr::is_ipv4) || addresses.iter().all(IpAddr::is_ipv6);
    if !one_family || addresses.is_empty() {
        return Ok(addresses);
    }
    let family = if addresses[0].is_ipv4() { "IPv4" } else { "IPv6" };
    Err(Stop::failed(
        FailureMode::NetDnsNoAddress,
        format!("{host} has only {family} addresses ({}), and this pod has no {family} route", addresses[0]),
    ))
}

/// Asks the kernel's routing table: connecting a UDP socket sends nothing.
fn has_route(address: IpAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((address, 53))).is_ok()
}

fn in_hosts_file(path: &Path, host: &str) -> Vec<IpAddr> {
    let wanted = host.strip_suffix('.').unwrap_or(host);
    let Ok(text) = read_bounded(path) else { return Vec::new() };
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words.any(|name| name.trim_end_matches('.').eq_ignore_ascii_case(wanted)).then_some(address)
        })
        .collect()
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_few_dots_is_searched_before_it_is_asked_for_itself() {
        let search = ["ns.svc.cluster.local".to_owned(), "cluster.local".to_owned()];
        let names = candidates("api.cast.ai", &search, 5);
        assert_eq!(names, ["api.cast.ai.ns.svc.cluster.local.", "api.cast.ai.cluster.local.", "api.cast.ai."]);
        assert_eq!(candidates("api.cast.ai", &search, 2)[0], "api.cast.ai.");
        assert_eq!(candidates("api.cast.ai.", &search, 5), ["api.cast.ai."]);
    }

    #[test]
    fn a_name_that_dns_cannot_hold_is_asked_for_nowhere() {
        assert!(candidates(&"a.".repeat(200), &[], 1).is_empty());
        assert!(candidates("", &[], 1).is_empty());
    }
}
