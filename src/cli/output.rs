//! What reaches a person: standard output and standard error.

use std::ffi::OsStr;
use std::io;
use std::io::{IsTerminal, Write};

use crate::report::evidence::single_line;

/// Writes to standard output; a reader that has gone away is no error.
pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// One clear line on standard error.
pub(super) fn complain(word: &str, what: &str) {
    let _ = writeln!(io::stderr().lock(), "{word}: {}", single_line(what));
}

/// Writes over the progress line; an empty text removes it.
pub(super) fn progress(text: &str) {
    let mut err = io::stderr().lock();
    let _ = write!(err, "\r\u{1b}[K{text}").and_then(|()| err.flush());
}

/// Whether standard output takes colours: a terminal, and nobody said no.
pub(super) fn colours() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    io::stdout().is_terminal()
        && set("NO_COLOR").is_none()
        && set("TERM").as_deref() != Some(OsStr::new("dumb"))
}

/// Whether a progress line has a reader.
pub(super) fn shows_progress() -> bool {
    io::stderr().is_terminal()
}
