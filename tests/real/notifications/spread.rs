//! One cause and what follows from it in other checks: people hear of it once.

use castai_health_exporter::catalogue::{CheckId, FailureMode};
use lab::apiserver::workload;
use lab::{AgentFault, ApiFault, CastAiFault};
use serde_json::json;
use test_support::pods::wait_for;
use test_support::scenarios::heal;
use test_support::world::CheckContext;
use tokio::time::{Instant, sleep};

use super::beside::Beside;
use super::{LONGER_THAN_KEPT, Row, WITHIN, row};
use crate::support::monitoring::Monitoring;

/// A cause that shows in other checks as well, as it does in a real cluster after a while.
#[derive(Clone, Copy)]
pub(super) enum Spread {
    /// CAST AI refuses the key: the agent is not well, and is killed for it again and again.
    InvalidKey,
    /// The API server refuses the agent's account, which so loses its lease and ends.
    NoAccount,
    /// Somebody scaled the agent to zero: nobody leads, and the console shows it as silent.
    NobodyRuns,
    /// The registry refuses everybody: the agent does not come back from an upgrade, nor do pods elsewhere start.
    NoImage,
}

impl Spread {
    pub(super) const ALL: [Self; 4] = [
        Self::InvalidKey,
        Self::NoAccount,
        Self::NobodyRuns,
        Self::NoImage,
    ];

    fn cause(self) -> (CheckId, FailureMode) {
        match self {
            Self::InvalidKey => (CheckId::CastaiApi, FailureMode::CastaiTokenInvalid),
            Self::NoAccount => (CheckId::Apiserver, FailureMode::K8sRbacForbidden),
            Self::NobodyRuns => (CheckId::AgentWorkload, FailureMode::AgentScaledToZero),
            Self::NoImage => (CheckId::AgentWorkload, FailureMode::ImageAuthFailed),
        }
    }

    async fn befall(self, world: &CheckContext) {
        let objects = world.api.objects();
        let ends = |code: i32, reason: &str| {
            objects.change("Pod", workload::AGENT, workload::POD, |pod| {
                let status = &mut pod["status"]["containerStatuses"][0];
                status["restartCount"] = json!(6);
                status["ready"] = json!(false);
                status["lastState"] = workload::terminated(code, reason, 45, 24);
                status["state"] = json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 2m40s" } });
                pod["status"]["conditions"][1] = workload::condition("Ready", "False", "ContainersNotReady", "");
            });
        };
        match self {
            Self::InvalidKey => {
                world.castai.set(CastAiFault::TokenInvalid).await;
                world.agent.set(AgentFault::Overdue).await;
                ends(137, "Error");
            }
            Self::NoAccount => {
                world
                    .api
                    .set("denied:namespaces".parse::<ApiFault>().unwrap())
                    .await;
                world.agent.set(AgentFault::Refused).await;
                world
                    .castai
                    .set_field("agentStatus", json!("non-responding"));
                ends(0, "Completed");
            }
            Self::NobodyRuns => {
                objects.remove("Pod", workload::AGENT, workload::POD);
                objects.change("Deployment", workload::AGENT, "castai-agent", |it| {
                    it["spec"]["replicas"] = json!(0)
                });
                objects.change("ReplicaSet", workload::AGENT, workload::REPLICA_SET, |it| {
                    it["spec"]["replicas"] = json!(0);
                    it["status"] = json!({ "replicas": 0 });
                });
                nobody_leads(world).await;
            }
            Self::NoImage => {
                let refused = "failed to fetch oauth token: unexpected status: 401 Unauthorized";
                objects.change("Pod", workload::AGENT, workload::POD, |pod| {
                    wait_for(pod, "ErrImagePull", refused)
                });
                let mut pod =
                    workload::pod("web-1", "web", &json!({}), "web", "shop.azurecr.io/web:1");
                pod["metadata"]["namespace"] = json!("shop");
                wait_for(&mut pod, "ErrImagePull", refused);
                objects.put(pod);
                nobody_leads(world).await;
            }
        }
    }
}

/// No agent runs, and it shows.
async fn nobody_leads(world: &CheckContext) {
    world.agent.set(AgentFault::Refused).await;
    world
        .api
        .objects()
        .put(workload::lease("agent-leader-election-lock", ""));
    world
        .castai
        .set_field("agentStatus", json!("non-responding"));
}

/// One cause, and what follows from it in other checks: people hear of it once.
pub(super) async fn spread(monitoring: &Monitoring, spread: Spread) -> Row {
    let (check, mode) = spread.cause();
    let cluster = format!("{check}-{mode}-and-what-follows").replace('_', "-");
    let mut beside = Beside::start(CheckContext::start()).await;
    let healthy = (beside.world.env.clone(), beside.world.file.clone());
    monitoring.scrape(&cluster, &[beside.exporter.address()]);
    beside
        .exporter
        .shows(
            &[r#"castai_health_check_status{check="agent_workload",status="ok"} 1"#],
            WITHIN,
        )
        .await;
    spread.befall(&beside.world).await;
    let began = Instant::now();
    let first = monitoring.until(&cluster, "firing", WITHIN).await;
    // Long enough for whatever else would be told.
    sleep(LONGER_THAN_KEPT * 3).await;
    let metrics = beside.exporter.metrics().await;
    heal(&mut beside.world, healthy).await;
    let last = if first.is_some() {
        monitoring.until(&cluster, "resolved", WITHIN).await
    } else {
        None
    };
    let mut row = row(
        monitoring,
        &cluster,
        spread.cause(),
        "critical",
        began,
        first.as_ref(),
    );
    row.story = cluster;
    let shown: Vec<&str> = metrics
        .lines()
        .filter(|line| line.starts_with("castai_health_failure{"))
        .collect();
    if shown.len() < 2 {
        row.problems.push(format!("nothing followed: {shown:?}"));
    }
    if last.is_none() {
        row.problems
            .push(format!("nobody was told that it is over, of {shown:?}"));
    }
    row
}
