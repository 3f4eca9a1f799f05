//! Pod states.

use lab::apiserver::workload;
use serde_json::{Value, json};

/// Makes the pod run with containers that are not ready.
pub fn not_ready(pod: &mut Value) {
    pod["status"]["conditions"][1] =
        workload::condition("Ready", "False", "ContainersNotReady", "");
    pod["status"]["containerStatuses"][0]["ready"] = json!(false);
}

/// Makes the first container wait for this reason.
pub fn wait_for(pod: &mut Value, reason: &str, text: &str) {
    not_ready(pod);
    pod["status"]["phase"] = json!("Pending");
    pod["status"]["containerStatuses"][0]["state"] =
        json!({ "waiting": { "reason": reason, "message": text } });
}
