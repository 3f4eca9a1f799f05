//! What a server saw, by its own clock: a bounded log of connections and their requests.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::request::Request;

/// The latest connections of a server, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    connections: Arc<Mutex<VecDeque<Arc<Mutex<Connection>>>>>,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Whose it was.
    pub peer: SocketAddr,
    /// When the server took it from the kernel.
    pub accepted: Instant,
    /// When the client's first byte was there: its TLS hello, or its request without TLS.
    pub first_byte: Option<Instant>,
    /// When the server had finished the TLS handshake.
    pub handshaken: Option<Instant>,
    /// The server name that the client asked for.
    pub server_name: Option<String>,
    /// What was asked on it.
    pub exchanges: Vec<Exchange>,
    /// When the server was done with it.
    pub ended: Option<Instant>,
}

/// One request and when its answer went out.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    /// When it had arrived completely.
    pub received: Instant,
    /// When the answer's first byte was handed to the kernel.
    pub first_byte_sent: Option<Instant>,
    /// When the answer's last byte was handed to the kernel.
    pub last_byte_sent: Option<Instant>,
}

/// A connection while it is written down.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    connection: Arc<Mutex<Connection>>,
}

/// Connections kept.
const CONNECTIONS: usize = 1024;
/// Requests kept of one connection.
const EXCHANGES: usize = 64;

// === impl Journal ===

impl Journal {
    /// The connections so far, oldest first.
    pub fn connections(&self) -> Vec<Connection> {
        lock(&self.connections)
            .iter()
            .map(|connection| lock(connection).clone())
            .collect()
    }

    /// The requests so far, connection by connection.
    pub fn requests(&self) -> Vec<Request> {
        let exchanges = self
            .connections()
            .into_iter()
            .flat_map(|connection| connection.exchanges);
        exchanges.map(|exchange| exchange.request).collect()
    }

    /// Forgets what was.
    pub fn clear(&self) {
        lock(&self.connections).clear();
    }

    pub(crate) fn open(&self, peer: SocketAddr, accepted: Instant) -> Entry {
        let connection = Arc::new(Mutex::new(Connection {
            peer,
            accepted,
            first_byte: None,
            handshaken: None,
            server_name: None,
            exchanges: Vec::new(),
            ended: None,
        }));
        let mut connections = lock(&self.connections);
        if connections.len() == CONNECTIONS {
            connections.pop_front();
        }
        connections.push_back(connection.clone());
        Entry { connection }
    }
}

// === impl Entry ===

impl Entry {
    pub(crate) fn first_byte(&self) {
        lock(&self.connection).first_byte = Some(Instant::now());
    }

    pub(crate) fn handshaken(&self, server_name: Option<&str>) {
        let now = Instant::now();
        let mut connection = lock(&self.connection);
        connection.handshaken = Some(now);
        connection.server_name = server_name.map(str::to_owned);
    }

    pub(crate) fn request(&self, request: Request) {
        let received = Instant::now();
        let mut connection = lock(&self.connection);
        if connection.exchanges.len() < EXCHANGES {
            connection.exchanges.push(Exchange {
                request,
                received,
                first_byte_sent: None,
                last_byte_sent: None,
            });
        }
    }

    pub(crate) fn answering(&self) {
        let now = Instant::now();
        if let Some(exchange) = lock(&self.connection).exchanges.last_mut() {
            exchange.first_byte_sent.get_or_insert(now);
        }
    }

    pub(crate) fn answered(&self) {
        let now = Instant::now();
        if let Some(exchange) = lock(&self.connection).exchanges.last_mut() {
            exchange.last_byte_sent = Some(now);
        }
    }

    pub(crate) fn ended(&self) {
        lock(&self.connection).ended = Some(Instant::now());
    }
}

/// Locks; the data is plain, so a panic elsewhere cannot have broken it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
