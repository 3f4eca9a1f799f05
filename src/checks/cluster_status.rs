//! What does CAST AI itself think of the cluster?
//!
//! It reads what the console shows: whether snapshots arrive, how old the last one is, and whether CAST AI can act.
//! Trouble on the way there is what `castai_api` tells, and only makes this check `unknown`.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::castai::client::CastaiWay;
use crate::castai::{client, cluster_id};
use crate::catalogue::metric::{AGENT_STATUSES, CLUSTER_STATUSES, OTHER};
use crate::catalogue::{FailureMode as M, alert};
use crate::checks::{Attempt, Check, CheckContext};
use crate::classify::{Kind, classify};
use crate::config::{Agent, Castai, CheckSettings, Config, Secret};
use crate::kube::Door;
use crate::net::Answer;
use crate::report::evidence::quote;
use crate::report::{Evidence, Fact, Finding, Report, Verdict};

/// A snapshot that is older is missed, in seconds: the agent sends every 15 s, EC2 may hold one up for two minutes, and
/// CAST AI's console gives up on a cluster after five.
const STALE: i64 = 300;

/// The check `cluster_status`.
#[derive(Debug)]
pub struct ClusterStatus {
    way: CastaiWay,
    agent: Agent,
    door: Arc<Door>,
}

/// What CAST AI tells of a cluster, as far as it is judged; everything but the id may be missing, or be something new.
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
    /// The check of a configuration.
    pub fn new(config: &Config, check: &CheckSettings, world: &CheckContext) -> Self {
        let castai: &Castai = &config.castai;
        Self {
            way: CastaiWay::new(castai, check, world),
            agent: config.agent.clone(),
            door: Arc::clone(&world.store.door),
        }
    }

    async fn look(&self) -> Result<Report, Verdict> {
        let (url, key) = self.way.settings().map_err(only_unknown)?;
        let id = cluster_id::find(self.way.cluster_id(), &self.agent, &self.door).await;
        let id = id.map_err(|why| unknown(format!("the cluster's id is not known: {why}")))?;
        let (answer, path) = self.ask(url, key, &id).await?;
        // One of both clocks may be wrong; the one that makes the snapshot younger is believed.
        let now = answer
            .date()
            .into_iter()
            .fold(Timestamp::now(), Timestamp::min);
        let cluster = answer.json().as_ref().and_then(Cluster::read);
        let cluster = cluster.ok_or_else(|| {
            unknown(format!(
                "GET {path} was answered {}, which is no cluster",
                answer.quoted()
            ))
        })?;
        Ok(Report {
            facts: cluster.facts(),
            ..Report::bare(cluster.judge(now))
        })
    }

    async fn ask(&self, url: &Url, key: &Secret, id: &str) -> Result<(Answer, String), Verdict> {
        let path = client::below(url, &client::cluster_path(id));
        let asked = self.way.read(url, key, &path).await;
        asked
            .map(|answer| (answer, path))
            .map_err(|verdict| match verdict.findings() {
                [finding] if finding.mode == M::CastaiClusterNotFound => {
                    Verdict::failing(Finding::new(
                        M::CastaiClusterNotFound,
                        format!(
                            "CAST AI knows no cluster {id}, while its agent is still installed: {}",
                            finding.evidence
                        ),
                    ))
                }
                [finding] => unknown(format!(
                    "CAST AI did not tell ({}): {}",
                    finding.mode, finding.evidence
                )),
                _ => only_unknown(verdict),
            })
    }
}

impl Check for ClusterStatus {
    async fn run(&self, _attempt: &Attempt) -> Report {
        self.look().await.unwrap_or_else(Report::bare)
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
                "CAST AI shows the cluster as {}",
                shown(word)
            )));
        }
        let seen = self.seen(now);
        let mut failing = Vec::new();
        let mut advice = Vec::new();
        match agent {
            "non-responding" => failing.push(Finding::new(M::CastaiNotResponding, seen.clone())),
            "disconnected" => failing.push(Finding::new(M::CastaiDisconnected, seen.clone())),
            "waiting-connection" if age(self.created, now).is_none_or(|age| age > STALE) => {
                let evidence = format!(
                    "{seen}; it has waited for a first snapshot since the cluster was registered"
                );
                failing.push(Finding::new(M::CastaiNotResponding, evidence));
            }
            "waiting-connection" => {}
            _ if age(self.snapshot_received, now).is_some_and(|age| age > STALE) => {
                let evidence = format!("{seen}; the agent sends one every 15 seconds");
                failing.push(Finding::new(M::CastaiAcceptedButStale, evidence));
            }
            _ => {}
        }
        if let Some(error) = &self.reconcile_error {
            let finding = Finding::new(M::CastaiReconcileFailed, self.explained(error));
            if status == "failed" {
                failing.push(finding)
            } else {
                advice.push(finding)
            }
        } else if matches!(status, "failed" | "warning") {
            let evidence = format!("{seen}, without saying why; its autoscaling does not work");
            let finding = Finding::new(M::CastaiReconcileFailed, evidence);
            if status == "failed" {
                failing.push(finding)
            } else {
                advice.push(finding)
            }
        }
        if !failing.is_empty() {
            failing.extend(advice);
            Verdict::Failing(failing)
        } else if advice.is_empty() {
            Verdict::Ok(Evidence::from(seen))
        } else {
            Verdict::Warning(advice)
        }
    }

    /// What CAST AI shows, in one sentence.
    fn seen(&self, now: Timestamp) -> String {
        let word = |word: &Option<String>| shown(word.as_deref().unwrap_or("unknown"));
        let snapshot = match age(self.snapshot_received, now) {
            Some(age) => format!("its last snapshot arrived {} ago", span(age)),
            None => "it tells of no snapshot".to_owned(),
        };
        format!(
            "CAST AI shows cluster {} as {} and its agent as {}; {snapshot}",
            shown(&self.id),
            word(&self.status),
            word(&self.agent_status)
        )
    }

    /// The error with what its text means, where that is known.
    fn explained(&self, error: &str) -> String {
        let times = self.error_count.filter(|count| *count > 1);
        let times = times.map_or_else(String::new, |count| format!(" ({count} times)"));
        let meaning = match classify(Some(Kind::K8sEvent), error).mode() {
            None | Some(M::Unclassified) => String::new(),
            Some(mode) => format!("; {}", alert::in_words(mode)),
        };
        format!(
            "CAST AI shows the cluster as {}, because it could not work on it{times}: {}{meaning}",
            shown(self.status.as_deref().unwrap_or("unknown")),
            quote(error.as_bytes())
        )
    }

    fn facts(&self) -> Vec<Fact> {
        let mut facts = vec![
            Fact::AgentStatus(known(AGENT_STATUSES, self.agent_status.as_deref())),
            Fact::ClusterStatus(known(CLUSTER_STATUSES, self.status.as_deref())),
        ];
        facts.extend(
            self.snapshot_received
                .map(|at| Fact::SnapshotReceived(at.as_second())),
        );
        facts
    }
}

/// How long ago, in seconds.
fn age(at: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    at.map(|at| now.as_second() - at.as_second())
}

/// A word of a closed list; CAST AI may know more than this program does.
fn known(words: &[&'static str], word: Option<&str>) -> &'static str {
    words
        .iter()
        .copied()
        .find(|known| Some(*known) == word)
        .unwrap_or(OTHER)
}

/// A word of CAST AI's as it may stand in a sentence.
fn shown(word: &str) -> String {
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

/// A span of time as people say it.
fn span(seconds: i64) -> String {
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

/// What another check tells: here it is only a reason why nothing could be found out.
fn only_unknown(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Failing(_) | Verdict::Warning(_) => Verdict::Unknown(verdict.evidence()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-25T12:00:00Z";

    fn judged(json: &str) -> Verdict {
        let json = serde_json::from_str(json).expect("it is JSON");
        Cluster::read(&json)
            .expect("it has an id")
            .judge(NOW.parse().expect("a time"))
    }

    #[test]
    fn what_is_missing_or_new_is_no_failure() {
        for json in [
            r#"{"id":"c"}"#,
            r#"{"id":"c","agentStatus":"brand-new","status":"sparkling","agentSnapshotReceivedAt":7,"more":{"a":[1]}}"#,
            r#"{"id":"c","status":"ready","agentStatus":"online","reconcileError":null,"reconcileInfo":{}}"#,
            r#"{"id":"c","agentStatus":"waiting-connection","createdAt":"2026-11-25T11:58:00Z"}"#,
        ] {
            assert!(
                matches!(judged(json), Verdict::Ok(_)),
                "{json}: {:?}",
                judged(json)
            );
        }
    }

    #[test]
    fn a_cluster_that_sleeps_or_goes_is_no_failure_whatever_its_agent_does() {
        for status in [
            "hibernating",
            "hibernated",
            "resuming",
            "deleting",
            "deleted",
            "archived",
        ] {
            let json = format!(r#"{{"id":"c","status":"{status}","agentStatus":"disconnected"}}"#);
            assert!(matches!(judged(&json), Verdict::NotApplicable(_)), "{json}");
        }
        assert!(matches!(
            judged(r#"{"id":"c","agentStatus":"disconnecting"}"#),
            Verdict::NotApplicable(_)
        ));
    }

    #[test]
    fn two_troubles_are_two_findings_and_a_mere_warning_is_advice() {
        let both = judged(
            r#"{"id":"c","status":"failed","agentStatus":"disconnected","reconcileError":"boom"}"#,
        );
        assert_eq!(
            both.modes(),
            [M::CastaiDisconnected, M::CastaiReconcileFailed]
        );
        let advice =
            judged(r#"{"id":"c","status":"ready","agentStatus":"online","reconcileError":"boom"}"#);
        assert!(matches!(advice, Verdict::Warning(_)), "{advice:?}");
    }

    #[test]
    fn the_words_of_the_console_name_the_firewall() {
        let text = "No access to Kubernetes API server, please check your firewall settings";
        let json = format!(
            r#"{{"id":"c","status":"failed","agentStatus":"online","reconcileError":"{text}"}}"#
        );
        let evidence = judged(&json).evidence().to_string();
        assert!(evidence.contains("cpfw_blocked"), "{evidence}");
    }

    #[test]
    fn a_snapshot_is_stale_after_five_minutes() {
        let json = |at: &str| {
            format!(r#"{{"id":"c","agentStatus":"online","agentSnapshotReceivedAt":"{at}"}}"#)
        };
        assert!(matches!(
            judged(&json("2026-11-25T11:55:00Z")),
            Verdict::Ok(_)
        ));
        assert_eq!(
            judged(&json("2026-11-25T11:54:59Z")).modes(),
            [M::CastaiAcceptedButStale]
        );
    }
}
