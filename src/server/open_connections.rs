//! The open connections: when there are too many, the oldest idle one is closed.
//!
//! New connections are always accepted, because the newest may be the kubelet's probe.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

/// Concurrent connections of all clients.
const MAX_CONNECTIONS: usize = 128;
/// Concurrent connections of one IP address.
const MAX_CONNECTIONS_PER_SOURCE: usize = 64;

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
    /// Whether its request has arrived.
    busy: Arc<AtomicBool>,
    /// Dropping it closes the connection.
    _close: oneshot::Sender<()>,
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
    busy: Arc<AtomicBool>,
    handshake_turn: Arc<Semaphore>,
}

/// Resolves when a connection must close to make room for a newer one.
pub(super) type Evicted = oneshot::Receiver<()>;

impl OpenConnections {
    /// Adds a connection, and closes another one if there are too many.
    pub(super) fn add(self: &Arc<Self>, source: IpAddr) -> (ConnectionSlot, Evicted) {
        let source = source.to_canonical();
        let (close, evicted) = oneshot::channel();
        let busy = Arc::new(AtomicBool::new(false));
        let mut state = self.state();
        let of_source = state
            .sources
            .get(&source)
            .map_or(0, |source| source.connections);
        if of_source >= MAX_CONNECTIONS_PER_SOURCE {
            state.evict(source);
        } else if state.connections.len() >= MAX_CONNECTIONS {
            state.evict_from_largest_source();
        }
        state.last_id += 1;
        let id = state.last_id;
        state.connections.push(Connection {
            id,
            source,
            busy: Arc::clone(&busy),
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
            busy,
            handshake_turn: Arc::clone(&entry.handshake_turn),
        };
        (slot, evicted)
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

    /// Closes the oldest idle connection of a source, or its oldest if all are busy.
    fn evict(&mut self, source: IpAddr) {
        let of_source = |connection: &Connection| connection.source == source;
        let idle = |connection: &Connection| {
            of_source(connection) && !connection.busy.load(Ordering::Relaxed)
        };
        let victim = self
            .connections
            .iter()
            .position(idle)
            .or_else(|| self.connections.iter().position(of_source));
        if let Some(victim) = victim {
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

    /// Marks that the request has arrived: the connection is no longer idle.
    pub(super) fn set_busy(&self) {
        self.busy.store(true, Ordering::Relaxed);
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

    fn evicted(evicted: &mut Evicted) -> bool {
        !matches!(evicted.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn full_source_loses_its_oldest_idle_connection() {
        let open = Arc::new(OpenConnections::default());
        let (_other, mut other) = open.add(address(1));
        let (busy_slot, mut busy) = open.add(address(2));
        busy_slot.set_busy();
        let (_idle_slot, mut idle) = open.add(address(2));
        let mut newer = Vec::new();
        for _ in 0..MAX_CONNECTIONS_PER_SOURCE - 2 {
            newer.push(open.add(address(2)));
        }
        assert!(!evicted(&mut idle));
        newer.push(open.add(IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0x0a00, 2])));
        assert!(evicted(&mut idle));
        assert!(!evicted(&mut busy) && !evicted(&mut other));
        assert!(newer.iter_mut().all(|(_, newer)| !evicted(newer)));
    }

    #[test]
    fn full_server_closes_a_connection_of_the_largest_source() {
        let open = Arc::new(OpenConnections::default());
        let (_probe, mut probe) = open.add(address(1));
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
    fn full_source_of_busy_connections_loses_the_oldest() {
        let open = Arc::new(OpenConnections::default());
        let mut busy: Vec<_> = (0..MAX_CONNECTIONS_PER_SOURCE)
            .map(|_| open.add(address(1)))
            .collect();
        for (slot, _) in &busy {
            slot.set_busy();
        }
        let (_newest, mut newest) = open.add(address(1));
        let closed: Vec<_> = busy.iter_mut().map(|(_, busy)| evicted(busy)).collect();
        assert_eq!(closed.iter().filter(|closed| **closed).count(), 1);
        assert!(closed[0] && !evicted(&mut newest));
    }
}
