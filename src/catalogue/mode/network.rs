//! Failures on the network path to any target: DNS, TCP, proxy, TLS and HTTP.

macro_rules! network {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Network: "The network path to any target."]
        NetDnsNxdomain = "net_dns_nxdomain" {
            category: Dns,
            checks: [Dns, Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The resolver answers that the name does not exist.",
            distinguishing: "Only an answer with the code NXDOMAIN counts. A resolver that stays silent is `net_dns_timeout`, one \
                that fails is `net_dns_servfail`. Go writes `no such host` also for a name without addresses, so a \
                log line cannot tell this from `net_dns_no_address`; the check `dns` can.",
            remedy: "Compare the name in the evidence with the agent's settings: `kubectl -n castai-agent set env \
                deploy/castai-agent --list | grep -E 'API_URL|PROXY'`. Ask from inside the cluster: `kubectl run \
                dns-test --rm -it --restart=Never --image=busybox:1.36 -- nslookup api.cast.ai.`. If only that \
                fails, look at the upstream zone and the forwarders in `kubectl -n kube-system get configmap coredns \
                -o yaml`.",
        }
        NetDnsServfail = "net_dns_servfail" {
            category: Dns,
            checks: [Dns, Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The resolver answers, but only with SERVFAIL or REFUSED: it cannot or will not find out about the \
                name.",
            distinguishing: "The resolver itself is alive, unlike in `net_dns_timeout`, and it does not deny the name, unlike in \
                `net_dns_nxdomain`. Logs write `server misbehaving` for both codes.",
            remedy: "Usually the upstream of CoreDNS is broken. Read its log: `kubectl -n kube-system logs -l \
                k8s-app=kube-dns --tail=50`, check the forwarders in `kubectl -n kube-system get configmap coredns \
                -o yaml`, then `kubectl -n kube-system rollout restart deploy/coredns`.",
        }
        NetDnsTimeout = "net_dns_timeout" {
            category: Dns,
            checks: [Dns, Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            properties: [Timeout],
            meaning: "The resolver named in the pod's resolv.conf did not answer.",
            distinguishing: "A silence, not an answer: `net_dns_nxdomain` and `net_dns_servfail` are answers. The words `i/o \
                timeout` behind `lookup` mean this mode; behind `dial tcp` and an address they mean \
                `net_connect_timeout`.",
            remedy: "Are the DNS pods running: `kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide`. Does a \
                policy of the namespace forbid UDP and TCP 53: `kubectl -n castai-agent get networkpolicy`. If only \
                this node suffers, move the agent: `kubectl -n castai-agent delete pod -l \
                app.kubernetes.io/name=castai-agent`.",
        }
        NetDnsNoAddress = "net_dns_no_address" {
            category: Dns,
            checks: [Dns, Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The name exists, but has no address of a family that this pod can use.",
            distinguishing: "The answer is empty, not negative: `net_dns_nxdomain` denies the name itself. Typical for a name \
                with IPv6 addresses only that is asked from an IPv4 pod, or the other way round.",
            remedy: "Look at both families: `kubectl run dns-test --rm -it --restart=Never --image=busybox:1.36 -- sh -c \
                'nslookup -type=a api.cast.ai.; nslookup -type=aaaa api.cast.ai.'`. Add the missing record, or \
                NAT64/DNS64 for an IPv6-only cluster.",
        }
        NetConnectTimeout = "net_connect_timeout" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            properties: [Timeout],
            meaning: "No TCP connection came about: the packets that ask for one are not answered.",
            distinguishing: "A refusal comes at once (`net_refused`), a missing route too (`net_unreachable`); silence is a \
                firewall, a security group or a network policy that drops. Once TCP stands, the mode is \
                `tls_handshake_timeout` or `http_timeout`.",
            remedy: "Allow the address and port of the evidence on the way out: `kubectl -n castai-agent get \
                networkpolicy`, the egress rules of the node's security group or firewall, and the NAT gateway. If \
                the cluster leaves only through a proxy, give the agent `HTTPS_PROXY` and `NO_PROXY`. Try from the \
                cluster: `kubectl run net-test --rm -it --restart=Never --image=busybox:1.36 -- nc -zvw5 api.cast.ai \
                443`.",
        }
        NetRefused = "net_refused" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The host is there, and refuses the connection: nothing listens on that port.",
            distinguishing: "Refused at once, with a reset in answer to the first packet. Silence is `net_connect_timeout`; a \
                connection that is closed later is `net_reset`.",
            remedy: "Compare address and port with what the evidence names. For the API server see whether its endpoints \
                are alive: `kubectl get endpointslices -n default -l kubernetes.io/service-name=kubernetes`. For \
                anything else the service or the load balancer behind the address is down, or `API_URL` or the proxy \
                has the wrong port.",
        }
        NetUnreachable = "net_unreachable" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "This host or its network knows no way to the address.",
            distinguishing: "A router or the kernel says so at once, in contrast to the silence of `net_connect_timeout`. Often \
                an IPv6 address in a cluster without IPv6, or a REJECT rule.",
            remedy: "Look at the address in the evidence. IPv6 where there is none: take the AAAA record away or make the \
                path. Else check the routes of the subnet (NAT gateway, transit gateway) and reject rules of the \
                node's firewall.",
        }
        NetReset = "net_reset" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The connection was made, and closed or reset before an answer came.",
            distinguishing: "Something in between or the server itself hung up. If it hangs up right after the first TLS message, \
                a filter on server names is likely. Before the connection stands it is `net_refused`; silence is \
                `http_timeout` or `tls_handshake_timeout`.",
            remedy: "Once is a restart on the other side. If it stays, look for a firewall that filters by server name \
                and allow `api.cast.ai` (or the name in the evidence) there. Seen from one node only: `kubectl -n \
                castai-agent delete pod -l app.kubernetes.io/name=castai-agent`.",
        }
        ProxyUnreachable = "proxy_unreachable" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The proxy from the agent's settings cannot be resolved or reached, or does not answer.",
            distinguishing: "The fault is before the proxy: its refusals are `proxy_auth_required` and `proxy_denied`. Go marks \
                it with `proxyconnect`.",
            remedy: "Read the settings: `kubectl -n castai-agent set env deploy/castai-agent --list | grep -i proxy`. \
                Correct host and port of `HTTPS_PROXY`, and allow the pods to reach it. If no proxy is wanted: \
                `kubectl -n castai-agent set env deploy/castai-agent HTTPS_PROXY- HTTP_PROXY-`.",
        }
        ProxyAuthRequired = "proxy_auth_required" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The proxy wants a user and a password, and got none or wrong ones (407).",
            distinguishing: "The proxy itself says so before any TLS with the target; 401 from behind the proxy is \
                `castai_token_invalid` or `k8s_unauthorized`.",
            remedy: "Put the credentials, percent-encoded, into the agent's proxy address, best from a secret: \
                `HTTPS_PROXY=http://user:password@proxy:3128`. Or exempt the agent's targets on the proxy.",
        }
        ProxyDenied = "proxy_denied" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The proxy refuses to connect to the target.",
            distinguishing: "The answer to CONNECT is a refusal other than 407. In logs only the words of the status stand behind \
                the address, as in `Get \"https://10.96.0.1:443/…\": Forbidden`, without `status_code=` and without \
                `is forbidden: User`: that is neither RBAC nor CAST AI.",
            remedy: "If the target is the API server, it must not go through the proxy: add the service range and the \
                cluster's names to `NO_PROXY`, for example `kubectl -n castai-agent set env deploy/castai-agent \
                NO_PROXY=10.96.0.0/12,169.254.169.254,.svc,.cluster.local,localhost`. If it is CAST AI or AWS, allow \
                that host on the proxy.",
        }
        ProxyBlockPage = "proxy_block_page" {
            category: Unreachable,
            checks: [CastaiApi, StsIdentity, AgentLog],
            meaning: "A proxy or web filter answers with a page of its own in place of the target.",
            distinguishing: "The page, its headers or the issuer of the certificate name the filter. A page without such marks in \
                front of CAST AI is `castai_waf_blocked`; a CONNECT refusal is `proxy_denied`.",
            remedy: "Ask the owners of the filter to let the agent's egress reach `api.cast.ai` on 443 unfiltered and \
                without inspection. The evidence names the product and the page's title.",
        }
        TlsHandshakeTimeout = "tls_handshake_timeout" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            properties: [Timeout],
            meaning: "TCP connects, but the TLS handshake does not finish in time.",
            distinguishing: "TCP works, so it is not `net_connect_timeout`; no HTTP was spoken, so it is not `http_timeout`. \
                Nothing received: an overloaded or dead endpoint behind a living address. Some bytes received and \
                then nothing: large packets get lost (MTU). One of several API-server addresses only: \
                `k8s_endpoint_down`.",
            remedy: "Delete the agent's pod, which gives it a new network path: `kubectl -n castai-agent delete pod -l \
                app.kubernetes.io/name=castai-agent`. If it comes back: `kubectl get --raw /readyz?verbose`, compare \
                nodes and endpoints, check that the service range stands in `NO_PROXY`, then the MTU of the pod \
                network and the node's conntrack table.",
        }
        TlsUnknownAuthority = "tls_unknown_authority" {
            category: Certificate,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The server's certificate does not lead to a root that the client trusts.",
            distinguishing: "The chain is whole but ends elsewhere. If the issuer is evidently a corporate filter, it is \
                `tls_intercepted`. Names and dates were not the complaint (`tls_hostname_mismatch`, `tls_expired`).",
            remedy: "Read the issuer in the evidence. If your company inspects TLS, give the agent that root: `helm \
                upgrade castai-agent castai-helm/castai-agent -n castai-agent --reuse-values --set-file \
                trustedCACert=ca.pem`; it replaces the system roots, so append the public ones if both are needed. \
                For the API server: the pod holds an old `ca.crt`, delete the pod.",
        }
        TlsIntercepted = "tls_intercepted" {
            category: Certificate,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "Somebody between here and the target opens TLS and presents a certificate of his own.",
            distinguishing: "As `tls_unknown_authority`, but the issuer is evidently neither a public authority nor the \
                cluster's.",
            remedy: "Exempt the target from inspection, or make the agent trust the inspecting root: `helm upgrade \
                castai-agent castai-helm/castai-agent -n castai-agent --reuse-values --set-file \
                trustedCACert=corporate-root.pem`.",
        }
        TlsExpired = "tls_expired" {
            category: Certificate,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            properties: [ClockDependent],
            meaning: "The server's certificate is past its last day.",
            distinguishing: "The end date is before now. A start date in the future is `tls_not_yet_valid`. If many unrelated \
                servers seem expired at once, this node's clock is ahead: see `clock_skew`.",
            remedy: "Renew the certificate of the host in the evidence. For a self-managed API server: `kubeadm certs \
                check-expiration`, then `kubeadm certs renew all` and restart the control plane.",
        }
        TlsNotYetValid = "tls_not_yet_valid" {
            category: Certificate,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            properties: [ClockDependent],
            meaning: "The server's certificate is not valid yet, or the clock here is behind.",
            distinguishing: "The start date is after now. A clock that lags is the usual reason, so look at `clock_skew` first.",
            remedy: "Check the node's time: `kubectl debug node/NODE -it --image=busybox:1.36 -- date -u`, repair chrony \
                or NTP there. If the time is right, the certificate was made with a wrong start date: issue it \
                again.",
        }
        TlsHostnameMismatch = "tls_hostname_mismatch" {
            category: Certificate,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The certificate is for another name, or lacks the IP address that was dialled.",
            distinguishing: "The chain is trusted, only the name is wrong; an unknown chain is `tls_unknown_authority`.",
            remedy: "Compare the names in the evidence with the address that was asked. For the API server add the \
                address to the certificate's SANs (`kubeadm init phase certs apiserver --apiserver-cert-extra-sans \
                ADDRESS`). For CAST AI correct `API_URL`, or the DNS entry that sends the name to another server.",
        }
        TlsProtocol = "tls_protocol" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "Both sides cannot agree on TLS, or the other side does not speak TLS at all.",
            distinguishing: "There was an answer (an alert, plain HTTP, noise), so it is no time-out; and the certificate was not \
                the complaint, which would be another `tls_` mode.",
            remedy: "See what answers: `openssl s_client -connect HOST:PORT -servername HOST </dev/null`. Plain HTTP: \
                wrong port, or `http://` is missing in the proxy's address. An alert: a filter by server name, a \
                client certificate that is demanded, or TLS below 1.2.",
        }
        HttpTimeout = "http_timeout" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            properties: [Timeout],
            meaning: "The connection and TLS stand, but no answer came in time.",
            distinguishing: "The path is fine up to the server; before that the mode is `net_connect_timeout` or \
                `tls_handshake_timeout`. An answer that comes, but late, is `k8s_slow` or `castai_slow`. From \
                `context deadline exceeded` alone a log cannot tell a silent proxy from a silent server.",
            remedy: "For the API server: `kubectl get --raw /readyz?verbose` and its load. For CAST AI: its status page, \
                and any proxy between. Large uploads only: MTU or a filter on body size.",
        }
        HttpProtocol = "http_protocol" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "What came back is not HTTP, is cut off, or exceeds every sensible size.",
            distinguishing: "Bytes came, so it is no time-out; a proper HTTP answer of the wrong kind is `castai_unexpected_body` \
                or `k8s_unexpected_body`.",
            remedy: "Something else listens on that port, or a middlebox tampers with the stream. Compare `API_URL` and \
                proxy settings with the port in the evidence, and look at `curl -v` to the same address from the \
                cluster.",
        }
    } };
}

pub(super) use network;
