//! Do CAST AI's other components run, as far as they are installed?

use std::sync::Arc;

use crate::catalogue::metrics::COMPONENTS;
use crate::checks::Attempt;
use crate::checks::Examine;
use crate::checks::World;
use crate::checks::workload::Judgement;
use crate::checks::workload::Scene;
use crate::cluster::Store;
use crate::cluster::object::workload::DaemonSet;
use crate::verdict::Evidence;
use crate::verdict::Fact;
use crate::verdict::Finding;
use crate::verdict::Report;
use crate::verdict::Verdict;

/// The check `components`.
#[derive(Debug)]
pub struct Components {
    store: Arc<Store>,
}

impl Components {
    /// The check of a world.
    pub fn new(world: &World) -> Self {
        Self { store: Arc::clone(&world.store) }
    }

    async fn read(&self) -> Result<(Scene, Vec<Arc<DaemonSet>>), Verdict> {
        Ok((Scene::read(&self.store).await?, self.store.daemon_sets.read().await?))
    }
}

impl Examine for Components {
    async fn examine(&self, _attempt: &Attempt) -> Report {
        match self.read().await {
            Ok((scene, daemon_sets)) => judge(&scene, &daemon_sets),
            Err(verdict) => Report::bare(verdict),
        }
    }
}

fn judge(scene: &Scene, daemon_sets: &[Arc<DaemonSet>]) -> Report {
    let mut judged: Vec<(&'static str, Judgement)> = Vec::new();
    for component in COMPONENTS {
        let name = format!("castai-{component}");
        let names = [name.as_str(), component];
        if let Some(deployment) = names.iter().find_map(|name| scene.deployment(name)) {
            judged.push((*component, scene.judge(deployment, component)));
        }
        let is_it = |set: &&Arc<DaemonSet>| names.contains(&set.name.as_str());
        if let Some(set) = daemon_sets.iter().find(is_it) {
            judged.push((*component, scene.judge_daemon_set(set, component)));
        }
    }
    if judged.is_empty() {
        return Report::bare(Verdict::NotApplicable(Evidence::from("no other component of CAST AI is installed")));
    }
    let facts = judged.iter().flat_map(|(component, judgement)| {
        judgement.findings.iter().map(|finding| Fact::ComponentFailure(component, finding.mode))
    });
    let mut facts: Vec<Fact> = facts.collect();
    facts.dedup();
    let dead = judged.iter().any(|(_, judgement)| judgement.working == 0 && !judgement.findings.is_empty());
    let mut findings: Vec<Finding> = Vec::new();
    for (component, judgement) in &judged {
        for finding in &judgement.findings {
            let evidence = format!("{component}: {}", finding.evidence);
            match findings.iter_mut().find(|known| known.mode == finding.mode) {
                Some(known) => *known = Finding::new(known.mode, format!("{}; {evidence}", known.evidence)),
                None => findings.push(Finding::new(finding.mode, evidence)),
            }
        }
    }
    let verdict = match (findings.is_empty(), dead) {
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
