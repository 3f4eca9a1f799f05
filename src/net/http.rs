//! HTTP/1.1 with bounded headers and bodies.

pub mod connection;
pub mod request;
pub mod response;
pub mod stream;

mod pace;
mod redaction;

/// The `User-Agent` of every request.
pub const USER_AGENT: &str = concat!("castai-health-exporter/", env!("CARGO_PKG_VERSION"));
