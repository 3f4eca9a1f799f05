//! Does CAST AI's cluster controller run, where it is installed, does it lead, and does CAST AI accept its token?

use std::sync::Arc;

use crate::agent::leader_election::Lease;
use crate::agent::rejected_tokens::{Heard, Refusals, logs_of};
use crate::agent::workload::Scene;
use crate::agent::workload::liveness_kills::Kills;
use crate::catalogue::FailureMode;
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::{Config, ObjectName};
use crate::kube::Store;
use crate::kube::types::workload::Deployment;
use crate::report::{Evidence, Finding, Report, Verdict};

/// The Deployment, as the chart names it.
const NAME: &str = "castai-cluster-controller";
/// Its container, and its lease.
const CONTAINER: &str = "cluster-controller";
/// So many pods' logs are read: only the leader asks CAST AI, and there are two.
const PODS: usize = 4;

/// The check `cluster_controller`.
#[derive(Debug)]
pub struct ClusterController {
    store: Arc<Store>,
    kills: Kills,
    refusals: Refusals,
}

impl ClusterController {
    /// The check of a configuration.
    pub fn new(config: &Config, world: &CheckContext) -> Self {
        let (store, refusals) = (Arc::clone(&world.store), Refusals::new(config, world));
        Self {
            store,
            kills: Kills::default(),
            refusals,
        }
    }

    async fn judge(&self) -> Result<Verdict, Verdict> {
        let scene = Scene::read(&self.store).await?.recalling(&self.kills);
        let Some(deployment) = scene.deployment(NAME) else {
            return Ok(Verdict::NotApplicable(Evidence::from(
                "the cluster controller is not installed: CAST AI only reads this cluster",
            )));
        };
        if deployment.desired == 0 {
            let evidence =
                format!("the Deployment {NAME} wants no pod: somebody scaled it to zero");
            return Ok(Verdict::failing(Finding::new(
                FailureMode::AgentScaledToZero,
                evidence,
            )));
        }
        let judgement = scene.judge(deployment, CONTAINER);
        let runs = judgement.verdict(|judged| {
            format!(
                "the cluster controller runs: {} of {} pods work",
                judged.working, judged.desired
            )
        });
        if matches!(runs, Verdict::Failing(_)) {
            return Ok(runs);
        }
        let heard = self.heard(&scene, deployment).await;
        let mut worse = Vec::new();
        if let Some(refusal) = heard.refusals.first() {
            worse.push(
                self.refusals
                    .finding(refusal, &scene, deployment.into())
                    .await,
            );
        }
        let name = ObjectName {
            namespace: self.store.namespace.clone(),
            name: CONTAINER.to_owned(),
        };
        let lease = Lease::read(&self.store.door, Some(&name)).await;
        // Versions without leader election have no lease.
        worse.extend(
            lease
                .finding()
                .filter(|_| !matches!(lease, Lease::Missing(_))),
        );
        let failing = !worse.is_empty();
        if let Verdict::Ok(said) = &runs
            && !failing
        {
            let well = Verdict::Ok(Evidence::from(format!("{said}; {lease}{}", heard.gaps)));
            return Ok(heard.nothing.unwrap_or(well));
        }
        worse.extend(runs.findings().iter().cloned());
        heard.gaps.note(&mut worse);
        Ok(if failing {
            Verdict::Failing(worse)
        } else {
            Verdict::Warning(worse)
        })
    }

    /// What CAST AI refuses to it.
    async fn heard(&self, scene: &Scene, deployment: &Deployment) -> Heard {
        self.refusals
            .heard(logs_of(
                &self.store.namespace,
                scene.pods_of(deployment),
                CONTAINER,
                PODS,
            ))
            .await
    }
}

impl Check for ClusterController {
    async fn run(&self, _attempt: &Attempt) -> Report {
        Report::bare(self.judge().await.unwrap_or_else(|verdict| verdict))
    }
}
