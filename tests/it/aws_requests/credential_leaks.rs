//! Credentials reach neither evidence nor another server: one that echoes them, one with an unknown
//! certificate, the target of a redirect, or a proxy.

use std::net::IpAddr;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};
use lab::pki::CertificateKind;
use lab::{Pki, RogueServer};
use test_support::lab_cluster::{LabCluster, evidence};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{of, send_aws_to};

#[tokio::test]
async fn echoed_secrets_are_removed_from_evidence() {
    let mut world = LabCluster::with_web_identity_role();
    let token = std::fs::read_to_string(world.mounted("aws-token")).unwrap();
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.with_key(
        "AKIALABLABLABLABLAB1",
        "lab/user/secret/access/key/0123456789abc",
    );
    world.set_env("AWS_SESSION_TOKEN", "a-session-token");
    for source in ["static", "web_identity"] {
        if source == "web_identity" {
            for name in [
                "AWS_ACCESS_KEY_ID",
                "AWS_SECRET_ACCESS_KEY",
                "AWS_SESSION_TOKEN",
            ] {
                world.unset_env(name);
            }
        }
        send_aws_to(
            &mut world,
            &format!("http://{}", server.local_addr().unwrap()),
        );
        let echo = async {
            loop {
                let Ok((mut stream, _)) = server.accept().await else {
                    continue;
                };
                let mut bytes = vec![0; 16 * 1024];
                let length = stream.read(&mut bytes).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&bytes[..length]).into_owned();
                for chunk in [request.as_str(), &request[request.len() / 2..]] {
                    let body = format!(
                        "<Response><Errors><Error><Code>AuthFailure</Code><Message>{chunk}</Message></Error></Errors></Response>"
                    );
                    let head = format!("HTTP/1.1 401 No\r\ncontent-length: {}\r\n\r\n", body.len());
                    let _ = stream
                        .write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())
                        .await;
                }
            }
        };
        let check_states = tokio::select! { check_states = world.run_checks() => check_states, () = echo => unreachable!() };
        let shown = format!("{check_states:?}");
        let parts: Vec<&str> = token.split('.').collect();
        for secret in [
            "a-session-token",
            "AKIALABLABLABLABLAB1",
            "Signature=0",
            parts[1],
            parts[2],
        ] {
            assert!(
                !shown.contains(secret),
                "{secret} is in the output with {source}"
            );
        }
    }
}

#[tokio::test]
async fn no_credentials_are_sent_to_an_unverified_endpoint() {
    let pki = Pki::new("Nobody's Root");
    let names = || vec!["sts.lab".to_owned(), "ec2.lab".to_owned()];
    let ip = IpAddr::from([127, 0, 66, 1]);
    let rogue = RogueServer::tls(ip, &pki, CertificateKind::Valid, names()).unwrap();
    let mut world = LabCluster::with_web_identity_role();
    let address = format!("https://sts.lab:{}", rogue.addr().port());
    world.dns.add("sts.lab", ip);
    send_aws_to(&mut world, &address);
    let check_states = world.run_checks().await;
    assert!(!rogue.request_log().connections().is_empty());
    assert_eq!(rogue.received(), b"", "nothing is sent through the tunnel");
    let sts = of(&check_states, CheckId::StsIdentity);
    assert!(
        sts.stable_modes
            .modes()
            .iter()
            .all(|mode| matches!(mode, M::TlsUnknownAuthority | M::TlsIntercepted)),
        "{}",
        evidence(sts)
    );
}

#[tokio::test]
async fn redirect_receives_no_signature() {
    let rogue = RogueServer::plain(IpAddr::from([127, 0, 66, 2])).unwrap();
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut world = LabCluster::with_web_identity_role();
    send_aws_to(
        &mut world,
        &format!("http://{}", server.local_addr().unwrap()),
    );
    let answer = format!(
        "HTTP/1.1 307 Go\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n",
        rogue.addr()
    );
    let serve = async {
        loop {
            let Ok((mut stream, _)) = server.accept().await else {
                continue;
            };
            let _ = stream.read(&mut [0; 8192]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    };
    let check_states = tokio::select! { check_states = world.run_checks() => check_states, () = serve => unreachable!() };
    assert_eq!(
        of(&check_states, CheckId::StsIdentity).stable_modes.modes(),
        [M::ProxyBlockPage]
    );
    assert!(rogue.request_log().connections().is_empty());
}

#[tokio::test]
async fn proxy_sees_only_the_connect_host_name() {
    let rogue = RogueServer::plain(IpAddr::from([127, 0, 66, 3])).unwrap();
    let mut world = LabCluster::with_web_identity_role();
    world.env.insert(
        "NO_PROXY".to_owned(),
        "127.0.0.0/8,kubernetes.default.svc,api.cast.lab".to_owned(),
    );
    world.set_env("HTTPS_PROXY", &format!("http://{}", rogue.addr()));
    world.run_checks().await;
    let received = String::from_utf8(rogue.received()).unwrap();
    assert!(received.contains("CONNECT sts.lab:"), "{received}");
    let token = std::fs::read_to_string(world.mounted("aws-token")).unwrap();
    for secret in [
        "AWS4",
        "WebIdentityToken",
        "uthorization",
        token.split('.').nth(1).unwrap(),
    ] {
        assert!(!received.contains(secret), "{secret} in {received}");
    }
}
