//! Name resolution as in Go's resolver: hosts file, search list, ndots, A and AAAA in parallel.
//!
//! It sends DNS queries itself, because only the response code distinguishes a missing name from a
//! failing nameserver.

pub mod resolv_conf;

mod hosts_file;
mod routable;
mod runtime;
mod search_list;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io};

use hickory_resolver::Resolver as HickoryResolver;
use hickory_resolver::config::{
    NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
pub use resolv_conf::ResolvConf;
use routable::{has_route, routable};
use runtime::NotingRuntime;

use crate::catalogue::FailureMode;
use crate::config::{DnsSettings, regular_file};
use crate::net::PhaseError;
use crate::report::{Finding, PhaseOutcome};

/// Number of bytes that are read of a hosts file or resolv.conf.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// The file with the host name. Its domain is the default search list.
const HOSTNAME_FILE: &str = "/proc/sys/kernel/hostname";

/// Resolves names with the pod's nameservers, without a cache.
#[derive(Debug)]
pub struct Resolver {
    settings: DnsSettings,
    latest: Mutex<Option<Arc<DnsClient>>>,
}

/// A client for one content of resolv.conf.
#[derive(Debug)]
struct DnsClient {
    text: Vec<u8>,
    dns: HickoryResolver<NotingRuntime>,
    nameservers: Vec<SocketAddr>,
    conf: ResolvConf,
    read_error: Option<String>,
}

/// The reason why one candidate name has no address.
#[derive(Debug)]
struct LookupFailure {
    mode: FailureMode,
    reason: String,
    outcome: PhaseOutcome,
}

impl Resolver {
    /// Returns a resolver that, like Go, follows changes of resolv.conf.
    pub fn new(settings: &DnsSettings) -> Self {
        Self {
            settings: settings.clone(),
            latest: Mutex::default(),
        }
    }

    /// Resolves a name and returns the addresses that this pod has a route to.
    ///
    /// # Errors
    /// A mode `net_dns_*` with the nameserver's response as evidence.
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, PhaseError> {
        let hosts = read_bounded(&self.settings.hosts).unwrap_or_default();
        let from_hosts_file = hosts_file::addresses(&hosts, host);
        if !from_hosts_file.is_empty() {
            return Ok(from_hosts_file);
        }
        let client = self.client();
        let mut worst: Option<LookupFailure> = None;
        for name in search_list::candidates(host, &client.conf.search, client.conf.ndots) {
            let Ok(question) =
                Name::from_labels(name.trim_end_matches('.').split('.').map(str::as_bytes))
            else {
                continue;
            };
            let began = Instant::now();
            match client.dns.lookup_ip(question).await {
                Ok(found) => return routable(host, found.iter().collect(), has_route),
                Err(error) => {
                    // A socket error may be reported as a timeout too, but before the time is up.
                    let timed_out = matches!(error, NetError::Timeout)
                        && began.elapsed() >= client.conf.timeout;
                    let outcome = if timed_out {
                        PhaseOutcome::TimedOut
                    } else {
                        PhaseOutcome::Failed
                    };
                    let failure = LookupFailure {
                        mode: diagnose(&error),
                        reason: format!("{name} {}", describe(&error)),
                        outcome,
                    };
                    // The name itself outranks its expansions; a failing nameserver outranks both.
                    let outranks = worst
                        .as_ref()
                        .is_none_or(|worst| severity(failure.mode) >= severity(worst.mode));
                    if outranks {
                        worst = Some(failure);
                    }
                }
            }
        }
        let failure = worst.unwrap_or_else(|| LookupFailure {
            mode: FailureMode::NetDnsNxdomain,
            reason: format!("{host} is not a valid DNS name"),
            outcome: PhaseOutcome::Failed,
        });
        let finding = Finding::new(
            failure.mode,
            format!(
                "{host} does not resolve: {} ({})",
                failure.reason,
                client.nameserver_list()
            ),
        );
        Err(PhaseError {
            finding,
            outcome: failure.outcome,
        })
    }

    /// Returns the client for the present content of resolv.conf.
    fn client(&self) -> Arc<DnsClient> {
        let (text, read_error) = match read_bounded(&self.settings.resolv_conf) {
            Ok(text) => (text, None),
            Err(error) => (
                Vec::new(),
                Some(format!(
                    "failed to read {}: {error}",
                    self.settings.resolv_conf.display()
                )),
            ),
        };
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        match latest
            .as_ref()
            .filter(|client| client.text == text && client.read_error == read_error)
        {
            Some(client) => Arc::clone(client),
            None => Arc::clone(latest.insert(Arc::new(DnsClient::new(
                &self.settings,
                text,
                read_error,
            )))),
        }
    }
}

impl DnsClient {
    fn new(settings: &DnsSettings, text: Vec<u8>, read_error: Option<String>) -> Self {
        let hostname = fs::read_to_string(HOSTNAME_FILE).unwrap_or_default();
        let conf = ResolvConf::parse(&text, hostname.trim());
        let from_resolv_conf = || {
            conf.nameservers
                .iter()
                .map(|address| SocketAddr::new(*address, 53))
                .collect()
        };
        let nameservers: Vec<_> = settings
            .nameservers
            .clone()
            .unwrap_or_else(from_resolv_conf);
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
        let dns = HickoryResolver::builder_with_config(config, NotingRuntime::default())
            .with_options(options)
            .build()
            .expect("only TLS settings can be invalid, and there are none");
        Self {
            text,
            dns,
            nameservers,
            conf,
            read_error,
        }
    }

    fn nameserver_list(&self) -> String {
        let servers: Vec<_> = self
            .nameservers
            .iter()
            .take(3)
            .map(ToString::to_string)
            .collect();
        let read_error = self
            .read_error
            .as_ref()
            .map_or_else(String::new, |error| format!("; {error}"));
        format!("nameservers: {}{read_error}", servers.join(", "))
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

/// Returns the failure mode of a DNS error.
pub fn diagnose(error: &NetError) -> FailureMode {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(missing)) => match missing.response_code {
            ResponseCode::NXDomain => FailureMode::NetDnsNxdomain,
            ResponseCode::NoError => FailureMode::NetDnsNoAddress,
            _ => FailureMode::NetDnsServfail,
        },
        NetError::Dns(_) | NetError::Proto(_) => FailureMode::NetDnsServfail,
        // No response, a closed port, or a lost connection.
        _ => FailureMode::NetDnsTimeout,
    }
}

/// Describes a DNS error after the name.
fn describe(error: &NetError) -> String {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(missing))
            if missing.response_code == ResponseCode::NoError =>
        {
            "exists but has no A or AAAA record".to_owned()
        }
        NetError::Dns(DnsError::NoRecordsFound(missing)) => {
            format!("returned {}", missing.response_code)
        }
        NetError::Dns(DnsError::ResponseCode(code)) => format!("returned {code}"),
        NetError::Timeout => "got no response".to_owned(),
        other => format!("got no usable response: {other}"),
    }
}

/// Ranks failures: a timeout over a server failure over an empty response over a missing name.
fn severity(mode: FailureMode) -> u8 {
    match mode {
        FailureMode::NetDnsTimeout => 3,
        FailureMode::NetDnsServfail => 2,
        FailureMode::NetDnsNoAddress => 1,
        _ => 0,
    }
}

/// Returns the finding of a name resolution that timed out.
pub fn timed_out(host: &str, resolver: &Resolver, limit: Duration) -> Finding {
    let evidence = format!(
        "{host} does not resolve: no response within {limit:?} ({})",
        resolver.client().nameserver_list()
    );
    Finding::new(FailureMode::NetDnsTimeout, evidence)
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    regular_file::read_start(path, MAX_FILE_BYTES)
}
