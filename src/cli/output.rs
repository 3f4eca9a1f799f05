//! Standard output and standard error.

use std::ffi::OsStr;
use std::io;
use std::io::{IsTerminal, Write};

use crate::redaction::scrubbed;
use crate::report::evidence::single_line;

/// Writes to standard output and ignores a closed pipe.
pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes one line to standard error: `error: …`.
pub(super) fn diagnostic(severity: &str, message: &str) {
    let _ = writeln!(
        io::stderr().lock(),
        "{severity}: {}",
        single_line(&scrubbed(message))
    );
}

/// Replaces the progress line; an empty text removes it.
pub(super) fn progress(text: &str) {
    let mut err = io::stderr().lock();
    let _ = write!(err, "\r\u{1b}[K{text}").and_then(|()| err.flush());
}

/// Returns whether to colour standard output: it is a terminal and `NO_COLOR` is unset.
pub(super) fn supports_colours() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    io::stdout().is_terminal()
        && set("NO_COLOR").is_none()
        && set("TERM").as_deref() != Some(OsStr::new("dumb"))
}

/// Returns whether standard error is a terminal.
pub(super) fn supports_progress() -> bool {
    io::stderr().is_terminal()
}
