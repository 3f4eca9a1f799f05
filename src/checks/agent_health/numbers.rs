//! What the agent counts of itself on its metrics port, as far as it tells something.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::catalogue::FailureMode as M;
use crate::report::Finding;

/// So few refusals between two looks are everyday life.
const EVERYDAY: u64 = 3;

/// A line that is longer tells nothing of interest, in bytes.
const MAX_LINE: usize = 4 * 1024;
/// The most that is read, in bytes: a thousand series take a tenth of a megabyte.
const MOST: usize = 16 << 20;

/// The agent's numbers while they arrive: of each line only what tells something is kept.
#[derive(Debug, Default)]
pub(super) struct Reading {
    numbers: Numbers,
    line: Vec<u8>,
    /// What of a line was too long is passed by.
    passed: bool,
    read: usize,
}

/// The agent's numbers at one moment.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// When the agent was started, in seconds since 1970.
    started: Option<f64>,
    /// Whether this instance leads.
    pub(super) leads: Option<bool>,
    /// What only grows.
    pub(super) counters: Counters,
}

/// What only grows while the agent runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counters {
    /// When the agent was started, in milliseconds since 1970: another start, other counters.
    started: i64,
    /// Requests to the API server that were answered well, or with what is everyday: 404, 409, 410.
    served: u64,
    /// Those that met trouble, in the order of [`TROUBLE`].
    trouble: [u64; TROUBLE.len()],
    /// How many deltas were sent, arrived or not.
    sends: u64,
    /// How long that took, in seconds.
    send_seconds: f64,
}

/// Codes of the agent's requests to the API server that tell of trouble.
const TROUBLE: [(&str, M, &str); 5] = [
    ("401", M::K8sUnauthorized, "were refused with 401"),
    ("403", M::K8sRbacForbidden, "were refused with 403"),
    ("429", M::K8sThrottled, "were put off with 429"),
    (
        "5",
        M::K8sServerError,
        "were answered with a server's error",
    ),
    ("<error>", M::K8sNoAnswer, "got no answer at all"),
];

impl Reading {
    /// Takes the next bytes; nothing when there are more than any agent has.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<()> {
        self.read += bytes.len();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = piece
                .strip_suffix(b"\n")
                .map_or((piece, false), |text| (text, true));
            self.passed |= self.line.len() + text.len() > MAX_LINE;
            if !self.passed {
                self.line.extend_from_slice(text);
            }
            if ends {
                self.end_line();
            }
        }
        (self.read <= MOST).then_some(())
    }

    /// What was read.
    pub(super) fn end(mut self) -> Numbers {
        self.end_line();
        self.numbers
    }

    fn end_line(&mut self) {
        if !std::mem::take(&mut self.passed) {
            self.numbers.take(&String::from_utf8_lossy(&self.line));
        }
        self.line.clear();
    }
}

impl Numbers {
    /// Takes in a line of Prometheus' text format; what is of no interest, or malformed, is passed by.
    fn take(&mut self, line: &str) {
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
            // The registration's lease is counted under its own name; the controller's has none.
            "leader_election_master_status" if labels.contains("name=\"\"") => {
                self.leads = Some(value > 0.0)
            }
            "castai_agent_delta_send_seconds_count" => self.counters.sends = whole(value),
            "castai_agent_delta_send_seconds_sum" => self.counters.send_seconds = value,
            "rest_client_requests_total" => self.counters.request(labels, whole(value)),
            _ => {}
        }
    }

    /// How long the agent has run, in seconds.
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
        match TROUBLE
            .iter()
            .position(|(start, _, _)| code.starts_with(start))
        {
            Some(kind) => self.trouble[kind] += value,
            None => self.served += value,
        }
    }

    /// How they grew since then; nothing if the agent was started anew meanwhile.
    pub(super) fn since(&self, before: &Self) -> Option<Self> {
        let grew = self.started == before.started
            && self.served >= before.served
            && self.sends >= before.sends;
        grew.then(|| Self {
            started: self.started,
            served: self.served - before.served,
            trouble: std::array::from_fn(|kind| {
                self.trouble[kind].saturating_sub(before.trouble[kind])
            }),
            sends: self.sends - before.sends,
            send_seconds: self.send_seconds - before.send_seconds,
        })
    }

    /// What the agent meets at the API server, when it is more than now and then.
    pub(super) fn finding(&self) -> Option<Finding> {
        let (kind, most) = self
            .trouble
            .iter()
            .enumerate()
            .max_by_key(|(_, count)| **count)?;
        let all = self.served + self.trouble.iter().sum::<u64>();
        if *most < EVERYDAY || *most * 2 < all {
            return None;
        }
        let (_, mode, what) = TROUBLE[kind];
        let evidence =
            format!("of its last {all} requests to the API server {most} {what}, by its own count");
        Some(Finding::new(mode, evidence))
    }

    /// How long a delta took on the average, in seconds.
    pub(super) fn mean_send(&self) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "few deltas go out between two looks"
        )]
        let sends = self.sends as f64;
        (self.sends > 0).then(|| self.send_seconds / sends)
    }
}

/// A counter's value as a whole number.
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
mod tests {
    use super::*;

    /// What is read of a text, however its pieces fall.
    fn read(text: &str) -> Numbers {
        let mut reading = Reading::default();
        for piece in text.as_bytes().chunks(7) {
            reading.feed(piece).unwrap();
        }
        reading.end()
    }

    fn numbers(requests: &str) -> Numbers {
        read(&format!(
            "# HELP process_start_time_seconds Start time.\nprocess_start_time_seconds 1.7e+09\n\
             leader_election_master_status{{name=\"\"}} 1\n{requests}\n"
        ))
    }

    fn requests(code: &str, count: u64) -> String {
        format!(
            "rest_client_requests_total{{code=\"{code}\",host=\"10.96.0.1:443\",method=\"PUT\"}} {count}\n"
        )
    }

    #[test]
    fn what_matters_is_how_the_counters_grow() {
        let before = numbers(&(requests("200", 100) + &requests("403", 90)));
        let quiet = numbers(&(requests("200", 130) + &requests("403", 91)));
        assert_eq!(before.leads, Some(true));
        assert_eq!(
            quiet.counters.since(&before.counters).unwrap().finding(),
            None
        );
        let refused = numbers(&(requests("200", 101) + &requests("403", 99)));
        let finding = refused
            .counters
            .since(&before.counters)
            .unwrap()
            .finding()
            .unwrap();
        assert_eq!(finding.mode, M::K8sRbacForbidden);
    }

    #[test]
    fn each_code_has_its_mode_and_other_codes_are_everyday() {
        for (code, mode) in [
            ("401", Some(M::K8sUnauthorized)),
            ("403", Some(M::K8sRbacForbidden)),
            ("429", Some(M::K8sThrottled)),
            ("503", Some(M::K8sServerError)),
            ("<error>", Some(M::K8sNoAnswer)),
            ("404", None),
            ("409", None),
        ] {
            let grown = numbers(&requests(code, 9))
                .counters
                .since(&numbers("").counters)
                .unwrap();
            assert_eq!(grown.finding().map(|finding| finding.mode), mode, "{code}");
        }
    }

    #[test]
    fn after_a_restart_nothing_is_compared() {
        let before = numbers(&requests("200", 100));
        assert_eq!(
            numbers(&requests("200", 1))
                .counters
                .since(&before.counters),
            None
        );
    }

    #[test]
    fn much_is_read_to_its_end_and_little_is_held() {
        let line =
            |n: u32| format!("castai_agent_cache_latency_milliseconds_bucket{{le=\"{n}\"}} 0\n");
        let many: String = (0..20_000).map(line).collect();
        let long = format!("x{{y=\"{}\"}} 1\n", "z".repeat(2 * MAX_LINE));
        let mut reading = Reading::default();
        for piece in [many.as_str(), &long, &requests("403", 7)] {
            reading.feed(piece.as_bytes()).unwrap();
            assert!(reading.line.len() <= MAX_LINE);
        }
        assert_eq!(
            reading.end().counters.trouble,
            numbers(&requests("403", 7)).counters.trouble
        );
        let mut endless = Reading::default();
        let piece = vec![b'x'; MOST / 2];
        assert_eq!(
            [0, 1, 2].map(|_| endless.feed(&piece)),
            [Some(()), Some(()), None]
        );
    }

    #[test]
    fn what_is_malformed_is_passed_by() {
        let read = read(
            "process_start_time_seconds soon\nrest_client_requests_total{code= 3\n{} 1\n \n1\n",
        );
        assert_eq!(read.counters.trouble, [0; 5]);
        assert_eq!(read.age(), None);
    }
}
