//! The open connections: when there are too many, the oldest one that has sent nothing is closed.
//!
//! New connections are always accepted, because the newest may be the kubelet's probe.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

/// Concurrent connections of all clients.
const MAX_CONNECTIONS: usize = 256;
/// Concurrent connections of one IP address.
const MAX_CONNECTIONS_PER_SOURCE: usize = 128;

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
    sources: HashMap<IpAddr, Source>,
}

#[derive(Debug)]
struct Connection {
    id: u64,
    source: IpAddr,
    /// Its [`Progress`].
    progress: Arc<AtomicU8>,
    /// Dropping it closes the connection.
    _close: oneshot::Sender<()>,
}

/// The progress of a client; a connection that has got less far is closed first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
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

#[derive(Debug)]
struct Source {
    connections: usize,
    handshake_turn: Arc<Semaphore>,
}

/// The place of a connection among the open ones, freed on drop.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    open: Arc<OpenConnections>,
    id: u64,
    source: IpAddr,
    progress: Arc<AtomicU8>,
    handshake_turn: Arc<Semaphore>,
}

/// Resolves when a connection must close to make room for a newer one.
pub(super) type Evicted = oneshot::Receiver<()>;

impl OpenConnections {
    /// Adds a connection, and closes another one if there are too many.
    pub(super) fn add(self: &Arc<Self>, source: IpAddr) -> Admission {
        let source = source.to_canonical();
        let (close, evicted) = oneshot::channel();
        let progress = Arc::new(AtomicU8::new(Progress::Idle as u8));
        let mut state = self.state();
        let of_source = state
            .sources
            .get(&source)
            .map_or(0, |source| source.connections);
        let source_is_full = of_source >= MAX_CONNECTIONS_PER_SOURCE;
        let has_evicted = source_is_full || state.connections.len() >= MAX_CONNECTIONS;
        if source_is_full {
            state.evict(source);
        } else if has_evicted {
            state.evict_from_largest_source();
        }
        state.last_id += 1;
        let id = state.last_id;
        state.connections.push(Connection {
            id,
            source,
            progress: Arc::clone(&progress),
            _close: close,
        });
        let entry = state.sources.entry(source).or_insert_with(|| Source {
            connections: 0,
            handshake_turn: Arc::new(Semaphore::new(1)),
        });
        entry.connections += 1;
        let slot = ConnectionSlot {
            open: Arc::clone(self),
            id,
            source,
            progress,
            handshake_turn: Arc::clone(&entry.handshake_turn),
        };
        Admission {
            slot,
            evicted,
            has_evicted,
        }
    }

    /// Closes one connection, to free its file descriptor.
    pub(super) fn evict(&self) {
        self.state().evict_from_largest_source();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn evict_from_largest_source(&mut self) {
        let largest = self
            .sources
            .iter()
            .max_by_key(|(_, source)| source.connections)
            .map(|(source, _)| *source);
        if let Some(largest) = largest {
            self.evict(largest);
        }
    }

    /// Closes the oldest of the connections of a source that have got least far.
    fn evict(&mut self, source: IpAddr) {
        let of_source = self
            .connections
            .iter()
            .enumerate()
            .filter(|(_, connection)| connection.source == source);
        let victim =
            of_source.min_by_key(|(_, connection)| connection.progress.load(Ordering::Relaxed));
        if let Some((victim, _)) = victim {
            self.remove(victim);
        }
    }

    fn remove(&mut self, index: usize) {
        let connection = self.connections.remove(index);
        if let Some(source) = self.sources.get_mut(&connection.source) {
            source.connections -= 1;
            if source.connections == 0 {
                self.sources.remove(&connection.source);
            }
        }
    }
}

impl ConnectionSlot {
    /// Returns the client's address.
    pub(super) fn source(&self) -> IpAddr {
        self.source
    }

    /// Records how far the client has got.
    pub(super) fn record(&self, progress: Progress) {
        self.progress.store(progress as u8, Ordering::Relaxed);
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
        if let Ok(index) = state
            .connections
            .binary_search_by_key(&self.id, |connection| connection.id)
        {
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
        for _ in 0..MAX_CONNECTIONS_PER_SOURCE - 3 {
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
        let flood: Vec<_> = (0..MAX_CONNECTIONS_PER_SOURCE * 4)
            .map(|_| open.add(address(1)))
            .collect();
        assert!(!evicted(&mut probe));
        assert_eq!(open.state().connections.len(), MAX_CONNECTIONS_PER_SOURCE);
        drop(flood);
    }

    #[test]
    fn full_server_closes_a_connection_of_the_largest_source() {
        let open = Arc::new(OpenConnections::default());
        let mut probe = open.add(address(1));
        let mut floods = Vec::new();
        for i in 0..MAX_CONNECTIONS * 2 {
            let source = 2 + u8::try_from(i % 100).unwrap();
            floods.push(open.add(address(source)));
        }
        assert!(!evicted(&mut probe));
        assert_eq!(open.state().connections.len(), MAX_CONNECTIONS);
        drop(floods);
        assert_eq!(open.state().connections.len(), 1);
        assert_eq!(open.state().sources.len(), 1);
    }

    #[test]
    fn full_source_of_requests_loses_the_oldest() {
        let open = Arc::new(OpenConnections::default());
        let mut requested: Vec<_> = (0..MAX_CONNECTIONS_PER_SOURCE)
            .map(|_| open.add(address(1)))
            .collect();
        for admission in &requested {
            admission.slot.record(Progress::Requested);
        }
        let mut newest = open.add(address(1));
        let closed: Vec<_> = requested.iter_mut().map(evicted).collect();
        assert_eq!(closed.iter().filter(|closed| **closed).count(), 1);
        assert!(closed[0] && !evicted(&mut newest));
    }
}
