//! Caches the objects of one resource, which kube's watcher lists and watches.

mod bounded_body;
mod listed_objects;
mod object_set;
mod watch_health;
mod watch_transport;
mod watched_object;

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::StatusCode;
use kube::Api;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use self::bounded_body::TOO_LARGE_CODE;
use self::listed_objects::ListedObjects;
use self::object_set::ObjectSet;
use self::watch_health::{WatchHealth, WatchState};
use self::watch_transport::{WatchTransport, malformed};
use self::watched_object::WatchedObject;
use crate::catalogue::timeouts::{FIRST_LIST_WAIT, LIST_TIMEOUT, WATCH_STALE_AFTER};
use crate::catalogue::{FailureMode, Permission};
use crate::kube::client::Client;
use crate::kube::error::ClientError;
use crate::kube::types::cached_object::CachedObject;
use crate::kube::types::left_out::{LeftOut, LeftOutReason};

/// Objects per page of a list. kube holds a page as a whole.
const PAGE_SIZE: u32 = 100;
/// Shortest requested duration of a watch, and the range of its jitter, in seconds. kube allows
/// less than 295.
const WATCH_SECONDS: (u32, u32) = (200, 90);

/// A cache of one resource.
pub struct Reflector<K: CachedObject> {
    permission: &'static Permission,
    namespace: Option<String>,
    field_selector: Option<&'static str>,
    objects: Mutex<ObjectSet<K>>,
    health: Arc<WatchHealth>,
    /// Whether the first list succeeded or failed.
    initialized: watch::Sender<bool>,
    /// The watch after an error from which it can resume.
    interrupted: Mutex<Option<Events<K>>>,
}

type Events<K> = BoxStream<'static, watcher::Result<Event<WatchedObject<K>>>>;

/// The end of a watch.
struct WatchEnd {
    error: ClientError,
    /// Whether the watch can resume without a new list.
    resumes: bool,
}

impl<K: CachedObject> Reflector<K> {
    /// Returns an empty reflector for the objects in a namespace, or in all.
    pub(super) fn new(
        permission: &'static Permission,
        namespace: Option<&str>,
        field_selector: Option<&'static str>,
    ) -> Self {
        Self {
            permission,
            namespace: namespace.map(str::to_owned),
            field_selector,
            objects: Mutex::default(),
            health: Arc::default(),
            initialized: watch::Sender::new(false),
            interrupted: Mutex::default(),
        }
    }

    /// Returns the permission that list and watch require.
    pub fn permission(&self) -> &'static Permission {
        self.permission
    }

    /// Waits for the first list and returns the cached objects.
    ///
    /// # Errors
    /// If the first list failed or does not end, or if the watch is stale.
    pub async fn read(&self) -> Result<Vec<Arc<K>>, ClientError> {
        let mut initialized = self.initialized.subscribe();
        let listed = timeout(FIRST_LIST_WAIT, initialized.wait_for(|listed| *listed));
        if listed.await.is_err() {
            return Err(
                self.malformed(&format!("the list has not ended after {FIRST_LIST_WAIT:?}"))
            );
        }
        match self.health.state(WATCH_STALE_AFTER) {
            WatchState::Current => Ok(lock(&self.objects).all()),
            WatchState::Failed(error) => Err(error),
            WatchState::Stale(silence, error) => Err(ClientError::Stale {
                resource: self.permission.resource,
                seconds: silence.as_secs(),
                cause: error.map(Box::new),
            }),
        }
    }

    /// Returns the number of objects that are left out of the cache.
    pub fn left_out(&self) -> LeftOut {
        lock(&self.objects).left_out()
    }

    /// Empties the cache, so that readers wait for the next list.
    pub(super) fn reset(&self) {
        *lock(&self.interrupted) = None;
        *lock(&self.objects) = ObjectSet::default();
        self.health.reset();
        self.initialized.send_replace(false);
    }

    /// Lists and watches until an error occurs, which is then stored for readers. Resumes the watch
    /// of the previous run where that is possible.
    pub(super) async fn run(&self, client: &Client) {
        let interrupted = lock(&self.interrupted).take();
        let mut events = interrupted.unwrap_or_else(|| self.events(client));
        let WatchEnd { error, resumes } = self.follow(&mut events).await;
        tracing::debug!(resource = self.permission.resource, %error, "watch failed");
        if let ClientError::Forbidden { .. } = error {
            // A missing permission invalidates the cache at once.
            self.health.reset();
            *lock(&self.objects) = ObjectSet::default();
        }
        *lock(&self.interrupted) = resumes.then_some(events);
        self.health.failed(error);
        self.initialized.send_replace(true);
    }

    /// Returns the events of a new watch, which begins with a list.
    fn events(&self, client: &Client) -> Events<K> {
        let client = WatchTransport::client(client, self.permission, &self.health);
        let api: Api<WatchedObject<K>> = match &self.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &self.permission),
            None => Api::all_with(client, &self.permission),
        };
        let config = watcher::Config {
            field_selector: self.field_selector.map(str::to_owned),
            timeout: Some(WATCH_SECONDS.0 + jitter() % WATCH_SECONDS.1),
            page_size: Some(PAGE_SIZE),
            ..watcher::Config::default()
        };
        watcher(api, config).boxed()
    }

    /// Applies events until the watch fails.
    async fn follow(&self, events: &mut Events<K>) -> WatchEnd {
        let mut listed: Option<(ListedObjects<K>, Instant)> = None;
        loop {
            let list_deadline = listed.as_ref().map(|(_, deadline)| *deadline);
            let event = tokio::select! {
                event = events.next() => event.expect("kube's watcher does not end"),
                () = sleep_until_some(list_deadline) => {
                    return self.lists_anew(&format!("the list did not end within {LIST_TIMEOUT:?}"));
                }
            };
            match (event, &mut listed) {
                (Ok(Event::Init), _) => {
                    listed = Some((ListedObjects::default(), Instant::now() + LIST_TIMEOUT));
                }
                (Ok(Event::InitApply(object)), Some((listed, _))) => {
                    listed.add(object, &lock(&self.objects));
                }
                (Ok(Event::InitDone), _) => {
                    let Some((list, _)) = listed.take() else {
                        continue;
                    };
                    match list.finish() {
                        Ok(objects) => *lock(&self.objects) = objects,
                        Err(error) => return self.lists_anew(&error),
                    }
                    self.health.heard();
                    self.initialized.send_replace(true);
                }
                (Ok(Event::Apply(object) | Event::InitApply(object)), _) => self.apply(object),
                (Ok(Event::Delete(object)), _) => lock(&self.objects).remove(object.uid()),
                (Err(error), _) => {
                    if let Some(end) = self.end(&error) {
                        return end;
                    }
                }
            }
        }
    }

    fn apply(&self, object: WatchedObject<K>) {
        let uid = object.uid().to_owned();
        let mut objects = lock(&self.objects);
        match object.content {
            Ok(raw) => match K::from_raw(raw, objects.get(&uid)) {
                Some(object) => objects.insert(&uid, object),
                None => objects.remove(&uid),
            },
            Err(unreadable) => objects.leave_out(&uid, unreadable.reason),
        }
    }

    /// Returns the end of the watch, or `None` if the watcher recovers by itself.
    fn end(&self, error: &watcher::Error) -> Option<WatchEnd> {
        if let watcher::Error::WatchError(status) = error {
            match status.code {
                // The watcher lists again.
                code if code == StatusCode::GONE.as_u16() => return None,
                TOO_LARGE_CODE => {
                    // Its previous form stays until the next list.
                    lock(&self.objects).leave_out("", LeftOutReason::TooLarge);
                    return None;
                }
                _ => return Some(self.lists_anew(&status.message)),
            }
        }
        let Some(cause) = client_error(error) else {
            return Some(self.lists_anew(&error));
        };
        let resumes = match cause {
            ClientError::Forbidden { .. } | ClientError::Rejected { .. } => false,
            // Events may have been lost without bookmarks.
            ClientError::Request(finding) => finding.mode != FailureMode::HttpTimeout,
            _ => true,
        };
        Some(WatchEnd {
            error: cause.clone(),
            resumes,
        })
    }

    fn lists_anew(&self, cause: &dyn fmt::Display) -> WatchEnd {
        WatchEnd {
            error: self.malformed(cause),
            resumes: false,
        }
    }

    fn malformed(&self, cause: &dyn fmt::Display) -> ClientError {
        malformed(self.permission, cause)
    }
}

impl<K: CachedObject> fmt::Debug for Reflector<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reflector")
            .field("resource", &self.permission.resource)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// Returns the error of our transport that kube wraps.
fn client_error(error: &watcher::Error) -> Option<&ClientError> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

async fn sleep_until_some(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Returns a number that differs between watches, so that they do not all expire at the same time.
fn jitter() -> u32 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_micros())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
