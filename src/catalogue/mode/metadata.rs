//! Failures of the cluster's own metadata: account, region, name and purchase options.

macro_rules! metadata {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Metadata: "The cluster's account, region and name, and its nodes' purchase options."]
        AgentConfigEnvMissing = "agent_config_env_missing" {
            category: Misconfigured,
            checks: [ClusterMetadata, AgentLog],
            meaning: "Some of the agent's settings for the cluster's metadata are set and others of the same group are \
                not: it ends at once.",
            distinguishing: "A panic before anything is asked. All of them unset would mean discovery.",
            remedy: "Set all or none of a group. EKS: `kubectl -n castai-agent set env deploy/castai-agent \
                EKS_ACCOUNT_ID=000000000000 EKS_REGION=eu-central-1 EKS_CLUSTER_NAME=NAME`. AKS: `AKS_LOCATION`, \
                `AKS_SUBSCRIPTION_ID`, `AKS_NODE_RESOURCE_GROUP`. kOps: `KOPS_CSP`, `KOPS_REGION`, `KOPS_CLUSTER_NAME`, \
                `KOPS_STATE_STORE`. OpenShift: `OPENSHIFT_CSP`, `OPENSHIFT_REGION`, `OPENSHIFT_CLUSTER_NAME`, \
                `OPENSHIFT_INTERNAL_ID`. A variable of another provider than `PROVIDER` goes before it: take it away by \
                `NAME-` at the end of the same command.",
        }
        MetadataUnresolvable = "metadata_unresolvable" {
            category: Incomplete,
            checks: [ClusterMetadata, AgentLog],
            meaning: "Account, region or name of the cluster are neither given nor to be discovered.",
            distinguishing: "The metadata service is not there or has not got it; if it fails in a named way that mode stands \
                here.",
            remedy: "Give them: `EKS_ACCOUNT_ID`, `EKS_REGION`, `EKS_CLUSTER_NAME` (EKS), `GKE_PROJECT_ID`, \
                `GKE_CLUSTER_NAME`, `GKE_LOCATION`, `GKE_REGION` (GKE), `AKS_LOCATION`, `AKS_SUBSCRIPTION_ID`, \
                `AKS_NODE_RESOURCE_GROUP` (AKS).",
        }
        MetadataRegionMismatch = "metadata_region_mismatch" {
            category: Mismatch,
            checks: [ClusterMetadata],
            meaning: "`EKS_REGION` is not the region that this node is in.",
            distinguishing: "Instance metadata says where the node is. EC2's empty answer alone would not tell a wrong region from a \
                wrong account (`ec2_instance_not_visible`).",
            remedy: "Set it right: `kubectl -n castai-agent set env deploy/castai-agent EKS_REGION=REGION`, where `kubectl get \
                nodes -L topology.kubernetes.io/region` shows the region. The cluster is registered anew under it.",
        }
        MetadataClusterNameMismatch = "metadata_cluster_name_mismatch" {
            category: Mismatch,
            checks: [ClusterMetadata],
            meaning: "`EKS_CLUSTER_NAME` is not the name that the tag of this node's instance tells.",
            distinguishing: "The tag `kubernetes.io/cluster/NAME` with the value `owned` was read from EC2. The agent itself does not \
                compare them.",
            remedy: "Compare with `aws eks list-clusters`, and set the right one: `kubectl -n castai-agent set env \
                deploy/castai-agent EKS_CLUSTER_NAME=NAME`; or mend the tag.",
        }
        MetadataAccountMalformed = "metadata_account_malformed" {
            category: Misconfigured,
            checks: [ClusterMetadata],
            meaning: "`EKS_ACCOUNT_ID` was written as a number, so digits may be lost.",
            distinguishing: "`5.892517896e+11` instead of twelve digits; newer agents repair it, but digits that are lost stay \
                lost.",
            remedy: "Quote it: `helm upgrade castai-agent castai-helm/castai-agent -n castai-agent --reuse-values \
                --set-string additionalEnv.EKS_ACCOUNT_ID=589251789600`.",
        }
        LifecycleUnresolved = "lifecycle_unresolved" {
            category: Incomplete,
            checks: [NodeLifecycle],
            meaning: "The labels of some nodes do not tell whether they are spot instances, and the agent cannot ask EC2: \
                spot nodes may be shown as on-demand.",
            distinguishing: "Only nodes without a decisive label need EC2. When EC2 refuses, the agent marks no spot node of that \
                delta at all, not even those whose labels tell.",
            remedy: "Let the agent call `ec2:DescribeInstances`: the managed policy `AmazonEC2ReadOnlyAccess` on the role of \
                its service account (`kubectl -n castai-agent annotate serviceaccount castai-agent \
                eks.amazonaws.com/role-arn=ROLE`), or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` in its secret. \
                The checks `aws_credentials` and `ec2_api` say what is wrong.",
        }
    } };
}

pub(super) use metadata;
