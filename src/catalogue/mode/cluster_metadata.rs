//! Failures of the cluster's own metadata: account, region, name and purchase options.

macro_rules! cluster_metadata {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Metadata: "The cluster's account, region and name, and its nodes' purchase options."]
        AgentConfigEnvMissing = "agent_config_env_missing" {
            category: Misconfigured,
            checks: [ClusterMetadata, AgentLog],
            meaning: "Some variables of a metadata group are set on the agent and others are not; \
                the agent exits at startup.",
            distinguishing: "The agent panics before it sends any request. With the whole group \
                unset it would use discovery.",
            remedy: "Set all variables of the group, or none. EKS:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} EKS_ACCOUNT_ID={account} \
                EKS_REGION={region} EKS_CLUSTER_NAME=NAME\n\
                AKS: `AKS_LOCATION`, `AKS_SUBSCRIPTION_ID`, `AKS_NODE_RESOURCE_GROUP`. kOps: \
                `KOPS_CSP`, `KOPS_REGION`, `KOPS_CLUSTER_NAME`, `KOPS_STATE_STORE`. OpenShift: \
                `OPENSHIFT_CSP`, `OPENSHIFT_REGION`, `OPENSHIFT_CLUSTER_NAME`, \
                `OPENSHIFT_INTERNAL_ID`. A variable of a provider other than `PROVIDER` takes \
                precedence: remove it with `NAME-` appended to the same command.",
        }
        MetadataUnresolvable = "metadata_unresolvable" {
            category: Incomplete,
            checks: [ClusterMetadata, AgentLog],
            meaning: "The cluster's account, region or name is neither configured nor \
                discoverable.",
            distinguishing: "The metadata service does not exist or does not have the value; if \
                it fails in a way that has its own mode, that mode is reported instead.",
            remedy: "Set the missing variables: `EKS_ACCOUNT_ID`, `EKS_REGION`, \
                `EKS_CLUSTER_NAME` (EKS); `GKE_PROJECT_ID`, `GKE_CLUSTER_NAME`, `GKE_LOCATION`, \
                `GKE_REGION` (GKE); `AKS_LOCATION`, `AKS_SUBSCRIPTION_ID`, \
                `AKS_NODE_RESOURCE_GROUP` (AKS).",
        }
        MetadataRegionMismatch = "metadata_region_mismatch" {
            category: Mismatch,
            checks: [ClusterMetadata],
            meaning: "`EKS_REGION` is not the region of this node.",
            distinguishing: "Instance metadata reports the node's region. EC2's empty response \
                alone cannot separate a wrong region from a wrong account \
                (`ec2_instance_not_visible`).",
            remedy: "Find the region of the nodes:\n\
                $ kubectl get nodes -L topology.kubernetes.io/region\n\
                Set it on the agent:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} EKS_REGION={region}\n\
                The cluster then registers again under that region.",
        }
        MetadataClusterNameMismatch = "metadata_cluster_name_mismatch" {
            category: Mismatch,
            checks: [ClusterMetadata],
            meaning: "`EKS_CLUSTER_NAME` differs from the name in the tag of this node's instance.",
            distinguishing: "The tag `kubernetes.io/cluster/NAME` with the value `owned` was read \
                from EC2. The agent itself does not compare the two.",
            remedy: "Find the right name:\n\
                $ aws eks list-clusters\n\
                Set it on the agent:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} EKS_CLUSTER_NAME=NAME\n\
                If the tag is wrong, correct the tag.",
        }
        MetadataAccountMalformed = "metadata_account_malformed" {
            category: Misconfigured,
            checks: [ClusterMetadata],
            meaning: "`EKS_ACCOUNT_ID` was written as a number, so digits may be lost.",
            distinguishing: "The value is `5.892517896e+11` instead of twelve digits. Newer \
                agents convert it back, but lost digits stay lost.",
            remedy: "Quote the value, so that it stays a string:\n\
                $ helm upgrade {release} castai-helm/castai-agent -n {namespace} --reuse-values \
                --set-string additionalEnv.EKS_ACCOUNT_ID={account}",
        }
        LifecycleUnresolved = "lifecycle_unresolved" {
            category: Incomplete,
            checks: [NodeLifecycle],
            meaning: "The labels of some nodes do not show whether they are spot instances, and \
                the agent cannot query EC2: spot nodes may appear as on-demand.",
            distinguishing: "Only nodes whose labels do not show it need EC2. If EC2 denies the \
                request, the agent marks no node in that delta as spot, not even those with spot \
                labels.",
            remedy: "Allow the agent to call `ec2:DescribeInstances`: attach the managed policy \
                `AmazonEC2ReadOnlyAccess` to the role of its service account, or store \
                `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` in its Secret. Annotate the \
                account with the role:\n\
                $ kubectl -n {namespace} annotate serviceaccount {service_account} \
                eks.amazonaws.com/role-arn=arn:aws:iam::{account}:role/{role}\n\
                The `aws_credentials` and `ec2_api` checks show what is wrong.",
        }
    } };
}

pub(super) use cluster_metadata;
