//! The log tails that one check polls.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::agent::logs::container::LogContainer;
use crate::agent::logs::error::{LogError, ReadError};
use crate::agent::logs::incident::Incident;
use crate::agent::logs::read_budget::ReadBudget;
use crate::agent::logs::skipped::SkippedLogs;
use crate::agent::logs::tail::{LogTail, ReadPriority};
use crate::catalogue::{FailureMode, Timeouts};
use crate::kube::{Client, ClientError};

/// Largest number of containers that one check follows.
const MAX_CONTAINERS: usize = 24;
/// Time after which a poll reads no further logs.
const POLL_TIMEOUT: Duration = Duration::from_secs(12);

/// The log tails that one check polls.
#[derive(Debug, Default)]
pub struct LogTails {
    tails: Vec<LogTail>,
    budget: ReadBudget,
    /// The modes to track; `None` is all.
    modes: Option<&'static [FailureMode]>,
    skipped: SkippedLogs,
}

impl LogTails {
    /// Returns tails that track only these modes.
    pub fn with_modes(modes: &'static [FailureMode]) -> Self {
        Self {
            modes: Some(modes),
            ..Self::default()
        }
    }

    /// Sets the containers to follow and returns the tails of those that no longer exist.
    pub fn set_containers(&mut self, mut containers: Vec<LogContainer>) -> Vec<LogTail> {
        containers.sort_by(|one, other| one.sort_key().cmp(&other.sort_key()));
        self.skipped.beyond_limit = containers.len().saturating_sub(MAX_CONTAINERS);
        containers.truncate(MAX_CONTAINERS);
        let mut previous = std::mem::take(&mut self.tails);
        for container in containers {
            let is_same = |tail: &LogTail| {
                tail.container.uid == container.uid && tail.container.name == container.name
            };
            self.tails.push(match previous.iter().position(is_same) {
                Some(at) => {
                    let mut tail = previous.swap_remove(at);
                    tail.update(container);
                    tail
                }
                None => LogTail::new(container, self.modes),
            });
        }
        previous
    }

    /// Reads the new lines of all containers.
    ///
    /// # Errors
    /// If no log could be read. Logs that were skipped otherwise are in [`LogTails::skipped`].
    pub async fn poll(&mut self, client: &Client, now: Timestamp) -> Result<(), LogError> {
        self.skipped.unread.clear();
        if self.tails.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let mut api = client
            .with_timeouts(Timeouts::CONTAINER_LOGS)
            .connect()
            .await?;
        // Logs that failed or were too long last time come last, so that they take nothing from the
        // others.
        self.tails.sort_by_key(LogTail::priority);
        let (mut has_read, mut first_error) = (false, None);
        let count = self.tails.len();
        for (tail, remaining) in self.tails.iter_mut().zip((1..=count).rev()) {
            self.budget.allot(
                remaining,
                count > 1 && tail.priority() == ReadPriority::Behind,
            );
            let result = if began.elapsed() < POLL_TIMEOUT {
                tail.poll(&mut api, &mut self.budget, now).await
            } else {
                Err(ReadError::Failed(LogError::OutOfTime))
            };
            let cause = match result {
                Ok(()) => {
                    has_read = true;
                    continue;
                }
                Err(ReadError::NoLog) => continue,
                Err(ReadError::Incomplete(cause)) => {
                    has_read = true;
                    cause
                }
                Err(ReadError::Failed(error)) => {
                    let cause = error.to_string();
                    first_error.get_or_insert(error);
                    cause
                }
            };
            self.skipped.unread.push(format!(
                "{}/{} ({cause})",
                tail.container.pod, tail.container.name
            ));
        }
        self.tails
            .sort_by(|one, other| one.container.sort_key().cmp(&other.container.sort_key()));
        match first_error {
            Some(error) if !has_read => Err(error),
            _ => Ok(()),
        }
    }

    /// Notes why the logs of other pods are not among the tails.
    pub fn skip_other_pods(&mut self, cause: &ClientError) {
        self.skipped.unread.push(format!("other pods ({cause})"));
    }

    /// Returns the logs that the last poll did not read.
    pub fn skipped(&self) -> &SkippedLogs {
        &self.skipped
    }

    /// Marks incidents that newer evidence disproves, judging by the time of their last occurrence by
    /// the exporter's clock. They stay over unless the log reports them again.
    pub fn refute(&mut self, is_disproved: impl Fn(&Incident, Timestamp) -> bool) {
        for tail in &mut self.tails {
            tail.refute(&is_disproved);
        }
    }

    /// Returns the tails, ordered by pod and container.
    pub fn tails(&self) -> &[LogTail] {
        &self.tails
    }
}
