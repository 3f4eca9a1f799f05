//! What the agent counts of itself on its metrics port, as far as it tells something.

use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use crate::catalogue::FailureMode as M;
use crate::verdict::Finding;

/// So few refusals between two looks are everyday life.
const EVERYDAY: u64 = 3;

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
    ("5", M::K8sServerError, "were answered with a server's error"),
    ("<error>", M::K8sNoAnswer, "got no answer at all"),
];

impl Numbers {
    /// Reads Prometheus' text format; lines of no interest, and what is malformed, are passed by.
    pub(super) fn read(text: &str) -> Self {
        let mut numbers = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            match name {
                "process_start_time_seconds" => numbers.started = Some(value),
                // The registration's lease is counted under its own name; the controller's has none.
                "leader_election_master_status" if labels.contains("name=\"\"") => numbers.leads = Some(value > 0.0),
                "castai_agent_delta_send_seconds_count" => numbers.counters.sends = whole(value),
                "castai_agent_delta_send_seconds_sum" => numbers.counters.send_seconds = value,
                "rest_client_requests_total" => numbers.counters.request(labels, whole(value)),
                _ => {}
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
        let started = numbers.started.map_or(0, |at| (at * 1000.0) as i64);
        numbers.counters.started = started;
        numbers
    }

    /// How long the agent has run, in seconds.
    pub(super) fn age(&self) -> Option<f64> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
        self.started.map(|at| now - at)
    }
}

impl Counters {
    fn request(&mut self, labels: &str, value: u64) {
        let code = labels.split("code=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        match TROUBLE.iter().position(|(start, _, _)| code.starts_with(start)) {
            Some(kind) => self.trouble[kind] += value,
            None => self.served += value,
        }
    }

    /// How they grew since then; nothing if the agent was started anew meanwhile.
    pub(super) fn since(&self, before: &Self) -> Option<Self> {
        let grew = self.started == before.started && self.served >= before.served && self.sends >= before.sends;
        grew.then(|| Self {
            started: self.started,
            served: self.served - before.served,
            trouble: std::array::from_fn(|kind| self.trouble[kind].saturating_sub(before.trouble[kind])),
            sends: self.sends - before.sends,
            send_seconds: self.send_seconds - before.send_seconds,
        })
    }

    /// What the agent meets at the API server, when it is more than now and then.
    pub(super) fn finding(&self) -> Option<Finding> {
        let (kind, most) = self.trouble.iter().enumerate().max_by_key(|(_, count)| **count)?;
        let all = self.served + self.trouble.iter().sum::<u64>();
        if *most < EVERYDAY || *most * 2 < all {
            return None;
        }
        let (_, mode, what) = TROUBLE[kind];
        let evidence = format!("of its last {all} requests to the API server {most} {what}, by its own count");
        Some(Finding::new(mode, evidence))
    }

    /// How long a delta took on the average, in seconds.
    pub(super) fn mean_send(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "few deltas go out between two looks")]
        let sends = self.sends as f64;
        (self.sends > 0).then(|| self.send_seconds / sends)
    }
}

/// A counter's value as a whole number.
fn whole(value: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
    let whole = value.clamp(0.0, 1e15) as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(requests: &str) -> Numbers {
        Numbers::read(&format!(
            "# HELP process_start_time_seconds Start time.\nprocess_start_time_seconds 1.7e+09\n\
             leader_election_master_status{{name=\"\"}} 1\n{requests}\n"
        ))
    }

    fn requests(code: &str, count: u64) -> String {
        format!("rest_client_requests_total{{code=\"{code}\",host=\"10.96.0.1:443\",method=\"PUT\"}} {count}\n")
    }

    #[test]
    fn what_matters_is_how_the_counters_grow() {
        let before = numbers(&(requests("200", 100) + &requests("403", 90)));
        let quiet = numbers(&(requests("200", 130) + &requests("403", 91)));
        assert_eq!(before.leads, Some(true));
        assert_eq!(quiet.counters.since(&before.counters).unwrap().finding(), None);
        let refused = numbers(&(requests("200", 101) + &requests("403", 99)));
        let finding = refused.counters.since(&before.counters).unwrap().finding().unwrap();
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
            let grown = numbers(&requests(code, 9)).counters.since(&numbers("").counters).unwrap();
            assert_eq!(grown.finding().map(|finding| finding.mode), mode, "{code}");
        }
    }

    #[test]
    fn after_a_restart_nothing_is_compared() {
        let before = numbers(&requests("200", 100));
        assert_eq!(numbers(&requests("200", 1)).counters.since(&before.counters), None);
    }

    #[test]
    fn what_is_malformed_is_passed_by() {
        let read = Numbers::read("process_start_time_seconds soon\nrest_client_requests_total{code= 3\n{} 1\n \n1\n");
        assert_eq!(read.counters.trouble, [0; 5]);
        assert_eq!(read.age(), None);
    }
}
