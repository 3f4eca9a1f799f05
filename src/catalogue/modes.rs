//! The closed list of failure modes, each declared once.
//!
//! Append-only: a label once published is never reused and never renamed.

use std::fmt;

/// What is published about a failure mode, whichever check or text reveals it.
#[derive(Debug)]
pub struct ModeEntry {
    /// The value of the label `mode`.
    pub label: &'static str,
    /// What is the case when this mode holds: one sentence or two.
    pub meaning: &'static str,
    /// How it is told from the modes that look like it.
    pub told_apart: &'static str,
    /// What mends it, in the order in which to try.
    pub remedy: &'static str,
}

macro_rules! failure_modes {
    ($( $mode:ident = $label:literal {
        meaning: $meaning:literal,
        told_apart: $told_apart:literal,
        remedy: $remedy:literal,
    } )+) => {
        /// One cause. The only failure vocabulary in the program; Prometheus sees it as the label `mode`.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum FailureMode { $( #[doc = $meaning] $mode, )+ }

        impl FailureMode {
            /// Every mode that this program can name, in the order of publication.
            pub const ALL: &'static [Self] = &[$(Self::$mode),+];

            /// Everything published about this mode.
            pub const fn entry(self) -> &'static ModeEntry {
                match self {$(
                    Self::$mode => const { &ModeEntry {
                        label: $label,
                        meaning: $meaning,
                        told_apart: $told_apart,
                        remedy: $remedy,
                    } },
                )+}
            }
        }
    };
}

impl FailureMode {
    /// The value of the label `mode`.
    pub const fn label(self) -> &'static str {
        self.entry().label
    }

    /// The mode with this label.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| mode.label() == label)
    }
}

impl fmt::Display for FailureMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

failure_modes! {
    NetDnsNxdomain = "net_dns_nxdomain" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    NetDnsServfail = "net_dns_servfail" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    NetDnsTimeout = "net_dns_timeout" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    NetDnsNoAddress = "net_dns_no_address" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    NetConnectTimeout = "net_connect_timeout" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    NetRefused = "net_refused" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    NetUnreachable = "net_unreachable" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    NetReset = "net_reset" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    ProxyUnreachable = "proxy_unreachable" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    ProxyAuthRequired = "proxy_auth_required" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    ProxyDenied = "proxy_denied" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    ProxyBlockPage = "proxy_block_page" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    TlsHandshakeTimeout = "tls_handshake_timeout" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    TlsUnknownAuthority = "tls_unknown_authority" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    TlsIntercepted = "tls_intercepted" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    TlsExpired = "tls_expired" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    TlsNotYetValid = "tls_not_yet_valid" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    TlsHostnameMismatch = "tls_hostname_mismatch" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    TlsProtocol = "tls_protocol" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    HttpTimeout = "http_timeout" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    HttpProtocol = "http_protocol" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    K8sEndpointDown = "k8s_endpoint_down" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    K8sUnauthorized = "k8s_unauthorized" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    K8sTokenExpired = "k8s_token_expired" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    K8sTokenMissing = "k8s_token_missing" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    K8sRbacForbidden = "k8s_rbac_forbidden" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    K8sAnonymousForbidden = "k8s_anonymous_forbidden" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    K8sThrottled = "k8s_throttled" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    K8sEtcdError = "k8s_etcd_error" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    K8sServerError = "k8s_server_error" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    K8sUnexpectedBody = "k8s_unexpected_body" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    K8sNoAnswer = "k8s_no_answer" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    K8sSlow = "k8s_slow" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiKeyMissing = "castai_key_missing" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiKeyMalformed = "castai_key_malformed" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiTokenInvalid = "castai_token_invalid" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiForbidden = "castai_forbidden" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiWafBlocked = "castai_waf_blocked" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiClusterNotFound = "castai_cluster_not_found" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiRateLimited = "castai_rate_limited" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiClientError = "castai_client_error" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiSlow = "castai_slow" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiServerError = "castai_server_error" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiUnexpectedBody = "castai_unexpected_body" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiContinuityToken = "castai_continuity_token" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    CastaiDeliveryFailed = "castai_delivery_failed" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    AgentConfigInvalid = "agent_config_invalid" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    Unclassified = "unclassified" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
    ClockSkew = "clock_skew" {
        meaning: "",
        told_apart: "",
        remedy: "",
    }
}
