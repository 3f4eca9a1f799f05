//! The agent's timeouts and the exporter's own, in one table.

use std::time::Duration;

use crate::catalogue::phase::Phase;

/// The agent's timeout for each phase of a target.
///
/// The exporter waits half as long again, so that a response just after the agent's timeout is seen
/// and reported as `*_slow`. A phase without a timeout is bounded by [`ATTEMPT_TIMEOUT`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Timeouts {
    /// DNS lookup. Go's resolver allows 5 s for each query.
    pub resolve: Duration,
    /// TCP connection.
    pub connect: Duration,
    /// TLS handshake.
    pub tls: Duration,
    /// Response of the proxy or of the server, headers and body.
    pub answer: Duration,
}

/// Timeout of a whole attempt.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(25);

/// Age beyond which the objects of a silent watch are stale.
pub const WATCH_STALE_AFTER: Duration = Duration::from_mins(3);

/// Idle time after which a watch is replaced by a new list; API servers send a bookmark every
/// minute.
pub const WATCH_IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// Time for which a check waits for the first list of a resource.
pub const FIRST_LIST_WAIT: Duration = Duration::from_secs(20);
/// Longest duration of a list of all objects of a resource.
pub const LIST_TIMEOUT: Duration = Duration::from_mins(5);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Timeouts {
    /// For DNS lookups alone.
    pub const DNS: Self = Self {
        resolve: seconds(10),
        ..Self::NONE
    };
    /// client-go allows 10 s for the TLS handshake; the agent loses its lease after 10 s without a
    /// response.
    pub const APISERVER: Self = Self {
        resolve: seconds(5),
        connect: seconds(10),
        tls: seconds(10),
        answer: seconds(10),
    };
    /// The agent's HTTP client for CAST AI: 5 s to dial including DNS, 5 s for TLS, 10 s for the
    /// response (`API_TIMEOUT`).
    pub const CASTAI_API: Self = Self {
        resolve: seconds(5),
        connect: seconds(5),
        tls: seconds(5),
        answer: seconds(10),
    };
    /// The SDK's metadata client makes three attempts of 250 ms to connect and 500 ms to respond,
    /// with pauses between them.
    pub const IMDS: Self = Self {
        connect: seconds(1),
        answer: seconds(2),
        ..Self::NONE
    };
    /// The agent allows 10 s for each value, connection included. A metadata server on the node
    /// that needs seconds to accept is broken.
    pub const GCE_METADATA: Self = Self {
        resolve: seconds(2),
        connect: seconds(3),
        answer: seconds(10),
        ..Self::NONE
    };
    /// The agent's client for Azure metadata allows 2 s for everything.
    pub const AZURE_IMDS: Self = Self {
        resolve: seconds(2),
        connect: seconds(2),
        answer: seconds(2),
        ..Self::NONE
    };
    /// The SDK's client for AWS services allows 5 s for each DNS query and 10 s for TLS. It would
    /// wait 30 s for a connection and `EKS_API_TIMEOUT` (120 s) for a response, but every snapshot
    /// waits with it, so 10 s count as slow.
    pub const AWS: Self = Self {
        resolve: seconds(5),
        connect: seconds(10),
        tls: seconds(10),
        answer: seconds(10),
    };
    /// The SDK's client for credentials on the node would wait 30 s for a connection and without
    /// limit for a response, but every snapshot waits with it, and these servers are close.
    pub const CREDENTIALS: Self = Self {
        connect: seconds(2),
        answer: seconds(5),
        ..Self::NONE
    };
    /// Extra reads of the Kubernetes API that a check can do without.
    pub const AUXILIARY: Self = Self {
        resolve: seconds(1),
        connect: seconds(2),
        tls: seconds(2),
        answer: seconds(2),
    };
    /// Container logs: the kubelet of a dead node never responds, and the other logs wait.
    pub const CONTAINER_LOGS: Self = Self {
        resolve: seconds(1),
        connect: seconds(2),
        tls: seconds(2),
        answer: seconds(3),
    };
    /// Requests to a cloud API that only the exporter makes, not the agent.
    pub const CONTROL_PLANE: Self = Self {
        resolve: seconds(2),
        connect: seconds(3),
        tls: seconds(3),
        answer: seconds(5),
    };
    /// The agent itself, from its own pod; the kubelet's probe allows it one second.
    pub const AGENT: Self = Self {
        connect: seconds(1),
        answer: seconds(2),
        ..Self::NONE
    };
    /// For checks without a target.
    pub const NONE: Self = Self {
        resolve: ATTEMPT_TIMEOUT,
        connect: ATTEMPT_TIMEOUT,
        tls: ATTEMPT_TIMEOUT,
        answer: ATTEMPT_TIMEOUT,
    };

    /// Returns the agent's timeout for a phase.
    pub const fn of_agent(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Resolve => self.resolve,
            Phase::Connect => self.connect,
            Phase::Tls => self.tls,
            Phase::Proxy | Phase::Request => self.answer,
        }
    }

    /// Returns the exporter's timeout for a phase, half as long again as the agent's.
    pub fn of_probe(&self, phase: Phase) -> Duration {
        (self.of_agent(phase) * 3 / 2).min(ATTEMPT_TIMEOUT)
    }
}
