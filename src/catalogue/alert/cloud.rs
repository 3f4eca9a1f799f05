//! Alerts about the cloud: its metadata and credentials, its APIs, and the control plane's firewall.

use crate::catalogue::alert::Alert;
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
        summary: "EC2's instance metadata service does not give the CAST AI agent what it asks for.",
        impact: "Without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME the agent does not start; with all three it only lacks the node's role, so that spot nodes may be shown as on-demand.",
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
        summary: "The AWS credentials that the CAST AI agent is given are missing, incomplete or over.",
        impact: "Without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME the agent does not start; with all three it starts unless the evidence says otherwise, its snapshots are delayed, and spot nodes may be shown as on-demand.",
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
        summary: "The CAST AI agent gets other AWS credentials than its service account should give it, or gets them late.",
        impact: "The agent works with whatever else it finds, often the node's role, which may lack the right to ask EC2: then spot nodes may be shown as on-demand, and without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME it does not start.",
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
        summary: "Google's metadata server does not give the CAST AI agent what it asks for.",
        impact: "The agent tries for about two minutes at each start and then ends; it starts only with all of GKE_PROJECT_ID, GKE_CLUSTER_NAME, GKE_REGION and GKE_LOCATION set. One that runs already goes on.",
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
        summary: "Azure's instance metadata service does not give the CAST AI agent what it asks for.",
        impact: "The agent asks once at each start, waits two seconds and ends; it starts only with all of AKS_LOCATION, AKS_NODE_RESOURCE_GROUP and AKS_SUBSCRIPTION_ID set. One that runs already goes on.",
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
        summary: "The CAST AI agent cannot reach AWS's Security Token Service.",
        impact: "An agent with a role of its service account gets no credentials: snapshots wait up to two minutes for STS, and spot nodes may be shown as on-demand; without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME it does not start. Where the agent needs no STS, only its identity is not known.",
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
        summary: "AWS does not accept the credentials that the CAST AI agent is given.",
        impact: "The agent cannot ask EC2: spot nodes may be shown as on-demand; without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME it does not start.",
        diagnosis: &[
            "kubectl -n castai-agent get serviceaccount castai-agent -o yaml",
            "kubectl -n castai-agent get secret castai-agent -o yaml | grep -oE '^  AWS_[A-Z_]+'",
            "aws iam get-role --role-name ROLE --query Role.AssumeRolePolicyDocument",
            "aws iam list-open-id-connect-providers",
        ],
    },
    Alert {
        name: "CastaiAwsIdentityUnexpected",
        check: CheckId::StsIdentity,
        modes: modes_where!(CheckId::StsIdentity, |mode| {
            matches!(mode.category(), Category::Mismatch)
        }),
        summary: "AWS takes the CAST AI agent for another than it should be.",
        impact: "The agent may see none of the cluster's instances, or register the cluster under a wrong account; or it works with rights that nobody meant it to have.",
        diagnosis: &[
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'AWS_|EKS_'",
            "kubectl -n castai-agent get secret castai-agent -o yaml | grep -oE '^  AWS_[A-Z_]+'",
        ],
    },
    Alert {
        name: "CastaiStsErrors",
        check: CheckId::StsIdentity,
        modes: STS_ERRORS,
        summary: "AWS's Security Token Service denies, throttles, fails or is late.",
        impact: "An agent with a role of its service account may get no new credentials; those that it has last up to an hour.",
        diagnosis: &[
            "aws ec2 describe-vpc-endpoints --filters Name=service-name,Values=com.amazonaws.REGION.sts --query 'VpcEndpoints[].PolicyDocument'",
            "aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=AssumeRoleWithWebIdentity --max-results 5",
        ],
    },
    Alert {
        name: "CastaiEc2Unreachable",
        check: CheckId::Ec2Api,
        modes: EC2_UNREACHABLE,
        summary: "The CAST AI agent cannot reach EC2's API.",
        impact: "Every snapshot with a node whose purchase option only EC2 can tell waits up to two minutes, and spot nodes are shown as on-demand; without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME the agent does not start.",
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
        summary: "EC2 does not let the CAST AI agent describe instances.",
        impact: "Spot nodes are shown as on-demand, so that the savings that CAST AI shows are wrong; without EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME the agent does not start.",
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
        summary: "EC2's API throttles the CAST AI agent, fails or is late.",
        impact: "Snapshots wait for EC2, and while it fails spot nodes are shown as on-demand.",
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
        summary: "EC2 does not show the CAST AI agent what it needs of the cluster's instances.",
        impact: "Spot nodes are shown as on-demand; an agent that has to discover the cluster's name does not start.",
        diagnosis: &[
            "kubectl get nodes -o custom-columns=NAME:.metadata.name,ID:.spec.providerID,REGION:.metadata.labels.topology\\.kubernetes\\.io/region",
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'EKS_|AWS_REGION'",
        ],
    },
    Alert {
        name: "CastaiControlPlaneBlocked",
        check: CheckId::ControlPlaneAccess,
        modes: modes_where!(CheckId::ControlPlaneAccess),
        summary: "The control plane's firewall does not let CAST AI in.",
        impact: "The agent goes on and CAST AI shows the cluster; enabling optimisation fails with \"No access to Kubernetes API server, please check your firewall settings\", and what needs the way in does not work.",
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
        summary: "The CAST AI agent does not learn the cluster's right account, region and name.",
        impact: "The agent does not start, or registers the cluster under a wrong account, region or name.",
        diagnosis: &[
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'EKS_|PROVIDER'",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --tail=30",
        ],
    },
];
