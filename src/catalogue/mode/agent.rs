//! Failures that the agent's settings, health endpoint, lease and log show.

macro_rules! agent {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Agent: "The agent's settings, health endpoint, lease and log."]
        AgentConfigInvalid = "agent_config_invalid" {
            category: Misconfigured,
            checks: [Apiserver, CastaiApi, StsIdentity, Ec2Api, AgentHealth, AgentLog],
            meaning: "The agent cannot use one of its settings: an address, a certificate, a provider, a level, a path.",
            distinguishing: "It fails at once and without any network. Missing settings are `castai_key_missing` or \
                `agent_config_env_missing`.",
            remedy: "The evidence names the setting. See all of them: `kubectl -n castai-agent set env \
                deploy/castai-agent --list`; correct it in the chart's values (`apiURL`, `provider`, \
                `trustedCACert`, `additionalEnv`) and upgrade.",
        }
        Unclassified = "unclassified" {
            category: Error,
            checks: [AgentLog],
            meaning: "An error whose text no rule knows.",
            distinguishing: "A fault that is known has a mode of its own, and a harmless line has none.",
            remedy: "Read the line itself in the evidence. Please report it, without secrets, so that it gets a name.",
        }
        AgentPortTaken = "agent_port_taken" {
            category: Misconfigured,
            checks: [AgentHealth, AgentLog],
            meaning: "Something else in the pod, or on the node with host networking, holds a port that the agent needs: \
                it ends at once.",
            distinguishing: "The agent's log names the port; everything after that line is a consequence. Or the health port answers, \
                and not as an agent does: 404 to `/healthz` and to `/`, or a page.",
            remedy: "Find who listens: `kubectl -n castai-agent get pod -l app.kubernetes.io/name=castai-agent -o yaml | \
                grep -iE 'hostNetwork|containerPort'`. Give the agent another port (`HEALTHZ_PORT`, `METRICS_PORT`), \
                or move the other one away from 9876 and 9877.",
        }
        AgentNoLeader = "agent_no_leader" {
            category: Leaderless,
            checks: [ClusterController, AgentHealth, AgentLog],
            meaning: "No instance of the agent can become leader, so no snapshot is sent.",
            distinguishing: "The agent believes itself healthy and says that it is no leader; a lease that is held but not \
                renewed is `agent_lease_stale`.",
            remedy: "Does the lease's namespace exist, and may the agent write leases there: `kubectl auth can-i update \
                leases --as=system:serviceaccount:castai-agent:castai-agent -n castai-agent`, `kubectl -n \
                castai-agent get lease`. A release in another namespace must set `LEADER_ELECTION_NAMESPACE`.",
        }
        AgentLeaseStale = "agent_lease_stale" {
            category: Leaderless,
            checks: [ClusterController, AgentHealth],
            meaning: "Somebody holds the leader's lease and does not renew it: the leader is dead, or cannot reach the API server, \
                and no other took over.",
            distinguishing: "A leader renews its lease every 2 s and has lost it after 15. Without a lease, or without a holder, it is \
                `agent_no_leader`. A leader that was killed is replaced after 16 s.",
            remedy: "Who holds it, and since when: `kubectl -n castai-agent get lease agent-leader-election-lock -o yaml`. Are the \
                agent's pods running: `kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent`; if they are, \
                delete them, and look at what the check `apiserver` says.",
        }
        AgentNotReadyInitialising = "agent_not_ready_initialising" {
            category: Unhealthy,
            checks: [AgentHealth, AgentLog],
            meaning: "The agent runs, but has not collected its first snapshot yet.",
            distinguishing: "Its readiness says so. A delta that is overdue later on is `agent_unhealthy`.",
            remedy: "Wait two minutes. Then look for what its watches miss: `kubectl -n castai-agent logs \
                deploy/castai-agent -c agent | grep -E 'has not been synced|Failed to watch'`; mostly a role is \
                missing.",
        }
        AgentUnhealthy = "agent_unhealthy" {
            category: Unhealthy,
            checks: [AgentHealth, AgentLog],
            meaning: "The agent says of itself that it is not healthy: for a long time no delta has succeeded, or it never \
                got started.",
            distinguishing: "It answers; if it does not, it is `agent_health_unreachable`. The cause stands in its log or in \
                another check.",
            remedy: "Read its own words: `kubectl -n castai-agent get --raw \
                /api/v1/namespaces/castai-agent/pods/POD:9876/proxy/healthz`, and the first error in `kubectl -n \
                castai-agent logs deploy/castai-agent -c agent`.",
        }
        AgentHealthUnreachable = "agent_health_unreachable" {
            category: Unhealthy,
            checks: [AgentHealth, AgentLog],
            properties: [Timeout],
            meaning: "The agent's health port does not answer.",
            distinguishing: "Right after a fatal error the port is closed for 15 s while the agent tries to send its log; at a \
                start it is not open yet.",
            remedy: "`kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent` and `kubectl -n \
                castai-agent logs deploy/castai-agent -c agent --previous`: the cause stands in the log.",
        }
    } };
}

pub(super) use agent;
