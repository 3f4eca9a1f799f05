//! Failures of the Kubernetes API server.

macro_rules! kubernetes {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Kubernetes: "The Kubernetes API server."]
        K8sEndpointDown = "k8s_endpoint_down" {
            category: Degraded,
            checks: [Apiserver],
            properties: [Transient],
            meaning: "Some of the API server's addresses fail while others work.",
            distinguishing: "If all of them fail, the mode is that of the phase (`tls_handshake_timeout`, `net_refused` …). \
                Connections through the service address succeed or fail by chance meanwhile.",
            remedy: "The evidence lists each address. Compare with `kubectl get endpointslices -n default -l \
                kubernetes.io/service-name=kubernetes`. Self-managed: repair that control-plane node, or remove its \
                stale address. Managed: open a ticket with the provider and name the address.",
        }
        K8sUnauthorized = "k8s_unauthorized" {
            category: Denied,
            checks: [Apiserver, AgentHealth, AgentLog],
            meaning: "The API server does not accept the token (401).",
            distinguishing: "It does not know who asks; a known account without rights is `k8s_rbac_forbidden`. If the token's \
                own end date has passed it is `k8s_token_expired`; without a token the server says anonymous.",
            remedy: "The service account was deleted or made anew, or the pod is older than the cluster's signing key. \
                Make a new pod: `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`. Does \
                the account exist: `kubectl -n castai-agent get serviceaccount castai-agent`.",
        }
        K8sTokenExpired = "k8s_token_expired" {
            category: Denied,
            checks: [Apiserver],
            meaning: "The API server does not accept the token, and the token's end date has passed.",
            distinguishing: "As `k8s_unauthorized`, but the mounted token itself says why. The server's answer never does.",
            remedy: "The kubelet does not renew the token. Make a new pod: `kubectl -n castai-agent delete pod -l \
                app.kubernetes.io/name=castai-agent`. If it happens again, check the clock and the kubelet of that \
                node.",
        }
        K8sTokenMissing = "k8s_token_missing" {
            category: Denied,
            checks: [Apiserver, AgentLog],
            meaning: "No service-account token is mounted in this pod.",
            distinguishing: "Nothing was sent, so the server has not judged yet; a token that it rejects is `k8s_unauthorized`.",
            remedy: "Is mounting switched off: `kubectl -n castai-agent get deploy castai-agent -o yaml | grep -A1 \
                automountServiceAccountToken` and the same for `serviceaccount castai-agent`. Switch it on and make \
                a new pod.",
        }
        K8sRbacForbidden = "k8s_rbac_forbidden" {
            category: Denied,
            checks: [Apiserver, AgentHealth, AgentLog],
            meaning: "The API server knows the account and denies it the request (403).",
            distinguishing: "The answer names user, verb and resource. The user `system:anonymous` is `k8s_anonymous_forbidden`; \
                `Forbidden` alone behind an address is a proxy (`proxy_denied`).",
            remedy: "Restore the chart's roles: `helm upgrade castai-agent castai-helm/castai-agent -n castai-agent \
                --reuse-values`. Prove it with the verb and resource of the evidence: `kubectl auth can-i list pods \
                --as=system:serviceaccount:castai-agent:castai-agent -A`.",
        }
        K8sAnonymousForbidden = "k8s_anonymous_forbidden" {
            category: Denied,
            checks: [Apiserver, AgentLog],
            meaning: "The request reached the API server without credentials and is denied (403, `system:anonymous`).",
            distinguishing: "A role would not help, as in `k8s_rbac_forbidden`; the token was not sent, or taken away on the way.",
            remedy: "Is a token mounted: `kubectl -n castai-agent exec deploy/castai-agent -c agent -- ls \
                /var/run/secrets/kubernetes.io/serviceaccount` (or look at the pod's volumes, the image may have no \
                shell). Is a proxy between: the service range must stand in `NO_PROXY`.",
        }
        K8sThrottled = "k8s_throttled" {
            category: Throttled,
            checks: [Apiserver, AgentHealth, AgentLog],
            properties: [Transient],
            meaning: "The API server turns requests away because there are too many (429).",
            distinguishing: "The server says so. `client-side throttling` in the agent's log is the agent's own patience and \
                harmless.",
            remedy: "Find who floods it: `kubectl get --raw /metrics | grep \
                apiserver_flowcontrol_rejected_requests_total`. Calm that client, or give the agent a FlowSchema of \
                its own. Without priority-and-fairness headers in the evidence it is the provider's limit.",
        }
        K8sEtcdError = "k8s_etcd_error" {
            category: Error,
            checks: [Apiserver, AgentLog],
            properties: [Transient],
            meaning: "The API server answers, but its database etcd does not, or has no leader.",
            distinguishing: "The server names etcd in its answer; other 5xx are `k8s_server_error`.",
            remedy: "Managed: a ticket with the provider. Self-managed: `kubectl get --raw /readyz?verbose | grep etcd`, \
                then `etcdctl endpoint status --cluster -w table` on a control-plane node; look at disk latency, \
                space and quorum.",
        }
        K8sServerError = "k8s_server_error" {
            category: Error,
            checks: [Apiserver, AgentHealth, AgentLog],
            properties: [Transient],
            meaning: "The API server answers with an error of its own (5xx).",
            distinguishing: "A proper Kubernetes Status, so the server itself spoke; a page from a load balancer is \
                `k8s_unexpected_body`; if it names etcd it is `k8s_etcd_error`.",
            remedy: "`kubectl get --raw /readyz?verbose` names the part that is not ready. If only one API group fails: \
                `kubectl get apiservices | grep False`, and mend or delete that APIService. During an upgrade of the \
                control plane: wait.",
        }
        K8sUnexpectedBody = "k8s_unexpected_body" {
            category: Error,
            checks: [Apiserver, AgentLog],
            meaning: "Something answers at the API server's address that is not an API server.",
            distinguishing: "The body is no Kubernetes Status or object: a load balancer, a proxy or a portal stands there. A \
                Status with 5xx is `k8s_server_error`.",
            remedy: "Read the page's title in the evidence. Take the API server out of the proxy's way (`NO_PROXY` with \
                the service range), or repair the load balancer in front of it.",
        }
        K8sNoAnswer = "k8s_no_answer" {
            category: Unreachable,
            checks: [AgentHealth, AgentLog],
            properties: [Timeout],
            meaning: "A log says that the API server did not answer in time, and not how far the request came.",
            distinguishing: "`context deadline exceeded` on a lease hides whether TCP, TLS or HTTP hung, even a refusal looks so. \
                The check `apiserver` names the phase; trust it more than this.",
            remedy: "Look at the check `apiserver` for the phase and follow that mode. The agent ends by itself (exit \
                code 0) after some ten seconds of this; a single restart after a control-plane update is normal. \
                Else: `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`.",
        }
        K8sSlow = "k8s_slow" {
            category: Slow,
            checks: [Apiserver],
            properties: [Transient, Timeout],
            meaning: "The API server answers, but a phase takes longer than the agent is willing to wait.",
            distinguishing: "It did answer; without an answer it is the phase's time-out. The evidence names the phase.",
            remedy: "Look at the server's load and `kubectl get --raw /readyz?verbose`; at CPU throttling of this pod; at \
                packet loss between node and control plane if it is TCP or TLS that is slow.",
        }
    } };
}

pub(super) use kubernetes;
