//! Alerts about name resolution and the Kubernetes API server.

use crate::catalogue::alert::entry::Alert;
use crate::catalogue::check::CheckId;
use crate::catalogue::mode::FailureMode as M;
use crate::catalogue::mode::category::Category;
use crate::catalogue::mode_set::{DNS, FORBIDDEN, is_error, modes_where};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "CastaiDnsFailing",
        check: CheckId::Dns,
        modes: DNS,
        summary: "DNS lookups that the CAST AI agent needs fail in its pod.",
        impact: "The agent can reach neither CAST AI nor the cloud APIs. It delivers no snapshots, and CAST AI shows the cluster as not responding after a few minutes.",
        diagnosis: &[
            "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
            "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=50",
            "kubectl -n castai-agent get networkpolicy",
        ],
    },
    Alert {
        name: "CastaiApiserverUnreachable",
        check: CheckId::Apiserver,
        modes: modes_where!(CheckId::Apiserver, |mode| {
            matches!(
                mode.category(),
                Category::Unreachable | Category::Misconfigured
            ) && !matches!(mode, M::TlsHandshakeTimeout)
        }),
        summary: "The CAST AI agent cannot reach the Kubernetes API server.",
        impact: "The agent loses its lease within 10 to 22 seconds, exits with code 0 (Completed) and restarts in a loop. No snapshots are delivered.",
        diagnosis: &[
            "kubectl get --raw '/readyz?verbose'",
            "kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes",
            "kubectl -n castai-agent get pods -o wide",
        ],
    },
    Alert {
        name: "CastaiApiserverTlsHandshakeTimeout",
        check: CheckId::Apiserver,
        modes: &[M::TlsHandshakeTimeout],
        summary: "The TLS handshake between the CAST AI agent and the Kubernetes API server times out.",
        impact: "After waiting 10 seconds for a handshake, the agent cannot start, or exits and restarts in a loop.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -o wide",
            "kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes",
            "kubectl get --raw '/readyz?verbose'",
        ],
    },
    Alert {
        name: "CastaiApiserverCertificateInvalid",
        check: CheckId::Apiserver,
        modes: modes_where!(CheckId::Apiserver, |mode| {
            matches!(mode.category(), Category::Certificate)
        }),
        summary: "The CAST AI agent rejects the certificate of the Kubernetes API server.",
        impact: "The agent refuses the connection and cannot work until the certificate or the mounted CA is fixed.",
        diagnosis: &[
            "kubectl -n castai-agent get configmap kube-root-ca.crt -o jsonpath='{.data.ca\\.crt}' | openssl x509 -noout -subject -dates",
            "kubectl -n default get service kubernetes -o wide",
        ],
    },
    Alert {
        name: "CastaiApiserverAccessDenied",
        check: CheckId::Apiserver,
        modes: modes_where!(CheckId::Apiserver, |mode| {
            matches!(mode.category(), Category::Denied)
        }),
        summary: "The Kubernetes API server denies access to the CAST AI agent's service account.",
        impact: "The agent can neither hold its lease nor read the cluster. Depending on its version it restarts in a loop, or sits idle while its health endpoint still returns ok.",
        diagnosis: &[
            "kubectl auth can-i get namespaces/kube-system --as system:serviceaccount:castai-agent:castai-agent",
            "kubectl -n castai-agent get serviceaccount castai-agent -o yaml",
            "kubectl get clusterrolebinding castai-agent -o yaml",
        ],
    },
    Alert {
        name: "CastaiAgentPermissionsMissing",
        check: CheckId::AgentPermissions,
        modes: FORBIDDEN,
        summary: "The service account of the CAST AI agent lacks a permission that the agent needs.",
        impact: "The agent still reports itself ready, but delivers incomplete data. After its next start it never becomes ready, or it cannot become the leader.",
        diagnosis: &[
            "kubectl auth can-i --list --as system:serviceaccount:castai-agent:castai-agent",
            "kubectl get clusterrole castai-agent -o yaml",
            "kubectl get clusterrolebinding castai-agent -o yaml",
            "kubectl -n castai-agent get role,rolebinding castai-agent -o yaml",
        ],
    },
    Alert {
        name: "CastaiApiserverDegraded",
        check: CheckId::Apiserver,
        modes: modes_where!(CheckId::Apiserver, |mode| {
            is_error(mode) || matches!(mode.category(), Category::Degraded)
        }),
        summary: "The Kubernetes API server returns errors to the CAST AI agent, responds late, or fails on some addresses.",
        impact: "Some of the agent's connections fail: watches break, the lease may be lost, snapshots are late.",
        diagnosis: &[
            "kubectl get --raw '/readyz?verbose'",
            "kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes",
            "kubectl get flowschemas,prioritylevelconfigurations",
        ],
    },
];
