//! One kind of object, listed once and then followed: what is kept of it, and whether that can still be believed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use serde::Deserialize;
use tokio::sync::watch;

use crate::catalogue::Right;
use crate::catalogue::timeouts::{WATCH_PATIENCE, WATCH_SILENCE};
use crate::kube::json_stream::{Items, Lines, Uncut};
use crate::kube::types::{Kept, Raw};
use crate::kube::{Door, Visit};
use crate::net::{Answer, Opened};
use crate::report::{Evidence, Verdict};

/// So many objects are asked for at a time.
const PAGE: usize = 500;
/// How long the API server is asked to keep a watch open, in seconds, and how much that differs from one to the next.
const WATCH: (u32, u32) = (300, 120);
/// A watch that ends sooner was not meant to be one.
const SHORT: Duration = Duration::from_secs(1);
/// What a watch says so soon after a change is taken in together.
const GATHER: Duration = Duration::from_millis(250);
/// What the API server answers when it has forgotten the state from which to go on.
const GONE: u16 = 410;

/// One kind of object.
#[derive(Debug)]
pub struct Collection<K> {
    right: &'static Right,
    path: String,
    selector: Option<&'static str>,
    state: Mutex<State<K>>,
    /// Whether the first list has come, or will not come for now.
    settled: watch::Sender<bool>,
}

#[derive(Debug)]
struct State<K> {
    objects: HashMap<Box<str>, Arc<K>>,
    /// The state of the collection from which a watch can go on.
    version: Option<String>,
    /// That state was forgotten: the next list must be the newest, not one that the API server has at hand.
    forgotten: bool,
    /// When the API server last said something of it: a list, an event, a bookmark.
    heard: Option<Instant>,
    /// Why it is not followed just now.
    trouble: Option<Verdict>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    metadata: ListMeta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    resource_version: String,
    r#continue: String,
}

#[derive(Deserialize)]
#[serde(
    tag = "type",
    content = "object",
    rename_all = "UPPERCASE",
    bound(deserialize = "R: Deserialize<'de>")
)]
enum Event<R> {
    Added(R),
    Modified(R),
    Deleted(R),
    Bookmark(Envelope),
    Error(Status),
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Status {
    code: u16,
    message: String,
}

impl<K: Kept> Collection<K> {
    /// A collection at this path, of which nothing is known yet.
    pub(super) fn new(right: &'static Right, path: String, selector: Option<&'static str>) -> Self {
        Self {
            right,
            path,
            selector,
            state: Mutex::default(),
            settled: watch::Sender::new(false),
        }
    }

    /// The right without which it cannot be read.
    pub fn right(&self) -> &'static Right {
        self.right
    }

    /// What is kept, once the first list has come or it is known that it will not come.
    ///
    /// # Errors
    /// The verdict of every check that needs it.
    pub async fn read(&self) -> Result<Vec<Arc<K>>, Verdict> {
        self.settled
            .subscribe()
            .wait_for(|settled| *settled)
            .await
            .expect("the collection holds the sender");
        self.seen()
    }

    /// What is kept now.
    fn seen(&self) -> Result<Vec<Arc<K>>, Verdict> {
        let state = self.lock();
        match (state.heard, &state.trouble) {
            (Some(heard), _) if heard.elapsed() <= WATCH_SILENCE => {
                Ok(state.objects.values().cloned().collect())
            }
            (None, Some(trouble)) => Err(trouble.clone()),
            (heard, trouble) => {
                let since = heard.map_or(0, |heard| heard.elapsed().as_secs());
                let why = trouble
                    .as_ref()
                    .map(|why| format!("; {}", why.evidence()))
                    .unwrap_or_default();
                let evidence = format!(
                    "the API server has said nothing of {} for {since} s{why}",
                    self.right.resource
                );
                Err(Verdict::Unknown(Evidence::from(evidence)))
            }
        }
    }

    /// Forgets everything, so that whoever reads waits for the next list.
    pub(super) fn forget(&self) {
        *self.lock() = State::default();
        self.settled.send_replace(false);
    }

    /// Lists, then follows, until something ends it.
    pub(super) async fn follow(&self, door: &Door) {
        let Err(trouble) = self.session(door).await;
        tracing::debug!(resource = self.right.resource, why = %trouble.evidence(), "a watch has ended");
        self.lock().trouble = Some(trouble);
        self.settled.send_replace(true);
    }

    async fn session(&self, door: &Door) -> Result<Infallible, Verdict> {
        let mut visit = door.enter().await?;
        loop {
            let version = self.lock().version.clone();
            match version {
                None => self.list(door, &mut visit).await?,
                Some(version) => self.watch(door, &mut visit, &version).await?,
            }
        }
    }

    /// Reads all pages; what was kept before and is not among them goes.
    async fn list(&self, door: &Door, visit: &mut Visit) -> Result<(), Verdict> {
        let (known, forgotten) = {
            let state = self.lock();
            (state.objects.clone(), state.forgotten)
        };
        let mut fresh = HashMap::new();
        let mut page = if forgotten {
            String::new()
        } else {
            "&resourceVersion=0".to_owned()
        };
        let meta = loop {
            let path = format!("{}?limit={PAGE}{page}{}", self.path, self.field_selector());
            let meta = self.page(door, visit, &path, &known, &mut fresh).await?;
            if meta.r#continue.is_empty() {
                break meta;
            }
            let token: String =
                url::form_urlencoded::byte_serialize(meta.r#continue.as_bytes()).collect();
            page = format!("&continue={token}");
        };
        let mut state = self.lock();
        *state = State {
            objects: fresh,
            version: Some(meta.resource_version),
            heard: Some(Instant::now()),
            ..State::default()
        };
        drop(state);
        self.settled.send_replace(true);
        Ok(())
    }

    async fn page(
        &self,
        door: &Door,
        visit: &mut Visit,
        path: &str,
        known: &HashMap<Box<str>, Arc<K>>,
        fresh: &mut HashMap<Box<str>, Arc<K>>,
    ) -> Result<ListMeta, Verdict> {
        let mut stream = match visit.stream(path).await? {
            Opened::Stream(stream) => stream,
            Opened::Refused(answer) => return Err(self.refused(door, &answer, "list")),
        };
        let mut items = Items::default();
        let mut unread = None;
        while let Some(bytes) = stream
            .next(WATCH_PATIENCE)
            .await
            .map_err(|finding| Verdict::Unknown(finding.evidence))?
        {
            let each = |item: &[u8]| match serde_json::from_slice::<K::Raw>(item) {
                Ok(raw) => {
                    let uid: Box<str> = raw.uid().into();
                    if let Some(kept) = K::keep(raw, known.get(&uid).map(AsRef::as_ref)) {
                        insert(fresh, uid, kept);
                    }
                }
                Err(error) => unread = Some(error.to_string()),
            };
            items
                .feed(&bytes, each)
                .map_err(|uncut| self.strange(&uncut.to_string()))?;
        }
        let envelope = items
            .envelope()
            .map_err(|uncut: Uncut| self.strange(&uncut.to_string()))?;
        if let Some(error) = unread {
            return Err(self.strange(&error));
        }
        let envelope: Envelope =
            serde_json::from_slice(&envelope).map_err(|error| self.strange(&error.to_string()))?;
        Ok(envelope.metadata)
    }

    /// Follows from a state on; `Ok` when the watch ended in good order, or when there must be a new list.
    async fn watch(&self, door: &Door, visit: &mut Visit, version: &str) -> Result<(), Verdict> {
        let began = Instant::now();
        let seconds = WATCH.0 + some_number() % WATCH.1;
        let path = format!(
            "{}?watch=true&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds={seconds}{}",
            self.path,
            self.field_selector()
        );
        let mut stream = match visit.stream(&path).await? {
            Opened::Stream(stream) => stream,
            Opened::Refused(answer) if answer.status.as_u16() == GONE => {
                self.lock().forget_version();
                return Ok(());
            }
            Opened::Refused(answer) => return Err(self.refused(door, &answer, "watch")),
        };
        stream.gather(GATHER);
        let mut lines = Lines::default();
        let mut ended = None;
        loop {
            let bytes = match stream.next(WATCH_PATIENCE).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) if began.elapsed() < SHORT => {
                    return Err(self.strange("a watch ended as soon as it began"));
                }
                Ok(None) => return Ok(()),
                Err(finding) => {
                    // Silence proves nothing of what was said before, so that only a list helps.
                    if finding.mode == crate::catalogue::FailureMode::HttpTimeout {
                        self.lock().version = None;
                    }
                    return Err(Verdict::Unknown(finding.evidence));
                }
            };
            let each = |line: &[u8]| {
                if !line.trim_ascii().is_empty() && ended.is_none() {
                    ended = self.take(line).err();
                }
            };
            if let Err(uncut) = lines.feed(&bytes, each) {
                self.lock().version = None;
                return Err(self.strange(&uncut.to_string()));
            }
            match ended {
                None => {}
                Some(Halt::Gone) => return Ok(()),
                Some(Halt::Trouble(trouble)) => return Err(trouble),
            }
        }
    }

    /// Takes in one line of a watch.
    fn take(&self, line: &[u8]) -> Result<(), Halt> {
        let event = serde_json::from_slice::<Event<K::Raw>>(line);
        let mut state = self.lock();
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                state.version = None;
                return Err(Halt::Trouble(self.strange(&error.to_string())));
            }
        };
        match event {
            Event::Added(raw) | Event::Modified(raw) => {
                state.note_version(raw.version());
                let uid: Box<str> = raw.uid().into();
                match K::keep(raw, state.objects.get(&uid).map(AsRef::as_ref)) {
                    Some(kept) => insert(&mut state.objects, uid, kept),
                    None => {
                        state.objects.remove(&uid);
                    }
                }
            }
            Event::Deleted(raw) => {
                state.note_version(raw.version());
                state.objects.remove(raw.uid());
            }
            Event::Bookmark(envelope) => state.note_version(&envelope.metadata.resource_version),
            Event::Error(status) if status.code == GONE => {
                state.forget_version();
                return Err(Halt::Gone);
            }
            Event::Error(status) => {
                state.version = None;
                return Err(Halt::Trouble(self.strange(&status.message)));
            }
        }
        state.heard = Some(Instant::now());
        state.trouble = None;
        Ok(())
    }

    /// The verdict on an answer that is none; a missing right makes unknown at once what needs it.
    fn refused(&self, door: &Door, answer: &Answer, verb: &str) -> Verdict {
        let Right {
            group, resource, ..
        } = self.right;
        let of = if group.is_empty() {
            (*resource).to_owned()
        } else {
            format!("{resource}.{group}")
        };
        let mut state = self.lock();
        state.version = None;
        match answer.status {
            StatusCode::FORBIDDEN => {
                state.heard = None;
                state.objects.clear();
                Verdict::Unknown(Evidence::from(format!(
                    "the exporter's account may not {verb} {of} ({}): {}",
                    self.path,
                    answer.quoted()
                )))
            }
            status => {
                if status == StatusCode::UNAUTHORIZED {
                    door.forget_credential();
                }
                state.forgotten |= status.as_u16() == GONE;
                let evidence = format!(
                    "GET {} ({verb}) was answered {status} {}",
                    self.path,
                    answer.quoted()
                );
                Verdict::Unknown(Evidence::from(evidence))
            }
        }
    }

    fn strange(&self, what: &str) -> Verdict {
        let resource = self.right.resource;
        Verdict::Unknown(Evidence::from(format!(
            "the API server's answer about {resource} cannot be read: {what}"
        )))
    }

    fn field_selector(&self) -> String {
        self.selector
            .map(|selector| format!("&fieldSelector={selector}"))
            .unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a watch is not followed any longer.
#[derive(Debug)]
enum Halt {
    /// The API server has forgotten the state from which to go on.
    Gone,
    Trouble(Verdict),
}

impl<K> State<K> {
    fn note_version(&mut self, version: &str) {
        if !version.is_empty() {
            self.version = Some(version.to_owned());
        }
    }

    fn forget_version(&mut self) {
        self.version = None;
        self.forgotten = true;
    }
}

impl<K> Default for State<K> {
    fn default() -> Self {
        Self {
            objects: HashMap::new(),
            version: None,
            forgotten: false,
            heard: None,
            trouble: None,
        }
    }
}

/// Puts an object in; where there are too many, one that is worth least goes.
fn insert<K: Kept>(objects: &mut HashMap<Box<str>, Arc<K>>, uid: Box<str>, kept: K) {
    let room = objects.len() < K::MOST;
    match objects.entry(uid) {
        Entry::Occupied(mut known) => {
            known.insert(Arc::new(kept));
        }
        Entry::Vacant(free) => {
            if room {
                free.insert(Arc::new(kept));
                return;
            }
            let uid = free.into_key();
            let least = objects
                .iter()
                .min_by_key(|(_, kept)| kept.worth())
                .map(|(uid, kept)| (uid.clone(), kept.worth()));
            if let Some((least, worth)) = least
                && worth < kept.worth()
            {
                objects.remove(&least);
                objects.insert(uid, Arc::new(kept));
            }
        }
    }
}

/// Some number that differs from one watch to the next.
fn some_number() -> u32 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_micros())
}
