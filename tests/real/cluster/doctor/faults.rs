//! The faults for which the doctor and the exporter must name the same root cause.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};
use test_support::lab_cluster::PROXY;
use test_support::scenarios::InjectedFault;
use test_support::sequence::{Credentials, Reaction};

use crate::cluster::sequences::faults::{Broken, RealFault, cluster_faults, lab_faults};

/// Faults that the API shows, or that keep it from responding.
const VISIBLE: &[&str] = &[
    "Deployment is scaled to zero",
    "Deployment is deleted",
    "node is tainted",
    "quota allows no pods",
    "agent is in CrashLoopBackOff",
    "agent is in ImagePullBackOff",
    "ClusterRole lacks pods",
    "all API servers are paused",
    "all certificates are expired",
    "all certificates are of another CA",
];
/// Faults that only a pod can see.
const IN_A_POD: &[&str] = &[
    "castai_api_key_is_revoked",
    "castai_waf_blocks_request",
    "castai_rate_limits_requests",
    "castai_responds_500",
    "castai_is_tls_inspected",
    "sts_trust_policy_denies_web_identity",
    "sts_throttles_requests",
    "ec2_denied_without_identity_policy",
    "ec2_throttles_requests",
    "cluster_is_not_responding",
    "agent_healthz_port_is_closed",
    "lease is stale",
    "token is expired",
    "token is missing",
    "second API server is paused",
    "service address resets connections",
];

/// Returns faults that the doctor finds without any exporter in the cluster.
pub(super) fn visible_to_the_doctor() -> Vec<RealFault> {
    use Broken as B;
    let own = [
        (
            "webhook does not respond",
            B::WebhookUnreachable,
            M::AgentFailedCreateWebhook,
        ),
        (
            "Pod Security rejects the pods",
            B::PodSecurityRejects,
            M::AgentFailedCreatePsa,
        ),
        (
            "no node is selected",
            B::NoNodeSelected,
            M::AgentUnschedulableSelector,
        ),
        ("Secret is deleted", B::SecretDeleted, M::AgentConfigMissing),
    ];
    let own = own.map(|(name, broken, mode)| RealFault {
        name,
        broken,
        check: CheckId::AgentWorkload,
        mode,
        agent: Reaction::Unaware,
    });
    named(cluster_faults(), VISIBLE).chain(own).collect()
}

/// Returns faults that the doctor reads from a sidecar.
pub(super) fn visible_in_a_pod() -> Vec<RealFault> {
    use CheckId::{CastaiApi, Dns};
    use InjectedFault::{DnsName, Proxy};
    let own = [
        (
            "proxy requires a password",
            Proxy("407"),
            CastaiApi,
            M::ProxyAuthRequired,
        ),
        (
            "proxy refuses connections",
            Proxy("refused"),
            CastaiApi,
            M::ProxyUnreachable,
        ),
        (
            "proxy denies CAST AI",
            Proxy("403"),
            CastaiApi,
            M::ProxyDenied,
        ),
        (
            "name of the proxy is NXDOMAIN",
            DnsName(PROXY, "nxdomain"),
            Dns,
            M::NetDnsNxdomain,
        ),
    ];
    let own = own.map(|(name, fault, check, mode)| RealFault {
        name,
        broken: Broken::Lab(fault),
        check,
        mode,
        agent: Reaction::Unaware,
    });
    let mut all = cluster_faults();
    all.extend(lab_faults(Credentials::WebIdentity));
    // Where the exporter cannot read the log, the doctor reports outdated lines. Only the check of STS
    // needs the agent's complaint, because it trusts cached credentials.
    for fault in &mut all {
        if matches!(fault.agent, Reaction::LogsOnce(_)) && fault.check != CheckId::StsIdentity {
            fault.agent = Reaction::Unaware;
        }
    }
    named(all, IN_A_POD).chain(own).collect()
}

/// Returns the faults with these names, in their order.
fn named(faults: Vec<RealFault>, names: &'static [&str]) -> impl Iterator<Item = RealFault> {
    names.iter().map(move |name| {
        let fault = faults.iter().find(|fault| fault.name == *name);
        *fault.unwrap_or_else(|| panic!("unknown fault {name}"))
    })
}
