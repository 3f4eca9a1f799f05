//! Faults that scenarios inject into a lab cluster.

/// A fault of the lab cluster.
#[derive(Clone, Copy, Debug)]
pub enum InjectedFault {
    /// All addresses of the API server.
    Apiserver(&'static str),
    /// The first of two addresses behind the service.
    OneEndpoint(&'static str),
    /// CAST AI without a proxy.
    Castai(&'static str),
    /// CAST AI behind a proxy.
    CastaiBehindProxy(&'static str),
    /// The proxy to CAST AI.
    Proxy(&'static str),
    /// The proxy to the API server, used because `NO_PROXY` lacks the service's address.
    ProxyToApiserver(&'static str),
    /// One DNS name.
    DnsName(&'static str, &'static str),
    /// An unroutable address of the API server.
    ApiserverAddress(&'static str),
    /// A variable of the agent's environment.
    Env(&'static str, &'static str),
    /// A missing variable of the agent's environment.
    UnsetEnv(&'static str),
    /// The mounted token.
    Token(Option<&'static str>),
    /// The clocks of all servers.
    Clocks(&'static str),
    /// Instance metadata.
    Imds(&'static str),
    /// Instance metadata, for an agent that has to discover its cluster.
    Discovery(&'static str),
    /// STS, used by the exporter only.
    Sts(&'static str),
    /// STS, used by the agent for a role by web identity.
    StsForRole(&'static str),
    /// EC2.
    Ec2(&'static str),
    /// EC2, for an agent that has to discover its cluster.
    Ec2InDiscovery(&'static str),
    /// The proxy to STS or to EC2.
    ProxyToAws(&'static str, &'static str),
    /// An access key in the agent's Secret: its id and secret.
    AccessKey(&'static str, &'static str),
    /// An access key beside a role by web identity.
    AccessKeyBesideRole,
    /// A profile with a key for a role whose trust policy has no principals.
    ProfileRole,
    /// A node in another region.
    NodeInOtherRegion,
    /// EC2 without instances.
    NoInstances,
    /// Instance metadata that requires tokens, for an agent that has to discover its cluster.
    DiscoveryWithRequiredToken(&'static str),
    /// Several variables of the agent's environment; `None` unsets one.
    Envs(&'static [(&'static str, Option<&'static str>)]),
    /// Google's metadata server, on GKE.
    Gce(&'static str),
    /// Azure's instance metadata service, on AKS.
    AzureImds(&'static str),
    /// Authorized networks of the control plane on EKS.
    Eks(&'static str),
    /// The same on EKS, for an agent that has to discover its cluster.
    EksInDiscovery(&'static str),
    /// Authorized networks of the control plane on GKE.
    Gke(&'static str),
    /// Authorized networks of the control plane on AKS.
    Aks(&'static str),
    /// A cluster of another provider, with these variables.
    OtherProvider(&'static str, &'static [(&'static str, &'static str)]),
    /// The agent's web identity token.
    Irsa(WebIdentity),
    /// The agent's token for EKS Pod Identity; `None` is a missing file.
    PodIdentity(Option<&'static str>),
    /// EKS Pod Identity with an agent of this version.
    PodIdentityWithAgentVersion(&'static str),
    /// The EKS Pod Identity Agent on the node.
    PodIdentityAgent(&'static str),
    /// A role that the service account got after the pod was created, with these variables.
    RoleAddedAfterPod(&'static [(&'static str, &'static str)]),
    /// A role of the service account that changed after the pod was created.
    RoleChangedAfterPod,
    /// A field of the cluster at CAST AI: its name and its JSON value.
    CastaiClusterField(&'static str, &'static str),
    /// The agent's health endpoint.
    AgentHealthz(&'static str),
    /// The agent's lease: its holder, if any, and its age in seconds; `None` is a missing lease.
    Lease(Option<(Option<&'static str>, i64)>),
    /// A permission that the agent's account has lost, by its resource.
    LostPermission(&'static str),
    /// API-server responses with this code, counted by the agent since the last attempt.
    AgentApiResponses(&'static str),
    /// A cluster deleted at CAST AI whose id is known only from the agent's `ConfigMap`.
    ClusterIdInConfigMap(&'static str),
}

/// Contents of the file in `AWS_WEB_IDENTITY_TOKEN_FILE`.
#[derive(Clone, Copy, Debug)]
pub enum WebIdentity {
    Missing,
    /// This text.
    Text(&'static str),
    /// A token for this audience, issued and expiring this many seconds ago and from now.
    Token(&'static str, i64, i64),
}
