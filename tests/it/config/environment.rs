//! Tests of the agent's environment: invalid variables become observations and never prevent a
//! start.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use castai_health_exporter::catalogue::CheckId;
use castai_health_exporter::config::{
    AgentEnvironment, ApiKey, ApiserverLocation, Config, Flags, Secret, Vantage,
};

use super::{load, of_environment};
use crate::golden_entries::assert_problems;

const POD: [(&str, &str); 2] = [
    ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
    ("KUBERNETES_SERVICE_PORT", "443"),
];

/// Returns all reported problems.
fn problems(config: &Config) -> String {
    config.environment_problems.to_string()
}

#[test]
fn sidecar_needs_no_configuration() {
    let agent = [
        ("API_URL", "https://api.cast.ai"),
        ("API_KEY", "key"),
        ("PROVIDER", "eks"),
    ];
    let config = of_environment(&[POD.as_slice(), &agent].concat());
    assert_eq!(problems(&config), "");
    assert_eq!(config.vantage, Vantage::Sidecar);
    assert_eq!(config.agent_environment, AgentEnvironment::Own);
    let ApiserverLocation::InCluster(apiserver) = &config.apiserver else {
        panic!("{:?}", config.apiserver)
    };
    assert_eq!(
        (apiserver.host.as_str(), apiserver.port),
        ("10.96.0.1", 443)
    );
    assert_eq!(
        apiserver.dns_name,
        ("kubernetes.default.svc".to_owned(), 443)
    );
    assert_eq!(
        apiserver.service_account_dir,
        Path::new("/var/run/secrets/kubernetes.io/serviceaccount")
    );
    assert_eq!(config.castai.key, ApiKey::Present(Secret::new("key")));
}

#[test]
fn api_url_is_parsed_like_the_agent_does() {
    for (written, meant) in [
        ("api.cast.ai", "https://api.cast.ai/"),
        ("https://api.cast.ai", "https://api.cast.ai/"),
        ("https://api.cast.ai/", "https://api.cast.ai/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("api.eu.cast.ai:8443/", "https://api.eu.cast.ai:8443/"),
        (
            "https://gateway.example.com/castai/",
            "https://gateway.example.com/castai",
        ),
        ("[fd00::1]:8443", "https://[fd00::1]:8443/"),
    ] {
        let config = of_environment(&[("API_URL", written), ("API_KEY", "key")]);
        let url = config
            .castai
            .url
            .clone()
            .unwrap()
            .unwrap_or_else(|problem| panic!("{written}: {problem}"));
        assert_eq!(url.as_str(), meant, "{written}");
        assert_eq!(problems(&config), "", "{written}");
    }
}

#[test]
fn invalid_api_url_is_reported_and_does_not_prevent_start() {
    let mut all = String::new();
    for written in [
        ":::",
        "",
        "https://",
        "https:///api.cast.ai",
        "api.cast.ai:99999",
        "api.cast.ai:0",
        "api.cast.ai\n",
        " api.cast.ai",
        "ftp://api.cast.ai",
        "HTTPS://api.cast.ai",
        "https://api.cast.ai?x=1",
        "https://me:hidden@api.cast.ai",
    ] {
        let config = of_environment(&[("API_URL", written), ("API_KEY", "key")]);
        let problem = config.castai.url.clone().unwrap().expect_err(written);
        assert!(!problem.to_string().contains("hidden"));
        writeln!(all, "{problem}").unwrap();
        assert_eq!(
            (problem.origin.as_str(), problem.key.as_str()),
            ("environment", "API_URL")
        );
        assert_eq!(config.environment_problems.0, [problem]);
    }
    assert_problems("environment_api_url", &all);
}

#[test]
fn api_key_without_api_url_is_reported() {
    let config = of_environment(&[("API_KEY", "key")]);
    assert_eq!(config.environment_problems.0[0].key, "API_URL");
    assert_problems("environment_without_api_url", &problems(&config));
    let config = of_environment(&POD);
    assert!(config.castai.url.is_none() && problems(&config).is_empty());
    assert_eq!(config.agent_environment, AgentEnvironment::None);
    assert_eq!(config.vantage, Vantage::Companion);
}

#[test]
fn api_key_with_invalid_header_bytes_is_reported_without_its_value() {
    let mut all = String::new();
    for written in ["hidden\n", "hidden\r\n", "hid\nden", "hidden\u{7f}", "  "] {
        let config = of_environment(&[("API_KEY", written), ("API_URL", "api.cast.ai")]);
        assert!(
            matches!(config.castai.key, ApiKey::Malformed(_)),
            "{written:?}"
        );
        writeln!(all, "{}", problems(&config)).unwrap();
        assert!(!format!("{config:?}").contains("hid"));
    }
    assert!(!all.contains("hid"), "{all}");
    assert_problems("environment_api_key", &all);
    let config = of_environment(&[("API_URL", "api.cast.ai")]);
    assert_eq!(config.castai.key, ApiKey::Missing);
    assert_eq!(config.environment_problems.0[0].key, "API_KEY");
}

#[test]
fn whitespace_around_api_key_is_trimmed_like_the_agent_does() {
    let config = of_environment(&[("API_KEY", " key\t"), ("API_URL", "api.cast.ai")]);
    assert_eq!(config.castai.key, ApiKey::Present(Secret::new("key")));
}

#[test]
fn invalid_ca_pem_is_described() {
    let mut all = String::new();
    for written in [
        "/etc/ssl/ca.pem",
        "",
        "nonsense",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        let config = of_environment(&[
            ("API_KEY", "key"),
            ("API_URL", "api.cast.ai"),
            ("TLS_CA_CERT_FILE", written),
        ]);
        let problem = config.castai.roots.clone().unwrap().expect_err(written);
        writeln!(all, "{problem}").unwrap();
        assert_eq!(config.environment_problems.0, [problem]);
    }
    assert_problems("environment_ca_certificate", &all);
}

#[test]
fn api_timeout_bounds_each_phase_of_castai_api() {
    for (written, answer, connect) in [
        ("3s", 3000, 3000),
        ("15s", 15_000, 5000),
        ("0", 25_000, 5000),
        ("2m", 25_000, 5000),
    ] {
        let config = of_environment(&[
            ("API_TIMEOUT", written),
            ("API_KEY", "key"),
            ("API_URL", "api.cast.ai"),
        ]);
        let timeouts = config.check(CheckId::CastaiApi).timeouts;
        assert_eq!(timeouts.answer, Duration::from_millis(answer), "{written}");
        assert_eq!(
            timeouts.connect,
            Duration::from_millis(connect),
            "{written}"
        );
        assert_eq!(problems(&config), "");
    }
    let config = of_environment(&[
        ("API_TIMEOUT", "10"),
        ("API_KEY", "key"),
        ("API_URL", "api.cast.ai"),
    ]);
    assert_problems("environment_api_timeout", &problems(&config));
    assert_eq!(
        config.check(CheckId::CastaiApi).timeouts,
        CheckId::CastaiApi.entry().timeouts
    );
}

#[test]
fn invalid_api_server_address_is_reported() {
    for (host, port, key) in [
        (Some("10.96.0.1"), Some("99999"), "KUBERNETES_SERVICE_PORT"),
        (Some("10.96.0.1"), Some("https"), "KUBERNETES_SERVICE_PORT"),
        (Some("10.96.0.1"), None, "KUBERNETES_SERVICE_PORT"),
        (None, Some("443"), "KUBERNETES_SERVICE_HOST"),
        (
            Some("https://10.96.0.1"),
            Some("443"),
            "KUBERNETES_SERVICE_HOST",
        ),
    ] {
        let host = host.map(|host| ("KUBERNETES_SERVICE_HOST", host));
        let port = port.map(|port| ("KUBERNETES_SERVICE_PORT", port));
        let config = of_environment(&host.into_iter().chain(port).collect::<Vec<_>>());
        let ApiserverLocation::Invalid(problem) = &config.apiserver else {
            panic!("{:?}", config.apiserver)
        };
        assert_eq!(problem.key, key);
        assert_eq!(
            &config.environment_problems.0,
            std::slice::from_ref(problem)
        );
    }
    for host in ["fd00::1", "cluster-dns-1a2b3c4d.hcp.westeurope.azmk8s.io"] {
        let config = of_environment(&[("KUBERNETES_SERVICE_HOST", host), POD[1]]);
        assert!(
            matches!(&config.apiserver, ApiserverLocation::InCluster(found) if found.host == host),
            "{host}"
        );
    }
}

#[test]
fn kubeconfig_is_used_where_the_agent_uses_it() {
    let path = |config: &Config| match &config.apiserver {
        ApiserverLocation::Kubeconfig { files, .. } => {
            let files: Vec<_> = files.iter().map(|path| path.to_string_lossy()).collect();
            files.join(":")
        }
        other => format!("{other:?}").split('(').next().unwrap().to_owned(),
    };
    let kubeconfig = ("KUBECONFIG", "/home/me/.kube/config:/other");
    let both = "/home/me/.kube/config:/other";
    assert_eq!(path(&of_environment(&[kubeconfig])), both);
    // A companion's own service account takes precedence; in the agent's pod the variable does.
    assert_eq!(
        path(&of_environment(&[kubeconfig, POD[0], POD[1]])),
        "InCluster"
    );
    assert_eq!(
        path(&of_environment(&[
            kubeconfig,
            POD[0],
            POD[1],
            ("API_KEY", "key")
        ])),
        both
    );
    let flags = Flags {
        kubeconfig: Some("/flag".into()),
        context: Some("staging".to_owned()),
        ..Flags::default()
    };
    assert_eq!(
        path(&load(&flags, &[kubeconfig, POD[0], POD[1]]).unwrap()),
        "/flag"
    );
}

#[test]
fn variables_that_crash_the_agent_are_listed() {
    let config = of_environment(&[
        ("API_KEY", "key"),
        ("API_URL", "api.cast.ai"),
        ("PROVIDER", "EKS"),
        ("HEALTHZ_PORT", "99999"),
        ("METRICS_PORT", "nine"),
        ("PPROF_PORT", "0"),
        ("LEADER_ELECTION_ENABLED", "yes"),
        ("LEADER_ELECTION_NAMESPACE", "Castai_Agent"),
        ("CONTROLLER_INTERVAL", "15"),
        ("API_HOST_HEADER_OVERRIDE", "a\nb"),
    ]);
    let keys: Vec<_> = config
        .environment_problems
        .0
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    let expected = [
        "API_HOST_HEADER_OVERRIDE",
        "PROVIDER",
        "HEALTHZ_PORT",
        "METRICS_PORT",
        "LEADER_ELECTION_ENABLED",
        "CONTROLLER_INTERVAL",
        "LEADER_ELECTION_NAMESPACE",
    ];
    assert_eq!(keys, expected);
    assert_problems("environment_that_crashes_the_agent", &problems(&config));
    assert_eq!(config.castai.host_header, None);
}
