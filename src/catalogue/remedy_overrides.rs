//! Remedies of (check, mode) pairs that differ from the mode's own.
//!
//! The remedy of a mode must fit every check that shows it. A command or setting of one target
//! belongs here.

use crate::catalogue::alert::documented_as;
use crate::catalogue::check::CheckId;
use crate::catalogue::mode::{FailureMode, FailureMode as M};
use crate::catalogue::mode_set::{CONTROLLER_LEADERLESS, TOKEN_REJECTED};

/// A remedy of some modes in some checks.
#[derive(Debug)]
pub struct RemedyOverride {
    /// The checks.
    pub checks: &'static [CheckId],
    /// The modes.
    pub modes: &'static [FailureMode],
    /// Remediation, most likely fix first.
    pub text: &'static str,
}

const APISERVER: &[CheckId] = &[CheckId::Apiserver];
const CASTAI_API: &[CheckId] = &[CheckId::CastaiApi];
const AWS_APIS: &[CheckId] = &[CheckId::StsIdentity, CheckId::Ec2Api];
const OTHER_WORKLOADS: &[CheckId] = &[CheckId::ClusterController, CheckId::Components];
const CLUSTER_CONTROLLER: &[CheckId] = &[CheckId::ClusterController];

/// The remedies that replace those of the modes.
pub const REMEDY_OVERRIDES: &[RemedyOverride] = &[
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::NetConnectTimeout],
        text: "Allow egress from the agent's pods to the address in the evidence, usually port 443 \
            or 6443. Check network policies (`kubectl -n castai-agent get networkpolicy`) and \
            the security groups or firewall between the nodes and the control plane. Compare the \
            address with `kubectl -n default get endpointslices -l \
            kubernetes.io/service-name=kubernetes`.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::NetRefused],
        text: "Check whether the API server's endpoints are alive: `kubectl -n default get \
            endpointslices -l kubernetes.io/service-name=kubernetes`. Nothing listens on the \
            address in the evidence, so that API server or the load balancer in front of it is \
            down, or the agent's kubeconfig has the wrong port.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::NetReset],
        text: "Ignore a single reset: an API server or its load balancer restarted. If it persists, \
            check `kubectl get --raw /readyz?verbose`, and look for a firewall or proxy between \
            the node and the control plane that closes connections. If only one node is \
            affected: `kubectl -n castai-agent delete pod -l \
            app.kubernetes.io/name=castai-agent`.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::ProxyUnreachable, M::ProxyAuthRequired, M::ProxyDenied],
        text: "Bypass the proxy for the API server: add the service range and the cluster's names \
            to `NO_PROXY`, for example `kubectl -n castai-agent set env deploy/castai-agent \
            NO_PROXY=10.96.0.0/12,169.254.169.254,.svc,.cluster.local,localhost`.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::TlsHandshakeTimeout],
        text: "Check whether other clients reach the API server: `kubectl get --raw \
            /readyz?verbose`. If they do, delete the agent's pod to give it a new network path: \
            `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`; if it \
            happens again, check that `NO_PROXY` contains the service range, the MTU of the pod \
            network, and the node's conntrack table. If they do not, repair the control plane: a \
            new pod would not help.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::TlsUnknownAuthority],
        text: "Delete the agent's pod, whose `ca.crt` is outdated if the issuer in the evidence is \
            the cluster's new CA: `kubectl -n castai-agent delete pod -l \
            app.kubernetes.io/name=castai-agent`. If the issuer is not the cluster's, something \
            between the node and the API server presents its own certificate: bypass it.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::TlsIntercepted],
        text: "Bypass the TLS-inspecting proxy whose issuer is in the evidence: add the service \
            range and the API server's name to `NO_PROXY`, or exempt the API server from \
            inspection.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::TlsExpired],
        text: "Renew the API server's certificate. Self-managed: `kubeadm certs check-expiration`, \
            then `kubeadm certs renew all` and restart the control plane. Managed control planes \
            renew it in time: if the certificate in the evidence is not theirs, something in \
            between presents it.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::TlsHostnameMismatch],
        text: "Compare the names in the evidence with the address that the agent dials. \
            Self-managed: add the address to the certificate's SANs (`kubeadm init phase certs \
            apiserver --apiserver-cert-extra-sans ADDRESS`). Otherwise use an address in the \
            agent's kubeconfig that the certificate names.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::HttpTimeout],
        text: "Check the load and health of the API server: `kubectl get --raw /readyz?verbose`. If \
            a proxy is in front of it, add the service range to `NO_PROXY`. If only large \
            responses are affected, check the MTU of the pod network.",
    },
    RemedyOverride {
        checks: CASTAI_API,
        modes: &[M::TlsHandshakeTimeout],
        text: "Allow the host in the evidence on everything that inspects or filters TLS (firewall, \
            proxy, NAT gateway): something accepts the connection and then stays silent. Compare \
            the MTU of the pod network with that of the network path. Test from the cluster: \
            `kubectl -n castai-agent run tls-test --rm -it --restart=Never \
            --image=curlimages/curl -- -sv https://api.cast.ai/`. If only this node is affected: \
            `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`.",
    },
    RemedyOverride {
        checks: CASTAI_API,
        modes: &[M::TlsUnknownAuthority, M::TlsIntercepted],
        text: "Check the issuer in the evidence. If your company inspects TLS, exempt \
            `api.cast.ai`, or make the agent trust the inspecting root: `helm upgrade \
            castai-agent castai-helm/castai-agent -n castai-agent --reuse-values --set-file \
            trustedCACert=ca.pem`. It replaces the system roots, so append the public ones if \
            both are needed.",
    },
    RemedyOverride {
        checks: CASTAI_API,
        modes: &[M::HttpTimeout],
        text: "Check CAST AI's status page, and the load and health of any proxy in front of \
            `api.cast.ai`. If only large uploads are affected, check the MTU of the pod network \
            and any filter on body size.",
    },
    RemedyOverride {
        checks: AWS_APIS,
        modes: &[M::NetConnectTimeout],
        text: "Allow egress to the address and port in the evidence: `kubectl -n castai-agent get \
            networkpolicy`, the egress rules of the node's security group, and the NAT gateway. \
            A cluster without internet access needs the VPC endpoints `com.amazonaws.REGION.sts` \
            and `com.amazonaws.REGION.ec2`, with private DNS and a security group that allows \
            the nodes on port 443.",
    },
    RemedyOverride {
        checks: AWS_APIS,
        modes: &[M::TlsHandshakeTimeout],
        text: "Allow the host in the evidence on everything that inspects or filters TLS (firewall, \
            proxy, NAT gateway), or add a VPC endpoint for it: something accepts the connection \
            and then stays silent. Compare the MTU of the pod network with that of the network \
            path. If only this node is affected: `kubectl -n castai-agent delete pod -l \
            app.kubernetes.io/name=castai-agent`.",
    },
    RemedyOverride {
        checks: AWS_APIS,
        modes: &[M::TlsUnknownAuthority, M::TlsIntercepted],
        text: "Check the issuer in the evidence. If your company inspects TLS, exempt the AWS \
            hosts, or mount the company's root into the agent's pod together with the public \
            roots and set `AWS_CA_BUNDLE` to that file; the chart's `trustedCACert` applies to \
            CAST AI only. The agent does not start with a bundle that it cannot read.",
    },
    RemedyOverride {
        checks: AWS_APIS,
        modes: &[M::HttpTimeout],
        text: "Check the AWS Health Dashboard for the region, and the load and health of any proxy \
            or VPC endpoint in front of the host in the evidence.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: TOKEN_REJECTED,
        text: "Create a key in the console (API access keys), export it as `CASTAI_API_TOKEN`, and \
            run the command in the evidence, which contains the release and the cluster ID. For \
            the cluster controller, whose token some other components use: `helm repo update && \
            helm upgrade -i cluster-controller castai-helm/castai-cluster-controller -n \
            castai-agent --set castai.apiKey=$CASTAI_API_TOKEN --set \
            castai.clusterID=$CLUSTER_ID`. If one release contains all components, set the key \
            there.",
    },
    RemedyOverride {
        checks: CLUSTER_CONTROLLER,
        modes: CONTROLLER_LEADERLESS,
        text: "Check the holder of the lease: `kubectl -n castai-agent get lease cluster-controller \
            -o yaml`. Check that the controller may update it: `kubectl auth can-i update leases \
            -n castai-agent --as system:serviceaccount:castai-agent:castai-cluster-controller`. \
            Then restart its pods: `kubectl -n castai-agent rollout restart \
            deployment/castai-cluster-controller`.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentCrashloop],
        text: "Read the log of the previous container, with POD from the evidence: `kubectl -n \
            castai-agent logs POD --all-containers --ignore-errors --previous | \
            castai-health-exporter explain -`. Then check its events: `kubectl -n castai-agent \
            describe pod POD`.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentOomkilled],
        text: "Raise the memory limit of the container in the evidence: set \
            `resources.limits.memory` in the values of its Helm release and upgrade it (`helm \
            list -n castai-agent`).",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentLivenessKilled],
        text: "Read the first error of the previous container, with POD from the evidence: `kubectl \
            -n castai-agent logs POD --all-containers --ignore-errors --previous`. The probe \
            failed because the process hung or could not reach something that it needs.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentUnschedulableResources],
        text: "Add a node, lower the requests of the workload in the evidence, or give it a \
            priority class: `kubectl -n castai-agent describe pod POD | tail`.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentUnschedulableSelector],
        text: "Compare the node selector and affinity of the pod in the evidence (`kubectl -n \
            castai-agent get pod POD -o yaml | grep -A12 -E 'nodeSelector|nodeAffinity'`) with \
            `kubectl get nodes --show-labels`. Use `kubernetes.io/os`, not \
            `beta.kubernetes.io/os`.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentUnschedulableVolume],
        text: "Check the claim and the zone of its volume: `kubectl -n castai-agent get pvc`. Free \
            a node in that zone, or delete the claim if its data is not needed.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentFailedMount],
        text: "Find the volume in the events of the pod in the evidence: `kubectl -n castai-agent \
            describe pod POD | tail`. Restore the missing Secret or ConfigMap by upgrading the \
            workload's Helm release.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentConfigMissing],
        text: "Restore the Secret or ConfigMap in the evidence by upgrading the workload's Helm \
            release with its API key: `helm list -n castai-agent`, then `helm upgrade RELEASE \
            castai-helm/CHART -n castai-agent --reuse-values --set \
            castai.apiKey=$CASTAI_API_TOKEN`.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentFailedCreateSa],
        text: "Recreate the service account by upgrading the workload's Helm release: `helm list -n \
            castai-agent`, then `helm upgrade RELEASE castai-helm/CHART -n castai-agent \
            --reuse-values`.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentSandboxFailed],
        text: "Check the events of the pod in the evidence: `kubectl -n castai-agent describe pod \
            POD | tail`. The node is out of IP addresses, or its CNI pod is broken. Delete the \
            pod to try another node.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentProgressDeadline],
        text: "Check the rollout of the workload in the evidence: `kubectl -n castai-agent rollout \
            status deploy/NAME`, and the events of its new pods. Roll back with `kubectl -n \
            castai-agent rollout undo deploy/NAME`.",
    },
    RemedyOverride {
        checks: CLUSTER_CONTROLLER,
        modes: &[M::AgentScaledToZero],
        text: "Scale it up: `kubectl -n castai-agent scale deployment castai-cluster-controller \
            --replicas=2`. If it returns to 0, find what scales it: an autoscaler, a hibernation \
            schedule, or GitOps.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentUnavailable],
        text: "Check the events of the pod in the evidence: `kubectl -n castai-agent describe pod \
            POD | tail -30` and `kubectl -n castai-agent get events --sort-by=.lastTimestamp | \
            tail`. If a pod runs but is not ready, read its log.",
    },
];

/// Returns the remedy of a pair or of the pair under which it is documented.
pub fn remedy(check: CheckId, mode: FailureMode) -> &'static str {
    let (check, mode) = documented_as(check, mode);
    let specific = REMEDY_OVERRIDES
        .iter()
        .find(|row| row.checks.contains(&check) && row.modes.contains(&mode));
    specific.map_or(mode.entry().remedy, |row| row.text)
}
