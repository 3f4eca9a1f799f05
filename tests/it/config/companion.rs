//! Tests of the agent's environment as a companion reads it: what it cannot see is not reported
//! missing.

use std::collections::BTreeMap;
use std::ffi::OsString;

use castai_health_exporter::catalogue::{CheckId, Status};
use castai_health_exporter::checks::{Attempt, Check, CheckSet};
use castai_health_exporter::config::agent::discovered::UnresolvedVariable;
use castai_health_exporter::config::agent::mounted_token::MountedToken;
use castai_health_exporter::config::{
    AgentDiscovery, AgentEnvironment, ApiKey, Config, DiscoveredAgent, Flags, Secret, Vantage,
};
use test_support::lab_cluster::{LabCluster, evidence, state_of};

use crate::golden_entries::assert_evidence;

/// Variables of the exporter's own pod; the agent has none of them.
const OWN: [(&str, &str); 4] = [
    ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
    ("KUBERNETES_SERVICE_PORT", "443"),
    ("API_KEY", "not-the-agents"),
    ("HTTPS_PROXY", "http://not-the-agents:3128"),
];

fn discovered_agent(variables: &[(&str, &str)], unseen: &[(Option<&str>, &str)]) -> AgentDiscovery {
    let unseen = unseen.iter().map(|(variable, place)| UnresolvedVariable {
        variable: variable.map(str::to_owned),
        place: (*place).to_owned(),
    });
    AgentDiscovery::Found(DiscoveredAgent {
        source: AgentEnvironment::Pod,
        object: "castai-agent-1".to_owned(),
        address: Some("10.0.3.7".to_owned()),
        service_account: "castai-agent".to_owned(),
        variables: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Secret::unregistered(*value)))
            .collect(),
        unseen: unseen.collect(),
        tokens: Vec::new(),
        version: None,
        skips_agent: false,
    })
}

fn companion_config(seen: &AgentDiscovery) -> Config {
    let flags = Flags {
        vantage: Some("companion".to_owned()),
        ..Flags::default()
    };
    let own: BTreeMap<_, _> = OWN.into();
    Config::load_beside(&flags, &|name| own.get(name).map(OsString::from), seen).unwrap()
}

/// Returns the verdict of a check that needs no network.
async fn verdict(config: &Config, check: CheckId) -> (Status, String) {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let check_set = CheckSet::new(config);
    let row = check_set
        .checks
        .iter()
        .find(|row| row.check == check)
        .unwrap();
    let verdict = Box::pin(row.runner.run(&Attempt::default())).await.verdict;
    (verdict.status(), verdict.evidence().to_string())
}

#[test]
fn companion_uses_discovered_variables_and_not_its_own() {
    let config = companion_config(&discovered_agent(
        &[
            ("API_URL", "api.eu.cast.ai"),
            ("API_KEY", "key"),
            ("PROVIDER", "gke"),
        ],
        &[],
    ));
    assert_eq!(
        (config.vantage, config.agent_environment),
        (Vantage::Companion, AgentEnvironment::Pod)
    );
    assert_eq!(
        config.castai.url.unwrap().unwrap().as_str(),
        "https://api.eu.cast.ai/"
    );
    assert_eq!(config.castai.key, ApiKey::Present(Secret::new("key")));
    assert!(
        config
            .proxy
            .proxy_for(true, "api.eu.cast.ai", 443)
            .is_none()
    );
    assert!(matches!(
        config.apiserver,
        castai_health_exporter::config::ApiserverLocation::InCluster(_)
    ));
    assert!(
        config.environment_problems.is_empty(),
        "{}",
        config.environment_problems
    );
}

#[test]
fn unreadable_api_key_is_unknown_not_missing() {
    let config = companion_config(&discovered_agent(
        &[("API_URL", "api.cast.ai")],
        &[(None, "the Secret castai-agent")],
    ));
    let ApiKey::Unresolved(why) = &config.castai.key else {
        panic!("{:?}", config.castai.key)
    };
    assert!(why.contains("the Secret castai-agent"), "{why}");
    assert!(
        config.environment_problems.is_empty(),
        "{}",
        config.environment_problems
    );
    let config = companion_config(&discovered_agent(&[("API_URL", "api.cast.ai")], &[]));
    assert_eq!(config.castai.key, ApiKey::Missing);
}

#[tokio::test]
async fn agent_not_installed_or_not_discovered_is_not_failing() {
    for (seen, status) in [
        (
            AgentDiscovery::Absent("there is no Deployment".to_owned()),
            Status::NotApplicable,
        ),
        (
            AgentDiscovery::Unreadable("it is forbidden".to_owned()),
            Status::Unknown,
        ),
        (AgentDiscovery::NotLookedFor, Status::Unknown),
    ] {
        let config = companion_config(&seen);
        assert_eq!(config.agent_environment, AgentEnvironment::None);
        for check in [
            CheckId::CastaiApi,
            CheckId::AwsCredentials,
            CheckId::Imds,
            CheckId::ClusterMetadata,
        ] {
            assert_eq!(verdict(&config, check).await.0, status, "{check}, {seen:?}");
        }
    }
}

#[tokio::test]
async fn pod_scoped_checks_do_not_apply_to_a_companion() {
    let eks = ("PROVIDER", "eks");
    for (variables, word) in [
        (
            [
                ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
                ("AWS_ROLE_ARN", "arn:aws:iam::1:role/a"),
            ],
            "/var/run/token",
        ),
        (
            [("AWS_PROFILE", "agent"), ("AWS_REGION", "eu-central-1")],
            "AWS_PROFILE",
        ),
        (
            [
                ("AWS_SHARED_CREDENTIALS_FILE", "/aws/credentials"),
                ("AWS_REGION", "eu"),
            ],
            "AWS_SHARED_CREDENTIALS_FILE",
        ),
        (
            [
                (
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                    "http://169.254.170.23/v1/credentials",
                ),
                ("AWS_REGION", "eu"),
            ],
            "Pod Identity",
        ),
        (
            [("AWS_CA_BUNDLE", "/ca.pem"), ("AWS_REGION", "eu")],
            "/ca.pem",
        ),
    ] {
        let config = companion_config(&discovered_agent(
            &[variables.as_slice(), &[eks]].concat(),
            &[],
        ));
        for check in [CheckId::AwsCredentials, CheckId::ControlPlaneAccess] {
            let (status, evidence) = verdict(&config, check).await;
            assert_eq!(status, Status::NotApplicable, "{check}: {evidence}");
            assert!(evidence.contains(word), "{check}: {evidence}");
            assert_evidence(
                &format!("companion_{check}_needs_sidecar_{}", variables[0].0),
                &evidence,
            );
        }
    }
    // A companion can request a token for the account that the pod mounts.
    let irsa = [
        eks,
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/a"),
    ];
    let AgentDiscovery::Found(mut elsewhere) = discovered_agent(&irsa, &[]) else {
        panic!("the agent is discovered")
    };
    let token = MountedToken {
        file: "/var/run/token".into(),
        audience: Some("sts.amazonaws.com".to_owned()),
    };
    elsewhere.tokens.push(token.clone());
    let config = companion_config(&AgentDiscovery::Found(elsewhere));
    assert_eq!(config.aws.asked, Some(token));
    assert_eq!(
        verdict(&config, CheckId::AwsCredentials).await.0,
        Status::Unknown,
        "no API server is configured"
    );
    let keys = [
        eks,
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wZ4kTq8vRb1nX6yP"),
    ];
    assert_eq!(
        verdict(
            &companion_config(&discovered_agent(&keys, &[])),
            CheckId::AwsCredentials
        )
        .await
        .0,
        Status::Ok
    );
    let hidden = companion_config(&discovered_agent(
        &[eks],
        &[(None, "the Secret castai-agent")],
    ));
    for check in [CheckId::AwsCredentials, CheckId::ControlPlaneAccess] {
        let (status, evidence) = verdict(&hidden, check).await;
        assert_eq!(status, Status::Unknown);
        assert!(evidence.contains("AWS_ACCESS_KEY_ID"), "{evidence}");
        assert_evidence(&format!("companion_{check}_unreadable_secret"), &evidence);
    }
}

#[tokio::test]
async fn companion_checks_control_plane_access_of_gke_and_aks() {
    for provider in ["gke", "aks"] {
        let world = LabCluster::of(provider);
        // Writes the file.
        world.config();
        let flags = Flags {
            config_file: Some(world.mounted("exporter.yaml")),
            vantage: Some("companion".to_owned()),
            ..Flags::default()
        };
        let variables: Vec<_> = world
            .env
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let own = |name: &str| {
            name.starts_with("KUBERNETES_")
                .then(|| OsString::from(&world.env[name]))
        };
        let config = Config::load_beside(&flags, &own, &discovered_agent(&variables, &[])).unwrap();
        let (status, evidence) = verdict(&config, CheckId::ControlPlaneAccess).await;
        assert!(
            status == Status::Ok && evidence.contains("lab"),
            "{provider}: {evidence}"
        );
    }
}

fn without_token_requests(seen: &AgentDiscovery) -> Config {
    let flags = Flags {
        vantage: Some("companion".to_owned()),
        agent_token_requests: Some(false),
        ..Flags::default()
    };
    let own: BTreeMap<_, _> = OWN.into();
    Config::load_beside(&flags, &|name| own.get(name).map(OsString::from), seen).unwrap()
}

#[tokio::test]
async fn checks_with_the_agents_identity_are_not_applicable_without_token_requests() {
    let irsa = [
        ("PROVIDER", "eks"),
        (
            "AWS_ROLE_ARN",
            "arn:aws:iam::123456789012:role/castai-agent",
        ),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
    ];
    let AgentDiscovery::Found(mut agent) = discovered_agent(&irsa, &[]) else {
        panic!("the agent is discovered")
    };
    agent.tokens.push(MountedToken {
        file: "/var/run/token".into(),
        audience: Some("sts.amazonaws.com".to_owned()),
    });
    let config = without_token_requests(&AgentDiscovery::Found(agent));
    for check in [
        CheckId::AgentPermissions,
        CheckId::AwsCredentials,
        CheckId::StsIdentity,
        CheckId::Ec2Api,
        CheckId::ControlPlaneAccess,
    ] {
        let (status, evidence) = verdict(&config, check).await;
        assert_eq!(status, Status::NotApplicable, "{check}: {evidence}");
        for part in ["agent.token_requests", "sidecar"] {
            assert!(evidence.contains(part), "{check}: {evidence}");
        }
        assert_evidence(&format!("{check}_without_token_requests"), &evidence);
    }
}

#[tokio::test]
async fn companion_without_token_requests_tests_the_api_server_as_itself() {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::Apiserver, CheckId::AgentPermissions]);
    world.seen = Some(discovered_agent(&[], &[]));
    world.file = format!("vantage: companion\n{}", world.file).replacen(
        "agent:\n",
        "agent:\n  token_requests: false\n",
        1,
    );
    world.configure();
    let check_states = world.run_checks().await;
    let apiserver = state_of(&check_states, CheckId::Apiserver);
    let text = evidence(apiserver);
    assert_eq!(apiserver.status(), Status::Ok, "{text}");
    assert!(
        text.contains("tested as the exporter's service account"),
        "{text}"
    );
    let requests = world.api.service().request_log().requests();
    assert!(
        requests.iter().all(|request| request.method == "GET"),
        "{requests:?}"
    );
    // A rejected token of the exporter says nothing about the agent's.
    world.api.set_tokens(vec!["another".to_owned()]);
    world.restart_exporter();
    let check_states = world.run_checks().await;
    let apiserver = state_of(&check_states, CheckId::Apiserver);
    let text = evidence(apiserver);
    assert_eq!(apiserver.status(), Status::Unknown, "{text}");
    assert!(text.contains("the exporter's service account"), "{text}");
}
