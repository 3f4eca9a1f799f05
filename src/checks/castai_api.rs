//! Can CAST AI's API be reached, and does it accept the agent's key?
//!
//! It is judged by reading only. First without the key: is this the application, its edge, or somebody in between?
//! Then with it.

use serde_json::Value;
use url::Url;

use crate::castai::client;
use crate::castai::client::{CastaiWay, finding, is_json, meaning};
use crate::catalogue::{CheckId, FailureMode, Limits};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::{Castai, CheckSettings, Secret};
use crate::net::{Answer, Connection, Resolver, Route, deadlines};
use crate::report::{DateSample, Evidence, Finding, Report, Trail, Verdict};

/// The check `castai_api`.
#[derive(Debug)]
pub struct CastaiApi {
    way: CastaiWay,
    limits: Limits,
}

impl CastaiApi {
    /// The check for these settings of the agent.
    pub fn new(settings: &Castai, check: &CheckSettings, world: &CheckContext) -> Self {
        Self {
            way: CastaiWay::new(settings, check, world),
            limits: check.limits,
        }
    }

    /// The key, or why it is not seen here: then the reach alone is judged.
    async fn visit(
        &self,
        url: &Url,
        key: Result<&Secret, &str>,
        attempt: &Attempt,
    ) -> Result<Report, Verdict> {
        let route = self.way.route(url)?;
        let (path, judged_by) = self.path(url);
        let name = route.target();
        let trail = attempt.trail(&name, true);
        let mut date = None;
        let outcome = self.walk(&route, &path, key.ok(), &trail, &mut date).await;
        let outcome = outcome.map(|()| {
            Evidence::from(match key {
                Ok(_) => format!("{name} answers and accepts the key ({judged_by})"),
                Err(why) => {
                    format!("{name} answers; whether it accepts the key is not known: {why}")
                }
            })
        });
        let verdict = match outcome.clone() {
            Ok(evidence) if key.is_err() => Verdict::Unknown(evidence),
            Ok(evidence) => Verdict::Ok(evidence),
            Err(finding) => Verdict::failing(finding),
        };
        let targets = vec![attempt.arrived(&name, outcome)];
        Ok(Report {
            targets,
            dates: date.into_iter().collect(),
            ..Report::bare(verdict)
        })
    }

    async fn walk(
        &self,
        route: &Route,
        path: &str,
        key: Option<&Secret>,
        trail: &Trail,
        date: &mut Option<DateSample>,
    ) -> Result<(), Finding> {
        let resolver: &Resolver = &self.way.world.resolver;
        let mut connection = route.open(resolver, trail).await?;
        let reached = connection
            .get(resolver, path, self.way.headers(None), trail)
            .await?;
        *date = reached.date_sample(CheckId::CastaiApi.label());
        reachable(&reached, &connection, path)?;
        deadlines::in_time(&self.limits, trail, FailureMode::CastaiSlow)?;
        let Some(key) = key else { return Ok(()) };
        let judged = connection
            .get(resolver, path, self.way.headers(Some(key)), trail)
            .await?;
        accepted(&judged, &connection, path)?;
        deadlines::in_time(&self.limits, trail, FailureMode::CastaiSlow)
    }

    /// What is asked for: the own cluster, as CAST AI's operator does; without its id, who the key belongs to.
    fn path(&self, url: &Url) -> (String, String) {
        let prefix = url.path().trim_end_matches('/');
        let path = self
            .way
            .cluster_id()
            .map_or_else(|| "/v1/me".to_owned(), client::cluster_path);
        (format!("{prefix}{path}"), format!("judged by GET {path}"))
    }
}

impl Check for CastaiApi {
    async fn run(&self, attempt: &Attempt) -> Report {
        let visited = match (self.way.settings(), self.way.without_key()) {
            (Ok((url, key)), _) => self.visit(url, Ok(key), attempt).await,
            (Err(_), Some((url, why))) => self.visit(url, Err(why), attempt).await,
            (Err(verdict), None) => Err(verdict),
        };
        visited.unwrap_or_else(Report::bare)
    }
}

/// Without a key any refusal by the application is the answer hoped for.
fn reachable(answer: &Answer, connection: &Connection, path: &str) -> Result<(), Finding> {
    match meaning(answer, connection) {
        None if is_json(answer) => Ok(()),
        None => Err(finding(
            FailureMode::CastaiUnexpectedBody,
            answer,
            connection,
            path,
        )),
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
                Err(finding(
                    FailureMode::CastaiUnexpectedBody,
                    answer,
                    connection,
                    path,
                ))
            }
        }
        // Who asks about himself names no cluster that could be missing.
        Some(FailureMode::CastaiTokenInvalid | FailureMode::CastaiForbidden)
            if !is_json(answer) =>
        {
            // Neither the application's words nor its mark: somebody on the way refuses.
            Err(finding(
                FailureMode::CastaiUnexpectedBody,
                answer,
                connection,
                path,
            ))
        }
        Some(FailureMode::CastaiClusterNotFound) if !about_cluster => Err(finding(
            FailureMode::CastaiClientError,
            answer,
            connection,
            path,
        )),
        Some(mode) => Err(finding(mode, answer, connection, path)),
    }
}
