//! Lines without a failure mode: healthy runs and consequences.

use super::super::{Row, assert_classified, classify_line};

const HEALTHY: &[Row] = &[
    ("", ""),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="starting healthz on port: 9876" version=v0.123.1"#,
        "",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="cluster registered" cluster_id=46d0d683-da70-4f69-b970-8d6509001c10 provider=eks version=v0.123.1"#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="delta upload finished" full_snapshot=true items=120 response_code=204 roundtrip_duration_ms=41"#,
        "",
    ),
    (
        r#"time="2021-11-22T13:05:54Z" level=info msg="delta with items[12] sent, response_code=204""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="Not a leader, skipping sending deltas""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="Informer cache for *v1.Pod has not been synced after 1m0.000123s""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="Failed getting pod metrics, check metrics server health: the server is currently unable to handle the request (get pods.metrics.k8s.io)""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="healthz server closed""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="Error when getting server resources: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="Skipping conditional informer name: *v1.PodDisruptionBudget, because required access is not available""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="loading metadata failed: parsing json: unexpected end of JSON input""#,
        "",
    ),
    (
        r#"I1122 13:04:55.148702       1 request.go:752] "Waited before sending request" delay="1.2s" reason="client-side throttling, not priority and fairness" verb="POST" URL="https://10.96.0.1:443/apis/authorization.k8s.io/v1/selfsubjectaccessreviews""#,
        "",
    ),
    (
        "I1122 13:04:55.148702       1 leaderelection.go:257] attempting to acquire leader lease castai-agent/agent-leader-election-lock...",
        "",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: Put "https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock-registration": context canceled, falling back to slow path"#,
        "",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:448] error retrieving resource lock castai-agent/agent-leader-election-lock-registration: client rate limiter Wait returned an error: context canceled",
        "",
    ),
    (
        "I1122 13:04:55.148702       1 leaderelection.go:297] failed to renew lease castai-agent/agent-leader-election-lock-registration: context canceled",
        "",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: Operation cannot be fulfilled on leases.coordination.k8s.io \"agent-leader-election-lock\": the object has been modified; please apply your changes to the latest version and try again, falling back to slow path",
        "",
    ),
    (
        "W1122 13:04:55.148702       1 reflector.go:484] watch of *v1.Pod ended with: too old resource version: 4711 (4712)",
        "",
    ),
    (
        "SDK 2026/11/22 13:03:16 DEBUG retrying request EC2/DescribeInstances, attempt 2",
        "",
    ),
    (
        "WARNING: EKS_ACCOUNT_ID was provided in scientific notation (\"5.892517896e+11\"), normalized to 589251789600",
        "metadata_account_malformed",
    ),
];

#[test]
fn healthy_log_lines_have_no_mode() {
    assert_classified(classify_line, HEALTHY);
}

const CONSEQUENCES: &[Row] = &[
    (
        "E1122 13:04:55.148702       1 memcache.go:287] couldn't get resource list for metrics.k8s.io/v1beta1: the server is currently unable to handle the request",
        "",
    ),
    (
        "SDK 2026/11/22 13:03:16 WARN falling back to IMDSv1: operation error ec2imds: getToken, http response error StatusCode: 0, request to EC2 IMDS failed",
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=error msg="failed to send logs after shutdown timed out""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": context canceled""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=error msg="agent stopped with an error: healthz server: http: Server closed""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="context done""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="shutdown triggered by \"leader election\" (no error)" version=v0.123.1"#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="shutdown triggered by \"controller\" (no error)""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="shutdown triggered by \"metrics server\" (no error)""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="failed sending delta request: Post \"https://api.cast.ai/v1/kubernetes/clusters/1/agent-deltas\": io: read/write on closed pipe" attempts=2"#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=error msg="compressing json: io: read/write on closed pipe""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="failed to register cluster with lease, falling back to direct registration" error="context canceled before registration was initiated: context deadline exceeded""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="failed to store metadata in a config map: Patch \"https://10.96.0.1:443/api/v1/namespaces/castai-agent/configmaps/castai-agent-metadata\": context canceled""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=error msg="unexpected agent restart detected, fetching k8s events for castai-agent/castai-agent-5d8f7-abcde""#,
        "",
    ),
    (
        r#"E1122 13:04:55.148702       1 panic.go:236] "Observed a panic" panic="runtime error: index out of range [1] with length 1" panicGoValue="x" stacktrace="y""#,
        "",
    ),
    (
        "panic: runtime error: index out of range [1] with length 1 [recovered]",
        "",
    ),
    ("panic({0x2a1b3c0?, 0xc000612340?})", ""),
    ("goroutine 1 [running]:", ""),
    (
        "\tgithub.com/castai/k8s-agent/cmd/agent/run.go:123 +0x1d",
        "",
    ),
];

#[test]
fn consequences_have_no_mode() {
    assert_classified(classify_line, CONSEQUENCES);
}
