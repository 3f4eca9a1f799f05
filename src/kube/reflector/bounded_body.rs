//! Responses to kube's watcher, bounded before it collects them: texts are cut, and objects that
//! are too large are replaced.

use std::borrow::Cow;
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
use tokio::task::yield_now;
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

/// Replaces an item of a list that is too large.
pub(super) const TOO_LARGE_ITEM: &str = r#"{"tooLarge":true}"#;
/// Replaces an event of a watch that is too large, with the code [`TOO_LARGE_CODE`].
const TOO_LARGE_EVENT: &[u8] = b"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"reason\":\"RequestEntityTooLarge\",\"code\":413}}\n";
/// The code of the event that replaces one that is too large.
pub(super) const TOO_LARGE_CODE: u16 = 413;
/// Turns of the runtime that the connection's task may take to read what has arrived.
const READ_TURNS: u32 = 3;
/// Time during which the events of a burst arrive before they are read.
const BURST: Duration = Duration::from_millis(250);
/// Largest page of a list after its texts were cut, in bytes. kube holds it twice.
const MAX_PAGE_BYTES: usize = 4 << 20;

/// A page of a list that is being read.
struct Page {
    stream: Stream,
    /// `None` after the end.
    items: Option<ItemSplitter>,
    text: PageText,
}

/// The bounded text of a page.
struct PageText {
    /// The part that has not been passed on yet.
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
        text: PageText::begin(),
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
                    .feed(&bytes, |item| page.text.add(item))
                    .map_err(|error| malformed(&error))?;
                page.items = Some(items);
            } else {
                let envelope = items.envelope().map_err(|error| malformed(&error))?;
                let envelope: ListEnvelope =
                    serde_json::from_slice(&envelope).map_err(|error| malformed(&error))?;
                page.text.end(&envelope);
            }
            let text = std::mem::take(&mut page.text.text);
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
                    text.extend_from_slice(valid(line).as_bytes());
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
    for _ in 0..READ_TURNS {
        if let Poll::Ready(bytes) = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
            return bytes;
        }
        yield_now().await;
    }
    sleep(BURST).await;
    next.await
}

/// Replaces bytes that are not UTF-8, with which kube would reject the whole response.
fn valid(json: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(json)
}

impl PageText {
    fn begin() -> Self {
        Self {
            text: br#"{"apiVersion":"v1","kind":"List","items":["#.to_vec(),
            bytes: 0,
            is_first: true,
        }
    }

    fn add(&mut self, item: Result<&[u8], SplitError>) {
        let fits = |item: &&[u8]| self.bytes + item.len() <= MAX_PAGE_BYTES;
        let item = item.ok().filter(fits).unwrap_or(TOO_LARGE_ITEM.as_bytes());
        if !self.is_first {
            self.text.push(b',');
        }
        self.is_first = false;
        self.bytes += item.len();
        self.text.extend_from_slice(valid(item).as_bytes());
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

#[cfg(test)]
mod tests {
    use kube::core::ObjectList;
    use serde_json::Value;

    use super::*;

    fn page(items: &[Result<&[u8], SplitError>]) -> ObjectList<Value> {
        let mut page = PageText::begin();
        for item in items {
            page.add(*item);
        }
        let envelope = r#"{"metadata":{"resourceVersion":"7","continue":"a\"b"}}"#;
        page.end(&serde_json::from_str(envelope).unwrap());
        serde_json::from_slice(&page.text).unwrap()
    }

    #[test]
    fn page_keeps_its_items_version_and_continue_token() {
        for items in [&[][..], &[Ok(&b"1"[..])], &[Ok(b"1"), Ok(b"2"), Ok(b"3")]] {
            let page = page(items);
            assert_eq!(page.items.len(), items.len());
            assert_eq!(page.metadata.resource_version.as_deref(), Some("7"));
            assert_eq!(page.metadata.continue_.as_deref(), Some("a\"b"));
        }
    }

    #[test]
    fn items_that_are_too_large_or_exceed_the_page_are_replaced() {
        let half = format!("\"{}\"", "x".repeat(MAX_PAGE_BYTES / 2));
        let half = half.as_bytes();
        let page = page(&[Err(SplitError::TooLarge), Ok(half), Ok(half), Ok(b"1")]);
        let replaced: Value = serde_json::from_str(TOO_LARGE_ITEM).unwrap();
        let is_replaced: Vec<_> = page.items.iter().map(|item| *item == replaced).collect();
        assert_eq!(is_replaced, [true, false, true, false]);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_replaced() {
        let page = page(&[Ok(b"\"a\xffb\""), Ok(b"1")]);
        assert_eq!(page.items, [Value::from("a\u{fffd}b"), Value::from(1)]);
    }

    #[test]
    fn too_large_event_is_an_error_with_its_code() {
        let event: kube::api::WatchEvent<Value> = serde_json::from_slice(TOO_LARGE_EVENT).unwrap();
        assert!(
            matches!(&event, kube::api::WatchEvent::Error(status) if status.code == TOO_LARGE_CODE),
            "{event:?}"
        );
    }
}
