//! The largest and oddest objects that a real API server accepts.

use serde_json::{Value, json};

use crate::node::node_cluster::{NAMESPACE as AGENT_NAMESPACE, NodeCluster};
use crate::support::cluster::ClusterError;

/// Namespace of the hostile pods.
pub(super) const NAMESPACE: &str = "shop";
const PENDING_PODS: usize = 100;
const EVENTS: usize = 80;
/// etcd accepts a request of 1.5 MiB; a pod has this image, and the texts of its status.
const IMAGE_BYTES: usize = 700_000;
const STATUS_TEXT_BYTES: usize = 350_000;
const REASON_BYTES: usize = 1_000_000;
const FAR_FUTURE: &str = "9999-12-31T23:59:59Z";
/// An event that is odd in its numbers and dates, and not in its size.
const ODD_EVENT: &str = "odd";

/// Hostile objects in a cluster.
pub(super) struct HostileObjects<'a> {
    cluster: &'a NodeCluster,
    agent_pod: String,
}

impl<'a> HostileObjects<'a> {
    /// Creates pods that wait for an image with a huge name, and events with a huge reason.
    pub(super) async fn create(cluster: &'a NodeCluster) -> Self {
        let namespace =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
        cluster.apply(&namespace).await;
        let account = ["wait", "--for=create", "serviceaccount/default"];
        let options = ["--timeout=30s", "--namespace", NAMESPACE];
        cluster.kubectl(&[account, options].concat()).await;
        let [agent_pod] = &cluster.agents_pods().await[..] else {
            panic!("not one agent: {}", cluster.state().await)
        };
        let agent = cluster.get(&["pod", agent_pod]).await;
        let reason = "x".repeat(REASON_BYTES);
        let huge = (0..EVENTS).map(|number| event(&agent, &format!("huge-{number}"), &reason));
        let odd = event(&agent, ODD_EVENT, "BackOff");
        cluster.create(huge.chain([odd]).collect()).await;
        let pods: Vec<_> = (0..PENDING_PODS).map(pod_name).collect();
        cluster
            .create(pods.iter().map(|name| pending_pod(name)).collect())
            .await;
        let hostile = Self {
            cluster,
            agent_pod: agent_pod.clone(),
        };
        hostile.set_status(&pods, "x").await.unwrap();
        hostile
    }

    /// Changes a few objects, so that the companion receives them again.
    ///
    /// # Errors
    /// If the API server does not take a change, as on a busy machine, where etcd times out.
    pub(super) async fn change(&self) -> Result<(), ClusterError> {
        let pods = [pod_name(0), pod_name(1)];
        self.set_status(&pods, "y").await?;
        self.set_status(&pods, "x").await?;
        let negative = json!([{
            "op": "replace", "path": "/status/containerStatuses/0/restartCount", "value": -1,
        }]);
        // The kubelet restores it.
        let status = ["--subresource=status"];
        self.patch("pod", &self.agent_pod, "json", &negative, &status)
            .await?;
        for count in [-2, -1] {
            let change = json!({ "count": count, "lastTimestamp": FAR_FUTURE });
            self.patch("event", ODD_EVENT, "merge", &change, &[])
                .await?;
        }
        Ok(())
    }

    /// Sets the status of pods to one that waits for an image, with huge texts.
    async fn set_status(&self, pods: &[String], letter: &str) -> Result<(), ClusterError> {
        let text = letter.repeat(STATUS_TEXT_BYTES);
        let past = json!({ "exitCode": 1, "finishedAt": FAR_FUTURE, "startedAt": FAR_FUTURE });
        let status = json!({ "status": { "containerStatuses": [{
            "name": "web", "image": text, "imageID": "", "ready": false, "restartCount": -1,
            "state": { "waiting": { "reason": "ErrImagePull", "message": text } },
            "lastState": { "terminated": past },
        }] } });
        let file = self.cluster.write("status.json", &status);
        let patch_file = format!("--patch-file={file}");
        let mut arguments = vec!["patch", "pods", "--type=merge", &patch_file];
        arguments.extend(["--subresource=status", "--namespace", NAMESPACE, "-oname"]);
        arguments.extend(pods.iter().map(String::as_str));
        self.cluster.try_kubectl(&arguments).await.map(drop)
    }

    async fn patch(
        &self,
        kind: &str,
        name: &str,
        form: &str,
        patch: &Value,
        more: &[&str],
    ) -> Result<(), ClusterError> {
        let (form, patch) = (format!("--type={form}"), format!("--patch={patch}"));
        let arguments = ["patch", kind, name, &form, &patch, "-oname"];
        let arguments = [&arguments, more].concat();
        self.cluster.try_kubectl(&arguments).await.map(drop)
    }
}

fn pod_name(number: usize) -> String {
    format!("web-{number}")
}

/// Returns a pod that no scheduler picks up.
fn pending_pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": {
            "schedulerName": "none",
            "containers": [{ "name": "web", "image": "x".repeat(IMAGE_BYTES) }],
        },
    })
}

/// Returns an event of the agent's pod.
fn event(agent: &Value, name: &str, reason: &str) -> Value {
    let agent = &agent["metadata"];
    json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": { "name": name, "namespace": AGENT_NAMESPACE },
        "involvedObject": {
            "apiVersion": "v1", "kind": "Pod", "name": agent["name"], "uid": agent["uid"],
            "namespace": AGENT_NAMESPACE,
        },
        "reason": reason, "message": "x", "type": "Warning", "count": -1,
        "firstTimestamp": FAR_FUTURE, "lastTimestamp": FAR_FUTURE,
    })
}
