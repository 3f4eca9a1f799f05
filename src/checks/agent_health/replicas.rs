//! The agent's other replicas, which may be the leader instead of this one.

use futures_util::future::join_all;

use crate::catalogue::CheckId;
use crate::catalogue::metric::EXPORTER_IN_POD;
use crate::checks::agent_health::AgentHealth;
use crate::checks::agent_workload;
use crate::kube::types::pod::Pod;
use crate::report::{LatestReports, Observation};

/// Maximum number of pods to read metrics from; with more, the leader is unknown.
const MAX_PODS: usize = 4;

impl AgentHealth {
    /// Returns whether no other pod of the agent leads: there is none, or each of them says so in
    /// its metrics.
    pub(super) async fn no_other_pod_leads(&self, reports: &LatestReports, port: u16) -> bool {
        // Without this check, nothing watches the pods.
        if reports.report(CheckId::AgentWorkload).is_none() {
            return false;
        }
        if is_only_agent(reports) {
            return true;
        }
        let pods = agent_workload::running_pods(&self.context.store, &self.deployment).await;
        let Ok(Some(pods)) = pods else {
            return false;
        };
        if pods.is_empty() || pods.len() > MAX_PODS {
            return false;
        }
        let follows = async |pod: &Pod| {
            let address = pod.address?.to_string();
            Some(self.read_metrics(&address, port).await?.leads == Some(false))
        };
        let follow = join_all(pods.iter().map(|pod| follows(pod))).await;
        follow.into_iter().all(|follows| follows == Some(true))
    }
}

/// Returns whether the agent has a single pod, as far as is known.
fn is_only_agent(reports: &LatestReports) -> bool {
    let observations = reports
        .report(CheckId::AgentWorkload)
        .map(|report| report.observations.as_slice())
        .unwrap_or_default();
    let pods = observations
        .iter()
        .filter_map(|observation| match observation {
            Observation::AgentPods(exporter, count) if EXPORTER_IN_POD.contains(exporter) => {
                Some(*count)
            }
            _ => None,
        });
    pods.sum::<u32>() == 1
}
