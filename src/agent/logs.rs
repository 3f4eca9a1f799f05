//! Follows container logs and tracks the incidents that they report.
//!
//! Logs are polled, not streamed. A new line is read after 15 s at most, like any other fault. A
//! poll per container costs less than a permanent connection per container through API server and
//! kubelet, and its size is limited in advance. A log rotation loses at most the lines since the
//! previous poll, and lasting faults are logged repeatedly.

mod container;
mod error;
mod excerpt;
mod incident;
mod read_budget;
mod skipped;
mod tail;
mod tails;
mod tracker;

pub use container::LogContainer;
pub use error::LogError;
pub use excerpt::excerpt;
pub use incident::Incident;
pub use skipped::SkippedLogs;
pub use tail::LogTail;
pub use tails::LogTails;
pub use tracker::IncidentTracker;
