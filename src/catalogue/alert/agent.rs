//! Alerts about the agent's health, leader and log.

use crate::catalogue::alert::entry::Alert;
use crate::catalogue::check::CheckId;
use crate::catalogue::mode_set::{
    AGENT_CLIENT_ERRORS, AGENT_UNHEALTHY, LEADERLESS, LOG_AGENT, LOG_APISERVER, LOG_CASTAI,
    LOG_CLOUD, LOG_NETWORK,
};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "CastaiAgentUnhealthy",
        check: CheckId::AgentHealth,
        modes: AGENT_UNHEALTHY,
        summary: "The CAST AI agent reports itself unhealthy or does not respond.",
        impact: "Its snapshots do not arrive, or soon will not: Kubernetes restarts it, and CAST AI shows the cluster as not responding after several minutes.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=10m | castai-health-exporter explain -",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --previous | castai-health-exporter explain -",
        ],
    },
    Alert {
        name: "CastaiAgentNoLeader",
        check: CheckId::AgentHealth,
        modes: LEADERLESS,
        summary: "No instance of the CAST AI agent is the leader, although each reports itself healthy.",
        impact: "Only the leader sends snapshots: CAST AI receives none, and the agent's own health endpoint returns ok indefinitely.",
        diagnosis: &[
            "kubectl -n castai-agent get lease agent-leader-election-lock -o yaml",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=5m | grep -E 'leader|lock'",
            "kubectl auth can-i update leases -n castai-agent --as system:serviceaccount:castai-agent:castai-agent",
        ],
    },
    Alert {
        name: "CastaiAgentApiserverErrors",
        check: CheckId::AgentHealth,
        modes: AGENT_CLIENT_ERRORS,
        summary: "Most of the CAST AI agent's own requests to the Kubernetes API server fail.",
        impact: "The agent still reports itself healthy. It may miss part of the cluster, or lose its lease and restart.",
        diagnosis: &[
            "kubectl get --raw /api/v1/namespaces/castai-agent/pods/POD:9877/proxy/metrics | grep rest_client_requests_total",
            "kubectl auth can-i --list --as system:serviceaccount:castai-agent:castai-agent",
        ],
    },
    Alert {
        name: "CastaiAgentLogNetworkErrors",
        check: CheckId::AgentLog,
        modes: LOG_NETWORK,
        summary: "The CAST AI agent logs network errors on connections to CAST AI, the Kubernetes API server or the cloud.",
        impact: "The evidence names the connection. Without CAST AI or the API server no snapshots are delivered.",
        diagnosis: LOG_DIAGNOSIS,
    },
    Alert {
        name: "CastaiAgentLogCastaiErrors",
        check: CheckId::AgentLog,
        modes: LOG_CASTAI,
        summary: "The CAST AI agent logs that CAST AI rejects its requests.",
        impact: "Snapshots are delayed or lost. After twelve minutes without a delivery, Kubernetes restarts the agent repeatedly.",
        diagnosis: LOG_DIAGNOSIS,
    },
    Alert {
        name: "CastaiAgentLogApiserverErrors",
        check: CheckId::AgentLog,
        modes: LOG_APISERVER,
        summary: "The CAST AI agent logs that the Kubernetes API server denies its requests or fails.",
        impact: "The agent loses its lease and exits with code 0 (Completed), or misses part of the cluster.",
        diagnosis: LOG_DIAGNOSIS,
    },
    Alert {
        name: "CastaiAgentLogCloudErrors",
        check: CheckId::AgentLog,
        modes: LOG_CLOUD,
        summary: "The CAST AI agent logs that it cannot use the cloud's API.",
        impact: "An agent that has to discover its cluster does not start. Otherwise its snapshots are delayed by up to two minutes, and spot nodes may be shown as on-demand.",
        diagnosis: LOG_DIAGNOSIS,
    },
    Alert {
        name: "CastaiAgentLogErrors",
        check: CheckId::AgentLog,
        modes: LOG_AGENT,
        summary: "The CAST AI agent logs errors about its own configuration, ports or startup, or errors that are not classified yet.",
        impact: "The evidence quotes the agent. Most of these errors stop it at startup.",
        diagnosis: LOG_DIAGNOSIS,
    },
];

/// Commands that classify the agent's own log.
const LOG_DIAGNOSIS: &[&str] = &[
    "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=10m | castai-health-exporter explain -",
    "kubectl -n castai-agent logs deployment/castai-agent -c agent --previous | castai-health-exporter explain -",
    "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
];
