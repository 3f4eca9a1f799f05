//! Connections to a target, phase by phase: resolve, connect, proxy, TLS handshake, request.
//!
//! Each phase is a file that performs it and has a pure `diagnose` for its failures. Every attempt
//! resolves, connects and handshakes again; nothing is cached or pooled.

pub mod agent_timeouts;
pub mod certificate;
pub mod connect;
pub mod dial;
pub mod http;
pub mod network_context;
pub mod phase_error;
pub mod proxy;
pub mod resolve;

pub mod target;
pub mod tls;
pub mod transport;

mod reconnect;

pub use certificate::Certificate;
pub use http::connection::Connection;
pub use http::request::HttpRequest;
pub use http::response::Response;
pub use http::stream::{Stream, StreamResponse};
pub use network_context::NetworkContext;
pub use phase_error::PhaseError;
pub use resolve::Resolver;
pub use target::{Target, authority};
pub use tls::trust::Trust;
pub use transport::Transport;
