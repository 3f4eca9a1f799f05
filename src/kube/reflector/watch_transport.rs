//! Carries the requests of kube's watcher over the exporter's own connections.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode, Uri};
use kube::client::Body;
use tokio::sync::Mutex;

use crate::catalogue::Permission;
use crate::kube::client::Client;
use crate::kube::connection::ApiConnection;
use crate::kube::error::ClientError;
use crate::kube::reflector::bounded_body::{self, BoundedBody};
use crate::kube::reflector::watch_health::WatchHealth;
use crate::net::{self, StreamResponse};

/// Most pages of a list, which are enough for 200,000 objects.
const MAX_PAGES: u32 = 2000;
/// A watch that closes sooner counts as failed, which prevents a busy loop.
const MIN_WATCH_DURATION: Duration = Duration::from_secs(1);

/// Sends the requests of one watcher, one after the other on one connection while it lasts.
pub(super) struct WatchTransport {
    client: Client,
    permission: &'static Permission,
    health: Arc<WatchHealth>,
    session: Mutex<Session>,
}

#[derive(Default)]
struct Session {
    connection: Option<ApiConnection>,
    /// Pages of the current list so far.
    pages: u32,
    /// Start of the last watch.
    watch_began: Option<Instant>,
}

/// The request that a watcher sends.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Verb {
    List,
    Watch,
}

impl WatchTransport {
    /// Returns kube's client on a new transport.
    pub(super) fn client(
        client: &Client,
        permission: &'static Permission,
        health: &Arc<WatchHealth>,
    ) -> kube::Client {
        let transport = Arc::new(Self {
            client: client.clone(),
            permission,
            health: Arc::clone(health),
            session: Mutex::default(),
        });
        let service = tower::service_fn(move |request: Request<Body>| {
            let transport = Arc::clone(&transport);
            async move { transport.send(request.uri()).await }
        });
        kube::Client::new(service, "")
    }

    async fn send(&self, uri: &Uri) -> Result<Response<BoundedBody>, ClientError> {
        let query = uri.query().unwrap_or_default();
        let verb = if query.contains("watch=true") {
            Verb::Watch
        } else {
            Verb::List
        };
        let mut session = self.session.lock().await;
        self.limit(&mut session, verb, query)?;
        let path = uri.path();
        // kube begins its queries with an ampersand.
        let target = format!("{path}?{}", query.trim_start_matches('&'));
        let stream = match self.stream(&mut session, verb, path, &target).await {
            Ok(stream) => stream,
            Err(error) => {
                // The next request reads the credentials again.
                session.connection = None;
                return Err(error);
            }
        };
        let body = match verb {
            Verb::List => {
                let permission = self.permission;
                bounded_body::list(stream, move |cause| malformed(permission, cause))
            }
            Verb::Watch => {
                // The API server sends all later events from here, so the cache is current even
                // without one.
                self.health.heard();
                bounded_body::watch(stream, Arc::clone(&self.health))
            }
        };
        Ok(Response::new(body))
    }

    /// Counts a request, and rejects endless lists and watches that close immediately.
    fn limit(&self, session: &mut Session, verb: Verb, query: &str) -> Result<(), ClientError> {
        let is_next_page = query.contains("&continue=");
        session.pages = if is_next_page { session.pages + 1 } else { 1 };
        if session.pages > MAX_PAGES {
            return Err(malformed(
                self.permission,
                &format!("it has more than {MAX_PAGES} pages"),
            ));
        }
        let last_watch = session.watch_began.take();
        if verb == Verb::Watch {
            if last_watch.is_some_and(|began| began.elapsed() < MIN_WATCH_DURATION) {
                return Err(malformed(
                    self.permission,
                    &"the API server closed the watch immediately",
                ));
            }
            session.watch_began = Some(Instant::now());
        }
        Ok(())
    }

    async fn stream(
        &self,
        session: &mut Session,
        verb: Verb,
        path: &str,
        target: &str,
    ) -> Result<net::Stream, ClientError> {
        let api = match &mut session.connection {
            Some(api) => api,
            none => none.insert(self.client.connect().await?),
        };
        match api.stream(target).await? {
            StreamResponse::Stream(stream) => Ok(stream),
            StreamResponse::Rejected(response) if response.status == StatusCode::FORBIDDEN => {
                let Permission {
                    group, resource, ..
                } = self.permission;
                let dot = if group.is_empty() { "" } else { "." };
                Err(api.forbidden(format!(
                    "{verb} {resource}{dot}{group} ({path}): {}",
                    response.quoted()
                )))
            }
            StreamResponse::Rejected(response) => {
                if response.status == StatusCode::UNAUTHORIZED {
                    self.client.discard_credential();
                }
                let request = format!("GET {path} ({verb})");
                Err(ClientError::rejected(&request, &response, None))
            }
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Watch => "watch",
        })
    }
}

/// Returns the error for a response that is not a list or watch of a resource.
pub(super) fn malformed(permission: &Permission, cause: &dyn fmt::Display) -> ClientError {
    ClientError::Malformed {
        subject: permission.resource.to_owned(),
        cause: cause.to_string(),
    }
}
