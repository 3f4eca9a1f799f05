//! The phases of a connection attempt.

use std::fmt;

/// A step of an attempt to use a target, in the order in which the steps happen.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// DNS lookup.
    Resolve,
    /// TCP connection, to the target or to its proxy.
    Connect,
    /// CONNECT request to the proxy.
    Proxy,
    /// TLS handshake.
    Tls,
    /// From the first byte of the request to the last byte of the response.
    Request,
}

impl Phase {
    /// All phases in order.
    pub const ALL: &'static [Self] = &[
        Self::Resolve,
        Self::Connect,
        Self::Proxy,
        Self::Tls,
        Self::Request,
    ];

    /// Returns the value of the label `phase`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Request => "request",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
