//! Tests of `control_plane_access` on EKS.

use castai_health_exporter::catalogue::Status;
use lab::imds::{ROLE_SECRET, ROLE_TOKEN};
use test_support::lab_cluster::LabCluster;
use test_support::scenarios::WebIdentity;

use super::{check_control_plane_access, with};
use crate::golden_entries::assert_evidence;

#[tokio::test]
async fn missing_eks_fields_are_not_blocking() {
    for fault in [
        "access-denied",
        "denied-scp",
        "not-found",
        "throttled",
        "expired-token",
        "server-error",
        "unrelated-json",
        "hostile",
        "blocked-while-updating",
        "blocked-by-hostile-entry",
        "refused",
        "reset",
        "tls-hang",
        "cert-foreign-ca",
        "cert-wrong-name",
        "html:200",
        "html:503",
        "noise",
        "truncated",
        "endless-body",
        "clock:+600s",
        "redirect-to:https://elsewhere.example/",
    ] {
        let (status, evidence) = with("eks", fault).await;
        assert_eq!(status, Status::Unknown, "{fault}: {evidence}");
        assert_evidence(&format!("control_plane_eks_{fault}"), &evidence);
        assert!(
            !evidence.chars().any(char::is_control) && !evidence.contains("reboot"),
            "{fault}: {evidence}"
        );
        for secret in [ROLE_SECRET, ROLE_TOKEN] {
            assert!(!evidence.contains(secret), "{fault}: {evidence}");
        }
    }
}

#[tokio::test]
async fn eks_is_called_with_the_agents_credentials_only() {
    let mut world = LabCluster::start();
    let (status, evidence) = check_control_plane_access(&world).await;
    assert_eq!(status, Status::Ok, "{evidence}");
    world.set_env("EKS_CLUSTER_NAME", "another");
    let (status, evidence) = check_control_plane_access(&world).await;
    assert!(
        status == Status::Unknown && evidence.contains("another"),
        "{evidence}"
    );
    world.set_env("EKS_CLUSTER_NAME", "$(reboot)/..");
    let (status, evidence) = check_control_plane_access(&world).await;
    assert!(
        status == Status::Unknown && !evidence.contains("reboot"),
        "{evidence}"
    );
    world.set_env("EKS_CLUSTER_NAME", "lab");

    world.with_key(lab::aws::KEY_ID, "another secret");
    let (status, evidence) = check_control_plane_access(&world).await;
    assert!(
        status == Status::Unknown && evidence.contains("InvalidSignatureException"),
        "{evidence}"
    );
    world.with_key(lab::aws::KEY_ID, lab::aws::SECRET);
    // An agent that does not call AWS still has credentials.
    world.set_env("EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED", "false");
    let asked = |world: &LabCluster| {
        [world.sts.request_log(), world.ec2.request_log()].map(|of| of.requests().len())
    };
    let before = asked(&world);
    assert_eq!(check_control_plane_access(&world).await.0, Status::Ok);
    assert_eq!(asked(&world), before, "no other AWS service is called");
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        world.unset_env(name);
    }
    world.with_web_identity(WebIdentity::Token("sts.amazonaws.com", -60, 86_000));
    let (status, evidence) = check_control_plane_access(&world).await;
    assert_eq!(status, Status::Ok, "{evidence}");

    let connections = world.eks.request_log().connections().len();
    for name in [
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED",
    ] {
        world.unset_env(name);
    }
    world.set_env("AWS_EC2_METADATA_DISABLED", "true");
    let (status, evidence) = check_control_plane_access(&world).await;
    assert_eq!(status, Status::Unknown);
    assert_evidence("control_plane_eks_without_credentials", &evidence);
    assert_eq!(world.eks.request_log().connections().len(), connections);
}
