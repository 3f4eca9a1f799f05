//! Errors of the API server.

use super::super::{Row, assert_classified, classify_line};

const API_SERVER: &[Row] = &[
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock-registration: Get "https://10.96.0.21:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock-registration?timeout=10s": net/http: TLS handshake timeout"#,
        "tls_handshake_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to store metadata in a config map: Patch \"https://10.96.0.21:443/api/v1/namespaces/castai-agent/configmaps/castai-agent-metadata\": net/http: TLS handshake timeout""#,
        "tls_handshake_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="shutdown triggered by \"controller\"" error="running controller function: getting kubernetes version: getting server version: Get \"https://10.96.0.21:443/version\": net/http: TLS handshake timeout""#,
        "tls_handshake_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="shutdown triggered by \"controller\"" error="running controller function: getting kubernetes version: getting server version: Get \"https://10.96.0.21:443/version\": dial tcp 10.96.0.21:443: connect: connection refused""#,
        "net_refused",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="shutdown triggered by \"controller\"" error="running controller function: getting kubernetes version: getting server version: the server has asked for the client to provide credentials""#,
        "k8s_unauthorized",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="shutdown triggered by \"controller\"" error="running controller function: getting kubernetes version: getting server version: an error on the server (\"unknown\") has prevented the request from succeeding""#,
        "k8s_server_error",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="shutdown triggered by \"controller\"" error="something new""#,
        "unclassified",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: getting kube-system namespace id: getting namespace \"kube-system\": Get \"https://10.96.0.1:443/api/v1/namespaces/kube-system\": net/http: TLS handshake timeout""#,
        "tls_handshake_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="Error when getting server resources: Get \"https://10.96.0.1:443/api\": net/http: TLS handshake timeout""#,
        "tls_handshake_timeout",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: Get "https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock": Forbidden"#,
        "proxy_denied",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: leases.coordination.k8s.io "agent-leader-election-lock" is forbidden: User "system:serviceaccount:castai-agent:castai-agent" cannot get resource "leases" in API group "coordination.k8s.io" in the namespace "castai-agent""#,
        "k8s_rbac_forbidden",
    ),
    (
        r#"E1122 13:04:55.148702       1 reflector.go:205] "Failed to watch" err="failed to list *v1.Pod: pods is forbidden: User \"system:serviceaccount:castai-agent:castai-agent\" cannot list resource \"pods\" in API group \"\" at the cluster scope" logger="UnhandledError" reflector="k8s.io/client-go/informers/factory.go:160" type="*v1.Pod""#,
        "k8s_rbac_forbidden",
    ),
    (
        r#"E1122 13:04:55.148702       1 reflector.go:138] pkg/mod/k8s.io/client-go@v0.21.1/tools/cache/reflector.go:167: Failed to watch *v1.Pod: failed to list *v1.Pod: pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope"#,
        "k8s_anonymous_forbidden",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: Unauthorized, falling back to slow path",
        "k8s_unauthorized",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: Unauthorized",
        "k8s_unauthorized",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: etcdserver: request timed out, falling back to slow path",
        "k8s_etcd_error",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: the server has received too many requests and has asked us to try again later (put leases.coordination.k8s.io agent-leader-election-lock), falling back to slow path",
        "k8s_throttled",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: the server is currently unable to handle the request (put leases.coordination.k8s.io agent-leader-election-lock), falling back to slow path",
        "k8s_server_error",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: Put "https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock": context deadline exceeded, falling back to slow path"#,
        "k8s_no_answer",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:448] error retrieving resource lock castai-agent/agent-leader-election-lock: client rate limiter Wait returned an error: context deadline exceeded",
        "k8s_no_answer",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:448] error retrieving resource lock castai-agent/agent-leader-election-lock: client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline",
        "k8s_no_answer",
    ),
    (
        r#"I1122 13:04:55.148702       1 reflector.go:556] "Warning: watch ended with error" reflector="k8s.io/client-go/informers/factory.go:160" type="*v1.Pod" err="an error on the server (\"unable to decode an event from the watch stream: http2: client connection lost\") has prevented the request from succeeding""#,
        "k8s_no_answer",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: an error on the server ("<html><head><title>502 Bad Gateway</title></head></html>") has prevented the request from succeeding (get leases.coordination.k8s.io agent-leader-election-lock)"#,
        "k8s_unexpected_body",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: Get "https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/x": tls: failed to verify certificate: x509: certificate is valid for 10.0.0.1, not 10.96.0.1"#,
        "tls_hostname_mismatch",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: Get "https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/x": x509: cannot validate certificate for 10.96.0.1 because it doesn't contain any IP SANs"#,
        "tls_hostname_mismatch",
    ),
    (
        r#"E1122 13:04:55.148702       1 reflector.go:205] "Failed to watch" err="failed to list autoscaling.cast.ai/v1, Resource=recommendations: Get \"https://10.96.0.1/apis/autoscaling.cast.ai/v1/recommendations?limit=500\": http2: client connection lost" type="x""#,
        "k8s_no_answer",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="reading: Get \"https://10.96.0.1/apis/autoscaling.cast.ai/v1/x\": http2: client connection lost""#,
        "k8s_no_answer",
    ),
    (
        r#"E1122 13:04:55.148702       1 panic.go:236] "Observed a panic" panic="failed getting kubernetes version: Get \"https://10.96.0.1:443/version\": dial tcp 10.96.0.1:443: i/o timeout""#,
        "net_connect_timeout",
    ),
    (
        r#"E0506 14:24:03.000000       1 panic.go:236] Observed a panic: &errors.errorString{s:"failed getting kubernetes version: Get \"https://10.96.0.1:443/version\": dial tcp 10.96.0.1:443: i/o timeout"}"#,
        "net_connect_timeout",
    ),
];

#[test]
fn apiserver_errors_have_their_modes() {
    assert_classified(classify_line, API_SERVER);
}
