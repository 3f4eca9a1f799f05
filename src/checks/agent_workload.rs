//! Checks that the agent's Deployment exists and its pods are healthy.

use std::sync::Arc;

use crate::agent::discovery::AGENT_LABEL;
use crate::agent::workload::{ExitTracker, NamespaceSnapshot, RestartCounter};
use crate::catalogue::metric::EXPORTER_IN_POD;
use crate::catalogue::{FailureMode, Family};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::{Config, Installation};
use crate::kube::types::pod::{ContainerWaiting, Pod};
use crate::kube::types::workload::Deployment;
use crate::kube::{ClientError, Store};
use crate::report::{Evidence, Finding, Observation, Report, Verdict};

/// The name of the agent's container.
const CONTAINER: &str = "agent";
/// The number of other Deployments listed when the agent's is missing.
const MAX_LISTED_DEPLOYMENTS: usize = 8;

/// The check `agent_workload`.
#[derive(Debug)]
pub struct AgentWorkload {
    agent: Installation,
    store: Arc<Store>,
    exits: ExitTracker,
    restarts: RestartCounter,
}

impl AgentWorkload {
    /// Creates the check.
    pub fn new(config: &Config, context: &CheckContext) -> Self {
        Self {
            agent: config.installation.clone(),
            store: Arc::clone(&context.store),
            exits: ExitTracker::default(),
            restarts: RestartCounter::default(),
        }
    }

    fn judge(&self, snapshot: &NamespaceSnapshot) -> Report {
        let Some(deployment) = find_deployment(&snapshot.deployments, &self.agent.deployment)
        else {
            return Report::from_verdict(self.deployment_missing(snapshot));
        };
        let health = snapshot.deployment_health(deployment, CONTAINER);
        let version = image_version(deployment);
        let restarts = self.restarts.increase(snapshot.pods_of(deployment));
        let mut observations: Vec<Observation> = version
            .iter()
            .map(|version| Observation::AgentVersion(version.clone()))
            .collect();
        observations.extend([
            Observation::AgentReplicas("desired", deployment.desired),
            Observation::AgentReplicas("updated", deployment.updated),
            Observation::AgentReplicas("ready", deployment.ready),
            Observation::AgentReplicas("available", deployment.available),
            Observation::AgentRestarts(restarts),
        ]);
        observations.extend(self.sidecar_counts(snapshot.pods_of(deployment)));
        let verdict = if deployment.desired == 0 {
            let evidence = format!(
                "Deployment {} in namespace {} is scaled to zero replicas",
                deployment.name, self.agent.namespace
            );
            Verdict::failing(Finding::new(FailureMode::AgentScaledToZero, evidence))
        } else {
            health.verdict(|health| {
                let version = version.as_deref().unwrap_or("(version unknown)");
                format!(
                    "agent {version} is running: {} of {} pods are healthy",
                    health.working, health.desired
                )
            })
        };
        if verdict
            .modes()
            .iter()
            .any(|mode| mode.family() == Family::Image)
        {
            observations.extend(self.image_pull_pods(snapshot.pods_of(deployment)));
        }
        Report {
            observations,
            ..Report::from_verdict(verdict)
        }
    }

    /// Returns the pods that cannot pull an image.
    fn image_pull_pods<'a>(
        &self,
        pods: impl Iterator<Item = &'a Pod>,
    ) -> impl Iterator<Item = Observation> {
        let waits = |pod: &&Pod| {
            let waiting = pod
                .containers
                .iter()
                .filter_map(|container| container.state.waiting.as_ref());
            waiting.into_iter().any(ContainerWaiting::is_image_failure)
        };
        pods.filter(waits)
            .map(|pod| Observation::AgentPodWaits(format!("{}/{}", self.agent.namespace, pod.name)))
    }

    /// Counts the agent's pods with and without an exporter sidecar.
    fn sidecar_counts<'a>(
        &self,
        pods: impl Iterator<Item = &'a Pod>,
    ) -> impl Iterator<Item = Observation> {
        let [mut present, mut missing, mut not_expected] = [0; EXPORTER_IN_POD.len()];
        for pod in pods.filter(|pod| !pod.terminating && !pod.is_finished()) {
            let count = if pod.has_exporter {
                &mut present
            } else if self.agent.sidecar_expected && !pod.opts_out_of_exporter {
                &mut missing
            } else {
                &mut not_expected
            };
            *count += 1;
        }
        let counts = [present, missing, not_expected];
        EXPORTER_IN_POD
            .iter()
            .zip(counts)
            .map(|(exporter, count)| Observation::AgentPods(exporter, count))
    }

    fn deployment_missing(&self, snapshot: &NamespaceSnapshot) -> Verdict {
        let Installation {
            namespace,
            deployment,
            ..
        } = &self.agent;
        if !self.store.deployments.left_out().is_empty() {
            return Verdict::Unknown(Evidence::from(format!(
                "Deployment {deployment} is not among the Deployments of namespace {namespace} \
                 that can be read"
            )));
        }
        let others: Vec<&str> = snapshot
            .deployments
            .iter()
            .take(MAX_LISTED_DEPLOYMENTS)
            .map(|other| other.name.as_str())
            .collect();
        let others = if others.is_empty() {
            "the namespace has no Deployments (set agent.namespace in the exporter's \
             configuration to the agent's namespace)"
                .to_owned()
        } else {
            format!("it has the Deployments {}", others.join(", "))
        };
        let evidence =
            format!("Deployment {deployment} does not exist in namespace {namespace}; {others}");
        Verdict::failing(Finding::new(FailureMode::AgentDeploymentMissing, evidence))
    }
}

impl Check for AgentWorkload {
    async fn run(&self, _attempt: &Attempt) -> Report {
        match NamespaceSnapshot::read(&self.store).await {
            Ok(snapshot) => self.judge(&snapshot.with_exits(&self.exits)),
            Err(error) => Report::from_verdict(error.into()),
        }
    }
}

/// Finds the agent's Deployment by its name, or else by the chart's label.
pub(super) fn find_deployment<'a>(
    deployments: &'a [Arc<Deployment>],
    name: &str,
) -> Option<&'a Deployment> {
    let all = || deployments.iter().map(AsRef::as_ref);
    let labelled = |one: &&Deployment| {
        one.labels
            .get(AGENT_LABEL.0)
            .is_some_and(|name| name == AGENT_LABEL.1)
            && has_agent(one)
    };
    all()
        .find(|one| one.name == name)
        .or_else(|| all().find(labelled))
}

/// Returns the agent's pods that have not finished, by owner; `None` if its Deployment does not
/// exist.
///
/// # Errors
/// If the objects cannot be read.
pub(super) async fn running_pods(
    store: &Store,
    deployment: &str,
) -> Result<Option<Vec<Arc<Pod>>>, ClientError> {
    let deployments = store.deployments.read().await?;
    let Some(agent) = find_deployment(&deployments, deployment) else {
        return Ok(None);
    };
    let sets = store.replica_sets.read().await?;
    let owns = |owner: &str| {
        sets.iter()
            .any(|set| set.uid == owner && set.owner.as_deref() == Some(agent.uid.as_str()))
    };
    let mut pods = store.pods.read().await?;
    // Evicted pods remain in the API.
    pods.retain(|pod| !pod.is_finished() && pod.owner.as_deref().is_some_and(owns));
    Ok(Some(pods))
}

/// Returns the tag of the agent's image.
pub(super) fn image_version(deployment: &Deployment) -> Option<String> {
    let containers = &deployment.containers;
    let agent = containers
        .iter()
        .find(|container| container.name == CONTAINER)
        .or(containers.first())?;
    let (_, tag) = agent.image.split('@').next()?.rsplit_once(':')?;
    let valid = (1..=32).contains(&tag.len())
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    valid.then(|| tag.to_owned())
}

fn has_agent(deployment: &Deployment) -> bool {
    deployment
        .containers
        .iter()
        .any(|container| container.name == CONTAINER)
}
