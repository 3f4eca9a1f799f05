//! Faults of a real control plane and of the agent's objects in it.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};
use serde_json::{Value, json};
use test_support::scenarios::InjectedFault;
use test_support::sequence::faults::{LEASE_REFUSED, LEASE_TLS_TIMEOUT, faults, line};
use test_support::sequence::{Credentials, Reaction, SequenceFault};

use super::node::Container;
use crate::support::cluster::Certificate;

/// A fault of a sequence, and the root cause to expect.
#[derive(Clone, Copy)]
pub(in crate::cluster) struct RealFault {
    pub(in crate::cluster) name: &'static str,
    pub(in crate::cluster) broken: Broken,
    pub(in crate::cluster) check: CheckId,
    pub(in crate::cluster) mode: M,
    pub(in crate::cluster) agent: Reaction,
}

/// The broken part.
#[derive(Clone, Copy)]
pub(in crate::cluster) enum Broken {
    /// Something of the lab.
    Lab(InjectedFault),
    /// These components are stopped with SIGSTOP.
    Paused(&'static [&'static str]),
    /// These components are killed.
    Killed(&'static [&'static str]),
    /// These API servers have this certificate.
    Certified(&'static [usize], Certificate),
    /// The way from pods to the API server has this fault.
    Link(&'static str),
    /// The agent's service account is deleted, which revokes its token.
    ServiceAccountDeleted,
    TokenExpired,
    TokenMissing,
    /// The agent's `ClusterRole` lacks this resource.
    PermissionLost(&'static str),
    ScaledToZero,
    DeploymentDeleted,
    /// No node tolerates the agent, and its pod is recreated.
    NodeTainted,
    /// The namespace may have no pods, and the agent's is recreated.
    QuotaExhausted,
    /// A webhook for new pods does not respond, and the agent's is recreated.
    WebhookUnreachable,
    /// Pod Security rejects the pods of a changed Deployment.
    PodSecurityRejects,
    /// No node has a label that the Deployment selects by.
    NoNodeSelected,
    /// The agent's Secret is deleted, and its container is created again.
    SecretDeleted,
    Container(Container),
    Lease(LeaseFault),
}

/// A fault of the agent's lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::cluster) enum LeaseFault {
    /// It is not renewed.
    Stale,
    /// Another identity renews it.
    Stolen,
    Deleted,
}

const FIRST: &str = "kube-apiserver";
const SECOND: &str = "kube-apiserver-2";
const BOTH: &[&str] = &[FIRST, SECOND];

/// Returns the faults of the control plane and of the agent's objects.
pub(in crate::cluster) fn cluster_faults() -> Vec<RealFault> {
    use Broken as B;
    use CheckId::{AgentHealth, AgentPermissions, AgentWorkload, Apiserver};
    use Reaction::{Exits, Logs, Unaware};
    let refused = Exits(LEASE_REFUSED);
    let hangs = Exits(LEASE_TLS_TIMEOUT);
    let etcd = Exits(line(M::K8sEtcdError));
    let unauthorized = Exits(line(M::K8sUnauthorized));
    let forbidden = Logs(line(M::K8sRbacForbidden));
    #[rustfmt::skip]
    let rows = [
        ("all API servers are paused", B::Paused(BOTH), Apiserver, M::TlsHandshakeTimeout, hangs),
        ("all API servers are killed", B::Killed(BOTH), Apiserver, M::NetReset, refused),
        ("first API server is paused", B::Paused(&[FIRST]), Apiserver, M::K8sEndpointDown, Unaware),
        ("second API server is paused", B::Paused(&[SECOND]), Apiserver, M::K8sEndpointDown, Unaware),
        ("second API server is killed", B::Killed(&[SECOND]), Apiserver, M::K8sEndpointDown, Unaware),
        ("etcd is paused", B::Paused(&["etcd"]), Apiserver, M::K8sEtcdError, etcd),
        ("etcd is killed", B::Killed(&["etcd"]), Apiserver, M::K8sEtcdError, etcd),
        ("all certificates are expired", B::Certified(&[0, 1], Certificate::Expired), Apiserver, M::TlsExpired, Unaware),
        ("all certificates are of another CA", B::Certified(&[0, 1], Certificate::ForeignCa), Apiserver, M::TlsUnknownAuthority, Unaware),
        ("second certificate is expired", B::Certified(&[1], Certificate::Expired), Apiserver, M::K8sEndpointDown, Unaware),
        ("service address resets connections", B::Link("reset"), Apiserver, M::NetReset, refused),
        ("service address hangs", B::Link("hang"), Apiserver, M::TlsHandshakeTimeout, hangs),
        ("service account is deleted", B::ServiceAccountDeleted, Apiserver, M::K8sUnauthorized, unauthorized),
        ("token is expired", B::TokenExpired, Apiserver, M::K8sTokenExpired, unauthorized),
        ("token is missing", B::TokenMissing, Apiserver, M::K8sTokenMissing, Unaware),
        ("ClusterRole lacks pods", B::PermissionLost("pods"), AgentPermissions, M::K8sRbacForbidden, forbidden),
        ("Deployment is scaled to zero", B::ScaledToZero, AgentWorkload, M::AgentScaledToZero, Unaware),
        ("Deployment is deleted", B::DeploymentDeleted, AgentWorkload, M::AgentDeploymentMissing, Unaware),
        ("node is tainted", B::NodeTainted, AgentWorkload, M::AgentUnschedulableTaint, Unaware),
        ("quota allows no pods", B::QuotaExhausted, AgentWorkload, M::AgentFailedCreateQuota, Unaware),
        ("agent is in CrashLoopBackOff", B::Container(Container::CrashLoops), AgentWorkload, M::AgentCrashloop, Unaware),
        ("agent is in ImagePullBackOff", B::Container(Container::CannotBePulled), AgentWorkload, M::ImageNotFound, Unaware),
        ("lease is stale", B::Lease(LeaseFault::Stale), AgentHealth, M::AgentLeaseStale, Unaware),
        ("lease is stolen", B::Lease(LeaseFault::Stolen), AgentHealth, M::AgentLeaseStolen, Unaware),
        ("lease is deleted", B::Lease(LeaseFault::Deleted), AgentHealth, M::AgentNoLeader, Unaware),
    ];
    let fault = |(name, broken, check, mode, agent)| RealFault {
        name,
        broken,
        check,
        mode,
        agent,
    };
    rows.into_iter().map(fault).collect()
}

/// Returns the faults of the lab beside its API server.
pub(in crate::cluster) fn lab_faults(credentials: Credentials) -> Vec<RealFault> {
    let real = |fault: &SequenceFault| {
        let of_api_server = matches!(
            fault.scenario.fault,
            InjectedFault::Apiserver(_) | InjectedFault::OneEndpoint(_) | InjectedFault::Lease(_)
        );
        !of_api_server
    };
    let fault = |fault: SequenceFault| RealFault {
        name: fault.scenario.name,
        broken: Broken::Lab(fault.injected()),
        check: fault.scenario.check,
        mode: fault.scenario.mode,
        agent: fault.agent,
    };
    let faults = faults(credentials).into_iter();
    faults.filter(real).map(fault).collect()
}

impl Broken {
    /// Returns an API server that still answers the administrator.
    pub(in crate::cluster) fn answering_server(self) -> Option<usize> {
        match self {
            Self::Paused(components) | Self::Killed(components) => {
                if components.contains(&"etcd") || components == BOTH {
                    None
                } else {
                    Some(usize::from(components.contains(&FIRST)))
                }
            }
            Self::Certified(servers, _) => [0, 1].into_iter().find(|one| !servers.contains(one)),
            _ => Some(0),
        }
    }
}

/// Returns the rules of a `ClusterRole` without this resource.
pub(in crate::cluster) fn without(rules: &Value, resource: &str) -> Value {
    let mut rules = rules.clone();
    for rule in rules.as_array_mut().unwrap() {
        if let Some(resources) = rule["resources"].as_array_mut() {
            resources.retain(|one| one != resource);
        }
    }
    json!({ "rules": rules })
}
