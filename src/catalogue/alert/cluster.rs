//! Alerts about the cluster as a whole: its nodes, its clock, and its status at CAST AI.

use crate::catalogue::alert::entry::Alert;
use crate::catalogue::check::CheckId;
use crate::catalogue::mode::category::Category;
use crate::catalogue::mode_set::{LIFECYCLE_UNRESOLVED, modes_where};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "CastaiNodeLifecycleUnresolved",
        check: CheckId::NodeLifecycle,
        modes: LIFECYCLE_UNRESOLVED,
        summary: "The CAST AI agent cannot determine which nodes are spot instances.",
        impact: "Spot nodes are shown as on-demand, so the reported savings are wrong.",
        diagnosis: &[
            "kubectl get nodes -L eks.amazonaws.com/capacityType,karpenter.sh/capacity-type,scheduling.cast.ai/spot",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent | grep \"determine node lifecycle\"",
            "kubectl -n castai-agent get serviceaccount castai-agent -o yaml",
        ],
    },
    Alert {
        name: "CastaiClockSkew",
        check: CheckId::Clock,
        modes: modes_where!(CheckId::Clock),
        summary: "The clock of the CAST AI agent's node is wrong.",
        impact: "Certificates and tokens look expired or not yet valid, and AWS rejects signatures that are more than five minutes off.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -o wide",
            "kubectl debug node/NODE -it --image=busybox -- date -u",
        ],
    },
    Alert {
        name: "CastaiClusterDisconnected",
        check: CheckId::ClusterStatus,
        modes: modes_where!(CheckId::ClusterStatus, |mode| {
            !matches!(mode.category(), Category::Error)
        }),
        summary: "CAST AI does not report this cluster as connected.",
        impact: "The savings in the console and the autoscaler's decisions are based on the last snapshot; the cluster is not optimised.",
        diagnosis: &[
            "kubectl -n castai-agent get deployment,pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent get configmap castai-agent-metadata -o jsonpath='{.data.CLUSTER_ID}'",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=10m | castai-health-exporter explain -",
        ],
    },
    Alert {
        name: "CastaiClusterReconcileFailed",
        check: CheckId::ClusterStatus,
        modes: modes_where!(CheckId::ClusterStatus, |mode| {
            matches!(mode.category(), Category::Error)
        }),
        summary: "CAST AI cannot manage this cluster.",
        impact: "CAST AI neither adds nor removes nodes until its access to the cloud and to the control plane is restored. The agent's snapshots still arrive.",
        diagnosis: &[
            "kubectl -n castai-agent get deployment castai-cluster-controller -o wide",
            "kubectl -n castai-agent logs deployment/castai-cluster-controller --since=10m | castai-health-exporter explain -",
        ],
    },
];
