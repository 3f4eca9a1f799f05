//! What is published about a (check, mode): its alert, what it blocks, what it follows from.

use std::time::Duration;

use crate::catalogue::checks::{Check, Phase};
use crate::catalogue::groups::{
    AWS_TRANSPORT_MODES, AZURE_IMDS_MODES, COMPONENT_MODES, CREDENTIALS_MODES, DNS_MODES,
    EC2_MODES, EC2_TRANSPORT_MODES, ENDING_MODES, GCE_MODES, HEALTH_MODES, IDENTITY_MODES,
    IMAGE_MODES, IMDS_MODES, LEADER_MODES, LOG_CASTAI, LOG_CLOUD, LOG_KUBERNETES, LOG_NETWORK,
    LOG_OWN, MET_MODES, PASSING_MODES, REFUSED_MODES, WORKLOAD_MODES,
};
use crate::catalogue::modes::{FailureMode, FailureMode as M};
use crate::catalogue::relations::{CONSEQUENCES, MUTES, root};

/// One alert and its runbook; `alertname`, and the name of the runbook's file.
#[derive(Debug)]
pub struct Alert {
    /// The name, which never changes.
    pub name: &'static str,
    /// The check whose verdict it tells.
    pub check: Check,
    /// The modes of that check that belong to it.
    pub modes: &'static [FailureMode],
    /// One static sentence.
    pub summary: &'static str,
    /// What it means for the cluster.
    pub impact: &'static str,
    /// Commands that show the trouble from another side.
    pub diagnosis: &'static [&'static str],
}

/// All alerts, in the order of the runbook index.
pub const ALERTS: &[Alert] = &[
    Alert {
        name: "CastaiDnsFailing",
        check: Check::Dns,
        modes: DNS_MODES,
        summary: "Names that the CAST AI agent needs do not resolve in its pod.",
        impact: "Without names the agent reaches neither CAST AI nor the cloud's API; it delivers no snapshot, and CAST AI shows the cluster as not responding after a few minutes.",
        diagnosis: &[
            "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
            "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=50",
            "kubectl -n castai-agent get networkpolicy",
        ],
    },
    Alert {
        name: "CastaiApiserverUnreachable",
        check: Check::Apiserver,
        modes: &[
            M::NetConnectTimeout,
            M::NetRefused,
            M::NetUnreachable,
            M::NetReset,
            M::ProxyUnreachable,
            M::ProxyAuthRequired,
            M::ProxyDenied,
            M::AgentConfigInvalid,
            M::TlsProtocol,
            M::HttpTimeout,
            M::HttpProtocol,
        ],
        summary: "The CAST AI agent cannot reach the Kubernetes API server.",
        impact: "The agent loses its lease within 10 to 22 seconds, ends with exit code 0 (Completed) and starts again in a loop; no snapshot is delivered.",
        diagnosis: &[
            "kubectl get --raw /readyz?verbose",
            "kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes",
            "kubectl -n castai-agent get pods -o wide",
        ],
    },
    Alert {
        name: "CastaiApiserverTlsHandshakeTimeout",
        check: Check::Apiserver,
        modes: &[M::TlsHandshakeTimeout],
        summary: "The TLS handshake between the CAST AI agent and the Kubernetes API server does not finish.",
        impact: "The agent gives a handshake 10 seconds; then it cannot start, or ends and starts again in a loop.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -o wide",
            "kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes",
            "kubectl get --raw /readyz?verbose",
        ],
    },
    Alert {
        name: "CastaiApiserverCertificateInvalid",
        check: Check::Apiserver,
        modes: &[
            M::TlsUnknownAuthority,
            M::TlsIntercepted,
            M::TlsExpired,
            M::TlsNotYetValid,
            M::TlsHostnameMismatch,
        ],
        summary: "The certificate of the Kubernetes API server is not one that the CAST AI agent accepts.",
        impact: "The agent refuses the connection and cannot work until the certificate or the mounted CA is right.",
        diagnosis: &[
            "kubectl -n castai-agent get configmap kube-root-ca.crt -o jsonpath='{.data.ca\\.crt}' | openssl x509 -noout -subject -dates",
            "kubectl -n default get service kubernetes -o wide",
        ],
    },
    Alert {
        name: "CastaiApiserverAccessDenied",
        check: Check::Apiserver,
        modes: &[
            M::K8sUnauthorized,
            M::K8sTokenExpired,
            M::K8sTokenMissing,
            M::K8sRbacForbidden,
            M::K8sAnonymousForbidden,
        ],
        summary: "The Kubernetes API server refuses the CAST AI agent's account.",
        impact: "The agent can neither hold its lease nor read the cluster; depending on the version it restarts in a loop or idles while its health endpoint still says ok.",
        diagnosis: &[
            "kubectl auth can-i get namespaces/kube-system --as system:serviceaccount:castai-agent:castai-agent",
            "kubectl -n castai-agent get serviceaccount castai-agent -o yaml",
            "kubectl get clusterrolebinding castai-agent -o yaml",
        ],
    },
    Alert {
        name: "CastaiApiserverDegraded",
        check: Check::Apiserver,
        modes: &[
            M::K8sEndpointDown,
            M::K8sThrottled,
            M::K8sEtcdError,
            M::K8sServerError,
            M::K8sUnexpectedBody,
            M::K8sSlow,
        ],
        summary: "The Kubernetes API server answers the CAST AI agent with errors, late, or on some addresses only.",
        impact: "Some of the agent's connections fail: watches are cut, the lease may be lost, snapshots are late.",
        diagnosis: &[
            "kubectl get --raw /readyz?verbose",
            "kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes",
            "kubectl get flowschemas,prioritylevelconfigurations",
        ],
    },
    Alert {
        name: "CastaiApiUnreachable",
        check: Check::CastaiApi,
        modes: &[
            M::NetConnectTimeout,
            M::NetRefused,
            M::NetUnreachable,
            M::NetReset,
            M::ProxyUnreachable,
            M::ProxyAuthRequired,
            M::ProxyDenied,
            M::ProxyBlockPage,
            M::TlsHandshakeTimeout,
            M::TlsProtocol,
            M::HttpTimeout,
            M::HttpProtocol,
            M::CastaiWafBlocked,
        ],
        summary: "The CAST AI agent cannot reach CAST AI's API.",
        impact: "No snapshot arrives at CAST AI; the console shows the cluster as not responding after about five minutes, then as disconnected. The agent's own health endpoint stays ok for twelve minutes.",
        diagnosis: &[
            "kubectl -n castai-agent get networkpolicy",
            "kubectl -n castai-agent get deployment castai-agent -o yaml | grep -iE -A1 'proxy|API_URL'",
            "kubectl -n castai-agent run egress-test --rm -it --restart=Never --image=curlimages/curl -- -sv https://api.cast.ai/",
        ],
    },
    Alert {
        name: "CastaiApiCertificateUntrusted",
        check: Check::CastaiApi,
        modes: &[
            M::TlsUnknownAuthority,
            M::TlsIntercepted,
            M::TlsExpired,
            M::TlsNotYetValid,
            M::TlsHostnameMismatch,
        ],
        summary: "The certificate presented for CAST AI's API is not one that the CAST AI agent accepts.",
        impact: "The agent refuses the connection; no snapshot arrives at CAST AI.",
        diagnosis: &[
            "openssl s_client -connect api.cast.ai:443 -servername api.cast.ai -showcerts </dev/null | openssl x509 -noout -issuer -subject -dates",
            "kubectl -n castai-agent get secret castai-agent-tls-cert -o jsonpath='{.data.TLS_CA_CERT_FILE}' | base64 -d | openssl x509 -noout -subject -dates",
        ],
    },
    Alert {
        name: "CastaiApiKeyRejected",
        check: Check::CastaiApi,
        modes: &[
            M::CastaiKeyMissing,
            M::CastaiKeyMalformed,
            M::CastaiTokenInvalid,
            M::CastaiForbidden,
            M::CastaiClusterNotFound,
            M::AgentConfigInvalid,
        ],
        summary: "CAST AI does not accept the agent's settings: its key, its cluster, or its API address.",
        impact: "Everything the agent sends is refused; after twelve minutes its liveness probe restarts it, again and again, without a message that says why.",
        diagnosis: &[
            "kubectl -n castai-agent get secret castai-agent -o jsonpath='{.data.API_KEY}' | base64 -d | wc -c",
            "kubectl -n castai-agent get configmap castai-agent-metadata -o jsonpath='{.data.CLUSTER_ID}'",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=5m | grep -i status_code",
        ],
    },
    Alert {
        name: "CastaiApiErrors",
        check: Check::CastaiApi,
        modes: &[
            M::CastaiRateLimited,
            M::CastaiClientError,
            M::CastaiSlow,
            M::CastaiServerError,
            M::CastaiUnexpectedBody,
        ],
        summary: "CAST AI's API answers the agent with errors or too late.",
        impact: "Snapshots are delayed or lost while it lasts.",
        diagnosis: &[
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=5m | grep -iE 'delta|status_code'",
        ],
    },
    Alert {
        name: "CastaiImdsUnusable",
        check: Check::Imds,
        modes: IMDS_MODES,
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
        check: Check::AwsCredentials,
        modes: CREDENTIALS_MODES,
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
        check: Check::AwsCredentials,
        modes: &[M::AwsIrsaNotInjected, M::AwsPodIdentityThrottled],
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
        check: Check::GceMetadata,
        modes: GCE_MODES,
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
        check: Check::AzureImds,
        modes: AZURE_IMDS_MODES,
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
        check: Check::StsIdentity,
        modes: AWS_TRANSPORT_MODES,
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
        check: Check::StsIdentity,
        modes: IDENTITY_MODES,
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
        check: Check::StsIdentity,
        modes: &[M::AwsAccountMismatch, M::AwsRoleMismatch],
        summary: "AWS takes the CAST AI agent for another than it should be.",
        impact: "The agent may see none of the cluster's instances, or register the cluster under a wrong account; or it works with rights that nobody meant it to have.",
        diagnosis: &[
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'AWS_|EKS_'",
            "kubectl -n castai-agent get secret castai-agent -o yaml | grep -oE '^  AWS_[A-Z_]+'",
        ],
    },
    Alert {
        name: "CastaiStsErrors",
        check: Check::StsIdentity,
        modes: &[
            M::AwsStsDenied,
            M::AwsStsThrottled,
            M::AwsStsServerError,
            M::AwsRegionNotEnabled,
            M::AwsSlow,
        ],
        summary: "AWS's Security Token Service denies, throttles, fails or is late.",
        impact: "An agent with a role of its service account may get no new credentials; those that it has last up to an hour.",
        diagnosis: &[
            "aws ec2 describe-vpc-endpoints --filters Name=service-name,Values=com.amazonaws.REGION.sts --query 'VpcEndpoints[].PolicyDocument'",
            "aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=AssumeRoleWithWebIdentity --max-results 5",
        ],
    },
    Alert {
        name: "CastaiEc2Unreachable",
        check: Check::Ec2Api,
        modes: EC2_TRANSPORT_MODES,
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
        check: Check::Ec2Api,
        modes: EC2_MODES,
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
        check: Check::Ec2Api,
        modes: &[M::Ec2Throttled, M::Ec2ServerError, M::AwsSlow],
        summary: "EC2's API throttles the CAST AI agent, fails or is late.",
        impact: "Snapshots wait for EC2, and while it fails spot nodes are shown as on-demand.",
        diagnosis: &[
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=1h | grep -i 'node lifecycle'",
            "aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=DescribeInstances --max-results 20",
        ],
    },
    Alert {
        name: "CastaiEc2InstancesNotVisible",
        check: Check::Ec2Api,
        modes: &[M::Ec2InstanceNotVisible, M::Ec2TagsMissing],
        summary: "EC2 does not show the CAST AI agent what it needs of the cluster's instances.",
        impact: "Spot nodes are shown as on-demand; an agent that has to discover the cluster's name does not start.",
        diagnosis: &[
            "kubectl get nodes -o custom-columns=NAME:.metadata.name,ID:.spec.providerID,REGION:.metadata.labels.topology\\.kubernetes\\.io/region",
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'EKS_|AWS_REGION'",
        ],
    },
    Alert {
        name: "CastaiControlPlaneBlocked",
        check: Check::ControlPlaneAccess,
        modes: &[M::CpfwBlocked, M::CpfwPrivateOnly],
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
        check: Check::ClusterMetadata,
        modes: &[
            M::AgentConfigEnvMissing,
            M::MetadataUnresolvable,
            M::MetadataAccountMalformed,
            M::MetadataRegionMismatch,
            M::MetadataClusterNameMismatch,
        ],
        summary: "The CAST AI agent does not learn the cluster's right account, region and name.",
        impact: "The agent does not start, or registers the cluster under a wrong account, region or name.",
        diagnosis: &[
            "kubectl -n castai-agent set env deploy/castai-agent --list | grep -E 'EKS_|PROVIDER'",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --tail=30",
        ],
    },
    Alert {
        name: "CastaiAgentMissing",
        check: Check::AgentWorkload,
        modes: &[M::AgentDeploymentMissing, M::AgentScaledToZero],
        summary: "The CAST AI agent is not there: its Deployment is missing or scaled to zero.",
        impact: "No snapshot is delivered; CAST AI shows the cluster as not responding after about five minutes, then as disconnected.",
        diagnosis: &[
            "kubectl -n castai-agent get deployments",
            "helm list --all-namespaces --filter castai",
            "kubectl -n castai-agent get events --sort-by=.lastTimestamp",
        ],
    },
    Alert {
        name: "CastaiAgentRestarting",
        check: Check::AgentWorkload,
        modes: ENDING_MODES,
        summary: "The CAST AI agent ends again and again.",
        impact: "Snapshots are missing while it is down; CAST AI may show the cluster as not responding.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent logs deployment/castai-agent --all-containers --ignore-errors --previous --tail=50 | castai-health-exporter explain -",
            "kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent",
        ],
    },
    Alert {
        name: "CastaiAgentNotScheduled",
        check: Check::AgentWorkload,
        modes: &[
            M::AgentUnschedulableResources,
            M::AgentUnschedulableTaint,
            M::AgentUnschedulableSelector,
            M::AgentUnschedulableVolume,
            M::AgentEvicted,
        ],
        summary: "No node takes the CAST AI agent, or its node threw it out.",
        impact: "No snapshot is delivered until a node takes it.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent",
            "kubectl describe nodes | grep -A8 -E '^Name:|^Taints:|Allocated resources'",
        ],
    },
    Alert {
        name: "CastaiAgentNotCreated",
        check: Check::AgentWorkload,
        modes: &[
            M::AgentFailedCreateQuota,
            M::AgentFailedCreatePsa,
            M::AgentFailedCreateWebhook,
            M::AgentFailedCreateSa,
        ],
        summary: "Kubernetes does not let the CAST AI agent's pods be made.",
        impact: "There is no pod of the agent, or not of its new version; the Deployment alone shows little of it.",
        diagnosis: &[
            "kubectl -n castai-agent describe replicasets -l app.kubernetes.io/name=castai-agent",
            "kubectl -n castai-agent get events --sort-by=.lastTimestamp",
        ],
    },
    Alert {
        name: "CastaiAgentNotStarting",
        check: Check::AgentWorkload,
        modes: &[
            M::AgentFailedMount,
            M::AgentConfigMissing,
            M::AgentSandboxFailed,
            M::AgentProgressDeadline,
            M::AgentUnavailable,
        ],
        summary: "Pods of the CAST AI agent do not become available.",
        impact: "No snapshot is delivered until one does.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent",
            "kubectl -n castai-agent rollout status deployment/castai-agent --timeout=5s",
        ],
    },
    Alert {
        name: "CastaiAgentImageMissing",
        check: Check::AgentWorkload,
        modes: IMAGE_MODES,
        summary: "The CAST AI agent waits for its image in vain.",
        impact: "No snapshot is delivered until the image comes; while a pod of an older version works, only the new one is missing.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent",
            "kubectl -n castai-agent get deployment castai-agent -o jsonpath='{.spec.template.spec.containers[*].image}{\"\\n\"}{.spec.template.spec.imagePullSecrets}{\"\\n\"}'",
        ],
    },
    Alert {
        name: "CastaiAgentUpgradeWillFail",
        check: Check::AgentUpgrade,
        modes: &[M::AgentUpgradeSelectorImmutable],
        summary: "The next upgrade of the CAST AI agent will be refused.",
        impact: "The agent goes on as it is; helm or the script of the console ends with an immutable field.",
        diagnosis: &[
            "kubectl -n castai-agent get deployment castai-agent -o jsonpath='{.spec.selector.matchLabels}{\"\\n\"}{.metadata.annotations}{\"\\n\"}'",
            "helm list -n castai-agent",
        ],
    },
    Alert {
        name: "CastaiAgentOutdated",
        check: Check::AgentUpgrade,
        modes: &[M::AgentVersionOutdated],
        summary: "A later version of the CAST AI agent is there.",
        impact: "Faults that were mended since, and features that need a later version, are missing.",
        diagnosis: &[
            "kubectl -n castai-agent get deployment castai-agent -o jsonpath='{.spec.template.spec.containers[*].image}{\"\\n\"}'",
        ],
    },
    Alert {
        name: "CastaiClusterControllerDown",
        check: Check::ClusterController,
        modes: WORKLOAD_MODES,
        summary: "CAST AI's cluster controller does not run as it should.",
        impact: "CAST AI cannot add, drain or remove nodes, nor upgrade its components.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-cluster-controller -o wide",
            "kubectl -n castai-agent describe deployment castai-cluster-controller",
            "kubectl -n castai-agent logs deployment/castai-cluster-controller -c cluster-controller --tail=50",
        ],
    },
    Alert {
        name: "CastaiClusterControllerRefused",
        check: Check::ClusterController,
        modes: REFUSED_MODES,
        summary: "CAST AI does not accept the token of its cluster controller.",
        impact: "The cluster controller runs and gets no orders: CAST AI cannot add, drain or remove nodes, nor upgrade its components.",
        diagnosis: &[
            "kubectl -n castai-agent logs deployment/castai-cluster-controller -c cluster-controller --since=5m | castai-health-exporter explain -",
            "kubectl -n castai-agent get configmap castai-cluster-controller -o jsonpath='{.data.CLUSTER_ID}'",
            "helm list -n castai-agent",
        ],
    },
    Alert {
        name: "CastaiClusterControllerNoLeader",
        check: Check::ClusterController,
        modes: LEADER_MODES,
        summary: "No instance of CAST AI's cluster controller leads, while its pods run.",
        impact: "Only the leader gets orders from CAST AI: nodes are neither added nor removed.",
        diagnosis: &[
            "kubectl -n castai-agent get lease cluster-controller -o yaml",
            "kubectl -n castai-agent logs deployment/castai-cluster-controller -c cluster-controller --since=5m | grep -iE 'leader|lease'",
        ],
    },
    Alert {
        name: "CastaiComponentRefused",
        check: Check::Components,
        modes: REFUSED_MODES,
        summary: "CAST AI does not accept the token of one of its components.",
        impact: "The component runs and does nothing; the evidence names it.",
        diagnosis: &[
            "kubectl -n castai-agent get pods",
            "kubectl -n castai-agent logs deployment/castai-evictor --since=5m | castai-health-exporter explain -",
            "helm list -n castai-agent",
        ],
    },
    Alert {
        name: "CastaiComponentDown",
        check: Check::Components,
        modes: COMPONENT_MODES,
        summary: "A component of CAST AI does not run as it should.",
        impact: "What the component does is missing; the agent itself goes on.",
        diagnosis: &[
            "kubectl -n castai-agent get deployments,daemonsets",
            "kubectl -n castai-agent get events --sort-by=.lastTimestamp",
        ],
    },
    Alert {
        name: "CastaiImagePullFailing",
        check: Check::ImagePull,
        modes: IMAGE_MODES,
        summary: "Pods of this cluster wait for images that do not come.",
        impact: "The pods do not start; when new nodes are concerned, workloads that CAST AI moves there stay down.",
        diagnosis: &[
            "kubectl get pods --all-namespaces --field-selector status.phase=Pending -o wide",
            "kubectl get events --all-namespaces --field-selector reason=Failed",
            "kubectl get nodes --sort-by=.metadata.creationTimestamp",
        ],
    },
    Alert {
        name: "CastaiNodeLifecycleUnresolved",
        check: Check::NodeLifecycle,
        modes: &[M::LifecycleUnresolved],
        summary: "The CAST AI agent cannot tell which nodes are spot instances.",
        impact: "Spot nodes are shown as on-demand, so that savings are computed wrongly.",
        diagnosis: &[
            "kubectl get nodes -L eks.amazonaws.com/capacityType,karpenter.sh/capacity-type,scheduling.cast.ai/spot",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent | grep \"determine node lifecycle\"",
            "kubectl -n castai-agent get serviceaccount castai-agent -o yaml",
        ],
    },
    Alert {
        name: "CastaiClockSkew",
        check: Check::Clock,
        modes: &[M::ClockSkew],
        summary: "The clock of the CAST AI agent's node is wrong.",
        impact: "Certificates and tokens seem expired or not yet valid, and AWS refuses signatures that are more than five minutes off.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -o wide",
            "kubectl debug node/NODE -it --image=busybox -- date -u",
        ],
    },
    Alert {
        name: "CastaiClusterDisconnected",
        check: Check::ClusterStatus,
        modes: &[
            M::CastaiNotResponding,
            M::CastaiDisconnected,
            M::CastaiAcceptedButStale,
            M::CastaiClusterNotFound,
        ],
        summary: "CAST AI does not see this cluster as connected.",
        impact: "The console's savings and the autoscaler's decisions rest on what the cluster was like when the last snapshot arrived; nothing is optimised.",
        diagnosis: &[
            "kubectl -n castai-agent get deployment,pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent get configmap castai-agent-metadata -o jsonpath='{.data.CLUSTER_ID}'",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=10m | castai-health-exporter explain -",
        ],
    },
    Alert {
        name: "CastaiClusterReconcileFailed",
        check: Check::ClusterStatus,
        modes: &[M::CastaiReconcileFailed],
        summary: "CAST AI cannot work on this cluster.",
        impact: "Nodes are neither added nor removed by CAST AI until its access to the cloud and to the control plane is restored; the agent's snapshots still arrive.",
        diagnosis: &[
            "kubectl -n castai-agent get deployment castai-cluster-controller -o wide",
            "kubectl -n castai-agent logs deployment/castai-cluster-controller --since=10m | castai-health-exporter explain -",
        ],
    },
    Alert {
        name: "CastaiAgentUnhealthy",
        check: Check::AgentHealth,
        modes: HEALTH_MODES,
        summary: "The CAST AI agent is not healthy by its own word, or says nothing.",
        impact: "Its snapshots do not arrive, or soon will not: Kubernetes restarts it, and CAST AI shows the cluster as not responding after some minutes.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=10m | castai-health-exporter explain -",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --previous | castai-health-exporter explain -",
        ],
    },
    Alert {
        name: "CastaiAgentNoLeader",
        check: Check::AgentHealth,
        modes: LEADER_MODES,
        summary: "No instance of the CAST AI agent leads, while each calls itself healthy.",
        impact: "Only the leader sends snapshots: none arrives at CAST AI, and the agent's own health endpoint says ok for ever.",
        diagnosis: &[
            "kubectl -n castai-agent get lease agent-leader-election-lock -o yaml",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=5m | grep -E 'leader|lock'",
            "kubectl auth can-i update leases -n castai-agent --as system:serviceaccount:castai-agent:castai-agent",
        ],
    },
    Alert {
        name: "CastaiAgentMeetsApiserverErrors",
        check: Check::AgentHealth,
        modes: MET_MODES,
        summary: "Most of the CAST AI agent's own requests to the Kubernetes API server fail.",
        impact: "The agent still calls itself healthy; it may miss part of the cluster, or lose its lease and restart.",
        diagnosis: &[
            "kubectl get --raw /api/v1/namespaces/castai-agent/pods/POD:9877/proxy/metrics | grep rest_client_requests_total",
            "kubectl auth can-i --list --as system:serviceaccount:castai-agent:castai-agent",
        ],
    },
    Alert {
        name: "CastaiAgentReportsNetworkTrouble",
        check: Check::AgentLog,
        modes: LOG_NETWORK,
        summary: "The CAST AI agent's log tells of trouble on the way to CAST AI, to the Kubernetes API server or to the cloud.",
        impact: "The evidence names which way; without CAST AI or the API server no snapshot is delivered.",
        diagnosis: LOG_DIAGNOSIS,
    },
    Alert {
        name: "CastaiAgentReportsCastaiRefusal",
        check: Check::AgentLog,
        modes: LOG_CASTAI,
        summary: "CAST AI refuses what the CAST AI agent sends, by the agent's log.",
        impact: "Snapshots are delayed or lost; after twelve minutes without one the agent is restarted, again and again.",
        diagnosis: LOG_DIAGNOSIS,
    },
    Alert {
        name: "CastaiAgentReportsApiserverTrouble",
        check: Check::AgentLog,
        modes: LOG_KUBERNETES,
        summary: "The Kubernetes API server refuses the CAST AI agent, or fails, by the agent's log.",
        impact: "The agent loses its lease and ends with exit code 0 (Completed), or misses part of the cluster.",
        diagnosis: LOG_DIAGNOSIS,
    },
    Alert {
        name: "CastaiAgentReportsCloudTrouble",
        check: Check::AgentLog,
        modes: LOG_CLOUD,
        summary: "The CAST AI agent cannot use the cloud's API, by its log.",
        impact: "Where the agent has to discover its cluster it does not start; else its snapshots are delayed by up to two minutes, and spot nodes may be shown as on-demand.",
        diagnosis: LOG_DIAGNOSIS,
    },
    Alert {
        name: "CastaiAgentReportsOwnTrouble",
        check: Check::AgentLog,
        modes: LOG_OWN,
        summary: "The CAST AI agent's log tells of trouble with its own settings, its ports or its start, or of something that has no name yet.",
        impact: "The evidence quotes the agent; most of these end it at its start.",
        diagnosis: LOG_DIAGNOSIS,
    },
];

/// How the agent's own words are read.
const LOG_DIAGNOSIS: &[&str] = &[
    "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=10m | castai-health-exporter explain -",
    "kubectl -n castai-agent logs deployment/castai-agent -c agent --previous | castai-health-exporter explain -",
    "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o wide",
];

/// So much longer does what follows wait than its cause: both are seen, and evaluated, at moments of their own.
pub const AHEAD: Duration = Duration::from_mins(1);

/// How long a pair must hold before anyone is told: two intervals of its check at least, so that one attempt tells
/// nobody, and longer than what mutes it, so that a cause is told first.
pub fn patience(check: Check, mode: FailureMode) -> Duration {
    let minutes = if PASSING_MODES.contains(&mode) { 10 } else { 5 };
    let muting = MUTES
        .iter()
        .filter(|mute| mute.muted == check && mute.muted_modes.contains(&mode));
    let causes = muting.flat_map(|mute| {
        mute.modes
            .iter()
            .map(|cause| patience(mute.check, *cause) + AHEAD)
    });
    Duration::from_mins(minutes)
        .max(check.entry().interval * 2)
        .max(causes.max().unwrap_or_default())
}

/// The alert that tells a (check, mode).
pub fn alert(check: Check, mode: FailureMode) -> Option<&'static Alert> {
    ALERTS
        .iter()
        .find(|alert| alert.check == check && alert.modes.contains(&mode))
}

/// The alert with this name.
pub fn named(name: &str) -> Option<&'static Alert> {
    ALERTS.iter().find(|alert| alert.name == name)
}

/// The alert whose runbook explains a pair: its own, or that of its root.
pub fn explaining(check: Check, mode: FailureMode) -> Option<&'static Alert> {
    let (check, mode) = root(check, mode);
    alert(check, mode)
}

/// What foreign words mean that name this mode, and which check looks whether it is so; for the end of a sentence.
pub fn in_words(mode: FailureMode) -> String {
    let check = Check::ALL
        .iter()
        .find(|check| alert(**check, mode).is_some());
    let check = check
        .map(|check| format!(", for which {check} looks"))
        .unwrap_or_default();
    format!(
        "these words mean {mode}{check}: {}",
        crate::catalogue::first_sentence(mode.entry().meaning)
    )
}

/// Every mode that a check can show, its own first, then consequences.
pub fn modes_of(check: Check) -> impl Iterator<Item = FailureMode> {
    let own = ALERTS
        .iter()
        .filter(move |alert| alert.check == check)
        .flat_map(|alert| alert.modes);
    let shown = CONSEQUENCES
        .iter()
        .filter(move |row| row.check == check)
        .flat_map(|row| row.modes);
    own.chain(shown).copied()
}

impl FailureMode {
    /// The mode of a phase that does not end.
    pub const fn timeout_of(phase: Phase) -> Self {
        match phase {
            Phase::Resolve => M::NetDnsTimeout,
            Phase::Connect => M::NetConnectTimeout,
            Phase::Proxy => M::ProxyUnreachable,
            Phase::Tls => M::TlsHandshakeTimeout,
            Phase::Request => M::HttpTimeout,
        }
    }
}
