//! The closed list of failure modes, each declared once.
//!
//! Append-only: a label once published is never reused and never renamed.

use std::fmt;

/// What is published about a failure mode, whichever check or text reveals it.
#[derive(Debug)]
pub struct ModeEntry {
    /// The value of the label `mode`.
    pub label: &'static str,
    /// What is the case when this mode holds: one sentence or two.
    pub meaning: &'static str,
    /// How it is told from the modes that look like it.
    pub told_apart: &'static str,
    /// What mends it, in the order in which to try.
    pub remedy: &'static str,
}

macro_rules! failure_modes {
    ($( $mode:ident = $label:literal {
        meaning: $meaning:literal,
        told_apart: $told_apart:literal,
        remedy: $remedy:literal,
    } )+) => {
        /// One cause. The only failure vocabulary in the program; Prometheus sees it as the label `mode`.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum FailureMode { $( #[doc = $meaning] $mode, )+ }

        impl FailureMode {
            /// Every mode that this program can name, in the order of publication.
            pub const ALL: &'static [Self] = &[$(Self::$mode),+];

            /// Everything published about this mode.
            pub const fn entry(self) -> &'static ModeEntry {
                match self {$(
                    Self::$mode => const { &ModeEntry {
                        label: $label,
                        meaning: $meaning,
                        told_apart: $told_apart,
                        remedy: $remedy,
                    } },
                )+}
            }
        }
    };
}

impl FailureMode {
    /// The value of the label `mode`.
    pub const fn label(self) -> &'static str {
        self.entry().label
    }

    /// The mode with this label.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| mode.label() == label)
    }
}

impl fmt::Display for FailureMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

failure_modes! {
    NetDnsNxdomain = "net_dns_nxdomain" {
        meaning: "The resolver answers that the name does not exist.",
        told_apart: "Only an answer with the code NXDOMAIN counts. A resolver that stays silent is `net_dns_timeout`, one \
            that fails is `net_dns_servfail`. Go writes `no such host` also for a name without addresses, so a \
            log line cannot tell this from `net_dns_no_address`; the check `dns` can.",
        remedy: "Compare the name in the evidence with the agent's settings: `kubectl -n castai-agent set env \
            deploy/castai-agent --list | grep -E 'API_URL|PROXY'`. Ask from inside the cluster: `kubectl run \
            dns-test --rm -it --restart=Never --image=busybox:1.36 -- nslookup api.cast.ai.`. If only that \
            fails, look at the upstream zone and the forwarders in `kubectl -n kube-system get configmap coredns \
            -o yaml`.",
    }
    NetDnsServfail = "net_dns_servfail" {
        meaning: "The resolver answers, but only with SERVFAIL or REFUSED: it cannot or will not find out about the \
            name.",
        told_apart: "The resolver itself is alive, unlike in `net_dns_timeout`, and it does not deny the name, unlike in \
            `net_dns_nxdomain`. Logs write `server misbehaving` for both codes.",
        remedy: "Usually the upstream of CoreDNS is broken. Read its log: `kubectl -n kube-system logs -l \
            k8s-app=kube-dns --tail=50`, check the forwarders in `kubectl -n kube-system get configmap coredns \
            -o yaml`, then `kubectl -n kube-system rollout restart deploy/coredns`.",
    }
    NetDnsTimeout = "net_dns_timeout" {
        meaning: "The resolver named in the pod's resolv.conf did not answer.",
        told_apart: "A silence, not an answer: `net_dns_nxdomain` and `net_dns_servfail` are answers. The words `i/o \
            timeout` behind `lookup` mean this mode; behind `dial tcp` and an address they mean \
            `net_connect_timeout`.",
        remedy: "Are the DNS pods running: `kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide`. Does a \
            policy of the namespace forbid UDP and TCP 53: `kubectl -n castai-agent get networkpolicy`. If only \
            this node suffers, move the agent: `kubectl -n castai-agent delete pod -l \
            app.kubernetes.io/name=castai-agent`.",
    }
    NetDnsNoAddress = "net_dns_no_address" {
        meaning: "The name exists, but has no address of a family that this pod can use.",
        told_apart: "The answer is empty, not negative: `net_dns_nxdomain` denies the name itself. Typical for a name \
            with IPv6 addresses only that is asked from an IPv4 pod, or the other way round.",
        remedy: "Look at both families: `kubectl run dns-test --rm -it --restart=Never --image=busybox:1.36 -- sh -c \
            'nslookup -type=a api.cast.ai.; nslookup -type=aaaa api.cast.ai.'`. Add the missing record, or \
            NAT64/DNS64 for an IPv6-only cluster.",
    }
    NetConnectTimeout = "net_connect_timeout" {
        meaning: "No TCP connection came about: the packets that ask for one are not answered.",
        told_apart: "A refusal comes at once (`net_refused`), a missing route too (`net_unreachable`); silence is a \
            firewall, a security group or a network policy that drops. Once TCP stands, the mode is \
            `tls_handshake_timeout` or `http_timeout`.",
        remedy: "Allow the address and port of the evidence on the way out: `kubectl -n castai-agent get \
            networkpolicy`, the egress rules of the node's security group or firewall, and the NAT gateway. If \
            the cluster leaves only through a proxy, give the agent `HTTPS_PROXY` and `NO_PROXY`. Try from the \
            cluster: `kubectl run net-test --rm -it --restart=Never --image=busybox:1.36 -- nc -zvw5 api.cast.ai \
            443`.",
    }
    NetRefused = "net_refused" {
        meaning: "The host is there, and refuses the connection: nothing listens on that port.",
        told_apart: "Refused at once, with a reset in answer to the first packet. Silence is `net_connect_timeout`; a \
            connection that is closed later is `net_reset`.",
        remedy: "Compare address and port with what the evidence names. For the API server see whether its endpoints \
            are alive: `kubectl get endpointslices -n default -l kubernetes.io/service-name=kubernetes`. For \
            anything else the service or the load balancer behind the address is down, or `API_URL` or the proxy \
            has the wrong port.",
    }
    NetUnreachable = "net_unreachable" {
        meaning: "This host or its network knows no way to the address.",
        told_apart: "A router or the kernel says so at once, in contrast to the silence of `net_connect_timeout`. Often \
            an IPv6 address in a cluster without IPv6, or a REJECT rule.",
        remedy: "Look at the address in the evidence. IPv6 where there is none: take the AAAA record away or make the \
            path. Else check the routes of the subnet (NAT gateway, transit gateway) and reject rules of the \
            node's firewall.",
    }
    NetReset = "net_reset" {
        meaning: "The connection was made, and closed or reset before an answer came.",
        told_apart: "Something in between or the server itself hung up. If it hangs up right after the first TLS message, \
            a filter on server names is likely. Before the connection stands it is `net_refused`; silence is \
            `http_timeout` or `tls_handshake_timeout`.",
        remedy: "Once is a restart on the other side. If it stays, look for a firewall that filters by server name \
            and allow `api.cast.ai` (or the name in the evidence) there. Seen from one node only: `kubectl -n \
            castai-agent delete pod -l app.kubernetes.io/name=castai-agent`.",
    }
    ProxyUnreachable = "proxy_unreachable" {
        meaning: "The proxy from the agent's settings cannot be resolved or reached, or does not answer.",
        told_apart: "The fault is before the proxy: its refusals are `proxy_auth_required` and `proxy_denied`. Go marks \
            it with `proxyconnect`.",
        remedy: "Read the settings: `kubectl -n castai-agent set env deploy/castai-agent --list | grep -i proxy`. \
            Correct host and port of `HTTPS_PROXY`, and allow the pods to reach it. If no proxy is wanted: \
            `kubectl -n castai-agent set env deploy/castai-agent HTTPS_PROXY- HTTP_PROXY-`.",
    }
    ProxyAuthRequired = "proxy_auth_required" {
        meaning: "The proxy wants a user and a password, and got none or wrong ones (407).",
        told_apart: "The proxy itself says so before any TLS with the target; 401 from behind the proxy is \
            `castai_token_invalid` or `k8s_unauthorized`.",
        remedy: "Put the credentials, percent-encoded, into the agent's proxy address, best from a secret: \
            `HTTPS_PROXY=http://user:password@proxy:3128`. Or exempt the agent's targets on the proxy.",
    }
    ProxyDenied = "proxy_denied" {
        meaning: "The proxy refuses to connect to the target.",
        told_apart: "The answer to CONNECT is a refusal other than 407. In logs only the words of the status stand behind \
            the address, as in `Get \"https://10.96.0.1:443/…\": Forbidden`, without `status_code=` and without \
            `is forbidden: User`: that is neither RBAC nor CAST AI.",
        remedy: "If the target is the API server, it must not go through the proxy: add the service range and the \
            cluster's names to `NO_PROXY`, for example `kubectl -n castai-agent set env deploy/castai-agent \
            NO_PROXY=10.96.0.0/12,169.254.169.254,.svc,.cluster.local,localhost`. If it is CAST AI or AWS, allow \
            that host on the proxy.",
    }
    ProxyBlockPage = "proxy_block_page" {
        meaning: "A proxy or web filter answers with a page of its own in place of the target.",
        told_apart: "The page, its headers or the issuer of the certificate name the filter. A page without such marks in \
            front of CAST AI is `castai_waf_blocked`; a CONNECT refusal is `proxy_denied`.",
        remedy: "Ask the owners of the filter to let the agent's egress reach `api.cast.ai` on 443 unfiltered and \
            without inspection. The evidence names the product and the page's title.",
    }
    TlsHandshakeTimeout = "tls_handshake_timeout" {
        meaning: "TCP connects, but the TLS handshake does not finish in time.",
        told_apart: "TCP works, so it is not `net_connect_timeout`; no HTTP was spoken, so it is not `http_timeout`. \
            Nothing received: an overloaded or dead endpoint behind a living address. Some bytes received and \
            then nothing: large packets get lost (MTU). One of several API-server addresses only: \
            `k8s_endpoint_down`.",
        remedy: "Delete the agent's pod, which gives it a new network path: `kubectl -n castai-agent delete pod -l \
            app.kubernetes.io/name=castai-agent`. If it comes back: `kubectl get --raw /readyz?verbose`, compare \
            nodes and endpoints, check that the service range stands in `NO_PROXY`, then the MTU of the pod \
            network and the node's conntrack table.",
    }
    TlsUnknownAuthority = "tls_unknown_authority" {
        meaning: "The server's certificate does not lead to a root that the client trusts.",
        told_apart: "The chain is whole but ends elsewhere. If the issuer is evidently a corporate filter, it is \
            `tls_intercepted`. Names and dates were not the complaint (`tls_hostname_mismatch`, `tls_expired`).",
        remedy: "Read the issuer in the evidence. If your company inspects TLS, give the agent that root: `helm \
            upgrade castai-agent castai-helm/castai-agent -n castai-agent --reuse-values --set-file \
            trustedCACert=ca.pem`; it replaces the system roots, so append the public ones if both are needed. \
            For the API server: the pod holds an old `ca.crt`, delete the pod.",
    }
    TlsIntercepted = "tls_intercepted" {
        meaning: "Somebody between here and the target opens TLS and presents a certificate of his own.",
        told_apart: "As `tls_unknown_authority`, but the issuer is evidently neither a public authority nor the \
            cluster's.",
        remedy: "Exempt the target from inspection, or make the agent trust the inspecting root: `helm upgrade \
            castai-agent castai-helm/castai-agent -n castai-agent --reuse-values --set-file \
            trustedCACert=corporate-root.pem`.",
    }
    TlsExpired = "tls_expired" {
        meaning: "The server's certificate is past its last day.",
        told_apart: "The end date is before now. A start date in the future is `tls_not_yet_valid`. If many unrelated \
            servers seem expired at once, this node's clock is ahead: see `clock_skew`.",
        remedy: "Renew the certificate of the host in the evidence. For a self-managed API server: `kubeadm certs \
            check-expiration`, then `kubeadm certs renew all` and restart the control plane.",
    }
    TlsNotYetValid = "tls_not_yet_valid" {
        meaning: "The server's certificate is not valid yet, or the clock here is behind.",
        told_apart: "The start date is after now. A clock that lags is the usual reason, so look at `clock_skew` first.",
        remedy: "Check the node's time: `kubectl debug node/NODE -it --image=busybox:1.36 -- date -u`, repair chrony \
            or NTP there. If the time is right, the certificate was made with a wrong start date: issue it \
            again.",
    }
    TlsHostnameMismatch = "tls_hostname_mismatch" {
        meaning: "The certificate is for another name, or lacks the IP address that was dialled.",
        told_apart: "The chain is trusted, only the name is wrong; an unknown chain is `tls_unknown_authority`.",
        remedy: "Compare the names in the evidence with the address that was asked. For the API server add the \
            address to the certificate's SANs (`kubeadm init phase certs apiserver --apiserver-cert-extra-sans \
            ADDRESS`). For CAST AI correct `API_URL`, or the DNS entry that sends the name to another server.",
    }
    TlsProtocol = "tls_protocol" {
        meaning: "Both sides cannot agree on TLS, or the other side does not speak TLS at all.",
        told_apart: "There was an answer (an alert, plain HTTP, noise), so it is no time-out; and the certificate was not \
            the complaint, which would be another `tls_` mode.",
        remedy: "See what answers: `openssl s_client -connect HOST:PORT -servername HOST </dev/null`. Plain HTTP: \
            wrong port, or `http://` is missing in the proxy's address. An alert: a filter by server name, a \
            client certificate that is demanded, or TLS below 1.2.",
    }
    HttpTimeout = "http_timeout" {
        meaning: "The connection and TLS stand, but no answer came in time.",
        told_apart: "The path is fine up to the server; before that the mode is `net_connect_timeout` or \
            `tls_handshake_timeout`. An answer that comes, but late, is `k8s_slow` or `castai_slow`. From \
            `context deadline exceeded` alone a log cannot tell a silent proxy from a silent server.",
        remedy: "For the API server: `kubectl get --raw /readyz?verbose` and its load. For CAST AI: its status page, \
            and any proxy between. Large uploads only: MTU or a filter on body size.",
    }
    HttpProtocol = "http_protocol" {
        meaning: "What came back is not HTTP, is cut off, or exceeds every sensible size.",
        told_apart: "Bytes came, so it is no time-out; a proper HTTP answer of the wrong kind is `castai_unexpected_body` \
            or `k8s_unexpected_body`.",
        remedy: "Something else listens on that port, or a middlebox tampers with the stream. Compare `API_URL` and \
            proxy settings with the port in the evidence, and look at `curl -v` to the same address from the \
            cluster.",
    }
    K8sEndpointDown = "k8s_endpoint_down" {
        meaning: "Some of the API server's addresses fail while others work.",
        told_apart: "If all of them fail, the mode is that of the phase (`tls_handshake_timeout`, `net_refused` …). \
            Connections through the service address succeed or fail by chance meanwhile.",
        remedy: "The evidence lists each address. Compare with `kubectl get endpointslices -n default -l \
            kubernetes.io/service-name=kubernetes`. Self-managed: repair that control-plane node, or remove its \
            stale address. Managed: open a ticket with the provider and name the address.",
    }
    K8sUnauthorized = "k8s_unauthorized" {
        meaning: "The API server does not accept the token (401).",
        told_apart: "It does not know who asks; a known account without rights is `k8s_rbac_forbidden`. If the token's \
            own end date has passed it is `k8s_token_expired`; without a token the server says anonymous.",
        remedy: "The service account was deleted or made anew, or the pod is older than the cluster's signing key. \
            Make a new pod: `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`. Does \
            the account exist: `kubectl -n castai-agent get serviceaccount castai-agent`.",
    }
    K8sTokenExpired = "k8s_token_expired" {
        meaning: "The API server does not accept the token, and the token's end date has passed.",
        told_apart: "As `k8s_unauthorized`, but the mounted token itself says why. The server's answer never does.",
        remedy: "The kubelet does not renew the token. Make a new pod: `kubectl -n castai-agent delete pod -l \
            app.kubernetes.io/name=castai-agent`. If it happens again, check the clock and the kubelet of that \
            node.",
    }
    K8sTokenMissing = "k8s_token_missing" {
        meaning: "No service-account token is mounted in this pod.",
        told_apart: "Nothing was sent, so the server has not judged yet; a token that it rejects is `k8s_unauthorized`.",
        remedy: "Is mounting switched off: `kubectl -n castai-agent get deploy castai-agent -o yaml | grep -A1 \
            automountServiceAccountToken` and the same for `serviceaccount castai-agent`. Switch it on and make \
            a new pod.",
    }
    K8sRbacForbidden = "k8s_rbac_forbidden" {
        meaning: "The API server knows the account and denies it the request (403).",
        told_apart: "The answer names user, verb and resource. The user `system:anonymous` is `k8s_anonymous_forbidden`; \
            `Forbidden` alone behind an address is a proxy (`proxy_denied`).",
        remedy: "Restore the chart's roles: `helm upgrade castai-agent castai-helm/castai-agent -n castai-agent \
            --reuse-values`. Prove it with the verb and resource of the evidence: `kubectl auth can-i list pods \
            --as=system:serviceaccount:castai-agent:castai-agent -A`.",
    }
    K8sAnonymousForbidden = "k8s_anonymous_forbidden" {
        meaning: "The request reached the API server without credentials and is denied (403, `system:anonymous`).",
        told_apart: "A role would not help, as in `k8s_rbac_forbidden`; the token was not sent, or taken away on the way.",
        remedy: "Is a token mounted: `kubectl -n castai-agent exec deploy/castai-agent -c agent -- ls \
            /var/run/secrets/kubernetes.io/serviceaccount` (or look at the pod's volumes, the image may have no \
            shell). Is a proxy between: the service range must stand in `NO_PROXY`.",
    }
    K8sThrottled = "k8s_throttled" {
        meaning: "The API server turns requests away because there are too many (429).",
        told_apart: "The server says so. `client-side throttling` in the agent's log is the agent's own patience and \
            harmless.",
        remedy: "Find who floods it: `kubectl get --raw /metrics | grep \
            apiserver_flowcontrol_rejected_requests_total`. Calm that client, or give the agent a FlowSchema of \
            its own. Without priority-and-fairness headers in the evidence it is the provider's limit.",
    }
    K8sEtcdError = "k8s_etcd_error" {
        meaning: "The API server answers, but its database etcd does not, or has no leader.",
        told_apart: "The server names etcd in its answer; other 5xx are `k8s_server_error`.",
        remedy: "Managed: a ticket with the provider. Self-managed: `kubectl get --raw /readyz?verbose | grep etcd`, \
            then `etcdctl endpoint status --cluster -w table` on a control-plane node; look at disk latency, \
            space and quorum.",
    }
    K8sServerError = "k8s_server_error" {
        meaning: "The API server answers with an error of its own (5xx).",
        told_apart: "A proper Kubernetes Status, so the server itself spoke; a page from a load balancer is \
            `k8s_unexpected_body`; if it names etcd it is `k8s_etcd_error`.",
        remedy: "`kubectl get --raw /readyz?verbose` names the part that is not ready. If only one API group fails: \
            `kubectl get apiservices | grep False`, and mend or delete that APIService. During an upgrade of the \
            control plane: wait.",
    }
    K8sUnexpectedBody = "k8s_unexpected_body" {
        meaning: "Something answers at the API server's address that is not an API server.",
        told_apart: "The body is no Kubernetes Status or object: a load balancer, a proxy or a portal stands there. A \
            Status with 5xx is `k8s_server_error`.",
        remedy: "Read the page's title in the evidence. Take the API server out of the proxy's way (`NO_PROXY` with \
            the service range), or repair the load balancer in front of it.",
    }
    K8sNoAnswer = "k8s_no_answer" {
        meaning: "A log says that the API server did not answer in time, and not how far the request came.",
        told_apart: "`context deadline exceeded` on a lease hides whether TCP, TLS or HTTP hung, even a refusal looks so. \
            The check `apiserver` names the phase; trust it more than this.",
        remedy: "Look at the check `apiserver` for the phase and follow that mode. The agent ends by itself (exit \
            code 0) after some ten seconds of this; a single restart after a control-plane update is normal. \
            Else: `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`.",
    }
    K8sSlow = "k8s_slow" {
        meaning: "The API server answers, but a phase takes longer than the agent is willing to wait.",
        told_apart: "It did answer; without an answer it is the phase's time-out. The evidence names the phase.",
        remedy: "Look at the server's load and `kubectl get --raw /readyz?verbose`; at CPU throttling of this pod; at \
            packet loss between node and control plane if it is TCP or TLS that is slow.",
    }
    CastaiKeyMissing = "castai_key_missing" {
        meaning: "The agent has no API key: it ends at once.",
        told_apart: "Nothing was asked. A key that CAST AI rejects is `castai_token_invalid`.",
        remedy: "Put the key into the agent's secret and restart: `kubectl -n castai-agent create secret generic \
            castai-agent --from-literal=API_KEY=$CASTAI_API_TOKEN --dry-run=client -o yaml | kubectl apply -f -` \
            and `kubectl -n castai-agent rollout restart deploy/castai-agent`.",
    }
    CastaiKeyMalformed = "castai_key_malformed" {
        meaning: "The API key holds a byte that no HTTP header may hold, mostly a line feed at its end.",
        told_apart: "The request never left. A key of the right shape that is rejected is `castai_token_invalid`.",
        remedy: "Write the secret again without the line feed (`echo` adds one): `kubectl -n castai-agent create \
            secret generic castai-agent --from-literal=API_KEY=$CASTAI_API_TOKEN --dry-run=client -o yaml | \
            kubectl apply -f -` and `kubectl -n castai-agent rollout restart deploy/castai-agent`.",
    }
    CastaiTokenInvalid = "castai_token_invalid" {
        meaning: "CAST AI does not accept the API key (401).",
        told_apart: "CAST AI itself answered, so network, proxy and TLS are fine. 403 is `castai_forbidden`: a known key \
            without the right.",
        remedy: "Create a key in the console (API access keys), then `kubectl -n castai-agent create secret generic \
            castai-agent --from-literal=API_KEY=$CASTAI_API_TOKEN --dry-run=client -o yaml | kubectl apply -f -` \
            and `kubectl -n castai-agent rollout restart deploy/castai-agent`.",
    }
    CastaiForbidden = "castai_forbidden" {
        meaning: "CAST AI knows the key, but it is not allowed to act for this cluster (403).",
        told_apart: "The answer is CAST AI's own JSON; an HTML page with 403 comes from its edge (`castai_waf_blocked`) \
            or from a proxy (`proxy_block_page`).",
        remedy: "The cluster's token was invalidated by another onboarding, or the key belongs to another \
            organisation. For the cluster-controller: `helm repo update && helm upgrade -i cluster-controller \
            castai-helm/castai-cluster-controller -n castai-agent --set castai.apiKey=$CASTAI_API_TOKEN --set \
            castai.clusterID=$CLUSTER_ID`. For the agent put a key of the right organisation into its secret and \
            restart it.",
    }
    CastaiWafBlocked = "castai_waf_blocked" {
        meaning: "A firewall in front of CAST AI turns the request away before the application sees it.",
        told_apart: "HTML without the application's request id, and without marks of a corporate filter, which would be \
            `proxy_block_page`. JSON with 403 is `castai_forbidden`.",
        remedy: "Not to be mended in the cluster. Send CAST AI support the time, the egress address (`kubectl run ip \
            --rm -it --restart=Never --image=curlimages/curl -- -s https://ifconfig.me`) and the reference on \
            the page (`cf-ray`, incident id).",
    }
    CastaiClusterNotFound = "castai_cluster_not_found" {
        meaning: "CAST AI does not know this cluster any more (404), while the agent goes on running.",
        told_apart: "An answer to a request that names the cluster's id. Another organisation's key is answered with 403.",
        remedy: "The cluster was deleted in the console. To have it back, run the script of the Connect cluster \
            screen again. If it shall stay deleted: `helm uninstall castai-agent -n castai-agent`.",
    }
    CastaiRateLimited = "castai_rate_limited" {
        meaning: "CAST AI turns requests away because there are too many (429).",
        told_apart: "JSON from the application; an HTML page with 429 is the edge (`castai_waf_blocked`).",
        remedy: "Wait; the agent tries again by itself. If it stays: are there several agents for one cluster \
            (`kubectl get deploy -A -l app.kubernetes.io/name=castai-agent`), or is the key used by other tools? \
            Else ask CAST AI for a higher quota.",
    }
    CastaiClientError = "castai_client_error" {
        meaning: "CAST AI rejects the request as wrong (a 4xx that has no mode of its own).",
        told_apart: "401, 403, 404 and 429 have their own modes; here the request itself did not please.",
        remedy: "Mostly an agent that is too old for the API, or a wrong path in `API_URL`. The evidence shows the \
            message. Upgrade: `helm repo update && helm upgrade castai-agent castai-helm/castai-agent -n \
            castai-agent --reuse-values`.",
    }
    CastaiSlow = "castai_slow" {
        meaning: "CAST AI answers, but later than the agent waits (5 s to connect, 5 s for TLS, 10 s for the answer).",
        told_apart: "It did answer; without an answer it is `net_connect_timeout`, `tls_handshake_timeout` or \
            `http_timeout`.",
        remedy: "See which phase is slow in the evidence. Connect or TLS: the way out (NAT gateway, proxy, packet \
            loss). Answer: CAST AI's status page. CPU throttling of the agent's node has the same look.",
    }
    CastaiServerError = "castai_server_error" {
        meaning: "CAST AI answers with an error of its own (5xx).",
        told_apart: "The fault is behind the address, not on the way to it. A filter's page is `proxy_block_page`, the \
            edge's block is `castai_waf_blocked`.",
        remedy: "Look at CAST AI's status page and wait: the agent tries again. If only your organisation suffers, \
            check that the key and the organisation belong together, then send support the request id of the \
            evidence.",
    }
    CastaiUnexpectedBody = "castai_unexpected_body" {
        meaning: "Something answers at CAST AI's address, but not what CAST AI would answer.",
        told_apart: "Also with status 200: the agent takes a portal's page for success and believes itself healthy. With \
            marks of a filter it is `proxy_block_page`.",
        remedy: "Compare `API_URL` with `https://api.cast.ai` and look at the page's title in the evidence: a captive \
            portal, a wrong host, or an agent and an API of different versions.",
    }
    CastaiContinuityToken = "castai_continuity_token" {
        meaning: "CAST AI does not take the delta because it does not follow the last one it has; the agent starts \
            over with a full snapshot.",
        told_apart: "Harmless once. If it goes on, two agents write for one cluster, or deltas get lost on the way.",
        remedy: "Is there a second agent with this cluster's id, in another namespace or cluster: `kubectl get deploy \
            -A -l app.kubernetes.io/name=castai-agent`. Scale the wrong one to 0. A copy of a cluster (a \
            restored backup) must be connected anew.",
    }
    CastaiDeliveryFailed = "castai_delivery_failed" {
        meaning: "A delta did not reach CAST AI, and the line does not say why.",
        told_apart: "The cause stands in an earlier line (`failed sending delta request: …`) or in the check \
            `castai_api`; follow that mode.",
        remedy: "`kubectl -n castai-agent logs deploy/castai-agent -c agent --since=10m | grep -E 'RESTY|failed \
            sending'` shows the first cause. Feed it to `castai-health-exporter explain -`.",
    }
    AgentConfigInvalid = "agent_config_invalid" {
        meaning: "The agent cannot use one of its settings: an address, a certificate, a provider, a level, a path.",
        told_apart: "It fails at once and without any network. Missing settings are `castai_key_missing` or \
            `agent_config_env_missing`.",
        remedy: "The evidence names the setting. See all of them: `kubectl -n castai-agent set env \
            deploy/castai-agent --list`; correct it in the chart's values (`apiURL`, `provider`, \
            `trustedCACert`, `additionalEnv`) and upgrade.",
    }
    Unclassified = "unclassified" {
        meaning: "An error whose text no rule knows.",
        told_apart: "A fault that is known has a mode of its own, and a harmless line has none.",
        remedy: "Read the line itself in the evidence. Please report it, without secrets, so that it gets a name.",
    }
    ClockSkew = "clock_skew" {
        meaning: "The clock of this node differs from that of several servers.",
        told_apart: "At least two servers agree with each other and not with us. One server alone would have a wrong \
            clock itself.",
        remedy: "Repair time synchronisation on the node: `chronyc tracking`, `timedatectl`. Until then TLS \
            certificates, AWS signatures and tokens may be rejected for reasons that look different.",
    }
}
