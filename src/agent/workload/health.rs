//! The health of a Deployment or `DaemonSet`.

use jiff::Timestamp;

use crate::agent::workload::fault::{PodLocation, WorkloadFault, classify_reason};
use crate::agent::workload::pod_health::{finished_pod_fault, lacks_only_a_separate_node};
use crate::agent::workload::snapshot::NamespaceSnapshot;
use crate::catalogue::{FailureMode, Placeholder, Property};
use crate::kube::types::object::condition;
use crate::kube::types::pod::Pod;
use crate::kube::types::workload::{DaemonSet, Deployment};
use crate::report::{Evidence, Finding, Verdict};

/// Pods that are named in one sentence.
const MAX_NAMED_PODS: usize = 3;
/// Time for which a failed pod creation counts, in seconds; controllers retry after at most 17
/// minutes.
const CREATE_FAILURE_SECONDS: i64 = 20 * 60;

/// The health of a Deployment or `DaemonSet`.
#[derive(Debug)]
pub struct WorkloadHealth {
    /// The faults, each mode once.
    pub findings: Vec<Finding>,
    /// Number of desired pods.
    pub desired: u32,
    /// Number of pods that are ready and not in a crash loop.
    pub working: u32,
    /// Whether pods are missing only because they are starting, which is not a failure yet.
    pub starting: bool,
    /// A past or harmless oddity.
    pub remark: Option<String>,
}

/// The pods of a workload, counted, and their faults.
struct PodTally {
    faults: Vec<WorkloadFault>,
    desired: u32,
    working: u32,
    /// Number of pods that exist.
    existing: u32,
    /// Number of pods that need not work.
    tolerated: u32,
    /// The pods that are starting without a fault.
    starts: Vec<String>,
    /// Whether these starts explain why pods are missing.
    starting: bool,
    remarks: Vec<String>,
}

/// A pod that should work.
struct LivePod<'a> {
    pod: &'a Pod,
    fault: Option<WorkloadFault>,
    /// When its start began, if it is starting without a fault.
    starting_since: Option<Timestamp>,
}

impl NamespaceSnapshot {
    /// Judges a Deployment; `main` is the container that does the work.
    pub fn deployment_health(&self, deployment: &Deployment, main: &str) -> WorkloadHealth {
        let pods: Vec<&Pod> = self.pods_of(deployment).collect();
        let has_ready_sibling = |pod: &Pod| {
            pods.iter()
                .any(|other| other.owner == pod.owner && other.is_ready())
        };
        let mut tally = self.tally(&pods, deployment.desired, main, |pod, _| {
            lacks_only_a_separate_node(pod) && has_ready_sibling(pod)
        });
        if tally.tolerated > 0 {
            let remark = format!(
                "{} more cannot be scheduled because each needs a separate node, which is normal on few nodes",
                tally.tolerated
            );
            tally.remarks.push(remark);
        }
        tally.faults.extend(
            self.replica_sets_of(deployment)
                .filter(|set| set.desired > set.replicas)
                .filter_map(|set| {
                    let failure = condition(&set.conditions, "ReplicaFailure")
                        .filter(|failure| failure.status == "True")
                        .map(|failure| failure.message.as_str());
                    self.create_fault(&set.uid, failure, &format!("ReplicaSet {}", set.name))
                }),
        );
        // A rollout with tolerated pods never completes.
        let late = condition(&deployment.conditions, "Progressing").filter(|progress| {
            tally.tolerated == 0 && progress.reason == "ProgressDeadlineExceeded"
        });
        if let Some(late) = late.filter(|_| tally.faults.iter().all(WorkloadFault::is_unspecific)) {
            tally.starting = false;
            tally.faults = vec![WorkloadFault::new(
                FailureMode::AgentProgressDeadline,
                late.message.clone(),
            )];
        }
        tally.into_health(&deployment.name)
    }

    /// Judges a `DaemonSet`; `main` is the container that does the work.
    pub fn daemon_set_health(&self, set: &DaemonSet, main: &str) -> WorkloadHealth {
        let pods: Vec<&Pod> = self.pods_of_daemon_set(set).collect();
        let mut tally = self.tally(&pods, set.desired, main, |pod, fault| {
            self.is_excused_by_node(pod, fault)
        });
        if tally.existing < set.desired {
            tally.faults.extend(self.create_fault(
                &set.uid,
                None,
                &format!("DaemonSet {}", set.name),
            ));
        }
        // The cache may not contain all working pods, and a terminating pod on an unreachable node
        // has no successor.
        tally.working = tally.working.max(set.available);
        tally.tolerated += count(pods.iter().filter(|pod| pod.terminating));
        tally.into_health(&set.name)
    }

    /// Returns whether a pod is not ready because its node is new or unreachable.
    fn is_excused_by_node(&self, pod: &Pod, fault: Option<&WorkloadFault>) -> bool {
        let is_normal_at_startup =
            fault.is_none_or(|fault| fault.mode.has(Property::NewNode)) && self.is_new(pod);
        is_normal_at_startup || pod.is_on_unreachable_node()
    }

    /// Counts pods and collects their faults. Tolerated pods that are not ready are neither faulty
    /// nor missing.
    fn tally(
        &self,
        pods: &[&Pod],
        desired: u32,
        main: &str,
        is_tolerated: impl Fn(&Pod, Option<&WorkloadFault>) -> bool,
    ) -> PodTally {
        let (tolerated, live): (Vec<_>, Vec<_>) = pods
            .iter()
            .filter(|pod| !pod.terminating && !pod.is_finished())
            .map(|pod| self.live_pod(pod, main))
            .partition(|live| !live.pod.is_ready() && is_tolerated(live.pod, live.fault.as_ref()));
        let working = count(live.iter().filter(|live| live.is_working()));
        let finished = pods
            .iter()
            .filter(|pod| pod.is_finished())
            .max_by_key(|pod| pod.created);
        // A finished pod explains the shortage only while its replacements are starting.
        let explains_shortage = finished.is_some_and(|finished| {
            live.iter()
                .all(|live| live.pod.owner == finished.owner && self.is_new(live.pod))
        });
        let mut tally = PodTally {
            desired,
            working,
            existing: count(live.iter()) + count(tolerated.iter()),
            tolerated: count(tolerated.iter()),
            starts: live
                .iter()
                .filter_map(|live| self.describe(live, main))
                .collect(),
            starting: false,
            remarks: live
                .iter()
                .filter(|live| live.is_working() && live.fault.is_none())
                .find_map(|live| self.recent_exit(live.pod, main))
                .map(|exit| format!("previously, {exit}"))
                .into_iter()
                .collect(),
            faults: live
                .into_iter()
                .filter_map(|live| {
                    let starts = live.starting_since.is_some();
                    live.fault.filter(|fault| !starts || !fault.is_unspecific())
                })
                .collect(),
        };
        tally.starting = tally.has_shortage()
            && working + tally.tolerated + count(tally.starts.iter()) >= desired
            && tally.faults.iter().all(|fault| fault.is_minor);
        match finished.and_then(|pod| Some(finished_pod_fault(pod)?.of_pod(pod))) {
            Some(fault)
                if explains_shortage
                    && tally.has_shortage()
                    && tally.faults.iter().all(WorkloadFault::is_unspecific) =>
            {
                tally.faults = vec![fault];
            }
            Some(fault) => tally
                .remarks
                .push(format!("previously, {}", fault.evidence)),
            None => {}
        }
        tally
    }

    fn live_pod<'a>(&self, pod: &'a Pod, main: &str) -> LivePod<'a> {
        let fault = self.pod_fault(pod, main).map(|fault| fault.of_pod(pod));
        let is_faultless = fault
            .as_ref()
            .is_none_or(|fault| fault.is_unspecific() || fault.is_minor);
        LivePod {
            pod,
            starting_since: self.starting_since(pod).filter(|_| is_faultless),
            fault,
        }
    }

    /// Describes the start of a pod, and the exit before it.
    fn describe(&self, live: &LivePod<'_>, main: &str) -> Option<String> {
        let start = self.describe_start(live.pod, live.starting_since?);
        let is_known = live.fault.as_ref().is_some_and(|fault| fault.is_minor);
        Some(match self.recent_exit(live.pod, main) {
            Some(exit) if !is_known => format!("{start}; {exit}"),
            _ => start,
        })
    }

    /// Returns the fault of a controller that cannot create pods.
    fn create_fault(
        &self,
        uid: &str,
        condition: Option<&str>,
        controller: &str,
    ) -> Option<WorkloadFault> {
        let event = || {
            self.newest_event(uid, |event| {
                event.reason == "FailedCreate" && self.age(event) < CREATE_FAILURE_SECONDS
            })
        };
        let message = condition
            .map(str::to_owned)
            .or_else(|| event().map(|event| event.message.clone()))?;
        let mode =
            classify_reason("FailedCreate", &message).unwrap_or(FailureMode::AgentUnavailable);
        Some(WorkloadFault::new(
            mode,
            format!("{controller} cannot create its pod: {message}"),
        ))
    }
}

impl PodTally {
    const fn has_shortage(&self) -> bool {
        self.working + self.tolerated < self.desired
    }

    fn into_health(mut self, name: &str) -> WorkloadHealth {
        let starting = self.starting && self.has_shortage();
        if starting {
            let starts: Vec<String> = self.starts.iter().take(MAX_NAMED_PODS).cloned().collect();
            if self.working == 0 && self.faults.is_empty() {
                self.faults.push(WorkloadFault::new(
                    FailureMode::AgentUnavailable,
                    starts.join("; "),
                ));
            } else {
                self.remarks.extend(starts);
            }
        } else if self.faults.is_empty() && self.has_shortage() {
            let evidence = format!(
                "{} of {} pods of {name} are available; {} exist",
                self.working, self.desired, self.existing
            );
            self.faults
                .push(WorkloadFault::new(FailureMode::AgentUnavailable, evidence));
        }
        // A specific fault explains the unspecific ones.
        if !self.faults.iter().all(WorkloadFault::is_unspecific) {
            self.faults.retain(|fault| !fault.is_unspecific());
        }
        let mut findings: Vec<Finding> = Vec::new();
        for fault in &self.faults {
            if findings.iter().all(|finding| finding.mode != fault.mode) {
                findings.push(self.finding(fault.mode));
            }
        }
        WorkloadHealth {
            findings,
            desired: self.desired,
            working: self.working,
            starting,
            remark: Some(self.remarks.join("; ")).filter(|remark| !remark.is_empty()),
        }
    }

    /// Returns the finding for all faults of a mode.
    fn finding(&self, mode: FailureMode) -> Finding {
        let same: Vec<&str> = self
            .faults
            .iter()
            .filter(|fault| fault.mode == mode)
            .map(|fault| fault.evidence.as_str())
            .collect();
        let unnamed = same.len().saturating_sub(MAX_NAMED_PODS);
        let parts = same
            .iter()
            .take(MAX_NAMED_PODS)
            .map(|evidence| (*evidence).to_owned())
            .chain((unnamed > 0).then(|| format!("and {unnamed} more")))
            .chain(self.remarks.iter().cloned());
        let evidence = parts.collect::<Vec<_>>().join("; ");
        let mut pods = self.faults.iter().filter(|fault| fault.mode == mode);
        match pods.find_map(|fault| fault.pod.as_ref()) {
            Some(PodLocation { name, node }) => Finding::new(mode, evidence)
                .with_value(Placeholder::Pod, name)
                .with_value(Placeholder::Node, node),
            None => Finding::new(mode, evidence),
        }
    }
}

impl WorkloadHealth {
    /// Returns the verdict: a warning while at least one pod works, or the pods are starting.
    pub fn verdict(self, healthy: impl FnOnce(&Self) -> String) -> Verdict {
        if self.findings.is_empty() {
            let remark = self
                .remark
                .as_ref()
                .map(|remark| format!("; {remark}"))
                .unwrap_or_default();
            return Verdict::Ok(Evidence::from(format!("{}{remark}", healthy(&self))));
        }
        if self.is_down() {
            Verdict::Failing(self.findings)
        } else {
            Verdict::Warning(self.findings)
        }
    }

    /// Returns whether no pod works, for another reason than that they are starting.
    pub fn is_down(&self) -> bool {
        self.working == 0 && !self.starting && !self.findings.is_empty()
    }
}

impl LivePod<'_> {
    fn is_working(&self) -> bool {
        self.pod.is_ready() && self.fault.as_ref().is_none_or(|fault| fault.is_minor)
    }
}

fn count(pods: impl Iterator) -> u32 {
    u32::try_from(pods.count()).unwrap_or(u32::MAX)
}
