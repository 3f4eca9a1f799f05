//! Tests of name resolution: `resolv.conf`, the order of queries, and timeouts.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use castai_health_exporter::catalogue::FailureMode;
use castai_health_exporter::config;
use castai_health_exporter::net::Resolver;
use castai_health_exporter::net::resolve::ResolvConf;
use castai_health_exporter::report::PhaseOutcome;
use lab::{Dns, DnsFault};
use tempfile::TempDir;

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 20, 1));

/// A resolver, its DNS server, and the file it reads.
struct ResolverBed {
    resolver: Resolver,
    dns: Dns,
    path: PathBuf,
    _dir: TempDir,
}

impl ResolverBed {
    fn start(resolv_conf: &str) -> Self {
        let dns = Dns::start(IpAddr::from([127, 0, 0, 53]), [("host.lab", ADDRESS)]).unwrap();
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("resolv.conf");
        fs::write(&path, resolv_conf).unwrap();
        Self {
            resolver: resolver(dns.addr(), &path),
            dns,
            path,
            _dir: dir,
        }
    }

    /// Returns the names queried since the last call, without duplicates.
    fn queried_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .dns
            .queries()
            .into_iter()
            .map(|question| question.name)
            .collect();
        names.dedup();
        self.dns.clear();
        names
    }
}

fn resolver(dns: SocketAddr, resolv_conf: &Path) -> Resolver {
    Resolver::new(&config::DnsSettings {
        nameservers: Some(vec![dns]),
        resolv_conf: resolv_conf.to_owned(),
        hosts: PathBuf::from("/dev/null"),
    })
}

/// Summarises the settings parsed from a `resolv.conf`.
fn read(text: &str, hostname: &str) -> String {
    let conf = ResolvConf::parse(text.as_bytes(), hostname);
    let servers: Vec<_> = conf.nameservers.iter().map(ToString::to_string).collect();
    format!(
        "{} [{}] ndots:{} timeout:{} attempts:{}{}{}",
        servers.join(","),
        conf.search.join(","),
        conf.ndots,
        conf.timeout.as_secs(),
        conf.attempts,
        if conf.tcp { " tcp" } else { "" },
        if conf.edns0 { " edns0" } else { "" },
    )
}

#[test]
fn resolv_conf_is_parsed_like_go_does() {
    let defaults = "127.0.0.1,::1 [] ndots:1 timeout:5 attempts:2";
    let long = "a".repeat(64);
    for (text, expected) in [
        ("", defaults),
        ("# nameserver 10.0.0.1\n;nameserver 10.0.0.2\n", defaults),
        ("nameserver\nnameserver dns.example\n\u{fffd}\0\n", defaults),
        (
            "nameserver 10.0.0.10",
            "10.0.0.10 [] ndots:1 timeout:5 attempts:2",
        ),
        (
            "nameserver\t10.0.0.10 # kube-dns\r\n",
            "10.0.0.10 [] ndots:1 timeout:5 attempts:2",
        ),
        (
            "nameserver 10.0.0.1\nnameserver fd00::a\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n",
            "10.0.0.1,fd00::a,10.0.0.3 [] ndots:1 timeout:5 attempts:2",
        ),
        (
            "nameserver 10.0.0.10\nsearch ns.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n",
            "10.0.0.10 [ns.svc.cluster.local,svc.cluster.local,cluster.local] ndots:5 timeout:5 attempts:2",
        ),
        (
            "search a.lab\nsearch b.lab.\n",
            "127.0.0.1,::1 [b.lab] ndots:1 timeout:5 attempts:2",
        ),
        (
            "search a.lab b.lab\ndomain c.lab\n",
            "127.0.0.1,::1 [c.lab] ndots:1 timeout:5 attempts:2",
        ),
        (
            "search . a..b .c under_score.lab\n",
            "127.0.0.1,::1 [under_score.lab] ndots:1 timeout:5 attempts:2",
        ),
        (
            &format!("search {long}.lab ok.lab\n"),
            "127.0.0.1,::1 [ok.lab] ndots:1 timeout:5 attempts:2",
        ),
        (
            "options timeout:0 attempts:0 ndots:16\n",
            "127.0.0.1,::1 [] ndots:15 timeout:1 attempts:1",
        ),
        (
            "options timeout: attempts:x ndots:-1\n",
            "127.0.0.1,::1 [] ndots:0 timeout:1 attempts:1",
        ),
        (
            "options ndots:2x timeout:3 attempts:4 rotate\n",
            "127.0.0.1,::1 [] ndots:2 timeout:3 attempts:4",
        ),
        (
            "options ndots:99999999999999999999\n",
            "127.0.0.1,::1 [] ndots:15 timeout:5 attempts:2",
        ),
        (
            "options use-vc edns0 trust-ad\n",
            "127.0.0.1,::1 [] ndots:1 timeout:5 attempts:2 tcp edns0",
        ),
    ] {
        assert_eq!(read(text, "pod"), expected, "{text:?}");
    }
}

#[test]
fn host_domain_is_searched_without_a_search_list() {
    assert!(read("nameserver 10.0.0.1", "node.ec2.internal").contains("[ec2.internal]"));
    assert!(read("search a.lab", "node.ec2.internal").contains("[a.lab]"));
    assert!(read("", "node.").contains("[]"));
}

#[tokio::test]
async fn invalid_search_domain_is_skipped() {
    let bed = ResolverBed::start(&format!(
        "search a..b {}.lab under_score.lab\noptions ndots:5\n",
        "x".repeat(64)
    ));
    assert_eq!(bed.resolver.resolve("host.lab").await.unwrap(), [ADDRESS]);
    assert_eq!(
        bed.queried_names(),
        ["host.lab.under_score.lab", "host.lab"]
    );
}

#[tokio::test]
async fn changed_resolv_conf_applies_to_the_next_lookup() {
    let bed = ResolverBed::start("search a.lab\noptions ndots:5\n");
    bed.resolver.resolve("host.lab").await.unwrap();
    assert_eq!(bed.queried_names(), ["host.lab.a.lab", "host.lab"]);
    fs::write(&bed.path, "search b.lab\noptions ndots:5\n").unwrap();
    bed.resolver.resolve("host.lab").await.unwrap();
    assert_eq!(bed.queried_names(), ["host.lab.b.lab", "host.lab"]);
}

#[tokio::test]
async fn zero_timeout_and_attempts_in_resolv_conf_still_resolve() {
    let bed = ResolverBed::start("options timeout:0 attempts:0\n");
    bed.dns.set(DnsFault::Slow(Duration::from_millis(100)));
    assert_eq!(bed.resolver.resolve("host.lab").await.unwrap(), [ADDRESS]);
}

#[tokio::test]
async fn use_vc_option_queries_over_tcp() {
    let bed = ResolverBed::start("options use-vc\n");
    bed.resolver.resolve("host.lab").await.unwrap();
    let questions = bed.dns.queries();
    assert!(
        !questions.is_empty() && questions.iter().all(|question| question.tcp),
        "{questions:?}"
    );
}

#[tokio::test]
async fn unreadable_resolv_conf_is_not_a_resolver_failure() {
    let bed = ResolverBed::start("");
    fs::remove_file(&bed.path).unwrap();
    fs::create_dir(&bed.path).unwrap();
    assert_eq!(bed.resolver.resolve("host.lab").await.unwrap(), [ADDRESS]);
    let stop = bed.resolver.resolve("missing.lab").await.unwrap_err();
    assert_eq!(stop.finding.mode, FailureMode::NetDnsNxdomain);
    assert!(
        stop.finding.evidence.as_str().contains("resolv.conf"),
        "{}",
        stop.finding.evidence
    );
}

#[tokio::test]
async fn silent_resolver_times_out_and_refused_connection_fails_fast() {
    let bed = ResolverBed::start("options timeout:1 attempts:1\n");
    bed.dns.set(DnsFault::Silent);
    let silent = bed.resolver.resolve("host.lab").await.unwrap_err();
    assert_eq!(
        (silent.finding.mode, silent.outcome),
        (FailureMode::NetDnsTimeout, PhaseOutcome::TimedOut)
    );
    // Over TCP a refused connection is reported immediately.
    fs::write(&bed.path, "options use-vc\n").unwrap();
    let closed = TcpListener::bind("127.0.0.54:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = resolver(closed, &bed.path)
        .resolve("host.lab")
        .await
        .unwrap_err();
    assert_eq!(
        (refused.finding.mode, refused.outcome),
        (FailureMode::NetDnsTimeout, PhaseOutcome::Failed)
    );
}

#[tokio::test]
async fn invalid_dns_name_is_not_queried() {
    let bed = ResolverBed::start("");
    for name in ["a..b".to_owned(), "x".repeat(64), ".".to_owned()] {
        let stop = bed.resolver.resolve(&name).await.unwrap_err();
        assert_eq!(
            (stop.finding.mode, stop.outcome),
            (FailureMode::NetDnsNxdomain, PhaseOutcome::Failed),
            "{name}"
        );
    }
    assert!(bed.queried_names().is_empty());
}
