//! Checks the cluster's status at CAST AI: whether snapshots arrive and whether CAST AI can act on
//! the cluster.
//!
//! Reads what CAST AI's console shows. Connection failures are reported by `castai_api` and only
//! make this check `unknown`.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::castai::client::CastaiClient;
use crate::castai::cluster_id::ClusterIdMemory;
use crate::castai::{CastaiError, client};
use crate::catalogue::metric::{AGENT_STATUSES, CLUSTER_STATUSES, OTHER};
use crate::catalogue::{CheckId, FailureMode as M, alert};
use crate::checks::{Attempt, Check, CheckContext};
use crate::classify::{TextKind, classify};
use crate::config::{Agent, Castai, CheckSettings, Config, Secret};
use crate::kube::Client;
use crate::net::Response;
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, LatestReports, Observation, Report, Verdict};

/// The age in seconds above which a snapshot is stale. The agent sends one every 15 s, EC2 lookups
/// may delay one by two minutes, and CAST AI's console reports a cluster as not responding after
/// five.
const MAX_SNAPSHOT_AGE_SECONDS: i64 = 300;

/// The check `cluster_status`.
#[derive(Debug)]
pub struct ClusterStatus {
    client: CastaiClient,
    agent: Agent,
    kube_client: Arc<Client>,
    known_id: ClusterIdMemory,
}

/// The judged fields of CAST AI's cluster object. All but the ID may be missing or have unknown
/// values.
#[derive(Debug)]
struct Cluster {
    id: String,
    status: Option<String>,
    agent_status: Option<String>,
    snapshot_received: Option<Timestamp>,
    created: Option<Timestamp>,
    reconcile_error: Option<String>,
    error_count: Option<i64>,
}

impl ClusterStatus {
    /// Creates the check.
    pub fn new(config: &Config, check: &CheckSettings, context: &CheckContext) -> Self {
        let castai: &Castai = &config.castai;
        Self {
            client: CastaiClient::new(castai, check, &context.network),
            agent: config.agent.clone(),
            kube_client: Arc::clone(&context.store.client),
            known_id: ClusterIdMemory::default(),
        }
    }

    async fn evaluate(&self, reports: &LatestReports) -> Result<Report, Verdict> {
        let (url, key) = self.client.settings().map_err(downgrade)?;
        let apiserver = reports.report(CheckId::Apiserver);
        let is_apiserver_down =
            apiserver.is_some_and(|report| matches!(report.verdict, Verdict::Failing(_)));
        let id = self
            .known_id
            .find(
                self.client.cluster_id(),
                &self.agent,
                &self.kube_client,
                is_apiserver_down,
            )
            .await;
        let id = id.map_err(|why| unknown(format!("the cluster ID is unknown: {why}")))?;
        let (response, path) = self.fetch(url, key, &id).await?;
        // Either clock may be wrong; use the one that makes the snapshot younger.
        let now = response
            .date()
            .into_iter()
            .fold(Timestamp::now(), Timestamp::min);
        let cluster = response.json().as_ref().and_then(Cluster::read);
        let cluster = cluster.ok_or_else(|| {
            unknown(format!(
                "GET {path} returned {}, which is not a cluster object",
                response.quoted()
            ))
        })?;
        Ok(Report {
            observations: cluster.observations(),
            ..Report::from_verdict(cluster.judge(now))
        })
    }

    async fn fetch(
        &self,
        url: &Url,
        key: &Secret,
        id: &str,
    ) -> Result<(Response, String), Verdict> {
        let path = client::join_path(url, &client::cluster_path(id));
        let response = self.client.get(url, key, &path).await;
        response
            .map(|response| (response, path))
            .map_err(|error| match error {
                CastaiError::Failed(finding) if finding.mode == M::CastaiClusterNotFound => {
                    Verdict::failing(Finding::new(
                        M::CastaiClusterNotFound,
                        format!(
                            "CAST AI has no cluster {id}, but its agent is still installed: {}",
                            finding.evidence
                        ),
                    ))
                }
                CastaiError::Failed(finding) => unknown(format!(
                    "the request to CAST AI failed ({}): {}",
                    finding.mode, finding.evidence
                )),
                other => other.into(),
            })
    }
}

impl Check for ClusterStatus {
    async fn run(&self, attempt: &Attempt) -> Report {
        self.evaluate(attempt.reports())
            .await
            .unwrap_or_else(Report::from_verdict)
    }
}

impl Cluster {
    fn read(json: &Value) -> Option<Self> {
        let text = |at: &str| {
            json.pointer(at)?
                .as_str()
                .map(str::trim)
                .filter(|text| !text.is_empty())
        };
        let time = |at: &str| text(at)?.parse().ok();
        Some(Self {
            id: text("/id")?.to_owned(),
            status: text("/status").map(str::to_owned),
            agent_status: text("/agentStatus").map(str::to_owned),
            snapshot_received: time("/agentSnapshotReceivedAt"),
            created: time("/createdAt"),
            reconcile_error: text("/reconcileError")
                .or(text("/reconcileInfo/error"))
                .map(str::to_owned),
            error_count: json
                .pointer("/reconcileInfo/errorCount")
                .and_then(Value::as_i64),
        })
    }

    fn judge(&self, now: Timestamp) -> Verdict {
        let status = self.status.as_deref().unwrap_or_default();
        let agent = self.agent_status.as_deref().unwrap_or_default();
        if matches!(
            status,
            "hibernating" | "hibernated" | "resuming" | "deleting" | "deleted" | "archived"
        ) || agent == "disconnecting"
        {
            let word = if status.is_empty() { agent } else { status };
            return Verdict::NotApplicable(Evidence::from(format!(
                "CAST AI reports the cluster as {}",
                quote_unless_plain(word)
            )));
        }
        let state = self.describe(now);
        let mut failing = Vec::new();
        let mut warnings = Vec::new();
        match agent {
            "non-responding" => failing.push(Finding::new(M::CastaiNotResponding, state.clone())),
            "disconnected" => failing.push(Finding::new(M::CastaiDisconnected, state.clone())),
            "waiting-connection"
                if age(self.created, now).is_none_or(|age| age > MAX_SNAPSHOT_AGE_SECONDS) =>
            {
                let evidence =
                    format!("{state}; no snapshot has arrived since the cluster was registered");
                failing.push(Finding::new(M::CastaiNotResponding, evidence));
            }
            "waiting-connection" => {}
            _ if age(self.snapshot_received, now)
                .is_some_and(|age| age > MAX_SNAPSHOT_AGE_SECONDS) =>
            {
                let evidence = format!("{state}; the agent sends one every 15 s");
                failing.push(Finding::new(M::CastaiAcceptedButStale, evidence));
            }
            _ => {}
        }
        if let Some(error) = &self.reconcile_error {
            let finding = Finding::new(
                M::CastaiReconcileFailed,
                self.describe_reconcile_error(error),
            );
            if status == "failed" {
                failing.push(finding);
            } else {
                warnings.push(finding);
            }
        } else if matches!(status, "failed" | "warning") {
            let evidence =
                format!("{state}, without a reason; CAST AI's autoscaling does not work");
            let finding = Finding::new(M::CastaiReconcileFailed, evidence);
            if status == "failed" {
                failing.push(finding);
            } else {
                warnings.push(finding);
            }
        }
        if !failing.is_empty() {
            failing.extend(warnings);
            Verdict::Failing(failing)
        } else if warnings.is_empty() {
            Verdict::Ok(Evidence::from(state))
        } else {
            Verdict::Warning(warnings)
        }
    }

    /// Describes the cluster's state in one sentence.
    fn describe(&self, now: Timestamp) -> String {
        let word = |word: &Option<String>| quote_unless_plain(word.as_deref().unwrap_or("unknown"));
        let snapshot = match age(self.snapshot_received, now) {
            Some(age) => format!("the last snapshot arrived {} ago", format_duration(age)),
            None => "CAST AI reports no snapshot".to_owned(),
        };
        format!(
            "CAST AI reports cluster {} as {} and its agent as {}; {snapshot}",
            quote_unless_plain(&self.id),
            word(&self.status),
            word(&self.agent_status)
        )
    }

    /// Describes the reconcile error, with the meaning of its text if known.
    fn describe_reconcile_error(&self, error: &str) -> String {
        let times = self.error_count.filter(|count| *count > 1);
        let times = times.map_or_else(String::new, |count| format!(" ({count} times)"));
        let failure_mode = match classify(Some(TextKind::K8sEvent), error).mode() {
            None | Some(M::Unclassified) => String::new(),
            Some(mode) => format!("; {}", alert::explain_mode(mode)),
        };
        format!(
            "CAST AI reports the cluster as {} because reconciliation failed{times}: \
             {}{failure_mode}",
            quote_unless_plain(self.status.as_deref().unwrap_or("unknown")),
            quote(error.as_bytes())
        )
    }

    fn observations(&self) -> Vec<Observation> {
        let mut observations = vec![
            Observation::AgentStatus(known(AGENT_STATUSES, self.agent_status.as_deref())),
            Observation::ClusterStatus(known(CLUSTER_STATUSES, self.status.as_deref())),
        ];
        observations.extend(
            self.snapshot_received
                .map(|at| Observation::SnapshotReceived(at.as_second())),
        );
        observations
    }
}

/// Returns the age in seconds.
fn age(at: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    at.map(|at| now.as_second() - at.as_second())
}

/// Maps values outside the closed list to `OTHER`.
fn known(words: &[&'static str], word: Option<&str>) -> &'static str {
    words
        .iter()
        .copied()
        .find(|known| Some(*known) == word)
        .unwrap_or(OTHER)
}

/// Quotes a value from CAST AI unless it is a plain word.
fn quote_unless_plain(word: &str) -> String {
    let plain = word.len() <= 64
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if plain {
        word.to_owned()
    } else {
        quote(word.as_bytes())
    }
}

/// Formats a duration in seconds with a suitable unit.
fn format_duration(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{} s", seconds.max(0)),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn unknown(why: impl Into<Evidence>) -> Verdict {
    Verdict::Unknown(why.into())
}

/// Maps invalid settings, which `castai_api` reports, to `unknown`.
fn downgrade(error: CastaiError) -> Verdict {
    match error {
        CastaiError::Failed(finding) => Verdict::Unknown(finding.evidence),
        other => other.into(),
    }
}
