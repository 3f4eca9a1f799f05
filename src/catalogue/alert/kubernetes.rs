//! Alerts about name resolution and the Kubernetes API server.

use crate::catalogue::alert::Alert;
use crate::catalogue::check::CheckId;
use crate::catalogue::mode::FailureMode as M;
use crate::catalogue::mode::category::Category;
use crate::catalogue::mode_set::{DNS, is_error, modes_where};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "CastaiDnsFailing",
        check: CheckId::Dns,
        modes: DNS,
        summary: "Names that the CAST AI agent needs do not resolve in its pod.",
        impact: "Without names the agent reaches neither CAST AI nor the cloud's API; it delivers no snapshot, and CAST AI shows the cluster as not responding after a few minutes.",
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
        impact: "The agent loses its lease within 10 to 22 seconds, ends with exit code 0 (Completed) and starts again in a loop; no snapshot is delivered.",
        diagnosis: &[
            "kubectl get --raw /readyz?verbose",
            "kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes",
            "kubectl -n castai-agent get pods -o wide",
        ],
    },
    Alert {
        name: "CastaiApiserverTlsHandshakeTimeout",
        check: CheckId::Apiserver,
        modes: &[M::TlsHandshakeTimeout],
        summary: "The TLS handshake between the CAST AI agent and the Kubernetes API server does not finish.",
        impact: "The agent gives a handshake 10 seconds; then it cannot start, or ends and starts again in a loop.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -o wide",
            "kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes",
            "kubectl get --raw /readyz?verbose",
        ],
    },
    Alert {
        name: "CastaiApiserverCertificateInvalid",
        check: CheckId::Apiserver,
        modes: modes_where!(CheckId::Apiserver, |mode| {
            matches!(mode.category(), Category::Certificate)
        }),
        summary: "The certificate of the Kubernetes API server is not one that the CAST AI agent accepts.",
        impact: "The agent refuses the connection and cannot work until the certificate or the mounted CA is right.",
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
        summary: "The Kubernetes API server refuses the CAST AI agent's account.",
        impact: "The agent can neither hold its lease nor read the cluster; depending on the version it restarts in a loop or idles while its health endpoint still says ok.",
        diagnosis: &[
            "kubectl auth can-i get namespaces/kube-system --as system:serviceaccount:castai-agent:castai-agent",
            "kubectl -n castai-agent get serviceaccount castai-agent -o yaml",
            "kubectl get clusterrolebinding castai-agent -o yaml",
        ],
    },
    Alert {
        name: "CastaiApiserverDegraded",
        check: CheckId::Apiserver,
        modes: modes_where!(CheckId::Apiserver, |mode| {
            is_error(mode) || matches!(mode.category(), Category::Degraded)
        }),
        summary: "The Kubernetes API server answers the CAST AI agent with errors, late, or on some addresses only.",
        impact: "Some of the agent's connections fail: watches are cut, the lease may be lost, snapshots are late.",
        diagnosis: &[
            "kubectl get --raw /readyz?verbose",
            "kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes",
            "kubectl get flowschemas,prioritylevelconfigurations",
        ],
    },
];
