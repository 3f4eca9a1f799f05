//! Alerts about the agent and the other CAST AI workloads as Kubernetes objects.

use crate::catalogue::alert::Alert;
use crate::catalogue::check::CheckId;
use crate::catalogue::mode::category::Category;
use crate::catalogue::mode::{FailureMode as M, Family};
use crate::catalogue::mode_set::{
    IMAGE_PULL, LEADERLESS, RESTARTING, TOKEN_REJECTED, WORKLOAD, modes_where,
};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "CastaiAgentMissing",
        check: CheckId::AgentWorkload,
        modes: modes_where!(CheckId::AgentWorkload, |mode| {
            matches!(mode.category(), Category::Absent)
        }),
        summary: "The CAST AI agent is not there: its Deployment is missing or scaled to zero.",
        impact: "No snapshot is delivered; CAST AI shows the cluster as not responding after about five minutes, then as disconnected.",
        diagnosis: &[
            "kubectl -n castai-agent get deployments",
            "helm list --all-namespaces --filter castai",
            "kubectl -n castai-agent get events --sort-by=.lastTimestamp",
        ],
    },
    Alert {
        name: "CastaiAgentRestarting",
        check: CheckId::AgentWorkload,
        modes: RESTARTING,
        summary: "The CAST AI agent ends again and again.",
        impact: "Snapshots are missing while it is down; CAST AI may show the cluster as not responding.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent logs deployment/castai-agent --all-containers --ignore-errors --previous --tail=50 | castai-health-exporter explain -",
            "kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent",
        ],
    },
    Alert {
        name: "CastaiAgentNotScheduled",
        check: CheckId::AgentWorkload,
        modes: modes_where!(CheckId::AgentWorkload, |mode| {
            matches!(mode.category(), Category::Unscheduled)
        }),
        summary: "No node takes the CAST AI agent, or its node threw it out.",
        impact: "No snapshot is delivered until a node takes it.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent",
            "kubectl describe nodes | grep -A8 -E '^Name:|^Taints:|Allocated resources'",
        ],
    },
    Alert {
        name: "CastaiAgentNotCreated",
        check: CheckId::AgentWorkload,
        modes: modes_where!(CheckId::AgentWorkload, |mode| {
            matches!(mode.category(), Category::NotCreated)
        }),
        summary: "Kubernetes does not let the CAST AI agent's pods be made.",
        impact: "There is no pod of the agent, or not of its new version; the Deployment alone shows little of it.",
        diagnosis: &[
            "kubectl -n castai-agent describe replicasets -l app.kubernetes.io/name=castai-agent",
            "kubectl -n castai-agent get events --sort-by=.lastTimestamp",
        ],
    },
    Alert {
        name: "CastaiAgentNotStarting",
        check: CheckId::AgentWorkload,
        modes: modes_where!(CheckId::AgentWorkload, |mode| {
            matches!(mode.family(), Family::Workload)
                && matches!(mode.category(), Category::NotStarting)
        }),
        summary: "Pods of the CAST AI agent do not become available.",
        impact: "No snapshot is delivered until one does.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent",
            "kubectl -n castai-agent rollout status deployment/castai-agent --timeout=5s",
        ],
    },
    Alert {
        name: "CastaiAgentImageMissing",
        check: CheckId::AgentWorkload,
        modes: IMAGE_PULL,
        summary: "The CAST AI agent waits for its image in vain.",
        impact: "No snapshot is delivered until the image comes; while a pod of an older version works, only the new one is missing.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent",
            "kubectl -n castai-agent get deployment castai-agent -o jsonpath='{.spec.template.spec.containers[*].image}{\"\\n\"}{.spec.template.spec.imagePullSecrets}{\"\\n\"}'",
        ],
    },
    Alert {
        name: "CastaiAgentUpgradeWillFail",
        check: CheckId::AgentUpgrade,
        modes: &[M::AgentUpgradeSelectorImmutable],
        summary: "The next upgrade of the CAST AI agent will be refused.",
        impact: "The agent goes on as it is; helm or the script of the console ends with an immutable field.",
        diagnosis: &[
            "kubectl -n castai-agent get deployment castai-agent -o jsonpath='{.spec.selector.matchLabels}{\"\\n\"}{.metadata.annotations}{\"\\n\"}'",
            "helm list -n castai-agent",
        ],
    },
    Alert {
        name: "CastaiAgentOutdated",
        check: CheckId::AgentUpgrade,
        modes: &[M::AgentVersionOutdated],
        summary: "A later version of the CAST AI agent is there.",
        impact: "Faults that were mended since, and features that need a later version, are missing.",
        diagnosis: &[
            "kubectl -n castai-agent get deployment castai-agent -o jsonpath='{.spec.template.spec.containers[*].image}{\"\\n\"}'",
        ],
    },
    Alert {
        name: "CastaiClusterControllerDown",
        check: CheckId::ClusterController,
        modes: WORKLOAD,
        summary: "CAST AI's cluster controller does not run as it should.",
        impact: "CAST AI cannot add, drain or remove nodes, nor upgrade its components.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-cluster-controller -o wide",
            "kubectl -n castai-agent describe deployment castai-cluster-controller",
            "kubectl -n castai-agent logs deployment/castai-cluster-controller -c cluster-controller --tail=50",
        ],
    },
    Alert {
        name: "CastaiClusterControllerRefused",
        check: CheckId::ClusterController,
        modes: TOKEN_REJECTED,
        summary: "CAST AI does not accept the token of its cluster controller.",
        impact: "The cluster controller runs and gets no orders: CAST AI cannot add, drain or remove nodes, nor upgrade its components.",
        diagnosis: &[
            "kubectl -n castai-agent logs deployment/castai-cluster-controller -c cluster-controller --since=5m | castai-health-exporter explain -",
            "kubectl -n castai-agent get configmap castai-cluster-controller -o jsonpath='{.data.CLUSTER_ID}'",
            "helm list -n castai-agent",
        ],
    },
    Alert {
        name: "CastaiClusterControllerNoLeader",
        check: CheckId::ClusterController,
        modes: LEADERLESS,
        summary: "No instance of CAST AI's cluster controller leads, while its pods run.",
        impact: "Only the leader gets orders from CAST AI: nodes are neither added nor removed.",
        diagnosis: &[
            "kubectl -n castai-agent get lease cluster-controller -o yaml",
            "kubectl -n castai-agent logs deployment/castai-cluster-controller -c cluster-controller --since=5m | grep -iE 'leader|lease'",
        ],
    },
    Alert {
        name: "CastaiComponentRefused",
        check: CheckId::Components,
        modes: TOKEN_REJECTED,
        summary: "CAST AI does not accept the token of one of its components.",
        impact: "The component runs and does nothing; the evidence names it.",
        diagnosis: &[
            "kubectl -n castai-agent get pods",
            "kubectl -n castai-agent logs deployment/castai-evictor --since=5m | castai-health-exporter explain -",
            "helm list -n castai-agent",
        ],
    },
    Alert {
        name: "CastaiComponentDown",
        check: CheckId::Components,
        modes: modes_where!(CheckId::Components, |mode| {
            matches!(mode.family(), Family::Workload)
        }),
        summary: "A component of CAST AI does not run as it should.",
        impact: "What the component does is missing; the agent itself goes on.",
        diagnosis: &[
            "kubectl -n castai-agent get deployments,daemonsets",
            "kubectl -n castai-agent get events --sort-by=.lastTimestamp",
        ],
    },
    Alert {
        name: "CastaiImagePullFailing",
        check: CheckId::ImagePull,
        modes: IMAGE_PULL,
        summary: "Pods of this cluster wait for images that do not come.",
        impact: "The pods do not start; when new nodes are concerned, workloads that CAST AI moves there stay down.",
        diagnosis: &[
            "kubectl get pods --all-namespaces --field-selector status.phase=Pending -o wide",
            "kubectl get events --all-namespaces --field-selector reason=Failed",
            "kubectl get nodes --sort-by=.metadata.creationTimestamp",
        ],
    },
];
