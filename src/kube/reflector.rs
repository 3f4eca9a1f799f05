//! Caches the objects of one resource with a list and a watch.

mod cache;
mod listed_objects;
mod object_set;
mod watch_event;

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use self::cache::Cache;
use self::listed_objects::ListedObjects;
use self::object_set::ObjectSet;
use self::watch_event::{WatchEvent, metadata};
use crate::catalogue::timeouts::{
    FIRST_LIST_WAIT, LIST_TIMEOUT, WATCH_IDLE_TIMEOUT, WATCH_STALE_AFTER,
};
use crate::catalogue::{FailureMode, Permission};
use crate::kube::client::Client;
use crate::kube::connection::ApiConnection;
use crate::kube::error::ClientError;
use crate::kube::json_stream::{ItemSplitter, LineSplitter, MAX_TEXT_BYTES};
use crate::kube::types::cached_object::{CachedObject, RawObject};
use crate::kube::types::left_out::{LeftOut, LeftOutReason};
use crate::kube::types::object::{ListEnvelope, ListMeta};
use crate::net::{Response, StreamResponse};

/// Objects per page of a list.
const PAGE_SIZE: usize = 500;
/// Most pages of a list, which are enough for a million objects.
const MAX_PAGES: u32 = 2000;
/// Shortest requested duration of a watch, and the range of its jitter, in seconds.
const WATCH_SECONDS: (u32, u32) = (300, 120);
/// A watch that closes sooner counts as failed, which prevents a busy loop.
const MIN_WATCH_DURATION: Duration = Duration::from_secs(1);
/// Time during which the events of a burst are collected before they are parsed.
const BATCH_WINDOW: Duration = Duration::from_millis(250);

/// A cache of one resource.
#[derive(Debug)]
pub struct Reflector<K> {
    permission: &'static Permission,
    path: String,
    field_selector: Option<&'static str>,
    cache: Mutex<Cache<K>>,
    /// Whether the first list succeeded or failed.
    initialized: watch::Sender<bool>,
}

impl<K: CachedObject> Reflector<K> {
    /// Returns an empty reflector for the resource at a path.
    pub(super) fn new(
        permission: &'static Permission,
        path: String,
        field_selector: Option<&'static str>,
    ) -> Self {
        Self {
            permission,
            path,
            field_selector,
            cache: Mutex::default(),
            initialized: watch::Sender::new(false),
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
        let cache = self.lock();
        match (cache.last_contact, &cache.error) {
            (Some(last_contact), _) if last_contact.elapsed() <= WATCH_STALE_AFTER => {
                Ok(cache.objects.all())
            }
            (None, Some(error)) => Err(error.clone()),
            (last_contact, error) => Err(ClientError::Stale {
                resource: self.permission.resource,
                seconds: last_contact.map_or(0, |at| at.elapsed().as_secs()),
                cause: error.clone().map(Box::new),
            }),
        }
    }

    /// Returns the number of objects that are left out of the cache.
    pub fn left_out(&self) -> LeftOut {
        self.lock().objects.left_out()
    }

    /// Empties the cache, so that readers wait for the next list.
    pub(super) fn reset(&self) {
        *self.lock() = Cache::default();
        self.initialized.send_replace(false);
    }

    /// Lists and watches until an error occurs, which is then stored for readers.
    pub(super) async fn run(&self, client: &Client) {
        let Err(error) = self.list_and_watch(client).await;
        tracing::debug!(resource = self.permission.resource, %error, "watch failed");
        self.lock().error = Some(error);
        self.initialized.send_replace(true);
    }

    async fn list_and_watch(&self, client: &Client) -> Result<Infallible, ClientError> {
        let mut api = client.connect().await?;
        loop {
            let version = self.lock().resource_version.clone();
            match version {
                None => timeout(LIST_TIMEOUT, self.list(client, &mut api))
                    .await
                    .map_err(|_| {
                        self.malformed(&format!("the list did not end within {LIST_TIMEOUT:?}"))
                    })??,
                Some(version) => self.watch(client, &mut api, &version).await?,
            }
        }
    }

    /// Reads all pages and replaces the cache.
    async fn list(&self, client: &Client, api: &mut ApiConnection) -> Result<(), ClientError> {
        let expired = self.lock().version_expired;
        let mut listed = ListedObjects::default();
        let mut page = if expired {
            String::new()
        } else {
            "&resourceVersion=0".to_owned()
        };
        let mut pages = 1..=MAX_PAGES;
        let meta = loop {
            if pages.next().is_none() {
                return Err(self.malformed(&format!("it has more than {MAX_PAGES} pages")));
            }
            let path = format!("{}?limit={PAGE_SIZE}{page}{}", self.path, self.selector());
            let meta = self.list_page(client, api, &path, &mut listed).await?;
            if meta.r#continue.is_empty() {
                break meta;
            }
            let token: String =
                url::form_urlencoded::byte_serialize(meta.r#continue.as_bytes()).collect();
            page = format!("&continue={token}");
        };
        let objects = listed.finish().map_err(|error| self.malformed(&error))?;
        *self.lock() = Cache {
            objects,
            resource_version: Some(meta.resource_version),
            last_contact: Some(Instant::now()),
            ..Cache::default()
        };
        self.initialized.send_replace(true);
        Ok(())
    }

    async fn list_page(
        &self,
        client: &Client,
        api: &mut ApiConnection,
        path: &str,
        listed: &mut ListedObjects<K>,
    ) -> Result<ListMeta, ClientError> {
        let mut stream = match api.stream(path).await? {
            StreamResponse::Stream(stream) => stream,
            StreamResponse::Rejected(response) => {
                return Err(self.rejected(client, api, &response, "list"));
            }
        };
        let mut items = ItemSplitter::new(MAX_TEXT_BYTES);
        while let Some(bytes) = stream
            .next(WATCH_IDLE_TIMEOUT)
            .await
            .map_err(ClientError::Request)?
        {
            listed
                .count_bytes(bytes.len())
                .map_err(|error| self.malformed(&error))?;
            items
                .feed(&bytes, |item| listed.add(item, &self.lock().objects))
                .map_err(|error| self.malformed(&error))?;
        }
        let envelope = items.envelope().map_err(|error| self.malformed(&error))?;
        let envelope: ListEnvelope =
            serde_json::from_slice(&envelope).map_err(|error| self.malformed(&error))?;
        Ok(envelope.metadata)
    }

    /// Watches from a resource version until the API server closes the watch or requires a new
    /// list.
    async fn watch(
        &self,
        client: &Client,
        api: &mut ApiConnection,
        version: &str,
    ) -> Result<(), ClientError> {
        let began = Instant::now();
        let seconds = WATCH_SECONDS.0 + jitter() % WATCH_SECONDS.1;
        let path = format!(
            "{}?watch=true&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds={seconds}{}",
            self.path,
            self.selector()
        );
        let mut stream = match api.stream(&path).await? {
            StreamResponse::Stream(stream) => stream,
            StreamResponse::Rejected(response) if response.status == StatusCode::GONE => {
                self.lock().expire_version();
                return Ok(());
            }
            StreamResponse::Rejected(response) => {
                return Err(self.rejected(client, api, &response, "watch"));
            }
        };
        // The API server sends all later events from here, so the cache is current even without one.
        self.lock().last_contact = Some(Instant::now());
        stream.batch_reads(BATCH_WINDOW);
        let mut lines = LineSplitter::new(MAX_TEXT_BYTES);
        let mut end = None;
        loop {
            let bytes = match stream.next(WATCH_IDLE_TIMEOUT).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) if began.elapsed() < MIN_WATCH_DURATION => {
                    return Err(self.malformed(&"the API server closed the watch immediately"));
                }
                Ok(None) => return Ok(()),
                Err(finding) => {
                    // Events may have been lost without bookmarks, so a new list is needed.
                    if finding.mode == FailureMode::HttpTimeout {
                        self.lock().resource_version = None;
                    }
                    return Err(ClientError::Request(finding));
                }
            };
            lines.feed(&bytes, |line| match line {
                Ok(line) if end.is_none() && !line.trim_ascii().is_empty() => {
                    end = self.apply(line).err();
                }
                Ok(_) => {}
                // Its previous form stays until the next list.
                Err(_) => self.lock().objects.leave_out("", LeftOutReason::TooLarge),
            });
            match end {
                None => {}
                Some(WatchEnd::VersionExpired) => return Ok(()),
                Some(WatchEnd::Failed(error)) => return Err(error),
            }
        }
    }

    /// Applies one line of a watch to the cache.
    fn apply(&self, line: &[u8]) -> Result<(), WatchEnd> {
        let event = serde_json::from_slice::<WatchEvent<K::Raw>>(line);
        let mut cache = self.lock();
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                // Only the object is unreadable if the line is an event with metadata.
                if let Some(metadata) = metadata(line).filter(|_| error.is_data()) {
                    cache.advance(&metadata.resource_version);
                    let unreadable = LeftOutReason::Unreadable;
                    cache.objects.leave_out(&metadata.uid, unreadable);
                    return Ok(());
                }
                cache.resource_version = None;
                return Err(WatchEnd::Failed(self.malformed(&error)));
            }
        };
        match event {
            WatchEvent::Added(raw) | WatchEvent::Modified(raw) => {
                cache.advance(raw.resource_version());
                let uid: Box<str> = raw.uid().into();
                match K::from_raw(raw, cache.objects.get(&uid)) {
                    Some(object) => cache.objects.insert(&uid, object),
                    None => cache.objects.remove(&uid),
                }
            }
            WatchEvent::Deleted(raw) => {
                cache.advance(raw.resource_version());
                cache.objects.remove(raw.uid());
            }
            WatchEvent::Bookmark(bookmark) => cache.advance(&bookmark.metadata.resource_version),
            WatchEvent::Error(status) if status.code == StatusCode::GONE.as_u16() => {
                cache.expire_version();
                return Err(WatchEnd::VersionExpired);
            }
            WatchEvent::Error(status) => {
                cache.resource_version = None;
                return Err(WatchEnd::Failed(self.malformed(&status.message)));
            }
        }
        cache.last_contact = Some(Instant::now());
        cache.error = None;
        Ok(())
    }

    /// Returns the error for a rejected request. A missing permission invalidates the cache at
    /// once.
    fn rejected(
        &self,
        client: &Client,
        api: &ApiConnection,
        response: &Response,
        verb: &str,
    ) -> ClientError {
        let Permission {
            group, resource, ..
        } = self.permission;
        let mut cache = self.lock();
        cache.resource_version = None;
        match response.status {
            StatusCode::FORBIDDEN => {
                cache.last_contact = None;
                cache.objects = ObjectSet::default();
                let group = if group.is_empty() {
                    String::new()
                } else {
                    format!(".{group}")
                };
                api.forbidden(format!(
                    "{verb} {resource}{group} ({}): {}",
                    self.path,
                    response.quoted()
                ))
            }
            status => {
                if status == StatusCode::UNAUTHORIZED {
                    client.discard_credential();
                }
                cache.version_expired |= status == StatusCode::GONE;
                ClientError::rejected(&format!("GET {} ({verb})", self.path), response, None)
            }
        }
    }

    fn malformed(&self, cause: &dyn fmt::Display) -> ClientError {
        ClientError::Malformed {
            subject: self.permission.resource.to_owned(),
            cause: cause.to_string(),
        }
    }

    fn selector(&self) -> String {
        self.field_selector
            .map(|selector| format!("&fieldSelector={selector}"))
            .unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Cache<K>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason for the early end of a watch.
#[derive(Debug)]
enum WatchEnd {
    /// The API server no longer has the resource version: 410 Gone.
    VersionExpired,
    Failed(ClientError),
}

/// Returns a number that differs between watches, so that they do not all end at the same time.
fn jitter() -> u32 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_micros())
}
