//! Alerts about the cloud: its metadata and credentials, its APIs, and the control plane's
//! firewall.

use crate::catalogue::alert::entry::Alert;
use crate::catalogue::check::CheckId;
use crate::catalogue::mode::category::Category;
use crate::catalogue::mode_set::{
    AWS_CREDENTIALS_DEGRADED, AWS_CREDENTIALS_UNUSABLE, AWS_IDENTITY_REJECTED, AZURE_IMDS,
    EC2_DENIED, EC2_UNREACHABLE, GCE_METADATA, IMDS, STS_ERRORS, STS_UNREACHABLE, is_error,
    modes_where,
};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "CastaiImdsUnusable",
        check: CheckId::Imds,
        modes: IMDS,
        summary: "The EC2 instance metadata service does not return what the CAST AI agent needs.",
        impact: "Without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME the agent does not start. With all three it starts without the node's role, so spot nodes may be shown as on-demand.",
        diagnosis: &[
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'EKS_|AWS_EC2_METADATA|PROXY'",
            "kubectl -n castai-agent get networkpolicy",
            "aws ec2 describe-instances --instance-ids INSTANCE --query 'Reservations[].Instances[].[MetadataOptions,IamInstanceProfile]'",
        ],
    },
    Alert {
        name: "CastaiAwsCredentialsUnusable",
        check: CheckId::AwsCredentials,
        modes: AWS_CREDENTIALS_UNUSABLE,
        summary: "The CAST AI agent's AWS credentials are missing, incomplete or expired.",
        impact: "Without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME the agent does not start. With all three it starts unless the evidence says otherwise, but its snapshots are delayed and spot nodes may be shown as on-demand.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -o yaml | grep -A1 -E 'name: AWS_|eks.amazonaws.com'",
            "kubectl -n castai-agent get serviceaccount castai-agent -o yaml",
            "kubectl -n castai-agent get secret castai-agent -o yaml | grep -oE '^  AWS_[A-Z_]+'",
        ],
    },
    Alert {
        name: "CastaiAwsCredentialsDegraded",
        check: CheckId::AwsCredentials,
        modes: AWS_CREDENTIALS_DEGRADED,
        summary: "The CAST AI agent gets AWS credentials other than those configured for its service account, or gets them late.",
        impact: "The agent falls back to the next credentials it finds, often the node's role, which may lack permission to query EC2. In that case, spot nodes may be shown as on-demand, and without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME the agent does not start.",
        diagnosis: &[
            "kubectl -n castai-agent get serviceaccount castai-agent -o yaml",
            "kubectl -n castai-agent get pods -o yaml | grep -A1 -E 'name: AWS_|eks.amazonaws.com'",
            "kubectl get mutatingwebhookconfiguration pod-identity-webhook -o yaml",
        ],
    },
    Alert {
        name: "CastaiGceMetadataUnusable",
        check: CheckId::GceMetadata,
        modes: GCE_METADATA,
        summary: "The Google Cloud metadata server does not return what the CAST AI agent needs.",
        impact: "At each start the agent retries for about two minutes and then exits; it starts only with all of GKE_PROJECT_ID, GKE_CLUSTER_NAME, GKE_REGION and GKE_LOCATION set. A running agent is not affected.",
        diagnosis: &[
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'GKE_|GCE_METADATA|PROXY'",
            "kubectl -n castai-agent run metadata-test --rm -it --restart=Never --image=curlimages/curl -- -si -H 'Metadata-Flavor: Google' http://169.254.169.254/computeMetadata/v1/instance/attributes/cluster-name",
            "kubectl -n castai-agent get networkpolicy",
            "kubectl -n kube-system get pods -l k8s-app=gke-metadata-server -o wide",
        ],
    },
    Alert {
        name: "CastaiAzureImdsUnusable",
        check: CheckId::AzureImds,
        modes: AZURE_IMDS,
        summary: "The Azure instance metadata service does not return what the CAST AI agent needs.",
        impact: "At each start the agent makes one request, waits two seconds and exits; it starts only with all of AKS_LOCATION, AKS_NODE_RESOURCE_GROUP and AKS_SUBSCRIPTION_ID set. A running agent is not affected.",
        diagnosis: &[
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'AKS_|PROXY'",
            "kubectl -n castai-agent run metadata-test --rm -it --restart=Never --image=curlimages/curl -- -si -H Metadata:true 'http://169.254.169.254/metadata/instance?api-version=2021-05-01'",
            "kubectl -n castai-agent get networkpolicy",
            "az aks show -g GROUP -n CLUSTER --query networkProfile.podLinkLocalAccess",
        ],
    },
    Alert {
        name: "CastaiStsUnreachable",
        check: CheckId::StsIdentity,
        modes: STS_UNREACHABLE,
        summary: "The CAST AI agent cannot reach the AWS Security Token Service (STS).",
        impact: "An agent with an IAM role for its service account gets no credentials: snapshots wait up to two minutes for STS, and spot nodes may be shown as on-demand. Without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME it does not start. If the agent does not need STS, only the identity remains unknown.",
        diagnosis: &[
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'PROXY|AWS_|EKS_REGION'",
            "kubectl -n castai-agent get networkpolicy",
            "aws ec2 describe-vpc-endpoints --filters Name=service-name,Values=com.amazonaws.REGION.sts",
        ],
    },
    Alert {
        name: "CastaiAwsIdentityRejected",
        check: CheckId::StsIdentity,
        modes: AWS_IDENTITY_REJECTED,
        summary: "AWS rejects the CAST AI agent's credentials.",
        impact: "The agent cannot query EC2, so spot nodes may be shown as on-demand. Without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME it does not start.",
        diagnosis: &[
            "kubectl -n castai-agent get serviceaccount castai-agent -o yaml",
            "kubectl -n castai-agent get secret castai-agent -o yaml | grep -oE '^  AWS_[A-Z_]+'",
            "aws iam get-role --role-name ROLE --query Role.AssumeRolePolicyDocument",
            "aws iam list-open-id-connect-providers",
        ],
    },
    Alert {
        name: "CastaiAwsIdentityMismatch",
        check: CheckId::StsIdentity,
        modes: modes_where!(CheckId::StsIdentity, |mode| {
            matches!(mode.category(), Category::Mismatch)
        }),
        summary: "The CAST AI agent authenticates to AWS as an identity other than its configured one.",
        impact: "The agent may see none of the cluster's instances or register the cluster under the wrong account, or it has permissions that it was never meant to have.",
        diagnosis: &[
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'AWS_|EKS_'",
            "kubectl -n castai-agent get secret castai-agent -o yaml | grep -oE '^  AWS_[A-Z_]+'",
        ],
    },
    Alert {
        name: "CastaiStsErrors",
        check: CheckId::StsIdentity,
        modes: STS_ERRORS,
        summary: "The AWS Security Token Service (STS) denies or throttles requests, returns errors or responds late.",
        impact: "An agent with an IAM role for its service account may get no new credentials; its current ones are valid for at most one hour.",
        diagnosis: &[
            "aws ec2 describe-vpc-endpoints --filters Name=service-name,Values=com.amazonaws.REGION.sts --query 'VpcEndpoints[].PolicyDocument'",
            "aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=AssumeRoleWithWebIdentity --max-results 5",
        ],
    },
    Alert {
        name: "CastaiEc2Unreachable",
        check: CheckId::Ec2Api,
        modes: EC2_UNREACHABLE,
        summary: "The CAST AI agent cannot reach the EC2 API.",
        impact: "Every snapshot that needs EC2 to determine a node's purchase option is delayed by up to two minutes, and spot nodes are shown as on-demand. Without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME the agent does not start.",
        diagnosis: &[
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'PROXY|AWS_|EKS_REGION'",
            "kubectl -n castai-agent get networkpolicy",
            "aws ec2 describe-vpc-endpoints --filters Name=service-name,Values=com.amazonaws.REGION.ec2",
        ],
    },
    Alert {
        name: "CastaiEc2Denied",
        check: CheckId::Ec2Api,
        modes: EC2_DENIED,
        summary: "EC2 denies the CAST AI agent permission to describe instances.",
        impact: "Spot nodes are shown as on-demand, so the savings in the CAST AI console are wrong. Without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME the agent does not start.",
        diagnosis: &[
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=1h | grep -iE 'UnauthorizedOperation|node lifecycle'",
            "aws iam list-attached-role-policies --role-name ROLE",
            "aws iam simulate-principal-policy --policy-source-arn ROLE_ARN --action-names ec2:DescribeInstances",
        ],
    },
    Alert {
        name: "CastaiEc2Errors",
        check: CheckId::Ec2Api,
        modes: modes_where!(CheckId::Ec2Api, |mode| is_error(mode)),
        summary: "The EC2 API throttles the CAST AI agent, returns errors or responds late.",
        impact: "Snapshots wait for EC2, and spot nodes are shown as on-demand until it recovers.",
        diagnosis: &[
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=1h | grep -i 'node lifecycle'",
            "aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=DescribeInstances --max-results 20",
        ],
    },
    Alert {
        name: "CastaiEc2InstancesNotVisible",
        check: CheckId::Ec2Api,
        modes: modes_where!(CheckId::Ec2Api, |mode| {
            matches!(mode.category(), Category::Incomplete)
        }),
        summary: "EC2 does not return the instances or tags of this cluster to the CAST AI agent.",
        impact: "Spot nodes are shown as on-demand. An agent that has to discover the cluster's name does not start.",
        diagnosis: &[
            "kubectl get nodes -o custom-columns=NAME:.metadata.name,ID:.spec.providerID,REGION:.metadata.labels.topology\\.kubernetes\\.io/region",
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'EKS_|AWS_REGION'",
        ],
    },
    Alert {
        name: "CastaiControlPlaneBlocked",
        check: CheckId::ControlPlaneAccess,
        modes: modes_where!(CheckId::ControlPlaneAccess),
        summary: "The control plane's firewall blocks CAST AI.",
        impact: "The agent keeps working and CAST AI shows the cluster. Enabling optimisation fails with \"No access to Kubernetes API server, please check your firewall settings\", and features that need access to the control plane do not work.",
        diagnosis: &[
            "aws eks describe-cluster --name CLUSTER --query cluster.resourcesVpcConfig",
            "gcloud container clusters describe CLUSTER --location LOCATION --format 'yaml(masterAuthorizedNetworksConfig,controlPlaneEndpointsConfig,privateClusterConfig)'",
            "az aks show -g GROUP -n CLUSTER --query apiServerAccessProfile",
        ],
    },
    Alert {
        name: "CastaiClusterMetadataIncomplete",
        check: CheckId::ClusterMetadata,
        modes: modes_where!(CheckId::ClusterMetadata),
        summary: "The CAST AI agent does not get the cluster's correct account, region and name.",
        impact: "The agent does not start, or registers the cluster under a wrong account, region or name.",
        diagnosis: &[
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'EKS_|PROVIDER'",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --tail=30",
        ],
    },
];
