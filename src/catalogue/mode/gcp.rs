//! Failures of the Google Cloud metadata server.

macro_rules! gcp {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Gcp: "The Google Cloud metadata server."]
        GcpMetadataUnreachable = "gcp_metadata_unreachable" {
            category: Unreachable,
            checks: [GceMetadata, AgentLog],
            properties: [Timeout],
            meaning: "GKE's metadata server gives no usable response.",
            distinguishing: "No response, no connection, or a server error. A missing value is \
                `gcp_metadata_attr_missing`, too many requests are `gcp_metadata_rate_limited`, \
                and a response from another server is `gcp_metadata_header_missing`. During a \
                pod's first 30 seconds this does not alert: with Workload Identity the server \
                starts after the pod.",
            remedy: "Allow egress to 169.254.169.254:80; with Workload Identity also to \
                169.254.169.252:987-988. With Dataplane V2, a policy needs the addresses as \
                `ipBlock`:\n\
                $ kubectl -n {namespace} get networkpolicy\n\
                Alternatively, make the agent independent of it:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} GKE_PROJECT_ID=PROJECT \
                GKE_CLUSTER_NAME=NAME GKE_REGION={region} GKE_LOCATION=LOCATION",
        }
        GcpMetadataAttrMissing = "gcp_metadata_attr_missing" {
            category: Incomplete,
            checks: [GceMetadata, AgentLog],
            meaning: "GKE's metadata server responds, but lacks a value that the agent needs.",
            distinguishing: "The response is 404 or empty for one path, which the agent logs as \
                `not defined`; if there is no response, the mode is `gcp_metadata_unreachable`. \
                Nodes outside GKE have no `cluster-name`.",
            remedy: "Set the variable that the evidence names, preferably all four:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} GKE_PROJECT_ID=PROJECT \
                GKE_CLUSTER_NAME=NAME GKE_REGION={region} GKE_LOCATION=LOCATION\n\
                If this is not a GKE cluster, `PROVIDER` is wrong.",
        }
        GcpMetadataNoSa = "gcp_metadata_no_sa" {
            category: Misconfigured,
            checks: [GceMetadata, AgentLog],
            meaning: "GKE's metadata server has no service account for this pod.",
            distinguishing: "404 for the account's path only. The agent does not need a Google \
                service account; the exporter does, to read the control plane's authorized \
                networks.",
            remedy: "Complete the Workload Identity setup, or give the node pool a service \
                account:\n\
                $ kubectl -n {namespace} annotate serviceaccount {service_account} \
                iam.gke.io/gcp-service-account=ACCOUNT@PROJECT.iam.gserviceaccount.com\n\
                If this check is not wanted, set `checks.control_plane_access.enabled: false`.",
        }
        GcpMetadataHeaderMissing = "gcp_metadata_header_missing" {
            category: Denied,
            checks: [GceMetadata, AgentLog],
            meaning: "The metadata request lost its `Metadata-Flavor` header, or the response \
                does not come from the metadata server.",
            distinguishing: "403 from the metadata server, or a response without \
                `Metadata-Flavor: Google`, such as one from a proxy. The agent would accept such \
                a response as genuine.",
            remedy: "Add `169.254.169.254` and `metadata.google.internal` to `NO_PROXY`. List the \
                settings:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} --list | grep -iE \
                'proxy|GCE_METADATA_HOST'\n\
                Then check what responds at the address in the evidence.",
        }
        GcpMetadataRateLimited = "gcp_metadata_rate_limited" {
            category: Throttled,
            checks: [GceMetadata, AgentLog],
            meaning: "GKE's metadata server is rate limiting requests.",
            distinguishing: "The response is 429 or 503, and transient; no response is \
                `gcp_metadata_unreachable`.",
            remedy: "Wait. Look for a pod on this node that queries the server in a loop:\n\
                $ kubectl get pods -A -o wide --field-selector spec.nodeName={local_node}",
        }
    } };
}

pub(super) use gcp;
