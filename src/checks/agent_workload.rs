//! Is the agent there, and do its pods run?

use std::sync::Arc;

use crate::agent::discovery::MARK;
use crate::agent::workload::Scene;
use crate::agent::workload::liveness_kills::Kills;
use crate::agent::workload::restarts::Restarts;
use crate::catalogue::FailureMode;
use crate::catalogue::groups::IMAGE_MODES;
use crate::catalogue::metric::EXPORTER_IN_POD;
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::{Config, Installation};
use crate::kube::Store;
use crate::kube::types::pod::{Pod, Waiting};
use crate::kube::types::workload::Deployment;
use crate::report::{Fact, Finding, Report, Verdict};

/// The agent's container.
const CONTAINER: &str = "agent";
/// So many other Deployments are named when the agent's is not there.
const NAMED: usize = 8;

/// The check `agent_workload`.
#[derive(Debug)]
pub struct AgentWorkload {
    agent: Installation,
    store: Arc<Store>,
    kills: Kills,
    restarts: Restarts,
}

impl AgentWorkload {
    /// The check of a configuration.
    pub fn new(config: &Config, world: &CheckContext) -> Self {
        Self {
            agent: config.installation.clone(),
            store: Arc::clone(&world.store),
            kills: Kills::default(),
            restarts: Restarts::default(),
        }
    }

    fn judge(&self, scene: &Scene) -> Report {
        let Some(deployment) = find(&scene.deployments, &self.agent.deployment) else {
            return Report::bare(self.missing(scene));
        };
        let judgement = scene.judge(deployment, CONTAINER);
        let version = version(deployment);
        let restarts = self.restarts.since(scene.pods_of(deployment));
        let mut facts: Vec<Fact> = version
            .iter()
            .map(|version| Fact::AgentVersion(version.clone()))
            .collect();
        facts.extend([
            Fact::AgentReplicas("desired", deployment.desired),
            Fact::AgentReplicas("updated", deployment.updated),
            Fact::AgentReplicas("ready", deployment.ready),
            Fact::AgentReplicas("available", deployment.available),
            Fact::AgentRestarts(restarts),
        ]);
        facts.extend(self.pods(scene.pods_of(deployment)));
        let verdict = if deployment.desired == 0 {
            let evidence = format!(
                "the Deployment {} in the namespace {} wants no pod: somebody scaled it to zero",
                deployment.name, self.agent.namespace
            );
            Verdict::failing(Finding::new(FailureMode::AgentScaledToZero, evidence))
        } else {
            judgement.verdict(|judged| {
                let version = version.as_deref().unwrap_or("of an unknown version");
                format!(
                    "the agent {version} runs: {} of {} pods work",
                    judged.working, judged.desired
                )
            })
        };
        if verdict
            .modes()
            .iter()
            .any(|mode| IMAGE_MODES.contains(mode))
        {
            facts.extend(self.waiting(scene.pods_of(deployment)));
        }
        Report {
            facts,
            ..Report::bare(verdict)
        }
    }

    /// The pods that wait for an image in vain.
    fn waiting<'a>(&self, pods: impl Iterator<Item = &'a Pod>) -> impl Iterator<Item = Fact> {
        let waits = |pod: &&Pod| {
            let waiting = pod
                .containers
                .iter()
                .filter_map(|container| container.state.waiting.as_ref());
            waiting.into_iter().any(Waiting::is_about_an_image)
        };
        pods.filter(waits)
            .map(|pod| Fact::AgentPodWaits(format!("{}/{}", self.agent.namespace, pod.name)))
    }

    /// In which of the pods that are to stay this exporter stands.
    fn pods<'a>(&self, pods: impl Iterator<Item = &'a Pod>) -> impl Iterator<Item = Fact> {
        let [mut present, mut missing, mut not_expected] = [0; EXPORTER_IN_POD.len()];
        for pod in pods.filter(|pod| !pod.ending && !pod.is_over()) {
            let count = if pod.has_exporter {
                &mut present
            } else if self.agent.sidecar_expected && !pod.keeps_exporter_out {
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
            .map(|(exporter, count)| Fact::AgentPods(exporter, count))
    }

    fn missing(&self, scene: &Scene) -> Verdict {
        let Installation {
            namespace,
            deployment,
            ..
        } = &self.agent;
        let others: Vec<&str> = scene
            .deployments
            .iter()
            .take(NAMED)
            .map(|other| other.name.as_str())
            .collect();
        let others = if others.is_empty() {
            "it holds no Deployment at all (agent.namespace in the exporter's file says where the agent is)".to_owned()
        } else {
            format!("the Deployments there are {}", others.join(", "))
        };
        let evidence =
            format!("there is no Deployment {deployment} in the namespace {namespace}; {others}");
        Verdict::failing(Finding::new(FailureMode::AgentDeploymentMissing, evidence))
    }
}

impl Check for AgentWorkload {
    async fn run(&self, _attempt: &Attempt) -> Report {
        match Scene::read(&self.store).await {
            Ok(scene) => self.judge(&scene.recalling(&self.kills)),
            Err(verdict) => Report::bare(verdict),
        }
    }
}

/// The agent's Deployment, by its name, else by the chart's label.
pub(super) fn find<'a>(deployments: &'a [Arc<Deployment>], name: &str) -> Option<&'a Deployment> {
    let all = || deployments.iter().map(AsRef::as_ref);
    let marked = |one: &&Deployment| {
        one.labels.get(MARK.0).is_some_and(|name| name == MARK.1) && has_agent(one)
    };
    all()
        .find(|one| one.name == name)
        .or_else(|| all().find(marked))
}

/// The tag of the agent's image.
pub(super) fn version(deployment: &Deployment) -> Option<String> {
    let containers = &deployment.containers;
    let agent = containers
        .iter()
        .find(|container| container.name == CONTAINER)
        .or(containers.first())?;
    let (_, tag) = agent.image.split('@').next()?.rsplit_once(':')?;
    let sound = (1..=32).contains(&tag.len())
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    sound.then(|| tag.to_owned())
}

fn has_agent(deployment: &Deployment) -> bool {
    deployment
        .containers
        .iter()
        .any(|container| container.name == CONTAINER)
}
