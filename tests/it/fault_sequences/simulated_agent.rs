//! The agent of a lab cluster over time: what it logs, and its restarts.

use lab::apiserver::workload::{self, POD};
use lab::apiserver::{ContainerLogs, ObjectStore};
use serde_json::json;
use test_support::sequence::faults::UPLOADED;

/// Run time of the agent before each restart, in seconds: too long for a crash loop.
const RUN_SECONDS: i64 = 2 * 3600;

/// The container of the agent, with its log.
#[derive(Clone)]
pub(super) struct SimulatedAgent {
    objects: ObjectStore,
    logs: ContainerLogs,
    restarts: u32,
}

impl SimulatedAgent {
    pub(super) fn new(objects: &ObjectStore, logs: &ContainerLogs) -> Self {
        Self {
            objects: objects.clone(),
            logs: logs.clone(),
            restarts: 0,
        }
    }

    /// Logs a line as if it had been written some seconds ago.
    pub(super) fn logs_ago(&self, seconds: i64, line: &str) {
        self.logs.write_ago(POD, "agent", seconds, line);
    }

    /// Delivers a delta.
    pub(super) fn delivers(&self) {
        self.logs_ago(0, UPLOADED);
    }

    /// Exits and runs again since some seconds ago.
    pub(super) fn restarts_ago(&mut self, seconds: i64) {
        self.restarts += 1;
        self.logs.restart(POD, "agent");
        self.objects.change("Pod", workload::AGENT, POD, |pod| {
            let container = &mut pod["status"]["containerStatuses"][0];
            container["restartCount"] = json!(self.restarts);
            container["state"] = json!({ "running": { "startedAt": workload::ago(seconds) } });
            container["lastState"] =
                workload::terminated(0, "Completed", seconds + RUN_SECONDS, seconds);
        });
    }
}
