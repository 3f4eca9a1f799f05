//! Failures of image pulls.

macro_rules! image {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Image: "Image pulls."]
        ImageAuthFailed = "image_auth_failed" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry rejected the credentials for the image, or none were sent.",
            distinguishing: "401; a known identity without permission is `image_forbidden`.",
            remedy: "Azure: check access from the cluster; on AKS, `check image_pull` prints these \
                commands filled in:\n\
                $ az aks check-acr -n CLUSTER -g GROUP --acr REGISTRY.azurecr.io\n\
                Grant the AcrPull role to its kubelet identity or service principal:\n\
                $ az aks update -n CLUSTER -g GROUP --attach-acr REGISTRY\n\
                After onboarding to CAST AI, new nodes may use a different service principal that \
                lacks the role:\n\
                $ az role assignment create --role AcrPull --assignee CLIENT_ID --scope \
                REGISTRY_ID\n\
                The secret of a service principal may have expired:\n\
                $ az ad app credential list --id CLIENT_ID\n\
                Other registries: renew the pull secret that the pod names:\n\
                $ kubectl -n {pod_namespace} get pod {pod} -o jsonpath='{.spec.imagePullSecrets}'",
        }
        ImageAuthOrMissing = "image_auth_or_missing" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            properties: [PodSpec],
            meaning: "The registry says that the image does not exist or that access is denied.",
            distinguishing: "Registries deliberately give the same response for both.",
            remedy: "Check the name and tag first, then the pull secret.",
        }
        ImageForbidden = "image_forbidden" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry recognises the identity but denies access.",
            distinguishing: "403; without credentials it would be `image_auth_failed`. On Azure, \
                often the registry's network rules.",
            remedy: "Azure: compare the nodes' outbound address with the registry's rules:\n\
                $ az acr network-rule list -n REGISTRY\n\
                Check that the registry's name resolves to its private endpoint from the nodes \
                (`privatelink.azurecr.io`). Other registries: allow this cluster's egress in the \
                registry's rules, or grant the identity permission to pull.",
        }
        ImageNotFound = "image_not_found" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            properties: [PodSpec],
            meaning: "The image or its tag does not exist in the registry.",
            distinguishing: "404 from the registry itself, after the credentials were accepted.",
            remedy: "Correct the name and tag. Check whether a clean-up policy removed the tag.",
        }
        ImageRateLimited = "image_rate_limited" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry is rate limiting pulls.",
            distinguishing: "429, or the registry's own message.",
            remedy: "Log in to the registry (Docker Hub counts anonymous pulls by address), or \
                pull through a mirror.",
        }
        ImageTlsUntrusted = "image_tls_untrusted" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The node does not trust the registry's certificate, or the TLS handshake \
                fails.",
            distinguishing: "The registry is reachable; its certificate or protocol is the \
                problem.",
            remedy: "Install the registry's CA on the nodes, or exempt the registry from TLS \
                inspection. A plain-HTTP registry must be configured in containerd.",
        }
        ImageDns = "image_dns" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The node cannot resolve the registry's name.",
            distinguishing: "Nodes use their own resolver, not CoreDNS.",
            remedy: "Check the node's resolver, and whether the private DNS zone is linked to the \
                nodes' network; for ACR:\n\
                $ az network private-dns link vnet list -g GROUP -z privatelink.azurecr.io",
        }
        ImageTimeout = "image_timeout" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry does not respond in time.",
            distinguishing: "No response; a refused connection is `image_refused`.",
            remedy: "Allow the nodes' egress to the registry on port 443, or give them a private \
                endpoint. An ACR has two names: REGISTRY.azurecr.io and the data endpoint:\n\
                $ az acr show-endpoints -n REGISTRY",
        }
        ImageRefused = "image_refused" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry's address refuses the connection.",
            distinguishing: "Immediate, unlike `image_timeout`.",
            remedy: "Check that the registry or mirror is running, and that the port in the image \
                name is right.",
        }
        ImageRegistry5xx = "image_registry_5xx" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry responds with a server error (5xx).",
            distinguishing: "The registry was reached and understood the request.",
            remedy: "Wait, and check the registry's status page.",
        }
        ImageRegistryUnavailable = "image_registry_unavailable" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The kubelet reports that the registry is unavailable, without a reason.",
            distinguishing: "The kubelet's reason is `RegistryUnavailable`, without a status.",
            remedy: "Check the registry's status and the network path from the node to it.",
        }
        ImagePlatformMismatch = "image_platform_mismatch" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            properties: [PodSpec],
            meaning: "The image is not built for the node's architecture or operating system.",
            distinguishing: "The tag exists, but not for this platform.",
            remedy: "Build the image for this platform, or keep the pod on other nodes: \
                `nodeSelector: kubernetes.io/arch: amd64`.",
        }
        ImageNeverPull = "image_never_pull" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            properties: [PodSpec],
            meaning: "The image is not present on the node, and the pod forbids pulling it.",
            distinguishing: "The pod sets `imagePullPolicy: Never`.",
            remedy: "Set `imagePullPolicy: IfNotPresent`, or load the image onto the node.",
        }
        ImageInvalidName = "image_invalid_name" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            properties: [PodSpec],
            meaning: "The image name cannot be parsed.",
            distinguishing: "No request was sent to a registry.",
            remedy: "Correct the name: no capital letters, no spaces, no scheme. An empty tag \
                comes from an empty value in a chart.",
        }
        ImageNoSpace = "image_no_space" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The node's disk is full, so the image cannot be stored.",
            distinguishing: "The registry delivered the image.",
            remedy: "Check the node's conditions:\n\
                $ kubectl describe node {node} | grep -i pressure\n\
                Enlarge the disk, or let the kubelet remove unused images earlier.",
        }
        ImageSignature = "image_signature" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The image's signature is missing or invalid.",
            distinguishing: "A policy of the node or cluster requires a signature.",
            remedy: "Sign the image, or correct the policy.",
        }
        ImageUnknown = "image_unknown" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            properties: [PodSpec],
            meaning: "The image cannot be pulled, and no rule recognises the reason.",
            distinguishing: "The kubelet's message matches none of the other image modes.",
            remedy: "Read the message in the evidence, and please report it.",
        }
    } };
}

pub(super) use image;
