//! Limits of a bundle: it has to fit into a ticket, and into the memory of the exporter's pod.

use std::time::Duration;

/// Largest file of the archive, in bytes.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// Largest part of a log, in bytes.
pub const MAX_LOG_BYTES: usize = 512 << 10;
/// Largest content of the archive, in bytes before compression.
pub const MAX_CONTENT_BYTES: usize = 24 << 20;
/// Largest number of logs.
pub const MAX_LOGS: usize = 60;
/// Largest number of pods of one `DaemonSet` that the logs are collected from.
pub const MAX_PODS_OF_DAEMON_SET: usize = 2;
/// Largest number of objects of one kind.
pub const MAX_OBJECTS: usize = 500;
/// Longest text in an object that is read, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 << 10;
/// Replacement for what is nested too deeply.
pub const TOO_DEEP: &str = "(nested too deeply)";
/// Number of requests at the same time.
pub const CONCURRENCY: usize = 4;

/// Limits that people can change.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for the whole collection.
    pub time: Duration,
    /// Number of lines of each log.
    pub log_lines: usize,
}
