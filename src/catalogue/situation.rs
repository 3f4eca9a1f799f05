//! Situations in which one failure mode occurs, distinguished by evidence, and the remedy of each.
//!
//! A mode says what fails. Where the fix depends on what else was seen, the check that saw it says
//! so, and the remedy follows.

use crate::catalogue::alert::documented_as;
use crate::catalogue::check::CheckId;
use crate::catalogue::mode::{FailureMode, FailureMode as M};
use crate::catalogue::remedy::{Remedy, RemedyValues};
use crate::catalogue::remedy_overrides::text_of;

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
    /// The token was issued for the companion a moment ago.
    FreshToken,
    /// The credentials are those of a kubeconfig.
    KubeconfigUser,
    /// This agent believes that it is the leader, but does not renew the lease.
    SilentLeader,
    /// This agent is not the leader, and does not take over.
    WaitingFollower,
    /// The other side accepted the connection and sent nothing.
    NothingReceived,
    /// Only part of the handshake arrived.
    PartOfHandshake,
    /// The handshake passes a proxy, which opened the tunnel.
    ThroughProxy,
    /// The agent is not installed yet, and the account that installs it lacks permissions.
    NotInstalled,
}

/// The remedy of some modes in a situation.
#[derive(Debug)]
pub struct SituationRemedy {
    /// The situation.
    pub situation: Situation,
    /// The checks.
    pub checks: &'static [CheckId],
    /// The modes.
    pub modes: &'static [FailureMode],
    /// Remediation, most likely fix first; marked text of a [`Remedy`].
    pub text: &'static str,
}

/// The remedies that replace those of the pair.
pub const SITUATION_REMEDIES: &[SituationRemedy] = &[
    SituationRemedy {
        situation: Situation::ServicePath,
        checks: &[CheckId::Apiserver],
        modes: &[
            M::NetConnectTimeout,
            M::NetRefused,
            M::NetReset,
            M::NetUnreachable,
            M::TlsHandshakeTimeout,
            M::HttpTimeout,
        ],
        text: "Delete the agent's pod to give it a new network path:\n\
            $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent\n\
            The API servers respond when probed directly, so the control plane is fine. If it \
            happens again on the same node, check kube-proxy or the CNI pod there, and the node's \
            conntrack table. Check that `NO_PROXY` contains the service range.",
    },
    SituationRemedy {
        situation: Situation::AllApiservers,
        checks: &[CheckId::Apiserver],
        modes: &[
            M::NetRefused,
            M::NetReset,
            M::TlsHandshakeTimeout,
            M::HttpTimeout,
        ],
        text: "Repair the control plane: no API server responds to this pod, neither directly nor \
            through the service. Confirm it from your machine:\n\
            $ kubectl get --raw /readyz --request-timeout=10s\n\
            If it responds there, check the network path from this node instead: firewall, TLS \
            inspection, MTU. If the provider manages the control plane, check its status page and \
            open a ticket. If you do, check the load of the control-plane nodes, and on each of \
            them the API server's container:\n\
            $ crictl ps -a --name kube-apiserver",
    },
    SituationRemedy {
        situation: Situation::AllApiservers,
        checks: &[CheckId::Apiserver],
        modes: &[M::NetConnectTimeout, M::NetUnreachable],
        text: "Test the API server from your machine:\n\
            $ kubectl get --raw /readyz --request-timeout=10s\n\
            If that works, allow egress from the agent's pods to the addresses in the evidence, \
            usually port 443 or 6443. Check network policies, and the security groups or firewall \
            between the nodes and the control plane:\n\
            $ kubectl -n {namespace} get networkpolicy\n\
            If it does not work from anywhere, the control-plane nodes are down: start them, or \
            open a ticket with the provider.",
    },
    SituationRemedy {
        situation: Situation::Intermittent,
        checks: &[CheckId::Apiserver],
        modes: &[M::K8sEndpointDown],
        text: "Remove the failing API server from the load balancer in front of the service's \
            address, or repair it: connections are still routed to it. Compare its backends with \
            the registered API servers:\n\
            $ kubectl get endpointslices -n default -l kubernetes.io/service-name=kubernetes\n\
            Managed: open a ticket with the provider.",
    },
    SituationRemedy {
        situation: Situation::StoredObjects,
        checks: &[CheckId::Apiserver],
        modes: &[M::HttpTimeout],
        text: "Check the load of the API server and of etcd: `/version` responds, but stored \
            objects do not, although the API server reports etcd as ok. Managed: open a ticket \
            with the provider. Self-managed: check the disk latency of etcd and these metrics:\n\
            $ kubectl get --raw /metrics | grep -E \
            'etcd_request_duration_seconds|apiserver_current_inflight_requests'\n\
            A new pod would not help.",
    },
    SituationRemedy {
        situation: Situation::LeaseMissing,
        checks: &[CheckId::AgentHealth],
        modes: &[M::AgentNoLeader],
        text: "Check that the lease's namespace exists and that the agent may create leases \
            there:\n\
            $ kubectl auth can-i create leases \
            --as=system:serviceaccount:{namespace}:{service_account} -n {namespace}\n\
            A release in another namespace must set `LEADER_ELECTION_NAMESPACE`.",
    },
    SituationRemedy {
        situation: Situation::LeaseReleased,
        checks: &[CheckId::AgentHealth],
        modes: &[M::AgentNoLeader],
        text: "Check that the agent may update the lease:\n\
            $ kubectl auth can-i update leases \
            --as=system:serviceaccount:{namespace}:{service_account} -n {namespace}\n\
            If it may, restart it:\n\
            $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent",
    },
    SituationRemedy {
        situation: Situation::SilentLeader,
        checks: &[CheckId::AgentHealth],
        modes: &[M::AgentLeaseStale],
        text: "Restart the agent, which considers itself the leader but no longer renews the lease:\n\
            $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent\n\
            If it happens again, check that it may update the lease, and look at the `apiserver` \
            check:\n\
            $ kubectl auth can-i update leases \
            --as=system:serviceaccount:{namespace}:{service_account} -n {namespace}",
    },
    SituationRemedy {
        situation: Situation::WaitingFollower,
        checks: &[CheckId::AgentHealth],
        modes: &[M::AgentLeaseStale],
        text: "Check that the agent may update the lease: the leader is gone, and this agent does \
            not take over:\n\
            $ kubectl auth can-i update leases \
            --as=system:serviceaccount:{namespace}:{service_account} -n {namespace}\n\
            If it may, restart it:\n\
            $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent",
    },
    SituationRemedy {
        situation: Situation::FreshToken,
        checks: &[CheckId::Apiserver],
        modes: &[M::K8sUnauthorized],
        text: "Compare the settings of the API servers: one rejects a token that another issued a \
            moment ago, so a new pod would not help. Self-managed: `--service-account-issuer`, \
            `--service-account-key-file` and `--api-audiences` must be the same on all of them. \
            Managed: open a ticket with the provider. Check that the address in the evidence is an \
            API server of this cluster:\n\
            $ kubectl get endpointslices -n default -l kubernetes.io/service-name=kubernetes",
    },
    SituationRemedy {
        situation: Situation::KubeconfigUser,
        checks: &[CheckId::Apiserver],
        modes: &[M::K8sUnauthorized],
        text: "Log in again, or renew the credentials in the kubeconfig; the agent's own \
            credentials are not tested here. Check which user it names:\n\
            $ kubectl config view --minify\n\
            $ kubectl auth whoami",
    },
    SituationRemedy {
        situation: Situation::NothingReceived,
        checks: &[CheckId::CastaiApi],
        modes: &[M::TlsHandshakeTimeout],
        text: "Allow `{api_host}` on everything that inspects or filters TLS (firewall, NAT \
            gateway): something accepts the connection and then stays silent. Test from the \
            cluster:\n\
            $ kubectl -n {namespace} run tls-test --rm -it --restart=Never \
            --image=curlimages/curl -- -sv https://{api_host}/\n\
            If only this node is affected:\n\
            $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent",
    },
    SituationRemedy {
        situation: Situation::PartOfHandshake,
        checks: &[CheckId::CastaiApi, CheckId::StsIdentity, CheckId::Ec2Api],
        modes: &[M::TlsHandshakeTimeout],
        text: "Lower the MTU of the pod network to the smallest MTU on the path (VPN, tunnel, \
            transit gateway), or clamp the MSS on the router: the start of the certificate \
            arrives, but large packets do not. Let ICMP `fragmentation needed` pass \
            the firewalls. Compare the MTU in the agent's pod with that of the path:\n\
            $ kubectl -n {namespace} run mtu-test --rm -it --restart=Never --image=busybox -- \
            cat /sys/class/net/eth0/mtu",
    },
    SituationRemedy {
        situation: Situation::ThroughProxy,
        checks: &[CheckId::CastaiApi, CheckId::StsIdentity, CheckId::Ec2Api],
        modes: &[M::TlsHandshakeTimeout],
        text: "Have the owner of the proxy in the evidence allow the host and check the proxy's \
            log: the proxy opens the tunnel, but nothing comes back through it. If the proxy inspects \
            TLS, exempt the host. If the host is reachable without the proxy, add it to \
            `NO_PROXY` in the agent's values.",
    },
    SituationRemedy {
        situation: Situation::NothingReceived,
        checks: &[CheckId::StsIdentity, CheckId::Ec2Api],
        modes: &[M::TlsHandshakeTimeout],
        text: "Allow the host in the evidence on everything that inspects or filters TLS (firewall, \
            NAT gateway), or add a VPC endpoint for it: something accepts the connection and \
            then stays silent. If only this node is affected:\n\
            $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent",
    },
    SituationRemedy {
        situation: Situation::OptionalPermission,
        checks: &[CheckId::AgentPermissions],
        modes: &[M::K8sRbacForbidden],
        text: "Upgrade the chart, whose roles are older than the agent:\n\
            $ helm repo update\n\
            $ helm upgrade {release} castai-helm/castai-agent -n {namespace} --reuse-values\n\
            The agent checks its permissions every two minutes and needs no restart.",
    },
    SituationRemedy {
        situation: Situation::NotInstalled,
        checks: &[CheckId::AgentPermissions],
        modes: &[M::K8sRbacForbidden],
        text: "Let a cluster administrator install the agent, or grant the permissions in the \
            evidence to the account that installs it. A role can only be granted by an account \
            that holds all its permissions. Verify:\n\
            $ kubectl auth can-i create clusterroles\n\
            $ kubectl auth can-i create deployments -n {namespace}",
    },
];

impl SituationRemedy {
    /// Returns the remedy, without anything that is known of an installation.
    pub fn remedy(&self) -> Remedy {
        Remedy::new(self.text, &RemedyValues::default())
    }
}

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
            Self::FreshToken => "the token was issued for the exporter a moment ago",
            Self::KubeconfigUser => "the credentials are those of a kubeconfig",
            Self::SilentLeader => "this agent runs and considers itself the leader",
            Self::WaitingFollower => "this agent runs and is not the leader",
            Self::NothingReceived => "nothing was received",
            Self::PartOfHandshake => "only part of the handshake was received",
            Self::ThroughProxy => "the connection passes a proxy",
            Self::OptionalPermission => "the agent works without the missing permissions",
            Self::NotInstalled => "the agent is not installed yet (`check --preflight`)",
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
        .filter(move |row| row.checks.contains(&check) && row.modes.contains(&mode))
}

/// Returns every remedy of a pair, with its placeholders.
pub fn remedy_templates(check: CheckId, mode: FailureMode) -> impl Iterator<Item = &'static str> {
    let (documented, of) = documented_as(check, mode);
    let specific = situations(documented, of).map(|row| row.text);
    std::iter::once(text_of(check, mode)).chain(specific)
}

/// Returns the remedy of a pair in a situation, or else the pair's.
pub fn remedy_in(
    check: CheckId,
    mode: FailureMode,
    situation: Option<Situation>,
    values: &RemedyValues,
) -> Remedy {
    let (documented, of) = documented_as(check, mode);
    let specific = situations(documented, of).find(|row| Some(row.situation) == situation);
    let text = specific.map_or_else(|| text_of(check, mode), |row| row.text);
    Remedy::new(text, values)
}
