//! Tests of proxies: the bytes sent, and what their responses mean.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode};
use castai_health_exporter::config::Vantage;
use castai_health_exporter::diagnosis::Diagnosis;
use lab::{Pki, RogueServer};
use test_support::exporter::Exporter;
use test_support::lab_cluster::{LabCluster, evidence, state_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// A proxy that answers every request with these bytes and then stays silent.
struct ScriptedProxy(SocketAddr, AbortHandle);

impl ScriptedProxy {
    async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = vec![0; 4096];
                let length = stream.read(&mut asked).await.unwrap_or_default();
                let asked = String::from_utf8_lossy(&asked[..length]);
                let credentials = asked
                    .lines()
                    .find_map(|line| line.strip_prefix("Proxy-Authorization: "));
                let answer = answer.replace("ECHO", credentials.unwrap_or("nothing"));
                // The client may have disconnected.
                let _ = stream.write_all(answer.as_bytes()).await;
                open.push(stream);
            }
        });
        Self(address, task.abort_handle())
    }
}

impl Drop for ScriptedProxy {
    fn drop(&mut self) {
        self.1.abort();
    }
}

/// Returns the verdict of `castai_api` behind a proxy with this response.
async fn castai_behind(answer: &'static str) -> (Vec<FailureMode>, String) {
    let proxy = ScriptedProxy::start(answer).await;
    let mut world = LabCluster::start();
    world.set_env("HTTPS_PROXY", &format!("http://user:password@{}", proxy.0));
    let check_state = world
        .run_checks()
        .await
        .into_iter()
        .find(|check_state| check_state.check == CheckId::CastaiApi)
        .unwrap();
    (
        check_state.stable_modes.modes().to_vec(),
        evidence(&check_state),
    )
}

/// Returns a lab cluster with a plain HTTP API server behind this proxy.
fn plain_apiserver_behind(proxy: &str) -> LabCluster {
    let mut world = LabCluster::start();
    let (before, after) = (
        world.file.find("apiserver:").unwrap(),
        world.file.find("dns:").unwrap(),
    );
    let path = world.mounted("kubeconfig");
    world
        .file
        .replace_range(before..after, &format!("kubeconfig: {}\n", path.display()));
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         contexts: [{{ name: here, context: {{ cluster: lab, user: agent }} }}]\n\
         clusters: [{{ name: lab, cluster: {{ server: 'http://apiserver.lab:8080', proxy-url: '{proxy}' }} }}]\n\
         users: [{{ name: agent, user: {{ token: {} }} }}]\n",
        lab::TOKEN
    );
    fs::write(path, text).unwrap();
    world.set_env("PROVIDER", "eks");
    world
}

#[tokio::test]
async fn proxy_response_may_end_with_bare_line_feeds() {
    let (modes, evidence) = castai_behind("HTTP/1.1 200 OK\nVia: lab\n\n").await;
    assert_eq!(
        modes,
        [FailureMode::TlsHandshakeTimeout],
        "the tunnel opens: {evidence}"
    );
}

#[tokio::test]
async fn only_status_200_opens_a_tunnel() {
    let (modes, evidence) = castai_behind("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(modes, [FailureMode::ProxyDenied], "{evidence}");
}

#[tokio::test]
async fn gateway_error_of_the_proxy_is_no_refusal() {
    for answer in [
        "HTTP/1.1 502 Bad Gateway\r\n\r\n",
        "HTTP/1.1 503 Service Unavailable\r\n\r\n",
    ] {
        let (modes, evidence) = castai_behind(answer).await;
        assert_eq!(modes, [FailureMode::ProxyBadGateway], "{evidence}");
    }
}

#[tokio::test]
async fn unresolvable_proxy_name_is_a_failure_of_dns() {
    let mut world = LabCluster::start();
    world.set_env("HTTPS_PROXY", "http://nowhere.lab:3128");
    let check_states = world.run_checks().await;
    let castai = state_of(&check_states, CheckId::CastaiApi);
    assert_eq!(
        castai.stable_modes.modes(),
        [FailureMode::NetDnsNxdomain],
        "{}",
        evidence(castai)
    );
    assert!(
        evidence(castai).contains("proxy nowhere.lab:3128"),
        "{}",
        evidence(castai)
    );
    let diagnosis = Diagnosis::new(&check_states, Vantage::Sidecar);
    assert_eq!(diagnosis.root_of(CheckId::CastaiApi), Some(CheckId::Dns));
}

#[tokio::test]
async fn denial_body_is_quoted_without_waiting_for_its_end() {
    let (modes, evidence) =
        castai_behind("HTTP/1.1 403 Forbidden\r\n\r\nnot on the list, ECHO").await;
    assert_eq!(modes, [FailureMode::ProxyDenied], "{evidence}");
    assert!(
        evidence.contains("\"HTTP/1.1 403 Forbidden\": \"not on the list, Basic [redacted]\""),
        "{evidence}"
    );
    let (modes, evidence) =
        castai_behind("HTTP/1.1 407 No\r\nContent-Length: 4\r\n\r\nfour and more").await;
    assert_eq!(modes, [FailureMode::ProxyAuthRequired], "{evidence}");
    assert!(
        evidence.ends_with("\"HTTP/1.1 407 No\": \"four\""),
        "{evidence}"
    );
}

#[tokio::test]
async fn forward_proxy_gets_absolute_uri_and_credentials() {
    let proxy = RogueServer::plain([127, 0, 0, 1].into()).unwrap();
    plain_apiserver_behind(&format!("http://user:p%40ss@{}", proxy.addr()))
        .run_checks()
        .await;
    assert!(proxy.has_received("GET http://apiserver.lab:8080/version HTTP/1.1\r\n"));
    assert!(proxy.has_received("proxy-authorization: Basic dXNlcjpwQHNz\r\n"));
}

#[tokio::test]
async fn https_forward_proxy_is_verified_before_the_request() {
    let pki = Pki::new("Proxy Root");
    let proxy = RogueServer::tls(
        [127, 0, 0, 1].into(),
        &pki,
        lab::CertificateKind::Valid,
        Vec::new(),
    )
    .unwrap();
    let mut world = plain_apiserver_behind(&format!("https://user:p%40ss@{}", proxy.addr()));
    let check_state = world
        .run_checks()
        .await
        .into_iter()
        .find(|check_state| check_state.check == CheckId::Apiserver)
        .unwrap();
    assert_eq!(
        check_state.stable_modes.modes(),
        [FailureMode::ProxyUnreachable],
        "{}",
        evidence(&check_state)
    );
    assert_eq!(proxy.received(), b"");
    fs::write(world.mounted("roots.pem"), pki.ca_pem()).unwrap();
    let roots = world.mounted("roots.pem").display().to_string();
    world.set_env("SSL_CERT_FILE", &roots);
    world.config();
    let exporter = Exporter::start(&world.env, &world.mounted("exporter.yaml")).await;
    let silent = r#"castai_health_failure{check="apiserver",mode="http_timeout",severity="critical",caused_by=""} 1"#;
    exporter
        .wait_for_metrics(&[silent], Duration::from_secs(30))
        .await;
    assert!(proxy.has_received("GET http://apiserver.lab:8080/version HTTP/1.1\r\n"));
    assert!(proxy.has_received("proxy-authorization: Basic dXNlcjpwQHNz\r\n"));
}
