//! The clouds that clusters run in: what their metadata servers and control planes are asked, and what they answer.
//!
//! A token goes to the API that it was made for and nowhere else; what is read is reduced on arrival. What is concluded from it is for checks.

pub mod aks;
pub mod api;
pub mod azure_imds;
pub mod azure_token;
pub mod control_plane;
pub mod eks;
pub mod gce;
pub mod gke;
pub mod networks;
pub mod server;

pub use control_plane::ControlPlane;
pub use networks::Networks;
pub use server::MetadataServer;
