//! Failures of image pulls.

macro_rules! image {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Image: "Image pulls."]
        ImageAuthFailed = "image_auth_failed" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry does not accept the credentials for the image, or there were none.",
            distinguishing: "401; a known identity without the right is `image_forbidden`.",
            remedy: "Azure: on AKS the evidence holds these commands, filled in. Ask the cluster itself, `az aks check-acr -n CLUSTER -g GROUP --acr REGISTRY.azurecr.io`, and give \
                its kubelet identity or service principal the role AcrPull: `az aks update -n CLUSTER -g GROUP --attach-acr \
                REGISTRY`. After onboarding on CAST AI new nodes may use another service principal than the old ones, which \
                lacks the role: `az role assignment create --role AcrPull --assignee CLIENT_ID --scope REGISTRY_ID`. A \
                service principal's secret may have ended: `az ad app credential list --id CLIENT_ID`. Else renew the pull \
                secret: `kubectl -n NAMESPACE get pod POD -o jsonpath='{.spec.imagePullSecrets}'`.",
        }
        ImageAuthOrMissing = "image_auth_or_missing" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry says that the image does not exist or that it may not be seen.",
            distinguishing: "Both give the same answer, on purpose.",
            remedy: "Check name and tag first, then the pull secret.",
        }
        ImageForbidden = "image_forbidden" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry knows who asks and says no.",
            distinguishing: "403; without credentials it would be `image_auth_failed`. On Azure often the registry's network \
                rules.",
            remedy: "Azure: compare the nodes' outbound address with `az acr network-rule list -n REGISTRY`, and see whether \
                the registry's name leads to its private endpoint from the nodes (`privatelink.azurecr.io`). Elsewhere allow \
                this cluster's egress in the registry's rules, or grant the identity the right to pull.",
        }
        ImageNotFound = "image_not_found" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The image or its tag does not exist in the registry.",
            distinguishing: "404 from the registry itself, after credentials were accepted.",
            remedy: "Correct name and tag; see whether a clean-up policy removed the tag.",
        }
        ImageRateLimited = "image_rate_limited" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry turns pulls away because there are too many.",
            distinguishing: "429, or the registry's own words.",
            remedy: "Log in to the registry (Docker Hub counts anonymous pulls by address), or pull through a mirror.",
        }
        ImageTlsUntrusted = "image_tls_untrusted" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The node does not trust the registry's certificate, or TLS fails.",
            distinguishing: "The registry is reached; its certificate or protocol is the complaint.",
            remedy: "Install the registry's CA on the nodes, or exempt it from TLS inspection; a plain-HTTP registry must \
                be declared to containerd.",
        }
        ImageDns = "image_dns" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The node cannot resolve the registry's name.",
            distinguishing: "Nodes resolve by themselves, not through CoreDNS.",
            remedy: "Check the node's resolver, and whether the private DNS zone is linked to the nodes' network; for ACR: \
                `az network private-dns link vnet list -g GROUP -z privatelink.azurecr.io`.",
        }
        ImageTimeout = "image_timeout" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry does not answer in time.",
            distinguishing: "Silence; a refusal is `image_refused`.",
            remedy: "Allow the nodes' egress to the registry on 443, or give them a private endpoint. An ACR has two names: \
                REGISTRY.azurecr.io and the data endpoint (`az acr show-endpoints -n REGISTRY`).",
        }
        ImageRefused = "image_refused" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry's address refuses the connection.",
            distinguishing: "At once, in contrast to `image_timeout`.",
            remedy: "Is the registry or the mirror up, and is the port right in the image's name.",
        }
        ImageRegistry5xx = "image_registry_5xx" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The registry answers with an error of its own.",
            distinguishing: "It was reached and understood the request.",
            remedy: "Wait, and look at the registry's status page.",
        }
        ImageRegistryUnavailable = "image_registry_unavailable" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The kubelet says that the registry is not available, and not why.",
            distinguishing: "Its own reason `RegistryUnavailable`, without a status.",
            remedy: "Look at the registry's status and the node's way to it.",
        }
        ImagePlatformMismatch = "image_platform_mismatch" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The image is not made for the node's architecture or system.",
            distinguishing: "The tag exists, only not for this platform.",
            remedy: "Build it for this platform, or keep the pod on others: `nodeSelector: kubernetes.io/arch: amd64`.",
        }
        ImageNeverPull = "image_never_pull" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The image is not on the node, and the pod forbids pulling it.",
            distinguishing: "`imagePullPolicy: Never` in the pod.",
            remedy: "Set `imagePullPolicy: IfNotPresent`, or bring the image to the node.",
        }
        ImageInvalidName = "image_invalid_name" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The image's name cannot be understood.",
            distinguishing: "Nothing was asked of any registry.",
            remedy: "Correct it: no capital letters, no blanks, no scheme; an empty tag comes from an empty value in a \
                chart.",
        }
        ImageNoSpace = "image_no_space" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The node's disk is full, so the image cannot be stored.",
            distinguishing: "The registry did its part.",
            remedy: "`kubectl describe node NODE | grep -i pressure`; enlarge the disk or let the kubelet clear images \
                earlier.",
        }
        ImageSignature = "image_signature" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The image's signature is missing or wrong.",
            distinguishing: "A policy of the node or cluster demands one.",
            remedy: "Sign the image, or correct the policy.",
        }
        ImageUnknown = "image_unknown" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components, ImagePull],
            meaning: "The image cannot be pulled, and no rule knows why.",
            distinguishing: "The kubelet's message fits none of the other image modes.",
            remedy: "Read the message in the evidence, and please report it.",
        }
    } };
}

pub(super) use image;
