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
struct Scene {
    resolver: Resolver,
    dns: Dns,
    path: PathBuf,
    _dir: TempDir,
}

impl Scene {
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
    fn asked(&self) -> Vec<String> {
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
fn resolv_conf_means_what_go_takes_it_for() {
    let nobody = "127.0.0.1,::1 [] ndots:1 timeout:5 attempts:2";
    let long = "a".repeat(64);
    for (text, expected) in [
        ("", nobody),
        ("# nameserver 10.0.0.1\n;nameserver 10.0.0.2\n", nobody),
        ("nameserver\nnameserver dns.example\n\u{fffd}\0\n", nobody),
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
fn without_a_search_list_the_machines_own_domain_is_searched() {
    assert!(read("nameserver 10.0.0.1", "node.ec2.internal").contains("[ec2.internal]"));
    assert!(read("search a.lab", "node.ec2.internal").contains("[a.lab]"));
    assert!(read("", "node.").contains("[]"));
}

#[tokio::test]
async fn one_odd_label_in_the_search_list_spoils_nothing_else() {
    let scene = Scene::start(&format!(
        "search a..b {}.lab under_score.lab\noptions ndots:5\n",
        "x".repeat(64)
    ));
    assert_eq!(scene.resolver.resolve("host.lab").await.unwrap(), [ADDRESS]);
    assert_eq!(scene.asked(), ["host.lab.under_score.lab", "host.lab"]);
}

#[tokio::test]
async fn a_changed_file_counts_at_the_next_name() {
    let scene = Scene::start("search a.lab\noptions ndots:5\n");
    scene.resolver.resolve("host.lab").await.unwrap();
    assert_eq!(scene.asked(), ["host.lab.a.lab", "host.lab"]);
    fs::write(&scene.path, "search b.lab\noptions ndots:5\n").unwrap();
    scene.resolver.resolve("host.lab").await.unwrap();
    assert_eq!(scene.asked(), ["host.lab.b.lab", "host.lab"]);
}

#[tokio::test]
async fn options_of_nought_leave_time_for_an_answer() {
    let scene = Scene::start("options timeout:0 attempts:0\n");
    scene.dns.set(DnsFault::Slow(Duration::from_millis(100)));
    assert_eq!(scene.resolver.resolve("host.lab").await.unwrap(), [ADDRESS]);
}

#[tokio::test]
async fn tcp_is_used_from_the_start_where_the_file_says_so() {
    let scene = Scene::start("options use-vc\n");
    scene.resolver.resolve("host.lab").await.unwrap();
    let questions = scene.dns.queries();
    assert!(
        !questions.is_empty() && questions.iter().all(|question| question.tcp),
        "{questions:?}"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_no_trouble_of_the_resolver() {
    let scene = Scene::start("");
    fs::remove_file(&scene.path).unwrap();
    fs::create_dir(&scene.path).unwrap();
    assert_eq!(scene.resolver.resolve("host.lab").await.unwrap(), [ADDRESS]);
    let stop = scene.resolver.resolve("nobody.lab").await.unwrap_err();
    assert_eq!(stop.finding.mode, FailureMode::NetDnsNxdomain);
    assert!(
        stop.finding
            .evidence
            .as_str()
            .contains("resolv.conf: Is a directory"),
        "{}",
        stop.finding.evidence
    );
}

#[tokio::test]
async fn silence_is_a_time_out_and_a_refused_connection_is_none() {
    let scene = Scene::start("options timeout:1 attempts:1\n");
    scene.dns.set(DnsFault::Silent);
    let silent = scene.resolver.resolve("host.lab").await.unwrap_err();
    assert_eq!(
        (silent.finding.mode, silent.outcome),
        (FailureMode::NetDnsTimeout, PhaseOutcome::TimedOut)
    );
    // Over TCP a refused connection is reported immediately.
    fs::write(&scene.path, "options use-vc\n").unwrap();
    let closed = TcpListener::bind("127.0.0.54:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = resolver(closed, &scene.path)
        .resolve("host.lab")
        .await
        .unwrap_err();
    assert_eq!(
        (refused.finding.mode, refused.outcome),
        (FailureMode::NetDnsTimeout, PhaseOutcome::Failed)
    );
}

#[tokio::test]
async fn a_name_that_dns_cannot_hold_is_asked_of_nobody() {
    let scene = Scene::start("");
    for name in ["a..b".to_owned(), "x".repeat(64), ".".to_owned()] {
        let stop = scene.resolver.resolve(&name).await.unwrap_err();
        assert_eq!(
            (stop.finding.mode, stop.outcome),
            (FailureMode::NetDnsNxdomain, PhaseOutcome::Failed),
            "{name}"
        );
    }
    assert!(scene.asked().is_empty());
}
