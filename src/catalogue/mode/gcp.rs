//! Failures of the Google Cloud metadata server.

macro_rules! gcp {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Gcp: "The Google Cloud metadata server."]
        GcpMetadataUnreachable = "gcp_metadata_unreachable" {
            category: Unreachable,
            checks: [GceMetadata, AgentLog],
            properties: [Timeout],
            meaning: "GKE's metadata server gives no answer that can be used.",
            distinguishing: "Silence, no connection, or an error of its own; a missing value is `gcp_metadata_attr_missing`, too \
                many requests are `gcp_metadata_rate_limited`, and an answer of somebody else is \
                `gcp_metadata_header_missing`. In a pod's first 30 seconds nobody is told: with Workload Identity the server \
                starts after it.",
            remedy: "Allow egress to 169.254.169.254:80 (with Workload Identity also 169.254.169.252:987-988; with Dataplane \
                V2 a policy needs the addresses by `ipBlock`): `kubectl -n castai-agent get networkpolicy`. Or make the agent \
                independent of it: `kubectl -n castai-agent set env deploy/castai-agent GKE_PROJECT_ID=PROJECT \
                GKE_CLUSTER_NAME=NAME GKE_REGION=REGION GKE_LOCATION=LOCATION`.",
        }
        GcpMetadataAttrMissing = "gcp_metadata_attr_missing" {
            category: Incomplete,
            checks: [GceMetadata, AgentLog],
            meaning: "GKE's metadata server answers, but has not got a value that the agent asks for.",
            distinguishing: "An answer of 404 or nothing for one path, which the agent writes as `not defined`; silence is \
                `gcp_metadata_unreachable`. Nodes outside GKE have no `cluster-name`.",
            remedy: "Give the agent the variable that the evidence names, best all four: `kubectl -n castai-agent set env \
                deploy/castai-agent GKE_PROJECT_ID=PROJECT GKE_CLUSTER_NAME=NAME GKE_REGION=REGION GKE_LOCATION=LOCATION`. If \
                this is no GKE cluster, `PROVIDER` is wrong.",
        }
        GcpMetadataNoSa = "gcp_metadata_no_sa" {
            category: Misconfigured,
            checks: [GceMetadata, AgentLog],
            meaning: "GKE's metadata server knows no service account for this pod.",
            distinguishing: "404 for the account's path only. The agent needs no account at Google; the exporter does, to look \
                at the control plane's authorised networks.",
            remedy: "Complete Workload Identity: `kubectl -n castai-agent annotate serviceaccount castai-agent \
                iam.gke.io/gcp-service-account=ACCOUNT@PROJECT.iam.gserviceaccount.com`, or give the node pool a service \
                account. If nobody is to look, set `checks.control_plane_access.enabled: false`.",
        }
        GcpMetadataHeaderMissing = "gcp_metadata_header_missing" {
            category: Denied,
            checks: [GceMetadata, AgentLog],
            meaning: "The metadata request lost its header `Metadata-Flavor`, or the answer does not come from the \
                metadata server.",
            distinguishing: "403 from the metadata server, or an answer without `Metadata-Flavor: Google`, as a proxy gives it. \
                The agent would take such an answer for the truth.",
            remedy: "Put `169.254.169.254` and `metadata.google.internal` into `NO_PROXY`: `kubectl -n castai-agent set env \
                deploy/castai-agent --list | grep -iE 'proxy|GCE_METADATA_HOST'`. Then see who answers at the address of the \
                evidence.",
        }
        GcpMetadataRateLimited = "gcp_metadata_rate_limited" {
            category: Throttled,
            checks: [GceMetadata, AgentLog],
            meaning: "GKE's metadata server turns requests away because there are too many.",
            distinguishing: "An answer of 429 or 503, which passes; silence is `gcp_metadata_unreachable`.",
            remedy: "Wait; look for a pod on this node that asks it in a loop: `kubectl get pods -A -o wide \
                --field-selector spec.nodeName=NODE`.",
        }
    } };
}

pub(super) use gcp;
