//! Can CAST AI's API be reached, and does it accept the agent's key?
//!
//! It is judged by reading only. First without the key: is this the application, its edge, or somebody in between?
//! Then with it. The key goes to this host, on a verified connection, and nowhere else.

use std::sync::Arc;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use serde_json::Value;
use url::Url;

use crate::catalogue::Check;
use crate::catalogue::FailureMode;
use crate::catalogue::Limits;
use crate::checks::Attempt;
use crate::checks::Examine;
use crate::checks::World;
use crate::checks::way;
use crate::classify::castai;
use crate::classify::castai_answer;
use crate::config::ApiKey;
use crate::config::Castai;
use crate::config::CheckSettings;
use crate::config::Secret;
use crate::probe::Answer;
use crate::probe::Certificate;
use crate::probe::Connection;
use crate::probe::Resolver;
use crate::probe::Route;
use crate::probe::Trust;
use crate::probe::tls::Place;
use crate::verdict::DateSample;
use crate::verdict::Evidence;
use crate::verdict::Finding;
use crate::verdict::Report;
use crate::verdict::Trail;
use crate::verdict::Verdict;

/// The header that carries the key.
const KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The header that only the application sets.
const REQUEST_ID: &str = "x-castai-request-id";
/// The most headers of an answer that are searched for marks of proxies.
const MAX_HEADERS: usize = 40;

/// The check `castai_api`.
#[derive(Debug)]
pub struct CastaiApi {
    settings: Castai,
    trust: Result<Arc<Trust>, Untrusted>,
    limits: Limits,
    world: World,
}

/// Why no certificate can be verified.
#[derive(Debug)]
enum Untrusted {
    /// The agent cannot use its setting either.
    Setting(String),
    /// This system has no roots, the agent's image may.
    System(String),
}

impl CastaiApi {
    /// The check for these settings of the agent.
    pub fn new(settings: &Castai, check: &CheckSettings, world: &World) -> Self {
        let trust = match &settings.roots {
            None => Trust::system(Place::Public).map_err(|error| Untrusted::System(error.to_string())),
            Some(Err(problem)) => Err(Untrusted::Setting(problem.to_string())),
            Some(Ok(pem)) => Trust::pem(pem, Place::Public)
                .map_err(|error| Untrusted::Setting(format!("TLS_CA_CERT_FILE: {error}; it has to hold PEM content"))),
        };
        Self { settings: settings.clone(), trust: trust.map(Arc::new), limits: check.limits, world: world.clone() }
    }

    async fn visit(&self, url: &Url, key: &Secret, attempt: &Attempt) -> Report {
        let (path, judged_by) = self.path(url);
        let https = url.scheme() == "https";
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let trust = match (&self.trust, https) {
            (_, false) => None,
            (Ok(trust), true) => Some(Arc::clone(trust)),
            (Err(Untrusted::Setting(what)), true) => {
                return Report::bare(Verdict::failing(Finding::new(FailureMode::AgentConfigInvalid, what.as_str())));
            }
            (Err(Untrusted::System(what)), true) => {
                return Report::bare(Verdict::Unknown(Evidence::from(what.as_str())));
            }
        };
        let proxy = match self.world.proxy_for(https, &host, port) {
            Ok(proxy) => proxy,
            Err(verdict) => return Report::bare(verdict),
        };
        let route = Route { host, port, trust, server_name: None, proxy, limits: self.limits };
        let name = route.target();
        let trail = attempt.trail(&name, true);
        let mut date = None;
        let outcome = self.walk(&route, &path, key, &trail, &mut date).await;
        let outcome = outcome.map(|()| Evidence::from(format!("{name} answers and accepts the key ({judged_by})")));
        let verdict = match outcome.clone() {
            Ok(evidence) => Verdict::Ok(evidence),
            Err(finding) => Verdict::failing(finding),
        };
        let targets = vec![attempt.arrived(&name, outcome)];
        Report { targets, dates: date.into_iter().collect(), ..Report::bare(verdict) }
    }

    async fn walk(
        &self,
        route: &Route,
        path: &str,
        key: &Secret,
        trail: &Trail,
        date: &mut Option<DateSample>,
    ) -> Result<(), Finding> {
        let resolver: &Resolver = &self.world.resolver;
        let mut connection = route.open(resolver, trail).await?;
        let reached = connection.get(resolver, path, self.headers(None), trail).await?;
        *date = reached.date_sample(Check::CastaiApi.label());
        reachable(&reached, &connection, path)?;
        way::in_time(&self.limits, trail, FailureMode::CastaiSlow)?;
        let judged = connection.get(resolver, path, self.headers(Some(key)), trail).await?;
        accepted(&judged, &connection, path)?;
        way::in_time(&self.limits, trail, FailureMode::CastaiSlow)
    }

    /// What is asked for: the own cluster, as CAST AI's operator does; without its id, who the key belongs to.
    fn path(&self, url: &Url) -> (String, String) {
        let prefix = url.path().trim_end_matches('/');
        let path = match &self.settings.cluster_id {
            Some(id) => {
                let escaped: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
                format!("/v1/kubernetes/external-clusters/{escaped}")
            }
            None => "/v1/me".to_owned(),
        };
        (format!("{prefix}{path}"), format!("judged by GET {path}"))
    }

    fn headers(&self, key: Option<&Secret>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(value) = key.and_then(|key| HeaderValue::from_str(key.reveal()).ok()) {
            let mut value = value;
            value.set_sensitive(true);
            headers.insert(KEY, value);
        }
        if let Some(host) = self.settings.host_header.as_deref().and_then(|host| HeaderValue::from_str(host).ok()) {
            headers.insert(http::header::HOST, host);
        }
        headers
    }
}

impl Examine for CastaiApi {
    async fn examine(&self, attempt: &Attempt) -> Report {
        let failing = |mode, evidence: &str| Report::bare(Verdict::failing(Finding::new(mode, evidence)));
        let url = match &self.settings.url {
            None => {
                return Report::bare(Verdict::NotApplicable(Evidence::from(
                    "nothing of the agent's environment is known here (API_URL, API_KEY)",
                )));
            }
            Some(Err(problem)) => return failing(FailureMode::AgentConfigInvalid, &problem.to_string()),
            Some(Ok(url)) => url,
        };
        match &self.settings.key {
            ApiKey::Missing => failing(FailureMode::CastaiKeyMissing, "API_KEY is not set or empty; nothing was sent"),
            ApiKey::Malformed(what) => {
                failing(FailureMode::CastaiKeyMalformed, &format!("API_KEY {what}; nothing was sent"))
            }
            ApiKey::Present(key) => self.visit(url, key, attempt).await,
        }
    }
}

/// Without a key any refusal by the application is the answer hoped for.
fn reachable(answer: &Answer, connection: &Connection, path: &str) -> Result<(), Finding> {
    match meaning(answer, connection) {
        None if is_json(answer) => Ok(()),
        None => Err(finding(FailureMode::CastaiUnexpectedBody, answer, connection, path)),
        Some(
            FailureMode::CastaiTokenInvalid
            | FailureMode::CastaiForbidden
            | FailureMode::CastaiClusterNotFound
            | FailureMode::CastaiClientError,
        ) => Ok(()),
        Some(mode) => Err(finding(mode, answer, connection, path)),
    }
}

/// With the key the answer is final.
fn accepted(answer: &Answer, connection: &Connection, path: &str) -> Result<(), Finding> {
    let about_cluster = path.contains("/external-clusters/");
    match meaning(answer, connection) {
        None if answer.cut => Err(finding(FailureMode::HttpProtocol, answer, connection, path)),
        None => {
            let json = answer.json();
            let fits = |json: &Value| if about_cluster { json["id"].is_string() } else { json.is_object() };
            if json.as_ref().is_some_and(fits) {
                Ok(())
            } else {
                Err(finding(FailureMode::CastaiUnexpectedBody, answer, connection, path))
            }
        }
        // Who asks about himself names no cluster that could be missing.
        Some(FailureMode::CastaiTokenInvalid | FailureMode::CastaiForbidden) if !is_json(answer) => {
            // Neither the application's words nor its mark: somebody on the way refuses.
            Err(finding(FailureMode::CastaiUnexpectedBody, answer, connection, path))
        }
        Some(FailureMode::CastaiClusterNotFound) if !about_cluster => {
            Err(finding(FailureMode::CastaiClientError, answer, connection, path))
        }
        Some(mode) => Err(finding(mode, answer, connection, path)),
    }
}

fn meaning(answer: &Answer, connection: &Connection) -> Option<FailureMode> {
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
    let inspected = connection.certificate.as_ref().is_some_and(Certificate::names_an_inspector);
    let page = matches!(mode, FailureMode::CastaiWafBlocked | FailureMode::CastaiUnexpectedBody);
    Some(if inspected && page { FailureMode::ProxyBlockPage } else { mode })
}

fn is_json(answer: &Answer) -> bool {
    answer.header(REQUEST_ID).is_some() || answer.json().is_some()
}

fn finding(mode: FailureMode, answer: &Answer, connection: &Connection, path: &str) -> Finding {
    let mut evidence = format!("GET {path} was answered {} {}", answer.status, answer.quoted());
    for name in [REQUEST_ID, "location", "cf-ray", "server", "via", "x-squid-error", "retry-after"] {
        if let Some(value) = answer.header(name) {
            evidence = format!("{evidence}, {name}: {value}");
        }
    }
    if let Some(certificate) = &connection.certificate {
        evidence = format!("{evidence}, certificate issued by {}", certificate.issuer);
    }
    Finding::new(mode, evidence)
}
