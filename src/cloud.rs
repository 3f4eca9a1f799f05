//! Cloud providers: requests to their metadata servers and control planes, and the responses.
//!
//! A token goes only to the API that it was issued for; responses are reduced to the fields that
//! checks need. Checks draw the conclusions.

pub mod aks;
pub mod api;
pub mod api_error;
pub mod authorized_networks;
pub mod azure_imds;
pub mod azure_token;
pub mod control_plane;
pub mod eks;
pub mod gce;
pub mod gke;
pub mod metadata_server;

pub use api_error::CloudApiError;
pub use authorized_networks::AuthorizedNetworks;
pub use control_plane::ControlPlane;
pub use metadata_server::MetadataServer;
