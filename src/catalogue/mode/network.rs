//! Failures on the network path to any target: DNS, TCP, proxy, TLS and HTTP.

macro_rules! network {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Network: "The network path to any target."]
        NetDnsNxdomain = "net_dns_nxdomain" {
            category: Dns,
            checks: [Dns, Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The DNS name does not exist: the resolver answered NXDOMAIN.",
            distinguishing: "Only a response with code NXDOMAIN counts. A resolver that does not \
                respond is `net_dns_timeout`; one that fails is `net_dns_servfail`. Go also logs \
                `no such host` for a name without addresses, so a log line cannot separate this \
                mode from `net_dns_no_address`; the `dns` check can.",
            remedy: "Compare the name in the evidence with the agent's settings:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} --list | grep -E \
                'URL|PROXY|REGION'\n\
                Resolve it from inside the cluster:\n\
                $ kubectl run dns-test --rm -it --restart=Never --image=busybox:1.36 -- nslookup \
                {host}.\n\
                If only that fails, check the upstream zone and the forwarders of CoreDNS:\n\
                $ kubectl -n kube-system get configmap coredns -o yaml",
        }
        NetDnsServfail = "net_dns_servfail" {
            category: Dns,
            checks: [Dns, Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The resolver responded, but only with SERVFAIL or REFUSED: it cannot or \
                will not resolve the name.",
            distinguishing: "The resolver is alive, unlike in `net_dns_timeout`, and it does not \
                deny that the name exists, unlike in `net_dns_nxdomain`. Logs show `server \
                misbehaving` for both codes.",
            remedy: "Check CoreDNS, whose upstream is usually the cause. Read its log and its \
                forwarders:\n\
                $ kubectl -n kube-system logs -l k8s-app=kube-dns --tail=50\n\
                $ kubectl -n kube-system get configmap coredns -o yaml\n\
                Then restart it:\n\
                $ kubectl -n kube-system rollout restart deploy/coredns",
        }
        NetDnsTimeout = "net_dns_timeout" {
            category: Dns,
            checks: [Dns, Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            properties: [Timeout],
            meaning: "The resolver configured in the pod's resolv.conf did not respond.",
            distinguishing: "No response arrived at all; `net_dns_nxdomain` and \
                `net_dns_servfail` are responses. In logs, `i/o timeout` after `lookup` means \
                this mode; after `dial tcp` and an address it means `net_connect_timeout`.",
            remedy: "Check that the DNS pods are running:\n\
                $ kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide\n\
                Check that no network policy blocks UDP and TCP port 53:\n\
                $ kubectl -n {namespace} get networkpolicy\n\
                If only this node is affected, move the agent:\n\
                $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent",
        }
        NetDnsNoAddress = "net_dns_no_address" {
            category: Dns,
            checks: [Dns, Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The name exists but has no address of a family that this pod can use.",
            distinguishing: "The response is empty, not negative: `net_dns_nxdomain` denies the \
                name itself. Typical for an IPv6-only name resolved from an IPv4 pod, or the \
                reverse.",
            remedy: "Look up both families of the name in the evidence:\n\
                $ kubectl run dns-test --rm -it --restart=Never --image=busybox:1.36 -- sh -c \
                'nslookup -type=a {host}.; nslookup -type=aaaa {host}.'\n\
                Add the missing record, or NAT64/DNS64 for an IPv6-only cluster.",
        }
        NetConnectTimeout = "net_connect_timeout" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            properties: [Timeout],
            meaning: "The TCP connection timed out: SYN packets got no reply.",
            distinguishing: "A refused connection (`net_refused`) and a missing route \
                (`net_unreachable`) fail immediately. Silence means that a firewall, security \
                group or network policy drops the packets. Once TCP is established, the mode is \
                `tls_handshake_timeout` or `http_timeout`.",
            remedy: "Allow egress to the address and port in the evidence. Check network policies, \
                the egress rules of the node's security group or firewall, and the NAT gateway:\n\
                $ kubectl -n {namespace} get networkpolicy\n\
                If the cluster reaches the internet only through a proxy, set `HTTPS_PROXY` and \
                `NO_PROXY` on the agent. Test the address in the evidence from the cluster:\n\
                $ kubectl run net-test --rm -it --restart=Never --image=busybox:1.36 -- nc -zvw5 \
                {host} {port}",
        }
        NetRefused = "net_refused" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The host refused the connection: nothing listens on that port.",
            distinguishing: "The refusal is immediate, a reset in reply to the first packet. No \
                reply is `net_connect_timeout`; a connection closed later is `net_reset`.",
            remedy: "Compare the address and port in the evidence with the intended target. If \
                they are right, the service or load balancer behind the address is down: restore \
                it. If they are wrong, correct the URL or proxy port in the agent's settings:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} --list | grep -E 'URL|PROXY'",
        }
        NetUnreachable = "net_unreachable" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "No route to the host or network.",
            distinguishing: "A router or the kernel reports this immediately, unlike the silence \
                of `net_connect_timeout`. Often an IPv6 address in a cluster without IPv6, or a \
                REJECT rule.",
            remedy: "Check the address in the evidence. If it is IPv6 and the cluster has no \
                IPv6, remove the AAAA record or provide an IPv6 route. Otherwise check the \
                subnet's routes (NAT gateway, transit gateway) and the reject rules of the node's \
                firewall.",
        }
        NetReset = "net_reset" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The connection was established, then closed or reset before a response \
                arrived.",
            distinguishing: "A middlebox, or the server itself, closed the connection. A reset \
                right after the first TLS message points to a filter on server names (SNI). \
                Before the connection is established it is `net_refused`; silence is \
                `http_timeout` or `tls_handshake_timeout`.",
            remedy: "Ignore a single reset: the peer probably restarted. If it persists, look for \
                a firewall that filters by server name (SNI) and allow the host in the evidence \
                there. If only one node is affected:\n\
                $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent",
        }
        ProxyUnreachable = "proxy_unreachable" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The proxy in the agent's settings cannot be resolved or reached, or does \
                not respond.",
            distinguishing: "The proxy was never reached; its refusals are `proxy_auth_required` \
                and `proxy_denied`. Go marks it with `proxyconnect`.",
            remedy: "Check the proxy settings:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} --list | grep -i proxy\n\
                Correct the host and port of `HTTPS_PROXY`, and allow the pods to reach the proxy. \
                If no proxy is wanted:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} HTTPS_PROXY- HTTP_PROXY-",
        }
        ProxyAuthRequired = "proxy_auth_required" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The proxy requires credentials and received none or wrong ones (407).",
            distinguishing: "The proxy itself responds, before any TLS with the target. A 401 \
                from behind the proxy is `castai_token_invalid` or `k8s_unauthorized`.",
            remedy: "Set or renew the user and password in the agent's `HTTPS_PROXY`, preferably \
                from a Secret: `http://USER:PASSWORD@HOST:PORT`, with special characters \
                percent-encoded (`@` as `%40`). Then restart the agent:\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}\n\
                Alternatively, exempt the agent's targets from authentication on the proxy.",
        }
        ProxyDenied = "proxy_denied" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The proxy refused to connect to the target.",
            distinguishing: "The response to CONNECT is an error other than 407 and other than a \
                gateway error (`proxy_bad_gateway`). Logs show only \
                the reason phrase after the address, as in `Get \"https://10.96.0.1:443/…\": \
                Forbidden`, without `status_code=` and without `is forbidden: User`: this is \
                neither RBAC nor CAST AI.",
            remedy: "Allow the host in the evidence on the proxy, or add it to the agent's \
                `NO_PROXY` if the agent can reach it directly.",
        }
        ProxyBadGateway = "proxy_bad_gateway" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The proxy responds but cannot reach the target itself (502, 503 or 504).",
            distinguishing: "The response to CONNECT is a gateway error: the proxy allows the \
                target and failed to connect to it. A refusal, such as 403, is `proxy_denied`; a \
                502 from behind an open tunnel is an error of the target.",
            remedy: "Repair the proxy's own path to the host in the evidence: its name resolution, \
                its egress or its upstream proxy. Test on the proxy's host:\n\
                $ curl -sv https://{host}/\n\
                If the agent can reach the host directly, add it to the agent's `NO_PROXY`.",
        }
        ProxyBlockPage = "proxy_block_page" {
            category: Unreachable,
            checks: [CastaiApi, StsIdentity, AgentLog],
            meaning: "A proxy or web filter responded with its own page instead of the target.",
            distinguishing: "The page, its headers or the issuer of the certificate identify the \
                filter. A page without such marks in front of CAST AI is `castai_waf_blocked`; a \
                refused CONNECT is `proxy_denied`.",
            remedy: "Have the filter's owners allow the agent's egress to the host in the \
                evidence on port 443, without filtering or inspection. The evidence names the \
                product and the title of the page.",
        }
        TlsHandshakeTimeout = "tls_handshake_timeout" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            properties: [Timeout],
            meaning: "TCP connected, but the TLS handshake did not finish in time.",
            distinguishing: "TCP works, so it is not `net_connect_timeout`; no HTTP was \
                exchanged, so it is not `http_timeout`. If nothing was received, the endpoint \
                behind a live address is overloaded or dead. If some bytes were received and then \
                none, large packets are lost (MTU). If only one of several API-server addresses \
                is affected, the mode is `k8s_endpoint_down`.",
            remedy: "Delete the agent's pod to give it a new network path:\n\
                $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent\n\
                If it happens again, check that the host in the evidence is healthy and that no \
                firewall or proxy in front of it filters TLS, then check the MTU of the pod \
                network and the node's conntrack table.",
        }
        TlsUnknownAuthority = "tls_unknown_authority" {
            category: Certificate,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The server's certificate does not chain to a root that the client trusts.",
            distinguishing: "The chain is complete but ends in another root. If the issuer is \
                evidently a corporate filter, the mode is `tls_intercepted`. Names and dates were \
                not the problem (`tls_hostname_mismatch`, `tls_expired`).",
            remedy: "Check the issuer in the evidence. If your company inspects TLS, exempt the \
                host in the evidence from inspection or make the agent trust the inspecting root. \
                If the host uses a private CA, add that CA to the roots that the agent uses for \
                this host.",
        }
        TlsIntercepted = "tls_intercepted" {
            category: Certificate,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "A TLS-inspecting proxy is presenting its own certificate.",
            distinguishing: "Like `tls_unknown_authority`, but the issuer is evidently neither a \
                public authority nor the cluster's.",
            remedy: "Exempt the host in the evidence from inspection, or make the agent trust the \
                inspecting root for this host.",
        }
        TlsExpired = "tls_expired" {
            category: Certificate,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            properties: [ClockDependent],
            meaning: "The server's certificate has expired.",
            distinguishing: "The end date is in the past. A start date in the future is \
                `tls_not_yet_valid`. If many unrelated servers appear expired at once, this \
                node's clock is ahead: see `clock_skew`.",
            remedy: "Renew the certificate of the host in the evidence. If the certificate does \
                not belong to that host, something in between presents it: see the issuer.",
        }
        TlsNotYetValid = "tls_not_yet_valid" {
            category: Certificate,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            properties: [ClockDependent],
            meaning: "The server's certificate is not valid yet, or the local clock is behind.",
            distinguishing: "The start date is in the future. A clock that is behind is the usual \
                reason, so check `clock_skew` first.",
            remedy: "Check the node's time:\n\
                $ kubectl debug node/{local_node} -it --image=busybox:1.36 -- date -u\n\
                If it is wrong, repair chrony or NTP on that node. If it is right, the certificate \
                was issued with a wrong start date: reissue it.",
        }
        TlsHostnameMismatch = "tls_hostname_mismatch" {
            category: Certificate,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The certificate is for another name, or lacks the IP address that was \
                dialled.",
            distinguishing: "The chain is trusted, only the name is wrong; an unknown chain is \
                `tls_unknown_authority`.",
            remedy: "Compare the names in the evidence with the address that was dialled. Correct \
                the URL in the agent's settings or the DNS record that points the name to another \
                server.",
        }
        TlsProtocol = "tls_protocol" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The two sides cannot agree on TLS, or the other side does not speak TLS at \
                all.",
            distinguishing: "There was a response (an alert, plain HTTP, noise), so it is not a \
                timeout; and the certificate was not the problem, which would be another `tls_` \
                mode.",
            remedy: "See what responds at the address in the evidence:\n\
                $ openssl s_client -connect {host}:{port} -servername {host} </dev/null\n\
                Plain HTTP means a wrong port, or a missing `http://` in the proxy's address. An \
                alert means a filter on server names, a required client certificate, or TLS below \
                1.2.",
        }
        HttpTimeout = "http_timeout" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            properties: [Timeout, Symptom],
            meaning: "TCP and TLS are established, but no response arrived in time.",
            distinguishing: "The path works up to the server; before that the mode is \
                `net_connect_timeout` or `tls_handshake_timeout`. A response that arrives late is \
                `k8s_slow` or `castai_slow`. A log that does not show how far the request got is \
                `net_no_answer`.",
            remedy: "Check the load and health of the host in the evidence and of any proxy in \
                front of it. If only large uploads are affected, check the MTU and any filter on \
                body size.",
        }
        NetNoAnswer = "net_no_answer" {
            category: Unreachable,
            checks: [AgentLog],
            properties: [Timeout, Symptom],
            meaning: "A log says that a server did not respond in time, but not how far the \
                request got.",
            distinguishing: "`context deadline exceeded` alone hides whether the lookup, TCP, TLS \
                or HTTP hung. For the API server the mode is `k8s_no_answer`. The check of that \
                server names the phase; rely on that instead.",
            remedy: "Check `dns` and the check of the server in the evidence, and follow the mode \
                that they name. If they are ok, the request was slow only at that time. Find the \
                cause in the agent's log:\n\
                $ kubectl -n {namespace} logs deploy/{deployment} -c agent --since=10m | \
                castai-health-exporter explain -",
        }
        HttpProtocol = "http_protocol" {
            category: Unreachable,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentLog],
            meaning: "The response is not HTTP, is truncated, or exceeds the size limit.",
            distinguishing: "Bytes arrived, so it is not a timeout; a proper HTTP response of the \
                wrong kind is `castai_unexpected_body` or `k8s_unexpected_body`.",
            remedy: "Compare the URL and proxy settings with the port in the evidence: another \
                service listens on that port, or a middlebox tampers with the stream. Test the \
                same address from the cluster:\n\
                $ kubectl run http-test --rm -it --restart=Never --image=curlimages/curl -- -sv \
                https://{host}/",
        }
    } };
}

pub(super) use network;
