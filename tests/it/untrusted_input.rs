//! Tests of untrusted input: it is bounded and escaped, and secrets go to their origin only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status};
use lab::{ApiFault, CastAiFault, RogueServer};
use proptest::prelude::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config as Cases, TestRunner};
use test_support::lab_cluster::{LabCluster, evidence};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Whether a text contains control characters that could move a terminal's cursor or forge a line.
fn has_control_characters(text: &str) -> bool {
    text.chars()
        .any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
}

#[tokio::test]
async fn api_key_and_token_are_sent_to_their_hosts_only() {
    let world = LabCluster::start();
    let rogue = RogueServer::plain([127, 0, 0, 1].into()).unwrap();
    let redirect = format!("redirect-to:http://{}/", rogue.addr());
    world
        .castai
        .set(redirect.parse::<CastAiFault>().unwrap())
        .await;
    world.api.set(redirect.parse::<ApiFault>().unwrap()).await;
    world.run_checks().await;
    assert_eq!(rogue.received(), b"", "a redirect was followed");
    for request in world.castai.request_log().requests() {
        assert!(
            !format!("{request:?}").contains(lab::TOKEN),
            "the token went to CAST AI"
        );
    }
    for request in world.api.service().request_log().requests() {
        assert!(
            !format!("{request:?}").contains(lab::API_KEY),
            "the key went to the API server"
        );
    }
}

#[tokio::test]
async fn no_request_is_sent_on_an_unverified_connection() {
    let world = LabCluster::start();
    for fault in [
        "cert-foreign-ca",
        "cert-expired",
        "cert-wrong-name",
        "cert-intercepted",
    ] {
        world
            .castai
            .set(fault.parse::<CastAiFault>().unwrap())
            .await;
        world.api.set(fault.parse::<ApiFault>().unwrap()).await;
        world.run_checks().await;
    }
    assert!(world.castai.request_log().requests().is_empty());
    assert!(world.api.service().request_log().requests().is_empty());
}

#[tokio::test]
async fn echoed_key_and_token_are_redacted() {
    let world = LabCluster::start();
    world
        .castai
        .set("echo".parse::<CastAiFault>().unwrap())
        .await;
    world.api.set("echo".parse::<ApiFault>().unwrap()).await;
    let check_states = world.run_checks().await;
    let shown = format!("{check_states:?}");
    assert!(shown.contains("[redacted]"), "nothing came back: {shown}");
    assert!(
        !shown.contains(lab::API_KEY) && !shown.contains(lab::TOKEN),
        "{shown}"
    );
}

#[test]
fn invalid_kubeconfig_is_not_quoted() {
    let dir = tempfile::TempDir::new().unwrap();
    for text in [
        "users:\n- user:\n    token: SECRET-TOKEN: oops: [\"\n",
        "users:\n- user:\n    token: [ SECRET-TOKEN\n",
        // This is valid YAML with the wrong structure.
        "users:\n- name: u\n  user: SECRET-TOKEN\n",
        "users: 'SECRET-TOKEN, expected SECRET'\n",
        "users:\n- name: u\n  user: { exec: { interactiveMode: SECRET } }\n",
        "clusters:\n- SECRET: 1\n",
    ] {
        let file = dir.path().join("config");
        std::fs::write(&file, text).unwrap();
        let output = crate::cli::program(&["check", "apiserver"])
            .env("KUBECONFIG", &file)
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(
            shown.contains("not a kubeconfig") && !shown.contains("SECRET"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn connection_close_after_each_response_is_ok() {
    let world = LabCluster::start();
    world
        .castai
        .set("close-after-each".parse::<CastAiFault>().unwrap())
        .await;
    world
        .api
        .set("close-after-each".parse::<ApiFault>().unwrap())
        .await;
    world.assert_healthy().await;
}

/// Path that reports the agent's latest version.
const LATEST: &str = "/cluster-management/v1/components:getByName";

#[tokio::test]
async fn castai_requests_are_read_only() {
    let world = LabCluster::start();
    world.run_checks().await;
    let requests = world.castai.request_log().requests();
    assert!(requests.iter().all(|request| request.method == "GET"));
    let (latest, cluster): (Vec<_>, Vec<_>) = requests
        .iter()
        .partition(|request| request.path() == LATEST);
    assert!(
        matches!(&latest[..], [request] if request.header("x-api-key").is_some()),
        "{latest:?}"
    );
    let path = format!("/v1/kubernetes/external-clusters/{}", lab::CLUSTER_ID);
    assert!(
        cluster.iter().all(|request| request.path() == path),
        "{cluster:?}"
    );
    let keys: Vec<_> = cluster
        .iter()
        .map(|request| request.header("x-api-key").is_some())
        .collect();
    assert_eq!(
        keys,
        [false, true, true],
        "requests: without key, with key, cluster"
    );
}

#[tokio::test]
async fn api_key_is_checked_without_a_cluster_id() {
    let mut world = LabCluster::start();
    world.unset_env("STATIC_CLUSTER_ID");
    world
        .api
        .objects()
        .remove("ConfigMap", "castai-agent", "castai-agent-metadata");
    let check_states = world.run_checks().await;
    let castai = check_states
        .iter()
        .find(|check_state| check_state.check == CheckId::CastaiApi)
        .unwrap();
    assert_eq!(castai.status(), Status::Ok, "{}", evidence(castai));
    let requests = world.castai.request_log().requests();
    let mut others = requests
        .iter()
        .map(lab::Request::path)
        .filter(|path| *path != LATEST);
    assert!(others.all(|path| path == "/v1/me"), "{requests:?}");
}

#[tokio::test]
async fn hostile_responses_do_not_reach_evidence() {
    let world = LabCluster::start();
    for fault in ["hostile", "cert-hostile", "noise", "tls-noise", "http-0-9"] {
        world
            .castai
            .set(fault.parse::<CastAiFault>().unwrap())
            .await;
        world.api.set(fault.parse::<ApiFault>().unwrap()).await;
        for check_state in world.run_checks().await {
            let shown = evidence(&check_state);
            assert!(
                !has_control_characters(&shown),
                "{fault} {}: {shown:?}",
                check_state.check
            );
            assert!(
                shown.len() < 4096,
                "{fault} {}: {} bytes",
                check_state.check,
                shown.len()
            );
        }
    }
}

#[tokio::test]
async fn endless_body_is_truncated() {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::CastaiApi, CheckId::Apiserver]);
    world.configure();
    for fault in ["endless-body", "endless-chunks"] {
        world
            .castai
            .set(fault.parse::<CastAiFault>().unwrap())
            .await;
        world.api.set(fault.parse::<ApiFault>().unwrap()).await;
        let check_states = world.run_checks().await;
        for check in [CheckId::CastaiApi, CheckId::Apiserver] {
            let check_state = check_states
                .iter()
                .find(|check_state| check_state.check == check)
                .unwrap();
            let shown = evidence(check_state);
            assert_eq!(
                check_state.status(),
                Status::Failing,
                "{fault}: {check}: {shown}"
            );
            assert!(
                !check_state
                    .stable_modes
                    .modes()
                    .contains(&FailureMode::HttpTimeout),
                "{fault}: {check} read until the timeout: {shown}"
            );
        }
    }
}

#[test]
fn any_response_maps_to_a_mode_in_time() {
    let runtime = Arc::new(
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap(),
    );
    let mut runner = TestRunner::new(Cases {
        cases: 48,
        ..Cases::default()
    });
    let noise = proptest::collection::vec(any::<u8>(), 0..4096);
    let http = noise.clone().prop_map(|body| {
        [
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_vec(),
            body,
        ]
        .concat()
    });
    let answers = proptest::prop_oneof![noise, http];
    let result = runner.run(&answers, |answer| {
        runtime.block_on(async {
            let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut world = LabCluster::start();
            world.set_env("API_URL", &format!("http://{}", server.local_addr().unwrap()));
            let serve = async {
                loop {
                    let Ok((mut stream, _)) = server.accept().await else { continue };
                    let _ = stream.read(&mut [0; 1024]).await;
                    let _ = stream.write_all(&answer).await;
                }
            };
            let began = Instant::now();
            let check_states = tokio::select! { check_states = world.run_checks() => check_states, () = serve => unreachable!() };
            assert!(began.elapsed() < Duration::from_secs(25), "longer than the attempt deadline");
            let castai = check_states.iter().find(|check_state| check_state.check == CheckId::CastaiApi).unwrap();
            assert_eq!(castai.status(), Status::Failing, "{}", evidence(castai));
            assert!(!has_control_characters(&evidence(castai)));
        });
        Ok(())
    });
    result.unwrap();
}
