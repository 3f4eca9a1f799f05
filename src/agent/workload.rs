//! What is wrong with a Deployment or a `DaemonSet`: one judgement for the agent and for its siblings.
//!
//! Of a pod the newest and most specific cause counts; of causes of several pods those of the same mode are told together.

pub mod liveness_kills;
mod pod_health;
pub mod restarts;

use std::sync::Arc;

use jiff::Timestamp;

use crate::agent::workload::liveness_kills::Kills;
use crate::catalogue::FailureMode;
use crate::classify::{Kind, classify};
use crate::kube::Store;
use crate::kube::types::condition;
use crate::kube::types::event::Event;
use crate::kube::types::pod::Pod;
use crate::kube::types::workload::{DaemonSet, Deployment, ReplicaSet};
use crate::report::{Evidence, Finding, Verdict};

/// So many pods are named in one sentence.
const NAMED: usize = 3;
/// So long a pod may take until it is ready, in seconds; the agent takes half a minute.
const START: i64 = 5 * 60;
/// How long a refusal to make a pod counts, in seconds; controllers try again after at most 17 minutes.
const REFUSAL: i64 = 20 * 60;

/// What can be wrong with any workload.
pub const MODES: &[FailureMode] = crate::catalogue::groups::WORKLOAD_MODES;

/// The agent's namespace at one moment.
#[derive(Debug)]
pub struct Scene {
    /// Its Deployments.
    pub deployments: Vec<Arc<Deployment>>,
    replica_sets: Vec<Arc<ReplicaSet>>,
    pods: Vec<Arc<Pod>>,
    events: Vec<Arc<Event>>,
    kills: liveness_kills::Known,
    now: Timestamp,
}

/// How a workload does.
#[derive(Debug)]
pub struct Judgement {
    /// What is wrong, each mode once.
    pub findings: Vec<Finding>,
    /// How many pods it wants.
    pub desired: u32,
    /// How many work: ready, and not on their way from one restart to the next.
    pub working: u32,
    /// What was odd, and is over.
    pub remark: Option<String>,
}

/// What is wrong with one pod, or with the making of pods.
#[derive(Debug)]
struct Cause {
    mode: FailureMode,
    /// What it is about, and what is wrong there.
    sentence: String,
    /// Only advice, though all pods work.
    mild: bool,
}

impl Scene {
    /// Reads it.
    ///
    /// # Errors
    /// The verdict of every check that needs it.
    pub async fn read(store: &Store) -> Result<Self, Verdict> {
        Ok(Self {
            deployments: store.deployments.read().await?,
            replica_sets: store.replica_sets.read().await?,
            pods: store.pods.read().await?,
            events: store.events.read().await?,
            kills: liveness_kills::Known::new(),
            now: Timestamp::now(),
        })
    }

    /// The same, with the kills that were told at an earlier look.
    #[must_use]
    pub fn recalling(mut self, kills: &Kills) -> Self {
        let pods = self.pods.iter().map(AsRef::as_ref);
        self.kills = kills.meet(pods, |pod, container| self.tells_of_a_kill(pod, container));
        self
    }

    /// The Deployment of this name.
    pub fn deployment(&self, name: &str) -> Option<&Deployment> {
        self.deployments
            .iter()
            .map(AsRef::as_ref)
            .find(|deployment| deployment.name == name)
    }

    /// The pods that a Deployment owns, by uid: never those that merely bear its labels.
    pub fn pods_of<'a>(&'a self, deployment: &'a Deployment) -> impl Iterator<Item = &'a Pod> {
        let sets: Vec<&str> = self
            .sets_of(deployment)
            .map(|set| set.uid.as_str())
            .collect();
        self.pods
            .iter()
            .map(AsRef::as_ref)
            .filter(move |pod| pod.owner.as_deref().is_some_and(|own| sets.contains(&own)))
    }

    /// The pods that a `DaemonSet` owns.
    pub fn pods_of_set<'a>(&'a self, set: &'a DaemonSet) -> impl Iterator<Item = &'a Pod> {
        self.pods
            .iter()
            .map(AsRef::as_ref)
            .filter(|pod: &&Pod| pod.owner.as_ref() == Some(&set.uid))
    }

    /// How a Deployment does; `main` is the container that matters.
    pub fn judge(&self, deployment: &Deployment, main: &str) -> Judgement {
        let pods: Vec<&Pod> = self.pods_of(deployment).collect();
        let has_a_sibling = |pod: &Pod| {
            pods.iter()
                .any(|other| other.owner == pod.owner && other.is_ready())
        };
        let may_miss = |pod: &Pod, _: Option<&Cause>| {
            pod_health::wants_a_node_alone(pod) && has_a_sibling(pod)
        };
        let mut judged = self.judge_pods(&pods, deployment.desired, main, may_miss);
        if judged.spared > 0 {
            let alone = format!(
                "for {} more there is no node of its own, as is normal where nodes are few",
                judged.spared
            );
            judged.remark.get_or_insert(alone);
        }
        let mut causes = judged.causes;
        causes.extend(
            self.sets_of(deployment)
                .filter(|set| set.desired > set.replicas)
                .filter_map(|set| {
                    let said = condition(&set.conditions, "ReplicaFailure")
                        .filter(|said| said.status == "True");
                    let said = said.map(|said| said.message.as_str());
                    self.refusal(&set.uid, said, &format!("ReplicaSet {}", set.name))
                }),
        );
        let progress = condition(&deployment.conditions, "Progressing");
        // While pods are spared it never ends.
        let ends = judged.spared == 0;
        let late =
            progress.filter(|progress| ends && progress.reason == "ProgressDeadlineExceeded");
        if let Some(late) = late.filter(|_| {
            causes
                .iter()
                .all(|cause| cause.mode == FailureMode::AgentUnavailable)
        }) {
            causes = vec![Cause::new(
                FailureMode::AgentProgressDeadline,
                late.message.clone(),
            )];
        }
        judged.causes = causes;
        judged.finish(&deployment.name)
    }

    /// How a `DaemonSet` does.
    pub fn judge_daemon_set(&self, set: &DaemonSet, main: &str) -> Judgement {
        let pods: Vec<&Pod> = self.pods_of_set(set).collect();
        let mut judged = self.judge_pods(&pods, set.desired, main, |pod, cause| {
            self.is_up_to_its_node(pod, cause)
        });
        if judged.pods < set.desired {
            judged
                .causes
                .extend(self.refusal(&set.uid, None, &format!("DaemonSet {}", set.name)));
        }
        // Of many pods not all that work are kept; and one that ends on a node that is not heard of has no successor.
        judged.working = judged.working.max(set.available);
        judged.spared += count(pods.iter().filter(|pod| pod.ending));
        judged.finish(&set.name)
    }

    fn sets_of<'a>(&'a self, deployment: &'a Deployment) -> impl Iterator<Item = &'a ReplicaSet> {
        let sets = self.replica_sets.iter().map(AsRef::as_ref);
        sets.filter(|set: &&ReplicaSet| set.owner.as_deref() == Some(deployment.uid.as_str()))
    }

    /// Whether a pod is not ready because its node is new, or is not heard of: each node has such a pod.
    fn is_up_to_its_node(&self, pod: &Pod, cause: Option<&Cause>) -> bool {
        const OF_NEW_NODES: &[FailureMode] = &[
            FailureMode::AgentUnavailable,
            FailureMode::AgentUnschedulableTaint,
            FailureMode::AgentSandboxFailed,
            FailureMode::AgentFailedMount,
        ];
        let starts =
            cause.is_none_or(|cause| OF_NEW_NODES.contains(&cause.mode)) && self.is_young(pod);
        starts || pod.is_unheard_of()
    }

    fn is_young(&self, pod: &Pod) -> bool {
        pod.created
            .is_none_or(|at| self.now.as_second() - at.as_second() < START)
    }

    /// Of pods that are not ready and spared nothing is said, and they are not missed.
    fn judge_pods(
        &self,
        pods: &[&Pod],
        desired: u32,
        main: &str,
        may_miss: impl Fn(&Pod, Option<&Cause>) -> bool,
    ) -> Judged {
        let there = pods
            .iter()
            .filter(|pod| !pod.ending && !pod.is_over())
            .map(|pod| (*pod, self.trouble(pod, main)));
        let (spared, live): (Vec<_>, Vec<_>) =
            there.partition(|(pod, cause)| !pod.is_ready() && may_miss(pod, cause.as_ref()));
        let ready = live.iter().filter(|(pod, _)| pod.is_ready());
        let working =
            count(ready.filter(|(_, cause)| cause.as_ref().is_none_or(|cause| cause.mild)));
        let over = pods
            .iter()
            .filter(|pod| pod.is_over())
            .max_by_key(|pod| pod.created);
        // Only of what was put in its place just now is it said why it is not there.
        let explains = over.is_some_and(|over| {
            live.iter()
                .all(|(pod, _)| pod.owner == over.owner && self.is_young(pod))
        });
        let spared = count(spared.iter());
        let pods = count(live.iter()) + spared;
        let mut causes: Vec<Cause> = live.into_iter().filter_map(|(_, cause)| cause).collect();
        let ended = over.and_then(|pod| pod_health::of_ended(pod));
        let mut remark = None;
        match ended {
            Some(cause)
                if explains
                    && working + spared < desired
                    && causes
                        .iter()
                        .all(|cause| cause.mode == FailureMode::AgentUnavailable) =>
            {
                causes = vec![cause];
            }
            Some(cause) => remark = Some(format!("before, {}", cause.sentence)),
            None => {}
        }
        Judged {
            causes,
            desired,
            working,
            pods,
            spared,
            remark,
        }
    }

    /// Why a controller cannot make pods.
    fn refusal(&self, of: &str, said: Option<&str>, who: &str) -> Option<Cause> {
        let event = || {
            self.newest(of, |event| {
                event.reason == "FailedCreate" && self.age(event) < REFUSAL
            })
        };
        let message = said
            .map(str::to_owned)
            .or_else(|| event().map(|event| event.message.clone()))?;
        let mode = words("FailedCreate", &message).unwrap_or(FailureMode::AgentUnavailable);
        Some(Cause::new(
            mode,
            format!("{who} cannot make its pod: {message}"),
        ))
    }

    /// The newest event about an object that fits.
    fn newest(&self, of: &str, fits: impl Fn(&Event) -> bool) -> Option<&Event> {
        let about = self
            .events
            .iter()
            .map(AsRef::as_ref)
            .filter(|event: &&Event| event.of == of && fits(event));
        about.max_by_key(|event| event.last)
    }

    /// How many seconds ago an event was said last.
    fn age(&self, event: &Event) -> i64 {
        event
            .last
            .map_or(i64::MAX, |last| self.now.as_second() - last.as_second())
    }
}

/// A judgement on its way.
struct Judged {
    causes: Vec<Cause>,
    desired: u32,
    working: u32,
    pods: u32,
    /// How many of them need not work.
    spared: u32,
    remark: Option<String>,
}

impl Judged {
    /// Whether pods are missed.
    const fn is_short(&self) -> bool {
        self.working + self.spared < self.desired
    }

    fn finish(mut self, name: &str) -> Judgement {
        if self.causes.is_empty() && self.is_short() {
            let (working, desired, pods) = (self.working, self.desired, self.pods);
            let sentence = format!(
                "{working} of {desired} pods of {name} are available, and {pods} are there"
            );
            self.causes
                .push(Cause::new(FailureMode::AgentUnavailable, sentence));
        }
        // What is known better makes the mere shortage a consequence.
        if self
            .causes
            .iter()
            .any(|cause| cause.mode != FailureMode::AgentUnavailable)
        {
            self.causes
                .retain(|cause| cause.mode != FailureMode::AgentUnavailable);
        }
        let mut findings: Vec<Finding> = Vec::new();
        for cause in &self.causes {
            if findings.iter().all(|finding| finding.mode != cause.mode) {
                let same: Vec<&str> = self
                    .causes
                    .iter()
                    .filter(|other| other.mode == cause.mode)
                    .map(|other| other.sentence.as_str())
                    .collect();
                let more = same.len().saturating_sub(NAMED);
                let more = if more > 0 {
                    format!("; and {more} more")
                } else {
                    String::new()
                };
                let named = same
                    .iter()
                    .take(NAMED)
                    .copied()
                    .collect::<Vec<_>>()
                    .join("; ");
                let before = self
                    .remark
                    .as_ref()
                    .map(|remark| format!("; {remark}"))
                    .unwrap_or_default();
                findings.push(Finding::new(cause.mode, format!("{named}{more}{before}")));
            }
        }
        Judgement {
            findings,
            desired: self.desired,
            working: self.working,
            remark: self.remark,
        }
    }
}

impl Judgement {
    /// The verdict: advice while at least one pod works.
    pub fn verdict(self, well: impl FnOnce(&Self) -> String) -> Verdict {
        if self.findings.is_empty() {
            let remark = self
                .remark
                .as_ref()
                .map(|remark| format!("; {remark}"))
                .unwrap_or_default();
            return Verdict::Ok(Evidence::from(format!("{}{remark}", well(&self))));
        }
        if self.working > 0 {
            Verdict::Warning(self.findings)
        } else {
            Verdict::Failing(self.findings)
        }
    }
}

impl Cause {
    fn new(mode: FailureMode, sentence: String) -> Self {
        Self {
            mode,
            sentence,
            mild: false,
        }
    }

    /// This one, and what is no less wrong beside it in its pod.
    fn and(mut self, other: &Self) -> Self {
        if other.mild == self.mild && !self.sentence.contains(&other.sentence) {
            self.sentence = format!("{}; {}", self.sentence, other.sentence);
        }
        self
    }
}

fn count(pods: impl Iterator) -> u32 {
    u32::try_from(pods.count()).unwrap_or(u32::MAX)
}

/// The mode of a reason and its message, if it is one of a workload.
fn words(reason: &str, message: &str) -> Option<FailureMode> {
    let mode = classify(Some(Kind::K8sEvent), &format!("{reason}: {message}")).mode()?;
    (MODES.contains(&mode) || crate::catalogue::groups::IMAGE_MODES.contains(&mode)).then_some(mode)
}
