//! Bounded log of connections and requests, timed by the server's clock.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::mutex::lock;
use crate::request::Request;

/// The latest connections of a server, oldest first.
#[derive(Clone, Debug, Default)]
pub struct RequestLog {
    connections: Arc<Mutex<VecDeque<Arc<Mutex<Connection>>>>>,
}

/// A logged connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Address of the client.
    pub peer: SocketAddr,
    /// Time when the server accepted the connection.
    pub accepted: Instant,
    /// Time when the client's first byte was readable: its `ClientHello`, or its plain-HTTP request.
    pub first_byte: Option<Instant>,
    /// Time when the server completed the TLS handshake.
    pub handshake_completed: Option<Instant>,
    /// SNI host name.
    pub server_name: Option<String>,
    /// Requests on this connection.
    pub exchanges: Vec<Exchange>,
    /// Time when the server closed the connection.
    pub closed: Option<Instant>,
}

/// A request and the times of its response.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    /// Time when the request had arrived completely.
    pub received: Instant,
    /// Time when the response's first byte was handed to the kernel.
    pub first_byte_sent: Option<Instant>,
    /// Time when the response's last byte was handed to the kernel.
    pub last_byte_sent: Option<Instant>,
}

/// Updates the log entry of an open connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionRecorder {
    connection: Arc<Mutex<Connection>>,
}

/// Number of connections to keep.
const MAX_CONNECTIONS: usize = 1024;
/// Number of requests to keep per connection.
const MAX_REQUESTS_PER_CONNECTION: usize = 64;

// === impl RequestLog ===

impl RequestLog {
    /// Returns the connections so far, oldest first.
    pub fn connections(&self) -> Vec<Connection> {
        lock(&self.connections)
            .iter()
            .map(|connection| lock(connection).clone())
            .collect()
    }

    /// Returns the requests so far, grouped by connection.
    pub fn requests(&self) -> Vec<Request> {
        let exchanges = self
            .connections()
            .into_iter()
            .flat_map(|connection| connection.exchanges);
        exchanges.map(|exchange| exchange.request).collect()
    }

    /// Removes all entries.
    pub fn clear(&self) {
        lock(&self.connections).clear();
    }

    pub(crate) fn open(&self, peer: SocketAddr, accepted: Instant) -> ConnectionRecorder {
        let connection = Arc::new(Mutex::new(Connection {
            peer,
            accepted,
            first_byte: None,
            handshake_completed: None,
            server_name: None,
            exchanges: Vec::new(),
            closed: None,
        }));
        let mut connections = lock(&self.connections);
        if connections.len() == MAX_CONNECTIONS {
            connections.pop_front();
        }
        connections.push_back(connection.clone());
        ConnectionRecorder { connection }
    }
}

// === impl ConnectionRecorder ===

impl ConnectionRecorder {
    pub(crate) fn first_byte(&self) {
        lock(&self.connection).first_byte = Some(Instant::now());
    }

    pub(crate) fn handshake_completed(&self, server_name: Option<&str>) {
        let now = Instant::now();
        let mut connection = lock(&self.connection);
        connection.handshake_completed = Some(now);
        connection.server_name = server_name.map(str::to_owned);
    }

    pub(crate) fn request_received(&self, request: Request) {
        let received = Instant::now();
        let mut connection = lock(&self.connection);
        if connection.exchanges.len() < MAX_REQUESTS_PER_CONNECTION {
            connection.exchanges.push(Exchange {
                request,
                received,
                first_byte_sent: None,
                last_byte_sent: None,
            });
        }
    }

    pub(crate) fn response_started(&self) {
        let now = Instant::now();
        if let Some(exchange) = lock(&self.connection).exchanges.last_mut() {
            exchange.first_byte_sent.get_or_insert(now);
        }
    }

    pub(crate) fn response_sent(&self) {
        let now = Instant::now();
        if let Some(exchange) = lock(&self.connection).exchanges.last_mut() {
            exchange.last_byte_sent = Some(now);
        }
    }

    pub(crate) fn closed(&self) {
        lock(&self.connection).closed = Some(Instant::now());
    }
}
