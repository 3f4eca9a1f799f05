//! State shared by all connections.

use crate::config::OpenRoutes;
use crate::server::auth_policy::Access;
use crate::server::handlers::Handlers;
use crate::server::handshake_queue::HandshakeQueue;

/// State shared by all connections.
pub(super) struct Shared {
    pub(super) handlers: Handlers,
    pub(super) access: Access,
    pub(super) prefix: String,
    pub(super) open_routes: OpenRoutes,
    pub(super) handshakes: HandshakeQueue,
}
