//! What mends a (check, mode) where the mode's own words would lead elsewhere.

use crate::catalogue::check::CheckId;
use crate::catalogue::mode::{FailureMode, FailureMode as M};
use crate::catalogue::mode_set::TOKEN_REJECTED;
use crate::catalogue::relations::root;

/// What mends these modes in these checks.
#[derive(Debug)]
pub struct Remedy {
    /// The checks.
    pub checks: &'static [CheckId],
    /// The modes.
    pub modes: &'static [FailureMode],
    /// What to do, in the order in which to try.
    pub text: &'static str,
}

const AWS: &[CheckId] = &[CheckId::StsIdentity, CheckId::Ec2Api];

/// The remedies that are not the mode's own.
pub const REMEDIES: &[Remedy] = &[
    Remedy {
        checks: &[CheckId::ClusterController, CheckId::Components],
        modes: TOKEN_REJECTED,
        text: "Create a key in the console (API access keys), export it as `CASTAI_API_TOKEN`, and run the command of the \
            evidence, which has the release and the cluster's id in it. For the cluster controller, whose token some \
            other components use: `helm repo update && helm upgrade -i cluster-controller \
            castai-helm/castai-cluster-controller -n castai-agent --set castai.apiKey=$CASTAI_API_TOKEN --set \
            castai.clusterID=$CLUSTER_ID`. Where one release holds all components, set the key there.",
    },
    Remedy {
        checks: &[CheckId::ClusterController],
        modes: &[M::AgentNoLeader, M::AgentLeaseStale],
        text: "See who holds it: `kubectl -n castai-agent get lease cluster-controller -o yaml`. May the controller write \
            it: `kubectl auth can-i update leases -n castai-agent --as \
            system:serviceaccount:castai-agent:castai-cluster-controller`? Then have its pods made anew: `kubectl -n \
            castai-agent rollout restart deployment/castai-cluster-controller`.",
    },
    Remedy {
        checks: &[CheckId::CastaiApi],
        modes: &[M::TlsHandshakeTimeout],
        text: "Something on the way takes the connection and then stays silent. Let the host of the evidence through \
            whatever opens or filters TLS on the way out (firewall, proxy, NAT gateway), and compare the MTU of the \
            pod network with that of the way. Try from the cluster: `kubectl -n castai-agent run tls-test --rm -it \
            --restart=Never --image=curlimages/curl -- -sv https://api.cast.ai/`. If only this node suffers: \
            `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`.",
    },
    Remedy {
        checks: AWS,
        modes: &[M::TlsHandshakeTimeout],
        text: "Something on the way to AWS takes the connection and then stays silent. Let the host of the evidence \
            through whatever opens or filters TLS on the way out (firewall, proxy, NAT gateway), or give the VPC an \
            endpoint for it, and compare the MTU of the pod network with that of the way. If only this node suffers: \
            `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`.",
    },
    Remedy {
        checks: AWS,
        modes: &[M::NetConnectTimeout],
        text: "Allow the address and port of the evidence on the way out: `kubectl -n castai-agent get networkpolicy`, \
            the egress rules of the node's security group, and the NAT gateway. A cluster without a way to the \
            internet needs the VPC endpoints `com.amazonaws.REGION.sts` and `com.amazonaws.REGION.ec2`, with private \
            DNS and a security group that lets the nodes in on port 443.",
    },
    Remedy {
        checks: AWS,
        modes: &[M::TlsUnknownAuthority, M::TlsIntercepted],
        text: "Read the issuer in the evidence. If your company inspects TLS, exempt AWS's hosts from it, or mount the \
            company's root into the agent's pod, with the public roots, and name the file in `AWS_CA_BUNDLE`; the \
            chart's `trustedCACert` counts for CAST AI only. The agent does not start with a bundle that it cannot read.",
    },
];

/// What mends a pair; a consequence is mended where its root is.
pub fn remedy(check: CheckId, mode: FailureMode) -> &'static str {
    let (check, mode) = root(check, mode);
    let own = REMEDIES
        .iter()
        .find(|row| row.checks.contains(&check) && row.modes.contains(&mode));
    own.map_or(mode.entry().remedy, |row| row.text)
}
