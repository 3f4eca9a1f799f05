//! Documents with the planted secrets: the agent's pod, and the verdict of an exporter.

use lab::apiserver::workload;
use serde_json::{Value, json};

use super::PlantedSecrets;

impl PlantedSecrets {
    /// Returns the agent's pod with the secrets in it.
    pub fn pod(&self) -> Value {
        let labels = json!({ "app.kubernetes.io/name": "castai-agent", "app.kubernetes.io/instance": "castai-agent" });
        let mut pod = workload::pod(
            workload::POD,
            workload::REPLICA_SET,
            &labels,
            "agent",
            workload::IMAGE,
        );
        for (name, value) in self.labels.as_object().into_iter().flatten() {
            pod["metadata"]["labels"][name] = value.clone();
        }
        pod["metadata"]["annotations"] = self.annotations.clone();
        pod["spec"]["containers"][0] = self.container.clone();
        pod["spec"]["initContainers"] = json!([{ "name": "prepare", "image": workload::IMAGE }]);
        let status = &mut pod["status"];
        status["conditions"][1]["message"] = self.condition_message.as_str().into();
        status["containerStatuses"][0]["restartCount"] = 1.into();
        status["containerStatuses"][0]["lastState"] = workload::terminated(1, "Error", 60, 30);
        status["containerStatuses"][0]["lastState"]["terminated"]["message"] =
            self.termination_message.as_str().into();
        pod
    }

    /// Returns the events about the agent's pod.
    pub fn events(&self) -> Vec<Value> {
        let messages = self.event_messages.iter().enumerate();
        messages
            .map(|(at, message)| {
                workload::event("Pod", workload::POD, &format!("Hook{at}"), message)
            })
            .collect()
    }

    /// Returns the document of `/api/v1/status` of an exporter.
    pub fn status(&self) -> Value {
        json!({
            "schema_version": 1, "at": "2026-01-02T03:04:05Z", "exporter": { "version": "0.1.0" },
            "root_causes": [{
                "check": "castai_api", "mode": "net_refused", "severity": "critical",
                "since": "2026-01-02T03:00:00Z", "also_affected": [],
            }],
            "checks": [{
                "id": "castai_api", "status": "failing", "evidence": self.evidence,
                "modes": [{
                    "mode": "net_refused", "evidence": self.evidence,
                    "meaning": "The connection was refused.", "remedy": "Start the proxy.",
                }],
            }],
        })
    }
}
