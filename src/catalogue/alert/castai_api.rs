//! Alerts about CAST AI's API.

use crate::catalogue::alert::entry::Alert;
use crate::catalogue::check::CheckId;
use crate::catalogue::mode::category::Category;
use crate::catalogue::mode_set::{is_error, modes_where};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "CastaiApiUnreachable",
        check: CheckId::CastaiApi,
        modes: modes_where!(CheckId::CastaiApi, |mode| {
            matches!(mode.category(), Category::Unreachable)
        }),
        summary: "The CAST AI agent cannot reach the CAST AI API.",
        impact: "CAST AI receives no snapshots; the console shows the cluster as not responding after about five minutes, then as disconnected. The agent's own health endpoint stays ok for twelve minutes.",
        diagnosis: &[
            "kubectl -n castai-agent get networkpolicy",
            "kubectl -n castai-agent get deployment castai-agent -o yaml | grep -iE -A1 'proxy|API_URL'",
            "kubectl -n castai-agent run egress-test --rm -it --restart=Never --image=curlimages/curl -- -sv https://api.cast.ai/",
        ],
    },
    Alert {
        name: "CastaiApiCertificateInvalid",
        check: CheckId::CastaiApi,
        modes: modes_where!(CheckId::CastaiApi, |mode| {
            matches!(mode.category(), Category::Certificate)
        }),
        summary: "The CAST AI agent rejects the certificate presented for the CAST AI API.",
        impact: "The agent refuses the connection; CAST AI receives no snapshots.",
        diagnosis: &[
            "openssl s_client -connect api.cast.ai:443 -servername api.cast.ai -showcerts </dev/null | openssl x509 -noout -issuer -subject -dates",
            "kubectl -n castai-agent get secret castai-agent-tls-cert -o jsonpath='{.data.TLS_CA_CERT_FILE}' | base64 -d | openssl x509 -noout -subject -dates",
        ],
    },
    Alert {
        name: "CastaiApiKeyRejected",
        check: CheckId::CastaiApi,
        modes: modes_where!(CheckId::CastaiApi, |mode| {
            matches!(mode.category(), Category::Denied | Category::Misconfigured)
        }),
        summary: "CAST AI rejects the agent's configuration: its API key, cluster ID or API address.",
        impact: "CAST AI rejects every request from the agent. After twelve minutes the liveness probe restarts the agent repeatedly, and no message gives the reason.",
        diagnosis: &[
            "kubectl -n castai-agent get secret castai-agent -o jsonpath='{.data.API_KEY}' | base64 -d | wc -c",
            "kubectl -n castai-agent get configmap castai-agent-metadata -o jsonpath='{.data.CLUSTER_ID}'",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=5m | grep -i status_code",
        ],
    },
    Alert {
        name: "CastaiApiErrors",
        check: CheckId::CastaiApi,
        modes: modes_where!(CheckId::CastaiApi, |mode| is_error(mode)),
        summary: "The CAST AI API returns errors to the agent or responds too late.",
        impact: "Snapshots are delayed or lost until it recovers.",
        diagnosis: &[
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=5m | grep -iE 'delta|status_code'",
        ],
    },
];
