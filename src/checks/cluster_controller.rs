//! Does CAST AI's cluster controller run, where it is installed?

use std::sync::Arc;

use crate::catalogue::FailureMode;
use crate::checks::Attempt;
use crate::checks::Examine;
use crate::checks::World;
use crate::checks::workload::Scene;
use crate::cluster::Store;
use crate::verdict::Evidence;
use crate::verdict::Finding;
use crate::verdict::Report;
use crate::verdict::Verdict;

/// The Deployment, as the chart names it.
const NAME: &str = "castai-cluster-controller";
/// Its container.
const CONTAINER: &str = "cluster-controller";

/// The check `cluster_controller`.
#[derive(Debug)]
pub struct ClusterController {
    store: Arc<Store>,
}

impl ClusterController {
    /// The check of a world.
    pub fn new(world: &World) -> Self {
        Self { store: Arc::clone(&world.store) }
    }
}

impl Examine for ClusterController {
    async fn examine(&self, _attempt: &Attempt) -> Report {
        Report::bare(match Scene::read(&self.store).await {
            Ok(scene) => judge(&scene),
            Err(verdict) => verdict,
        })
    }
}

fn judge(scene: &Scene) -> Verdict {
    let Some(deployment) = scene.deployment(NAME) else {
        return Verdict::NotApplicable(Evidence::from(
            "the cluster controller is not installed: CAST AI only reads this cluster",
        ));
    };
    if deployment.desired == 0 {
        let evidence = format!("the Deployment {NAME} wants no pod: somebody scaled it to zero");
        return Verdict::failing(Finding::new(FailureMode::AgentScaledToZero, evidence));
    }
    let judgement = scene.judge(deployment, CONTAINER);
    judgement
        .verdict(|judged| format!("the cluster controller runs: {} of {} pods work", judged.working, judged.desired))
}
