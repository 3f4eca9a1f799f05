//! Settings of name resolution.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Settings of name resolution.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DnsSettings {
    /// Nameservers that replace those of `resolv_conf`.
    pub nameservers: Option<Vec<SocketAddr>>,
    /// Usually `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// Usually `/etc/hosts`.
    pub hosts: PathBuf,
}
