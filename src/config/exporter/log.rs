//! Settings of the log.

/// Format of log lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// `key=value`.
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// Settings of the log.
#[derive(Clone, Copy, Debug)]
pub struct LogSettings {
    /// The least severe level that is logged.
    pub level: tracing::Level,
    /// Format of the lines.
    pub format: LogFormat,
}
