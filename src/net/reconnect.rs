//! Sends requests and, like Go's client, opens a new connection if the server closed the idle one.

use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::catalogue::FailureMode;
use crate::net::{Connection, HttpRequest, Resolver, Response, StreamResponse, Target};
use crate::report::{Finding, PhaseTimer};

impl Connection {
    /// Sends a GET and reads the response, within one and a half times the agent's timeout.
    ///
    /// # Errors
    /// `http_timeout`, `http_protocol`, `net_reset`, or the finding of a phase if the connection
    /// has to be reopened.
    pub async fn get(
        &mut self,
        resolver: &Resolver,
        path: &str,
        headers: HeaderMap,
        timer: &PhaseTimer,
    ) -> Result<Response, Finding> {
        let request = HttpRequest::new(Method::GET, path, headers);
        self.request(resolver, request, timer).await
    }

    /// Sends an idempotent request, which may therefore be sent again, and reads the response.
    ///
    /// # Errors
    /// As [`Connection::get`].
    pub async fn request(
        &mut self,
        resolver: &Resolver,
        request: HttpRequest<'_>,
        timer: &PhaseTimer,
    ) -> Result<Response, Finding> {
        if self.is_reused() {
            match self.send(request.clone(), timer).await {
                Err(finding) if finding.mode == FailureMode::NetReset => {}
                result => return result,
            }
        }
        self.reopen_if_used(resolver, timer).await?;
        self.send(request, timer).await
    }

    /// Sends a GET and reads the head of the response, within one and a half times the agent's
    /// timeout.
    ///
    /// # Errors
    /// As [`Connection::get`].
    pub async fn stream(
        &mut self,
        resolver: &Resolver,
        path: &str,
        headers: HeaderMap,
    ) -> Result<StreamResponse, Finding> {
        if self.is_reused() {
            match self.send_for_stream(path, headers.clone()).await {
                Err(finding) if finding.mode == FailureMode::NetReset => {}
                result => return result,
            }
        }
        self.reopen_if_used(resolver, &PhaseTimer::default())
            .await?;
        self.send_for_stream(path, headers).await
    }

    /// Opens the connection again without a client certificate, if it presents one. The API server
    /// prefers a certificate to a token, so requests with another account's token need this.
    ///
    /// # Errors
    /// The finding of the phase that fails.
    pub async fn drop_client_certificate(&mut self, resolver: &Resolver) -> Result<(), Finding> {
        let trust = self.target().trust.as_ref();
        let without = trust.and_then(|trust| trust.without_identity().transpose());
        let Some(without) = without else {
            return Ok(());
        };
        let trust =
            without.map_err(|error| Finding::new(FailureMode::TlsProtocol, error.to_string()))?;
        let target = Target {
            trust: Some(Arc::new(trust)),
            ..self.target().clone()
        };
        *self = target.open(resolver, &PhaseTimer::default()).await?;
        Ok(())
    }

    async fn reopen_if_used(
        &mut self,
        resolver: &Resolver,
        timer: &PhaseTimer,
    ) -> Result<(), Finding> {
        if self.is_used() {
            *self = self.target().clone().open(resolver, timer).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::rustls::server::WebPkiClientVerifier;
    use tokio_rustls::rustls::{RootCertStore, ServerConfig};

    use super::*;
    use crate::catalogue::Timeouts;
    use crate::config::DnsSettings;
    use crate::net::Trust;
    use crate::net::tls::trust::{Identity, PkiScope};

    const NAME: &str = "apiserver.test";

    /// Starts a server that accepts a client's certificate, and sends for each connection whether
    /// one was presented.
    async fn server(
        own: &CertifiedKey<rcgen::KeyPair>,
        person: &CertifiedKey<rcgen::KeyPair>,
    ) -> (u16, mpsc::UnboundedReceiver<bool>) {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(person.cert.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, presented) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                let stream = acceptor.accept(stream).await.unwrap();
                let certificates = stream.get_ref().1.peer_certificates();
                sender.send(certificates.is_some()).unwrap();
                open.push(stream);
            }
        });
        (port, presented)
    }

    #[tokio::test]
    async fn connection_presents_no_client_certificate_once_it_is_dropped() {
        let [own, person] =
            [NAME, "person"].map(|name| generate_simple_self_signed([name.to_owned()]).unwrap());
        let (port, mut presented) = server(&own, &person).await;
        let key = person.signing_key.serialize_pem();
        let identity = Identity::pem(person.cert.pem().as_bytes(), key.as_bytes()).unwrap();
        let roots = vec![own.cert.der().clone()];
        let trust = Trust::authorities(roots, Some(identity), PkiScope::Cluster).unwrap();
        let target = Target {
            host: "127.0.0.1".to_owned(),
            port,
            trust: Some(Arc::new(trust)),
            server_name: Some(NAME.to_owned()),
            proxy: None,
            timeouts: Timeouts::AGENT,
        };
        // The target is an address, so nothing is resolved.
        let resolver = Resolver::new(&DnsSettings {
            nameservers: None,
            resolv_conf: "/etc/resolv.conf".into(),
            hosts: "/etc/hosts".into(),
        });
        let opened = target.open(&resolver, &PhaseTimer::default()).await;
        let mut connection = opened.unwrap();
        assert_eq!(presented.recv().await, Some(true));
        connection.drop_client_certificate(&resolver).await.unwrap();
        assert_eq!(presented.recv().await, Some(false));
        // Without one, the connection stays.
        connection.drop_client_certificate(&resolver).await.unwrap();
        assert!(presented.is_empty());
    }
}
