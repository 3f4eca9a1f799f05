//! Tests of `image_pull` beyond the fault table.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use lab::CloudApiFault;
use lab::apiserver::workload;
use lab::cloud_api::{KUBELET_CLIENT_ID, SERVICE_PRINCIPAL_CLIENT_ID};
use serde_json::json;
use test_support::lab_cluster::{LabCluster, evidence, remedy};
use test_support::pods::wait_for;

use super::WORKLOADS;
use super::faults::IMAGE_ERRORS;
use super::objects::wait_for_reason;
use crate::golden_entries::assert_evidence;

#[tokio::test]
async fn image_pull_reports_pods_of_other_namespaces() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    for (mode, reason, text, status) in IMAGE_ERRORS {
        let mut node = workload::node(
            "node-3",
            "azure:///x",
            &[("eks.amazonaws.com/capacityType", "SPOT")],
        );
        node["metadata"]["creationTimestamp"] = json!(workload::ago(120));
        objects.put(node);
        let mut pod = workload::pod("web-1", "web", &json!({}), "web", "shop.azurecr.io/web:1");
        pod["metadata"]["namespace"] = json!("shop");
        pod["spec"]["nodeName"] = json!("node-3");
        wait_for(&mut pod, reason, text);
        objects.put(pod);
        let root = world.assert_root(CheckId::ImagePull, *mode, *status).await;
        let text = evidence(&root);
        assert!(
            text.contains("shop/web-1 on node-3") && text.contains("acr 1"),
            "{text}"
        );
        objects.replace(workload::healthy());
        world.assert_healthy().await;
    }
}

#[tokio::test]
async fn agent_image_pull_failure_is_reported_by_agent_workload_only() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    let refused = "failed to fetch oauth token: unexpected status: 401 Unauthorized";
    wait_for_reason(objects, &WORKLOADS[0], "ErrImagePull", refused);
    world
        .assert_root(CheckId::AgentWorkload, M::ImageAuthFailed, Status::Failing)
        .await;
    let image_pull = async || {
        world
            .run_checks()
            .await
            .into_iter()
            .find(|check_state| check_state.check == CheckId::ImagePull)
            .unwrap()
    };
    let text = evidence(&image_pull().await);
    assert_evidence("image_pull_of_agent_only", &text);
    let mut pod = workload::pod("web-1", "web", &json!({}), "web", "shop.azurecr.io/web:1");
    pod["metadata"]["namespace"] = json!("shop");
    wait_for(&mut pod, "ErrImagePull", refused);
    objects.put(pod);
    let others = image_pull().await;
    assert_eq!(others.stable_modes.modes(), [M::ImageAuthFailed]);
    let text = evidence(&others);
    assert_evidence("image_pull_of_agent_and_other_pod", &text);
}

#[tokio::test]
async fn acr_pull_remedy_names_registry_and_kubelet_identity() {
    let world = LabCluster::of("aks");
    let (objects, azure) = (world.api.objects(), &world.apis[1]);
    let mut pod = workload::pod("web-1", "web", &json!({}), "web", "shop.azurecr.io/web:1");
    pod["spec"]["nodeName"] = json!("node-3");
    wait_for(
        &mut pod,
        "ErrImagePull",
        "failed to fetch oauth token: unexpected status: 401 Unauthorized",
    );
    let mut node = workload::node("node-3", "azure:///x", &[]);
    node["metadata"]["creationTimestamp"] = json!(workload::ago(120));
    for object in [pod, node] {
        objects.put(object);
    }
    let of =
        "--subscription 00000000-1111-2222-3333-444444444444 --resource-group lab-group --name lab";
    let assign = "az role assignment create --role AcrPull --assignee";
    for (fault, words) in [
        (
            None,
            [
                format!("managed identity, client id {KUBELET_CLIENT_ID}"),
                format!("{assign} {KUBELET_CLIENT_ID} "),
            ],
        ),
        (
            Some(CloudApiFault::ServicePrincipal),
            [
                format!("service principal {SERVICE_PRINCIPAL_CLIENT_ID}"),
                format!("{assign} {SERVICE_PRINCIPAL_CLIENT_ID} "),
            ],
        ),
        // Azure does not report it, or there is no token to query it with.
        (
            Some(CloudApiFault::Forbidden),
            [
                format!("az aks show {of} --query identityProfile"),
                assign.to_owned(),
            ],
        ),
    ] {
        match fault {
            Some(fault) => azure.set(fault).await,
            None => azure.heal().await,
        }
        let root = world
            .assert_root(CheckId::ImagePull, M::ImageAuthFailed, Status::Failing)
            .await;
        let fix = remedy(&root);
        let attach = format!("$ az aks update {of} --attach-acr shop\n");
        for part in words.iter().chain([&attach]) {
            assert!(fix.as_str().contains(part), "{part}: {fix}");
        }
        let text = evidence(&root);
        assert!(
            text.contains("shop.azurecr.io/web:1") && !text.ends_with('…'),
            "{text}"
        );
    }
    azure.heal().await;
    objects.replace(workload::healthy());
    world.assert_healthy().await;
}
