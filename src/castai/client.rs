//! The way to CAST AI with the agent's key, and what its answers mean.
//!
//! The key goes to this host, on a verified connection, and nowhere else.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::catalogue::{FailureMode, Limits};
use crate::checks::CheckContext;
use crate::classify::{castai, castai_answer};
use crate::config::{ApiKey, Castai, CheckSettings, Secret};
use crate::net::tls::Place;
use crate::net::{Answer, Certificate, Connection, Route, Trust};
use crate::report::{Evidence, Finding, Trail, Verdict};

/// The header that carries the key.
const KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The header that only the application sets.
const REQUEST_ID: &str = "x-castai-request-id";
/// The most headers of an answer that are searched for marks of proxies.
const MAX_HEADERS: usize = 40;

/// The way to CAST AI, as the agent's settings tell.
#[derive(Debug)]
pub struct CastaiWay {
    settings: Castai,
    trust: Result<Arc<Trust>, Untrusted>,
    limits: Limits,
    /// The pod's resolver and its proxies.
    pub world: CheckContext,
}

/// Why no certificate can be verified.
#[derive(Debug)]
enum Untrusted {
    /// The agent cannot use its setting either.
    Setting(String),
    /// This system has no roots, the agent's image may.
    System(String),
}

impl CastaiWay {
    /// The way for these settings of the agent.
    pub fn new(settings: &Castai, check: &CheckSettings, world: &CheckContext) -> Self {
        let trust = match &settings.roots {
            None => world.system_trust().map_err(Untrusted::System),
            Some(Err(problem)) => Err(Untrusted::Setting(problem.to_string())),
            Some(Ok(pem)) => Trust::pem(pem, Place::Public)
                .map(Arc::new)
                .map_err(|error| {
                    Untrusted::Setting(format!(
                        "TLS_CA_CERT_FILE: {error}; it has to hold PEM content"
                    ))
                }),
        };
        Self {
            settings: settings.clone(),
            trust,
            limits: check.limits,
            world: world.clone(),
        }
    }

    /// Where the agent sends its requests, and with which key.
    ///
    /// # Errors
    /// The verdict on settings with which nothing can be sent.
    pub fn settings(&self) -> Result<(&Url, &Secret), Verdict> {
        let failing = |mode, evidence: &str| Err(Verdict::failing(Finding::new(mode, evidence)));
        let url = match &self.settings.url {
            None => {
                return Err(Verdict::NotApplicable(Evidence::from(
                    "nothing of the agent's environment is known here (API_URL, API_KEY)",
                )));
            }
            Some(Err(problem)) => {
                return failing(FailureMode::AgentConfigInvalid, &problem.to_string());
            }
            Some(Ok(url)) => url,
        };
        match &self.settings.key {
            ApiKey::Missing => failing(
                FailureMode::CastaiKeyMissing,
                "API_KEY is not set or empty; nothing was sent",
            ),
            ApiKey::Malformed(what) => failing(
                FailureMode::CastaiKeyMalformed,
                &format!("API_KEY {what}; nothing was sent"),
            ),
            ApiKey::Unseen(why) => Err(Verdict::Unknown(Evidence::from(why.as_str()))),
            ApiKey::Present(key) => Ok((url, key)),
        }
    }

    /// Where the agent sends its requests with a key that is not seen here, and why it is not.
    pub fn without_key(&self) -> Option<(&Url, &str)> {
        match (&self.settings.url, &self.settings.key) {
            (Some(Ok(url)), ApiKey::Unseen(why)) => Some((url, why)),
            _ => None,
        }
    }

    /// The cluster's id, when the settings tell it.
    pub fn cluster_id(&self) -> Option<&str> {
        self.settings.cluster_id.as_deref()
    }

    /// The route there.
    ///
    /// # Errors
    /// The verdict on a certificate that cannot be verified, or a proxy that cannot be asked.
    pub fn route(&self, url: &Url) -> Result<Route, Verdict> {
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
            (Err(Untrusted::Setting(what)), true) => {
                return Err(Verdict::failing(Finding::new(
                    FailureMode::AgentConfigInvalid,
                    what.as_str(),
                )));
            }
            (Err(Untrusted::System(what)), true) => {
                return Err(Verdict::Unknown(Evidence::from(what.as_str())));
            }
        };
        let proxy = self.world.proxy_for(https, &host, port)?;
        Ok(Route {
            host,
            port,
            trust,
            server_name: None,
            proxy,
            limits: self.limits,
        })
    }

    /// Reads with the key, on a connection of its own; how the way there fares is what `castai_api` measures.
    ///
    /// # Errors
    /// The verdict on a way that cannot be taken, or on an answer that is no healthy one.
    pub async fn read(&self, url: &Url, key: &Secret, path: &str) -> Result<Answer, Verdict> {
        let (route, trail) = (self.route(url)?, Trail::default());
        let asked = async {
            let mut connection = route.open(&self.world.resolver, &trail).await?;
            let answer = connection
                .get(&self.world.resolver, path, self.headers(Some(key)), &trail)
                .await?;
            match meaning(&answer, &connection) {
                None => Ok(answer),
                Some(mode) => Err(finding(mode, &answer, &connection, path)),
            }
        };
        asked.await.map_err(Verdict::failing)
    }

    /// The headers of a request, with the key or without.
    pub fn headers(&self, key: Option<&Secret>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(value) = key.and_then(|key| HeaderValue::from_str(key.reveal()).ok()) {
            let mut value = value;
            value.set_sensitive(true);
            headers.insert(KEY, value);
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

/// Where CAST AI tells of a cluster.
pub fn cluster_path(id: &str) -> String {
    let escaped: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("/v1/kubernetes/external-clusters/{escaped}")
}

/// A path below the one that the settings have.
pub fn below(url: &Url, path: &str) -> String {
    format!("{}{path}", url.path().trim_end_matches('/'))
}

/// What an answer means; `None` for a healthy one.
pub fn meaning(answer: &Answer, connection: &Connection) -> Option<FailureMode> {
    let lines: Vec<_> = answer
        .headers
        .iter()
        .take(MAX_HEADERS)
        .filter_map(|(name, value)| Some(format!("{name}: {}", value.to_str().ok()?)))
        .collect();
    let body = String::from_utf8_lossy(&answer.body);
    let mode = castai_answer(&castai::Answer {
        status: answer.status.as_u16(),
        content_type: answer.header("content-type"),
        request_id: answer.header(REQUEST_ID),
        headers: &lines.join("\n"),
        body: &body,
    })?;
    // A page behind a certificate of somebody who breaks TLS open is his, whatever it looks like.
    let inspected = connection
        .certificate
        .as_ref()
        .is_some_and(Certificate::names_an_inspector);
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

/// Whether the application itself speaks: its mark, or its language.
pub fn is_json(answer: &Answer) -> bool {
    answer.header(REQUEST_ID).is_some() || answer.json().is_some()
}

/// A mode with the answer that shows it.
pub fn finding(mode: FailureMode, answer: &Answer, connection: &Connection, path: &str) -> Finding {
    let mut evidence = format!(
        "GET {path} was answered {} {}",
        answer.status,
        answer.quoted()
    );
    for name in [
        REQUEST_ID,
        "location",
        "cf-ray",
        "server",
        "via",
        "x-squid-error",
        "retry-after",
    ] {
        if let Some(value) = answer.header(name) {
            evidence = format!("{evidence}, {name}: {value}");
        }
    }
    if let Some(certificate) = &connection.certificate {
        evidence = format!("{evidence}, certificate issued by {}", certificate.issuer);
    }
    Finding::new(mode, evidence)
}
