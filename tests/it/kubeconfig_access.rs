//! Tests of kubeconfig access to the API server: every form of credentials, and unknown verdicts.

mod exec_plugin;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use castai_health_exporter::catalogue::{CheckId, FailureMode, Situation, Status};
use castai_health_exporter::config::InCluster;
use castai_health_exporter::kube::{ApiEndpoint, AuthError};
use castai_health_exporter::state::CheckState;
use lab::ApiFault;
use test_support::exporter::Exporter;
use test_support::lab_cluster::{LabCluster, evidence};

use crate::golden_entries::assert_evidence;

/// A token that the lab's API server accepts.
const BY_TOKEN: &str = "token: lab-sa-7Qx2mVt9Kd4RwZ8b";

/// Returns a lab cluster reached by a kubeconfig with these `cluster` and `user` entries.
fn kubeconfig(cluster: impl Fn(&LabCluster) -> String, user: &str) -> LabCluster {
    let mut world = LabCluster::start();
    let (before, after) = (
        world.file.find("apiserver:").unwrap(),
        world.file.find("dns:").unwrap(),
    );
    let path = world.mounted("kubeconfig");
    world.file.replace_range(
        before..after,
        &format!("kubeconfig: {}\nscope: pod\n", path.display()),
    );
    write(&world, &cluster(&world), user);
    world.only = Some(&[CheckId::Apiserver]);
    world.set_env("PROVIDER", "eks");
    world
}

fn write(world: &LabCluster, cluster: &str, user: &str) {
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         contexts: [{{ name: here, context: {{ cluster: lab, user: agent }} }}]\n\
         clusters: [{{ name: lab, cluster: {{ {cluster} }} }}]\n\
         users: [{{ name: agent, user: {{ {user} }} }}]\n"
    );
    fs::write(world.mounted("kubeconfig"), text).unwrap();
}

#[tokio::test]
async fn rejected_credentials_of_a_kubeconfig_have_their_own_fix() {
    let world = kubeconfig(server, BY_TOKEN);
    world.api.set(ApiFault::Unauthorized).await;
    let check_states = world.run_checks().await;
    let report = check_states
        .iter()
        .find_map(|check_state| check_state.latest.clone())
        .unwrap();
    let finding = &report.verdict.findings()[0];
    assert_eq!(
        (finding.mode, finding.situation),
        (
            FailureMode::K8sUnauthorized,
            Some(Situation::KubeconfigUser)
        )
    );
}

/// Returns a `cluster` entry with the CA as a file.
fn server(world: &LabCluster) -> String {
    format!(
        "server: 'https://{}', certificate-authority: ca.crt",
        world.api.addr()
    )
}

/// Returns a `cluster` entry with the CA inline.
fn server_with_data(world: &LabCluster) -> String {
    let authority = STANDARD.encode(fs::read(world.mounted("ca.crt")).unwrap());
    format!(
        "server: 'https://{}', certificate-authority-data: {authority}",
        world.api.addr()
    )
}

async fn apiserver(world: &LabCluster) -> CheckState {
    world
        .run_checks()
        .await
        .into_iter()
        .find(|check_state| check_state.check == CheckId::Apiserver)
        .unwrap()
}

async fn assert_ok(world: &LabCluster) {
    let check_state = apiserver(world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
}

async fn assert_unknown(world: &LabCluster, entry: &str) {
    let check_state = apiserver(world).await;
    assert_eq!(
        check_state.status(),
        Status::Unknown,
        "{}",
        evidence(&check_state)
    );
    assert_evidence(entry, &evidence(&check_state));
}

#[tokio::test]
async fn inline_token_authenticates() {
    assert_ok(&kubeconfig(server, BY_TOKEN)).await;
    let wrong = apiserver(&kubeconfig(server, "token: another")).await;
    assert_eq!(wrong.stable_modes.modes(), [FailureMode::K8sUnauthorized]);
}

#[tokio::test]
async fn token_file_is_reread_and_trimmed() {
    let world = kubeconfig(server, "tokenFile: token");
    fs::write(world.mounted("token"), format!("{}\n", lab::TOKEN)).unwrap();
    assert_ok(&world).await;
    world.api.set_tokens(vec!["the-next-token".to_owned()]);
    fs::write(world.mounted("token"), "the-next-token").unwrap();
    assert_ok(&world).await;
    fs::remove_file(world.mounted("token")).unwrap();
    assert_unknown(&world, "kubeconfig_token_file_is_missing").await;
}

#[tokio::test]
async fn inline_ca_data_is_used() {
    assert_ok(&kubeconfig(server_with_data, BY_TOKEN)).await;
    let other = lab::Pki::new("kubernetes").ca_pem();
    let foreign = move |world: &LabCluster| {
        format!(
            "server: 'https://{}', certificate-authority-data: {}",
            world.api.addr(),
            STANDARD.encode(&other)
        )
    };
    let check_state = apiserver(&kubeconfig(foreign, BY_TOKEN)).await;
    assert_eq!(
        check_state.stable_modes.modes(),
        [FailureMode::TlsUnknownAuthority]
    );
}

#[tokio::test]
async fn client_certificate_authenticates_and_an_invalid_one_is_reported() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["agent".to_owned()]).unwrap();
    let (cert, key) = (
        STANDARD.encode(cert.pem()),
        STANDARD.encode(signing_key.serialize_pem()),
    );
    let user = format!("{BY_TOKEN}, client-certificate-data: {cert}, client-key-data: {key}");
    assert_ok(&kubeconfig(server, &user)).await;
    let noise = STANDARD.encode("noise");
    let user = format!("{BY_TOKEN}, client-certificate-data: {cert}, client-key-data: {noise}");
    assert_unknown(
        &kubeconfig(server, &user),
        "kubeconfig_client_key_is_invalid",
    )
    .await;
}

#[tokio::test]
async fn tls_server_name_is_used() {
    let named =
        |world: &LabCluster| format!("{}, tls-server-name: kubernetes.default.svc", server(world));
    let world = kubeconfig(named, BY_TOKEN);
    world
        .api
        .set("cert-no-ip-san".parse::<ApiFault>().unwrap())
        .await;
    assert_ok(&world).await;
    write(&world, &server(&world), BY_TOKEN);
    assert_eq!(
        apiserver(&world).await.stable_modes.modes(),
        [FailureMode::TlsHostnameMismatch]
    );
}

#[tokio::test]
async fn server_path_prefix_is_used() {
    let behind = |world: &LabCluster| server(world).replacen("',", "/k8s/clusters/c-1/',", 1);
    let world = kubeconfig(behind, BY_TOKEN);
    apiserver(&world).await;
    let requests = world.api.service().request_log().requests();
    assert_eq!(requests[0].path(), "/k8s/clusters/c-1/version");
}

#[tokio::test]
async fn proxy_url_credentials_are_decoded() {
    let behind = |world: &LabCluster| {
        format!(
            "{}, proxy-url: 'http://user:p%40ss@proxy.lab:{}'",
            server(world),
            world.proxy.addr().port()
        )
    };
    let world = kubeconfig(behind, BY_TOKEN);
    assert_ok(&world).await;
    let requests = world.proxy.request_log().requests();
    assert_eq!(requests[0].target, world.api.addr().to_string());
    let expected = format!("Basic {}", STANDARD.encode("user:p@ss"));
    assert_eq!(
        requests[0].header("proxy-authorization"),
        Some(expected.as_str())
    );
}

#[tokio::test]
async fn socks_proxy_url_is_unknown_and_named() {
    let behind = |world: &LabCluster| {
        format!(
            "{}, proxy-url: 'socks5://user:secret@proxy.lab:1080'",
            server(world)
        )
    };
    let world = kubeconfig(behind, BY_TOKEN);
    assert_unknown(&world, "kubeconfig_socks_proxy").await;
    assert!(!evidence(&apiserver(&world).await).contains("secret"));
}

#[tokio::test]
async fn no_proxy_bypasses_environment_proxy() {
    let by_name = |world: &LabCluster| {
        let server = server(world).replacen("127.96.0.1", "apiserver.lab", 1);
        format!("{server}, tls-server-name: kubernetes.default.svc")
    };
    let mut world = kubeconfig(by_name, BY_TOKEN);
    world.dns.add("apiserver.lab", world.api.addr().ip());
    world
        .env
        .insert("NO_PROXY".to_owned(), "apiserver.lab".to_owned());
    world.set_env("HTTPS_PROXY", "http://127.0.0.1:1");
    world.config();
    let exporter = Exporter::start(&world.env, &world.mounted("exporter.yaml")).await;
    exporter
        .wait_for_metrics(
            &[r#"castai_health_check_status{check="apiserver",status="ok"} 1"#],
            Duration::from_secs(20),
        )
        .await;
}

#[tokio::test]
async fn invalid_kubeconfig_is_unknown() {
    let world = kubeconfig(server, BY_TOKEN);
    fs::write(world.mounted("kubeconfig"), "clusters: [\n").unwrap();
    assert_unknown(&world, "kubeconfig_is_invalid").await;
}

#[test]
fn only_a_missing_token_file_is_an_agent_failure() {
    let dir = tempfile::TempDir::new().unwrap();
    let place = InCluster {
        host: "127.0.0.1".to_owned(),
        port: 443,
        service_account_dir: dir.path().to_owned(),
        dns_name: ("kubernetes.default.svc".to_owned(), 443),
        addresses: None,
    };
    let token: PathBuf = dir.path().join("token");
    let missing = |text: &str| match ApiEndpoint::in_cluster(&place) {
        Err(AuthError::TokenMissing(_)) => {}
        other => panic!("{text}: {other:?}"),
    };
    missing("no file");
    fs::write(&token, " \n").unwrap();
    missing("an empty file");
    fs::remove_file(&token).unwrap();
    // Reading a directory fails even as root, which file permissions do not stop.
    fs::create_dir(&token).unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o000)).unwrap();
    let Err(AuthError::TokenUnreadable(error)) = ApiEndpoint::in_cluster(&place) else {
        panic!("a directory cannot be read")
    };
    assert!(error.contains(&token.display().to_string()), "{error}");
}

#[tokio::test]
async fn ipv6_targets_are_reached() {
    let mut world = LabCluster::start();
    let pki = lab::Pki::new("IPv6");
    let here = std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
    let names = vec!["apiserver.lab".to_owned()];
    let api = lab::apiserver::Options {
        service: here,
        endpoints: vec![here],
        names,
        ..lab::apiserver::Options::default()
    };
    world.api = lab::ApiServer::start(&pki, api).unwrap();
    let castai = lab::castai::Options {
        addr: here,
        ..lab::castai::Options::default()
    };
    world.castai = lab::CastAi::start(&pki, castai).unwrap();
    fs::write(world.mounted("ca.crt"), pki.ca_pem()).unwrap();
    let port = world.api.addr().port().to_string();
    let start = world.file.find("  dns_name: ").unwrap();
    let end = start + world.file[start..].find('\n').unwrap();
    world
        .file
        .replace_range(start..end, &format!("  dns_name: apiserver.lab:{port}"));
    world.dns.add("apiserver.lab", here.ip());
    world.env.insert("KUBERNETES_SERVICE_PORT".to_owned(), port);
    world
        .env
        .insert("KUBERNETES_SERVICE_HOST".to_owned(), "::1".to_owned());
    world
        .env
        .insert("TLS_CA_CERT_FILE".to_owned(), pki.ca_pem());
    world.set_env(
        "API_URL",
        &format!("https://[::1]:{}", world.castai.addr().port()),
    );
    world.assert_healthy().await;
    let requests = world.castai.request_log().requests();
    let host = world.castai.addr().to_string();
    assert!(
        !requests.is_empty()
            && requests
                .iter()
                .all(|request| request.header("host") == Some(host.as_str())),
        "{requests:?}"
    );
    assert!(!world.api.service().request_log().requests().is_empty());
}
