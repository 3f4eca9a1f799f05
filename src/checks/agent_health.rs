//! Checks that the agent reports itself healthy and that a leader holds the Lease.
//!
//! Reads the agent's health endpoints, and to confirm them its API client's counters and the Lease.
//! `/healthz` alone proves little: it stays ok for twelve minutes after the last delta, and forever
//! in a follower.

mod leadership;
mod metrics;
mod refusals;
mod replicas;
mod requests;
mod verdict;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use leadership::Leadership;
use metrics::{AgentMetrics, Counters};
use refusals::Refusals;
use verdict::{STARTUP_SECONDS, judge, port_taken, unhealthy};

use crate::agent::leader_lease::LeaderLease;
use crate::catalogue::{CheckId, FailureMode as M, Placeholder, Property, RemedyValues, Timeouts};
use crate::checks::known_values::own_pod;
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::{
    Agent, AgentEnvironment, CheckSettings, Config, ConfigError, DiscoveredAgent, Vantage,
};
use crate::kube::Client;
use crate::report::{Evidence, Finding, LatestReports, Report, Verdict};

/// The check `agent_health`.
#[derive(Debug)]
pub struct AgentHealth {
    agent: Agent,
    /// The name of the agent's Deployment.
    deployment: String,
    endpoint: AgentEndpoint,
    timeouts: Timeouts,
    context: CheckContext,
    kube_client: Arc<Client>,
    /// The agent's pod.
    remedy_values: RemedyValues,
    /// The agent's counters at the previous attempt. Only their increase matters.
    last_counters: Mutex<Option<Counters>>,
    refusals: Mutex<Refusals>,
    leadership: Mutex<Leadership>,
}

/// The location of the agent's health port.
#[derive(Debug)]
enum AgentEndpoint {
    /// In this pod, on localhost.
    Local,
    /// At the IP address of its pod.
    Remote { pod: String, address: String },
    /// Not reachable, with the verdict.
    Unavailable(Verdict),
}

impl AgentHealth {
    /// Creates the check.
    pub fn new(config: &Config, check: &CheckSettings, context: &CheckContext) -> Self {
        Self {
            agent: config.agent.clone(),
            deployment: config.installation.deployment.clone(),
            remedy_values: remedy_values(config),
            endpoint: AgentEndpoint::from_config(config),
            timeouts: check.timeouts,
            context: context.clone(),
            kube_client: Arc::clone(&context.store.client),
            last_counters: Mutex::default(),
            refusals: Mutex::default(),
            leadership: Mutex::default(),
        }
    }

    async fn evaluate(&self, reports: &LatestReports) -> Result<Verdict, ConfigError> {
        let (health, metrics_port) = (
            self.agent.health_port.clone()?,
            self.agent.metrics_port.clone()?,
        );
        let metrics = self.read_metrics(self.host(), metrics_port).await;
        let increase = metrics.as_ref().and_then(|metrics| self.increase(metrics));
        let refused = self.refused(increase.as_ref(), reports);
        let health_response = match self.query(health, "/healthz").await {
            Ok((404, _)) => {
                let increase = increase.as_ref();
                return Ok(self.judge_old_agent(health, increase, refused).await);
            }
            response => response,
        };
        let starting = metrics
            .as_ref()
            .and_then(AgentMetrics::age)
            .is_some_and(|age| age < STARTUP_SECONDS);
        match health_response {
            Err(why) => return Ok(self.unreachable(&why)),
            Ok((200, _)) => {}
            Ok((status, body)) => {
                return Ok(unhealthy("/healthz", status, &body, starting));
            }
        }
        let readiness = self.query(health, "/readyz").await;
        let unready = match readiness {
            Err(why) => return Ok(self.unreachable(&why)),
            Ok((200, _)) => None,
            Ok((status, body)) => Some(unhealthy("/readyz", status, &body, starting)),
        };
        if let Some(verdict) = &unready
            && apiserver_fails(reports)
        {
            return Ok(verdict.clone());
        }
        let lease = LeaderLease::read(&self.kube_client, self.agent.lease.as_ref()).await;
        // An agent that lost its lease to another holder restarts, and is not ready for a while.
        let follows = metrics.as_ref().and_then(|metrics| metrics.leads) == Some(false);
        let no_other_leads = follows && self.no_other_pod_leads(reports, metrics_port).await;
        let stolen = lock(&self.leadership).stolen(&lease, metrics.as_ref(), no_other_leads);
        if let Some(verdict) = stolen.map(Verdict::failing).or(unready) {
            return Ok(verdict);
        }
        Ok(judge(
            "/healthz and /readyz return ok",
            metrics.as_ref(),
            increase.as_ref(),
            refused,
            &lease,
        ))
    }

    /// Judges agents before v0.104, which report health at `/` and return ok from the start.
    async fn judge_old_agent(
        &self,
        port: u16,
        increase: Option<&Counters>,
        refused: Option<Finding>,
    ) -> Verdict {
        match self.query(port, "/").await {
            Ok((200, _)) => {
                let lease = LeaderLease::read(&self.kube_client, self.agent.lease.as_ref()).await;
                let health =
                    "/ returns ok, which agents before v0.104 do unconditionally from the start";
                judge(health, None, increase, refused, &lease)
            }
            Ok((status @ 300..500, body)) => {
                self.unreachable(&port_taken(port, "/healthz returned 404, /", status, &body))
            }
            Ok((status, body)) => unhealthy("/", status, &body, false),
            Err(why) => self.unreachable(&why),
        }
    }

    /// Judges an agent that does not respond.
    fn unreachable(&self, why: &Finding) -> Verdict {
        let evidence = &why.evidence;
        match &self.endpoint {
            _ if why.mode == M::AgentPortTaken => Verdict::failing(why.clone()),
            _ if why.mode == M::HttpTimeout => Verdict::failing(Finding::new(
                M::AgentUnresponsive,
                format!(
                    "{evidence}; the agent accepts connections but does not respond: it hangs, or \
                     it gets no CPU time"
                ),
            )),
            // A network policy may drop traffic between pods; only a refusal proves that the pod
            // was reached.
            AgentEndpoint::Remote { pod, .. } if why.mode != M::NetRefused => {
                Verdict::Unknown(Evidence::from(format!(
                    "{evidence}; either the agent in {pod} does not respond, or a network policy \
                     blocks this pod; run the exporter as a sidecar to distinguish them"
                )))
            }
            _ if why.mode == M::NetConnectTimeout => Verdict::failing(Finding::new(
                M::AgentUnresponsive,
                format!(
                    "{evidence}; the agent's port is open, but the agent accepts no more \
                     connections: it hangs, or it gets no CPU time"
                ),
            )),
            _ if why.mode == M::NetRefused => Verdict::failing(Finding::new(
                M::AgentHealthUnreachable,
                format!(
                    "{evidence}; the agent has not started yet, or is shutting down after a \
                     fatal error, which takes 15 s with its ports closed: read its log now"
                ),
            )),
            _ => Verdict::failing(Finding::new(
                M::AgentHealthUnreachable,
                format!("{evidence}; the agent closed the connection, as when it is shutting down"),
            )),
        }
    }

    /// Returns the increase of the agent's counters since the last attempt, unless it restarted.
    fn increase(&self, metrics: &AgentMetrics) -> Option<Counters> {
        let last = lock(&self.last_counters).replace(metrics.counters.clone())?;
        metrics.counters.since(&last)
    }

    /// Counts refused requests and returns the finding if they recur.
    fn refused(&self, increase: Option<&Counters>, reports: &LatestReports) -> Option<Finding> {
        let (now, mut refusals) = (Instant::now(), lock(&self.refusals));
        refusals.record(now, increase);
        refusals.follow_permissions(reports);
        refusals.finding(now)
    }
}

impl AgentEndpoint {
    fn from_config(config: &Config) -> Self {
        if config.vantage == Vantage::Sidecar && config.agent_environment == AgentEnvironment::Own {
            return Self::Local;
        }
        match config.agent_discovery.found() {
            None => Self::Unavailable(Verdict::NotApplicable(Evidence::from(
                "the agent is not in this pod; only a sidecar in the agent's pod can check it",
            ))),
            Some(DiscoveredAgent {
                address: Some(address),
                object,
                ..
            }) => Self::Remote {
                pod: object.clone(),
                address: address.clone(),
            },
            Some(_) => Self::Unavailable(Verdict::Unknown(Evidence::from(
                "no pod of the agent has an IP address yet",
            ))),
        }
    }
}

impl Check for AgentHealth {
    async fn run(&self, attempt: &Attempt) -> Report {
        if let AgentEndpoint::Unavailable(why) = &self.endpoint {
            return Report::from_verdict(why.clone());
        }
        let mut verdict = match self.evaluate(attempt.reports()).await {
            Ok(Verdict::Failing(why)) if why[0].mode == M::AgentHealthUnreachable => {
                match why_not_running(attempt.reports()) {
                    Some(mode) => Verdict::NotApplicable(Evidence::from(format!(
                        "no agent pod is running; see agent_workload for the cause: {mode}; {}",
                        why[0].evidence
                    ))),
                    None => Verdict::Failing(why),
                }
            }
            Ok(verdict) => verdict,
            Err(problem) => {
                Verdict::failing(Finding::new(M::AgentConfigInvalid, problem.to_string()))
            }
        };
        verdict.complete_remedies(&self.remedy_values);
        Report::from_verdict(verdict)
    }
}

/// Returns the name of the agent's pod, if it is known.
fn remedy_values(config: &Config) -> RemedyValues {
    let pod = match AgentEndpoint::from_config(config) {
        // On the host network, the host name is that of the node.
        AgentEndpoint::Local => own_pod(config)
            .and_then(|own| own.pod)
            .or_else(|| config.agent.pod.clone()),
        AgentEndpoint::Remote { pod, .. } => Some(pod),
        AgentEndpoint::Unavailable(_) => None,
    };
    let values = RemedyValues::default();
    match pod {
        Some(pod) => values.with(Placeholder::Pod, &pod),
        None => values,
    }
}

/// Returns the known cause if no pod of the agent is running.
fn why_not_running(reports: &LatestReports) -> Option<M> {
    let Verdict::Failing(why) = &reports.report(CheckId::AgentWorkload)?.verdict else {
        return None;
    };
    let known = |mode: &M| !mode.has(Property::Symptom);
    why.iter().map(|finding| finding.mode).find(known)
}

/// Returns whether the API server fails, so that no lease can be read.
fn apiserver_fails(reports: &LatestReports) -> bool {
    let report = reports.report(CheckId::Apiserver);
    report.is_some_and(|report| matches!(report.verdict, Verdict::Failing(_)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
