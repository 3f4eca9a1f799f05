//! A pod that contains the exporter, as the API server describes it.

use std::net::IpAddr;

use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

use crate::config::Vantage;
use crate::kube::PodPort;
use crate::kube::types::object::{Map, ObjectMeta};
use crate::report::Evidence;

/// The name of the exporter's port, by which monitors select it too.
const PORT_NAME: &str = "health-metrics";
/// The agent's container.
const AGENT_CONTAINER: &str = "agent";

/// A pod that contains the exporter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExporterPod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its node, once it is scheduled.
    pub node: Option<String>,
    /// The image of the exporter.
    pub image: String,
    /// Where it runs relative to the agent.
    pub vantage: Vantage,
    /// The namespace of the agent that a companion watches, if its arguments name it.
    pub agent_namespace: Option<String>,
    /// The IP address of the pod, once it has one.
    pub address: Option<IpAddr>,
    /// The port of the exporter.
    pub port: u16,
    /// The prefix of all routes: empty, or `/…` without a trailing slash.
    pub route_prefix: String,
    /// Whether it has a web configuration file, which may require TLS or a password.
    pub has_web_config: bool,
    /// Why its container does not run.
    pub not_running: Option<Evidence>,
}

#[derive(Deserialize)]
struct RawPod {
    metadata: ObjectMeta<IgnoredAny, Map>,
    #[serde(default)]
    spec: RawSpec,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSpec {
    node_name: Option<String>,
    containers: Vec<RawContainer>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawContainer {
    name: String,
    image: String,
    command: Vec<String>,
    args: Vec<String>,
    ports: Vec<RawPort>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawPort {
    name: String,
    container_port: u16,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawStatus {
    #[serde(rename = "podIP")]
    pod_ip: String,
    phase: String,
    reason: String,
    container_statuses: Vec<RawContainerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawContainerStatus {
    name: String,
    state: RawState,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawState {
    waiting: Option<RawReason>,
    terminated: Option<RawReason>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawReason {
    reason: String,
    message: String,
}

impl ExporterPod {
    /// Parses a pod; `None` if it contains no exporter, or is finished or being deleted.
    pub fn parse(json: &[u8]) -> Option<Self> {
        let pod: RawPod = serde_json::from_slice(json).ok()?;
        let is_over = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
        if is_over || pod.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let containers = &pod.spec.containers;
        let (container, port) = containers.iter().find_map(|container| {
            let named = |port: &&RawPort| port.name == PORT_NAME;
            Some((container, container.ports.iter().find(named)?))
        })?;
        let arguments = Arguments::of(container);
        let in_agents_pod = containers
            .iter()
            .any(|container| container.name == AGENT_CONTAINER);
        Some(Self {
            vantage: match arguments.value("--vantage") {
                Some("companion") => Vantage::Companion,
                Some("sidecar") => Vantage::Sidecar,
                _ if in_agents_pod => Vantage::Sidecar,
                _ => Vantage::Companion,
            },
            agent_namespace: arguments.value("--agent.namespace").map(str::to_owned),
            address: pod.status.pod_ip.parse().ok(),
            port: port.container_port,
            route_prefix: arguments.route_prefix(),
            has_web_config: arguments.value("--web.config.file").is_some(),
            not_running: pod.status.not_running(&container.name),
            image: container.image.clone(),
            node: pod.spec.node_name.filter(|name| !name.is_empty()),
            namespace: pod.metadata.namespace,
            name: pod.metadata.name,
        })
    }

    /// Returns the port, with or without TLS.
    pub fn pod_port(&self, tls: bool) -> PodPort {
        PodPort {
            namespace: self.namespace.clone(),
            pod: self.name.clone(),
            port: self.port,
            tls,
        }
    }
}

impl RawStatus {
    /// Returns why the container does not run, in words of the kubelet, a registry or a webhook.
    fn not_running(&self, container: &str) -> Option<Evidence> {
        let status = self
            .container_statuses
            .iter()
            .find(|status| status.name == container);
        let Some(status) = status else {
            return match (self.phase.as_str(), self.reason.as_str()) {
                ("Running" | "", _) => None,
                (phase, "") => Some(format!("the pod is {phase}").into()),
                (phase, reason) => Some(format!("the pod is {phase}: {reason}").into()),
            };
        };
        let why = status.state.waiting.as_ref();
        let why = why.or(status.state.terminated.as_ref())?;
        Some(match (why.reason.as_str(), why.message.as_str()) {
            ("", _) => "the container does not run".into(),
            (reason, "") => reason.into(),
            (reason, message) => format!("{reason}: {message}").into(),
        })
    }
}

/// The command line of a container.
struct Arguments<'a>(Vec<&'a str>);

impl<'a> Arguments<'a> {
    fn of(container: &'a RawContainer) -> Self {
        let words = container.command.iter().chain(&container.args);
        Self(words.map(String::as_str).collect())
    }

    /// Returns the last value of a flag, written as `--flag=value` or `--flag value`.
    fn value(&self, flag: &str) -> Option<&'a str> {
        let at = |(at, word): (usize, &&'a str)| {
            let rest = word.strip_prefix(flag)?;
            match rest.strip_prefix('=') {
                Some(value) => Some(value),
                None if rest.is_empty() => self.0.get(at + 1).copied(),
                None => None,
            }
        };
        self.0.iter().enumerate().filter_map(at).next_back()
    }

    fn route_prefix(&self) -> String {
        let external = || {
            let url = Url::parse(self.value("--web.external-url")?).ok()?;
            Some(url.path().to_owned())
        };
        let prefix = self.value("--web.route-prefix").map(str::to_owned);
        let prefix = prefix.or_else(external).unwrap_or_default();
        let prefix = prefix.trim_matches('/');
        if prefix.is_empty() {
            String::new()
        } else {
            format!("/{prefix}")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(containers: &Value, status: &Value) -> Option<ExporterPod> {
        let pod = json!({
            "metadata": { "name": "p", "namespace": "castai-agent" },
            "spec": { "nodeName": "node-1", "containers": containers },
            "status": status,
        });
        ExporterPod::parse(pod.to_string().as_bytes())
    }

    fn exporter(args: &Value) -> Value {
        json!({
            "name": "castai-health-exporter", "image": "local/exporter:1", "args": args,
            "ports": [{ "name": "health-metrics", "containerPort": 9999 }],
        })
    }

    #[test]
    fn sidecar_and_companion_are_found_by_port_name() {
        let sidecar = json!([{ "name": "agent" }, exporter(&json!(["run"]))]);
        let sidecar = pod(&sidecar, &json!({})).unwrap();
        assert_eq!((sidecar.vantage, sidecar.port), (Vantage::Sidecar, 9999));
        let args = json!([
            "run",
            "--vantage=companion",
            "--agent.namespace",
            "castai",
            "--web.route-prefix=/health/",
            "--web.config.file=/etc/web.yaml",
        ]);
        let companion = pod(&json!([exporter(&args)]), &json!({})).unwrap();
        assert_eq!(companion.vantage, Vantage::Companion);
        assert_eq!(companion.agent_namespace.as_deref(), Some("castai"));
        assert_eq!(companion.route_prefix, "/health");
        assert!(companion.has_web_config);
        assert_eq!(pod(&json!([{ "name": "agent" }]), &json!({})), None);
    }

    #[test]
    fn route_prefix_follows_from_the_external_url() {
        let args = json!(["--web.external-url=https://ops.example.com/castai/"]);
        let found = pod(&json!([exporter(&args)]), &json!({})).unwrap();
        assert_eq!(found.route_prefix, "/castai");
    }

    #[test]
    fn container_that_does_not_run_says_why_and_finished_pods_are_left_out() {
        let waiting = json!({ "phase": "Pending", "containerStatuses": [{
            "name": "castai-health-exporter",
            "state": { "waiting": { "reason": "ImagePullBackOff", "message": "back\u{1b}[31m-off" } },
        }] });
        let containers = json!([exporter(&json!([]))]);
        let found = pod(&containers, &waiting).unwrap();
        // The message may quote a registry, so it must not control a terminal.
        let why = found.not_running.unwrap();
        assert_eq!(why.as_str(), "ImagePullBackOff: back[31m-off");
        assert_eq!(pod(&containers, &json!({ "phase": "Failed" })), None);
    }
}
