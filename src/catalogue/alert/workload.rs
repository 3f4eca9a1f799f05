//! Alerts about the agent and the other CAST AI workloads as Kubernetes objects.

use crate::catalogue::alert::entry::Alert;
use crate::catalogue::check::CheckId;
use crate::catalogue::mode::category::Category;
use crate::catalogue::mode::{FailureMode as M, Family};
use crate::catalogue::mode_set::{
    CONTROLLER_LEADERLESS, IMAGE_PULL, RESTARTING, TOKEN_REJECTED, WORKLOAD, modes_where,
};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "CastaiAgentMissing",
        check: CheckId::AgentWorkload,
        modes: modes_where!(CheckId::AgentWorkload, |mode| {
            matches!(mode.category(), Category::Absent)
        }),
        summary: "The CAST AI agent is not installed: its Deployment is missing or scaled to zero.",
        impact: "No snapshots are delivered. CAST AI shows the cluster as not responding after about five minutes, then as disconnected.",
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
        summary: "The CAST AI agent exits and restarts repeatedly.",
        impact: "No snapshots are delivered while it is down; CAST AI may show the cluster as not responding.",
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
        summary: "The CAST AI agent cannot be scheduled to a node, or was evicted.",
        impact: "No snapshots are delivered until the pod runs on a node.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent",
            "kubectl describe nodes | grep -A8 -E '^Name:|^Taints:|Allocated resources'",
        ],
    },
    Alert {
        name: "CastaiAgentPodCreationFailed",
        check: CheckId::AgentWorkload,
        modes: modes_where!(CheckId::AgentWorkload, |mode| {
            matches!(mode.category(), Category::NotCreated)
        }),
        summary: "Kubernetes rejects the creation of the CAST AI agent's pods.",
        impact: "The agent has no pods, or none of the new version. The Deployment's status alone does not show why.",
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
        impact: "No snapshots are delivered until a pod becomes available.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent",
            "kubectl -n castai-agent rollout status deployment/castai-agent --timeout=5s",
        ],
    },
    Alert {
        name: "CastaiAgentImagePullFailing",
        check: CheckId::AgentWorkload,
        modes: IMAGE_PULL,
        summary: "The CAST AI agent's image cannot be pulled.",
        impact: "No snapshots are delivered until the image is pulled. If a pod of an older version is still running, only the new version is affected.",
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
        summary: "The next upgrade of the CAST AI agent will fail.",
        impact: "The installed version keeps running. Helm, or the script of the console, will fail because of an immutable field.",
        diagnosis: &[
            "kubectl -n castai-agent get deployment castai-agent -o jsonpath='{.spec.selector.matchLabels}{\"\\n\"}{.metadata.annotations}{\"\\n\"}'",
            "helm list -n castai-agent",
        ],
    },
    Alert {
        name: "CastaiAgentOutdated",
        check: CheckId::AgentUpgrade,
        modes: &[M::AgentVersionOutdated],
        summary: "A newer version of the CAST AI agent is available.",
        impact: "The installed version lacks the bug fixes and features of later versions.",
        diagnosis: &[
            "kubectl -n castai-agent get deployment castai-agent -o jsonpath='{.spec.template.spec.containers[*].image}{\"\\n\"}'",
        ],
    },
    Alert {
        name: "CastaiClusterControllerDown",
        check: CheckId::ClusterController,
        modes: WORKLOAD,
        summary: "The CAST AI cluster controller is not running correctly.",
        impact: "CAST AI can neither add, drain or remove nodes nor upgrade its components.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-cluster-controller -o wide",
            "kubectl -n castai-agent describe deployment castai-cluster-controller",
            "kubectl -n castai-agent logs deployment/castai-cluster-controller -c cluster-controller --tail=50",
        ],
    },
    Alert {
        name: "CastaiClusterControllerUnauthorized",
        check: CheckId::ClusterController,
        modes: TOKEN_REJECTED,
        summary: "CAST AI rejects the token of its cluster controller.",
        impact: "The cluster controller runs but receives no actions: CAST AI can neither add, drain or remove nodes nor upgrade its components.",
        diagnosis: &[
            "kubectl -n castai-agent logs deployment/castai-cluster-controller -c cluster-controller --since=5m | castai-health-exporter explain -",
            "kubectl -n castai-agent get configmap castai-cluster-controller -o jsonpath='{.data.CLUSTER_ID}'",
            "helm list -n castai-agent",
        ],
    },
    Alert {
        name: "CastaiClusterControllerNoLeader",
        check: CheckId::ClusterController,
        modes: CONTROLLER_LEADERLESS,
        summary: "No instance of the CAST AI cluster controller is the leader, although its pods are running.",
        impact: "Only the leader receives actions from CAST AI, so nodes are neither added nor removed.",
        diagnosis: &[
            "kubectl -n castai-agent get lease cluster-controller -o yaml",
            "kubectl -n castai-agent logs deployment/castai-cluster-controller -c cluster-controller --since=5m | grep -iE 'leader|lease'",
        ],
    },
    Alert {
        name: "CastaiComponentUnauthorized",
        check: CheckId::Components,
        modes: TOKEN_REJECTED,
        summary: "CAST AI rejects the token of one of its components.",
        impact: "The component runs but does nothing; the evidence names it.",
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
        summary: "A CAST AI component is not running correctly.",
        impact: "The component's features do not work; the agent itself is not affected.",
        diagnosis: &[
            "kubectl -n castai-agent get deployments,daemonsets",
            "kubectl -n castai-agent get events --sort-by=.lastTimestamp",
        ],
    },
    Alert {
        name: "CastaiImagePullFailing",
        check: CheckId::ImagePull,
        modes: IMAGE_PULL,
        summary: "Pods in this cluster are waiting for images that cannot be pulled.",
        impact: "The pods do not start. If new nodes are affected, workloads that CAST AI moves there stay down.",
        diagnosis: &[
            "kubectl get pods --all-namespaces --field-selector status.phase=Pending -o wide",
            "kubectl get events --all-namespaces --field-selector reason=Failed",
            "kubectl get nodes --sort-by=.metadata.creationTimestamp",
        ],
    },
];
