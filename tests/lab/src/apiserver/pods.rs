//! Deletion of pods, and the proxy to a port of a pod.
//!
//! Wire format: as a kube-apiserver 1.36 answers. It removes the credentials of the request before
//! it forwards it, does not verify a pod's certificate, and answers for a pod that it cannot reach.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::object_store::ObjectStore;
use super::resource::Resource;
use super::responses::status;
use crate::request::Request;
use crate::response::Response;

/// Generous, because many tests run concurrently.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(10);

/// Deletes a pod and returns it.
pub(super) fn delete(objects: &ObjectStore, resource: &Resource<'_>) -> Response {
    let Resource {
        namespace, name, ..
    } = resource;
    let Some(pod) = objects.get("Pod", namespace, name) else {
        return not_found(name);
    };
    objects.remove("Pod", namespace, name);
    Response::json(200, &pod)
}

/// Marks a request to a pod that may be forwarded.
pub(super) fn permitted() -> Response {
    Response::text(200, "")
}

/// Forwards a request to `[https:]POD:PORT` and returns the response of the pod.
pub(super) async fn forward(
    addresses: &BTreeMap<String, SocketAddr>,
    target: &str,
    request: &Request,
) -> Response {
    let (tls, target) = match target.strip_prefix("https:") {
        Some(target) => (true, target),
        None => (false, target.trim_start_matches("http:")),
    };
    let pod = target.split(':').next().unwrap_or_default();
    let Some(address) = addresses.get(pod) else {
        return not_found(pod);
    };
    let (_, path) = request.target.split_once("/proxy").unwrap_or_default();
    let path = if path.is_empty() { "/" } else { path };
    let exchange = exchange(*address, tls, path, request);
    let result = timeout(FORWARD_TIMEOUT, exchange).await;
    match result.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into())) {
        Ok(response) => response,
        Err(error) => unreachable(*address, &error),
    }
}

fn not_found(pod: &str) -> Response {
    let text = format!("pods \"{pod}\" not found");
    let details = json!({ "name": pod, "kind": "pods" });
    status(404, Some("NotFound"), &text, &details)
}

fn unreachable(address: SocketAddr, error: &io::Error) -> Response {
    let cause = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("dial tcp {address}: connect: connection refused")
        }
        io::ErrorKind::TimedOut => format!("dial tcp {address}: i/o timeout"),
        _ => error.to_string(),
    };
    let text = format!("error trying to reach service: {cause}");
    status(503, Some("ServiceUnavailable"), &text, &Value::Null)
}

async fn exchange(
    address: SocketAddr,
    tls: bool,
    path: &str,
    request: &Request,
) -> io::Result<Response> {
    let tcp = TcpStream::connect(address).await?;
    if !tls {
        return send(tcp, address, path, request).await;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(algorithms())))
        .with_no_client_auth();
    let name = ServerName::IpAddress(address.ip().into());
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await?;
    send(stream, address, path, request).await
}

async fn send(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
    path: &str,
    request: &Request,
) -> io::Result<Response> {
    let dropped = ["authorization", "host", "connection", "content-length"];
    let headers = request.headers.iter();
    let headers = headers.filter(|(name, _)| !dropped.contains(&name.to_lowercase().as_str()));
    let headers = headers.fold(String::new(), |head, (name, value)| {
        head + name + ": " + value + "\r\n"
    });
    let head = format!(
        "{} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n",
        request.method
    );
    stream.write_all(head.as_bytes()).await?;
    let mut response = Vec::new();
    // A server that does not close TLS properly has still sent everything.
    match stream.read_to_end(&mut response).await {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => parse(&response),
    }
}

fn parse(response: &[u8]) -> io::Result<Response> {
    let malformed = || {
        io::Error::other("net/http: HTTP/1.x transport connection broken: malformed HTTP response")
    };
    let end = response
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or_else(malformed)?;
    let head = String::from_utf8_lossy(&response[..end]);
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .ok_or_else(malformed)?;
    let kind = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-type")
            .then(|| value.trim().to_owned())
    });
    Ok(Response::new(
        status,
        &kind.unwrap_or_default(),
        &response[end + 4..],
    ))
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    ring::default_provider().signature_verification_algorithms
}

/// Accepts any certificate if the pod has its key, as Go's `InsecureSkipVerify` does.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
