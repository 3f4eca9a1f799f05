//! Checks that CAST AI's cluster controller, if installed, runs, holds its lease and has a valid
//! token.

use std::sync::Arc;

use crate::agent::leader_lease::LeaderLease;
use crate::agent::rejected_tokens::{RejectedTokens, RejectionScan, containers_to_scan};
use crate::agent::workload::{ExitTracker, NamespaceSnapshot};
use crate::catalogue::FailureMode;
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::{Config, ObjectName};
use crate::kube::Store;
use crate::kube::types::workload::Deployment;
use crate::report::{Evidence, Finding, Report, Verdict};

/// The Deployment's name in the chart.
const DEPLOYMENT: &str = "castai-cluster-controller";
/// The name of its container and its Lease.
const CONTAINER: &str = "cluster-controller";
/// Maximum number of pods to read logs from. There are two replicas, and only the leader calls CAST
/// AI.
const MAX_LOG_PODS: usize = 4;

/// The check `cluster_controller`.
#[derive(Debug)]
pub struct ClusterController {
    store: Arc<Store>,
    exits: ExitTracker,
    rejected_tokens: RejectedTokens,
}

impl ClusterController {
    /// Creates the check for a configuration.
    pub fn new(config: &Config, context: &CheckContext) -> Self {
        let (store, rejected_tokens) = (
            Arc::clone(&context.store),
            RejectedTokens::new(config, &context.store),
        );
        Self {
            store,
            exits: ExitTracker::default(),
            rejected_tokens,
        }
    }

    async fn judge(&self) -> Result<Verdict, Verdict> {
        let snapshot = NamespaceSnapshot::read(&self.store)
            .await?
            .with_exits(&self.exits);
        let Some(deployment) = snapshot.deployment(DEPLOYMENT) else {
            return Ok(Verdict::NotApplicable(Evidence::from(
                "the cluster controller is not installed: CAST AI only has read access to this \
                 cluster",
            )));
        };
        if deployment.desired == 0 {
            let evidence = format!("Deployment {DEPLOYMENT} is scaled to zero replicas");
            return Ok(Verdict::failing(Finding::new(
                FailureMode::AgentScaledToZero,
                evidence,
            )));
        }
        let health = snapshot.deployment_health(deployment, CONTAINER);
        let workload = health.verdict(|health| {
            format!(
                "the cluster controller is running: {} of {} pods are healthy",
                health.working, health.desired
            )
        });
        if matches!(workload, Verdict::Failing(_)) {
            return Ok(workload);
        }
        let scan = self.scan_logs(&snapshot, deployment).await;
        let mut findings = Vec::new();
        if let Some(rejection) = scan.rejections.first() {
            findings.push(
                self.rejected_tokens
                    .finding(rejection, &snapshot, deployment.into())
                    .await,
            );
        }
        let name = ObjectName {
            namespace: self.store.namespace.clone(),
            name: CONTAINER.to_owned(),
        };
        let lease = LeaderLease::read(&self.store.client, Some(&name)).await;
        // Versions without leader election have no Lease.
        findings.extend(
            lease
                .finding()
                .filter(|_| !matches!(lease, LeaderLease::NotFound(_))),
        );
        let failing = !findings.is_empty();
        if let Verdict::Ok(evidence) = &workload
            && !failing
        {
            let ok = Verdict::Ok(Evidence::from(format!(
                "{evidence}; {lease}{}",
                scan.skipped
            )));
            return Ok(scan.error.map_or(ok, Verdict::from));
        }
        findings.extend(workload.findings().iter().cloned());
        scan.skipped.append_to(&mut findings);
        Ok(if failing {
            Verdict::Failing(findings)
        } else {
            Verdict::Warning(findings)
        })
    }

    /// Reads the controller's logs for rejected tokens.
    async fn scan_logs(
        &self,
        snapshot: &NamespaceSnapshot,
        deployment: &Deployment,
    ) -> RejectionScan {
        self.rejected_tokens
            .scan(containers_to_scan(
                &self.store.namespace,
                snapshot.pods_of(deployment),
                CONTAINER,
                MAX_LOG_PODS,
            ))
            .await
    }
}

impl Check for ClusterController {
    async fn run(&self, _attempt: &Attempt) -> Report {
        Report::from_verdict(self.judge().await.unwrap_or_else(|verdict| verdict))
    }
}
