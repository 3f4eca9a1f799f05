//! Do CAST AI's other components run, as far as they are installed, and does CAST AI accept their tokens?

use std::sync::Arc;

use crate::agent::logs::Gaps;
use crate::agent::rejected_tokens::{Heard, Installed, Refusals, logs_of};
use crate::agent::workload::liveness_kills::Kills;
use crate::agent::workload::{Judgement, Scene};
use crate::catalogue::metric::COMPONENTS;
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::Config;
use crate::kube::Store;
use crate::kube::types::pod::Pod;
use crate::kube::types::workload::{Container, DaemonSet, Deployment};
use crate::report::{Evidence, Fact, Finding, Report, Verdict};

/// The check `components`.
#[derive(Debug)]
pub struct Components {
    store: Arc<Store>,
    kills: Kills,
    refusals: Refusals,
}

impl Components {
    /// The check of a configuration.
    pub fn new(config: &Config, world: &CheckContext) -> Self {
        let (store, refusals) = (Arc::clone(&world.store), Refusals::new(config, world));
        Self {
            store,
            kills: Kills::default(),
            refusals,
        }
    }

    async fn look(&self) -> Result<Report, Verdict> {
        let scene = Scene::read(&self.store).await?.recalling(&self.kills);
        let daemon_sets = self.store.daemon_sets.read().await?;
        let judged = judge(&scene, &daemon_sets);
        if judged.is_empty() {
            return Ok(Report::bare(Verdict::NotApplicable(Evidence::from(
                "no other component of CAST AI is installed",
            ))));
        }
        let (refused, heard) = self.refused(&scene, &judged).await;
        // What is known is told, whatever cannot be read of the others.
        let runs = judged
            .iter()
            .all(|component| component.judgement.findings.is_empty());
        match heard.nothing.filter(|_| runs && refused.is_empty()) {
            Some(unknown) => Err(unknown),
            None => Ok(report(&judged, refused, &heard.gaps)),
        }
    }

    /// What CAST AI refuses to the components that run; one pod of each tells.
    async fn refused(&self, scene: &Scene, judged: &[Component<'_>]) -> (Vec<Told>, Heard) {
        let working: Vec<_> = judged
            .iter()
            .filter(|component| component.judgement.working > 0)
            .collect();
        let log = |one: &&Component<'_>| {
            logs_of(&self.store.namespace, one.pods.iter().copied(), one.main, 1)
        };
        let mut told = Vec::new();
        let heard = self
            .refusals
            .heard(working.iter().flat_map(log).collect())
            .await;
        for refusal in &heard.refusals {
            let owner = working
                .iter()
                .find(|one| one.pods.iter().any(|pod| pod.name == refusal.pod));
            if let Some(one) = owner {
                told.push((
                    one.label,
                    self.refusals.finding(refusal, scene, one.installed).await,
                ));
            }
        }
        (told, heard)
    }
}

/// A component that is installed.
#[derive(Debug)]
struct Component<'a> {
    /// One of [`COMPONENTS`].
    label: &'static str,
    installed: Installed<'a>,
    pods: Vec<&'a Pod>,
    /// The container that matters.
    main: &'a str,
    judgement: Judgement,
}

/// A component, and what is wrong with it.
type Told = (&'static str, Finding);

impl Check for Components {
    async fn run(&self, _attempt: &Attempt) -> Report {
        self.look().await.unwrap_or_else(Report::bare)
    }
}

/// The Deployment of a component, by either of its names.
fn deployment<'a>(scene: &'a Scene, component: &str) -> Option<&'a Deployment> {
    scene
        .deployment(&format!("castai-{component}"))
        .or_else(|| scene.deployment(component))
}

/// The container that matters: charts name it after the component or after themselves.
fn main<'a>(containers: &'a [Container], component: &'a str) -> &'a str {
    let is_it = |name: &&str| name.strip_prefix("castai-").unwrap_or(name) == component;
    let mut names = containers.iter().map(|container| container.name.as_str());
    let first = names.clone().next();
    names.find(is_it).or(first).unwrap_or(component)
}

fn judge<'a>(scene: &'a Scene, daemon_sets: &'a [Arc<DaemonSet>]) -> Vec<Component<'a>> {
    let mut judged = Vec::new();
    for label in COMPONENTS {
        if let Some(deployment) = deployment(scene, label) {
            let main = main(&deployment.containers, label);
            let (installed, pods) = (deployment.into(), scene.pods_of(deployment).collect());
            judged.push(Component {
                label,
                installed,
                pods,
                main,
                judgement: scene.judge(deployment, main),
            });
        }
        let is_it =
            |set: &&Arc<DaemonSet>| set.name.strip_prefix("castai-").unwrap_or(&set.name) == *label;
        if let Some(set) = daemon_sets.iter().find(is_it) {
            let main = main(&set.containers, label);
            let (installed, pods) = (set.as_ref().into(), scene.pods_of_set(set).collect());
            judged.push(Component {
                label,
                installed,
                pods,
                main,
                judgement: scene.judge_daemon_set(set, main),
            });
        }
    }
    judged
}

fn report(judged: &[Component<'_>], refused: Vec<Told>, gaps: &Gaps) -> Report {
    let is_dead = |judgement: &Judgement| judgement.working == 0 && !judgement.findings.is_empty();
    let dead = judged.iter().any(|one| is_dead(&one.judgement));
    let failing = dead || !refused.is_empty();
    let broken = judged.iter().flat_map(|one| {
        one.judgement
            .findings
            .iter()
            .map(move |finding| (one.label, finding.clone()))
    });
    let told: Vec<Told> = broken.chain(refused).collect();
    let mut facts: Vec<Fact> = told
        .iter()
        .map(|(component, finding)| Fact::ComponentFailure(component, finding.mode))
        .collect();
    facts.dedup();
    let mut findings: Vec<Finding> = Vec::new();
    for (component, finding) in &told {
        let evidence = format!("{component}: {}", finding.evidence);
        match findings.iter_mut().find(|known| known.mode == finding.mode) {
            Some(known) => {
                *known = Finding::new(known.mode, format!("{}; {evidence}", known.evidence))
            }
            None => findings.push(Finding::new(finding.mode, evidence)),
        }
    }
    gaps.note(&mut findings);
    let verdict = match (findings.is_empty(), failing) {
        (true, _) => {
            let each = judged.iter().map(|one| {
                format!(
                    "{} {}/{}",
                    one.label, one.judgement.working, one.judgement.desired
                )
            });
            Verdict::Ok(Evidence::from(format!(
                "pods that work: {}{gaps}",
                each.collect::<Vec<_>>().join(", ")
            )))
        }
        (false, true) => Verdict::Failing(findings),
        (false, false) => Verdict::Warning(findings),
    };
    Report {
        facts,
        ..Report::bare(verdict)
    }
}
