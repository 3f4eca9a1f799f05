//! Alerts about the agent's health, leader and log.

use crate::catalogue::alert::Alert;
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
        summary: "The CAST AI agent is not healthy by its own word, or says nothing.",
        impact: "Its snapshots do not arrive, or soon will not: Kubernetes restarts it, and CAST AI shows the cluster as not responding after some minutes.",
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
        summary: "No instance of the CAST AI agent leads, while each calls itself healthy.",
        impact: "Only the leader sends snapshots: none arrives at CAST AI, and the agent's own health endpoint says ok for ever.",
        diagnosis: &[
            "kubectl -n castai-agent get lease agent-leader-election-lock -o yaml",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=5m | grep -E 'leader|lock'",
            "kubectl auth can-i update leases -n castai-agent --as system:serviceaccount:castai-agent:castai-agent",
        ],
    },
    Alert {
        name: "CastaiAgentMeetsApiserverErrors",
        check: CheckId::AgentHealth,
        modes: AGENT_CLIENT_ERRORS,
        summary: "Most of the CAST AI agent's own requests to the Kubernetes API server fail.",
        impact: "The agent still calls itself healthy; it may miss part of the cluster, or lose its lease and restart.",
        diagnosis: &[
            "kubectl get --raw /api/v1/namespaces/castai-agent/pods/POD:9877/proxy/metrics | grep rest_client_requests_total",
            "kubectl auth can-i --list --as system:serviceaccount:castai-agent:castai-agent",
        ],
    },
    Alert {
        name: "CastaiAgentReportsNetworkTrouble",
        check: CheckId::AgentLog,
        modes: LOG_NETWORK,
        summary: "The CAST AI agent's log tells of trouble on the way to CAST AI, to the Kubernetes API server or to the cloud.",
        impact: "The evidence names which way; without CAST AI or the API server no snapshot is delivered.",
        diagnosis: LOG_DIAGNOSIS,
    },
    Alert {
        name: "CastaiAgentReportsCastaiRefusal",
        check: CheckId::AgentLog,
        modes: LOG_CASTAI,
        summary: "CAST AI refuses what the CAST AI agent sends, by the agent's log.",
        impact: "Snapshots are delayed or lost; after twelve minutes without one the agent is restarted, again and again.",
        diagnosis: LOG_DIAGNOSIS,
    },
    Alert {
        name: "CastaiAgentReportsApiserverTrouble",
        check: CheckId::AgentLog,
        modes: LOG_APISERVER,
        summary: "The Kubernetes API server refuses the CAST AI agent, or fails, by the agent's log.",
        impact: "The agent loses its lease and ends with exit code 0 (Completed), or misses part of the cluster.",
        diagnosis: LOG_DIAGNOSIS,
    },
    Alert {
        name: "CastaiAgentReportsCloudTrouble",
        check: CheckId::AgentLog,
        modes: LOG_CLOUD,
        summary: "The CAST AI agent cannot use the cloud's API, by its log.",
        impact: "Where the agent has to discover its cluster it does not start; else its snapshots are delayed by up to two minutes, and spot nodes may be shown as on-demand.",
        diagnosis: LOG_DIAGNOSIS,
    },
    Alert {
        name: "CastaiAgentReportsOwnTrouble",
        check: CheckId::AgentLog,
        modes: LOG_AGENT,
        summary: "The CAST AI agent's log tells of trouble with its own settings, its ports or its start, or of something that has no name yet.",
        impact: "The evidence quotes the agent; most of these end it at its start.",
        diagnosis: LOG_DIAGNOSIS,
    },
];

/// How the agent's own words are read.
const LOG_DIAGNOSIS: &[&str] = &[
    "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=10m | castai-health-exporter explain -",
    "kubectl -n castai-agent logs deployment/castai-agent -c agent --previous | castai-health-exporter explain -",
    "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
];
