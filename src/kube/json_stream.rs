//! Splits API server lists and watches into objects as they arrive, without buffering the
//! body.

mod text_cutter;

use memchr::memchr;

use self::text_cutter::TextCutter;

/// Longest text of a watched object that is kept, in bytes as it is written in JSON.
pub const MAX_TEXT_BYTES: usize = 1024;
/// Largest JSON object after its texts were cut, in bytes.
const MAX_OBJECT_BYTES: usize = 512 << 10;
/// Largest JSON of a list without its items, in bytes.
const MAX_ENVELOPE_BYTES: usize = 64 << 10;
/// Capacity that a buffer retains between objects, in bytes.
const RETAINED_BYTES: usize = 64 << 10;

/// The bytes are not a list or watch response.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// An object or the list's envelope exceeds the size limit.
    #[error("it exceeds the size limit")]
    TooLarge,
    /// The brackets do not match.
    #[error("unbalanced brackets")]
    Unbalanced,
}

/// Splits the `items` of a list. Texts in them are cut.
#[derive(Debug)]
pub struct ItemSplitter {
    /// The list without its items.
    envelope: Vec<u8>,
    item: Buffer,
    depth: u32,
    in_string: bool,
    escaped: bool,
    inside: bool,
}

/// Splits a watch into lines. Texts in them are cut.
#[derive(Debug)]
pub struct LineSplitter {
    line: Buffer,
}

/// An object that arrives in parts.
#[derive(Debug)]
struct Buffer {
    bytes: Vec<u8>,
    cutter: TextCutter,
    too_large: bool,
}

/// Nesting depth of items: inside the list object and its array.
const ITEM_DEPTH: u32 = 2;

impl ItemSplitter {
    /// Returns a splitter that cuts texts to this number of bytes.
    pub fn new(max_text_bytes: usize) -> Self {
        Self {
            envelope: Vec::new(),
            item: Buffer::new(max_text_bytes),
            depth: 0,
            in_string: false,
            escaped: false,
            inside: false,
        }
    }

    /// Consumes the next bytes and passes each completed item on, or the error that it is too
    /// large.
    ///
    /// # Errors
    /// If the bytes are not a list.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Result<&[u8], SplitError>),
    ) -> Result<(), SplitError> {
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
                        self.item.take(&mut each);
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
    ///
    /// # Errors
    /// If the list is not complete.
    pub fn envelope(self) -> Result<Vec<u8>, SplitError> {
        if self.depth == 0 && !self.in_string {
            Ok(self.envelope)
        } else {
            Err(SplitError::Unbalanced)
        }
    }

    fn buffer(&mut self, bytes: &[u8]) -> Result<(), SplitError> {
        if self.inside {
            self.item.extend(bytes);
            return Ok(());
        }
        if self.envelope.len() + bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(SplitError::TooLarge);
        }
        self.envelope.extend_from_slice(bytes);
        Ok(())
    }
}

impl LineSplitter {
    /// Returns a splitter that cuts texts to this number of bytes.
    pub fn new(max_text_bytes: usize) -> Self {
        Self {
            line: Buffer::new(max_text_bytes),
        }
    }

    /// Consumes the next bytes and passes each completed line on, or the error that it is too
    /// large.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Result<&[u8], SplitError>)) {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            let line = &rest[..end];
            // A line this short has no text to cut.
            if self.line.is_empty() && line.len() <= self.line.cutter.max_text_bytes() {
                each(Ok(line));
            } else {
                self.line.extend(line);
                self.line.take(&mut each);
            }
            rest = &rest[end + 1..];
        }
        self.line.extend(rest);
    }
}

impl Buffer {
    fn new(max_text_bytes: usize) -> Self {
        Self {
            bytes: Vec::new(),
            cutter: TextCutter::new(max_text_bytes),
            too_large: false,
        }
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.too_large
    }

    fn extend(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(RETAINED_BYTES) {
            if self.too_large {
                return;
            }
            self.cutter.copy(part, &mut self.bytes);
            if self.bytes.len() > MAX_OBJECT_BYTES {
                self.bytes = Vec::new();
                self.too_large = true;
            }
        }
    }

    /// Passes the object on and starts the next one.
    fn take(&mut self, each: &mut impl FnMut(Result<&[u8], SplitError>)) {
        each(if self.too_large {
            Err(SplitError::TooLarge)
        } else {
            Ok(&self.bytes)
        });
        self.clear();
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(RETAINED_BYTES);
        self.cutter.reset();
        self.too_large = false;
    }
}

/// Returns whether the last byte of the envelope so far opens the `items` array.
fn ends_at_items(envelope: &[u8]) -> bool {
    let before = envelope
        .strip_suffix(b"[")
        .unwrap_or(envelope)
        .trim_ascii_end();
    before
        .strip_suffix(b":")
        .is_some_and(|before| before.trim_ascii_end().ends_with(b"\"items\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"kind":"PodList","metadata":{"resourceVersion":"7","x":[1,[2]]}, "items" : [ {"a":"]}\"\\","b":[{"c":{}}]} ,
        {"d":1}],"tail":{"items":[3]}}"#;

    fn split(list: &str, chunk: usize) -> (Vec<String>, String) {
        let (mut items, mut found) = (ItemSplitter::new(MAX_TEXT_BYTES), Vec::new());
        for bytes in list.as_bytes().chunks(chunk) {
            items
                .feed(bytes, |item| {
                    found.push(String::from_utf8_lossy(item.unwrap()).trim().to_owned());
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
    fn malformed_lists_are_rejected_within_the_limits() {
        let splitter = || ItemSplitter::new(MAX_TEXT_BYTES);
        assert_eq!(splitter().feed(b"}", |_| ()), Err(SplitError::Unbalanced));
        assert_eq!(
            splitter().feed(&vec![b' '; 100_000], |_| ()),
            Err(SplitError::TooLarge)
        );
        let mut open = splitter();
        open.feed(b"{\"items\":[", |_| ()).unwrap();
        assert_eq!(open.envelope(), Err(SplitError::Unbalanced));
    }

    #[test]
    fn oversized_item_is_left_out_and_the_rest_is_split() {
        let (mut items, mut found) = (ItemSplitter::new(MAX_TEXT_BYTES), Vec::new());
        let mut each = |item: Result<&[u8], SplitError>| found.push(item.map(<[u8]>::len));
        let many = "{\"a\":1},".repeat(MAX_OBJECT_BYTES / 4);
        for part in ["{\"items\":[{\"x\":[", &many, "{}]},{\"b\":2}]}"] {
            items.feed(part.as_bytes(), &mut each).unwrap();
        }
        assert_eq!(found, [Err(SplitError::TooLarge), Ok(7)]);
        items.envelope().unwrap();
    }

    #[test]
    fn long_texts_are_cut_in_items_and_lines() {
        let long = "x".repeat(2 << 20);
        let list = format!("{{\"items\":[{{\"a\":\"{long}\"}}],\"metadata\":{{}}}}");
        let (found, _) = split(&list, 10_000);
        assert_eq!(found[0].len(), MAX_TEXT_BYTES + 8);
        let (mut lines, mut found) = (LineSplitter::new(MAX_TEXT_BYTES), Vec::new());
        for bytes in format!("{{\"a\":\"{long}\"}}\n{{}}\n")
            .as_bytes()
            .chunks(9_999)
        {
            lines.feed(bytes, |line| found.push(line.unwrap().len()));
        }
        assert_eq!(found, [MAX_TEXT_BYTES + 8, 2]);
    }

    #[test]
    fn oversized_line_is_left_out_and_the_next_is_split() {
        let (mut lines, mut found) = (LineSplitter::new(MAX_TEXT_BYTES), Vec::new());
        let many = vec![b'7'; MAX_OBJECT_BYTES + 1];
        for part in [&many[..], &many, b"\n{}\n"] {
            lines.feed(part, |line| found.push(line.map(<[u8]>::len)));
        }
        assert_eq!(found, [Err(SplitError::TooLarge), Ok(2)]);
    }

    #[test]
    fn lines_are_split_at_any_chunk_boundary() {
        let text = "{\"type\":\"ADDED\"}\n\n{\"type\":\"BOOKMARK\"}\nrest";
        for chunk in 1..=text.len() {
            let (mut lines, mut found) = (LineSplitter::new(MAX_TEXT_BYTES), Vec::new());
            for bytes in text.as_bytes().chunks(chunk) {
                lines.feed(bytes, |line| {
                    found.push(String::from_utf8_lossy(line.unwrap()).into_owned());
                });
            }
            assert_eq!(
                found,
                ["{\"type\":\"ADDED\"}", "", "{\"type\":\"BOOKMARK\"}"]
            );
        }
    }
}
