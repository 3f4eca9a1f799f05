//! Do CAST AI's other components run, as far as they are installed, and does CAST AI accept their tokens?

use std::sync::Arc;

use crate::catalogue::metrics::COMPONENTS;
use crate::checks::Attempt;
use crate::checks::Examine;
use crate::checks::World;
use crate::checks::refusal::Refusals;
use crate::checks::refusal::logs_of;
use crate::checks::workload::Judgement;
use crate::checks::workload::Scene;
use crate::cluster::Store;
use crate::cluster::object::workload::DaemonSet;
use crate::cluster::object::workload::Deployment;
use crate::config::Config;
use crate::verdict::Evidence;
use crate::verdict::Fact;
use crate::verdict::Finding;
use crate::verdict::Report;
use crate::verdict::Verdict;

/// The check `components`.
#[derive(Debug)]
pub struct Components {
    store: Arc<Store>,
    refusals: Refusals,
}

impl Components {
    /// The check of a configuration.
    pub fn new(config: &Config, world: &World) -> Self {
        Self { store: Arc::clone(&world.store), refusals: Refusals::new(config, world) }
    }

    async fn look(&self) -> Result<Report, Verdict> {
        let scene = Scene::read(&self.store).await?;
        let daemon_sets = self.store.daemon_sets.read().await?;
        let judged = judge(&scene, &daemon_sets);
        if judged.is_empty() {
            return Ok(Report::bare(Verdict::NotApplicable(Evidence::from(
                "no other component of CAST AI is installed",
            ))));
        }
        let refused = self.refused(&scene, &judged).await;
        // What does not run is told, whatever cannot be read of the others.
        let runs = judged.iter().all(|(_, judgement)| judgement.findings.is_empty());
        let refused = if runs { refused? } else { refused.unwrap_or_default() };
        Ok(report(&judged, refused))
    }

    /// What CAST AI refuses to the components that run; one pod of each tells.
    async fn refused(&self, scene: &Scene, judged: &[(&'static str, Judgement)]) -> Result<Vec<Told>, Verdict> {
        let namespace = &self.store.namespace;
        let working = judged.iter().filter(|(_, judgement)| judgement.working > 0);
        let deployments = working.filter_map(|(component, _)| Some((*component, deployment(scene, component)?)));
        let deployments: Vec<_> = deployments.collect();
        let logs = deployments.iter().flat_map(|(component, one)| logs_of(scene, namespace, one, component, 1));
        let mut told = Vec::new();
        for refusal in self.refusals.heard(logs.collect()).await? {
            let owns = |one: &Deployment| scene.pods_of(one).any(|pod| pod.name == refusal.pod);
            if let Some((component, one)) = deployments.iter().find(|(_, one)| owns(one)) {
                told.push((*component, self.refusals.finding(&refusal, scene, one).await));
            }
        }
        Ok(told)
    }
}

/// A component, and what is wrong with it.
type Told = (&'static str, Finding);

impl Examine for Components {
    async fn examine(&self, _attempt: &Attempt) -> Report {
        self.look().await.unwrap_or_else(Report::bare)
    }
}

/// The Deployment of a component, by either of its names.
fn deployment<'a>(scene: &'a Scene, component: &str) -> Option<&'a Deployment> {
    scene.deployment(&format!("castai-{component}")).or_else(|| scene.deployment(component))
}

fn judge(scene: &Scene, daemon_sets: &[Arc<DaemonSet>]) -> Vec<(&'static str, Judgement)> {
    let mut judged: Vec<(&'static str, Judgement)> = Vec::new();
    for component in COMPONENTS {
        if let Some(deployment) = deployment(scene, component) {
            judged.push((*component, scene.judge(deployment, component)));
        }
        let is_it = |set: &&Arc<DaemonSet>| set.name.strip_prefix("castai-").unwrap_or(&set.name) == *component;
        if let Some(set) = daemon_sets.iter().find(is_it) {
            judged.push((*component, scene.judge_daemon_set(set, component)));
        }
    }
    judged
}

fn report(judged: &[(&'static str, Judgement)], refused: Vec<Told>) -> Report {
    let dead = judged.iter().any(|(_, judgement)| judgement.working == 0 && !judgement.findings.is_empty());
    let failing = dead || !refused.is_empty();
    let broken = judged
        .iter()
        .flat_map(|(component, judgement)| judgement.findings.iter().map(move |finding| (*component, finding.clone())));
    let told: Vec<Told> = broken.chain(refused).collect();
    let mut facts: Vec<Fact> =
        told.iter().map(|(component, finding)| Fact::ComponentFailure(component, finding.mode)).collect();
    facts.dedup();
    let mut findings: Vec<Finding> = Vec::new();
    for (component, finding) in &told {
        let evidence = format!("{component}: {}", finding.evidence);
        match findings.iter_mut().find(|known| known.mode == finding.mode) {
            Some(known) => *known = Finding::new(known.mode, format!("{}; {evidence}", known.evidence)),
            None => findings.push(Finding::new(finding.mode, evidence)),
        }
    }
    let verdict = match (findings.is_empty(), failing) {
        (true, _) => {
            let each = judged
                .iter()
                .map(|(component, judgement)| format!("{component} {}/{}", judgement.working, judgement.desired));
            Verdict::Ok(Evidence::from(format!("pods that work: {}", each.collect::<Vec<_>>().join(", "))))
        }
        (false, true) => Verdict::Failing(findings),
        (false, false) => Verdict::Warning(findings),
    };
    Report { facts, ..Report::bare(verdict) }
}
