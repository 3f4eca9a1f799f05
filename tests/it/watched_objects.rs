//! Tests of hostile and odd Kubernetes objects: they are cut, left out and counted, and blind no
//! check.

use castai_health_exporter::catalogue::{CheckId, Status};
use castai_health_exporter::kube::types::cached_object::CachedObject;
use castai_health_exporter::report::Observation;
use castai_health_exporter::state::CheckState;
use lab::ApiFault;
use lab::apiserver::workload;
use serde_json::{Value, json};
use test_support::lab_cluster::{LabCluster, evidence, state_of};

use crate::watches::WatchedStore;

/// A pod of another namespace that cannot pull an image.
fn pending(name: &str, image: &str) -> Value {
    let mut pod = workload::pod(name, workload::REPLICA_SET, &json!({}), "web", image);
    pod["metadata"]["namespace"] = json!("shop");
    pod["status"] = json!({ "phase": "Pending", "containerStatuses": [{
        "name": "web", "image": image,
        "state": { "waiting": { "reason": "ErrImagePull", "message": "not found" } },
    }] });
    pod
}

fn lab(checks: &'static [CheckId]) -> LabCluster {
    let mut world = LabCluster::start();
    world.only = Some(checks);
    world.configure();
    world
}

fn left_out(check_state: &CheckState) -> Vec<(&'static str, &'static str, u32)> {
    let observations = check_state
        .latest
        .iter()
        .flat_map(|report| &report.observations);
    observations
        .filter_map(|observation| match observation {
            Observation::ObjectsLeftOut(resource, reason, count) => {
                Some((*resource, *reason, *count))
            }
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn odd_numbers_and_dates_blind_no_check() {
    let world = lab(&[
        CheckId::AgentWorkload,
        CheckId::ImagePull,
        CheckId::Components,
    ]);
    let objects = world.api.objects();
    let mut event = workload::event("Pod", workload::POD, "BackOff", "x");
    for field in ["firstTimestamp", "lastTimestamp", "eventTime"] {
        event[field] = json!("9999-12-31T23:59:59Z");
    }
    event["count"] = json!(-1);
    event["series"] = json!({ "count": -1, "lastObservedTime": "9999-12-31T23:59:59.999999Z" });
    objects.put(event);
    objects.change("Pod", workload::AGENT, workload::POD, |pod| {
        pod["status"]["containerStatuses"][0]["restartCount"] = json!(-1);
        pod["status"]["initContainerStatuses"] = Value::Null;
        pod["metadata"]["labels"]["x"] = json!("y");
    });
    let mut pod = pending("web-1", "registry.example/web:1");
    pod["metadata"]["creationTimestamp"] = json!("9999-12-31T23:59:59Z");
    pod["status"]["containerStatuses"][0]["restartCount"] = json!(-2_147_483_648_i64);
    objects.put(pod);
    let check_states = world.run_checks().await;
    let workload = state_of(&check_states, CheckId::AgentWorkload);
    assert_eq!(workload.status(), Status::Ok, "{}", evidence(workload));
    let images = state_of(&check_states, CheckId::ImagePull);
    assert_eq!(images.status(), Status::Warning, "{}", evidence(images));
    for check_state in [workload, images] {
        assert_eq!(left_out(check_state), []);
    }
}

#[tokio::test]
async fn unreadable_object_is_left_out_and_counted() {
    let world = lab(&[CheckId::AgentWorkload, CheckId::ImagePull]);
    let objects = world.api.objects();
    let mut unreadable = pending("web-1", "registry.example/web:1");
    unreadable["status"]["containerStatuses"] = json!("none");
    objects.put(unreadable);
    objects.put(pending("web-2", "registry.example/web:2"));
    let mut event = workload::event("Pod", workload::POD, "BackOff", "x");
    event["involvedObject"] = json!("none");
    objects.put(event);
    let check_states = world.run_checks().await;
    let images = state_of(&check_states, CheckId::ImagePull);
    assert_eq!(images.status(), Status::Warning);
    assert_eq!(left_out(images), [("pods", "unreadable", 1)]);
    assert!(
        evidence(images).contains("1 pods left out (1 unreadable)"),
        "{}",
        evidence(images)
    );
    let workload = state_of(&check_states, CheckId::AgentWorkload);
    assert_eq!(workload.status(), Status::Ok);
    assert_eq!(left_out(workload), [("events", "unreadable", 1)]);
}

#[tokio::test]
async fn unreadable_deployment_is_unknown_and_not_missing() {
    let world = lab(&[CheckId::AgentWorkload]);
    let (objects, deployment) = (world.api.objects(), "castai-agent");
    objects.change("Deployment", workload::AGENT, deployment, |deployment| {
        deployment["spec"]["template"]["spec"]["containers"] = json!("none");
    });
    let check_states = world.run_checks().await;
    let workload = state_of(&check_states, CheckId::AgentWorkload);
    assert_eq!(workload.status(), Status::Unknown, "{}", evidence(workload));
}

#[tokio::test]
async fn unreadable_change_drops_the_former_object_and_keeps_the_watch() {
    let watched = WatchedStore::start();
    watched.pods(|pods| pods.len() == 4).await;
    let objects = watched.world.api.objects();
    let change = |conditions: Value| {
        objects.change("Pod", workload::AGENT, workload::POD, |pod| {
            pod["status"]["conditions"] = conditions.clone();
        });
    };
    change(json!({}));
    watched
        .pods(|pods| pods.len() == 3 && pods.iter().all(|pod| pod.name != workload::POD))
        .await;
    let reasons: Vec<_> = watched.store.pods.left_out().iter().collect();
    assert_eq!(reasons.len(), 1);
    change(Value::Null);
    watched.pods(|pods| pods.len() == 4).await;
    assert!(watched.store.pods.left_out().is_empty());
    let connections = watched.world.api.service().request_log().connections();
    let lists = connections
        .iter()
        .flat_map(|connection| &connection.exchanges)
        .filter(|exchange| exchange.request.target.contains("castai-agent/pods?limit"));
    assert_eq!(lists.count(), 1, "the watch goes on");
}

#[tokio::test]
async fn huge_texts_are_cut_and_a_flood_of_objects_stays_within_its_memory() {
    let watched = WatchedStore::start();
    let objects = watched.world.api.objects();
    let huge = "x".repeat(200_000);
    for number in 0..60 {
        objects.put(pending(&format!("web-{number}"), &huge));
        let mut event = workload::event("Pod", workload::POD, &huge, &huge);
        event["metadata"]["name"] = json!(format!("event-{number}"));
        event["metadata"]["uid"] = json!(format!("uid-{number}"));
        event["involvedObject"]["uid"] = json!(huge);
        objects.put(event);
        objects.change("Pod", workload::AGENT, workload::POD, |pod| {
            pod["status"]["containerStatuses"][0]["image"] = json!(huge);
            pod["status"]["reason"] = json!(huge);
        });
    }
    // Many containers make one pod larger than all others.
    let status = json!({ "name": "a", "image": huge, "state": { "waiting": { "reason": huge, "message": huge } } });
    objects.change("Pod", workload::AGENT, workload::POD, |pod| {
        pod["status"]["containerStatuses"] = Value::Array(vec![status.clone(); 100]);
    });
    watched.pods(|pods| pods.len() == 3).await;
    assert_eq!(
        watched.store.pods.left_out().describe("pods"),
        "1 pods left out (1 too large)"
    );
    let pending = loop {
        let pending = watched.store.pending_image_pods.read().await.unwrap();
        if pending.len() == 60 {
            break pending;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert!(pending.iter().all(|pod| pod.images[0].image.len() == 1024));
    let events = watched.store.events.read().await.unwrap();
    assert!(
        events
            .iter()
            .all(|event| event.reason.len() <= 1024 && event.involved_uid.len() <= 1024)
    );
}

#[tokio::test]
async fn large_objects_are_dropped_before_ordinary_ones_and_counted() {
    use castai_health_exporter::kube::types::event::Event;

    let watched = WatchedStore::start();
    let objects = watched.world.api.objects();
    let (long, short) = ("x".repeat(2000), "x".repeat(200));
    for number in 0..900 {
        let text = if number % 2 == 0 { &long } else { &short };
        let mut event = workload::event("Pod", workload::POD, text, text);
        event["metadata"]["name"] = json!(format!("event-{number}"));
        event["metadata"]["uid"] = json!(format!("uid-{number}"));
        objects.put(event);
    }
    objects.compact();
    objects.close_watches();
    let begin = tokio::time::Instant::now();
    loop {
        let events = watched.store.events.read().await.unwrap_or_default();
        let left_out = watched.store.events.left_out();
        let short = events
            .iter()
            .filter(|event| event.reason.len() == 200)
            .count();
        let bytes: usize = events.iter().map(|event| event.allocated_bytes()).sum();
        assert!(bytes <= Event::MAX_CACHED_BYTES);
        let counted: u32 = left_out.iter().map(|(_, count)| count).sum();
        if short == 450 && counted > 0 && events.len() + counted as usize >= 900 {
            break;
        }
        assert!(
            begin.elapsed().as_secs() < 20,
            "{short} of {}, {left_out:?}",
            events.len()
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn list_with_endless_pages_ends() {
    let world = lab(&[CheckId::NodeLifecycle]);
    world.api.set(ApiFault::EndlessPages).await;
    let check_states = world.run_checks().await;
    let nodes = state_of(&check_states, CheckId::NodeLifecycle);
    assert_eq!(nodes.status(), Status::Unknown);
    assert!(evidence(nodes).contains("pages"), "{}", evidence(nodes));
}
