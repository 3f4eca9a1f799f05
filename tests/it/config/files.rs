//! Tests of configuration files, and of flags that override them.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, Scope};
use castai_health_exporter::config::exporter::keys;
use castai_health_exporter::config::{
    ApiKey, ApiserverLocation, Config, ConfigErrors, Flags, Secret, Vantage,
};

use super::{folder, load};
use crate::golden_entries::assert_problems;

const IN_CLUSTER: &[(&str, &str)] = &[
    ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
    ("KUBERNETES_SERVICE_PORT", "443"),
];

fn load_file(name: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let flags = Flags {
        config_file: Some(folder().join(name)),
        ..Flags::default()
    };
    load(&flags, variables)
}

#[test]
fn invalid_files_report_exactly_their_problems() {
    let folder = folder().join("invalid");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    names.sort();
    assert!(names.len() >= 9, "{names:?}");
    for path in names {
        let flags = Flags {
            config_file: Some(path.clone()),
            ..Flags::default()
        };
        let problems = load(&flags, &[]).expect_err(&path.display().to_string());
        let shown = problems
            .to_string()
            .replace(&format!("{}/", folder.display()), "")
            + "\n";
        let expected = path.with_extension("problems");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&expected, &shown).unwrap();
        }
        let known = std::fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(
            shown,
            known,
            "{} differs; UPDATE_GOLDEN=1 updates it:\n{shown}",
            expected.display()
        );
    }
}

#[test]
fn defaults_apply_without_a_file() {
    let config = load(&Flags::default(), &[]).unwrap();
    assert_eq!(config.vantage, Vantage::Companion);
    assert_eq!(config.scope, None);
    assert_eq!(
        config.web.listen,
        ["[::]:9878".parse::<SocketAddr>().unwrap()]
    );
    assert_eq!(config.log.level, tracing::Level::INFO);
    assert_eq!(config.dns.resolv_conf, Path::new("/etc/resolv.conf"));
    assert!(matches!(config.apiserver, ApiserverLocation::Absent));
    assert!(config.castai.url.is_none() && config.environment_problems.is_empty());
    for check in CheckId::ALL {
        let settings = config.check(*check);
        assert!(
            settings.enabled && settings.interval == check.entry().interval,
            "{check}"
        );
        assert_eq!(settings.timeouts, check.entry().timeouts, "{check}");
    }
    assert!(load_file("valid/empty.yaml", &[]).is_ok());
}

#[test]
fn every_key_takes_effect() {
    let config = load_file("valid/every_key.yaml", IN_CLUSTER)
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.vantage, Vantage::Companion);
    assert_eq!(config.scope, Some(Scope::Pod));
    assert_eq!(config.runbook_base, "https://runbooks.example.com/castai");
    assert_eq!(config.log.level, tracing::Level::DEBUG);
    assert_eq!(config.web.listen.len(), 3);
    assert_eq!(config.web.route_prefix, "/castai");
    assert!(config.web.enable_lifecycle);
    let ApiserverLocation::InCluster(apiserver) = &config.apiserver else {
        panic!("{:?}", config.apiserver)
    };
    assert_eq!(
        apiserver.service_account_dir,
        folder().join("valid/serviceaccount")
    );
    assert_eq!(
        apiserver.dns_name,
        ("kubernetes.default.svc.cluster.local".to_owned(), 6443)
    );
    assert_eq!(apiserver.addresses.as_ref().map(Vec::len), Some(2));
    assert_eq!(
        config
            .castai
            .url
            .as_ref()
            .unwrap()
            .as_ref()
            .unwrap()
            .as_str(),
        "https://api.eu.cast.ai/"
    );
    assert_eq!(
        config.castai.key,
        ApiKey::Present(Secret::new("castai-key"))
    );
    assert_eq!(
        config.aws.agent.map(|agent| agent.to_string()).as_deref(),
        Some("v0.123.1")
    );
    let agent = &config.installation;
    assert_eq!(
        (agent.namespace.as_str(), agent.deployment.as_str()),
        ("castai", "my-agent")
    );
    assert!(agent.sidecar_expected);
    assert_eq!(
        (
            agent.release.as_deref(),
            agent.latest.map(|latest| latest.1)
        ),
        (Some("castai"), Some(161))
    );
    let nameservers = config.dns.nameservers.as_deref().unwrap();
    assert_eq!(
        nameservers,
        [
            "10.96.0.10:53".parse().unwrap(),
            "10.96.0.11:5353".parse().unwrap()
        ]
    );
    assert_eq!(config.dns.hosts, Path::new("/etc/hosts.other"));
    let dns = config.check(CheckId::Dns);
    assert!(!dns.enabled);
    assert_eq!(dns.interval, Duration::from_secs(90));
    assert_eq!(dns.timeouts.resolve, Duration::from_millis(2500));
    let castai = config.check(CheckId::CastaiApi);
    assert_eq!(castai.timeouts.connect, Duration::from_millis(500));
    assert_eq!(castai.timeouts.resolve, Duration::from_secs(5));
}

#[test]
fn every_key_file_covers_the_key_table() {
    let text = std::fs::read_to_string(folder().join("valid/every_key.yaml")).unwrap()
        + &std::fs::read_to_string(folder().join("valid/kubeconfig.yaml")).unwrap();
    let elsewhere = ["config_file", "ca_file"];
    for key in keys::KEYS {
        let name = key.path.rsplit('.').next().unwrap();
        assert!(
            elsewhere.contains(&name) || text.contains(&format!("{name}:")),
            "{}",
            key.path
        );
    }
}

#[test]
fn flags_override_file_and_file_overrides_environment() {
    let flags = Flags {
        config_file: Some(folder().join("valid/every_key.yaml")),
        vantage: Some("sidecar".to_owned()),
        scope: Some("all".to_owned()),
        log_level: Some("warn".to_owned()),
        web_listen_address: vec!["127.0.0.1:0".to_owned()],
        web_route_prefix: Some("/".to_owned()),
        web_enable_lifecycle: Some(false),
        ..Flags::default()
    };
    let variables = [
        IN_CLUSTER,
        &[("API_URL", "https://api.cast.ai"), ("API_TIMEOUT", "3s")],
    ]
    .concat();
    let config = load(&flags, &variables).unwrap();
    assert_eq!(config.vantage, Vantage::Sidecar);
    assert_eq!(config.scope, None);
    assert_eq!(config.log.level, tracing::Level::WARN);
    assert_eq!(
        config.web.listen,
        ["127.0.0.1:0".parse::<SocketAddr>().unwrap()]
    );
    assert_eq!(config.web.route_prefix, "");
    assert!(!config.web.enable_lifecycle);
    assert_eq!(
        config.castai.url.unwrap().unwrap().host_str(),
        Some("api.eu.cast.ai")
    );
    assert_eq!(config.checks[2].timeouts.answer, Duration::from_secs(20));
}

#[test]
fn problems_of_flags_and_file_are_reported_together() {
    let flags = Flags {
        config_file: Some(folder().join("invalid/unknown_keys.yaml")),
        scope: Some("everything".to_owned()),
        web_listen_address: vec!["nowhere".to_owned()],
        web_config_file: Some(folder().join("web/missing.yaml")),
        ..Flags::default()
    };
    let problems = load(&flags, &[]).unwrap_err();
    let keys: Vec<_> = problems
        .0
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    for key in [
        "vantag",
        "--scope",
        "--web.listen-address",
        "--web.config.file",
        "checks.apiserver.intervall",
    ] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
}

#[test]
fn missing_file_is_reported_for_its_flag() {
    let flags = Flags {
        config_file: Some(folder().join("missing.yaml")),
        ..Flags::default()
    };
    let problems = load(&flags, &[]).unwrap_err();
    assert_eq!(problems.0.len(), 1);
    assert_eq!(
        (problems.0[0].origin.as_str(), problems.0[0].key.as_str()),
        ("flag", "--config.file")
    );
}

#[test]
fn huge_and_deeply_nested_files_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let refused = |text: &str| {
        std::fs::write(&path, text).unwrap();
        load(
            &Flags {
                config_file: Some(path.clone()),
                ..Flags::default()
            },
            &[],
        )
        .unwrap_err()
        .to_string()
    };
    let huge = "# ".to_owned() + &"x".repeat(1 << 20);
    let mut problems = vec![refused(&huge), refused(&"[".repeat(100_000))];
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    for i in 1..40 {
        writeln!(bomb, "a{i}: &a{i} [*a{}, *a{}]", i - 1, i - 1).unwrap();
    }
    problems.push(refused(&bomb));
    let shown = problems.join("\n");
    assert_problems(
        "rejected_files",
        &shown.replace(&path.display().to_string(), "config.yaml"),
    );
}

#[test]
fn key_table_is_unique_and_documented() {
    let mut paths: Vec<_> = keys::KEYS.iter().map(|key| key.path).collect();
    paths.sort_unstable();
    let count = paths.len();
    paths.dedup();
    assert_eq!(paths.len(), count);
    assert!(
        keys::KEYS
            .iter()
            .all(|key| key.meaning.ends_with('.') && !key.default.is_empty())
    );
}
