//! Responses to kube's watcher, bounded before it collects them: texts are cut, and objects that
//! are too large are replaced.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, try_unfold};
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde_json::json;
use tokio::time::sleep;

use crate::catalogue::timeouts::WATCH_IDLE_TIMEOUT;
use crate::kube::error::ClientError;
use crate::kube::json_stream::{ItemSplitter, LineSplitter, MAX_TEXT_BYTES, SplitError};
use crate::kube::reflector::watch_health::WatchHealth;
use crate::kube::types::object::ListEnvelope;
use crate::net::Stream;
use crate::report::Finding;

/// A response body that kube reads.
pub(super) type BoundedBody = StreamBody<BoxStream<'static, Result<Frame<Bytes>, ClientError>>>;

/// Stands for an item of a list that is too large.
pub(super) const TOO_LARGE_ITEM: &str = r#"{"tooLarge":true}"#;
/// Stands for an event of a watch that is too large, with the code [`TOO_LARGE_CODE`].
const TOO_LARGE_EVENT: &[u8] = b"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"reason\":\"RequestEntityTooLarge\",\"code\":413}}\n";
/// The code of the event that stands for one that is too large.
pub(super) const TOO_LARGE_CODE: u16 = 413;
/// Time during which the events of a burst arrive before they are read.
const BURST: Duration = Duration::from_millis(250);
/// Largest page of a list after its texts were cut, in bytes. kube holds it twice.
const MAX_PAGE_BYTES: usize = 4 << 20;

/// A page of a list that is being read.
struct Page {
    stream: Stream,
    /// `None` after the end.
    items: Option<ItemSplitter>,
    text: Vec<u8>,
    /// Bytes of all items so far.
    bytes: usize,
    is_first: bool,
}

/// Bounds a page of a list. `malformed` describes what kube could not read.
pub(super) fn list(
    stream: Stream,
    malformed: impl Fn(&dyn fmt::Display) -> ClientError + Send + Sync + 'static,
) -> BoundedBody {
    let page = Page {
        stream,
        items: Some(ItemSplitter::new(MAX_TEXT_BYTES)),
        text: br#"{"apiVersion":"v1","kind":"List","items":["#.to_vec(),
        bytes: 0,
        is_first: true,
    };
    let malformed = Arc::new(malformed);
    let frames = try_unfold(page, move |mut page| {
        let malformed = Arc::clone(&malformed);
        async move {
            let Some(mut items) = page.items.take() else {
                return Ok(None);
            };
            let bytes = page.stream.next(WATCH_IDLE_TIMEOUT).await;
            if let Some(bytes) = bytes.map_err(ClientError::Request)? {
                items
                    .feed(&bytes, |item| page.add(item))
                    .map_err(|error| malformed(&error))?;
                page.items = Some(items);
            } else {
                let envelope = items.envelope().map_err(|error| malformed(&error))?;
                let envelope: ListEnvelope =
                    serde_json::from_slice(&envelope).map_err(|error| malformed(&error))?;
                page.end(&envelope);
            }
            let text = std::mem::take(&mut page.text);
            Ok(Some((Frame::data(Bytes::from(text)), page)))
        }
    });
    StreamBody::new(frames.boxed())
}

/// Bounds a watch and notes that it is alive.
pub(super) fn watch(stream: Stream, health: Arc<WatchHealth>) -> BoundedBody {
    let lines = LineSplitter::new(MAX_TEXT_BYTES);
    let frames = try_unfold(
        (stream, lines, health),
        |(mut stream, mut lines, health)| async move {
            let bytes = next_burst(&mut stream).await;
            let Some(bytes) = bytes.map_err(ClientError::Request)? else {
                return Ok(None);
            };
            health.heard();
            let mut text = Vec::with_capacity(bytes.len() + 1);
            lines.feed(&bytes, |line| match line {
                Ok(line) => {
                    text.extend_from_slice(line);
                    text.push(b'\n');
                }
                Err(_) => text.extend_from_slice(TOO_LARGE_EVENT),
            });
            Ok(Some((
                Frame::data(Bytes::from(text)),
                (stream, lines, health),
            )))
        },
    );
    StreamBody::new(frames.boxed())
}

/// Returns the next bytes at once if there are any. If it has to wait, it lets those that follow
/// arrive too: a large cluster sends a hundred pieces per second, and waking for each costs more
/// than parsing them.
async fn next_burst(stream: &mut Stream) -> Result<Option<Bytes>, Finding> {
    let mut next = pin!(stream.next(WATCH_IDLE_TIMEOUT));
    if let Poll::Ready(bytes) = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
        return bytes;
    }
    sleep(BURST).await;
    next.await
}

impl Page {
    fn add(&mut self, item: Result<&[u8], SplitError>) {
        let fits = |item: &&[u8]| self.bytes + item.len() <= MAX_PAGE_BYTES;
        let item = item.ok().filter(fits).unwrap_or(TOO_LARGE_ITEM.as_bytes());
        if !self.is_first {
            self.text.push(b',');
        }
        self.is_first = false;
        self.bytes += item.len();
        self.text.extend_from_slice(item);
    }

    fn end(&mut self, envelope: &ListEnvelope) {
        let metadata = json!({
            "resourceVersion": envelope.metadata.resource_version,
            "continue": envelope.metadata.r#continue,
        });
        let end = format!("],\"metadata\":{metadata}}}");
        self.text.extend_from_slice(end.as_bytes());
    }
}
