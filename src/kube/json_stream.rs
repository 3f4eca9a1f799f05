//! Cuts what the API server sends into objects while it arrives: no body is ever held as a whole.

use std::fmt;

use memchr::memchr;

/// The most that one object may take as JSON; etcd holds at most 1.5 MiB of one.
const MAX_OBJECT: usize = 4 << 20;
/// The most that a list may say beside its items.
const MAX_ENVELOPE: usize = 64 << 10;
/// A buffer that grew beyond this for one object is given back.
const KEEP: usize = 64 << 10;

/// What arrives is no list or watch of an API server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Uncut {
    /// An object, or what stands around the items, is larger than any should be.
    TooLarge,
    /// Brackets do not match.
    Unbalanced,
}

/// Cuts the `items` out of a list.
#[derive(Debug, Default)]
pub struct Items {
    /// What stands around the items, with an empty list in their place.
    envelope: Vec<u8>,
    item: Vec<u8>,
    depth: u32,
    in_string: bool,
    escaped: bool,
    inside: bool,
}

/// Cuts a watch into its lines.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
}

/// The depth at which items begin: the list's object and the array.
const ITEMS: u32 = 2;

impl Items {
    /// Takes the next bytes, and gives each item that ends in them.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), Uncut> {
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
                    if *byte == b'[' && self.depth + 1 == ITEMS && !self.inside {
                        self.keep(&bytes[from..=at])?;
                        from = at + 1;
                        self.inside = names_items(&self.envelope);
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.checked_sub(1).ok_or(Uncut::Unbalanced)?;
                    if self.inside && self.depth == ITEMS {
                        self.keep(&bytes[from..=at])?;
                        from = at + 1;
                        each(&self.item);
                        emptied(&mut self.item);
                    } else if self.inside && self.depth + 1 == ITEMS {
                        self.inside = false;
                        self.item.clear();
                        from = at;
                    }
                }
                b',' if self.inside && self.depth == ITEMS => {
                    self.item.clear();
                    from = at + 1;
                }
                _ => {}
            }
        }
        self.keep(&bytes[from..])
    }

    /// What stood around the items, once the list has ended.
    pub fn envelope(self) -> Result<Vec<u8>, Uncut> {
        if self.depth == 0 && !self.in_string {
            Ok(self.envelope)
        } else {
            Err(Uncut::Unbalanced)
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Uncut> {
        let (buffer, most) = if self.inside {
            (&mut self.item, MAX_OBJECT)
        } else {
            (&mut self.envelope, MAX_ENVELOPE)
        };
        extend(buffer, bytes, most)
    }
}

impl Lines {
    /// Takes the next bytes, and gives each line that ends in them.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), Uncut> {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            if self.line.is_empty() {
                each(&rest[..end]);
            } else {
                extend(&mut self.line, &rest[..end], MAX_OBJECT)?;
                each(&self.line);
                emptied(&mut self.line);
            }
            rest = &rest[end + 1..];
        }
        extend(&mut self.line, rest, MAX_OBJECT)
    }
}

/// Whether what has come so far ends where the value of `items` begins.
fn names_items(envelope: &[u8]) -> bool {
    let before = envelope
        .strip_suffix(b"[")
        .unwrap_or(envelope)
        .trim_ascii_end();
    before
        .strip_suffix(b":")
        .is_some_and(|before| before.trim_ascii_end().ends_with(b"\"items\""))
}

fn extend(buffer: &mut Vec<u8>, bytes: &[u8], most: usize) -> Result<(), Uncut> {
    if buffer.len() + bytes.len() > most {
        return Err(Uncut::TooLarge);
    }
    buffer.extend_from_slice(bytes);
    Ok(())
}

fn emptied(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(KEEP);
}

impl fmt::Display for Uncut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "an object is larger than any of Kubernetes can be",
            Self::Unbalanced => "its brackets do not match",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"kind":"PodList","metadata":{"resourceVersion":"7","x":[1,[2]]}, "items" : [ {"a":"]}\"\\","b":[{"c":{}}]} ,
        {"d":1}],"tail":{"items":[3]}}"#;

    fn cut(list: &str, piece: usize) -> (Vec<String>, String) {
        let (mut items, mut found) = (Items::default(), Vec::new());
        for bytes in list.as_bytes().chunks(piece) {
            items
                .feed(bytes, |item| {
                    found.push(String::from_utf8_lossy(item).trim().to_owned())
                })
                .unwrap();
        }
        (found, String::from_utf8(items.envelope().unwrap()).unwrap())
    }

    #[test]
    fn items_are_cut_out_however_the_pieces_fall() {
        for piece in 1..=LIST.len() {
            let (found, envelope) = cut(LIST, piece);
            assert_eq!(
                found,
                [r#"{"a":"]}\"\\","b":[{"c":{}}]}"#, r#"{"d":1}"#],
                "in pieces of {piece}"
            );
            let envelope: serde_json::Value = serde_json::from_str(&envelope).unwrap();
            assert_eq!(envelope["metadata"]["resourceVersion"], "7");
            assert_eq!(envelope["items"], serde_json::json!([]));
            assert_eq!(envelope["tail"]["items"], serde_json::json!([3]));
        }
    }

    #[test]
    fn an_empty_list_and_one_without_items_are_lists() {
        for list in [
            r#"{"items":[],"metadata":{}}"#,
            r#"{"items":null,"metadata":{}}"#,
            r#"{"metadata":{}}"#,
        ] {
            let (found, envelope) = cut(list, 3);
            assert!(found.is_empty());
            serde_json::from_str::<serde_json::Value>(&envelope).unwrap();
        }
    }

    #[test]
    fn what_is_no_list_is_an_error_and_takes_no_memory() {
        assert_eq!(Items::default().feed(b"}", |_| ()), Err(Uncut::Unbalanced));
        let mut items = Items::default();
        items.feed(b"{\"items\":[{\"a\":\"", |_| ()).unwrap();
        let endless = vec![b'a'; 1 << 20];
        let fed = (0..8)
            .map(|_| items.feed(&endless, |_| ()))
            .find(Result::is_err);
        assert_eq!(fed, Some(Err(Uncut::TooLarge)));
        assert_eq!(
            Items::default().feed(&vec![b' '; 100_000], |_| ()),
            Err(Uncut::TooLarge)
        );
        let mut open = Items::default();
        open.feed(b"{\"items\":[", |_| ()).unwrap();
        assert_eq!(open.envelope(), Err(Uncut::Unbalanced));
    }

    #[test]
    fn lines_are_cut_however_the_pieces_fall() {
        let text = "{\"type\":\"ADDED\"}\n\n{\"type\":\"BOOKMARK\"}\nrest";
        for piece in 1..=text.len() {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for bytes in text.as_bytes().chunks(piece) {
                lines
                    .feed(bytes, |line| {
                        found.push(String::from_utf8_lossy(line).into_owned())
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
