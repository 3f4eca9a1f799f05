//! Failures that the agent's settings, health endpoint, lease and log show.

macro_rules! agent {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Agent: "The agent's settings, health endpoint, lease and log."]
        AgentConfigInvalid = "agent_config_invalid" {
            category: Misconfigured,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentHealth, AgentLog],
            meaning: "The agent cannot use one of its settings: an address, a certificate, a \
                provider, a log level or a path.",
            distinguishing: "It fails immediately, without any network access. Missing settings \
                are `castai_key_missing` or `agent_config_env_missing`.",
            remedy: "Correct the setting named in the evidence in the chart's values (`apiURL`, \
                `provider`, `trustedCACert`, `additionalEnv`) and upgrade. List all settings:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} --list",
        }
        Unclassified = "unclassified" {
            category: Error,
            checks: [AgentLog],
            properties: [Symptom],
            meaning: "An error message that no rule recognises.",
            distinguishing: "A known failure has its own mode, and a harmless line has none.",
            remedy: "Read the line in the evidence. Please report it, without secrets, so that it \
                gets a mode.",
        }
        AgentPortTaken = "agent_port_taken" {
            category: Misconfigured,
            checks: [AgentHealth, AgentLog],
            meaning: "Another process in the pod, or on the node with host networking, occupies a \
                port that the agent needs; the agent exits at startup.",
            distinguishing: "The agent's log names the port; everything after that line is a \
                consequence. Or the health port responds, but not as an agent does: with 404 for \
                `/healthz` and `/`, or with a page.",
            remedy: "Find the other listener:\n\
                $ kubectl -n {namespace} get pod -l app.kubernetes.io/name=castai-agent -o yaml | \
                grep -iE 'hostNetwork|containerPort'\n\
                Give the agent another port (`HEALTHZ_PORT`, `METRICS_PORT`), or move the other \
                process away from 9876 and 9877.",
        }
        AgentNoLeader = "agent_no_leader" {
            category: Leaderless,
            checks: [ClusterController, AgentHealth, AgentLog],
            meaning: "No agent replica can become the leader, so no snapshot is sent.",
            distinguishing: "The agent reports itself healthy and says that it is not the leader; \
                a lease that is held but not renewed is `agent_lease_stale`.",
            remedy: "Check that the lease's namespace exists and that the agent may write leases \
                there:\n\
                $ kubectl auth can-i update leases \
                --as=system:serviceaccount:{namespace}:{service_account} -n {namespace}\n\
                $ kubectl -n {namespace} get lease\n\
                A release in another namespace must set `LEADER_ELECTION_NAMESPACE`.",
        }
        AgentLeaseStale = "agent_lease_stale" {
            category: Leaderless,
            checks: [ClusterController, AgentHealth],
            meaning: "The leader election lease is held but not renewed: the leader is dead or \
                cannot reach the API server, and no other replica took over.",
            distinguishing: "A leader renews its lease every 2 s and loses it after 15 s. Without \
                a lease, or without a holder, the mode is `agent_no_leader`. A killed leader is \
                replaced after 16 s.",
            remedy: "Find the holder and the last renewal:\n\
                $ kubectl -n {namespace} get lease agent-leader-election-lock -o yaml\n\
                Check that the agent's pods are running:\n\
                $ kubectl -n {namespace} get pods -l app.kubernetes.io/name=castai-agent\n\
                If they are running, delete them, and look at the `apiserver` check.",
        }
        AgentLeaseStolen = "agent_lease_stolen" {
            category: Leaderless,
            checks: [AgentHealth],
            properties: [AcrossPods],
            meaning: "Another process holds the agent's leader election lease and renews it, so \
                the agent delivers nothing.",
            distinguishing: "The lease is fresh, but no replica of the agent is its holder: each \
                says that it is not the leader. A lease that is not renewed is \
                `agent_lease_stale`.",
            remedy: "Find the holder in the evidence, and the other writer of the lease:\n\
                $ kubectl -n {namespace} get lease agent-leader-election-lock -o yaml \
                --show-managed-fields\n\
                It is usually a second installation of the agent:\n\
                $ kubectl get deploy -A -l app.kubernetes.io/name=castai-agent\n\
                Remove it, or give it its own lease (`LEADER_ELECTION_NAMESPACE`). If no process \
                is behind the holder, delete the lease:\n\
                $ kubectl -n {namespace} delete lease agent-leader-election-lock",
        }
        AgentNotReadyInitialising = "agent_not_ready_initialising" {
            category: Unhealthy,
            checks: [AgentHealth, AgentLog],
            properties: [Symptom],
            meaning: "The agent is running but has not collected its first snapshot yet.",
            distinguishing: "Its readiness endpoint says so. A delta that is overdue later on is \
                `agent_unhealthy`.",
            remedy: "Wait two minutes. Then find what its watches are missing, usually a role:\n\
                $ kubectl -n {namespace} logs deploy/{deployment} -c agent | grep -E 'has not been \
                synced|Failed to watch'",
        }
        AgentUnhealthy = "agent_unhealthy" {
            category: Unhealthy,
            checks: [AgentHealth, AgentLog],
            meaning: "The agent reports itself unhealthy: no delta has succeeded for a long time, \
                or it never finished starting.",
            distinguishing: "It responds; if it does not, the mode is `agent_health_unreachable` \
                or `agent_unresponsive`. The cause is in its log or in another check.",
            remedy: "Read its own report:\n\
                $ kubectl get --raw /api/v1/namespaces/{namespace}/pods/{pod}:9876/proxy/healthz\n\
                Then find the first error in its log:\n\
                $ kubectl -n {namespace} logs deploy/{deployment} -c agent | \
                castai-health-exporter explain -",
        }
        AgentHealthUnreachable = "agent_health_unreachable" {
            category: Unhealthy,
            checks: [AgentHealth, AgentLog],
            meaning: "The agent's health port is closed, so the agent is not running yet or is \
                shutting down.",
            distinguishing: "Connections are refused. After a fatal error the port is closed for \
                15 s while the agent tries to send its log; at startup it is not open yet. A port \
                that accepts connections and stays silent is `agent_unresponsive`.",
            remedy: "Check the pods and find the cause in the log:\n\
                $ kubectl -n {namespace} get pods -l app.kubernetes.io/name=castai-agent\n\
                $ kubectl -n {namespace} logs deploy/{deployment} -c agent --previous",
        }
        AgentUnresponsive = "agent_unresponsive" {
            category: Unhealthy,
            checks: [AgentHealth, AgentLog],
            properties: [Timeout],
            meaning: "The agent hangs: its health port accepts connections but does not respond.",
            distinguishing: "The process exists, because the port is open; a closed port is \
                `agent_health_unreachable`. The log usually stops without an error.",
            remedy: "Wait for the liveness probe, which restarts a hanging agent after about 30 s. \
                If it hangs again, check for CPU throttling and a node under pressure:\n\
                $ kubectl -n {namespace} top pod --containers\n\
                $ kubectl top node\n\
                Raise or remove the CPU limit:\n\
                $ helm upgrade {release} castai-helm/castai-agent -n {namespace} --reuse-values \
                --set resources.limits.cpu=null\n\
                If no probe restarts it, delete the pod:\n\
                $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent",
        }
    } };
}

pub(super) use agent;
