//! A lab cluster with the exporter's binary: standalone, as a sidecar, or as a companion.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use castai_health_exporter::catalogue::CheckId;
use lab::AgentFault;
use lab::apiserver::workload;
use serde_json::{Value, json};
use test_support::exporter::Exporter;
use test_support::lab_cluster::LabCluster;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The agent's timeout: long enough for a busy machine.
const AGENT_TIMEOUT: &str = "4s";

/// The interval of the checks where rules are sped up.
const INTERVAL: &str = "3s";

/// A lab cluster with an exporter.
pub(super) struct MonitoredLab {
    pub(super) world: LabCluster,
    pub(super) exporter: Exporter,
    interval: Option<&'static str>,
    /// Lease renewals; dropped with the lab cluster.
    _leaders: JoinSet<()>,
}

impl MonitoredLab {
    pub(super) async fn start(world: LabCluster) -> Self {
        Self::with_intervals(world, Some(INTERVAL)).await
    }

    /// Starts an exporter that runs its checks at this interval, or as often as by default.
    pub(super) async fn with_intervals(world: LabCluster, interval: Option<&'static str>) -> Self {
        let mut leaders = JoinSet::new();
        leaders.spawn(workload::renew_leases(world.api.objects().clone()));
        fs::write(
            world.mounted("resolv.conf"),
            "options ndots:1 timeout:4 attempts:1\n",
        )
        .unwrap();
        let exporter = Self::exporter(&world, &world.env, json!({}), interval).await;
        Self {
            world,
            exporter,
            interval,
            _leaders: leaders,
        }
    }

    /// Restarts the exporter with the current environment and file.
    pub(super) async fn restart(&mut self) {
        self.exporter =
            Self::exporter(&self.world, &self.world.env, json!({}), self.interval).await;
    }

    /// Replaces the agent's pod; its ports are closed for a moment.
    pub(super) async fn replace_agent_pod(&self) {
        let objects = self.world.api.objects();
        let mut pod = objects.get("Pod", workload::AGENT, workload::POD).unwrap();
        objects.remove("Pod", workload::AGENT, workload::POD);
        self.world.agent.set(AgentFault::Refused).await;
        sleep(Duration::from_secs(3)).await;
        self.world.agent.heal().await;
        pod["metadata"]["creationTimestamp"] = Value::Null;
        objects.put(pod);
    }

    /// Adds the exporter's sidecar to the agent's pod, as far as the API shows it.
    pub(super) fn add_sidecar_to_agent_pod(&self) {
        let objects = self.world.api.objects();
        objects.change("Pod", workload::AGENT, workload::POD, |pod| {
            let containers = pod["spec"]["containers"].as_array_mut().unwrap();
            containers.push(json!({ "name": "castai-health-exporter", "image": "exporter" }));
        });
    }

    /// Starts a second exporter that only runs the checks of the agent's pod.
    pub(super) async fn sidecar(&self) -> Exporter {
        Self::exporter(
            &self.world,
            &self.world.env,
            json!({ "vantage": "sidecar", "scope": "pod" }),
            self.interval,
        )
        .await
    }

    /// Starts a second exporter as a companion, which reads the agent's environment through the
    /// API.
    pub(super) async fn companion(&self) -> Exporter {
        self.companion_with_intervals(self.interval).await
    }

    /// The same with other intervals of the checks.
    pub(super) async fn companion_with_intervals(
        &self,
        interval: Option<&'static str>,
    ) -> Exporter {
        let Self { world, .. } = self;
        let (own, agents): (BTreeMap<_, _>, BTreeMap<_, _>) = world
            .env
            .clone()
            .into_iter()
            .partition(|(name, _)| name.starts_with("KUBERNETES_"));
        let variables: Vec<Value> = agents
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        world
            .api
            .objects()
            .change("Pod", workload::AGENT, workload::POD, |pod| {
                pod["spec"]["containers"][0]["env"] = json!(variables);
                pod["status"]["podIP"] = json!("127.0.0.1");
            });
        Self::exporter(world, &own, json!({ "vantage": "companion" }), interval).await
    }

    async fn exporter(
        world: &LabCluster,
        env: &BTreeMap<String, String>,
        more: Value,
        interval: Option<&str>,
    ) -> Exporter {
        let vantage = more["vantage"].as_str().unwrap_or("exporter");
        let path = world.mounted(&format!("{vantage}.yaml"));
        let mut file: Value = serde_saphyr::from_str(&world.file).unwrap();
        file.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        for check in CheckId::ALL {
            let settings = &mut file["checks"][check.label()];
            if let Some(interval) = interval {
                settings["interval"] = json!(interval);
            }
            for (_, limit) in settings["timeouts"].as_object_mut().into_iter().flatten() {
                *limit = json!(AGENT_TIMEOUT);
            }
        }
        fs::write(&path, file.to_string()).unwrap();
        Exporter::start(env, &path).await
    }
}
