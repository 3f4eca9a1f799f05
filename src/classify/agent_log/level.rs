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
    NAMES
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .map_or(Level::Unknown, |(_, level)| *level)
}

/// Levels by their names in logging libraries.
const NAMES: &[(&str, Level)] = &[
    ("info", Level::Quiet),
    ("debug", Level::Quiet),
    ("error", Level::Error),
    ("warn", Level::Warning),
    ("warning", Level::Warning),
    ("trace", Level::Quiet),
    ("notice", Level::Quiet),
    ("verbose", Level::Quiet),
    ("fine", Level::Quiet),
    ("debu", Level::Quiet),
    ("err", Level::Error),
    ("fatal", Level::Error),
    ("panic", Level::Error),
    ("crit", Level::Error),
    ("critical", Level::Error),
    ("dpanic", Level::Error),
    ("severe", Level::Error),
    ("emerg", Level::Error),
    ("alert", Level::Error),
    ("erro", Level::Error),
    ("fata", Level::Error),
];
