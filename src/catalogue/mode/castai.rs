//! Failures of CAST AI's API, and of the cluster as CAST AI sees it.

macro_rules! castai {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Castai: "CAST AI's API, and the cluster as CAST AI sees it."]
        CastaiKeyMissing = "castai_key_missing" {
            category: Misconfigured,
            checks: [CastaiApi, AgentLog],
            meaning: "The agent has no API key and exits at startup.",
            distinguishing: "No request was sent. A key that CAST AI rejects is \
                `castai_token_invalid`.",
            remedy: "Store the key in the agent's Secret and restart the agent:\n\
                $ kubectl -n {namespace} create secret generic castai-agent \
                --from-literal=API_KEY=\"${CASTAI_API_TOKEN:?set it first}\" --dry-run=client -o \
                yaml | kubectl apply -f -\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}",
        }
        CastaiKeyMalformed = "castai_key_malformed" {
            category: Misconfigured,
            checks: [CastaiApi, AgentLog],
            meaning: "The API key contains a byte that is not allowed in an HTTP header, usually \
                a trailing newline.",
            distinguishing: "The request was never sent. A well-formed key that is rejected is \
                `castai_token_invalid`.",
            remedy: "Store the key again without a trailing newline (`echo` adds one):\n\
                $ kubectl -n {namespace} patch secret castai-agent -p \
                \"{\\\"stringData\\\":{\\\"API_KEY\\\":\\\"${CASTAI_API_TOKEN:?set it first}\\\"}}\"\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}",
        }
        CastaiTokenInvalid = "castai_token_invalid" {
            category: Denied,
            checks: [CastaiApi, ClusterController, Components, AgentLog],
            meaning: "CAST AI rejected the API key (401).",
            distinguishing: "CAST AI itself responded, so network, proxy and TLS work. A 403 is \
                `castai_forbidden`: a valid key without permission.",
            remedy: "Create a key in the console (API access keys), then store it and restart the \
                agent:\n\
                $ kubectl -n {namespace} patch secret castai-agent -p \
                \"{\\\"stringData\\\":{\\\"API_KEY\\\":\\\"${CASTAI_API_TOKEN:?set it first}\\\"}}\"\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}",
        }
        CastaiForbidden = "castai_forbidden" {
            category: Denied,
            checks: [CastaiApi, ClusterController, Components, AgentLog],
            meaning: "CAST AI recognises the key but does not allow it to act for this cluster \
                (403).",
            distinguishing: "The response is CAST AI's own JSON; an HTML page with 403 comes from \
                its edge (`castai_waf_blocked`) or from a proxy (`proxy_block_page`).",
            remedy: "Store a key from the right organisation in the agent's Secret and restart the \
                agent: either another onboarding revoked the cluster's token, or the key belongs \
                to another organisation:\n\
                $ kubectl -n {namespace} patch secret castai-agent -p \
                \"{\\\"stringData\\\":{\\\"API_KEY\\\":\\\"${CASTAI_API_TOKEN:?set it first}\\\"}}\"\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}\n\
                For the cluster controller:\n\
                $ helm repo update\n\
                $ helm upgrade -i cluster-controller castai-helm/castai-cluster-controller -n \
                {namespace} --reuse-values --set castai.apiKey=\"${CASTAI_API_TOKEN:?set it \
                first}\" --set castai.clusterID=\"{cluster_id}\"",
        }
        CastaiWafBlocked = "castai_waf_blocked" {
            category: Unreachable,
            checks: [CastaiApi, AgentLog],
            meaning: "A firewall in front of CAST AI blocks the request before the application \
                sees it.",
            distinguishing: "The response is HTML without the application's request ID and \
                without marks of a corporate filter, which would be `proxy_block_page`. JSON with \
                403 is `castai_forbidden`.",
            remedy: "Contact CAST AI support; this cannot be fixed in the cluster. Send the time, \
                the reference on the page (`cf-ray`, incident ID) and the egress address:\n\
                $ kubectl run ip --rm -it --restart=Never --image=curlimages/curl -- -s \
                https://ifconfig.me",
        }
        CastaiClusterNotFound = "castai_cluster_not_found" {
            category: Denied,
            checks: [CastaiApi, ClusterStatus, AgentLog],
            meaning: "CAST AI no longer has a record of this cluster (404), but the agent is \
                still running.",
            distinguishing: "This is a response to a request that contains the cluster ID. A key \
                of another organisation gets 403.",
            remedy: "Reconnect the cluster, which was deleted in the console: run the script of \
                the Connect cluster screen again. If it is meant to stay deleted, uninstall the \
                agent:\n\
                $ helm uninstall {release} -n {namespace}",
        }
        CastaiRateLimited = "castai_rate_limited" {
            category: Throttled,
            checks: [CastaiApi, AgentLog],
            properties: [Transient],
            meaning: "CAST AI is rate limiting requests (429).",
            distinguishing: "The response is JSON from the application; an HTML page with 429 \
                comes from the edge (`castai_waf_blocked`).",
            remedy: "Wait: the agent retries on its own. If it persists, check for other tools \
                that use the same key and for several agents of one cluster:\n\
                $ kubectl get deploy -A -l app.kubernetes.io/name=castai-agent\n\
                Otherwise request a higher quota from CAST AI.",
        }
        CastaiClientError = "castai_client_error" {
            category: Error,
            checks: [CastaiApi, AgentLog],
            meaning: "CAST AI rejected the request itself (a 4xx status without a dedicated mode).",
            distinguishing: "401, 403, 404 and 429 have their own modes; here CAST AI rejected \
                the request itself.",
            remedy: "Upgrade the agent, which is probably too old for the API:\n\
                $ helm repo update\n\
                $ helm upgrade {release} castai-helm/castai-agent -n {namespace} --reuse-values\n\
                Otherwise check `API_URL` for a wrong path. The evidence shows CAST AI's message.",
        }
        CastaiSlow = "castai_slow" {
            category: Slow,
            checks: [CastaiApi],
            properties: [Transient, Timeout],
            meaning: "CAST AI responds, but later than the agent's timeouts (5 s to connect, 5 s \
                for TLS, 10 s for the response).",
            distinguishing: "A response did arrive; without one it is `net_connect_timeout`, \
                `tls_handshake_timeout` or `http_timeout`.",
            remedy: "Check which phase is slow in the evidence. Connect or TLS: check the egress \
                path (NAT gateway, proxy, packet loss). Response: check CAST AI's status page. \
                CPU throttling of the agent's node looks the same.",
        }
        CastaiServerError = "castai_server_error" {
            category: Error,
            checks: [CastaiApi, AgentLog],
            properties: [Transient],
            meaning: "CAST AI responds with a server error (5xx).",
            distinguishing: "The failure is at CAST AI, not on the network path. A filter's page \
                is `proxy_block_page`; a block by the edge is `castai_waf_blocked`.",
            remedy: "Check CAST AI's status page and wait: the agent retries. If only your \
                organisation is affected, check that the key belongs to the organisation, then \
                send support the request ID in the evidence.",
        }
        CastaiUnexpectedBody = "castai_unexpected_body" {
            category: Error,
            checks: [CastaiApi, AgentLog],
            meaning: "Something responds at CAST AI's address, but not with what CAST AI would \
                return.",
            distinguishing: "This includes status 200: the agent treats a portal's page as \
                success and reports itself healthy. With marks of a filter it is \
                `proxy_block_page`.",
            remedy: "Compare `API_URL` with `https://api.cast.ai` (`https://api.eu.cast.ai` for \
                organisations in the EU), and check the page title in the evidence: a captive \
                portal, a wrong host, or incompatible versions of agent and API.",
        }
        CastaiContinuityToken = "castai_continuity_token" {
            category: Error,
            checks: [AgentLog],
            meaning: "CAST AI rejected the delta because it does not follow the last one it \
                received; the agent starts over with a full snapshot.",
            distinguishing: "Harmless once. If it repeats, two agents report for one cluster, or \
                deltas are lost in transit.",
            remedy: "Check for a second agent with this cluster ID, in another namespace or \
                cluster:\n\
                $ kubectl get deploy -A -l app.kubernetes.io/name=castai-agent\n\
                Scale the wrong one to 0. A copy of a cluster (a restored backup) must be \
                connected as a new cluster.",
        }
        CastaiDeliveryFailed = "castai_delivery_failed" {
            category: Error,
            checks: [AgentLog],
            properties: [Symptom],
            meaning: "A delta did not reach CAST AI, and the log line does not say why.",
            distinguishing: "The cause is in an earlier line (`failed sending delta request: …`) \
                or in the `castai_api` check; follow that mode.",
            remedy: "Find the first cause:\n\
                $ kubectl -n {namespace} logs deploy/{deployment} -c agent --since=10m | \
                castai-health-exporter explain -",
        }
        CastaiNotResponding = "castai_not_responding" {
            category: Disconnected,
            checks: [ClusterStatus],
            meaning: "CAST AI has not received a snapshot of this cluster for several minutes.",
            distinguishing: "This is CAST AI's view; after a while it becomes \
                `castai_disconnected`.",
            remedy: "Check that the agent exists:\n\
                $ kubectl -n {namespace} get deploy {deployment}\n\
                If it does not, choose Reconnect in the console and run the script. If it does, \
                the other checks say why it cannot deliver data.",
        }
        CastaiDisconnected = "castai_disconnected" {
            category: Disconnected,
            checks: [ClusterStatus],
            meaning: "CAST AI lists this cluster as disconnected.",
            distinguishing: "It stayed `castai_not_responding` for too long, or a user \
                disconnected it.",
            remedy: "Choose Reconnect in the console and run the script again, or delete the \
                cluster there; deleting it in the console leaves the cluster itself running.",
        }
        CastaiReconcileFailed = "castai_reconcile_failed" {
            category: Error,
            checks: [ClusterStatus],
            meaning: "CAST AI cannot reconcile the cluster's configuration.",
            distinguishing: "This is CAST AI's own report about its access to the cloud and to \
                the control plane, not about the agent.",
            remedy: "Read the error in the evidence or in the console. If it says `No access to \
                Kubernetes API server, please check your firewall settings`, allow CAST AI's \
                address `35.221.40.21` to reach the control plane (see `cpfw_blocked`). If it \
                mentions credentials or permissions, run the script that enables optimisation \
                again, which renews them.",
        }
        CastaiAcceptedButStale = "castai_accepted_but_stale" {
            category: Disconnected,
            checks: [ClusterStatus],
            meaning: "CAST AI lists the agent as online, but the last snapshot it holds is old.",
            distinguishing: "Requests succeed and no error is reported: either something in \
                between responds instead of CAST AI (the agent treats a page with status 200 as \
                success), or the agent idles as a follower without a leader. Once CAST AI \
                notices, the mode becomes `castai_not_responding`.",
            remedy: "Check that a leader is sending data:\n\
                $ kubectl -n {namespace} logs deploy/{deployment} -c agent --since=5m | grep -E \
                'delta upload finished|Not a leader'\n\
                A healthy upload logs `response_code=204`; `200` comes from a proxy or filter in \
                between, which must let `{api_host}` through. If only `Not a leader` appears, see \
                `agent_no_leader`.",
        }
    } };
}

pub(super) use castai;
