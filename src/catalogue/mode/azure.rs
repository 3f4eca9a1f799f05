//! Failures of the Azure instance metadata service.

macro_rules! azure {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Azure: "The Azure instance metadata service."]
        AzureImdsUnreachable = "azure_imds_unreachable" {
            category: Unreachable,
            checks: [AzureImds, AgentLog],
            properties: [Timeout],
            meaning: "Azure's instance metadata service gives no usable response.",
            distinguishing: "No connection, no response within two seconds, a server error, or a \
                document without the values that the agent needs. Silence may be AKS' IMDS \
                restriction, which drops packets from pods without host networking; a 403 \
                response is `azure_imds_restricted`.",
            remedy: "Set the values on the agent, all three together:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} AKS_LOCATION=LOCATION \
                AKS_SUBSCRIPTION_ID=SUBSCRIPTION AKS_NODE_RESOURCE_GROUP=MC_GROUP_NAME_LOCATION\n\
                Alternatively, allow egress to 169.254.169.254:80 and add that address to \
                `NO_PROXY`. Check network policies:\n\
                $ kubectl -n {namespace} get networkpolicy\n\
                Check IMDS restriction, which is enabled if this prints `None`:\n\
                $ az aks show -g GROUP -n CLUSTER --query networkProfile.podLinkLocalAccess",
        }
        AzureImdsRestricted = "azure_imds_restricted" {
            category: Denied,
            checks: [AzureImds],
            meaning: "Azure's instance metadata service responds, but denies this pod access.",
            distinguishing: "The response is 401 or 403, as from a proxy on the node that guards \
                the service. AKS' IMDS restriction drops packets instead, which is \
                `azure_imds_unreachable`.",
            remedy: "Set the values on the agent, all three together:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} AKS_LOCATION=LOCATION \
                AKS_SUBSCRIPTION_ID=SUBSCRIPTION AKS_NODE_RESOURCE_GROUP=MC_GROUP_NAME_LOCATION\n\
                Then the agent does not need the service.",
        }
        AzureImdsBadRequest = "azure_imds_bad_request" {
            category: Error,
            checks: [AzureImds, AgentLog],
            meaning: "Azure's instance metadata service rejected the request as malformed.",
            distinguishing: "400: the `Metadata: true` header was lost in transit, a proxy added \
                `X-Forwarded-For`, or the service does not know the API version.",
            remedy: "Add `169.254.169.254` to the agent's `NO_PROXY`, or set `AKS_LOCATION`, \
                `AKS_SUBSCRIPTION_ID` and `AKS_NODE_RESOURCE_GROUP`.",
        }
        AzureImdsRateLimited = "azure_imds_rate_limited" {
            category: Throttled,
            checks: [AzureImds, AgentLog],
            meaning: "Azure's instance metadata service rejects requests because there are too \
                many.",
            distinguishing: "The response is 429, and transient; no response is \
                `azure_imds_unreachable`.",
            remedy: "Wait: the service allows five requests per second. Look for a pod on this \
                node that queries it in a loop.",
        }
    } };
}

pub(super) use azure;
