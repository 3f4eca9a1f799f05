//! Reports the errors in the logs of the agent's containers.
//!
//! Follows the logs by time and classifies each line. The first cause since the container's start
//! is reported; its consequences, and lines that healthy agents also log, are not. After a restart,
//! the previous container's last lines explain it until the new container has shown that it works.
//! Incidents that newer evidence of the same kind disproves are over, and stay over. Those of a deleted
//! container are over, too: without a container, the check does not apply.

mod refutation;
mod reported_incident;

use std::sync::Arc;
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use refutation::is_disproved;
use reported_incident::judge;
use tokio::sync::Mutex;

use crate::agent::logs::{LogContainer, LogTail, LogTails};
use crate::catalogue::CheckId;
use crate::catalogue::metric::LOG_SOURCES;
use crate::checks::{Attempt, Check, CheckContext, agent_workload};
use crate::config::Config;
use crate::kube::caller::CallerOwner;
use crate::kube::{ClientError, Store};
use crate::report::{Evidence, LatestReports, Observation, Report, Verdict};

/// The part of this pod's log that is read first if its start is unknown.
const OWN_LOG_WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// The check `agent_log`.
#[derive(Debug)]
pub struct AgentLog {
    store: Arc<Store>,
    /// The name of the agent's Deployment.
    deployment: String,
    /// The name of this pod in the environment, if it is the agent's own.
    own_pod: Option<String>,
    state: Mutex<LogState>,
}

/// The state kept between attempts.
#[derive(Debug, Default)]
struct LogState {
    logs: LogTails,
    /// Unclassified lines of deleted containers, by source.
    forgotten: [u64; LOG_SOURCES.len()],
}

/// The reason why the agent's containers are unknown.
#[derive(Debug, thiserror::Error)]
enum ContainersError {
    /// The objects could not be read.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There are none; says why.
    #[error("{0}")]
    None(String),
}

impl AgentLog {
    /// Creates the check, which finds the agent's pods in `store`.
    pub fn new(config: &Config, context: &CheckContext) -> Self {
        let is_sidecar = context.store.client.owner() == CallerOwner::Agent;
        Self {
            store: Arc::clone(&context.store),
            deployment: config.installation.deployment.clone(),
            own_pod: config.agent.pod.clone().filter(|_| is_sidecar),
            state: Mutex::default(),
        }
    }

    async fn evaluate(
        &self,
        reports: &LatestReports,
        state: &mut LogState,
    ) -> Result<Verdict, Verdict> {
        let (containers, unlisted) = match self.containers().await {
            Err(ContainersError::Client(error @ ClientError::Forbidden { .. })) => {
                // The sidecar knows its own pod by name, and its log needs no list of pods.
                let own = self.own_containers(&state.logs).await;
                (own.ok_or_else(|| error.clone())?, Some(error))
            }
            listed => (listed?, None),
        };
        for gone in state.logs.set_containers(containers) {
            state.forgotten[source(&gone)] += gone.unclassified();
        }
        let now = Timestamp::now();
        state.logs.poll(&self.store.client, now).await?;
        if let Some(error) = &unlisted {
            state.logs.skip_other_pods(error);
        }
        state
            .logs
            .refute(|incident, last| is_disproved(incident, last, reports, now));
        Ok(judge(&state.logs, reports, now))
    }

    /// Returns the containers of the agent's pods.
    async fn containers(&self) -> Result<Vec<LogContainer>, ContainersError> {
        let pods = agent_workload::running_pods(&self.store, &self.deployment).await?;
        let pods = pods.ok_or_else(|| {
            let Self {
                deployment, store, ..
            } = self;
            ContainersError::None(format!(
                "Deployment {deployment} does not exist in namespace {}, so there are no logs to \
                 read",
                store.namespace
            ))
        })?;
        let owned = pods.iter().map(AsRef::as_ref);
        let containers = LogContainer::of_pods(&self.store.namespace, owned, LOG_SOURCES);
        if containers.is_empty() {
            return Err(ContainersError::None(
                "the agent's Deployment has no pod with a readable log".to_owned(),
            ));
        }
        Ok(containers)
    }

    /// Returns the containers of this pod if it is the agent's; those that are followed already
    /// keep their state.
    async fn own_containers(&self, logs: &LogTails) -> Option<Vec<LogContainer>> {
        let endpoint = self.store.client.endpoint().await.ok();
        let claimed = endpoint
            .and_then(|endpoint| endpoint.credentials.claims())
            .and_then(|claims| claims.pod);
        // Outside the agent's pod this pod is not the agent's, whatever the token claims.
        let pod = self
            .own_pod
            .as_ref()
            .map(|named| claimed.unwrap_or_else(|| named.clone()))?;
        let container = |name: &&str| {
            let followed = logs.tails().iter().map(|tail| &tail.container);
            let mut followed =
                followed.filter(|container| container.pod == pod && container.name == *name);
            followed.next().cloned().unwrap_or_else(|| {
                let since = Timestamp::now() - OWN_LOG_WINDOW;
                LogContainer::named(&self.store.namespace, &pod, name, since)
            })
        };
        Some(LOG_SOURCES.iter().map(container).collect())
    }
}

impl Check for AgentLog {
    async fn run(&self, attempt: &Attempt) -> Report {
        let mut state = self.state.lock().await;
        let verdict = self
            .evaluate(attempt.reports(), &mut state)
            .await
            .unwrap_or_else(|verdict| verdict);
        Report {
            observations: state.observations(attempt.reports().report(CheckId::AgentLog)),
            credentials_complaint: state.credentials_complaint(),
            ..Report::from_verdict(verdict)
        }
    }
}

impl From<ContainersError> for Verdict {
    fn from(error: ContainersError) -> Self {
        match error {
            ContainersError::Client(error) => error.into(),
            // Failures of deleted containers are over: the new ones have logged nothing yet.
            ContainersError::None(why) => Self::NotApplicable(Evidence::from(why)),
        }
    }
}

impl LogState {
    /// Returns the time at which the agent last complained about its cloud credentials.
    fn credentials_complaint(&self) -> Option<SystemTime> {
        let tails = self.logs.tails().iter();
        tails
            .filter_map(LogTail::last_credentials_complaint)
            .max()
            .map(SystemTime::from)
    }

    /// Returns the line counts. They never decrease, even after a reload resets the state.
    fn observations(&self, before: Option<&Report>) -> Vec<Observation> {
        let observations = before
            .map(|report| report.observations.as_slice())
            .unwrap_or_default();
        let lines = |at: usize| {
            let published = observations.iter().filter_map(|fact| match fact {
                Observation::UnclassifiedLines(source, lines) if *source == LOG_SOURCES[at] => {
                    Some(*lines)
                }
                _ => None,
            });
            let present = self
                .logs
                .tails()
                .iter()
                .filter(|log_tail| source(log_tail) == at)
                .map(LogTail::unclassified)
                .sum::<u64>();
            let lines = published.fold(self.forgotten[at] + present, u64::max);
            Observation::UnclassifiedLines(LOG_SOURCES[at], lines)
        };
        (0..LOG_SOURCES.len()).map(lines).collect()
    }
}

fn source(log_tail: &LogTail) -> usize {
    LOG_SOURCES
        .iter()
        .position(|source| *source == log_tail.container.name)
        .unwrap_or(0)
}
