//! The open connections: when there are too many, the oldest one that has sent nothing is closed.
//!
//! New connections are always accepted, because the newest may be the kubelet's probe. One that has
//! sent nothing costs little, so more of those are kept: a client has time to send its request even
//! if others from its address open connections all the time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

/// Concurrent connections that have sent nothing, of all clients and of one IP address.
const MAX_IDLE: Limits = Limits {
    total: 512,
    per_source: 448,
};
/// The same for those that have sent something, which have buffers.
const MAX_STARTED: Limits = Limits {
    total: 128,
    per_source: 64,
};

/// The open connections of all listeners.
#[derive(Debug, Default)]
pub(super) struct OpenConnections {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    /// The oldest first.
    connections: Vec<Connection>,
    /// One turn for the handshakes of each client's address.
    handshake_turns: HashMap<IpAddr, Arc<Semaphore>>,
}

#[derive(Debug)]
struct Connection {
    id: u64,
    source: IpAddr,
    progress: Progress,
    /// Dropping it closes the connection.
    _close: oneshot::Sender<()>,
}

/// Largest numbers of connections.
#[derive(Clone, Copy)]
struct Limits {
    total: usize,
    per_source: usize,
}

/// The progress of a client; a connection that has got less far is closed first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Progress {
    /// It has sent nothing.
    Idle,
    /// Part of a handshake or of a request has arrived.
    Started,
    /// Its request has arrived.
    Requested,
}

/// A connection that was added.
#[derive(Debug)]
pub(super) struct Admission {
    /// Its place.
    pub(super) slot: ConnectionSlot,
    /// Resolves when it must close to make room for a newer one.
    pub(super) evicted: Evicted,
    /// Whether another one was closed to make room for it.
    pub(super) has_evicted: bool,
}

/// The place of a connection among the open ones, freed on drop.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    open: Arc<OpenConnections>,
    id: u64,
    source: IpAddr,
    handshake_turn: Arc<Semaphore>,
}

/// Resolves when a connection must close to make room for a newer one.
pub(super) type Evicted = oneshot::Receiver<()>;

impl OpenConnections {
    /// Adds a connection, and closes another one if there are too many.
    pub(super) fn add(self: &Arc<Self>, source: IpAddr) -> Admission {
        let source = source.to_canonical();
        let (close, evicted) = oneshot::channel();
        let mut state = self.state();
        let is_idle = |connection: &Connection| connection.progress == Progress::Idle;
        let has_evicted = state.make_room(source, MAX_IDLE, is_idle);
        state.last_id += 1;
        let id = state.last_id;
        state.connections.push(Connection {
            id,
            source,
            progress: Progress::Idle,
            _close: close,
        });
        let turn = state
            .handshake_turns
            .entry(source)
            .or_insert_with(|| Arc::new(Semaphore::new(1)));
        let slot = ConnectionSlot {
            open: Arc::clone(self),
            id,
            source,
            handshake_turn: Arc::clone(turn),
        };
        Admission {
            slot,
            evicted,
            has_evicted,
        }
    }

    /// Closes one connection, to free its file descriptor.
    pub(super) fn evict(&self) {
        self.state().evict_from_largest_source(|_| true);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Closes a connection of a kind if there are too many of it, and returns whether it did.
    fn make_room(
        &mut self,
        source: IpAddr,
        limits: Limits,
        is_kind: fn(&Connection) -> bool,
    ) -> bool {
        let of_kind = self.connections.iter().filter(|one| is_kind(one));
        let total = of_kind.clone().count();
        if of_kind.filter(|one| one.source == source).count() >= limits.per_source {
            self.evict(source, is_kind);
        } else if total >= limits.total {
            self.evict_from_largest_source(is_kind);
        } else {
            return false;
        }
        true
    }

    fn evict_from_largest_source(&mut self, is_kind: fn(&Connection) -> bool) {
        let mut sources: HashMap<IpAddr, usize> = HashMap::new();
        for connection in self.connections.iter().filter(|one| is_kind(one)) {
            *sources.entry(connection.source).or_default() += 1;
        }
        if let Some((largest, _)) = sources.into_iter().max_by_key(|(_, count)| *count) {
            self.evict(largest, is_kind);
        }
    }

    /// Closes the oldest of the connections of a kind and source that have got least far.
    fn evict(&mut self, source: IpAddr, is_kind: fn(&Connection) -> bool) {
        let candidates = self
            .connections
            .iter()
            .enumerate()
            .filter(|(_, connection)| connection.source == source && is_kind(connection));
        let victim = candidates.min_by_key(|(_, connection)| connection.progress);
        if let Some((victim, _)) = victim {
            self.remove(victim);
        }
    }

    /// Returns the index of a connection; `None` if it was closed to make room.
    fn position(&self, id: u64) -> Option<usize> {
        let found = self
            .connections
            .binary_search_by_key(&id, |connection| connection.id);
        found.ok()
    }

    fn remove(&mut self, index: usize) {
        let source = self.connections.remove(index).source;
        if self.connections.iter().all(|one| one.source != source) {
            self.handshake_turns.remove(&source);
        }
    }
}

impl ConnectionSlot {
    /// Returns the client's address.
    pub(super) fn source(&self) -> IpAddr {
        self.source
    }

    /// Records that the client has got further, and closes another connection if too many have.
    pub(super) fn record(&self, progress: Progress) {
        let mut state = self.open.state();
        let Some(index) = state.position(self.id) else {
            return;
        };
        if state.connections[index].progress == Progress::Idle {
            let has_started = |connection: &Connection| connection.progress != Progress::Idle;
            state.make_room(self.source, MAX_STARTED, has_started);
        }
        if let Some(index) = state.position(self.id) {
            state.connections[index].progress = progress;
        }
    }

    /// Returns the semaphore that orders the handshakes of this client's address.
    pub(super) fn handshake_turn(&self) -> &Semaphore {
        &self.handshake_turn
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut state = self.open.state();
        // An evicted connection is no longer listed.
        if let Some(index) = state.position(self.id) {
            state.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evicted(admission: &mut Admission) -> bool {
        let received = admission.evicted.try_recv();
        !matches!(received, Err(oneshot::error::TryRecvError::Empty))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn full_source_loses_its_oldest_idle_connection() {
        let open = Arc::new(OpenConnections::default());
        let mut other = open.add(address(1));
        let mut requested = open.add(address(2));
        requested.slot.record(Progress::Requested);
        let mut started = open.add(address(2));
        started.slot.record(Progress::Started);
        let mut idle = open.add(address(2));
        let mut newer = Vec::new();
        for _ in 0..MAX_IDLE.per_source - 1 {
            newer.push(open.add(address(2)));
        }
        assert!(!evicted(&mut idle) && newer.iter().all(|newer| !newer.has_evicted));
        newer.push(open.add(IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0x0a00, 2])));
        assert!(evicted(&mut idle) && newer.iter().any(|newer| newer.has_evicted));
        for kept in newer
            .iter_mut()
            .chain([&mut requested, &mut started, &mut other])
        {
            assert!(!evicted(kept));
        }
    }

    #[test]
    fn request_that_has_begun_outlives_any_number_of_idle_connections() {
        let open = Arc::new(OpenConnections::default());
        let mut probe = open.add(address(1));
        probe.slot.record(Progress::Started);
        let flood: Vec<_> = (0..MAX_IDLE.per_source * 4)
            .map(|_| open.add(address(1)))
            .collect();
        assert!(!evicted(&mut probe));
        assert_eq!(open.state().connections.len(), MAX_IDLE.per_source + 1);
        drop(flood);
    }

    #[test]
    fn full_server_closes_a_connection_of_the_largest_source() {
        let open = Arc::new(OpenConnections::default());
        let mut probe = open.add(address(1));
        let mut floods = Vec::new();
        for i in 0..MAX_IDLE.total * 2 {
            let source = 2 + u8::try_from(i % 100).unwrap();
            floods.push(open.add(address(source)));
        }
        assert!(!evicted(&mut probe));
        assert_eq!(open.state().connections.len(), MAX_IDLE.total);
        drop(floods);
        assert_eq!(open.state().connections.len(), 1);
        assert_eq!(open.state().handshake_turns.len(), 1);
    }

    #[test]
    fn full_source_of_requests_loses_the_oldest() {
        let open = Arc::new(OpenConnections::default());
        let mut requested: Vec<_> = (0..MAX_STARTED.per_source)
            .map(|_| open.add(address(1)))
            .collect();
        for admission in &requested {
            admission.slot.record(Progress::Requested);
        }
        let mut newest = open.add(address(1));
        assert!(!requested.iter_mut().any(evicted), "it has sent nothing");
        newest.slot.record(Progress::Started);
        let closed: Vec<_> = requested.iter_mut().map(evicted).collect();
        assert_eq!(closed.iter().filter(|closed| **closed).count(), 1);
        assert!(closed[0] && !evicted(&mut newest));
    }
}
