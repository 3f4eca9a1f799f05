//! Failures of the Kubernetes API server.

macro_rules! kubernetes {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Kubernetes: "The Kubernetes API server."]
        K8sEndpointDown = "k8s_endpoint_down" {
            category: Degraded,
            checks: [Apiserver],
            properties: [Transient, Intermittent],
            meaning: "Some of the API server's addresses fail while others work.",
            distinguishing: "If all of them fail, the mode is that of the phase \
                (`tls_handshake_timeout`, `net_refused`, …). Meanwhile, connections through the \
                service address succeed or fail at random.",
            remedy: "Find the failing address in the evidence, which lists each one, and compare \
                it with the registered API servers:\n\
                $ kubectl get endpointslices -n default -l kubernetes.io/service-name=kubernetes\n\
                Self-managed: repair that control-plane node, or remove its stale address. \
                Managed: open a ticket with the provider and give the address.",
        }
        K8sUnauthorized = "k8s_unauthorized" {
            category: Denied,
            checks: [Apiserver, AgentHealth, AgentLog],
            meaning: "The API server rejected the token (401).",
            distinguishing: "The server does not recognise the caller; a known account without \
                permissions is `k8s_rbac_forbidden`. If the token's own expiry has passed, the \
                mode is `k8s_token_expired`; without a token the server reports anonymous.",
            remedy: "Recreate the pod:\n\
                $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent\n\
                Either the service account was deleted or recreated, or the pod is older than the \
                cluster's signing key. Check that the account exists:\n\
                $ kubectl -n {namespace} get serviceaccount {service_account}",
        }
        K8sTokenExpired = "k8s_token_expired" {
            category: Denied,
            checks: [Apiserver],
            meaning: "The API server rejected the token, and the token has expired.",
            distinguishing: "Like `k8s_unauthorized`, but the mounted token itself shows the \
                reason. The server's response never does.",
            remedy: "Recreate the pod, because the kubelet does not renew its token:\n\
                $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent\n\
                If it happens again, check the clock and the kubelet of that node.",
        }
        K8sTokenMissing = "k8s_token_missing" {
            category: Denied,
            checks: [Apiserver, AgentLog],
            meaning: "No service-account token is mounted in this pod.",
            distinguishing: "No request was sent, so the server has not decided anything yet; a \
                token that it rejects is `k8s_unauthorized`.",
            remedy: "Check whether mounting is disabled in the Deployment or in the service \
                account:\n\
                $ kubectl -n {namespace} get deploy/{deployment} serviceaccount/{service_account} \
                -o yaml | grep automountServiceAccountToken\n\
                Enable it, then recreate the pod:\n\
                $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent",
        }
        K8sRbacForbidden = "k8s_rbac_forbidden" {
            category: Denied,
            checks: [Apiserver, AgentPermissions, AgentHealth, AgentLog],
            meaning: "The API server recognises the account but denies it a permission that the \
                agent needs (403).",
            distinguishing: "The response names user, verb and resource. The user \
                `system:anonymous` is `k8s_anonymous_forbidden`; a bare `Forbidden` after an \
                address is a proxy (`proxy_denied`). A permission that only the exporter needs \
                makes its checks unknown instead.",
            remedy: "Restore the chart's roles:\n\
                $ helm upgrade {release} castai-helm/castai-agent -n {namespace} --reuse-values\n\
                Verify with the verb and resource in the evidence:\n\
                $ kubectl auth can-i list pods \
                --as=system:serviceaccount:{namespace}:{service_account} -A",
        }
        K8sAnonymousForbidden = "k8s_anonymous_forbidden" {
            category: Denied,
            checks: [Apiserver, AgentLog],
            meaning: "The request reached the API server without credentials and was denied (403, \
                `system:anonymous`).",
            distinguishing: "Unlike in `k8s_rbac_forbidden`, a role would not help: the token was \
                not sent, or was stripped in transit.",
            remedy: "Check that a token is mounted:\n\
                $ kubectl -n {namespace} get pod -l app.kubernetes.io/name=castai-agent -o yaml | \
                grep serviceAccountToken\n\
                If a proxy is configured, `NO_PROXY` must contain the service range:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} --list | grep -i proxy",
        }
        K8sThrottled = "k8s_throttled" {
            category: Throttled,
            checks: [Apiserver, AgentHealth, AgentLog],
            properties: [Transient],
            meaning: "The API server is rate limiting requests (429).",
            distinguishing: "The server says so itself. `client-side throttling` in the agent's \
                log is the agent's own rate limiter and harmless.",
            remedy: "Find the client that floods the server:\n\
                $ kubectl get --raw /metrics | grep \
                apiserver_flowcontrol_rejected_requests_total\n\
                Slow that client down, or give the agent a dedicated FlowSchema. If the evidence \
                shows no priority-and-fairness headers, it is the provider's limit.",
        }
        K8sEtcdError = "k8s_etcd_error" {
            category: Error,
            checks: [Apiserver, AgentLog],
            properties: [Transient],
            meaning: "The API server responds, but etcd does not, or etcd has no leader.",
            distinguishing: "The server names etcd in its response, or `/version` responds while \
                no stored object does; other 5xx responses are `k8s_server_error`. If \
                `/readyz?verbose` reports etcd as ok, the mode is `http_timeout`.",
            remedy: "Managed: open a ticket with the provider. Self-managed: check what the API \
                server reports of etcd:\n\
                $ kubectl get --raw '/readyz?verbose' | grep etcd\n\
                On a control-plane node, check etcd itself, then disk latency, disk space and \
                quorum:\n\
                $ etcdctl endpoint status --cluster -w table",
        }
        K8sServerError = "k8s_server_error" {
            category: Error,
            checks: [Apiserver, AgentHealth, AgentLog],
            properties: [Transient],
            meaning: "The API server responds with a server error (5xx).",
            distinguishing: "The response is a proper Kubernetes Status, so it comes from the \
                server itself; a page from a load balancer is `k8s_unexpected_body`; a response \
                that names etcd is `k8s_etcd_error`.",
            remedy: "See which component is not ready:\n\
                $ kubectl get --raw '/readyz?verbose'\n\
                If only one API group fails, fix or delete its APIService:\n\
                $ kubectl get apiservices | grep False\n\
                During a control-plane upgrade, wait.",
        }
        K8sUnexpectedBody = "k8s_unexpected_body" {
            category: Error,
            checks: [Apiserver, AgentLog],
            meaning: "Something that is not an API server responds at the API server's address.",
            distinguishing: "The body is neither a Kubernetes Status nor an object: it comes from \
                a load balancer, a proxy or a portal. A Status with 5xx is `k8s_server_error`.",
            remedy: "Check the page title in the evidence. Exclude the API server from the proxy \
                (add the service range to `NO_PROXY`), or fix the load balancer in front of it.",
        }
        K8sNoAnswer = "k8s_no_answer" {
            category: Unreachable,
            checks: [AgentHealth, AgentLog],
            properties: [Timeout, Symptom],
            meaning: "A log says that the API server did not respond in time, but not how far the \
                request got.",
            distinguishing: "`context deadline exceeded` on a lease hides whether TCP, TLS or \
                HTTP hung; even a refused connection looks like this. The `apiserver` check names \
                the phase; rely on that instead.",
            remedy: "Check the `apiserver` check for the phase and follow that mode. The agent \
                exits on its own (exit code 0) after about ten seconds of this; a single restart \
                after a control-plane update is normal. Otherwise:\n\
                $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent",
        }
        K8sSlow = "k8s_slow" {
            category: Slow,
            checks: [Apiserver],
            properties: [Transient, Timeout],
            meaning: "The API server responds, but a phase takes longer than the agent's timeout.",
            distinguishing: "A response did arrive; without one it is the timeout mode of the \
                phase. The evidence names the phase.",
            remedy: "Check the health of the server, then its load:\n\
                $ kubectl get --raw '/readyz?verbose'\n\
                Check CPU throttling of this pod. If TCP or TLS is slow, check packet loss between \
                the node and the control plane.",
        }
    } };
}

pub(super) use kubernetes;
