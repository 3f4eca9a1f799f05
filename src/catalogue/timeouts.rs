//! How long the agent waits, and how long we do: one table.

use std::time::Duration;

use crate::catalogue::check::Phase;

/// How long the agent waits for each phase of a target; a phase without a limit has only the attempt's.
///
/// Ours are half as long again, so that an answer just beyond the agent's patience is seen and named `*_slow`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Limits {
    /// Name resolution. Go's resolver gives each query 5 s.
    pub resolve: Duration,
    /// TCP connection.
    pub connect: Duration,
    /// TLS handshake.
    pub tls: Duration,
    /// Answer of the proxy or of the server, headers and body.
    pub answer: Duration,
}

/// The whole attempt, whatever the phases.
pub const ATTEMPT: Duration = Duration::from_secs(25);

/// Beyond this, what a watch said before is not believed any longer.
pub const WATCH_SILENCE: Duration = Duration::from_mins(3);
/// A watch that says nothing for so long is given up for a new list; API servers send a bookmark every minute.
pub const WATCH_PATIENCE: Duration = Duration::from_mins(2);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Limits {
    /// Name resolution alone.
    pub const DNS: Self = Self {
        resolve: seconds(10),
        ..Self::NONE
    };
    /// client-go: TLS handshake 10 s; the agent's lease gives up after 10 s without an answer.
    pub const APISERVER: Self = Self {
        resolve: seconds(5),
        connect: seconds(10),
        tls: seconds(10),
        answer: seconds(10),
    };
    /// The agent's HTTP client for CAST AI: dial 5 s (name included), TLS 5 s, answer 10 s (`API_TIMEOUT`).
    pub const CASTAI_API: Self = Self {
        resolve: seconds(5),
        connect: seconds(5),
        tls: seconds(5),
        answer: seconds(10),
    };
    /// The SDK's client for instance metadata: three tries of 250 ms to connect and 500 ms to answer, and pauses between.
    pub const IMDS: Self = Self {
        connect: seconds(1),
        answer: seconds(2),
        ..Self::NONE
    };
    /// The agent gives each value 10 s, the way included; a server on the node that takes seconds to accept is none.
    pub const GCE_METADATA: Self = Self {
        resolve: seconds(2),
        connect: seconds(3),
        answer: seconds(10),
        ..Self::NONE
    };
    /// The agent's client for Azure's metadata gives everything two seconds.
    pub const AZURE_IMDS: Self = Self {
        resolve: seconds(2),
        connect: seconds(2),
        answer: seconds(2),
        ..Self::NONE
    };
    /// The SDK's client for AWS's services: name 5 s for each query, TLS 10 s. It would wait 30 s for a connection, and for
    /// an answer as long as `EKS_API_TIMEOUT` says (120 s); but every snapshot waits with it, so that 10 s are late.
    pub const AWS: Self = Self {
        resolve: seconds(5),
        connect: seconds(10),
        tls: seconds(10),
        answer: seconds(10),
    };
    /// The SDK's client for credentials of the node: it would wait 30 s for a connection, and for ever for an answer; but
    /// every snapshot waits with it, and nobody is far away.
    pub const CREDENTIALS: Self = Self {
        connect: seconds(2),
        answer: seconds(5),
        ..Self::NONE
    };
    /// For what is read of the cluster beside the point of a check: it waits for itself, not as the agent does.
    pub const ASIDE: Self = Self {
        resolve: seconds(1),
        connect: seconds(2),
        tls: seconds(2),
        answer: seconds(2),
    };
    /// What a container wrote: the kubelet of a node that is gone never answers, and the other logs wait.
    pub const LOGS: Self = Self {
        resolve: seconds(1),
        connect: seconds(2),
        tls: seconds(2),
        answer: seconds(3),
    };
    /// The exporter's own questions to a cloud; the agent asks none of them.
    pub const CONTROL_PLANE: Self = Self {
        resolve: seconds(2),
        connect: seconds(3),
        tls: seconds(3),
        answer: seconds(5),
    };
    /// The agent itself, from its own pod: kubelet's probe gives it a second.
    pub const AGENT: Self = Self {
        connect: seconds(1),
        answer: seconds(2),
        ..Self::NONE
    };
    /// For checks that go nowhere.
    pub const NONE: Self = Self {
        resolve: ATTEMPT,
        connect: ATTEMPT,
        tls: ATTEMPT,
        answer: ATTEMPT,
    };

    /// How long the agent waits for a phase.
    pub const fn of(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Resolve => self.resolve,
            Phase::Connect => self.connect,
            Phase::Tls => self.tls,
            Phase::Proxy | Phase::Request => self.answer,
        }
    }

    /// How long we wait for a phase: half as long again as the agent.
    pub fn ours(&self, phase: Phase) -> Duration {
        (self.of(phase) * 3 / 2).min(ATTEMPT)
    }
}
