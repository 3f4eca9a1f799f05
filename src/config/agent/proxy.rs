//! Proxy selection by Go's rules (`golang.org/x/net/http/httpproxy`).

mod address;
mod no_proxy;
mod rules;
mod setting;

pub use rules::ProxyRules;
pub use setting::{Proxy, ProxyError};
