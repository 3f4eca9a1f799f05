//! Excerpts of log messages.

use crate::report::evidence::quote;

/// Bytes that are quoted of a long message: at its start, and at its end, where the cause usually
/// is.
const EXCERPT_BYTES: (usize, usize) = (80, 200);

/// Quotes a message; of a long one the start and the end.
pub fn excerpt(message: &str) -> String {
    let (head, tail) = EXCERPT_BYTES;
    if message.len() <= head + tail {
        return quote(message.as_bytes());
    }
    let head = message.floor_char_boundary(head);
    let tail = message.ceil_char_boundary(message.len() - tail);
    quote(format!("{} … {}", &message[..head], &message[tail..]).as_bytes())
}
