//! The agent of a sequence: its pod as a kubelet reports it, its lease and its log.

use std::net::IpAddr;
use std::time::Duration;

use lab::AgentFault;
use lab::apiserver::workload;
use serde_json::{Value, json};
use test_support::sequence::Reaction;
use test_support::sequence::faults::UPLOADED;
use tokio::time::Instant;

use super::admin::Change;
use super::bed::SequenceBed;
use super::faults::{Broken, LeaseFault};
use super::node::{AgentContainer, Container, pod_status};

pub(in crate::cluster) const PODS: &str = "/api/v1/namespaces/castai-agent/pods";
pub(in crate::cluster) const LEASES: &str =
    "/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases";
pub(in crate::cluster) const LEASE: &str = "agent-leader-election-lock";
/// Another holder of the lease.
const THIEF: &str = "7d1f0a52-5d3f-4a3c-9a53-1f5d7c0e2b11";
/// Pause between two lines of the agent, two deliveries and two renewals of its lease.
const AGENT_INTERVAL: Duration = Duration::from_secs(3);

/// The agent's pod, and what its process does.
pub(in crate::cluster) struct Agent {
    /// The name of the pod in which the agent runs.
    pod: Option<String>,
    /// The address that the kubelet reports of each pod.
    pub(in crate::cluster) pod_ip: IpAddr,
    /// The identity in the lease, which each process chooses for itself.
    holder: String,
    pub(in crate::cluster) container: AgentContainer,
    /// Number of times that its ports closed.
    pub(in crate::cluster) times_closed: u32,
    acted: Instant,
}

impl Agent {
    pub(in crate::cluster) fn new() -> Self {
        Self {
            pod: None,
            pod_ip: [10, 0, 3, 7].into(),
            holder: String::new(),
            container: AgentContainer::new(),
            times_closed: 0,
            acted: Instant::now(),
        }
    }
}

impl SequenceBed {
    /// Restarts the agent's container once.
    pub(in crate::cluster) async fn restart_agent(&mut self) {
        if let Some(name) = self.agent.pod.clone() {
            self.stop_agent().await;
            self.agent.container.restart();
            self.lab.api.logs().restart(&name, "agent");
            let pod = self.admin.get(0, &format!("{PODS}/{name}")).await;
            self.report(0, &pod.unwrap()).await;
            self.start_agent(0, &name).await;
        }
    }

    /// Acts as the kubelet, and as the agent's process.
    pub(in crate::cluster) async fn live(&mut self) {
        let server = self
            .fault
            .map_or(Some(0), |fault| fault.broken.answering_server());
        if let Some(server) = server {
            self.act_as_kubelet(server).await;
        }
        if self.agent.acted.elapsed() < AGENT_INTERVAL {
            return;
        }
        self.agent.acted = Instant::now();
        match self.fault.map(|fault| fault.agent) {
            Some(Reaction::Logs(_) | Reaction::Exits(_)) => self.logs_about_fault(),
            _ => self.deliver(),
        }
        let is_renewed = self.agent.pod.is_some()
            && !self.has(LeaseFault::Stale)
            && !self.has(LeaseFault::Deleted);
        if let Some(server) = server.filter(|_| is_renewed) {
            self.renew(server, 1).await;
        }
    }

    /// Starts pods that have a node, and removes those that are terminating.
    async fn act_as_kubelet(&mut self, server: usize) {
        let Some(pods) = self.admin.get(server, PODS).await else {
            return;
        };
        let mut found = None;
        for pod in pods["items"].as_array().unwrap() {
            let name = pod["metadata"]["name"].as_str().unwrap();
            if pod["metadata"]["deletionTimestamp"].is_string() {
                let path = format!("{PODS}/{name}");
                // The pod may be gone already.
                drop(self.admin.try_change(server, &path, Change::Delete).await);
            } else if pod["spec"]["nodeName"].is_string() {
                found = Some(pod.clone());
            }
        }
        let Some(pod) = found else {
            return self.stop_agent().await;
        };
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        let status = &pod["status"]["containerStatuses"][0];
        if status.is_null() {
            // A new pod.
            let does = self.agent.container.does;
            self.agent.container = AgentContainer {
                does,
                ..AgentContainer::new()
            };
        }
        let waits = status["state"]["waiting"].is_object();
        let must_wait = self.agent.container.does != Container::Runs;
        if status.is_null() || waits != must_wait {
            if !status.is_null() {
                self.lab.api.logs().restart(&name, "agent");
            }
            match self.agent.container.does {
                Container::Runs => self.agent.container.restarts += u32::from(waits),
                Container::CrashLoops => self.agent.container.crash(),
                Container::CannotBePulled | Container::LacksSecret => {}
            }
            self.report(server, &pod).await;
        }
        if must_wait {
            self.stop_agent().await;
        } else if self.agent.pod.as_ref() != Some(&name) {
            self.start_agent(server, &name).await;
        }
    }

    async fn report(&self, server: usize, pod: &Value) {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let status = json!({ "status": pod_status(pod, &self.agent.container, self.agent.pod_ip) });
        let path = format!("{PODS}/{name}/status");
        // The pod may be gone already.
        drop(
            self.admin
                .try_change(server, &path, Change::Patch(&status))
                .await,
        );
    }

    /// The process of a new pod leads with a new identity.
    async fn start_agent(&mut self, server: usize, pod: &str) {
        self.agent.pod = Some(pod.to_owned());
        self.agent.holder = format!("{pod}_{}", self.agent.container.restarts);
        self.renew(server, 1).await;
        self.lab.agent.heal().await;
        self.deliver();
    }

    /// The agent's ports close.
    async fn stop_agent(&mut self) {
        if self.agent.pod.take().is_some() {
            self.agent.times_closed += 1;
            self.lab.agent.set(AgentFault::Refused).await;
        }
    }

    fn has(&self, lease: LeaseFault) -> bool {
        self.fault
            .is_some_and(|fault| matches!(fault.broken, Broken::Lease(of) if of == lease))
    }

    /// Writes that the lease was renewed some seconds ago.
    pub(in crate::cluster) async fn renew(&self, server: usize, seconds: i64) {
        let holder = if self.has(LeaseFault::Stolen) {
            THIEF
        } else {
            &self.agent.holder
        };
        let mut lease = workload::lease(LEASE, holder);
        lease["spec"]["renewTime"] = json!(workload::ago(seconds).replace('Z', ".000000Z"));
        let renewal = json!({ "spec": lease["spec"] });
        let path = format!("{LEASES}/{LEASE}");
        let outcome = self
            .admin
            .try_change(server, &path, Change::Patch(&renewal));
        if outcome.await.is_err() {
            // It does not exist; or the API server does not answer, and the next renewal follows.
            drop(
                self.admin
                    .try_change(server, LEASES, Change::Create(&lease))
                    .await,
            );
        }
    }

    pub(in crate::cluster) fn logs_about_fault(&self) {
        let line = self.fault.and_then(|fault| fault.agent.line());
        if let (Some(pod), Some(line)) = (&self.agent.pod, line) {
            self.lab.api.logs().write(pod, "agent", line);
        }
    }

    pub(in crate::cluster) fn deliver(&self) {
        if let Some(pod) = &self.agent.pod {
            self.lab.api.logs().write(pod, "agent", UPLOADED);
        }
    }
}
