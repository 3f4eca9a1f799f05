//! Tests of the agent's environment: invalid variables become observations and never prevent a
//! start.

use std::path::Path;
use std::time::Duration;

use castai_health_exporter::catalogue::CheckId;
use castai_health_exporter::config::{
    AgentEnvironment, ApiKey, Apiserver, Config, Flags, Secret, Vantage,
};

use super::{load, of_environment};

const POD: [(&str, &str); 2] = [
    ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
    ("KUBERNETES_SERVICE_PORT", "443"),
];

/// Returns all reported problems.
fn problems(config: &Config) -> String {
    config.environment_problems.to_string()
}

#[test]
fn beside_the_agent_nothing_needs_to_be_configured() {
    let agent = [
        ("API_URL", "https://api.cast.ai"),
        ("API_KEY", "key"),
        ("PROVIDER", "eks"),
    ];
    let config = of_environment(&[POD.as_slice(), &agent].concat());
    assert_eq!(problems(&config), "");
    assert_eq!(config.vantage, Vantage::Sidecar);
    assert_eq!(config.agent_environment, AgentEnvironment::Own);
    let Apiserver::InCluster(apiserver) = &config.apiserver else {
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
fn the_api_url_is_taken_in_every_form_that_the_agent_takes() {
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
fn an_api_url_without_sense_is_a_fact_and_no_reason_not_to_start() {
    for (written, why) in [
        (":::", "is not a URL"),
        ("", "is not set"),
        ("https://", "has no host"),
        ("https:///api.cast.ai", "has no host"),
        ("api.cast.ai:99999", "is not a URL"),
        ("api.cast.ai:0", "has port 0"),
        ("api.cast.ai\n", "holds a line feed"),
        (" api.cast.ai", "holds a space"),
        ("ftp://api.cast.ai", "does not know"),
        ("HTTPS://api.cast.ai", "does not know"),
        ("https://api.cast.ai?x=1", "has a query"),
        ("https://me:hidden@api.cast.ai", "holds a user name"),
    ] {
        let config = of_environment(&[("API_URL", written), ("API_KEY", "key")]);
        let problem = config.castai.url.clone().unwrap().expect_err(written);
        assert!(problem.what.contains(why), "{written:?}: {problem}");
        assert!(!problem.to_string().contains("hidden"));
        assert_eq!(
            (problem.origin.as_str(), problem.key.as_str()),
            ("environment", "API_URL")
        );
        assert_eq!(config.environment_problems.0, [problem]);
    }
}

#[test]
fn an_api_url_that_is_missing_beside_other_variables_of_the_agent_is_a_problem() {
    let config = of_environment(&[("API_KEY", "key")]);
    assert!(
        problems(&config).contains("no Host in request URL"),
        "{}",
        problems(&config)
    );
    let config = of_environment(&POD);
    assert!(config.castai.url.is_none() && problems(&config).is_empty());
    assert_eq!(config.agent_environment, AgentEnvironment::None);
    assert_eq!(config.vantage, Vantage::Companion);
}

#[test]
fn a_key_that_no_header_may_hold_is_named_without_being_shown() {
    for (written, why) in [
        (
            "hidden\n",
            "holds a line feed at its end, which no header may hold",
        ),
        (
            "hidden\r\n",
            "holds a carriage return at its end, which no header may hold",
        ),
        (
            "hid\nden",
            "holds a line feed in it, which no header may hold",
        ),
        (
            "hidden\u{7f}",
            "holds the byte 0x7f at its end, which no header may hold",
        ),
        ("  ", "consists of white space only"),
    ] {
        let config = of_environment(&[("API_KEY", written), ("API_URL", "api.cast.ai")]);
        assert_eq!(
            config.castai.key,
            ApiKey::Malformed(why.to_owned()),
            "{written:?}"
        );
        assert!(
            problems(&config).contains(why) && !problems(&config).contains("hid"),
            "{}",
            problems(&config)
        );
        assert!(!format!("{config:?}").contains("hid"));
    }
    let config = of_environment(&[("API_URL", "api.cast.ai")]);
    assert_eq!(config.castai.key, ApiKey::Missing);
    assert!(problems(&config).contains("API_KEY: is not set"));
}

#[test]
fn white_space_around_a_key_is_lost_on_the_way_as_with_the_agent() {
    let config = of_environment(&[("API_KEY", " key\t"), ("API_URL", "api.cast.ai")]);
    assert_eq!(config.castai.key, ApiKey::Present(Secret::new("key")));
}

#[test]
fn a_ca_variable_that_is_no_pem_says_what_it_is_instead() {
    for (written, why) in [
        ("/etc/ssl/ca.pem", "\"/etc/ssl/ca.pem\" is a path"),
        ("", "is set but empty"),
        ("nonsense", "is not PEM"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "without a readable certificate",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "without a readable certificate",
        ),
    ] {
        let config = of_environment(&[
            ("API_KEY", "key"),
            ("API_URL", "api.cast.ai"),
            ("TLS_CA_CERT_FILE", written),
        ]);
        let problem = config.castai.roots.clone().unwrap().expect_err(written);
        assert!(problem.what.contains(why), "{written:?}: {problem}");
        assert_eq!(config.environment_problems.0, [problem]);
    }
}

#[test]
fn the_api_timeout_bounds_each_phase_on_the_way_to_cast_ai() {
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
    assert!(
        problems(&config).contains("API_TIMEOUT: \"10\" has no unit"),
        "{}",
        problems(&config)
    );
    assert_eq!(
        config.check(CheckId::CastaiApi).timeouts,
        CheckId::CastaiApi.entry().timeouts
    );
}

#[test]
fn an_api_server_without_sense_is_a_fact_of_its_own() {
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
        let Apiserver::Invalid(problem) = &config.apiserver else {
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
            matches!(&config.apiserver, Apiserver::InCluster(found) if found.host == host),
            "{host}"
        );
    }
}

#[test]
fn a_kubeconfig_is_taken_where_the_agent_would_take_it() {
    let path = |config: &Config| match &config.apiserver {
        Apiserver::Kubeconfig { path, .. } => path.display().to_string(),
        other => format!("{other:?}").split('(').next().unwrap().to_owned(),
    };
    let kubeconfig = ("KUBECONFIG", "/home/me/.kube/config:/other");
    assert_eq!(
        path(&of_environment(&[kubeconfig])),
        "/home/me/.kube/config"
    );
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
        "/home/me/.kube/config"
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
fn what_would_end_the_agent_at_its_start_is_listed() {
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
    assert_eq!(config.castai.host_header, None);
}
