//! Permissions of the person who installs the agent, seen with their kubeconfig.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Situation, Status};
use castai_health_exporter::preflight::skipped_checks;
use test_support::lab_cluster::evidence;

use super::{Bed, refusal};
use crate::golden_entries::assert_evidence;

#[tokio::test]
async fn account_of_a_pod_says_nothing_about_the_person_who_installs() {
    let bed = Bed::start();
    bed.world.api.deny(&["clusterroles", "secrets"]);
    let state = bed.state(CheckId::AgentPermissions).await;
    assert_eq!(state.status(), Status::Unknown);
    assert_evidence("preflight permissions of a pod", &evidence(&state));
}

#[tokio::test]
async fn person_who_may_not_install_is_told_which_permissions_are_missing() {
    let bed = Bed::outside();
    let states = bed.run().await;
    for state in &states {
        assert_eq!(
            state.status(),
            Status::Ok,
            "{}: {}",
            state.check,
            evidence(state)
        );
    }
    bed.world.api.deny(&["clusterroles", "secrets"]);
    let state = bed
        .assert_mode(
            CheckId::AgentPermissions,
            M::K8sRbacForbidden,
            Status::Failing,
        )
        .await;
    assert_evidence("preflight permissions of a person", &evidence(&state));
    let finding = state.latest.as_ref().unwrap().verdict.findings()[0].clone();
    assert_eq!(finding.situation, Some(Situation::NotInstalled));
}

#[tokio::test]
async fn person_who_cannot_grant_the_agents_role_is_told() {
    let bed = Bed::outside();
    let message = "clusterroles.rbac.authorization.k8s.io \"{name}\" is forbidden: user \"me\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"nodes\"], Verbs:[\"list\"]}";
    bed.world
        .api
        .set_refusals(&[refusal("clusterroles", 403, message)]);
    let state = bed
        .assert_mode(
            CheckId::AgentPermissions,
            M::K8sRbacForbidden,
            Status::Failing,
        )
        .await;
    assert!(
        evidence(&state).contains("attempting to grant"),
        "{}",
        evidence(&state)
    );
}

#[tokio::test]
async fn what_only_a_pod_can_test_is_skipped_outside_the_cluster() {
    let bed = Bed::outside();
    let ran: Vec<CheckId> = bed.run().await.iter().map(|state| state.check).collect();
    let expected = [
        CheckId::Apiserver,
        CheckId::CastaiApi,
        CheckId::AgentWorkload,
        CheckId::AgentPermissions,
    ];
    assert_eq!(ran, expected);
    let skipped = skipped_checks(&bed.config(), &bed.planned);
    for check in [
        CheckId::Dns,
        CheckId::Imds,
        CheckId::StsIdentity,
        CheckId::ImagePull,
    ] {
        assert!(
            skipped.iter().any(|(skipped, _)| *skipped == check),
            "{check}"
        );
    }
    assert!(
        skipped
            .iter()
            .all(|(check, _)| *check != CheckId::GceMetadata),
        "not on EKS"
    );
    assert!(skipped_checks(&Bed::start().config(), &bed.planned).is_empty());
}
