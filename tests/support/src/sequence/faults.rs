//! The faults of a sequence in the lab, and what the agent logs meanwhile.

use castai_health_exporter::catalogue::FailureMode as M;

use crate::agent_log_lines::LINES;
use crate::lab_cluster::LabCluster;
use crate::scenarios::{InjectedFault, Scenario, inject_fault, scenario};

/// A fault of a sequence.
#[derive(Clone, Copy)]
pub struct SequenceFault {
    /// The fault and the root cause to expect.
    pub scenario: &'static Scenario,
    pub agent: Reaction,
}

/// The agent's reaction to a fault.
#[derive(Clone, Copy, Debug)]
pub enum Reaction {
    /// It notices nothing.
    Unaware,
    /// It logs this line repeatedly.
    Logs(&'static str),
    /// It logs this line repeatedly, loses its lease and exits with code 0.
    Exits(&'static str),
    /// It logs this line once, when it looks up a node, and delivers on.
    LogsOnce(&'static str),
}

/// Clusters that differ in the agent's AWS credentials.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Credentials {
    /// A role by web identity.
    WebIdentity,
    /// The role of the node.
    Node,
}

/// A line about a node lookup that fails at EC2 or earlier.
macro_rules! lookup {
    ($($end:tt)+) => {
        concat!(
            r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, "#,
            $($end)+,
            "\""
        )
    };
}

/// The end of a lookup for which STS issues no credentials.
macro_rules! assume_role {
    ($end:literal) => {
        lookup!(concat!(
            "get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error ",
            $end
        ))
    };
}

const ACCESS_DENIED: &str = assume_role!(
    "StatusCode: 403, RequestID: a, api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"
);
const STS_THROTTLED: &str =
    assume_role!("StatusCode: 400, RequestID: a, api error Throttling: Rate exceeded");
const STS_REFUSED: &str = assume_role!(
    r#"StatusCode: 0, RequestID: , request send failed, Post \"https://sts.eu-central-1.amazonaws.com/\": dial tcp 10.0.0.1:443: connect: connection refused"#
);
const EC2_DENIED: &str = lookup!(
    "https response error StatusCode: 403, RequestID: a, api error UnauthorizedOperation: You are not authorized to perform this operation. because no identity-based policy allows the ec2:DescribeInstances action"
);
const EC2_THROTTLED: &str = lookup!(
    "https response error StatusCode: 503, RequestID: a, api error RequestLimitExceeded: Request limit exceeded."
);
const EC2_REFUSED: &str = lookup!(
    r#"https response error StatusCode: 0, RequestID: , request send failed, Post \"https://ec2.eu-central-1.amazonaws.com/\": dial tcp 10.0.0.1:443: connect: connection refused"#
);
/// The agent has delivered a delta.
pub const UPLOADED: &str = r#"time="2026-11-22T13:04:54Z" level=info msg="delta upload finished" full_snapshot=false items=3 response_code=204"#;
/// The agent cannot connect to the API server.
pub const LEASE_REFUSED: &str = "E1122 13:04:55.148702       1 leaderelection.go:448] error retrieving resource lock castai-agent/agent-leader-election-lock: Get \"https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock?timeout=3s\": dial tcp 10.96.0.1:443: connect: connection refused";
/// The API server hangs in the TLS handshake.
pub const LEASE_TLS_TIMEOUT: &str = "E1122 13:04:55.148702       1 leaderelection.go:448] error retrieving resource lock castai-agent/agent-leader-election-lock: Get \"https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock?timeout=3s\": net/http: TLS handshake timeout";

/// Returns the faults that a cluster with these credentials can have.
pub fn faults(credentials: Credentials) -> Vec<SequenceFault> {
    use Reaction::{Exits, Logs, LogsOnce, Unaware};
    let mut faults = vec![
        ("dns_name_is_nxdomain", Logs(line(M::NetDnsNxdomain))),
        (
            "dns_resolver_responds_servfail",
            Logs(line(M::NetDnsServfail)),
        ),
        ("apiserver_refuses_connections", Exits(LEASE_REFUSED)),
        ("apiserver_resets_connections", Exits(line(M::K8sNoAnswer))),
        ("apiserver_has_expired_certificate", Unaware),
        ("apiserver_hangs_in_tls_handshake", Exits(LEASE_TLS_TIMEOUT)),
        ("apiserver_rejects_token", Exits(line(M::K8sUnauthorized))),
        ("apiserver_loses_etcd", Exits(line(M::K8sEtcdError))),
        ("apiserver_responds_500", Exits(line(M::K8sServerError))),
        ("apiserver_throttles_requests", Exits(line(M::K8sThrottled))),
        ("apiserver_load_balancer_responds_502", Unaware),
        ("apiserver_endpoint_refuses_connections", Unaware),
        ("castai_refuses_connections", Logs(line(M::NetRefused))),
        ("castai_resets_connections", Logs(line(M::NetReset))),
        (
            "castai_hangs_in_tls_handshake",
            Logs(line(M::TlsHandshakeTimeout)),
        ),
        ("castai_is_tls_inspected", Logs(line(M::TlsIntercepted))),
        (
            "castai_api_key_is_revoked",
            Logs(line(M::CastaiTokenInvalid)),
        ),
        (
            "castai_api_key_is_forbidden",
            Logs(line(M::CastaiForbidden)),
        ),
        ("castai_waf_blocks_request", Logs(line(M::CastaiWafBlocked))),
        (
            "castai_rate_limits_requests",
            Logs(line(M::CastaiRateLimited)),
        ),
        ("castai_responds_500", Logs(line(M::CastaiServerError))),
        ("castai_responds_with_html", Unaware),
        ("ec2_denied_without_identity_policy", LogsOnce(EC2_DENIED)),
        ("ec2_throttles_requests", LogsOnce(EC2_THROTTLED)),
        ("ec2_refuses_connections", LogsOnce(EC2_REFUSED)),
        ("ec2_responds_403_with_html", Unaware),
        ("cluster_is_not_responding", Unaware),
        ("agent_healthz_port_is_closed", Unaware),
        ("agent_lease_is_stale", Unaware),
    ];
    faults.extend(match credentials {
        Credentials::WebIdentity => vec![
            (
                "sts_trust_policy_denies_web_identity",
                LogsOnce(ACCESS_DENIED),
            ),
            ("sts_throttles_requests", LogsOnce(STS_THROTTLED)),
            ("sts_refuses_connections", LogsOnce(STS_REFUSED)),
        ],
        Credentials::Node => vec![
            ("imds_hop_limit_is_too_low", Unaware),
            ("imds_refuses_connections", Unaware),
        ],
    });
    let fault = |(name, agent)| SequenceFault {
        scenario: scenario(name),
        agent,
    };
    faults.into_iter().map(fault).collect()
}

impl Credentials {
    /// Starts a lab cluster in which the agent has these credentials.
    pub fn start_lab(self) -> LabCluster {
        match self {
            Self::WebIdentity => LabCluster::with_web_identity_role(),
            Self::Node => LabCluster::start(),
        }
    }
}

impl SequenceFault {
    /// Injects the fault.
    pub async fn inject(self, world: &mut LabCluster) {
        inject_fault(world, self.injected()).await;
    }

    /// Returns the fault in a form that leaves the exporter its memory, such as cached credentials.
    pub fn injected(self) -> InjectedFault {
        match self.scenario.fault {
            InjectedFault::StsForRole(fault) => InjectedFault::Sts(fault),
            fault => fault,
        }
    }
}

impl Reaction {
    /// Returns the line that the agent logs.
    pub fn line(self) -> Option<&'static str> {
        match self {
            Self::Unaware => None,
            Self::Logs(line) | Self::Exits(line) | Self::LogsOnce(line) => Some(line),
        }
    }
}

/// Returns a line of this mode.
pub fn line(mode: M) -> &'static str {
    let known = LINES.iter().find(|(of, _)| *of == mode);
    known.unwrap_or_else(|| panic!("no line of {mode}")).1
}
