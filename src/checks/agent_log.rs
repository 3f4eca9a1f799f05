//! What does the agent itself say is wrong?
//!
//! The logs of the agent's containers are read on by time, and each line is asked for its cause. The first cause since
//! the container's start counts; what only follows from it, and what healthy agents write as well, does not.
//! After a restart the end of the container before tells why, until the new one has shown that it works.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::agent::logs::{Container, Logs, Reel, Story, Trouble, containers, excerpt};
use crate::catalogue::metric::LOG_SOURCES;
use crate::catalogue::{CheckId, FailureMode as M, alert};
use crate::checks::{Attempt, Check, agent_workload};
use crate::classify::About;
use crate::config::Installation;
use crate::kube::Store;
use crate::report::{Evidence, Fact, Finding, Peers, Report, Verdict};

/// So long after its start a container that has not shown yet that it works is explained by the one before.
const PROBATION: SignedDuration = SignedDuration::from_mins(3);

/// The check `agent_log`.
#[derive(Debug)]
pub struct AgentLog {
    store: Arc<Store>,
    /// The name of the agent's Deployment.
    deployment: String,
    state: Mutex<State>,
}

/// What is remembered between two looks.
#[derive(Debug, Default)]
struct State {
    logs: Logs,
    /// Lines that no rule knows, of containers that are gone, by source.
    forgotten: [u64; LOG_SOURCES.len()],
}

/// A trouble of one container, and how much it weighs.
struct Told<'a> {
    reel: &'a Reel,
    trouble: &'a Trouble,
    /// It was told by the container before.
    before: bool,
    failing: bool,
}

impl AgentLog {
    /// The check that finds the agent's pods in this store.
    pub fn new(installation: &Installation, store: &Arc<Store>) -> Self {
        Self {
            store: Arc::clone(store),
            deployment: installation.deployment.clone(),
            state: Mutex::default(),
        }
    }

    async fn look(&self, peers: &Peers, state: &mut State) -> Result<Verdict, Verdict> {
        let containers = self.containers().await?;
        for gone in state.logs.meet(containers) {
            state.forgotten[source(&gone)] += gone.unclassified();
        }
        let now = Timestamp::now();
        state.logs.wind(&self.store.door, now).await?;
        Ok(judge(&state.logs, peers, now))
    }

    /// The containers of the pods that the agent's Deployment owns.
    async fn containers(&self) -> Result<Vec<Container>, Verdict> {
        let deployments = self.store.deployments.read().await?;
        let agent = agent_workload::find(&deployments, &self.deployment);
        let agent = agent.ok_or_else(|| {
            let Self { deployment, store, .. } = self;
            Verdict::Unknown(Evidence::from(format!(
                "there is no Deployment {deployment} in the namespace {}, whose pods would have a log",
                store.namespace
            )))
        })?;
        let sets = self.store.replica_sets.read().await?;
        let owns = |owner: &str| {
            sets.iter()
                .any(|set| set.uid == owner && set.owner.as_deref() == Some(agent.uid.as_str()))
        };
        let pods = self.store.pods.read().await?;
        // A pod that was evicted has no log any more, and its record stays.
        let owned = pods
            .iter()
            .map(AsRef::as_ref)
            .filter(|pod| !pod.is_over() && pod.owner.as_deref().is_some_and(owns));
        let containers = containers(&self.store.namespace, owned, LOG_SOURCES);
        if containers.is_empty() {
            return Err(Verdict::Unknown(Evidence::from(
                "the agent's Deployment owns no pod whose log could be read",
            )));
        }
        Ok(containers)
    }
}

impl Check for AgentLog {
    async fn run(&self, attempt: &Attempt) -> Report {
        let mut state = self.state.lock().await;
        let verdict = self
            .look(attempt.peers(), &mut state)
            .await
            .unwrap_or_else(|verdict| verdict);
        Report {
            facts: state.facts(attempt.peers().report(CheckId::AgentLog)),
            ..Report::bare(verdict)
        }
    }
}

impl State {
    /// What is counted; a reload begins at nought and reads on, and no count falls.
    fn facts(&self, before: Option<&Report>) -> Vec<Fact> {
        let facts = before
            .map(|report| report.facts.as_slice())
            .unwrap_or_default();
        let lines = |at: usize| {
            let published = facts.iter().filter_map(|fact| match fact {
                Fact::UnclassifiedLines(source, lines) if *source == LOG_SOURCES[at] => {
                    Some(*lines)
                }
                _ => None,
            });
            let present = self
                .logs
                .reels()
                .iter()
                .filter(|reel| source(reel) == at)
                .map(Reel::unclassified)
                .sum::<u64>();
            let lines = published.fold(self.forgotten[at] + present, u64::max);
            Fact::UnclassifiedLines(LOG_SOURCES[at], lines)
        };
        (0..LOG_SOURCES.len()).map(lines).collect()
    }
}

fn source(reel: &Reel) -> usize {
    LOG_SOURCES
        .iter()
        .position(|source| *source == reel.container.name)
        .unwrap_or(0)
}

fn judge(logs: &Logs, peers: &Peers, now: Timestamp) -> Verdict {
    let (reels, gaps) = (logs.reels(), logs.gaps());
    let told: Vec<Told<'_>> = reels
        .iter()
        .flat_map(|reel| told(reel, peers, now))
        .collect();
    if told.is_empty() {
        let ago = |reel: &Reel| {
            Some(
                reel.moment(now)
                    .duration_since(reel.story.delivered()?)
                    .as_secs()
                    .max(0),
            )
        };
        let delivered = reels.iter().filter_map(ago).min().map_or_else(
            || "no delta was seen to arrive yet".to_owned(),
            |seconds| format!("the last delta arrived {seconds} s ago"),
        );
        return Verdict::Ok(Evidence::from(format!(
            "the agent's log tells of no trouble; {delivered}{gaps}"
        )));
    }
    let failing = told.iter().any(|told| told.failing);
    let mut findings: Vec<Finding> = Vec::new();
    for told in told
        .iter()
        .filter(|told| told.failing == failing)
        .chain(told.iter().filter(|told| told.failing != failing))
    {
        if findings.iter().all(|finding| finding.mode != told.mode()) {
            findings.push(told.finding());
        }
    }
    gaps.note(&mut findings);
    if failing {
        Verdict::Failing(findings)
    } else {
        Verdict::Warning(findings)
    }
}

/// What holds of a container's story, the first first.
fn told<'a>(reel: &'a Reel, peers: &Peers, now: Timestamp) -> Vec<Told<'a>> {
    let Container {
        running,
        ended,
        restarts,
        ..
    } = &reel.container;
    let now = reel.moment(now);
    let own = reel
        .story
        .troubles(now)
        .into_iter()
        .filter(|trouble| !refuted(trouble, peers));
    let own: Vec<_> = own
        .map(|trouble| Told::new(reel, trouble, &reel.story, false))
        .collect();
    let young = running.is_some_and(|since| now.duration_since(since) < PROBATION);
    if !own.is_empty() || !young || reel.story.works() {
        return own;
    }
    let (Some(before), Some((_, ended))) = (&reel.before, ended) else {
        return own;
    };
    let mut told: Vec<_> = before
        .troubles(*ended)
        .into_iter()
        .map(|trouble| Told::new(reel, trouble, before, true))
        .collect();
    for told in &mut told {
        // One restart after a blip of the control plane is nobody's fault.
        told.failing &= *restarts > 1;
    }
    told
}

/// Whether another check has shown since that what was told once is over.
fn refuted(trouble: &Trouble, peers: &Peers) -> bool {
    let asked = CheckId::from_label("ec2_api").and_then(|check| peers.report(check));
    let fine = asked.filter(|report| matches!(report.verdict, Verdict::Ok(_)));
    trouble.lasts
        && fine
            .is_some_and(|report| Timestamp::try_from(report.at).is_ok_and(|at| at > trouble.last))
}

impl<'a> Told<'a> {
    fn new(reel: &'a Reel, trouble: &'a Trouble, story: &Story, before: bool) -> Self {
        // The agent survives what it can deliver in spite of.
        let survived =
            trouble.lasts && trouble.about == About::Cloud || story.delivers_despite(trouble);
        let told = Self {
            reel,
            trouble,
            before,
            failing: false,
        };
        Self {
            failing: !survived && told.mode() != M::Unclassified,
            ..told
        }
    }

    /// What another check tells of in words of its own has no name here.
    fn mode(&self) -> M {
        let known = alert::alert(CheckId::AgentLog, self.trouble.mode).is_some();
        if known {
            self.trouble.mode
        } else {
            M::Unclassified
        }
    }

    fn finding(&self) -> Finding {
        let Container { pod, name, end, .. } = &self.reel.container;
        let (often, words) = (self.trouble.often(), &self.trouble.words);
        let before = if self.before {
            format!(" before it ended ({end})")
        } else {
            String::new()
        };
        let meaning = if self.mode() == self.trouble.mode {
            String::new()
        } else {
            format!("; {}", alert::in_words(self.trouble.mode))
        };
        Finding::new(
            self.mode(),
            format!(
                "{pod}/{name} said{before} {often}: {}{meaning}",
                excerpt(words)
            ),
        )
    }
}
