//! Objects and lists as `kubectl get -o json` and `-o yaml` print them.

use castai_health_exporter::classify::{Paste, PasteSummary};

use super::*;

fn summary(text: &str) -> PasteSummary {
    let mut paste = Paste::default();
    for line in text.lines() {
        paste.push(line);
    }
    paste.finish()
}

/// Returns the labels of the findings, the root cause first.
fn found(text: &str) -> Vec<&'static str> {
    let findings = summary(text).findings;
    findings
        .iter()
        .map(|finding| finding.mode.label())
        .collect()
}

/// A list with these objects, printed as kubectl does.
fn list(objects: &serde_json::Value) -> String {
    let list = serde_json::json!({"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}});
    serde_json::to_string_pretty(&list).unwrap()
}

#[test]
fn containers_of_a_json_list_are_read() {
    let pods = serde_json::json!([
        {"kind": "Pod", "metadata": {"name": "a"}, "status": {"phase": "Pending", "containerStatuses": [
            {"name": "agent", "state": {"waiting": {"reason": "ImagePullBackOff", "message":
                "Back-off pulling image \"x/y:1\": ErrImagePull: failed to resolve reference \"x/y:1\": x/y:1: not found"}}}]}},
        {"kind": "Pod", "metadata": {"name": "failed-jobs-error"}, "status": {"phase": "Running", "containerStatuses": [
            {"name": "error", "state": {"running": {}}, "lastState": {"terminated": {"reason": "Completed", "exitCode": 0}}}]}},
    ]);
    let summary = summary(&list(&pods));
    let root = summary.root().unwrap();
    assert_eq!(root.mode.label(), "image_not_found");
    assert!(
        root.evidence[0]
            .text
            .starts_with("pod/a container agent: ImagePullBackOff: Back-off")
    );
    assert_eq!(summary.findings.len(), 1);
}

#[test]
fn conditions_of_a_json_list_are_read() {
    let objects = serde_json::json!([
        {"kind": "Pod", "metadata": {"name": "a"}, "status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "message": "0/3 nodes are available: 3 Insufficient memory."}]}},
        {"kind": "ReplicaSet", "metadata": {"name": "b"}, "status": {"conditions": [
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                "message": "pods \"b-\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=1, limited: pods=1"}]}},
        {"kind": "Node", "metadata": {"name": "c"}, "status": {"conditions": [
            {"type": "MemoryPressure", "status": "False", "reason": "KubeletHasSufficientMemory",
                "message": "kubelet has sufficient memory available"}]}},
        {"kind": "Pod", "metadata": {"name": "d"}, "status": {"reason": "Evicted",
            "message": "The node was low on resource: memory."}},
    ]);
    assert_eq!(
        found(&list(&objects)),
        [
            "agent_unschedulable_resources",
            "agent_failed_create_quota",
            "agent_evicted"
        ]
    );
}

#[test]
fn events_of_a_json_list_are_read_by_type() {
    let events = serde_json::json!([
        {"kind": "Event", "type": "Normal", "reason": "Pulling", "message": "Pulling image \"x/failed:1\"",
            "involvedObject": {"kind": "Pod", "name": "a"}},
        {"kind": "Event", "type": "Warning", "reason": "FailedMount", "message":
            "MountVolume.SetUp failed for volume \"tls\" : secret \"castai-tls\" not found",
            "involvedObject": {"kind": "Pod", "name": "a"}},
    ]);
    assert_eq!(found(&list(&events)), ["agent_failed_mount"]);
}

#[test]
fn healthy_list_has_no_finding_and_large_lists_are_one_record() {
    let pods: Vec<_> = (0..400)
        .map(|number| {
            serde_json::json!({"kind": "Pod", "metadata": {"name": format!("error-{number}")}, "status": {"phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}]}})
        })
        .collect();
    let text = list(&serde_json::json!(pods));
    let lines = text.lines().count();
    assert!(lines > 4000, "{lines}");
    let summary = summary(&text);
    assert!(summary.root().is_none());
    assert_eq!((summary.harmless, summary.unknown), (lines, 0));
}

#[test]
fn last_words_of_a_container_are_read_line_by_line() {
    let pod = serde_json::json!([{"kind": "Pod", "metadata": {"name": "a"}, "status": {"containerStatuses": [
        {"name": "agent", "lastState": {"terminated": {"reason": "Error", "exitCode": 1, "message":
            "time=\"2026-11-22T13:05:12Z\" level=info msg=\"starting\"\ntime=\"2026-11-22T13:05:12Z\" level=error msg=\"registering cluster: requesting castai api: request error status_code=401 body={}\"\n"}}}]}}]);
    assert_eq!(found(&list(&pod)), ["castai_token_invalid"]);
}

#[test]
fn list_in_one_text_has_the_mode_of_its_first_fault() {
    let pod = serde_json::json!({"kind": "Pod", "metadata": {"name": "a"}, "status": {"containerStatuses": [
        {"name": "agent", "state": {"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"castai\" not found"}}}]}});
    assert_eq!(
        label(classify_line(&pod.to_string())),
        "agent_config_missing"
    );
}

#[test]
fn stray_bracket_does_not_swallow_the_log_after_it() {
    let log = "{\ntime=\"2026-11-22T13:05:12Z\" level=error msg=\"dial tcp 10.0.0.1:443: connect: connection refused\"\n";
    assert_eq!(found(log), ["net_refused"]);
}

const YAML: &str = r#"apiVersion: v1
items:
- apiVersion: v1
  kind: Pod
  metadata:
    name: castai-agent-5559cfb4b6-92rkm
  status:
    conditions:
    - lastProbeTime: null
      lastTransitionTime: "2026-11-22T13:05:12Z"
      message: 'containers with unready status: [agent]'
      reason: ContainersNotReady
      status: "False"
      type: Ready
    containerStatuses:
    - image: us-docker.pkg.dev/castai-hub/library/agent:v0.999.0
      lastState: {}
      name: agent
      ready: false
      restartCount: 0
      state:
        waiting:
          message: 'Back-off pulling image "us-docker.pkg.dev/castai-hub/library/agent:v0.999.0":
            ErrImagePull: failed to pull and unpack image "us-docker.pkg.dev/castai-hub/library/agent:v0.999.0":
            failed to resolve reference "us-docker.pkg.dev/castai-hub/library/agent:v0.999.0":
            us-docker.pkg.dev/castai-hub/library/agent:v0.999.0: not found'
          reason: ImagePullBackOff
    phase: Pending
kind: List
metadata:
  resourceVersion: ""
"#;

#[test]
fn wrapped_message_in_yaml_is_one_record() {
    let summary = summary(YAML);
    let root = summary.root().unwrap();
    assert_eq!(root.mode.label(), "image_not_found");
    assert_eq!(
        (root.evidence[0].first_line, root.evidence[0].last_line),
        (23, 26)
    );
    assert_eq!(summary.unknown, 0);
}

#[test]
fn wrapped_message_without_quotes_is_one_record() {
    let yaml = "    message: 0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated\n      \
        taint {dedicated: gpu}. preemption is not helpful for scheduling.\n    reason: Unschedulable\n";
    assert_eq!(found(yaml), ["agent_unschedulable_taint"]);
    let escaped = "      message: \"dial tcp: lookup api.cast.ai on 10.96.0.10:53: no such\\\n        \\ host\"\n";
    assert_eq!(found(escaped), ["net_dns_nxdomain"]);
}
