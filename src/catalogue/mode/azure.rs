//! Failures of the Azure instance metadata service.

macro_rules! azure {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Azure: "The Azure instance metadata service."]
        AzureImdsUnreachable = "azure_imds_unreachable" {
            category: Unreachable,
            checks: [AzureImds, AgentLog],
            properties: [Timeout],
            meaning: "Azure's metadata service gives no answer that can be used.",
            distinguishing: "No connection, no answer within two seconds, an error of its own, or a document without what the \
                agent asks for. Silence may be AKS' IMDS restriction, which drops what pods without host networking send; an \
                answer of 403 is `azure_imds_restricted`.",
            remedy: "Give the agent what it would ask for, all three together: `kubectl -n castai-agent set env \
                deploy/castai-agent AKS_LOCATION=LOCATION AKS_SUBSCRIPTION_ID=SUBSCRIPTION \
                AKS_NODE_RESOURCE_GROUP=MC_GROUP_NAME_LOCATION`. Or allow egress to 169.254.169.254:80 (`kubectl -n \
                castai-agent get networkpolicy`; `az aks show -g GROUP -n CLUSTER --query \
                networkProfile.podLinkLocalAccess` says `None` under IMDS restriction) and put that address into `NO_PROXY`.",
        }
        AzureImdsRestricted = "azure_imds_restricted" {
            category: Denied,
            checks: [AzureImds],
            meaning: "Azure's metadata service answers, and this pod may not ask it.",
            distinguishing: "An answer of 401 or 403, as a guard on the node gives it; AKS' IMDS restriction drops packets \
                instead, which is `azure_imds_unreachable`.",
            remedy: "Give the agent what it would ask for, all three together: `kubectl -n castai-agent set env \
                deploy/castai-agent AKS_LOCATION=LOCATION AKS_SUBSCRIPTION_ID=SUBSCRIPTION \
                AKS_NODE_RESOURCE_GROUP=MC_GROUP_NAME_LOCATION`; nothing needs to be opened then.",
        }
        AzureImdsBadRequest = "azure_imds_bad_request" {
            category: Error,
            checks: [AzureImds, AgentLog],
            meaning: "Azure's metadata service rejects the request.",
            distinguishing: "400: the header `Metadata: true` was lost on the way, a proxy added `X-Forwarded-For`, or the \
                version is unknown to it.",
            remedy: "Put `169.254.169.254` into `NO_PROXY` of the agent, or set `AKS_LOCATION`, `AKS_SUBSCRIPTION_ID`, \
                `AKS_NODE_RESOURCE_GROUP`.",
        }
        AzureImdsRateLimited = "azure_imds_rate_limited" {
            category: Throttled,
            checks: [AzureImds, AgentLog],
            meaning: "Azure's metadata service turns requests away because there are too many.",
            distinguishing: "An answer of 429, which passes; silence is `azure_imds_unreachable`.",
            remedy: "Wait; it answers five requests a second. Look for a pod on this node that asks it in a loop.",
        }
    } };
}

pub(super) use azure;
