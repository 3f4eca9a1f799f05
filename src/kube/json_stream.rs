//! Splits API server lists and watches into objects as they arrive, without buffering the
//! body.

use memchr::memchr;

/// Largest JSON object, in bytes; etcd limits objects to 1.5 MiB.
const MAX_OBJECT_BYTES: usize = 4 << 20;
/// Largest JSON of a list without its items, in bytes.
const MAX_ENVELOPE_BYTES: usize = 64 << 10;
/// Capacity that a buffer retains between objects, in bytes.
const RETAINED_BYTES: usize = 64 << 10;

/// The bytes are not a list or watch response.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// An object or the list's envelope exceeds the size limit.
    #[error("an object exceeds the size limit")]
    TooLarge,
    /// The brackets do not match.
    #[error("unbalanced brackets")]
    Unbalanced,
}

/// Splits the `items` of a list.
#[derive(Debug, Default)]
pub struct ItemSplitter {
    /// The list without its items.
    envelope: Vec<u8>,
    item: Vec<u8>,
    depth: u32,
    in_string: bool,
    escaped: bool,
    inside: bool,
}

/// Splits a watch into lines.
#[derive(Debug, Default)]
pub struct LineSplitter {
    line: Vec<u8>,
}

/// Nesting depth of items: inside the list object and its array.
const ITEM_DEPTH: u32 = 2;

impl ItemSplitter {
    /// Consumes the next bytes and passes each completed item on.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), SplitError> {
        let mut from = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    if *byte == b'[' && self.depth + 1 == ITEM_DEPTH && !self.inside {
                        self.buffer(&bytes[from..=at])?;
                        from = at + 1;
                        self.inside = ends_at_items(&self.envelope);
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.checked_sub(1).ok_or(SplitError::Unbalanced)?;
                    if self.inside && self.depth == ITEM_DEPTH {
                        self.buffer(&bytes[from..=at])?;
                        from = at + 1;
                        each(&self.item);
                        reset(&mut self.item);
                    } else if self.inside && self.depth + 1 == ITEM_DEPTH {
                        self.inside = false;
                        self.item.clear();
                        from = at;
                    }
                }
                b',' if self.inside && self.depth == ITEM_DEPTH => {
                    self.item.clear();
                    from = at + 1;
                }
                _ => {}
            }
        }
        self.buffer(&bytes[from..])
    }

    /// Returns the list without its items, once the list is complete.
    pub fn envelope(self) -> Result<Vec<u8>, SplitError> {
        if self.depth == 0 && !self.in_string {
            Ok(self.envelope)
        } else {
            Err(SplitError::Unbalanced)
        }
    }

    fn buffer(&mut self, bytes: &[u8]) -> Result<(), SplitError> {
        let (buffer, limit) = if self.inside {
            (&mut self.item, MAX_OBJECT_BYTES)
        } else {
            (&mut self.envelope, MAX_ENVELOPE_BYTES)
        };
        extend(buffer, bytes, limit)
    }
}

impl LineSplitter {
    /// Consumes the next bytes and passes each completed line on.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), SplitError> {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            if self.line.is_empty() {
                each(&rest[..end]);
            } else {
                extend(&mut self.line, &rest[..end], MAX_OBJECT_BYTES)?;
                each(&self.line);
                reset(&mut self.line);
            }
            rest = &rest[end + 1..];
        }
        extend(&mut self.line, rest, MAX_OBJECT_BYTES)
    }
}

/// Returns whether the envelope so far ends at the start of the `items` array.
fn ends_at_items(envelope: &[u8]) -> bool {
    let before = envelope
        .strip_suffix(b"[")
        .unwrap_or(envelope)
        .trim_ascii_end();
    before
        .strip_suffix(b":")
        .is_some_and(|before| before.trim_ascii_end().ends_with(b"\"items\""))
}

fn extend(buffer: &mut Vec<u8>, bytes: &[u8], limit: usize) -> Result<(), SplitError> {
    if buffer.len() + bytes.len() > limit {
        return Err(SplitError::TooLarge);
    }
    buffer.extend_from_slice(bytes);
    Ok(())
}

fn reset(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(RETAINED_BYTES);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"kind":"PodList","metadata":{"resourceVersion":"7","x":[1,[2]]}, "items" : [ {"a":"]}\"\\","b":[{"c":{}}]} ,
        {"d":1}],"tail":{"items":[3]}}"#;

    fn split(list: &str, chunk: usize) -> (Vec<String>, String) {
        let (mut items, mut found) = (ItemSplitter::default(), Vec::new());
        for bytes in list.as_bytes().chunks(chunk) {
            items
                .feed(bytes, |item| {
                    found.push(String::from_utf8_lossy(item).trim().to_owned());
                })
                .unwrap();
        }
        (found, String::from_utf8(items.envelope().unwrap()).unwrap())
    }

    #[test]
    fn items_are_split_at_any_chunk_boundary() {
        for chunk in 1..=LIST.len() {
            let (found, envelope) = split(LIST, chunk);
            assert_eq!(
                found,
                [r#"{"a":"]}\"\\","b":[{"c":{}}]}"#, r#"{"d":1}"#],
                "in chunks of {chunk}"
            );
            let envelope: serde_json::Value = serde_json::from_str(&envelope).unwrap();
            assert_eq!(envelope["metadata"]["resourceVersion"], "7");
            assert_eq!(envelope["items"], serde_json::json!([]));
            assert_eq!(envelope["tail"]["items"], serde_json::json!([3]));
        }
    }

    #[test]
    fn lists_without_items_are_accepted() {
        for list in [
            r#"{"items":[],"metadata":{}}"#,
            r#"{"items":null,"metadata":{}}"#,
            r#"{"metadata":{}}"#,
        ] {
            let (found, envelope) = split(list, 3);
            assert!(found.is_empty());
            serde_json::from_str::<serde_json::Value>(&envelope).unwrap();
        }
    }

    #[test]
    fn malformed_and_oversized_input_is_rejected_within_the_limits() {
        assert_eq!(
            ItemSplitter::default().feed(b"}", |_| ()),
            Err(SplitError::Unbalanced)
        );
        let mut items = ItemSplitter::default();
        items.feed(b"{\"items\":[{\"a\":\"", |_| ()).unwrap();
        let endless = vec![b'a'; 1 << 20];
        let fed = (0..8)
            .map(|_| items.feed(&endless, |_| ()))
            .find(Result::is_err);
        assert_eq!(fed, Some(Err(SplitError::TooLarge)));
        assert_eq!(
            ItemSplitter::default().feed(&vec![b' '; 100_000], |_| ()),
            Err(SplitError::TooLarge)
        );
        let mut open = ItemSplitter::default();
        open.feed(b"{\"items\":[", |_| ()).unwrap();
        assert_eq!(open.envelope(), Err(SplitError::Unbalanced));
    }

    #[test]
    fn lines_are_split_at_any_chunk_boundary() {
        let text = "{\"type\":\"ADDED\"}\n\n{\"type\":\"BOOKMARK\"}\nrest";
        for chunk in 1..=text.len() {
            let (mut lines, mut found) = (LineSplitter::default(), Vec::new());
            for bytes in text.as_bytes().chunks(chunk) {
                lines
                    .feed(bytes, |line| {
                        found.push(String::from_utf8_lossy(line).into_owned());
                    })
                    .unwrap();
            }
            assert_eq!(
                found,
                ["{\"type\":\"ADDED\"}", "", "{\"type\":\"BOOKMARK\"}"]
            );
        }
    }
}
