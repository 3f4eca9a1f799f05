//! Tests of permissions that the exporter's account lacks.

use castai_health_exporter::catalogue::agent_permission::AGENT_PERMISSIONS;
use castai_health_exporter::catalogue::{CheckId, Status};
use test_support::lab_cluster::{LabCluster, evidence};

fn agent_needs(verb: &str, resource: &str) -> bool {
    AGENT_PERMISSIONS
        .iter()
        .any(|needed| needed.resource == resource && needed.verbs.contains(&verb))
}

#[tokio::test]
async fn missing_rbac_permission_makes_only_dependent_checks_unknown() {
    let world = LabCluster::start();
    for (verb, resource, checks) in [
        (
            "list",
            "nodes",
            &[CheckId::ImagePull, CheckId::NodeLifecycle][..],
        ),
        ("list", "daemonsets", &[CheckId::Components]),
        (
            "get",
            "pods/log",
            &[
                CheckId::AgentLog,
                CheckId::ClusterController,
                CheckId::Components,
            ],
        ),
        (
            "list",
            "events",
            &[
                CheckId::AgentWorkload,
                CheckId::AgentUpgrade,
                CheckId::ClusterController,
                CheckId::Components,
            ],
        ),
    ] {
        world
            .api
            .set(
                format!("denied:{resource}")
                    .parse::<lab::ApiFault>()
                    .unwrap(),
            )
            .await;
        for check_state in world.run_checks().await {
            let denied = checks.contains(&check_state.check);
            // Checks of other clouds do not apply here.
            let elsewhere = check_state.status() == Status::NotApplicable && !denied;
            let wanted = if denied {
                Status::Unknown
            } else if check_state.check == CheckId::AgentPermissions && agent_needs(verb, resource)
            {
                Status::Failing
            } else {
                Status::Ok
            };
            let as_wanted = check_state.status() == wanted || elsewhere;
            assert!(
                as_wanted,
                "{resource}: {}: {}",
                check_state.check,
                evidence(&check_state)
            );
            let verb = format!("{verb} {resource}");
            assert!(
                !denied || evidence(&check_state).contains(&verb),
                "{}",
                evidence(&check_state)
            );
        }
        world.api.heal().await;
        world.assert_healthy().await;
    }
}
