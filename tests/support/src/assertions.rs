//! Assertions on the checks of a [`LabCluster`].

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status};
use castai_health_exporter::config::Vantage;
use castai_health_exporter::diagnosis::Diagnosis;
use castai_health_exporter::state::CheckState;

use crate::lab_cluster::{LabCluster, evidence};

/// Checks of one cloud, and the providers that they apply to.
const CLOUD_CHECKS: &[(CheckId, &[&str])] = &[
    (CheckId::Imds, &["eks"]),
    (CheckId::AwsCredentials, &["eks"]),
    (CheckId::StsIdentity, &["eks"]),
    (CheckId::Ec2Api, &["eks"]),
    (CheckId::GceMetadata, &["gke"]),
    (CheckId::AzureImds, &["aks"]),
    (CheckId::ControlPlaneAccess, &["eks", "gke", "aks"]),
];

impl LabCluster {
    /// Asserts that every check is `ok`, except those of other clouds.
    pub async fn assert_healthy(&self) {
        let unhealthy = self.unhealthy(&self.run_checks().await);
        assert!(unhealthy.is_empty(), "{unhealthy:#?}");
    }

    /// Returns the checks that are not as in a healthy cluster, each with its evidence.
    pub fn unhealthy(&self, check_states: &[CheckState]) -> Vec<String> {
        let provider = self
            .env
            .get("PROVIDER")
            .map(String::as_str)
            .unwrap_or_default();
        let is_unhealthy = |check_state: &&CheckState| {
            let of = |(check, at): &(CheckId, &[&str])| {
                *check == check_state.check && at.iter().all(|at| *at != provider)
            };
            // With a role by web identity the agent does not use instance metadata.
            let unasked =
                check_state.check == CheckId::Imds && self.env.contains_key("AWS_ROLE_ARN");
            let elsewhere = unasked || CLOUD_CHECKS.iter().any(of);
            let healthy = if elsewhere {
                Status::NotApplicable
            } else {
                Status::Ok
            };
            check_state.status() != healthy
        };
        check_states
            .iter()
            .filter(is_unhealthy)
            .map(|check_state| {
                let (check, status) = (check_state.check, check_state.status());
                format!("{check} is {status}: {}", evidence(check_state))
            })
            .collect()
    }

    /// Asserts that every check that runs is `ok`.
    pub async fn assert_ok(&self) {
        for check_state in self.run_checks().await {
            assert_eq!(
                check_state.status(),
                Status::Ok,
                "{}: {}",
                check_state.check,
                evidence(&check_state)
            );
        }
    }

    /// Asserts that a check shows this mode, and that there is one root cause: this failure or the
    /// one that explains it. All other checks are `ok`, `unknown` or consequences.
    pub async fn assert_root(
        &self,
        check: CheckId,
        mode: FailureMode,
        status: Status,
    ) -> CheckState {
        let check_states = self.run_checks().await;
        let root = check_states
            .iter()
            .find(|check_state| check_state.check == check)
            .unwrap()
            .clone();
        assert_eq!(
            root.stable_modes.modes(),
            [mode],
            "{check}: {}",
            evidence(&root)
        );
        assert_eq!(root.status(), status, "{check}: {}", evidence(&root));
        let diagnosis = Diagnosis::new(&check_states, Vantage::Sidecar);
        let cause = diagnosis.root_of(check).unwrap_or(check);
        let roots = diagnosis.root_checks();
        assert!(roots.contains(&cause), "{cause} is no root: {diagnosis:#?}");
        let beside: Vec<String> = check_states
            .iter()
            .filter(|other| roots.contains(&other.check) && other.check != cause)
            .map(|other| format!("{}: {}", other.check, evidence(other)))
            .collect();
        assert!(
            beside.is_empty(),
            "root causes beside {check} {mode}: {beside:#?}"
        );
        root
    }
}
