//! Failures of CAST AI's API, and of the cluster as CAST AI sees it.

macro_rules! castai {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Castai: "CAST AI's API, and the cluster as CAST AI sees it."]
        CastaiKeyMissing = "castai_key_missing" {
            category: Misconfigured,
            checks: [CastaiApi, AgentLog],
            meaning: "The agent has no API key: it ends at once.",
            distinguishing: "Nothing was asked. A key that CAST AI rejects is `castai_token_invalid`.",
            remedy: "Put the key into the agent's secret and restart: `kubectl -n castai-agent create secret generic \
                castai-agent --from-literal=API_KEY=$CASTAI_API_TOKEN --dry-run=client -o yaml | kubectl apply -f -` \
                and `kubectl -n castai-agent rollout restart deploy/castai-agent`.",
        }
        CastaiKeyMalformed = "castai_key_malformed" {
            category: Misconfigured,
            checks: [CastaiApi, AgentLog],
            meaning: "The API key holds a byte that no HTTP header may hold, mostly a line feed at its end.",
            distinguishing: "The request never left. A key of the right shape that is rejected is `castai_token_invalid`.",
            remedy: "Write the secret again without the line feed (`echo` adds one): `kubectl -n castai-agent create \
                secret generic castai-agent --from-literal=API_KEY=$CASTAI_API_TOKEN --dry-run=client -o yaml | \
                kubectl apply -f -` and `kubectl -n castai-agent rollout restart deploy/castai-agent`.",
        }
        CastaiTokenInvalid = "castai_token_invalid" {
            category: Denied,
            checks: [CastaiApi, ClusterController, Components, AgentLog],
            meaning: "CAST AI does not accept the API key (401).",
            distinguishing: "CAST AI itself answered, so network, proxy and TLS are fine. 403 is `castai_forbidden`: a known key \
                without the right.",
            remedy: "Create a key in the console (API access keys), then `kubectl -n castai-agent create secret generic \
                castai-agent --from-literal=API_KEY=$CASTAI_API_TOKEN --dry-run=client -o yaml | kubectl apply -f -` \
                and `kubectl -n castai-agent rollout restart deploy/castai-agent`.",
        }
        CastaiForbidden = "castai_forbidden" {
            category: Denied,
            checks: [CastaiApi, ClusterController, Components, AgentLog],
            meaning: "CAST AI knows the key, but it is not allowed to act for this cluster (403).",
            distinguishing: "The answer is CAST AI's own JSON; an HTML page with 403 comes from its edge (`castai_waf_blocked`) \
                or from a proxy (`proxy_block_page`).",
            remedy: "The cluster's token was invalidated by another onboarding, or the key belongs to another \
                organisation. For the cluster-controller: `helm repo update && helm upgrade -i cluster-controller \
                castai-helm/castai-cluster-controller -n castai-agent --set castai.apiKey=$CASTAI_API_TOKEN --set \
                castai.clusterID=$CLUSTER_ID`. For the agent put a key of the right organisation into its secret and \
                restart it.",
        }
        CastaiWafBlocked = "castai_waf_blocked" {
            category: Unreachable,
            checks: [CastaiApi, AgentLog],
            meaning: "A firewall in front of CAST AI turns the request away before the application sees it.",
            distinguishing: "HTML without the application's request id, and without marks of a corporate filter, which would be \
                `proxy_block_page`. JSON with 403 is `castai_forbidden`.",
            remedy: "Not to be mended in the cluster. Send CAST AI support the time, the egress address (`kubectl run ip \
                --rm -it --restart=Never --image=curlimages/curl -- -s https://ifconfig.me`) and the reference on \
                the page (`cf-ray`, incident id).",
        }
        CastaiClusterNotFound = "castai_cluster_not_found" {
            category: Denied,
            checks: [CastaiApi, ClusterStatus, AgentLog],
            meaning: "CAST AI does not know this cluster any more (404), while the agent goes on running.",
            distinguishing: "An answer to a request that names the cluster's id. Another organisation's key is answered with 403.",
            remedy: "The cluster was deleted in the console. To have it back, run the script of the Connect cluster \
                screen again. If it shall stay deleted: `helm uninstall castai-agent -n castai-agent`.",
        }
        CastaiRateLimited = "castai_rate_limited" {
            category: Throttled,
            checks: [CastaiApi, AgentLog],
            properties: [Transient],
            meaning: "CAST AI turns requests away because there are too many (429).",
            distinguishing: "JSON from the application; an HTML page with 429 is the edge (`castai_waf_blocked`).",
            remedy: "Wait; the agent tries again by itself. If it stays: are there several agents for one cluster \
                (`kubectl get deploy -A -l app.kubernetes.io/name=castai-agent`), or is the key used by other tools? \
                Else ask CAST AI for a higher quota.",
        }
        CastaiClientError = "castai_client_error" {
            category: Error,
            checks: [CastaiApi, AgentLog],
            meaning: "CAST AI rejects the request as wrong (a 4xx that has no mode of its own).",
            distinguishing: "401, 403, 404 and 429 have their own modes; here the request itself did not please.",
            remedy: "Mostly an agent that is too old for the API, or a wrong path in `API_URL`. The evidence shows the \
                message. Upgrade: `helm repo update && helm upgrade castai-agent castai-helm/castai-agent -n \
                castai-agent --reuse-values`.",
        }
        CastaiSlow = "castai_slow" {
            category: Slow,
            checks: [CastaiApi],
            properties: [Transient, Timeout],
            meaning: "CAST AI answers, but later than the agent waits (5 s to connect, 5 s for TLS, 10 s for the answer).",
            distinguishing: "It did answer; without an answer it is `net_connect_timeout`, `tls_handshake_timeout` or \
                `http_timeout`.",
            remedy: "See which phase is slow in the evidence. Connect or TLS: the way out (NAT gateway, proxy, packet \
                loss). Answer: CAST AI's status page. CPU throttling of the agent's node has the same look.",
        }
        CastaiServerError = "castai_server_error" {
            category: Error,
            checks: [CastaiApi, AgentLog],
            properties: [Transient],
            meaning: "CAST AI answers with an error of its own (5xx).",
            distinguishing: "The fault is behind the address, not on the way to it. A filter's page is `proxy_block_page`, the \
                edge's block is `castai_waf_blocked`.",
            remedy: "Look at CAST AI's status page and wait: the agent tries again. If only your organisation suffers, \
                check that the key and the organisation belong together, then send support the request id of the \
                evidence.",
        }
        CastaiUnexpectedBody = "castai_unexpected_body" {
            category: Error,
            checks: [CastaiApi, AgentLog],
            meaning: "Something answers at CAST AI's address, but not what CAST AI would answer.",
            distinguishing: "Also with status 200: the agent takes a portal's page for success and believes itself healthy. With \
                marks of a filter it is `proxy_block_page`.",
            remedy: "Compare `API_URL` with `https://api.cast.ai` and look at the page's title in the evidence: a captive \
                portal, a wrong host, or an agent and an API of different versions.",
        }
        CastaiContinuityToken = "castai_continuity_token" {
            category: Error,
            checks: [AgentLog],
            meaning: "CAST AI does not take the delta because it does not follow the last one it has; the agent starts \
                over with a full snapshot.",
            distinguishing: "Harmless once. If it goes on, two agents write for one cluster, or deltas get lost on the way.",
            remedy: "Is there a second agent with this cluster's id, in another namespace or cluster: `kubectl get deploy \
                -A -l app.kubernetes.io/name=castai-agent`. Scale the wrong one to 0. A copy of a cluster (a \
                restored backup) must be connected anew.",
        }
        CastaiDeliveryFailed = "castai_delivery_failed" {
            category: Error,
            checks: [AgentLog],
            meaning: "A delta did not reach CAST AI, and the line does not say why.",
            distinguishing: "The cause stands in an earlier line (`failed sending delta request: …`) or in the check \
                `castai_api`; follow that mode.",
            remedy: "`kubectl -n castai-agent logs deploy/castai-agent -c agent --since=10m | grep -E 'RESTY|failed \
                sending'` shows the first cause. Feed it to `castai-health-exporter explain -`.",
        }
        CastaiNotResponding = "castai_not_responding" {
            category: Disconnected,
            checks: [ClusterStatus],
            meaning: "CAST AI has had no snapshot of this cluster for some minutes.",
            distinguishing: "As CAST AI sees it; after a while it becomes `castai_disconnected`.",
            remedy: "Is the agent there: `kubectl -n castai-agent get deploy castai-agent`. If not, press Reconnect in \
                the console and run the script. If it is, the other checks say why it cannot deliver.",
        }
        CastaiDisconnected = "castai_disconnected" {
            category: Disconnected,
            checks: [ClusterStatus],
            meaning: "CAST AI counts this cluster as disconnected.",
            distinguishing: "It was `castai_not_responding` too long, or somebody disconnected it.",
            remedy: "Press Reconnect in the console and run the script again, or delete the cluster there; deleting \
                leaves the cluster itself running.",
        }
        CastaiReconcileFailed = "castai_reconcile_failed" {
            category: Error,
            checks: [ClusterStatus],
            meaning: "CAST AI cannot bring the cluster's configuration into the state it wants.",
            distinguishing: "CAST AI's own word about its access to the cloud and to the control plane, not about the agent.",
            remedy: "Read the error in the evidence or in the console. If it says `No access to Kubernetes API server, please \
                check your firewall settings`, let CAST AI's address `35.221.40.21` reach the control plane (see \
                `cpfw_blocked`). If it speaks of credentials or permissions, run the script that enables optimisation again, \
                which renews them.",
        }
        CastaiAcceptedButStale = "castai_accepted_but_stale" {
            category: Disconnected,
            checks: [ClusterStatus],
            meaning: "CAST AI counts the agent as online, yet the last snapshot it holds is old.",
            distinguishing: "Requests are answered and nobody reports an error: something on the way answers in CAST AI's place (a \
                page with status 200 passes for success in the agent), or the agent idles as a follower without a leader. \
                When CAST AI notices itself, it becomes `castai_not_responding`.",
            remedy: "Is there a leader that sends: `kubectl -n castai-agent logs deploy/castai-agent -c agent --since=5m | grep \
                -E 'delta upload finished|Not a leader'`. A healthy upload says `response_code=204`; `200` comes from a proxy \
                or filter on the way, which has to let `api.cast.ai` through. Only `Not a leader`: see `agent_no_leader`.",
        }
    } };
}

pub(super) use castai;
