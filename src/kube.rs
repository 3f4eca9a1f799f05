//! Access to the Kubernetes API: endpoint and credentials, requests, and cached watches.
//!
//! Objects are reduced on arrival to the few fields that checks need.

pub mod access_review;
pub mod api_request;
pub mod caller;
pub mod client;
pub mod connection;
pub mod credentials;
pub mod endpoint;
pub mod endpoint_slices;
pub mod error;
pub mod exec_plugin;
pub mod json_stream;
pub mod kubeconfig;
pub mod reflector;
pub mod self_pod;
pub mod store;
pub mod token_claims;
pub mod token_request;
pub mod types;

pub use ::kube::api::LogParams;
pub use access_review::{AccessRules, ReviewedAccess};
pub use api_request::{ApiReply, ListQuery, PodPort};
pub use caller::Caller;
pub use client::{Client, ObjectRequest};
pub use connection::ApiConnection;
pub use credentials::Credentials;
pub use endpoint::{ApiEndpoint, AuthError};
pub use error::ClientError;
pub use exec_plugin::ExecPlugin;
pub use reflector::Reflector;
pub use store::{Store, WatchTask};
pub use token_request::{ServiceAccountTokens, TokenError};
