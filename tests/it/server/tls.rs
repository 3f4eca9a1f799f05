//! Tests of TLS, client certificates, and certificate reloads.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use castai_health_exporter::server;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::certificates::{Authority, SignedCertificate};
use super::{ParsedResponse, RunningServer, fixed_handlers, with_file};

/// Creates a folder with a certificate, its key, the CA and a web configuration.
fn folder(authority: &Authority, more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    replace_certificate(folder.path(), &authority.sign("exporter.example"));
    std::fs::write(folder.path().join("clients.pem"), authority.pem()).unwrap();
    let file = format!("tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n{more}");
    std::fs::write(folder.path().join("web.yaml"), file).unwrap();
    folder
}

/// Replaces a certificate as a mounted Secret does: by moving a symlink.
fn replace_certificate(folder: &Path, signed: &SignedCertificate) {
    for (name, text) in [("tls.crt", &signed.certificate), ("tls.key", &signed.key)] {
        std::fs::write(folder.join("next"), text).unwrap();
        std::fs::rename(folder.join("next"), folder.join(name)).unwrap();
    }
}

/// Sends a request over TLS, optionally with a client certificate, and returns the server's
/// certificate.
async fn request(
    server: &RunningServer,
    trusted: &Authority,
    own: Option<&SignedCertificate>,
) -> Result<(ParsedResponse, Vec<u8>), String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(trusted.pem().as_bytes()).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let name = ServerName::try_from("exporter.example").unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, server.connect().await)
        .await;
    let mut stream = stream.map_err(|error| error.to_string())?;
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    // In TLS 1.3 a rejected client learns of it on its first read.
    let request = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n";
    let mut answer = Vec::new();
    let asked = async {
        tokio::io::AsyncWriteExt::write_all(&mut stream, request).await?;
        stream.read_to_end(&mut answer).await
    };
    asked
        .await
        .map_err(|error: std::io::Error| error.to_string())?;
    let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
    Ok((
        ParsedResponse {
            status,
            headers: std::collections::BTreeMap::default(),
            body: answer,
        },
        shown,
    ))
}

#[tokio::test]
async fn metrics_are_served_over_tls() {
    let authority = Authority::new();
    let folder = folder(&authority, "");
    let server = RunningServer::start(&with_file(folder.path().join("web.yaml")), fixed_handlers());
    let (reply, _) = request(&server, &authority, None).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(
        request(&server, &Authority::new(), None).await.is_err(),
        "a certificate of another CA is accepted"
    );
}

#[tokio::test]
async fn certificate_is_reloaded_and_an_invalid_one_is_ignored() {
    let authority = Authority::new();
    let folder = folder(&authority, "");
    let server = RunningServer::start(&with_file(folder.path().join("web.yaml")), fixed_handlers());
    let (_, first) = request(&server, &authority, None).await.unwrap();
    replace_certificate(folder.path(), &authority.sign("exporter.example"));
    let (_, second) = request(&server, &authority, None).await.unwrap();
    assert_ne!(first, second);
    std::fs::write(folder.path().join("tls.crt"), "half a certif").unwrap();
    let (_, third) = request(&server, &authority, None).await.unwrap();
    assert_eq!(second, third);
    replace_certificate(folder.path(), &authority.sign("exporter.example"));
    let (_, fourth) = request(&server, &authority, None).await.unwrap();
    assert_ne!(third, fourth);
}

#[tokio::test]
async fn client_certificate_is_required_as_configured() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (known, unknown) = (
        authority.sign("prometheus.example"),
        stranger.sign("prometheus.example"),
    );
    let verify = "  client_ca_file: clients.pem\n  client_auth_type: RequireAndVerifyClientCert\n";
    let given = "  client_ca_file: clients.pem\n  client_auth_type: VerifyClientCertIfGiven\n";
    let any = "  client_auth_type: RequireAnyClientCert\n";
    let allowed = format!("{verify}  client_allowed_sans: [prometheus.example]\n");
    let others = format!("{verify}  client_allowed_sans: [other.example, 10.0.0.1]\n");
    for (file, without, with_known, with_unknown) in [
        ("", true, true, true),
        ("  client_auth_type: RequestClientCert\n", true, true, true),
        (any, false, true, true),
        (given, true, true, false),
        (verify, false, true, false),
        (allowed.as_str(), false, true, false),
        (others.as_str(), false, false, false),
    ] {
        let folder = folder(&authority, file);
        let server =
            RunningServer::start(&with_file(folder.path().join("web.yaml")), fixed_handlers());
        for (own, expected) in [
            (None, without),
            (Some(&known), with_known),
            (Some(&unknown), with_unknown),
        ] {
            let answered = request(&server, &authority, own).await;
            assert_eq!(answered.is_ok(), expected, "{file} {:?}", answered.err());
        }
    }
}

#[tokio::test]
async fn plain_http_on_tls_port_closes_only_its_own_connection() {
    let authority = Authority::new();
    let folder = folder(&authority, "  min_version: TLS13\n");
    let server = RunningServer::start(&with_file(folder.path().join("web.yaml")), fixed_handlers());
    let mut stream = server.connect().await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut evidence = Vec::new();
    let _ = stream.read_to_end(&mut evidence).await;
    assert!(!String::from_utf8_lossy(&evidence).contains("up 1"));
    assert_eq!(
        request(&server, &authority, None).await.unwrap().0.status,
        200
    );
}

#[test]
fn mismatched_key_and_certificate_fail_before_listening() {
    let authority = Authority::new();
    let folder = folder(&authority, "");
    std::fs::write(
        folder.path().join("tls.key"),
        authority.sign("other.example").key,
    )
    .unwrap();
    let error = server::bind(&with_file(folder.path().join("web.yaml")))
        .unwrap_err()
        .to_string();
    assert!(error.contains("tls_server_config.cert_file"), "{error}");
}
