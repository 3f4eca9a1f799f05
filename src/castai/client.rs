//! A client for CAST AI's API that uses the agent's settings, and the failure modes of its
//! responses.
//!
//! The API key is only sent to the configured host, over a verified connection.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::castai::error::CastaiError;
use crate::catalogue::{FailureMode, Timeouts};
use crate::classify::{castai, castai_answer};
use crate::config::{ApiKey, Castai, CheckSettings, Secret};
use crate::net::tls::trust::PkiScope;
use crate::net::{Certificate, Connection, NetworkContext, Response, Target, Trust};
use crate::report::{Evidence, Finding, PhaseTimer, Verdict};

/// The header that carries the API key.
const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");
/// A response header that only CAST AI's application sets.
const REQUEST_ID_HEADER: &str = "x-castai-request-id";
/// The number of response headers that are searched for traces of proxies.
const MAX_HEADERS: usize = 40;

/// A client for CAST AI's API, configured like the agent.
#[derive(Debug)]
pub struct CastaiClient {
    settings: Castai,
    trust: Result<Arc<Trust>, TrustConfigError>,
    timeouts: Timeouts,
    /// The pod's resolver and proxies.
    pub network: NetworkContext,
}

/// The reason why there are no trusted roots for CAST AI's certificate.
#[derive(Debug)]
enum TrustConfigError {
    /// The agent's own setting is invalid, so the agent fails too.
    Setting(String),
    /// This image has no system roots; the agent's image may have them.
    System(String),
}

impl CastaiClient {
    /// Creates a client from the agent's settings.
    pub fn new(settings: &Castai, check: &CheckSettings, network: &NetworkContext) -> Self {
        let trust = match &settings.roots {
            None => network
                .system_trust()
                .map_err(|error| TrustConfigError::System(error.to_string())),
            Some(Err(problem)) => Err(TrustConfigError::Setting(problem.to_string())),
            Some(Ok(pem)) => Trust::pem(pem, PkiScope::Public)
                .map(Arc::new)
                .map_err(|error| {
                    TrustConfigError::Setting(format!(
                        "TLS_CA_CERT_FILE: {error}; it must contain PEM-encoded certificates"
                    ))
                }),
        };
        Self {
            settings: settings.clone(),
            trust,
            timeouts: check.timeouts,
            network: network.clone(),
        }
    }

    /// Returns the API URL and the key that the agent uses.
    ///
    /// # Errors
    /// When no request can be sent with these settings.
    pub fn settings(&self) -> Result<(&Url, &Secret), CastaiError> {
        let failing = |mode, evidence: &str| Err(CastaiError::Failed(Finding::new(mode, evidence)));
        let url = match &self.settings.url {
            None => return Err(CastaiError::NotConfigured),
            Some(Err(problem)) => {
                return failing(FailureMode::AgentConfigInvalid, &problem.to_string());
            }
            Some(Ok(url)) => url,
        };
        match &self.settings.key {
            ApiKey::Missing => failing(
                FailureMode::CastaiKeyMissing,
                "the agent's API_KEY is unset or empty; no request was sent",
            ),
            ApiKey::Malformed(what) => failing(
                FailureMode::CastaiKeyMalformed,
                &format!("the agent's API_KEY {what}; no request was sent"),
            ),
            ApiKey::Unresolved(why) => Err(CastaiError::Unavailable(Evidence::from(why.as_str()))),
            ApiKey::Present(key) => Ok((url, key)),
        }
    }

    /// Returns the API URL and the reason when the agent's key is not visible to this process.
    pub fn url_without_key(&self) -> Option<(&Url, &str)> {
        match (&self.settings.url, &self.settings.key) {
            (Some(Ok(url)), ApiKey::Unresolved(why)) => Some((url, why)),
            _ => None,
        }
    }

    /// Returns the cluster ID if the agent's settings contain it.
    pub fn cluster_id(&self) -> Option<&str> {
        self.settings.cluster_id.as_deref()
    }

    /// Returns the connection target for a URL.
    ///
    /// # Errors
    /// When there are no trusted roots, or the configured proxy cannot be used.
    pub fn target(&self, url: &Url) -> Result<Target, CastaiError> {
        let https = url.scheme() == "https";
        let host = url
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let trust = match (&self.trust, https) {
            (_, false) => None,
            (Ok(trust), true) => Some(Arc::clone(trust)),
            (Err(TrustConfigError::Setting(what)), true) => {
                return Err(CastaiError::Failed(Finding::new(
                    FailureMode::AgentConfigInvalid,
                    what.as_str(),
                )));
            }
            (Err(TrustConfigError::System(what)), true) => {
                return Err(CastaiError::Unavailable(Evidence::from(what.as_str())));
            }
        };
        let proxy = self
            .network
            .proxy_for(https, &host, port)
            .map_err(proxy_error)?;
        Ok(Target {
            host,
            port,
            trust,
            server_name: None,
            proxy,
            timeouts: self.timeouts,
        })
    }

    /// Sends a GET with the key on a new connection. Only `castai_api` reports the connection's
    /// phases.
    ///
    /// # Errors
    /// When the connection fails or the response is not healthy.
    pub async fn get(&self, url: &Url, key: &Secret, path: &str) -> Result<Response, CastaiError> {
        let (target, timer) = (self.target(url)?, PhaseTimer::default());
        let request = async {
            let mut connection = target.open(&self.network.resolver, &timer).await?;
            let response = connection
                .get(
                    &self.network.resolver,
                    path,
                    self.headers(Some(key)),
                    &timer,
                )
                .await?;
            match failure_mode(&response, &connection) {
                None => Ok(response),
                Some(mode) => Err(response_finding(mode, &response, &connection, path)),
            }
        };
        request.await.map_err(CastaiError::Failed)
    }

    /// Builds the request headers, with or without the key.
    pub fn headers(&self, key: Option<&Secret>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(value) = key.and_then(|key| HeaderValue::from_str(key.reveal()).ok()) {
            let mut value = value;
            value.set_sensitive(true);
            headers.insert(API_KEY_HEADER, value);
        }
        if let Some(host) = self
            .settings
            .host_header
            .as_deref()
            .and_then(|host| HeaderValue::from_str(host).ok())
        {
            headers.insert(http::header::HOST, host);
        }
        headers
    }
}

fn proxy_error(verdict: Verdict) -> CastaiError {
    match verdict {
        Verdict::Failing(mut findings) if !findings.is_empty() => {
            CastaiError::Failed(findings.remove(0))
        }
        other => CastaiError::Unavailable(other.evidence()),
    }
}

/// Returns the API path of a cluster.
pub fn cluster_path(id: &str) -> String {
    let escaped: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("/v1/kubernetes/external-clusters/{escaped}")
}

/// Appends `path` to the base path of the configured URL.
pub fn join_path(url: &Url, path: &str) -> String {
    format!("{}{path}", url.path().trim_end_matches('/'))
}

/// Returns the failure mode of a response, or `None` for a healthy one.
pub fn failure_mode(response: &Response, connection: &Connection) -> Option<FailureMode> {
    let lines: Vec<_> = response
        .headers
        .iter()
        .take(MAX_HEADERS)
        .filter_map(|(name, value)| Some(format!("{name}: {}", value.to_str().ok()?)))
        .collect();
    let body = String::from_utf8_lossy(&response.body);
    let mode = castai_answer(&castai::Answer {
        status: response.status.as_u16(),
        content_type: response.header("content-type"),
        request_id: response.header(REQUEST_ID_HEADER),
        headers: &lines.join("\n"),
        body: &body,
    })?;
    // Behind a TLS-inspecting proxy's certificate, the page comes from that proxy.
    let inspected = connection
        .certificate
        .as_ref()
        .is_some_and(Certificate::is_from_tls_inspector);
    let page = matches!(
        mode,
        FailureMode::CastaiWafBlocked | FailureMode::CastaiUnexpectedBody
    );
    Some(if inspected && page {
        FailureMode::ProxyBlockPage
    } else {
        mode
    })
}

/// Reports whether CAST AI's application sent the response: its request ID or a JSON body.
pub fn is_from_application(response: &Response) -> bool {
    response.header(REQUEST_ID_HEADER).is_some() || response.json().is_some()
}

/// Builds a finding whose evidence quotes the response.
pub fn response_finding(
    mode: FailureMode,
    response: &Response,
    connection: &Connection,
    path: &str,
) -> Finding {
    let mut evidence = format!(
        "GET {path} returned {} {}",
        response.status,
        response.quoted()
    );
    for name in [
        REQUEST_ID_HEADER,
        "location",
        "cf-ray",
        "server",
        "via",
        "x-squid-error",
        "retry-after",
    ] {
        if let Some(value) = response.header(name) {
            evidence = format!("{evidence}, {name}: {value}");
        }
    }
    if let Some(certificate) = &connection.certificate {
        evidence = format!(
            "{evidence}, TLS certificate issued by {}",
            certificate.issuer
        );
    }
    Finding::new(mode, evidence)
}
