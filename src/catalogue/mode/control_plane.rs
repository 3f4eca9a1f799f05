//! Failures of the access of CAST AI to the control plane.

macro_rules! control_plane {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [ControlPlane: "CAST AI's access to the control plane."]
        CpfwBlocked = "cpfw_blocked" {
            category: Denied,
            checks: [ControlPlaneAccess],
            meaning: "The control plane's firewall does not let CAST AI in.",
            distinguishing: "The list of allowed networks was read whole, and CAST AI's address is in none of them; or CAST AI \
                says so itself: `No access to Kubernetes API server, please check your firewall settings`. On GKE addresses of \
                Google Cloud may be let in without being listed. A list that could not be read is no reason for this mode.",
            remedy: "Add `35.221.40.21/32` to the control plane's allowed networks. The commands replace the list, so \
                repeat all that is in it; the evidence of `control_plane_access` holds the whole command: `aws eks \
                update-cluster-config --name CLUSTER --resources-vpc-config publicAccessCidrs=OLD,35.221.40.21/32`, `gcloud \
                container clusters update CLUSTER --enable-master-authorized-networks --master-authorized-networks \
                OLD,35.221.40.21/32`, `az aks update -g GROUP -n CLUSTER --api-server-authorized-ip-ranges \
                OLD,35.221.40.21/32`. Then enable optimisation again.",
        }
        CpfwPrivateOnly = "cpfw_private_only" {
            category: Denied,
            checks: [ControlPlaneAccess],
            meaning: "The control plane has no address on the internet, so CAST AI cannot come in.",
            distinguishing: "No list decides here, as in `cpfw_blocked`: there is nothing to reach from outside. The agent itself \
                works, because it only asks outwards.",
            remedy: "Nothing is to be done for a cluster that CAST AI only watches. For optimisation from outside give the \
                control plane a public address with a list of networks (`aws eks update-cluster-config --name CLUSTER \
                --resources-vpc-config endpointPublicAccess=true,publicAccessCidrs=35.221.40.21/32`), or use CAST AI's \
                cluster-controller, which only asks outwards.",
        }
    } };
}

pub(super) use control_plane;
