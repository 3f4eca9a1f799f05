//! Changes of Kubernetes objects that break a workload.

use lab::apiserver::workload::AGENT;
use lab::apiserver::{ObjectStore, workload};
use serde_json::{Value, json};
use test_support::pods::{not_ready, wait_for};

use super::Workload;

pub(super) fn each_pod(objects: &ObjectStore, of: &Workload, change: impl Fn(&mut Value)) {
    let owner = workload::uid(of.set);
    for mut pod in objects.all("Pod") {
        if pod["metadata"]["ownerReferences"][0]["uid"] == owner.as_str() {
            change(&mut pod);
            objects.put(pod);
        }
    }
}

pub(super) fn terminate(objects: &ObjectStore, of: &Workload, code: i32, reason: &str) {
    each_pod(objects, of, |pod| {
        not_ready(pod);
        let status = &mut pod["status"]["containerStatuses"][0];
        status["restartCount"] = json!(6);
        status["lastState"] = workload::terminated(code, reason, 45, 24);
        status["state"] = json!({ "waiting": {
            "reason": "CrashLoopBackOff", "message": "back-off 2m40s restarting failed container",
        } });
    });
}

/// The container is running again after a kill with SIGKILL, but it is not ready yet.
pub(super) fn killed(objects: &ObjectStore, of: &Workload) {
    each_pod(objects, of, |pod| {
        not_ready(pod);
        let status = &mut pod["status"]["containerStatuses"][0];
        status["restartCount"] = json!(3);
        status["lastState"] = workload::terminated(137, "Error", 300, 10);
        status["state"] = json!({ "running": { "startedAt": workload::ago(9) } });
    });
}

/// The same after a longer run, and the kubelet reported before that it kills the container.
pub(super) fn killed_by_its_probe(objects: &ObjectStore, of: &Workload) {
    killed(objects, of);
    each_pod(objects, of, |pod| {
        let status = &mut pod["status"]["containerStatuses"][0];
        status["lastState"] = workload::terminated(137, "Error", 800, 10);
        let name = pod["metadata"]["name"].as_str().unwrap();
        let text = format!(
            "Container {} failed liveness probe, will be restarted",
            of.container
        );
        let mut event = workload::event("Pod", name, "Killing", &text);
        event["lastTimestamp"] = json!(workload::ago(12));
        objects.put(event);
    });
}

pub(super) fn wait_for_reason(objects: &ObjectStore, of: &Workload, reason: &str, text: &str) {
    each_pod(objects, of, |pod| wait_for(pod, reason, text));
}

pub(super) fn keep_starting(objects: &ObjectStore, of: &Workload, reason: &str, text: &str) {
    each_pod(objects, of, |pod| {
        wait_for(pod, "ContainerCreating", "");
        objects.put(workload::event(
            "Pod",
            pod["metadata"]["name"].as_str().unwrap(),
            reason,
            text,
        ));
    });
}

pub(super) fn without_a_node(objects: &ObjectStore, of: &Workload, text: &str) {
    each_pod(objects, of, |pod| {
        pod["spec"].as_object_mut().unwrap().remove("nodeName");
        pod["status"] = json!({
            "phase": "Pending", "conditions": [workload::condition("PodScheduled", "False", "Unschedulable", text)],
        });
    });
}

pub(super) fn remove_pods(objects: &ObjectStore, of: &Workload) {
    each_pod(objects, of, |pod| {
        pod["metadata"]["labels"] = json!({});
        objects.remove("Pod", AGENT, pod["metadata"]["name"].as_str().unwrap());
        pod["metadata"]["name"] = json!("gone");
        pod["metadata"]["ownerReferences"] = json!([]);
    });
    objects.remove("Pod", AGENT, "gone");
}

pub(super) fn fail_pod_creation(objects: &ObjectStore, of: &Workload, text: &str) {
    remove_pods(objects, of);
    objects.change("ReplicaSet", AGENT, of.set, |set| {
        set["status"] = json!({
            "replicas": 0, "conditions": [workload::condition("ReplicaFailure", "True", "FailedCreate", text)],
        });
    });
}

pub(super) fn scaled_to_zero(objects: &ObjectStore, of: &Workload) {
    remove_pods(objects, of);
    objects.change("Deployment", AGENT, of.deployment, |deployment| {
        deployment["spec"]["replicas"] = json!(0);
    });
    objects.change("ReplicaSet", AGENT, of.set, |set| {
        set["spec"]["replicas"] = json!(0);
        set["status"] = json!({ "replicas": 0 });
    });
}
