//! The agent's own metrics: start time, leadership, API-server errors and delta sends.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::catalogue::FailureMode as M;
use crate::report::Finding;

/// The number of errors between two attempts below which nothing is reported.
const MIN_ERRORS: u64 = 3;

/// The length in bytes above which a line is skipped.
const MAX_LINE_BYTES: usize = 4 * 1024;
/// The maximum size in bytes. A thousand series take a tenth of a megabyte.
const MAX_BYTES: usize = 16 << 20;

/// An incremental parser that keeps only the series of interest.
#[derive(Debug, Default)]
pub(super) struct MetricsParser {
    metrics: AgentMetrics,
    line: Vec<u8>,
    /// Whether the current line is too long and is skipped.
    too_long: bool,
    read: usize,
}

/// The agent's metrics at one moment.
#[derive(Debug, Default)]
pub(super) struct AgentMetrics {
    /// The agent's start time, in seconds since 1970.
    started: Option<f64>,
    /// Whether this agent is the leader.
    pub(super) leads: Option<bool>,
    /// Values that only increase.
    pub(super) counters: Counters,
}

/// Values that only increase while the agent runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counters {
    /// The agent's start time, in milliseconds since 1970. Counters of different starts are not
    /// comparable.
    started: i64,
    /// Requests to the API server that succeeded, or failed with the normal codes 404, 409 and 410.
    served: u64,
    /// Failed requests, in the order of [`ERROR_CODES`].
    errors: [u64; ERROR_CODES.len()],
    /// The number of deltas sent, successful or not.
    sends: u64,
    /// The total duration of these sends, in seconds.
    send_seconds: f64,
}

/// Codes of failed API-server requests, with their mode and description.
const ERROR_CODES: [(&str, M, &str); 5] = [
    ("401", M::K8sUnauthorized, "were rejected with 401"),
    ("403", M::K8sRbacForbidden, "were rejected with 403"),
    ("429", M::K8sThrottled, "were throttled with 429"),
    ("5", M::K8sServerError, "failed with a server error (5xx)"),
    ("<error>", M::K8sNoAnswer, "got no response"),
];

impl MetricsParser {
    /// Parses the next bytes. Returns `None` beyond [`MAX_BYTES`].
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<()> {
        self.read += bytes.len();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, complete) = piece
                .strip_suffix(b"\n")
                .map_or((piece, false), |text| (text, true));
            self.too_long |= self.line.len() + text.len() > MAX_LINE_BYTES;
            if !self.too_long {
                self.line.extend_from_slice(text);
            }
            if complete {
                self.end_line();
            }
        }
        (self.read <= MAX_BYTES).then_some(())
    }

    /// Finishes parsing and returns the metrics.
    pub(super) fn finish(mut self) -> AgentMetrics {
        self.end_line();
        self.metrics
    }

    fn end_line(&mut self) {
        if !std::mem::take(&mut self.too_long) {
            self.metrics
                .parse_line(&String::from_utf8_lossy(&self.line));
        }
        self.line.clear();
    }
}

impl AgentMetrics {
    /// Parses a line of the Prometheus text format. Ignores other series and malformed lines.
    fn parse_line(&mut self, line: &str) {
        let Some((series, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) else {
            return;
        };
        let Ok(value) = value.parse::<f64>() else {
            return;
        };
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        match name {
            "process_start_time_seconds" => {
                self.started = Some(value);
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "milliseconds since 1970 fit"
                )]
                let started = (value * 1000.0) as i64;
                self.counters.started = started;
            }
            // The registration's Lease has a name label; the controller's is empty.
            "leader_election_master_status" if labels.contains("name=\"\"") => {
                self.leads = Some(value > 0.0);
            }
            "castai_agent_delta_send_seconds_count" => self.counters.sends = whole(value),
            "castai_agent_delta_send_seconds_sum" => self.counters.send_seconds = value,
            "rest_client_requests_total" => self.counters.request(labels, whole(value)),
            _ => {}
        }
    }

    /// Returns the agent's uptime in seconds.
    pub(super) fn age(&self) -> Option<f64> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()?
            .as_secs_f64();
        self.started.map(|at| now - at)
    }
}

impl Counters {
    fn request(&mut self, labels: &str, value: u64) {
        let code = labels
            .split("code=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap_or_default();
        match ERROR_CODES
            .iter()
            .position(|(start, _, _)| code.starts_with(start))
        {
            Some(kind) => self.errors[kind] += value,
            None => self.served += value,
        }
    }

    /// Returns the increase since `before`, or `None` if the agent restarted in between.
    pub(super) fn since(&self, before: &Self) -> Option<Self> {
        let grew = self.started == before.started
            && self.served >= before.served
            && self.sends >= before.sends;
        grew.then(|| Self {
            started: self.started,
            served: self.served - before.served,
            errors: std::array::from_fn(|kind| {
                self.errors[kind].saturating_sub(before.errors[kind])
            }),
            sends: self.sends - before.sends,
            send_seconds: self.send_seconds - before.send_seconds,
        })
    }

    /// Returns the most frequent API-server error if it affects at least half of the requests.
    pub(super) fn finding(&self) -> Option<Finding> {
        let (kind, most) = self
            .errors
            .iter()
            .enumerate()
            .max_by_key(|(_, count)| **count)?;
        let all = self.served + self.errors.iter().sum::<u64>();
        if *most < MIN_ERRORS || *most * 2 < all {
            return None;
        }
        let (_, mode, what) = ERROR_CODES[kind];
        let evidence = format!(
            "{most} of the agent's last {all} requests to the API server {what}, \
                     according to its own metrics"
        );
        Some(Finding::new(mode, evidence))
    }

    /// Returns the number of requests that were refused with 403.
    pub(super) fn forbidden(&self) -> u64 {
        let codes = ERROR_CODES.iter().zip(self.errors);
        let forbidden = codes.filter(|((_, mode, _), _)| *mode == M::K8sRbacForbidden);
        forbidden.map(|(_, count)| count).sum()
    }

    /// Returns the agent's start time, in milliseconds since 1970.
    pub(super) fn started(&self) -> i64 {
        self.started
    }

    /// Returns the average duration of a delta send in seconds.
    pub(super) fn mean_send(&self) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "few deltas are sent between two attempts"
        )]
        let sends = self.sends as f64;
        (self.sends > 0).then(|| self.send_seconds / sends)
    }
}

/// Converts a counter's value to an integer.
fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped before"
    )]
    let whole = value.clamp(0.0, 1e15) as u64;
    whole
}

#[cfg(test)]
impl Counters {
    /// Returns counters of refused requests only.
    pub(super) fn with_forbidden(count: u64) -> Self {
        Self {
            errors: std::array::from_fn(|kind| {
                if ERROR_CODES[kind].0 == "403" {
                    count
                } else {
                    0
                }
            }),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses a text in small chunks.
    fn read(text: &str) -> AgentMetrics {
        let mut parser = MetricsParser::default();
        for piece in text.as_bytes().chunks(7) {
            parser.feed(piece).unwrap();
        }
        parser.finish()
    }

    fn metrics(requests: &str) -> AgentMetrics {
        read(&format!(
            "# HELP process_start_time_seconds Start time.\nprocess_start_time_seconds 1.7e+09\n\
             leader_election_master_status{{name=\"\"}} 1\n{requests}\n"
        ))
    }

    fn requests(code: &str, count: u64) -> String {
        format!(
            "rest_client_requests_total{{code=\"{code}\",host=\"10.96.0.1:443\",method=\"PUT\"}} \
             {count}\n"
        )
    }

    #[test]
    fn errors_are_reported_by_counter_increase() {
        let before = metrics(&(requests("200", 100) + &requests("403", 90)));
        let quiet = metrics(&(requests("200", 130) + &requests("403", 91)));
        assert_eq!(before.leads, Some(true));
        assert_eq!(
            quiet.counters.since(&before.counters).unwrap().finding(),
            None
        );
        let refused = metrics(&(requests("200", 101) + &requests("403", 99)));
        let finding = refused
            .counters
            .since(&before.counters)
            .unwrap()
            .finding()
            .unwrap();
        assert_eq!(finding.mode, M::K8sRbacForbidden);
    }

    #[test]
    fn error_codes_map_to_modes_and_404_409_are_ignored() {
        for (code, mode) in [
            ("401", Some(M::K8sUnauthorized)),
            ("403", Some(M::K8sRbacForbidden)),
            ("429", Some(M::K8sThrottled)),
            ("503", Some(M::K8sServerError)),
            ("<error>", Some(M::K8sNoAnswer)),
            ("404", None),
            ("409", None),
        ] {
            let grown = metrics(&requests(code, 9))
                .counters
                .since(&metrics("").counters)
                .unwrap();
            assert_eq!(grown.finding().map(|finding| finding.mode), mode, "{code}");
        }
    }

    #[test]
    fn counters_are_not_compared_across_a_restart() {
        let before = metrics(&requests("200", 100));
        assert_eq!(
            metrics(&requests("200", 1))
                .counters
                .since(&before.counters),
            None
        );
    }

    #[test]
    fn large_metrics_are_streamed_in_bounded_memory() {
        let line =
            |n: u32| format!("castai_agent_cache_latency_milliseconds_bucket{{le=\"{n}\"}} 0\n");
        let many: String = (0..20_000).map(line).collect();
        let long = format!("x{{y=\"{}\"}} 1\n", "z".repeat(2 * MAX_LINE_BYTES));
        let mut parser = MetricsParser::default();
        for piece in [many.as_str(), &long, &requests("403", 7)] {
            parser.feed(piece.as_bytes()).unwrap();
            assert!(parser.line.len() <= MAX_LINE_BYTES);
        }
        assert_eq!(
            parser.finish().counters.errors,
            metrics(&requests("403", 7)).counters.errors
        );
        let mut endless = MetricsParser::default();
        let piece = vec![b'x'; MAX_BYTES / 2];
        assert_eq!(
            [0, 1, 2].map(|_| endless.feed(&piece)),
            [Some(()), Some(()), None]
        );
    }

    #[test]
    fn malformed_metrics_are_ignored() {
        let read = read(
            "process_start_time_seconds soon\nrest_client_requests_total{code= 3\n{} 1\n \n1\n",
        );
        assert_eq!(read.counters.errors, [0; 5]);
        assert_eq!(read.age(), None);
    }
}
