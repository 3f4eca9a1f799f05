//! Identities and instances in the cloud that a check discovered.

/// The AWS identity of the agent, as STS returns it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AwsIdentity {
    /// Account ID, twelve digits.
    pub account: String,
    /// Name of the role or user; label `role`.
    pub role: String,
    /// The ARN.
    pub arn: String,
    /// Source of the credentials, from a closed list; label `credential_source`.
    pub source: &'static str,
}

/// An EC2 instance, as instance metadata or EC2 describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ec2Instance {
    /// Instance ID.
    pub id: Option<String>,
    /// Region.
    pub region: String,
    /// Account ID, if known.
    pub account: Option<String>,
    /// Cluster name in its tags.
    pub cluster: Option<String>,
}

/// The AKS cluster and the identity that pulls its images.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AksClusterInfo {
    /// Options that select the cluster in `az aks` commands.
    pub options: String,
    /// The identity that pulls images; `None` if Azure has not returned it.
    pub pull_identity: Option<ImagePullIdentity>,
}

/// The identity with which AKS nodes pull images, by its client ID.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ImagePullIdentity {
    /// The kubelet's managed identity.
    ManagedIdentity(String),
    /// The cluster's service principal.
    ServicePrincipal(String),
}
