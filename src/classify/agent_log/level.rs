//! Levels of log lines.

/// Severity of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::classify) enum Level {
    /// Info and below.
    Quiet,
    /// A warning.
    Warning,
    /// Error and above.
    Error,
    /// The format has no level.
    Unknown,
}

/// Parses the name of a level.
pub(super) fn level(name: &str) -> Level {
    if !(3..=8).contains(&name.len()) {
        return Level::Unknown;
    }
    match name.to_ascii_lowercase().as_str() {
        "err" | "error" | "fatal" | "panic" | "crit" | "critical" | "dpanic" | "severe"
        | "emerg" | "alert" | "erro" | "fata" => Level::Error,
        "warn" | "warning" => Level::Warning,
        "info" | "debug" | "trace" | "notice" | "verbose" | "fine" | "debu" => Level::Quiet,
        _ => Level::Unknown,
    }
}
