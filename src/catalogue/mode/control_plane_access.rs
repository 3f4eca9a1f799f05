//! Failures of the access of CAST AI to the control plane.

macro_rules! control_plane_access {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [ControlPlane: "CAST AI's access to the control plane."]
        CpfwBlocked = "cpfw_blocked" {
            category: Denied,
            checks: [ControlPlaneAccess],
            meaning: "The control plane's firewall blocks CAST AI.",
            distinguishing: "The list of allowed networks was read completely and does not \
                contain CAST AI's address; or CAST AI reports it: `No access to Kubernetes API \
                server, please check your firewall settings`. On GKE, Google Cloud addresses may \
                be allowed without being listed. A list that could not be read never gives this \
                mode.",
            remedy: "Add `35.221.40.21/32` to the control plane's allowed networks. The commands \
                replace the whole list, so repeat its current entries (OLD); `check \
                control_plane_access` prints the complete command. EKS:\n\
                $ aws eks update-cluster-config --name CLUSTER --resources-vpc-config \
                publicAccessCidrs=OLD,35.221.40.21/32\n\
                GKE:\n\
                $ gcloud container clusters update CLUSTER --enable-master-authorized-networks \
                --master-authorized-networks OLD,35.221.40.21/32\n\
                AKS:\n\
                $ az aks update -g GROUP -n CLUSTER --api-server-authorized-ip-ranges \
                OLD,35.221.40.21/32\n\
                Then enable optimisation again.",
        }
        CpfwPrivateOnly = "cpfw_private_only" {
            category: Denied,
            checks: [ControlPlaneAccess],
            meaning: "The control plane has no public address, so CAST AI cannot reach it.",
            distinguishing: "Unlike in `cpfw_blocked`, no allow list is involved: nothing is \
                reachable from outside. The agent itself works, because it makes only outbound \
                connections.",
            remedy: "Do nothing if CAST AI only monitors the cluster. For optimisation from \
                outside, use CAST AI's cluster controller, which makes only outbound connections, \
                or give the control plane a public address with an allow list:\n\
                $ aws eks update-cluster-config --name CLUSTER --resources-vpc-config \
                endpointPublicAccess=true,publicAccessCidrs=35.221.40.21/32",
        }
    } };
}

pub(super) use control_plane_access;
