//! Checks that CAST AI's API is reachable and accepts the agent's key.
//!
//! Only sends GET requests: the first without the key, to see whether the application, its edge or
//! an intermediary answers; the second with the key.

use serde_json::Value;
use url::Url;

use crate::castai::client::{CastaiClient, failure_mode, is_from_application, response_finding};
use crate::castai::{CastaiError, client};
use crate::catalogue::{CheckId, FailureMode, Timeouts};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::{Castai, CheckSettings, Secret};
use crate::net::{Connection, Resolver, Response, Target, agent_timeouts};
use crate::report::{DateSample, Evidence, Finding, PhaseTimer, Report, Verdict};

/// The check `castai_api`.
#[derive(Debug)]
pub struct CastaiApi {
    client: CastaiClient,
    timeouts: Timeouts,
}

impl CastaiApi {
    /// Creates the check from the agent's settings.
    pub fn new(settings: &Castai, check: &CheckSettings, context: &CheckContext) -> Self {
        Self {
            client: CastaiClient::new(settings, check, &context.network),
            timeouts: check.timeouts,
        }
    }

    /// Probes the API. Without a visible key (`Err` holds the reason) only reachability is tested.
    async fn probe(
        &self,
        url: &Url,
        key: Result<&Secret, &str>,
        attempt: &Attempt,
    ) -> Result<Report, CastaiError> {
        let target = self.client.target(url)?;
        let (path, request_note) = self.request_path(url);
        let name = target.authority();
        let timer = attempt.start_target(&name, true);
        let mut date = None;
        let outcome = self
            .send_requests(&target, &path, key.ok(), &timer, &mut date)
            .await;
        let outcome = outcome.map(|()| {
            Evidence::from(match key {
                Ok(_) => {
                    format!("{name} is reachable and accepts the agent's API key ({request_note})")
                }
                Err(why) => {
                    format!(
                        "{name} is reachable; whether it accepts the agent's API key is \
                             unknown: {why}"
                    )
                }
            })
        });
        let verdict = match outcome.clone() {
            Ok(evidence) if key.is_err() => Verdict::Unknown(evidence),
            Ok(evidence) => Verdict::Ok(evidence),
            Err(finding) => Verdict::failing(finding),
        };
        let targets = vec![attempt.finish_target(&name, outcome)];
        Ok(Report {
            targets,
            dates: date.into_iter().collect(),
            ..Report::from_verdict(verdict)
        })
    }

    async fn send_requests(
        &self,
        target: &Target,
        path: &str,
        key: Option<&Secret>,
        timer: &PhaseTimer,
        date: &mut Option<DateSample>,
    ) -> Result<(), Finding> {
        let resolver: &Resolver = &self.client.network.resolver;
        let mut connection = target.open(resolver, timer).await?;
        let reached = connection
            .get(resolver, path, self.client.headers(None), timer)
            .await?;
        *date = reached.date_sample(CheckId::CastaiApi.label());
        reachable(&reached, &connection, path)?;
        agent_timeouts::check(&self.timeouts, timer, FailureMode::CastaiSlow)?;
        let Some(key) = key else { return Ok(()) };
        let response = connection
            .get(resolver, path, self.client.headers(Some(key)), timer)
            .await?;
        accepted(&response, &connection, path)?;
        agent_timeouts::check(&self.timeouts, timer, FailureMode::CastaiSlow)
    }

    /// Returns the path to request: the cluster, as CAST AI's operator does, or `/v1/me` without a
    /// cluster ID.
    fn request_path(&self, url: &Url) -> (String, String) {
        let prefix = url.path().trim_end_matches('/');
        let path = self
            .client
            .cluster_id()
            .map_or_else(|| "/v1/me".to_owned(), client::cluster_path);
        (format!("{prefix}{path}"), format!("tested with GET {path}"))
    }
}

impl Check for CastaiApi {
    async fn run(&self, attempt: &Attempt) -> Report {
        let report = match (self.client.settings(), self.client.url_without_key()) {
            (Ok((url, key)), _) => self.probe(url, Ok(key), attempt).await,
            (Err(_), Some((url, why))) => self.probe(url, Err(why), attempt).await,
            (Err(error), None) => Err(error),
        };
        report.unwrap_or_else(|error| Report::from_verdict(error.into()))
    }
}

/// Accepts any response of the application: without a key, its rejection proves that it is
/// reachable.
fn reachable(response: &Response, connection: &Connection, path: &str) -> Result<(), Finding> {
    match failure_mode(response, connection) {
        None if is_from_application(response) => Ok(()),
        None => Err(response_finding(
            FailureMode::CastaiUnexpectedBody,
            response,
            connection,
            path,
        )),
        Some(
            FailureMode::CastaiTokenInvalid
            | FailureMode::CastaiForbidden
            | FailureMode::CastaiClusterNotFound
            | FailureMode::CastaiClientError,
        ) => Ok(()),
        Some(mode) => Err(response_finding(mode, response, connection, path)),
    }
}

/// Returns whether a response is a web page; the failure mode names its sender.
fn is_page(response: &Response) -> bool {
    response
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("text/html"))
}

/// Accepts only a healthy response to the request with the key.
fn accepted(response: &Response, connection: &Connection, path: &str) -> Result<(), Finding> {
    let about_cluster = path.contains("/external-clusters/");
    match failure_mode(response, connection) {
        None if response.truncated => Err(response_finding(
            FailureMode::HttpProtocol,
            response,
            connection,
            path,
        )),
        None => {
            let json = response.json();
            let fits = |json: &Value| {
                if about_cluster {
                    json["id"].is_string()
                } else {
                    json.is_object()
                }
            };
            if json.as_ref().is_some_and(fits) {
                Ok(())
            } else {
                Err(response_finding(
                    FailureMode::CastaiUnexpectedBody,
                    response,
                    connection,
                    path,
                ))
            }
        }

        Some(FailureMode::CastaiTokenInvalid | FailureMode::CastaiForbidden)
            if !is_from_application(response) && !is_page(response) =>
        {
            // Neither JSON nor a request ID, nor a page of the edge, which checks the key before it
            // forwards a request: an intermediary rejected the request.
            Err(response_finding(
                FailureMode::CastaiUnexpectedBody,
                response,
                connection,
                path,
            ))
        }
        Some(FailureMode::CastaiClusterNotFound) if !about_cluster => Err(response_finding(
            FailureMode::CastaiClientError,
            response,
            connection,
            path,
        )),
        Some(mode) => Err(response_finding(mode, response, connection, path)),
    }
}
