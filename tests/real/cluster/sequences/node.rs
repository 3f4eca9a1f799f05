//! Objects that a kubelet would write: a node, and the status of the agent's pod.

use std::net::{IpAddr, SocketAddr};

use lab::apiserver::workload::{ago, condition, terminated};
use serde_json::{Value, json};

/// Run time of the agent before a single restart, in seconds: too long for a crash loop.
const RUN_SECONDS: i64 = 2 * 3600;

/// The container of the agent.
#[derive(Clone, Debug)]
pub(in crate::cluster) struct AgentContainer {
    pub(in crate::cluster) does: Container,
    pub(in crate::cluster) restarts: u32,
    pub(in crate::cluster) last_exit: Value,
}

/// The state of the agent's container.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::cluster) enum Container {
    /// It runs.
    Runs,
    /// It exits with code 1 a few seconds after each start.
    CrashLoops,
    /// Its image cannot be pulled again.
    CannotBePulled,
    /// The Secret of its environment does not exist.
    LacksSecret,
}

/// Returns a ready node without taints; its kubelet serves logs at this address.
pub(in crate::cluster) fn node(kubelet: SocketAddr) -> Value {
    let room = json!({ "cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "10Gi" });
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": "node-1",
            "labels": { "kubernetes.io/hostname": "node-1", "eks.amazonaws.com/capacityType": "SPOT" },
        },
        "spec": { "providerID": "aws:///eu-central-1a/i-0a1b2c3d4e5f60001" },
        "status": {
            "capacity": room, "allocatable": room,
            "addresses": [{ "type": "InternalIP", "address": kubelet.ip() }],
            "daemonEndpoints": { "kubeletEndpoint": { "Port": kubelet.port() } },
            "conditions": [condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")],
        },
    })
}

impl AgentContainer {
    /// Returns the container of a new pod.
    pub(in crate::cluster) fn new() -> Self {
        Self {
            does: Container::Runs,
            restarts: 0,
            last_exit: json!({}),
        }
    }

    /// Exits with code 0 after hours, and runs again.
    pub(in crate::cluster) fn restart(&mut self) {
        self.restarts += 1;
        self.last_exit = terminated(0, "Completed", RUN_SECONDS, 0);
    }

    /// Exits several times in a row.
    pub(in crate::cluster) fn crash(&mut self) {
        self.restarts += 4;
        self.last_exit = terminated(1, "Error", 20, 10);
    }
}

/// Returns the status of the agent's pod.
pub(in crate::cluster) fn pod_status(pod: &Value, agent: &AgentContainer, ip: IpAddr) -> Value {
    let containers = pod["spec"]["containers"].as_array().unwrap();
    let statuses: Vec<Value> = containers
        .iter()
        .map(|spec| match spec["name"].as_str() {
            Some("agent") => container_status(spec, agent),
            _ => container_status(spec, &AgentContainer::new()),
        })
        .collect();
    let runs = agent.does == Container::Runs;
    let ready = if runs { "True" } else { "False" };
    let conditions = [
        condition("PodScheduled", "True", "", ""),
        condition("Initialized", "True", "", ""),
        condition("ContainersReady", ready, "", ""),
        condition("Ready", ready, "", ""),
    ];
    let phase = match agent.does {
        Container::CannotBePulled | Container::LacksSecret => "Pending",
        Container::Runs | Container::CrashLoops => "Running",
    };
    json!({
        "phase": phase, "podIP": ip, "podIPs": [{ "ip": ip }],
        "conditions": conditions, "containerStatuses": statuses,
    })
}

fn container_status(spec: &Value, container: &AgentContainer) -> Value {
    let image = spec["image"].as_str().unwrap();
    let waiting = |reason: &str, message: &str| json!({ "waiting": { "reason": reason, "message": message } });
    let state = match container.does {
        Container::Runs => json!({ "running": { "startedAt": ago(0) } }),
        Container::CrashLoops => waiting(
            "CrashLoopBackOff",
            "back-off 40s restarting failed container",
        ),
        Container::CannotBePulled => {
            let cause = "rpc error: code = NotFound desc = failed to pull and unpack image";
            let text = format!(
                "Back-off pulling image \"{image}\": ErrImagePull: {cause} \"{image}\": not found"
            );
            waiting("ImagePullBackOff", &text)
        }
        Container::LacksSecret => waiting(
            "CreateContainerConfigError",
            "secret \"castai-agent\" not found",
        ),
    };
    json!({
        "name": spec["name"], "image": image, "imageID": "",
        "ready": container.does == Container::Runs, "restartCount": container.restarts,
        "state": state, "lastState": container.last_exit,
    })
}
