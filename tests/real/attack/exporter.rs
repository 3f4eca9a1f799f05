//! The attacked exporter, with or without passwords and TLS, and its outputs.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use test_support::exporter::Exporter;
use test_support::lab_cluster::LabCluster;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::figures::AttackedExporter;

/// The way in which the exporter runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Setup {
    /// Plain HTTP, and the log is read.
    Plain,
    /// Every route but health and metrics requires a password.
    Passwords,
    /// HTTPS with the key that is most expensive to sign with.
    Rsa4096,
    /// The log is not read.
    UnreadLog,
}

/// A running exporter.
pub(super) struct Target {
    exporter: Exporter,
    tls: Option<TlsConnector>,
}

impl Setup {
    /// Writes the files that the exporter needs, and extends its configuration.
    pub(super) async fn prepare(self, world: &mut LabCluster) {
        let file = match self {
            Self::Plain | Self::UnreadLog => return,
            Self::Passwords => {
                let hash = bcrypt::hash("the right password", 10).unwrap();
                format!("basic_auth_users: {{ prometheus: '{hash}' }}\n")
            }
            Self::Rsa4096 => {
                self_signed_rsa_4096(world.dir.path()).await;
                "tls_server_config: { cert_file: web.pem, key_file: web.key }\n".to_owned()
            }
        };
        fs::write(world.mounted("web.yaml"), file).unwrap();
        world
            .file
            .push_str("web: { config_file: web.yaml, open_routes: [health, metrics] }\n");
    }

    /// Starts this build of the exporter.
    pub(super) async fn start(self, build: &Path, world: &LabCluster) -> Target {
        let file = world.mounted("exporter.yaml");
        let exporter = match self {
            Self::UnreadLog => Exporter::start_with_unread_log(build, &world.env, &file).await,
            _ => Exporter::start_build(build, &world.env, &file).await,
        };
        let tls = (self == Self::Rsa4096).then(|| connector(&world.mounted("web.pem")));
        Target { exporter, tls }
    }
}

impl Target {
    pub(super) fn address(&self) -> &str {
        self.exporter.address()
    }

    pub(super) fn log(&self) -> String {
        self.exporter.log()
    }
}

impl AttackedExporter for Target {
    async fn fetch(&self, path: &str) -> Result<String, Box<dyn Error>> {
        let stream = TcpStream::connect(self.address()).await?;
        match &self.tls {
            None => fetch_on(stream, self.address(), path).await,
            Some(connector) => {
                let name = ServerName::from(stream.peer_addr()?.ip());
                fetch_on(connector.connect(name, stream).await?, self.address(), path).await
            }
        }
    }

    async fn read_log(&self) -> String {
        self.log()
    }

    fn pid(&self) -> u32 {
        self.exporter.pid()
    }
}

async fn fetch_on(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    host: &str,
    path: &str,
) -> Result<String, Box<dyn Error>> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = hyper::Request::builder().uri(path).header("host", host);
    let response = sender
        .send_request(request.body(Empty::<Bytes>::new())?)
        .await?;
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Writes a certificate for loopback to `web.pem`, and its key to `web.key`. Only OpenSSL makes keys
/// for RSA here.
async fn self_signed_rsa_4096(directory: &Path) {
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-out", "web.key"])
        .args(["-pkeyopt", "rsa_keygen_bits:4096"])
        .current_dir(directory)
        .output()
        .await
        .expect("openssl runs; install the package openssl");
    let complaint = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{complaint}");
    let key = fs::read_to_string(directory.join("web.key")).unwrap();
    let key = rcgen::KeyPair::from_pem(&key).unwrap();
    let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    fs::write(directory.join("web.pem"), certificate.pem()).unwrap();
}

fn connector(certificate: &Path) -> TlsConnector {
    let pem = fs::read(certificate).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(PemObject::from_pem_slice(&pem).unwrap()).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
