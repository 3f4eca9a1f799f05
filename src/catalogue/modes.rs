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
    AwsNoCredentials = "aws_no_credentials" {
        meaning: "The agent finds no AWS credentials anywhere: no keys, no role of its service account, no role of the \
            node.",
        told_apart: "A source that exists and fails has a mode of its own (`aws_irsa_*`, `aws_pod_identity_*`, \
            `aws_imds_*`); here there was none, or the text does not say which one failed.",
        remedy: "Give the agent a role: `kubectl annotate serviceaccount -n castai-agent castai-agent \
            eks.amazonaws.com/role-arn=arn:aws:iam::ACCOUNT:role/ROLE` and `kubectl -n castai-agent rollout \
            restart deploy/castai-agent`. Or put `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` into the secret \
            `castai-agent`. With `EKS_ACCOUNT_ID`, `EKS_REGION` and `EKS_CLUSTER_NAME` set, it starts without.",
    }
    AwsKeyIncomplete = "aws_key_incomplete" {
        meaning: "An access key's id is set without its secret, or the secret without the id: the agent ignores both.",
        told_apart: "The agent says nothing of it and takes its next source; only its environment shows it. A key that is \
            whole and wrong is `aws_key_invalid` or `aws_key_secret_wrong`.",
        remedy: "Put both into the secret, or neither: `kubectl -n castai-agent create secret generic castai-agent \
            --from-literal=API_KEY=… --from-literal=AWS_ACCESS_KEY_ID=… --from-literal=AWS_SECRET_ACCESS_KEY=… \
            --dry-run=client -o yaml | kubectl apply -f -`, then `kubectl -n castai-agent rollout restart \
            deploy/castai-agent`.",
    }
    AwsProfileInvalid = "aws_profile_invalid" {
        meaning: "The named AWS profile does not exist or its file cannot be read: the agent does not start.",
        told_apart: "Only where `AWS_PROFILE` or a credentials file is given; keys from the environment would not ask for \
            it.",
        remedy: "Take it away: `kubectl -n castai-agent set env deploy/castai-agent AWS_PROFILE-`, or mount the file \
            that holds the profile.",
    }
    AwsCaBundleInvalid = "aws_ca_bundle_invalid" {
        meaning: "The file that `AWS_CA_BUNDLE` names is missing or holds no certificate: the agent does not start.",
        told_apart: "The file is read before anything is asked; a certificate that the bundle does not cover is \
            `tls_unknown_authority`.",
        remedy: "Mount the file at that path, or take the variable away: `kubectl -n castai-agent set env \
            deploy/castai-agent AWS_CA_BUNDLE-`.",
    }
    AwsIrsaNotInjected = "aws_irsa_not_injected" {
        meaning: "The agent's service account has a role by its annotation, but the agent's pod was not given it.",
        told_apart: "The live annotation is compared with the pod's own variables; STS was not asked. A role that is given and \
            differs from the annotation is `aws_role_mismatch`.",
        remedy: "The webhook of EKS gives the role only to a new pod: `kubectl -n castai-agent rollout restart \
            deploy/castai-agent`. If it comes back, is there an annotation `eks.amazonaws.com/skip-containers` on the \
            pod, and does the webhook work: `kubectl get mutatingwebhookconfiguration pod-identity-webhook`?",
    }
    AwsIrsaRoleArnMissing = "aws_irsa_role_arn_missing" {
        meaning: "The pod has a web-identity token, but `AWS_ROLE_ARN` is not set: the agent does not start.",
        told_apart: "Set by hand; the webhook of EKS always sets both variables.",
        remedy: "Set both or neither; best remove the hand-written ones and annotate the account: `kubectl annotate \
            serviceaccount -n castai-agent castai-agent \
            eks.amazonaws.com/role-arn=arn:aws:iam::ACCOUNT:role/ROLE`, then `kubectl -n castai-agent rollout \
            restart deploy/castai-agent`.",
    }
    AwsIrsaTokenFileMissing = "aws_irsa_token_file_missing" {
        meaning: "The file with the web-identity token is missing or cannot be read.",
        told_apart: "STS was not asked yet. A token that STS rejects is `aws_irsa_token_expired` or \
            `aws_irsa_token_invalid`.",
        remedy: "Make a new pod: `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`. If the \
            file is there but not readable, keep `fsGroup: 65532` in the pod's security context.",
    }
    AwsIrsaTokenExpired = "aws_irsa_token_expired" {
        meaning: "The time of the web-identity token is over, or nearly: STS rejects it.",
        told_apart: "The token is old, not wrong; keys that were temporary are `aws_session_expired`.",
        remedy: "Make a new pod: `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`. If it \
            comes back, the kubelet does not renew the token or the node's clock is wrong. Never copy a token \
            into a secret.",
    }
    AwsIrsaWrongAudience = "aws_irsa_wrong_audience" {
        meaning: "The web-identity token was made for another audience than STS.",
        told_apart: "The token itself says so, or STS, which found its provider; so it is not \
            `aws_irsa_oidc_provider_missing`.",
        remedy: "The token's audience must be `sts.amazonaws.com` and the IAM OIDC provider must list it: `aws iam \
            get-open-id-connect-provider --open-id-connect-provider-arn ARN`. Look for a stray annotation \
            `eks.amazonaws.com/audience` on the service account.",
    }
    AwsIrsaOidcProviderMissing = "aws_irsa_oidc_provider_missing" {
        meaning: "The role's account has no IAM OIDC provider for this cluster.",
        told_apart: "STS names the issuer it does not know. If it knows it but denies, it is `aws_irsa_trust_denied`.",
        remedy: "In the account of the role: `eksctl utils associate-iam-oidc-provider --cluster CLUSTER --approve`. \
            A cluster that was made anew has a new issuer; roles of the old one must be changed.",
    }
    AwsIrsaTokenInvalid = "aws_irsa_token_invalid" {
        meaning: "The web-identity token is empty or no token at all, or STS cannot verify it.",
        told_apart: "Neither its age nor its audience nor the provider is the reason.",
        remedy: "Compare the issuer with the OIDC provider's and see that its keys are public: `aws eks \
            describe-cluster --name CLUSTER --query cluster.identity.oidc.issuer`, then open \
            ISSUER/.well-known/openid-configuration. Make a new pod after a rotation of the signing keys.",
    }
    AwsIrsaTrustDenied = "aws_irsa_trust_denied" {
        meaning: "STS does not let this service account take the role.",
        told_apart: "The token is good; the role's trust policy, or a policy above it, says no. A role that exists and \
            lacks EC2 rights is `ec2_denied_identity_policy`.",
        remedy: "The trust policy must name the cluster's OIDC provider, `sub` = \
            `system:serviceaccount:castai-agent:castai-agent` and `aud` = `sts.amazonaws.com`: `aws iam get-role \
            --role-name ROLE --query Role.AssumeRolePolicyDocument`. Also a deleted role, an organisation's \
            policy or an endpoint policy says this.",
    }
    AwsIrsaIdpUnreachable = "aws_irsa_idp_unreachable" {
        meaning: "STS could not reach the cluster's OIDC issuer to verify the token.",
        told_apart: "The fault is between AWS and the issuer, not between this pod and AWS.",
        remedy: "Mostly passing: try again. A private issuer must be reachable from the internet.",
    }
    AwsPodIdentityAgentUnreachable = "aws_pod_identity_agent_unreachable" {
        meaning: "The EKS Pod Identity agent of this node does not answer.",
        told_apart: "Nobody listens on its link-local address, or the way there is shut. If it answers with a refusal it \
            is `aws_pod_identity_denied`.",
        remedy: "Is it installed and running on this node: `kubectl -n kube-system get pods -l \
            app.kubernetes.io/name=eks-pod-identity-agent -o wide`; install: `aws eks create-addon \
            --cluster-name CLUSTER --addon-name eks-pod-identity-agent`. Allow egress to 169.254.170.23:80, and \
            put `169.254.170.23` into `NO_PROXY`.",
    }
    AwsPodIdentityDenied = "aws_pod_identity_denied" {
        meaning: "EKS may not take the role that is associated with the service account.",
        told_apart: "The association exists; the role's trust policy does not let `pods.eks.amazonaws.com` in.",
        remedy: "Let the trust policy allow `sts:AssumeRole` and `sts:TagSession` to the principal \
            `pods.eks.amazonaws.com`: `aws iam get-role --role-name ROLE --query Role.AssumeRolePolicyDocument`.",
    }
    AwsPodIdentityTokenInvalid = "aws_pod_identity_token_invalid" {
        meaning: "The Pod Identity agent does not accept the pod's token.",
        told_apart: "A token is missing, stale or malformed; the role was not looked at yet.",
        remedy: "Make a new pod: `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`. The \
            token's audience must be `pods.eks.amazonaws.com`.",
    }
    AwsPodIdentityNoAssociation = "aws_pod_identity_no_association" {
        meaning: "EKS knows no Pod Identity association for this service account.",
        told_apart: "The node's agent and the token are fine.",
        remedy: "Create it: `aws eks create-pod-identity-association --cluster-name CLUSTER --namespace castai-agent \
            --service-account castai-agent --role-arn ROLE_ARN`, then restart the agent.",
    }
    AwsPodIdentityThrottled = "aws_pod_identity_throttled" {
        meaning: "EKS turns requests for pod credentials away because there are too many.",
        told_apart: "A passing refusal, not a denial.",
        remedy: "Wait; it is retried. If it stays, many pods start at the same time or one of them crash-loops.",
    }
    AwsPodIdentityBackendUnreachable = "aws_pod_identity_backend_unreachable" {
        meaning: "The Pod Identity agent answers, but cannot reach the EKS Auth service behind it.",
        told_apart: "The way from the node is shut, not the way from the pod.",
        remedy: "Let the node reach `eks-auth.REGION.api.aws` on 443, or create a VPC endpoint for `eks-auth`. See \
            `kubectl -n kube-system logs -l app.kubernetes.io/name=eks-pod-identity-agent`.",
    }
    AwsPodIdentityUnsupportedByAgentSdk = "aws_pod_identity_unsupported_by_agent_sdk" {
        meaning: "This agent is too old for EKS Pod Identity: its AWS SDK refuses the credentials' address.",
        told_apart: "Seen before anything is sent. Agents from v0.94.0 on accept it.",
        remedy: "Upgrade: `helm repo update && helm upgrade castai-agent castai-helm/castai-agent -n castai-agent \
            --reuse-values`. Until then use a role of the service account (IRSA).",
    }
    AwsImdsHopLimit = "aws_imds_hop_limit" {
        meaning: "The instance metadata service is there, but the answer that would give a pod its token never arrives.",
        told_apart: "The request without a token is answered and the one for a token is not: its answer may make fewer \
            hops. If neither is answered, it is `aws_imds_unreachable`.",
        remedy: "`aws ec2 modify-instance-metadata-options --instance-id i-… --http-put-response-hop-limit 2`, and the \
            same in the launch template or node class; or set `EKS_ACCOUNT_ID`, `EKS_REGION`, `EKS_CLUSTER_NAME` \
            and give the service account a role (IRSA), so that it is not needed.",
    }
    AwsImdsTokenRequired = "aws_imds_token_required" {
        meaning: "The instance metadata service demands a token, and the agent came without one.",
        told_apart: "It answers, so it is not `aws_imds_unreachable`. Mostly the token's request died on the hop limit.",
        remedy: "`aws ec2 modify-instance-metadata-options --instance-id i-… --http-tokens required \
            --http-put-response-hop-limit 2`, or a newer agent, or set `EKS_ACCOUNT_ID`, `EKS_REGION`, \
            `EKS_CLUSTER_NAME` and use IRSA.",
    }
    AwsImdsDisabled = "aws_imds_disabled" {
        meaning: "The instance metadata service is switched off, or something in front of it forbids it.",
        told_apart: "An answer of 403, or the SDK's own setting (`AWS_EC2_METADATA_DISABLED`); silence is \
            `aws_imds_unreachable`.",
        remedy: "Set `EKS_ACCOUNT_ID`, `EKS_REGION`, `EKS_CLUSTER_NAME` and use IRSA, or switch it on: `aws ec2 \
            modify-instance-metadata-options --instance-id i-… --http-endpoint enabled`. Is kube2iam or a \
            similar proxy in between.",
    }
    AwsImdsUnreachable = "aws_imds_unreachable" {
        meaning: "The instance metadata service does not answer from this pod.",
        told_apart: "From a log a hop limit of 1, a policy that drops, and an overloaded service look alike; the check \
            `imds` tells them apart.",
        remedy: "Set `EKS_ACCOUNT_ID`, `EKS_REGION`, `EKS_CLUSTER_NAME` and use IRSA, so that it is not needed; or \
            allow egress to 169.254.169.254 and raise the hop limit: `aws ec2 modify-instance-metadata-options \
            --instance-id i-… --http-put-response-hop-limit 2`. Put `169.254.169.254` into `NO_PROXY`.",
    }
    AwsImdsNoRole = "aws_imds_no_role" {
        meaning: "The metadata service works, but the node has no role.",
        told_apart: "An answer of 404, so nothing is blocked.",
        remedy: "Give the service account a role (IRSA): `kubectl annotate serviceaccount -n castai-agent \
            castai-agent eks.amazonaws.com/role-arn=arn:aws:iam::ACCOUNT:role/ROLE`, or attach an instance \
            profile to the node.",
    }
    AwsImdsRoleTrust = "aws_imds_role_trust" {
        meaning: "The node has a role, but EC2 may not take it.",
        told_apart: "The metadata service says so in its own document.",
        remedy: "The role's trust policy must allow `sts:AssumeRole` to `ec2.amazonaws.com`; a deleted role looks the \
            same.",
    }
    AwsImdsServerError = "aws_imds_server_error" {
        meaning: "The instance metadata service answers with an error of its own.",
        told_apart: "It answers, so it is not `aws_imds_unreachable`.",
        remedy: "Wait and retry; reduce whoever asks it too often on this node. If it stays, replace the node.",
    }
    AwsKeyInvalid = "aws_key_invalid" {
        meaning: "AWS does not know the access key.",
        told_apart: "The key's id is wrong, deleted, disabled or of another partition; if only its secret is wrong it is \
            `aws_key_secret_wrong`.",
        remedy: "Put a living key, without a line feed, into the secret `castai-agent` (`AWS_ACCESS_KEY_ID`, \
            `AWS_SECRET_ACCESS_KEY`) and `kubectl -n castai-agent rollout restart deploy/castai-agent`; better, \
            remove both and use IRSA.",
    }
    AwsKeySecretWrong = "aws_key_secret_wrong" {
        meaning: "AWS knows the access key, but the signature made with its secret is wrong.",
        told_apart: "The time is not the complaint, which would be `aws_clock_skew`.",
        remedy: "Write the secret anew with `kubectl create secret generic … --from-literal` (a line feed or a second \
            base64 spoils it), or find the proxy that rewrites headers.",
    }
    AwsClockSkew = "aws_clock_skew" {
        meaning: "AWS rejects the signature because of its time.",
        told_apart: "AWS speaks of the time itself, or the `Date` of its refusal is more than five minutes off. \
            `RequestExpired` alone does not say whether the clock or the session is to blame.",
        remedy: "Repair time synchronisation on the node: `chronyc tracking`. Compare with the check `clock`.",
    }
    AwsSessionExpired = "aws_session_expired" {
        meaning: "The agent uses temporary keys whose time is over.",
        told_apart: "A session token, not a key: keys without session do not expire.",
        remedy: "Do not put temporary keys into the secret; use IRSA, or a user's long-lived key.",
    }
    AwsRegionNotEnabled = "aws_region_not_enabled" {
        meaning: "The account has not enabled this region, or the session token is not valid there.",
        told_apart: "Only this region refuses; identity and keys are fine.",
        remedy: "Enable the region in the account, or correct `EKS_REGION`; old agents need \
            `AWS_STS_REGIONAL_ENDPOINTS=regional`.",
    }
    AwsAuthFailureAmbiguous = "aws_auth_failure_ambiguous" {
        meaning: "AWS cannot validate the credentials, and does not say why.",
        told_apart: "At least a wrong clock, a dead key, an expired session and a region that is not enabled give the \
            same answer; the checks `sts_identity` and `clock` tell them apart.",
        remedy: "Look at the checks `sts_identity` and `clock` first. Then: `kubectl -n castai-agent set env \
            deploy/castai-agent --list --resolve | grep -o '^AWS_[A-Z_]*'` shows which source is used.",
    }
    AwsAccountMismatch = "aws_account_mismatch" {
        meaning: "AWS takes the agent for somebody of another account than the cluster's.",
        told_apart: "The credentials are accepted. `EKS_ACCOUNT_ID`, or else the node's own account, is compared with what \
            AWS says, after a number such as `5.892517896e+11` was turned back into digits.",
        remedy: "If `EKS_ACCOUNT_ID` is wrong, set it: `kubectl -n castai-agent set env deploy/castai-agent \
            EKS_ACCOUNT_ID=000000000000`. If the credentials are, give the agent a role or key of the cluster's \
            account: those of another account see none of its instances.",
    }
    AwsRoleMismatch = "aws_role_mismatch" {
        meaning: "AWS takes the agent for somebody else than the role that it is given.",
        told_apart: "The credentials are accepted, so it is no `aws_irsa_*`: another source goes before the role's token, \
            mostly static keys.",
        remedy: "Take the keys away: `kubectl -n castai-agent get secret castai-agent -o yaml | grep -oE \
            '^  AWS_[A-Z_]+'` shows them; remove them, then `kubectl -n castai-agent rollout restart \
            deploy/castai-agent`.",
    }
    AwsSlow = "aws_slow" {
        meaning: "AWS answers, but so late that the agent's snapshots wait for it.",
        told_apart: "It was answered, in contrast to `http_timeout` and `tls_handshake_timeout`; the evidence names the \
            phase that took long.",
        remedy: "Look at the phase in the evidence: a slow name points to the resolver, a slow connection or handshake to \
            the way (NAT gateway, proxy, VPC endpoint), a slow answer to AWS or to throttling. Compare with \
            `castai_health_phase_duration_seconds` of the other checks.",
    }
    AwsStsUnreachable = "aws_sts_unreachable" {
        meaning: "Credentials could not be fetched in time, most likely because STS cannot be reached, and the text \
            names no phase.",
        told_apart: "The check `sts_identity` names the phase; trust it more.",
        remedy: "A private cluster needs a VPC endpoint for `sts`: `aws ec2 describe-vpc-endpoints --filters \
            Name=service-name,Values=com.amazonaws.REGION.sts`. Agents up to v0.95 need \
            `AWS_STS_REGIONAL_ENDPOINTS=regional` with it.",
    }
    AwsStsDenied = "aws_sts_denied" {
        meaning: "STS denies a request that every identity may make.",
        told_apart: "Only a VPC-endpoint policy, an organisation's policy or a proxy can do that; the role's own policy \
            cannot.",
        remedy: "Read the endpoint's policy: `aws ec2 describe-vpc-endpoints --filters \
            Name=service-name,Values=com.amazonaws.REGION.sts --query 'VpcEndpoints[].PolicyDocument'`, and the \
            organisation's policies.",
    }
    AwsStsThrottled = "aws_sts_throttled" {
        meaning: "STS turns requests away because there are too many.",
        told_apart: "Passing, and of the whole account.",
        remedy: "Wait. Use the regional endpoint, and find who asks too often in CloudTrail.",
    }
    AwsStsServerError = "aws_sts_server_error" {
        meaning: "STS answers with an error of its own.",
        told_apart: "The request arrived; a silence is `aws_sts_unreachable`.",
        remedy: "Wait, and look at AWS's health page for the region.",
    }
    Ec2DeniedIdentityPolicy = "ec2_denied_identity_policy" {
        meaning: "The role may not call `ec2:DescribeInstances`: no policy attached to it allows that.",
        told_apart: "AWS names the kind of policy that is missing; without it the mode is `ec2_denied_unspecified`.",
        remedy: "`aws iam attach-role-policy --role-name ROLE --policy-arn \
            arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess`; `ec2:DescribeInstances` on `*` is enough. Until \
            then spot nodes may show as on-demand.",
    }
    Ec2DeniedExplicitIdentity = "ec2_denied_explicit_identity" {
        meaning: "A policy attached to the role forbids `ec2:DescribeInstances` expressly.",
        told_apart: "A deny statement: allowing it elsewhere does not help.",
        remedy: "Find the statement with `\"Effect\": \"Deny\"` among the policies of the role and exempt \
            `ec2:DescribeInstances`.",
    }
    Ec2DeniedScp = "ec2_denied_scp" {
        meaning: "A service control policy of the organisation forbids `ec2:DescribeInstances`.",
        told_apart: "AWS names the kind of policy. Often a lock on regions.",
        remedy: "Ask the organisation's administrators to exempt the role or the region.",
    }
    Ec2DeniedRcp = "ec2_denied_rcp" {
        meaning: "A resource control policy of the organisation forbids the request.",
        told_apart: "AWS names the kind of policy; without it the mode is `ec2_denied_unspecified`.",
        remedy: "Ask the organisation's administrators to exempt the role.",
    }
    Ec2DeniedBoundary = "ec2_denied_boundary" {
        meaning: "The role's permissions boundary does not allow `ec2:DescribeInstances`.",
        told_apart: "The policy may allow it; the boundary limits it.",
        remedy: "Add `ec2:DescribeInstances` to the boundary: `aws iam get-role --role-name ROLE --query \
            Role.PermissionsBoundary`.",
    }
    Ec2DeniedSessionPolicy = "ec2_denied_session_policy" {
        meaning: "The policy of this session does not allow `ec2:DescribeInstances`.",
        told_apart: "The role may allow it; whoever made the session narrowed it.",
        remedy: "Widen the session policy where the credentials are made (a vending tool, Pod Identity's session \
            policy).",
    }
    Ec2DeniedResourcePolicy = "ec2_denied_resource_policy" {
        meaning: "A policy on the resource forbids the request.",
        told_apart: "AWS names the kind; rare for EC2.",
        remedy: "Amend that policy for the role.",
    }
    Ec2DeniedVpcePolicy = "ec2_denied_vpce_policy" {
        meaning: "The policy of the VPC endpoint for EC2 does not allow the request.",
        told_apart: "From outside this VPC the same role succeeds.",
        remedy: "Allow the role and `ec2:DescribeInstances` there: `aws ec2 describe-vpc-endpoints --filters \
            Name=service-name,Values=com.amazonaws.REGION.ec2 --query 'VpcEndpoints[].PolicyDocument'`.",
    }
    Ec2DeniedUnspecified = "ec2_denied_unspecified" {
        meaning: "EC2 denies the request and does not say which policy is to blame.",
        told_apart: "Without a kind of policy in the answer; the message may be encoded.",
        remedy: "Attach `AmazonEC2ReadOnlyAccess` to the agent's role or user: `aws iam attach-role-policy \
            --role-name ROLE --policy-arn arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess`. If it has that: `aws \
            sts decode-authorization-message --encoded-message MESSAGE`.",
    }
    Ec2Throttled = "ec2_throttled" {
        meaning: "EC2 turns requests away because the account makes too many in this region.",
        told_apart: "A limit that all tools of the account share; status 503 does not mean an outage here.",
        remedy: "Wait; find the noisy caller in CloudTrail (`RequestLimitExceeded`) and calm it.",
    }
    Ec2ServerError = "ec2_server_error" {
        meaning: "EC2 answers with an error of its own.",
        told_apart: "The code is none of throttling or denial.",
        remedy: "Wait, and look at AWS's health page for the region.",
    }
    Ec2RegionWrong = "ec2_region_wrong" {
        meaning: "EC2 is asked in a region that does not hold these instances, or that does not exist.",
        told_apart: "The instance is known to be elsewhere, or its id is unknown there. Where nobody tells in which region it \
            is, an empty answer is `ec2_instance_not_visible`.",
        remedy: "Compare `EKS_REGION` with a node's zone: `kubectl get nodes -L topology.kubernetes.io/region`.",
    }
    Ec2InstanceNotVisible = "ec2_instance_not_visible" {
        meaning: "EC2 answers, but shows nothing of this cluster's instances.",
        told_apart: "No error at all: wrong region and wrong account give an empty answer.",
        remedy: "Compare `EKS_REGION` and `EKS_ACCOUNT_ID` with the nodes (`kubectl get nodes -L \
            topology.kubernetes.io/region`) and with `aws sts get-caller-identity` of the agent's role.",
    }
    Ec2UnexpectedBody = "ec2_unexpected_body" {
        meaning: "Something answers at EC2's address that is not EC2.",
        told_apart: "No XML and no request id of EC2.",
        remedy: "Look for a proxy or a portal: exempt `ec2.REGION.amazonaws.com` there, or use a VPC endpoint and \
            `NO_PROXY`.",
    }
    Ec2TagsMissing = "ec2_tags_missing" {
        meaning: "The node's instance carries no tag that names the cluster, so the agent cannot discover the name.",
        told_apart: "EC2 answers and allows; only the tag is missing.",
        remedy: "Set `EKS_ACCOUNT_ID`, `EKS_REGION` and `EKS_CLUSTER_NAME`, or tag the instances \
            `kubernetes.io/cluster/NAME=owned`.",
    }
    AgentConfigEnvMissing = "agent_config_env_missing" {
        meaning: "Some of the agent's settings for the cluster's metadata are set and others of the same group are \
            not: it ends at once.",
        told_apart: "A panic before anything is asked. All of them unset would mean discovery.",
        remedy: "Set all or none of a group. EKS: `kubectl -n castai-agent set env deploy/castai-agent \
            EKS_ACCOUNT_ID=000000000000 EKS_REGION=eu-central-1 EKS_CLUSTER_NAME=NAME`. AKS: `AKS_LOCATION`, \
            `AKS_SUBSCRIPTION_ID`, `AKS_NODE_RESOURCE_GROUP`. kOps: `KOPS_CSP`, `KOPS_REGION`, `KOPS_CLUSTER_NAME`, \
            `KOPS_STATE_STORE`. OpenShift: `OPENSHIFT_CSP`, `OPENSHIFT_REGION`, `OPENSHIFT_CLUSTER_NAME`, \
            `OPENSHIFT_INTERNAL_ID`. A variable of another provider than `PROVIDER` goes before it: take it away by \
            `NAME-` at the end of the same command.",
    }
    MetadataUnresolvable = "metadata_unresolvable" {
        meaning: "Account, region or name of the cluster are neither given nor to be discovered.",
        told_apart: "The metadata service is not there or has not got it; if it fails in a named way that mode stands \
            here.",
        remedy: "Give them: `EKS_ACCOUNT_ID`, `EKS_REGION`, `EKS_CLUSTER_NAME` (EKS), `GKE_PROJECT_ID`, \
            `GKE_CLUSTER_NAME`, `GKE_LOCATION`, `GKE_REGION` (GKE), `AKS_LOCATION`, `AKS_SUBSCRIPTION_ID`, \
            `AKS_NODE_RESOURCE_GROUP` (AKS).",
    }
    MetadataRegionMismatch = "metadata_region_mismatch" {
        meaning: "`EKS_REGION` is not the region that this node is in.",
        told_apart: "Instance metadata says where the node is. EC2's empty answer alone would not tell a wrong region from a \
            wrong account (`ec2_instance_not_visible`).",
        remedy: "Set it right: `kubectl -n castai-agent set env deploy/castai-agent EKS_REGION=REGION`, where `kubectl get \
            nodes -L topology.kubernetes.io/region` shows the region. The cluster is registered anew under it.",
    }
    MetadataClusterNameMismatch = "metadata_cluster_name_mismatch" {
        meaning: "`EKS_CLUSTER_NAME` is not the name that the tag of this node's instance tells.",
        told_apart: "The tag `kubernetes.io/cluster/NAME` with the value `owned` was read from EC2. The agent itself does not \
            compare them.",
        remedy: "Compare with `aws eks list-clusters`, and set the right one: `kubectl -n castai-agent set env \
            deploy/castai-agent EKS_CLUSTER_NAME=NAME`; or mend the tag.",
    }
    MetadataAccountMalformed = "metadata_account_malformed" {
        meaning: "`EKS_ACCOUNT_ID` was written as a number, so digits may be lost.",
        told_apart: "`5.892517896e+11` instead of twelve digits; newer agents repair it, but digits that are lost stay \
            lost.",
        remedy: "Quote it: `helm upgrade castai-agent castai-helm/castai-agent -n castai-agent --reuse-values \
            --set-string additionalEnv.EKS_ACCOUNT_ID=589251789600`.",
    }
    GcpMetadataUnreachable = "gcp_metadata_unreachable" {
        meaning: "GKE's metadata server gives no answer that can be used.",
        told_apart: "Silence, no connection, or an error of its own; a missing value is `gcp_metadata_attr_missing`, too \
            many requests are `gcp_metadata_rate_limited`, and an answer of somebody else is \
            `gcp_metadata_header_missing`. In a pod's first 30 seconds nobody is told: with Workload Identity the server \
            starts after it.",
        remedy: "Allow egress to 169.254.169.254:80 (with Workload Identity also 169.254.169.252:987-988; with Dataplane \
            V2 a policy needs the addresses by `ipBlock`): `kubectl -n castai-agent get networkpolicy`. Or make the agent \
            independent of it: `kubectl -n castai-agent set env deploy/castai-agent GKE_PROJECT_ID=PROJECT \
            GKE_CLUSTER_NAME=NAME GKE_REGION=REGION GKE_LOCATION=LOCATION`.",
    }
    GcpMetadataAttrMissing = "gcp_metadata_attr_missing" {
        meaning: "GKE's metadata server answers, but has not got a value that the agent asks for.",
        told_apart: "An answer of 404 or nothing for one path, which the agent writes as `not defined`; silence is \
            `gcp_metadata_unreachable`. Nodes outside GKE have no `cluster-name`.",
        remedy: "Give the agent the variable that the evidence names, best all four: `kubectl -n castai-agent set env \
            deploy/castai-agent GKE_PROJECT_ID=PROJECT GKE_CLUSTER_NAME=NAME GKE_REGION=REGION GKE_LOCATION=LOCATION`. If \
            this is no GKE cluster, `PROVIDER` is wrong.",
    }
    GcpMetadataNoSa = "gcp_metadata_no_sa" {
        meaning: "GKE's metadata server knows no service account for this pod.",
        told_apart: "404 for the account's path only. The agent needs no account at Google; the exporter does, to look \
            at the control plane's authorised networks.",
        remedy: "Complete Workload Identity: `kubectl -n castai-agent annotate serviceaccount castai-agent \
            iam.gke.io/gcp-service-account=ACCOUNT@PROJECT.iam.gserviceaccount.com`, or give the node pool a service \
            account. If nobody is to look, set `checks.control_plane_access.enabled: false`.",
    }
    GcpMetadataHeaderMissing = "gcp_metadata_header_missing" {
        meaning: "The metadata request lost its header `Metadata-Flavor`, or the answer does not come from the \
            metadata server.",
        told_apart: "403 from the metadata server, or an answer without `Metadata-Flavor: Google`, as a proxy gives it. \
            The agent would take such an answer for the truth.",
        remedy: "Put `169.254.169.254` and `metadata.google.internal` into `NO_PROXY`: `kubectl -n castai-agent set env \
            deploy/castai-agent --list | grep -iE 'proxy|GCE_METADATA_HOST'`. Then see who answers at the address of the \
            evidence.",
    }
    GcpMetadataRateLimited = "gcp_metadata_rate_limited" {
        meaning: "GKE's metadata server turns requests away because there are too many.",
        told_apart: "An answer of 429 or 503, which passes; silence is `gcp_metadata_unreachable`.",
        remedy: "Wait; look for a pod on this node that asks it in a loop: `kubectl get pods -A -o wide \
            --field-selector spec.nodeName=NODE`.",
    }
    AzureImdsUnreachable = "azure_imds_unreachable" {
        meaning: "Azure's metadata service gives no answer that can be used.",
        told_apart: "No connection, no answer within two seconds, an error of its own, or a document without what the \
            agent asks for. Silence may be AKS' IMDS restriction, which drops what pods without host networking send; an \
            answer of 403 is `azure_imds_restricted`.",
        remedy: "Give the agent what it would ask for, all three together: `kubectl -n castai-agent set env \
            deploy/castai-agent AKS_LOCATION=LOCATION AKS_SUBSCRIPTION_ID=SUBSCRIPTION \
            AKS_NODE_RESOURCE_GROUP=MC_GROUP_NAME_LOCATION`. Or allow egress to 169.254.169.254:80 (`kubectl -n \
            castai-agent get networkpolicy`; `az aks show -g GROUP -n CLUSTER --query \
            networkProfile.podLinkLocalAccess` says `None` under IMDS restriction) and put that address into `NO_PROXY`.",
    }
    AzureImdsRestricted = "azure_imds_restricted" {
        meaning: "Azure's metadata service answers, and this pod may not ask it.",
        told_apart: "An answer of 401 or 403, as a guard on the node gives it; AKS' IMDS restriction drops packets \
            instead, which is `azure_imds_unreachable`.",
        remedy: "Give the agent what it would ask for, all three together: `kubectl -n castai-agent set env \
            deploy/castai-agent AKS_LOCATION=LOCATION AKS_SUBSCRIPTION_ID=SUBSCRIPTION \
            AKS_NODE_RESOURCE_GROUP=MC_GROUP_NAME_LOCATION`; nothing needs to be opened then.",
    }
    AzureImdsBadRequest = "azure_imds_bad_request" {
        meaning: "Azure's metadata service rejects the request.",
        told_apart: "400: the header `Metadata: true` was lost on the way, a proxy added `X-Forwarded-For`, or the \
            version is unknown to it.",
        remedy: "Put `169.254.169.254` into `NO_PROXY` of the agent, or set `AKS_LOCATION`, `AKS_SUBSCRIPTION_ID`, \
            `AKS_NODE_RESOURCE_GROUP`.",
    }
    AzureImdsRateLimited = "azure_imds_rate_limited" {
        meaning: "Azure's metadata service turns requests away because there are too many.",
        told_apart: "An answer of 429, which passes; silence is `azure_imds_unreachable`.",
        remedy: "Wait; it answers five requests a second. Look for a pod on this node that asks it in a loop.",
    }
    AgentPortTaken = "agent_port_taken" {
        meaning: "Something else in the pod, or on the node with host networking, holds a port that the agent needs: \
            it ends at once.",
        told_apart: "The agent's log names the port; everything after that line is a consequence. Or the health port answers, \
            and not as an agent does: 404 to `/healthz` and to `/`, or a page.",
        remedy: "Find who listens: `kubectl -n castai-agent get pod -l app.kubernetes.io/name=castai-agent -o yaml | \
            grep -iE 'hostNetwork|containerPort'`. Give the agent another port (`HEALTHZ_PORT`, `METRICS_PORT`), \
            or move the other one away from 9876 and 9877.",
    }
    AgentNoLeader = "agent_no_leader" {
        meaning: "No instance of the agent can become leader, so no snapshot is sent.",
        told_apart: "The agent believes itself healthy and says that it is no leader; a lease that is held but not \
            renewed is `agent_lease_stale`.",
        remedy: "Does the lease's namespace exist, and may the agent write leases there: `kubectl auth can-i update \
            leases --as=system:serviceaccount:castai-agent:castai-agent -n castai-agent`, `kubectl -n \
            castai-agent get lease`. A release in another namespace must set `LEADER_ELECTION_NAMESPACE`.",
    }
    AgentLeaseStale = "agent_lease_stale" {
        meaning: "Somebody holds the leader's lease and does not renew it: the leader is dead, or cannot reach the API server, \
            and no other took over.",
        told_apart: "A leader renews its lease every 2 s and has lost it after 15. Without a lease, or without a holder, it is \
            `agent_no_leader`. A leader that was killed is replaced after 16 s.",
        remedy: "Who holds it, and since when: `kubectl -n castai-agent get lease agent-leader-election-lock -o yaml`. Are the \
            agent's pods running: `kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent`; if they are, \
            delete them, and look at what the check `apiserver` says.",
    }
    AgentNotReadyInitialising = "agent_not_ready_initialising" {
        meaning: "The agent runs, but has not collected its first snapshot yet.",
        told_apart: "Its readiness says so. A delta that is overdue later on is `agent_unhealthy`.",
        remedy: "Wait two minutes. Then look for what its watches miss: `kubectl -n castai-agent logs \
            deploy/castai-agent -c agent | grep -E 'has not been synced|Failed to watch'`; mostly a role is \
            missing.",
    }
    AgentUnhealthy = "agent_unhealthy" {
        meaning: "The agent says of itself that it is not healthy: for a long time no delta has succeeded, or it never \
            got started.",
        told_apart: "It answers; if it does not, it is `agent_health_unreachable`. The cause stands in its log or in \
            another check.",
        remedy: "Read its own words: `kubectl -n castai-agent get --raw \
            /api/v1/namespaces/castai-agent/pods/POD:9876/proxy/healthz`, and the first error in `kubectl -n \
            castai-agent logs deploy/castai-agent -c agent`.",
    }
    AgentHealthUnreachable = "agent_health_unreachable" {
        meaning: "The agent's health port does not answer.",
        told_apart: "Right after a fatal error the port is closed for 15 s while the agent tries to send its log; at a \
            start it is not open yet.",
        remedy: "`kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent` and `kubectl -n \
            castai-agent logs deploy/castai-agent -c agent --previous`: the cause stands in the log.",
    }
    AgentCrashloop = "agent_crashloop" {
        meaning: "The container ends again and again, and Kubernetes waits longer before each restart.",
        told_apart: "Only the picture; the cause is in the log of the container before; of the agent's, the check `agent_log` names it.",
        remedy: "`kubectl -n castai-agent logs deploy/castai-agent --all-containers --ignore-errors --previous | \
            castai-health-exporter explain -` and `kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent`.",
    }
    AgentCompleted = "agent_completed" {
        meaning: "The agent ends by itself with exit code 0, again and again: it lost the API server or its lease.",
        told_apart: "The container's last state is `Completed` with exit code 0, which is never normal for the agent. Agents \
            up to v0.105 end so for any failure. A fault at the start ends with 1, a panic with 2 \
            (`agent_crashloop`). An agent that delivered nothing for 12 minutes ends so too, killed by its kubelet \
            (`agent_liveness_killed`); the kubelet does not tell of each kill.",
        remedy: "Look at the check `apiserver` first, and at `castai_api` when it runs for 12 to 17 minutes each time. \
            Then read the line `shutdown triggered by` in `kubectl -n \
            castai-agent logs deploy/castai-agent -c agent --previous`; its field `error=` names the cause. One \
            such restart after a pause of the control plane needs nothing.",
    }
    AgentOomkilled = "agent_oomkilled" {
        meaning: "The container was killed because it used more memory than its limit.",
        told_apart: "The reason is `OOMKilled`; exit code 137 alone may be any kill.",
        remedy: "Raise the limit: `helm upgrade castai-agent castai-helm/castai-agent -n castai-agent --reuse-values \
            --set resources.limits.memory=4Gi`.",
    }
    AgentLivenessKilled = "agent_liveness_killed" {
        meaning: "Kubernetes killed the container because its liveness probe failed.",
        told_apart: "The kubelet says so; the container did not end by itself.",
        remedy: "At the start: something it needs hangs for 30 s and more, read the first error in `kubectl -n \
            castai-agent logs deploy/castai-agent -c agent --previous`. Later: no delta for 12 minutes, look at \
            the check `castai_api`.",
    }
    AgentEvicted = "agent_evicted" {
        meaning: "The pod was thrown off its node because the node ran short of something.",
        told_apart: "The pod has failed with reason `Evicted`, its containers did not crash.",
        remedy: "`kubectl describe node NODE | grep -A8 Conditions`; give the pod requests that match its use and a \
            priority class.",
    }
    AgentUnschedulableResources = "agent_unschedulable_resources" {
        meaning: "No node has room for the pod.",
        told_apart: "The scheduler counts nodes with too little CPU, memory or pod slots.",
        remedy: "Add a node, lower the requests, or give the agent a priority class: `kubectl -n castai-agent \
            describe pod -l app.kubernetes.io/name=castai-agent | tail`.",
    }
    AgentUnschedulableTaint = "agent_unschedulable_taint" {
        meaning: "Every node has a taint that the pod does not tolerate.",
        told_apart: "The scheduler names the taint.",
        remedy: "Add a toleration to the chart's values (`tolerations`), or take the taint away: `kubectl taint node \
            NODE KEY-`.",
    }
    AgentUnschedulableSelector = "agent_unschedulable_selector" {
        meaning: "No node matches the pod's node selector or affinity.",
        told_apart: "A label is missing, not room.",
        remedy: "Compare `kubectl -n castai-agent get deploy castai-agent -o yaml | grep -A12 -E \
            'nodeSelector|nodeAffinity'` with `kubectl get nodes --show-labels`; use `kubernetes.io/os`, not \
            `beta.kubernetes.io/os`.",
    }
    AgentUnschedulableVolume = "agent_unschedulable_volume" {
        meaning: "A volume of the pod cannot come to any node that would have it.",
        told_apart: "The scheduler speaks of volumes or claims.",
        remedy: "`kubectl -n castai-agent get pvc` and the zone of its volume; the agent itself needs no persistent \
            volume.",
    }
    AgentFailedMount = "agent_failed_mount" {
        meaning: "A volume of the pod cannot be mounted.",
        told_apart: "The container has not started; a missing key of an environment variable is `agent_config_missing`.",
        remedy: "The event names the volume: `kubectl -n castai-agent describe pod -l \
            app.kubernetes.io/name=castai-agent | tail`. Restore the missing secret or config map by applying \
            the chart again.",
    }
    AgentConfigMissing = "agent_config_missing" {
        meaning: "A secret or config map that the container takes its environment from is missing, or lacks the key.",
        told_apart: "Waiting with `CreateContainerConfigError`, so the container has not started.",
        remedy: "`kubectl -n castai-agent get secret castai-agent`; write it again: `kubectl -n castai-agent create \
            secret generic castai-agent --from-literal=API_KEY=$CASTAI_API_TOKEN`.",
    }
    AgentFailedCreateQuota = "agent_failed_create_quota" {
        meaning: "A resource quota does not let the pod be made.",
        told_apart: "The ReplicaSet's event names the quota.",
        remedy: "`kubectl -n castai-agent describe resourcequota`; raise it, or on GKE allow the priority class \
            `system-cluster-critical` in this namespace by a quota of its own.",
    }
    AgentFailedCreatePsa = "agent_failed_create_psa" {
        meaning: "Pod security admission does not let the pod be made.",
        told_apart: "The event says `violates PodSecurity` and why.",
        remedy: "Relax the label of the namespace: `kubectl label namespace castai-agent \
            pod-security.kubernetes.io/enforce=baseline --overwrite`, or upgrade the chart.",
    }
    AgentFailedCreateWebhook = "agent_failed_create_webhook" {
        meaning: "An admission webhook fails or denies the pod.",
        told_apart: "The event names the webhook: it cannot be reached, or it says no.",
        remedy: "`kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations`; mend the service behind \
            it, or exempt the namespace `castai-agent`.",
    }
    AgentFailedCreateSa = "agent_failed_create_sa" {
        meaning: "The service account that the pod shall run with does not exist.",
        told_apart: "The event says that the account is not found.",
        remedy: "Apply the chart again: `helm upgrade castai-agent castai-helm/castai-agent -n castai-agent \
            --reuse-values`.",
    }
    AgentSandboxFailed = "agent_sandbox_failed" {
        meaning: "The node cannot set up the pod's network or sandbox.",
        told_apart: "Before any container; the message comes from the network plugin or the runtime.",
        remedy: "`kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent | tail`: out of \
            addresses, or a broken CNI pod on that node. Delete the pod to try another node.",
    }
    AgentProgressDeadline = "agent_progress_deadline" {
        meaning: "A rollout has not made its pods available in time.",
        told_apart: "Set only during rollouts; what keeps the pods from starting is in their own events.",
        remedy: "`kubectl -n castai-agent rollout status deploy/castai-agent` and the events of the new pods; go back \
            with `kubectl -n castai-agent rollout undo deploy/castai-agent`.",
    }
    AgentScaledToZero = "agent_scaled_to_zero" {
        meaning: "The Deployment exists, but it wants no pod.",
        told_apart: "Its `spec.replicas` is 0; pods that are wanted and cannot be made are another mode.",
        remedy: "`kubectl -n castai-agent scale deployment castai-agent --replicas=1`. If it comes back to 0, look for \
            who scales it: an autoscaler, a hibernation schedule, or GitOps.",
    }
    AgentUnavailable = "agent_unavailable" {
        meaning: "Fewer pods are available than are wanted, and nothing says more about why.",
        told_apart: "None of the more specific modes fits: the pods have a node and their images, and do not crash.",
        remedy: "`kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent | tail -30` and \
            `kubectl -n castai-agent get events --sort-by=.lastTimestamp | tail`. A pod that runs and is not ready \
            says why in its log.",
    }
    AgentVersionOutdated = "agent_version_outdated" {
        meaning: "A later version of the agent is there.",
        told_apart: "Advice: the tag of the agent's image is compared with the latest version that is configured.",
        remedy: "`helm repo update castai-helm`, then `helm upgrade castai-agent castai-helm/castai-agent -n \
            castai-agent --reuse-values`, or run the script of the Connect cluster screen again.",
    }
    LifecycleUnresolved = "lifecycle_unresolved" {
        meaning: "The labels of some nodes do not tell whether they are spot instances, and the agent cannot ask EC2: \
            spot nodes may be shown as on-demand.",
        told_apart: "Only nodes without a decisive label need EC2. When EC2 refuses, the agent marks no spot node of that \
            delta at all, not even those whose labels tell.",
        remedy: "Let the agent call `ec2:DescribeInstances`: the managed policy `AmazonEC2ReadOnlyAccess` on the role of \
            its service account (`kubectl -n castai-agent annotate serviceaccount castai-agent \
            eks.amazonaws.com/role-arn=ROLE`), or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` in its secret. \
            The checks `aws_credentials` and `ec2_api` say what is wrong.",
    }
    AgentUpgradeSelectorImmutable = "agent_upgrade_selector_immutable" {
        meaning: "An upgrade is refused because it would change the Deployment's selector, or because Helm finds objects \
            of another release.",
        told_apart: "The release's name or the labels differ from those the Deployment was made with. Helm looks at its own \
            annotations first, and then says `invalid ownership metadata`.",
        remedy: "`kubectl delete deployment -n castai-agent castai-agent`, then run the script or the helm command \
            again. Where Helm says `invalid ownership metadata`, `helm list -n castai-agent` names the release: upgrade \
            that one.",
    }
    CpfwBlocked = "cpfw_blocked" {
        meaning: "The control plane's firewall does not let CAST AI in.",
        told_apart: "The list of allowed networks was read whole, and CAST AI's address is in none of them; or CAST AI \
            says so itself: `No access to Kubernetes API server, please check your firewall settings`. On GKE addresses of \
            Google Cloud may be let in without being listed. A list that could not be read is no reason for this mode.",
        remedy: "Add `35.221.40.21/32` to the control plane's allowed networks. The commands replace the list, so \
            repeat all that is in it; the evidence of `control_plane_access` holds the whole command: `aws eks \
            update-cluster-config --name CLUSTER --resources-vpc-config publicAccessCidrs=OLD,35.221.40.21/32`, `gcloud \
            container clusters update CLUSTER --enable-master-authorized-networks --master-authorized-networks \
            OLD,35.221.40.21/32`, `az aks update -g GROUP -n CLUSTER --api-server-authorized-ip-ranges \
            OLD,35.221.40.21/32`. Then enable optimisation again.",
    }
    CastaiNotResponding = "castai_not_responding" {
        meaning: "CAST AI has had no snapshot of this cluster for some minutes.",
        told_apart: "As CAST AI sees it; after a while it becomes `castai_disconnected`.",
        remedy: "Is the agent there: `kubectl -n castai-agent get deploy castai-agent`. If not, press Reconnect in \
            the console and run the script. If it is, the other checks say why it cannot deliver.",
    }
    CastaiDisconnected = "castai_disconnected" {
        meaning: "CAST AI counts this cluster as disconnected.",
        told_apart: "It was `castai_not_responding` too long, or somebody disconnected it.",
        remedy: "Press Reconnect in the console and run the script again, or delete the cluster there; deleting \
            leaves the cluster itself running.",
    }
    CastaiReconcileFailed = "castai_reconcile_failed" {
        meaning: "CAST AI cannot bring the cluster's configuration into the state it wants.",
        told_apart: "CAST AI's own word about its access to the cloud and to the control plane, not about the agent.",
        remedy: "Read the error in the evidence or in the console. If it says `No access to Kubernetes API server, please \
            check your firewall settings`, let CAST AI's address `35.221.40.21` reach the control plane (see \
            `cpfw_blocked`). If it speaks of credentials or permissions, run the script that enables optimisation again, \
            which renews them.",
    }
    CastaiAcceptedButStale = "castai_accepted_but_stale" {
        meaning: "CAST AI counts the agent as online, yet the last snapshot it holds is old.",
        told_apart: "Requests are answered and nobody reports an error: something on the way answers in CAST AI's place (a \
            page with status 200 passes for success in the agent), or the agent idles as a follower without a leader. \
            When CAST AI notices itself, it becomes `castai_not_responding`.",
        remedy: "Is there a leader that sends: `kubectl -n castai-agent logs deploy/castai-agent -c agent --since=5m | grep \
            -E 'delta upload finished|Not a leader'`. A healthy upload says `response_code=204`; `200` comes from a proxy \
            or filter on the way, which has to let `api.cast.ai` through. Only `Not a leader`: see `agent_no_leader`.",
    }
    ImageAuthFailed = "image_auth_failed" {
        meaning: "The registry does not accept the credentials for the image, or there were none.",
        told_apart: "401; a known identity without the right is `image_forbidden`.",
        remedy: "Azure: on AKS the evidence holds these commands, filled in. Ask the cluster itself, `az aks check-acr -n CLUSTER -g GROUP --acr REGISTRY.azurecr.io`, and give \
            its kubelet identity or service principal the role AcrPull: `az aks update -n CLUSTER -g GROUP --attach-acr \
            REGISTRY`. After onboarding on CAST AI new nodes may use another service principal than the old ones, which \
            lacks the role: `az role assignment create --role AcrPull --assignee CLIENT_ID --scope REGISTRY_ID`. A \
            service principal's secret may have ended: `az ad app credential list --id CLIENT_ID`. Else renew the pull \
            secret: `kubectl -n NAMESPACE get pod POD -o jsonpath='{.spec.imagePullSecrets}'`.",
    }
    ImageAuthOrMissing = "image_auth_or_missing" {
        meaning: "The registry says that the image does not exist or that it may not be seen.",
        told_apart: "Both give the same answer, on purpose.",
        remedy: "Check name and tag first, then the pull secret.",
    }
    ImageForbidden = "image_forbidden" {
        meaning: "The registry knows who asks and says no.",
        told_apart: "403; without credentials it would be `image_auth_failed`. On Azure often the registry's network \
            rules.",
        remedy: "Azure: compare the nodes' outbound address with `az acr network-rule list -n REGISTRY`, and see whether \
            the registry's name leads to its private endpoint from the nodes (`privatelink.azurecr.io`). Elsewhere allow \
            this cluster's egress in the registry's rules, or grant the identity the right to pull.",
    }
    ImageNotFound = "image_not_found" {
        meaning: "The image or its tag does not exist in the registry.",
        told_apart: "404 from the registry itself, after credentials were accepted.",
        remedy: "Correct name and tag; see whether a clean-up policy removed the tag.",
    }
    ImageRateLimited = "image_rate_limited" {
        meaning: "The registry turns pulls away because there are too many.",
        told_apart: "429, or the registry's own words.",
        remedy: "Log in to the registry (Docker Hub counts anonymous pulls by address), or pull through a mirror.",
    }
    ImageTlsUntrusted = "image_tls_untrusted" {
        meaning: "The node does not trust the registry's certificate, or TLS fails.",
        told_apart: "The registry is reached; its certificate or protocol is the complaint.",
        remedy: "Install the registry's CA on the nodes, or exempt it from TLS inspection; a plain-HTTP registry must \
            be declared to containerd.",
    }
    ImageDns = "image_dns" {
        meaning: "The node cannot resolve the registry's name.",
        told_apart: "Nodes resolve by themselves, not through CoreDNS.",
        remedy: "Check the node's resolver, and whether the private DNS zone is linked to the nodes' network; for ACR: \
            `az network private-dns link vnet list -g GROUP -z privatelink.azurecr.io`.",
    }
    ImageTimeout = "image_timeout" {
        meaning: "The registry does not answer in time.",
        told_apart: "Silence; a refusal is `image_refused`.",
        remedy: "Allow the nodes' egress to the registry on 443, or give them a private endpoint. An ACR has two names: \
            REGISTRY.azurecr.io and the data endpoint (`az acr show-endpoints -n REGISTRY`).",
    }
    ImageRefused = "image_refused" {
        meaning: "The registry's address refuses the connection.",
        told_apart: "At once, in contrast to `image_timeout`.",
        remedy: "Is the registry or the mirror up, and is the port right in the image's name.",
    }
    ImageRegistry5xx = "image_registry_5xx" {
        meaning: "The registry answers with an error of its own.",
        told_apart: "It was reached and understood the request.",
        remedy: "Wait, and look at the registry's status page.",
    }
    ImageRegistryUnavailable = "image_registry_unavailable" {
        meaning: "The kubelet says that the registry is not available, and not why.",
        told_apart: "Its own reason `RegistryUnavailable`, without a status.",
        remedy: "Look at the registry's status and the node's way to it.",
    }
    ImagePlatformMismatch = "image_platform_mismatch" {
        meaning: "The image is not made for the node's architecture or system.",
        told_apart: "The tag exists, only not for this platform.",
        remedy: "Build it for this platform, or keep the pod on others: `nodeSelector: kubernetes.io/arch: amd64`.",
    }
    ImageNeverPull = "image_never_pull" {
        meaning: "The image is not on the node, and the pod forbids pulling it.",
        told_apart: "`imagePullPolicy: Never` in the pod.",
        remedy: "Set `imagePullPolicy: IfNotPresent`, or bring the image to the node.",
    }
    ImageInvalidName = "image_invalid_name" {
        meaning: "The image's name cannot be understood.",
        told_apart: "Nothing was asked of any registry.",
        remedy: "Correct it: no capital letters, no blanks, no scheme; an empty tag comes from an empty value in a \
            chart.",
    }
    ImageNoSpace = "image_no_space" {
        meaning: "The node's disk is full, so the image cannot be stored.",
        told_apart: "The registry did its part.",
        remedy: "`kubectl describe node NODE | grep -i pressure`; enlarge the disk or let the kubelet clear images \
            earlier.",
    }
    ImageSignature = "image_signature" {
        meaning: "The image's signature is missing or wrong.",
        told_apart: "A policy of the node or cluster demands one.",
        remedy: "Sign the image, or correct the policy.",
    }
    ImageUnknown = "image_unknown" {
        meaning: "The image cannot be pulled, and no rule knows why.",
        told_apart: "The kubelet's message fits none of the other image modes.",
        remedy: "Read the message in the evidence, and please report it.",
    }
    AgentDeploymentMissing = "agent_deployment_missing" {
        meaning: "The agent's Deployment does not exist.",
        told_apart: "Traces of it are there, or somebody asks for it, and the API server knows no such object; scaled to \
            zero it would exist.",
        remedy: "While `helm -n castai-agent status castai-agent` still knows the release, `helm repo update && helm upgrade \
            castai-agent castai-helm/castai-agent -n castai-agent --reuse-values` makes the Deployment anew with the values that \
            it had; values given by `--set` alone would replace them. Else run the script of the Connect cluster screen again.",
    }
    CpfwPrivateOnly = "cpfw_private_only" {
        meaning: "The control plane has no address on the internet, so CAST AI cannot come in.",
        told_apart: "No list decides here, as in `cpfw_blocked`: there is nothing to reach from outside. The agent itself \
            works, because it only asks outwards.",
        remedy: "Nothing is to be done for a cluster that CAST AI only watches. For optimisation from outside give the \
            control plane a public address with a list of networks (`aws eks update-cluster-config --name CLUSTER \
            --resources-vpc-config endpointPublicAccess=true,publicAccessCidrs=35.221.40.21/32`), or use CAST AI's \
            cluster-controller, which only asks outwards.",
    }
}
