//! Situations in which one failure mode occurs, distinguished by evidence, and the remedy of each.
//!
//! A mode says what fails. Where the fix depends on what else was seen, the check that saw it says
//! so, and the remedy follows.

use crate::catalogue::alert::documented_as;
use crate::catalogue::check::CheckId;
use crate::catalogue::mode::{FailureMode, FailureMode as M};
use crate::catalogue::remedy_overrides::remedy;

/// Evidence beside a failure that decides its fix.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Situation {
    /// The address of the service fails, but each API server responds when probed directly.
    ServicePath,
    /// The service and each API server fail.
    AllApiservers,
    /// Failures of the same service address alternate with successes.
    Intermittent,
    /// `/version` responds, but requests for stored objects do not.
    StoredObjects,
    /// The leader election lease does not exist.
    LeaseMissing,
    /// The leader election lease exists and has no holder.
    LeaseReleased,
    /// Only permissions are missing that the agent works without.
    OptionalPermission,
}

/// The remedy of some modes in a situation.
#[derive(Debug)]
pub struct SituationRemedy {
    /// The situation.
    pub situation: Situation,
    /// The check.
    pub check: CheckId,
    /// The modes.
    pub modes: &'static [FailureMode],
    /// Remediation, most likely fix first.
    pub text: &'static str,
}

/// The remedies that replace those of the pair.
pub const SITUATION_REMEDIES: &[SituationRemedy] = &[
    SituationRemedy {
        situation: Situation::ServicePath,
        check: CheckId::Apiserver,
        modes: &[
            M::NetConnectTimeout,
            M::NetRefused,
            M::NetReset,
            M::NetUnreachable,
            M::TlsHandshakeTimeout,
            M::HttpTimeout,
        ],
        text: "Delete the agent's pod to give it a new network path: `kubectl -n castai-agent \
            delete pod -l app.kubernetes.io/name=castai-agent`. The API servers respond when \
            probed directly, so the control plane is fine. If it happens again on the same node, \
            check kube-proxy or the CNI pod there, and the node's conntrack table. Check that \
            `NO_PROXY` contains the service range.",
    },
    SituationRemedy {
        situation: Situation::AllApiservers,
        check: CheckId::Apiserver,
        modes: &[
            M::NetRefused,
            M::NetReset,
            M::TlsHandshakeTimeout,
            M::HttpTimeout,
        ],
        text: "Repair the control plane: no API server responds, neither directly nor through the \
            service, so a new pod would not help. Self-managed: check the kube-apiserver \
            containers and the load of the control-plane nodes (`crictl ps -a --name \
            kube-apiserver`). Managed: check the provider's status page and open a ticket. If \
            `kubectl get --raw /readyz` works from elsewhere, check what this node's packets pass: \
            firewall, TLS inspection, MTU.",
    },
    SituationRemedy {
        situation: Situation::AllApiservers,
        check: CheckId::Apiserver,
        modes: &[M::NetConnectTimeout, M::NetUnreachable],
        text: "Allow egress from the agent's pods to the addresses in the evidence, usually port 443 \
            or 6443, if `kubectl get --raw /readyz` works from elsewhere: check network policies \
            (`kubectl -n castai-agent get networkpolicy`), and the security groups or firewall \
            between the nodes and the control plane. If it does not work from anywhere, the \
            control-plane nodes are down: start them, or open a ticket with the provider.",
    },
    SituationRemedy {
        situation: Situation::Intermittent,
        check: CheckId::Apiserver,
        modes: &[M::K8sEndpointDown],
        text: "Remove the failing API server from the load balancer in front of the service's \
            address, or repair it: connections are still routed to it. Compare its backends with \
            `kubectl get endpointslices -n default -l kubernetes.io/service-name=kubernetes`, \
            which lists only API servers that report themselves alive. Managed: open a ticket \
            with the provider.",
    },
    SituationRemedy {
        situation: Situation::StoredObjects,
        check: CheckId::Apiserver,
        modes: &[M::HttpTimeout],
        text: "Check the load of the API server and of etcd: `/version` responds, but stored objects \
            do not, although the API server reports etcd as ok. Self-managed: look at \
            `etcd_request_duration_seconds` and `apiserver_current_inflight_requests` in `kubectl \
            get --raw /metrics`, and at the disk latency of etcd. Managed: open a ticket with the \
            provider. A new pod would not help.",
    },
    SituationRemedy {
        situation: Situation::LeaseMissing,
        check: CheckId::AgentHealth,
        modes: &[M::AgentNoLeader],
        text: "Check that the lease's namespace exists and that the agent may create leases there: \
            `kubectl auth can-i create leases \
            --as=system:serviceaccount:castai-agent:castai-agent -n castai-agent`. A release in \
            another namespace must set `LEADER_ELECTION_NAMESPACE`.",
    },
    SituationRemedy {
        situation: Situation::LeaseReleased,
        check: CheckId::AgentHealth,
        modes: &[M::AgentNoLeader],
        text: "Check that the agent may update the lease: `kubectl auth can-i update leases \
            --as=system:serviceaccount:castai-agent:castai-agent -n castai-agent`. If it may, \
            restart it: `kubectl -n castai-agent delete pod -l \
            app.kubernetes.io/name=castai-agent`.",
    },
    SituationRemedy {
        situation: Situation::OptionalPermission,
        check: CheckId::AgentPermissions,
        modes: &[M::K8sRbacForbidden],
        text: "Upgrade the chart, whose roles are older than the agent: `helm repo update && helm \
            upgrade castai-agent castai-helm/castai-agent -n castai-agent --reuse-values`. The \
            agent checks its permissions every two minutes and needs no restart.",
    },
];

impl Situation {
    /// Returns the condition, as the end of `if …`.
    pub const fn condition(self) -> &'static str {
        match self {
            Self::ServicePath => "each API server responds when probed directly",
            Self::AllApiservers => "no API server responds when probed directly",
            Self::Intermittent => "connections to the service's address fail intermittently",
            Self::StoredObjects => "`/version` responds, but stored objects do not",
            Self::LeaseMissing => "the lease does not exist",
            Self::LeaseReleased => "the lease has no holder",
            Self::OptionalPermission => "the agent works without the missing permissions",
        }
    }
}

/// Returns the situations of a pair that have a specific remedy.
pub fn situations(
    check: CheckId,
    mode: FailureMode,
) -> impl Iterator<Item = &'static SituationRemedy> {
    SITUATION_REMEDIES
        .iter()
        .filter(move |row| row.check == check && row.modes.contains(&mode))
}

/// Returns the remedy of a pair in a situation, or else the pair's.
pub fn remedy_in(check: CheckId, mode: FailureMode, situation: Option<Situation>) -> &'static str {
    let (documented, of) = documented_as(check, mode);
    let specific = situations(documented, of).find(|row| Some(row.situation) == situation);
    specific.map_or_else(|| remedy(check, mode), |row| row.text)
}
