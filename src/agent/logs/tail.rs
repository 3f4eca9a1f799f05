//! Follows the log of one container: each poll reads the lines that are new.

use jiff::{SignedDuration, Timestamp};

use crate::agent::logs::container::LogContainer;
use crate::agent::logs::error::{LogError, ReadError};
use crate::agent::logs::incident::Incident;
use crate::agent::logs::read_budget::ReadBudget;
use crate::agent::logs::tracker::IncidentTracker;
use crate::catalogue::FailureMode;
use crate::classify::log_line;
use crate::kube::{ApiConnection, ClientError, LogParams};

/// Longest part of a line that is classified, in bytes.
const MAX_LINE_BYTES: usize = 8 * 1024;
/// Lag after which older lines are skipped.
const MAX_LAG: SignedDuration = SignedDuration::from_mins(1);
/// Final part of a completed run that is read, because it shows the cause of the exit.
const LAST_RUN_WINDOW: SignedDuration = SignedDuration::from_mins(3);
/// Part that is still read after lines were skipped.
const CATCH_UP_WINDOW: SignedDuration = SignedDuration::from_secs(30);
/// The same on the first poll of a container.
const FIRST_POLL_WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// The log of one container.
#[derive(Debug)]
pub struct LogTail {
    /// The container.
    pub container: LogContainer,
    /// The incidents of the current run.
    pub tracker: IncidentTracker,
    /// The incidents of the previous run.
    pub previous_run: Option<IncidentTracker>,
    /// The modes to track; `None` is all.
    modes: Option<&'static [FailureMode]>,
    /// Time of the last line that was read.
    position: Option<Timestamp>,
    /// The same for the previous run, until its end was read.
    previous_position: Option<Timestamp>,
    /// Whether the end of the previous run was read or is not available.
    previous_run_done: bool,
    /// Unclassified lines of runs before the previous one.
    older_unclassified: u64,
    /// Time of the last poll that read everything.
    caught_up_at: Option<Timestamp>,
    /// Smallest known lag of the node's clock.
    clock_lag: SignedDuration,
    priority: ReadPriority,
}

/// The result of the last poll. Logs with a higher value are read later.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum ReadPriority {
    /// Everything was read.
    #[default]
    CaughtUp,
    /// There was more than could be read.
    Behind,
    /// The log could not be read.
    Failed,
}

/// Consecutive lines of a log.
struct Chunk {
    lines: Vec<(Timestamp, String)>,
    /// Whether the size limit cut it off.
    truncated: bool,
}

impl LogTail {
    pub(super) fn new(container: LogContainer, modes: Option<&'static [FailureMode]>) -> Self {
        Self {
            container,
            tracker: IncidentTracker::default(),
            previous_run: None,
            modes,
            position: None,
            previous_position: None,
            previous_run_done: false,
            older_unclassified: 0,
            caught_up_at: None,
            clock_lag: SignedDuration::ZERO,
            priority: ReadPriority::CaughtUp,
        }
    }

    /// Takes over the current state of the container. A restart begins a new run.
    pub(super) fn update(&mut self, container: LogContainer) {
        if container.restarts != self.container.restarts {
            let finished_run = std::mem::take(&mut self.tracker);
            self.older_unclassified += self
                .previous_run
                .replace(finished_run)
                .map_or(0, |run| run.unclassified);
            // The last lines of the previous run are still unread.
            self.previous_position = self.position.take();
            self.previous_run_done = false;
            self.caught_up_at = None;
        }
        self.container = container;
    }

    /// Returns the time at which incidents are evaluated, by the node's clock.
    ///
    /// That is now, or the exit of a container that is not running.
    pub fn reference_time(&self, now: Timestamp) -> Timestamp {
        match (self.container.running_since, self.container.last_run) {
            (None, Some((_, ended))) => ended,
            _ => now - self.clock_lag,
        }
    }

    /// Marks incidents of the current and the previous run that newer evidence disproves, judging by
    /// the time of their last occurrence by the exporter's clock.
    pub(super) fn refute(&mut self, is_disproved: impl Fn(&Incident, Timestamp) -> bool) {
        let lag = self.clock_lag;
        let is_disproved = |incident: &Incident| is_disproved(incident, incident.last + lag);
        self.tracker.refute(is_disproved);
        if let Some(previous) = &mut self.previous_run {
            previous.refute(is_disproved);
        }
    }

    /// Returns the time of the last complaint about credentials, by the exporter's clock.
    pub fn last_credentials_complaint(&self) -> Option<Timestamp> {
        let previous = self.previous_run.iter();
        [&self.tracker]
            .into_iter()
            .chain(previous)
            .filter_map(IncidentTracker::last_credentials_complaint)
            .max()
            .map(|at| at + self.clock_lag)
    }

    pub(super) fn priority(&self) -> ReadPriority {
        self.priority
    }

    /// Reads the new lines.
    pub(super) async fn poll(
        &mut self,
        api: &mut ApiConnection,
        budget: &mut ReadBudget,
        now: Timestamp,
    ) -> Result<(), ReadError> {
        // Stays set if the attempt is cancelled during the poll.
        let priority = std::mem::replace(&mut self.priority, ReadPriority::Failed);
        let previous = self.poll_previous_run(api, budget).await;
        let current = self.poll_current_run(api, budget, now).await;
        self.priority = match &current {
            Ok(true) => ReadPriority::Behind,
            Ok(false) | Err(ReadError::NoLog) => ReadPriority::CaughtUp,
            Err(ReadError::Incomplete(_)) => priority.max(ReadPriority::Behind),
            Err(ReadError::Failed(_)) => ReadPriority::Failed,
        };
        match (current, previous) {
            (Ok(_), Err(ReadError::Failed(error))) => Err(ReadError::Incomplete(format!(
                "the end of its previous run: {error}"
            ))),
            (current, _) => current.map(|_| ()),
        }
    }

    /// Reads the new lines of the current run. Returns whether there are more.
    async fn poll_current_run(
        &mut self,
        api: &mut ApiConnection,
        budget: &mut ReadBudget,
        now: Timestamp,
    ) -> Result<bool, ReadError> {
        let running_since = self.container.running_since;
        let finished = self.container.last_run.filter(|_| running_since.is_none());
        let Some(began) = running_since.or(finished.map(|(began, _)| began)) else {
            return Ok(false);
        };
        let is_first = self.position.is_none_or(|position| position < began);
        let from = self.position.filter(|_| !is_first).unwrap_or(began);
        let chunk = self.read(api, budget, (from, self.position), false).await?;
        // A line that the last complete poll did not return is newer than that poll, which bounds
        // the lag.
        if let (Some(caught_up_at), Some((written, _))) = (self.caught_up_at, chunk.lines.first()) {
            self.clock_lag = caught_up_at
                .duration_since(*written)
                .max(SignedDuration::ZERO);
        }
        let has_more = self.record(chunk, from);
        self.caught_up_at = (!has_more).then_some(now);
        let now = self.reference_time(now);
        if !has_more
            || self
                .position
                .is_none_or(|position| now.duration_since(position) <= MAX_LAG)
        {
            return Ok(has_more);
        }
        // Lines between the start of the run and the recent past are skipped.
        let recent = now
            - if is_first {
                FIRST_POLL_WINDOW
            } else {
                CATCH_UP_WINDOW
            };
        self.position = self.position.max(Some(recent));
        let chunk = match self.read(api, budget, (recent, self.position), false).await {
            // The budget is used up: the next poll reads the recent lines.
            Err(ReadError::Incomplete(_)) => return Ok(true),
            chunk => chunk?,
        };
        self.record(chunk, recent);
        Ok(true)
    }

    /// Returns the number of unclassified lines in all runs.
    pub fn unclassified(&self) -> u64 {
        self.older_unclassified
            + self.tracker.unclassified
            + self.previous_run.as_ref().map_or(0, |run| run.unclassified)
    }

    /// Reads the end of the previous run once.
    async fn poll_previous_run(
        &mut self,
        api: &mut ApiConnection,
        budget: &mut ReadBudget,
    ) -> Result<(), ReadError> {
        let Some((began, ended)) = self
            .container
            .last_run
            .filter(|_| self.container.running_since.is_some() && !self.previous_run_done)
        else {
            return Ok(());
        };
        // A copy, so that a failed or cancelled read loses nothing.
        let mut tracker = self.previous_run.clone().unwrap_or_default();
        let mut after = self.previous_position;
        for _ in 0..2 {
            let from = after
                .unwrap_or(began)
                .max(began)
                .max(ended - LAST_RUN_WINDOW);
            let chunk = match self.read(api, budget, (from, after), true).await {
                Ok(chunk) => chunk,
                // The kubelet may have deleted it.
                Err(ReadError::NoLog) => break,
                Err(error) => return Err(error),
            };
            for (at, line) in &chunk.lines {
                record_line(&mut tracker, self.modes, *at, line);
                after = Some(*at);
            }
            if !chunk.truncated {
                break;
            }
        }
        self.previous_run = Some(tracker);
        self.previous_position = None;
        self.previous_run_done = true;
        Ok(())
    }

    /// Records the lines of a chunk that begins at a time. Returns whether there are more.
    fn record(&mut self, chunk: Chunk, from: Timestamp) -> bool {
        if chunk.truncated && chunk.lines.is_empty() {
            // One second exceeds the size limit: its remaining lines are skipped.
            self.position = Some(from + SignedDuration::from_secs(1));
        }
        for (at, line) in chunk.lines {
            record_line(&mut self.tracker, self.modes, at, &line);
            self.position = Some(at);
        }
        chunk.truncated
    }

    async fn read(
        &self,
        api: &mut ApiConnection,
        budget: &mut ReadBudget,
        (from, after): (Timestamp, Option<Timestamp>),
        previous: bool,
    ) -> Result<Chunk, ReadError> {
        let Some(limit) = budget.request_bytes() else {
            return Err(ReadError::Incomplete(
                "it exceeds the read limit per minute".to_owned(),
            ));
        };
        let LogContainer {
            namespace,
            pod,
            name,
            ..
        } = &self.container;
        // sinceTime has a resolution of seconds, so lines up to `after` are filtered out below.
        let since = Timestamp::from_second(from.as_second()).unwrap_or(from);
        let wanted = LogParams {
            container: Some(name.clone()),
            limit_bytes: i64::try_from(limit).ok(),
            previous,
            since_time: Some(since),
            timestamps: true,
            ..LogParams::default()
        };
        let response = api.container_log(namespace, pod, &wanted).await?;
        match response.status.as_u16() {
            200 => {}
            // The container is waiting for its start, or the pod was deleted.
            400 | 404 => return Err(ReadError::NoLog),
            403 => {
                return Err(api
                    .forbidden(format!("get pods/log in namespace {namespace}"))
                    .into());
            }
            _ => {
                return Err(ReadError::Failed(LogError::Client(ClientError::Rejected {
                    request: format!("the request for the log of {pod}"),
                    status: response.status,
                    body: response.quoted(),
                    mode: None,
                })));
            }
        }
        budget.record(response.body.len());
        let truncated = response.truncated || response.body.len() + 1 >= limit;
        Ok(Chunk {
            lines: lines(&response.body, truncated, after),
            truncated,
        })
    }
}

/// Records a line if its mode is tracked.
fn record_line(
    tracker: &mut IncidentTracker,
    modes: Option<&[FailureMode]>,
    at: Timestamp,
    line: &str,
) {
    let line = log_line(line);
    let is_tracked = |mode| modes.is_none_or(|modes| modes.contains(&mode));
    if line.reading.mode().is_none_or(is_tracked) {
        tracker.record(at, line);
    }
}

/// Splits a log into lines with their times. Omits lines up to `after` and a truncated last line.
fn lines(body: &[u8], truncated: bool, after: Option<Timestamp>) -> Vec<(Timestamp, String)> {
    let complete = if truncated {
        body.iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(body, |end| &body[..end])
    } else {
        body
    };
    let mut lines = Vec::new();
    for line in complete.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(&line[..line.len().min(MAX_LINE_BYTES)]);
        let Some((time, text)) = line.split_once(' ') else {
            continue;
        };
        let Ok(at) = time.parse::<Timestamp>() else {
            continue;
        };
        if after.is_none_or(|after| at > after) {
            lines.push((at, text.to_owned()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_were_read_and_a_truncated_last_line_are_omitted() {
        let body = b"2026-11-22T13:00:01.5Z one\n2026-11-22T13:00:02.25Z two\nno time\n2026-11-22T13:00:03Z thr";
        let after = Some("2026-11-22T13:00:01.5Z".parse().expect("a time"));
        let texts = |lines: Vec<(Timestamp, String)>| {
            lines.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(texts(lines(body, false, None)), ["one", "two", "thr"]);
        assert_eq!(texts(lines(body, true, after)), ["two"]);
    }

    #[test]
    fn long_lines_are_truncated() {
        let body = format!("2026-11-22T13:00:01Z {}\n", "ä".repeat(MAX_LINE_BYTES));
        let lines = lines(body.as_bytes(), false, None);
        assert!(
            lines[0].1.len() <= MAX_LINE_BYTES + 3,
            "{}",
            lines[0].1.len()
        );
    }
}
