//! Excerpts of log messages.

use crate::redaction::scrubbed;
use crate::report::evidence::quote;

/// Bytes that are quoted of a long message: at its start, and at its end, where the cause usually
/// is.
const EXCERPT_BYTES: (usize, usize) = (80, 200);

/// Quotes a message; of a long one the start and the end.
pub fn excerpt(message: &str) -> String {
    // Before the cut, which could leave a part of a secret that looks like none.
    let message = scrubbed(message);
    let (head, tail) = EXCERPT_BYTES;
    if message.len() <= head + tail {
        return quote(message.as_bytes());
    }
    let head = message.floor_char_boundary(head);
    let tail = message.ceil_char_boundary(message.len() - tail);
    quote(format!("{} … {}", &message[..head], &message[tail..]).as_bytes())
}
