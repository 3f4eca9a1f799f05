//! A world, and the exporter's binary in it: in the agent's place, in its pod, or beside it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use castai_health_exporter::catalogue::CheckId;
use lab::AgentFault;
use lab::apiserver::workload;
use serde_json::{Value, json};
use test_support::exporter::Exporter;
use test_support::world::CheckContext;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long the agent waits for anything in these worlds: long enough for a busy machine not to look like a fault.
const PATIENT: &str = "4s";

/// A world with an exporter in it.
pub(super) struct Beside {
    pub(super) world: CheckContext,
    pub(super) exporter: Exporter,
    /// The leaders, who go with the world.
    _leaders: JoinSet<()>,
}

impl Beside {
    pub(super) async fn start(world: CheckContext) -> Self {
        let mut leaders = JoinSet::new();
        leaders.spawn(workload::lead(world.api.objects().clone()));
        fs::write(
            world.mounted("resolv.conf"),
            "options ndots:1 timeout:4 attempts:1\n",
        )
        .unwrap();
        let exporter = Self::exporter(&world, &world.env, json!({})).await;
        Self {
            world,
            exporter,
            _leaders: leaders,
        }
    }

    /// Starts the exporter anew, with what the world gives it now.
    pub(super) async fn restart(&mut self) {
        self.exporter = Self::exporter(&self.world, &self.world.env, json!({})).await;
    }

    /// The agent's pod is deleted, its ports are closed for a moment, and a new one is there.
    pub(super) async fn replace_the_agent(&self) {
        let objects = self.world.api.objects();
        let mut pod = objects.get("Pod", workload::AGENT, workload::POD).unwrap();
        objects.remove("Pod", workload::AGENT, workload::POD);
        self.world.agent.set(AgentFault::Refused).await;
        sleep(Duration::from_secs(3)).await;
        self.world.agent.heal().await;
        pod["metadata"]["creationTimestamp"] = Value::Null;
        objects.put(pod);
    }

    /// Another exporter, which looks at what concerns the agent's pod alone.
    pub(super) async fn sidecar(&self) -> Exporter {
        Self::exporter(
            &self.world,
            &self.world.env,
            json!({ "vantage": "sidecar", "scope": "pod" }),
        )
        .await
    }

    /// Another exporter in a pod of its own, which learns the agent's environment through the API.
    pub(super) async fn companion(&self) -> Exporter {
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
        Self::exporter(world, &own, json!({ "vantage": "companion" })).await
    }

    async fn exporter(world: &CheckContext, env: &BTreeMap<String, String>, more: Value) -> Exporter {
        let vantage = more["vantage"].as_str().unwrap_or("exporter");
        let path = world.mounted(&format!("{vantage}.yaml"));
        let mut file: Value = serde_saphyr::from_str(&world.file).unwrap();
        file.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        for check in CheckId::ALL {
            let settings = &mut file["checks"][check.label()];
            settings["interval"] = json!("3s");
            for (_, limit) in settings["limits"].as_object_mut().into_iter().flatten() {
                *limit = json!(PATIENT);
            }
        }
        fs::write(&path, file.to_string()).unwrap();
        Exporter::start(env, &path).await
    }
}
