//! Remedies of (check, mode) pairs that differ from the mode's own.
//!
//! The remedy of a mode must fit every check that shows it. A command or setting of one target
//! belongs here.

use crate::catalogue::alert::documented_as;
use crate::catalogue::check::CheckId;
use crate::catalogue::mode::{FailureMode, FailureMode as M};
use crate::catalogue::mode_set::{CONTROLLER_LEADERLESS, TOKEN_REJECTED};
use crate::catalogue::remedy::{Remedy, RemedyValues};

/// A remedy of some modes in some checks.
#[derive(Debug)]
pub struct RemedyOverride {
    /// The checks.
    pub checks: &'static [CheckId],
    /// The modes.
    pub modes: &'static [FailureMode],
    /// Remediation, most likely fix first; marked text of a [`Remedy`].
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
            or 6443. Check network policies, and the security groups or firewall between the nodes \
            and the control plane:\n\
            $ kubectl -n {namespace} get networkpolicy\n\
            Compare the address with the registered API servers:\n\
            $ kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::NetRefused],
        text: "Check whether the API server's endpoints are alive:\n\
            $ kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes\n\
            Nothing listens on the address in the evidence, so that API server or the load \
            balancer in front of it is down, or the agent's kubeconfig has the wrong port.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::NetReset],
        text: "Ignore a single reset: an API server or its load balancer restarted. If it \
            persists, check the health of the API server:\n\
            $ kubectl get --raw '/readyz?verbose'\n\
            Look for a firewall or proxy between the node and the control plane that closes \
            connections. If only one node is affected, delete the agent's pod:\n\
            $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[
            M::ProxyUnreachable,
            M::ProxyAuthRequired,
            M::ProxyDenied,
            M::ProxyBadGateway,
        ],
        text: "Bypass the proxy for the API server: add the service range and the cluster's names \
            to `NO_PROXY`, for example:\n\
            $ kubectl -n {namespace} set env deploy/{deployment} \
            NO_PROXY=10.96.0.0/12,169.254.169.254,.svc,.cluster.local,localhost",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::TlsHandshakeTimeout],
        text: "Check whether other clients reach the API server:\n\
            $ kubectl get --raw '/readyz?verbose'\n\
            If they do, delete the agent's pod to give it a new network path:\n\
            $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent\n\
            If it happens again, check that `NO_PROXY` contains the service range, the MTU of the \
            pod network, and the node's conntrack table. If other clients do not reach it either, \
            repair the control plane: a new pod would not help.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::TlsUnknownAuthority],
        text: "Delete the agent's pod, whose `ca.crt` is outdated if the issuer in the evidence is \
            the cluster's new CA:\n\
            $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent\n\
            If the issuer is not the cluster's, something between the node and the API server \
            presents its own certificate: bypass it.",
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
        text: "Renew the API server's certificate. Self-managed: run this, then restart the \
            control plane:\n\
            $ kubeadm certs check-expiration\n\
            $ kubeadm certs renew all\n\
            Managed control planes renew it in time: if the certificate in the evidence is not \
            theirs, something in between presents it.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::TlsHostnameMismatch],
        text: "Compare the names in the evidence with the address that the agent dials. \
            Self-managed: add the address to the certificate's SANs:\n\
            $ kubeadm init phase certs apiserver --apiserver-cert-extra-sans ADDRESS\n\
            Otherwise use an address in the agent's kubeconfig that the certificate names.",
    },
    RemedyOverride {
        checks: APISERVER,
        modes: &[M::HttpTimeout],
        text: "Check the load and health of the API server:\n\
            $ kubectl get --raw '/readyz?verbose'\n\
            If a proxy is in front of it, add the service range to `NO_PROXY`. If only large \
            responses are affected, check the MTU of the pod network.",
    },
    RemedyOverride {
        checks: CASTAI_API,
        modes: &[M::TlsHandshakeTimeout],
        text: "Allow the host in the evidence on everything that inspects or filters TLS \
            (firewall, proxy, NAT gateway): something accepts the connection and then stays \
            silent. Compare the MTU of the pod network with that of the network path. Test from \
            the cluster:\n\
            $ kubectl -n {namespace} run tls-test --rm -it --restart=Never --image=curlimages/curl \
            -- -sv https://{api_host}/\n\
            If only this node is affected:\n\
            $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent",
    },
    RemedyOverride {
        checks: CASTAI_API,
        modes: &[M::TlsUnknownAuthority, M::TlsIntercepted],
        text: "Check the issuer in the evidence. If your company inspects TLS, exempt \
            `{api_host}`, or make the agent trust the inspecting root:\n\
            $ helm upgrade {release} castai-helm/castai-agent -n {namespace} --reuse-values \
            --set-file trustedCACert=ca.pem\n\
            It replaces the system roots, so append the public ones if both are needed.",
    },
    RemedyOverride {
        checks: CASTAI_API,
        modes: &[M::HttpTimeout],
        text: "Check CAST AI's status page, and the load and health of any proxy in front of \
            `{api_host}`. If only large uploads are affected, check the MTU of the pod network and \
            any filter on body size.",
    },
    RemedyOverride {
        checks: AWS_APIS,
        modes: &[M::NetConnectTimeout],
        text: "Allow egress to the address and port in the evidence. Check the egress rules of the \
            node's security group, the NAT gateway, and network policies:\n\
            $ kubectl -n {namespace} get networkpolicy\n\
            A cluster without internet access needs the VPC endpoints `com.amazonaws.REGION.sts` \
            and `com.amazonaws.REGION.ec2`, with private DNS and a security group that allows the \
            nodes on port 443.",
    },
    RemedyOverride {
        checks: AWS_APIS,
        modes: &[M::TlsHandshakeTimeout],
        text: "Allow the host in the evidence on everything that inspects or filters TLS \
            (firewall, proxy, NAT gateway), or add a VPC endpoint for it: something accepts the \
            connection and then stays silent. Compare the MTU of the pod network with that of the \
            network path. If only this node is affected:\n\
            $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent",
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
            renew the token of the component in the evidence through its Helm release. For the \
            cluster controller, whose token some other components use:\n\
            $ helm repo update\n\
            $ helm upgrade -i cluster-controller castai-helm/castai-cluster-controller -n \
            {namespace} --reuse-values --set castai.apiKey=\"${CASTAI_API_TOKEN:?set it first}\" \
            --set castai.clusterID=\"{cluster_id}\"\n\
            If one release contains all components, set the key there.",
    },
    RemedyOverride {
        checks: CLUSTER_CONTROLLER,
        modes: CONTROLLER_LEADERLESS,
        text: "Check the holder of the lease:\n\
            $ kubectl -n {namespace} get lease cluster-controller -o yaml\n\
            Check that the controller may update it:\n\
            $ kubectl auth can-i update leases -n {namespace} --as \
            system:serviceaccount:{namespace}:castai-cluster-controller\n\
            Then restart its pods:\n\
            $ kubectl -n {namespace} rollout restart deployment/castai-cluster-controller",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentCrashloop],
        text: "Read the log of the previous container of the pod in the evidence:\n\
            $ kubectl -n {namespace} logs {pod} --all-containers --ignore-errors --previous | \
            castai-health-exporter explain -\n\
            Then check its events:\n\
            $ kubectl -n {namespace} describe pod {pod}",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentOomkilled],
        text: "Raise the memory limit of the container in the evidence: set \
            `resources.limits.memory` in the values of its Helm release and upgrade it. Find the \
            release:\n\
            $ helm list -n {namespace}",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentLivenessKilled],
        text: "Read the first error of the previous container of the pod in the evidence:\n\
            $ kubectl -n {namespace} logs {pod} --all-containers --ignore-errors --previous\n\
            The probe failed because the process hung or could not reach something that it needs.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentUnschedulableResources],
        text: "Add a node, lower the requests of the workload in the evidence, or give it a \
            priority class:\n\
            $ kubectl -n {namespace} describe pod {pod} | tail",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentUnschedulableSelector],
        text: "Compare the node selector and affinity of the pod in the evidence with the labels \
            of the nodes:\n\
            $ kubectl -n {namespace} get pod {pod} -o yaml | grep -A12 -E \
            'nodeSelector|nodeAffinity'\n\
            $ kubectl get nodes --show-labels\n\
            Use `kubernetes.io/os`, not `beta.kubernetes.io/os`.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentUnschedulableVolume],
        text: "Check the claim and the zone of its volume:\n\
            $ kubectl -n {namespace} get pvc\n\
            Free a node in that zone, or delete the claim if its data is not needed.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentFailedMount],
        text: "Find the volume in the events of the pod in the evidence:\n\
            $ kubectl -n {namespace} describe pod {pod} | tail\n\
            Restore the missing Secret or ConfigMap by upgrading the workload's Helm release.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentConfigMissing],
        text: "Restore the Secret or ConfigMap in the evidence by upgrading the workload's Helm \
            release with its API key:\n\
            $ helm list -n {namespace}\n\
            $ helm upgrade RELEASE castai-helm/CHART -n {namespace} --reuse-values --set \
            castai.apiKey=\"${CASTAI_API_TOKEN:?set it first}\"",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentFailedCreateSa],
        text: "Recreate the service account by upgrading the workload's Helm release:\n\
            $ helm list -n {namespace}\n\
            $ helm upgrade RELEASE castai-helm/CHART -n {namespace} --reuse-values",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentSandboxFailed],
        text: "Check the events of the pod in the evidence:\n\
            $ kubectl -n {namespace} describe pod {pod} | tail\n\
            The node is out of IP addresses, or its CNI pod is broken. Delete the pod to try \
            another node.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentProgressDeadline],
        text: "Check the rollout of the workload in the evidence, and the events of its new \
            pods:\n\
            $ kubectl -n {namespace} rollout status deploy/NAME --timeout=10s\n\
            Roll back:\n\
            $ kubectl -n {namespace} rollout undo deploy/NAME",
    },
    RemedyOverride {
        checks: CLUSTER_CONTROLLER,
        modes: &[M::AgentScaledToZero],
        text: "Scale it up:\n\
            $ kubectl -n {namespace} scale deployment castai-cluster-controller --replicas=2\n\
            If it returns to 0, find what scales it: an autoscaler, a hibernation schedule, or \
            GitOps.",
    },
    RemedyOverride {
        checks: OTHER_WORKLOADS,
        modes: &[M::AgentUnavailable],
        text: "Check the events of the pod in the evidence:\n\
            $ kubectl -n {namespace} describe pod {pod} | tail -30\n\
            $ kubectl -n {namespace} get events --sort-by=.lastTimestamp | tail\n\
            If a pod runs but is not ready, read its log.",
    },
];

/// Returns the remedy of a pair, without anything that is known of an installation.
pub fn remedy(check: CheckId, mode: FailureMode) -> Remedy {
    Remedy::new(text_of(check, mode), &RemedyValues::default())
}

/// Returns the remedy of a pair or of the pair under which it is documented, as marked text.
pub(super) fn text_of(check: CheckId, mode: FailureMode) -> &'static str {
    let (check, mode) = documented_as(check, mode);
    let specific = REMEDY_OVERRIDES
        .iter()
        .find(|row| row.checks.contains(&check) && row.modes.contains(&mode));
    specific.map_or(mode.entry().remedy, |row| row.text)
}
