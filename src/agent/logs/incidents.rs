//! What one container's log tells, line by line: which troubles there are, since when, and whether they are over.
//!
//! Pure: lines with their times in, troubles out. With each peer there is one trouble: of the causes that are heard of
//! now the first, because what follows it is mostly its consequence. One that is heard of no more gives way to one that
//! is; a broken connection, and a line that names no phase, give way at once to what names the cause.

use jiff::{SignedDuration, Timestamp};

use crate::catalogue::groups::{PASSING_MODES, TIMEOUT_MODES};
use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::{About, LogLine, Sign};

/// A trouble that is not heard of for so long is over: the agent repeats everything every 15 s.
const QUIET: SignedDuration = SignedDuration::from_secs(75);
/// One about deltas may be silent for two minutes between two attempts; a delta that arrives ends it earlier.
const QUIET_DELIVERY: SignedDuration = SignedDuration::from_mins(6);
/// What is told once, and passes by itself, is over after so long: three of the kubelet's reports of its node, each of
/// which makes the agent ask again.
const PASSED: SignedDuration = SignedDuration::from_mins(15);
/// An agent whose last delta arrived so long before is not one that delivers: one delta may take two minutes.
const DELIVERS: SignedDuration = SignedDuration::from_mins(3);

/// What a container has told so far.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// Each mode with each peer once.
    troubles: Vec<Trouble>,
    /// When a delta last arrived, by the agent's word.
    delivered: Option<Timestamp>,
    /// When it last said that another instance leads.
    follows: Option<Timestamp>,
    /// Fault lines that no rule knows.
    pub unclassified: u64,
}

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What.
    pub mode: FailureMode,
    /// With whom.
    pub about: About,
    /// The agent's own words.
    pub words: String,
    /// When it was first told.
    pub first: Timestamp,
    /// When it was last told.
    pub last: Timestamp,
    /// How often it was told.
    pub count: u64,
    /// It is told once and lasts until something else refutes it.
    pub lasts: bool,
    /// When it last kept a delta from arriving.
    delivery: Option<Timestamp>,
}

/// How much a mode tells of why something does not work.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Telling {
    /// That it did not come in time or arrive, and not where it got stuck.
    Nothing,
    /// That a connection broke, and not why there is no new one.
    Break,
    /// The cause.
    Cause,
}

impl Story {
    /// Takes in the next line.
    pub(super) fn tell(&mut self, at: Timestamp, line: LogLine) {
        match line.sign {
            Some(Sign::Delivered) => self.delivered = Some(at),
            Some(Sign::Follows) => self.follows = Some(at),
            None => {}
        }
        let Some(mode) = line.reading.mode() else {
            return;
        };
        self.unclassified += u64::from(mode == M::Unclassified);
        let LogLine {
            about,
            words,
            lasts,
            delivery,
            ..
        } = line;
        let delivery = delivery.then_some(at);
        let told = Trouble {
            mode,
            about,
            words,
            first: at,
            last: at,
            count: 1,
            lasts,
            delivery,
        };
        // Each such line is the outcome of a new attempt: what lasts takes the place of what lasted.
        let replaced =
            |trouble: &Trouble| told.lasts && !told.passes() && told.mode != trouble.mode;
        self.troubles.retain(|trouble| {
            if trouble.is_beside(&told) {
                !replaced(trouble)
            } else {
                trouble.lasts || heard(trouble.last, QUIET_DELIVERY, at)
            }
        });
        let known = self
            .troubles
            .iter()
            .position(|trouble| trouble.is_beside(&told) && trouble.mode == told.mode);
        match known {
            Some(known) if self.is_heard(&self.troubles[known], at) => {
                self.troubles[known].again(at, delivery)
            }
            Some(known) => self.troubles[known] = told,
            None => self.troubles.push(told),
        }
    }

    /// The troubles that hold at a moment, one with each peer, the first one first.
    pub fn troubles(&self, now: Timestamp) -> Vec<&Trouble> {
        let mut holding: Vec<&Trouble> = Vec::new();
        for trouble in self
            .troubles
            .iter()
            .filter(|trouble| !self.is_over(trouble) && self.is_heard(trouble, now))
        {
            match holding.iter_mut().find(|other| other.is_beside(trouble)) {
                Some(other) if trouble.explains(other) => *other = trouble,
                Some(_) => {}
                None => holding.push(trouble),
            }
        }
        for trouble in &mut holding {
            *trouble = self.cause_before(trouble, now).unwrap_or(trouble);
        }
        holding.sort_by_key(|trouble| trouble.first);
        holding
    }

    /// When a delta last arrived.
    pub fn delivered(&self) -> Option<Timestamp> {
        self.delivered
    }

    /// Whether the agent showed since its start that it works: it delivers, or another instance leads.
    pub fn works(&self) -> bool {
        self.delivered.is_some() || self.follows.is_some()
    }

    /// Whether deltas arrive while a trouble holds.
    pub fn delivers_despite(&self, trouble: &Trouble) -> bool {
        self.delivered.is_some_and(|delivered| {
            delivered > trouble.first && heard(delivered, DELIVERS, trouble.last)
        })
    }

    /// Whether a delta arrived since, of which it was told that it did not.
    fn is_over(&self, trouble: &Trouble) -> bool {
        !trouble.lasts
            && trouble.delivery.is_some()
            && self.delivered.is_some_and(|at| at > trouble.last)
    }

    /// Whether it was heard of lately.
    fn is_heard(&self, trouble: &Trouble, now: Timestamp) -> bool {
        if trouble.lasts {
            return !trouble.passes() || heard(trouble.last, PASSED, now);
        }
        // Of the deltas it is silent only as long as nothing else is said of them.
        let other = |at: Timestamp| {
            let named = self
                .troubles
                .iter()
                .filter(|other| other.telling() != Telling::Nothing);
            named
                .filter(|other| other.is_beside(trouble))
                .any(|other| other.delivery.is_some_and(|other| other > at))
        };
        heard(trouble.last, QUIET, now)
            || trouble
                .delivery
                .is_some_and(|at| heard(at, QUIET_DELIVERY, now) && !other(at))
    }

    /// The cause that was told before one that names none, and of which that is mostly a consequence.
    fn cause_before(&self, trouble: &Trouble, now: Timestamp) -> Option<&Trouble> {
        if trouble.lasts || trouble.telling() != Telling::Nothing {
            return None;
        }
        let beside = self
            .troubles
            .iter()
            .filter(|other| other.is_beside(trouble) && !self.is_over(other));
        let causes = beside.filter(|other| other.telling() != Telling::Nothing);
        causes
            .filter(|other| {
                heard(other.last, QUIET_DELIVERY, now) && heard(other.last, QUIET, trouble.first)
            })
            .max_by_key(|other| other.last)
    }
}

impl Trouble {
    /// How often it was told, and when, for the middle of a sentence.
    pub fn often(&self) -> String {
        let time = |at: &Timestamp| at.strftime("%H:%M:%S").to_string();
        match self.count {
            1 => format!("at {}", time(&self.first)),
            count => format!(
                "{count} times from {} to {} UTC",
                time(&self.first),
                time(&self.last)
            ),
        }
    }

    fn again(&mut self, at: Timestamp, delivery: Option<Timestamp>) {
        self.last = at;
        self.count += 1;
        self.delivery = delivery.or(self.delivery);
    }

    /// Whether another one is about the same.
    fn is_beside(&self, other: &Self) -> bool {
        self.about == other.about && self.lasts == other.lasts
    }

    /// Whether it, and not another one that is about the same, is what is told.
    fn explains(&self, other: &Self) -> bool {
        if self.lasts {
            return self.last > other.last;
        }
        let (own, its) = (self.telling(), other.telling());
        own > its || own == its && self.first < other.first
    }

    /// Whether it passes by itself, though it is told once.
    fn passes(&self) -> bool {
        const ALSO: &[FailureMode] = &[M::NetReset, M::AwsStsUnreachable];
        [PASSING_MODES, TIMEOUT_MODES, ALSO]
            .iter()
            .any(|modes| modes.contains(&self.mode))
    }

    fn telling(&self) -> Telling {
        match self.mode {
            M::HttpTimeout
            | M::K8sNoAnswer
            | M::CastaiDeliveryFailed
            | M::Unclassified
            | M::AgentNotReadyInitialising => Telling::Nothing,
            M::NetReset => Telling::Break,
            _ => Telling::Cause,
        }
    }
}

/// Whether a moment is no longer ago than this.
fn heard(at: Timestamp, within: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(at) <= within
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::log_line;

    const START: &str = "2026-11-22T13:00:00Z";

    fn at(seconds: i64) -> Timestamp {
        START.parse::<Timestamp>().expect("a time") + SignedDuration::from_secs(seconds)
    }

    /// What holds at the end of these lines, each with its second.
    fn told(lines: &[(i64, &str)], now: i64) -> Vec<FailureMode> {
        let mut story = Story::default();
        for (second, line) in lines {
            story.tell(at(*second), log_line(line));
        }
        story
            .troubles(at(now))
            .iter()
            .map(|trouble| trouble.mode)
            .collect()
    }

    const KLOG_TLS: &str = "E1122 13:00:10.148702       1 leaderelection.go:316] error retrieving resource lock castai-agent/agent-leader-election-lock-registration: Get \"https://10.96.0.21:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/x?timeout=3s\": net/http: TLS handshake timeout";
    const CONFIG_401: &str = "time=\"2026-11-22T13:00:15Z\" level=error msg=\"failed getting agent configuration: request error status_code=401 body={\\\"message\\\":\\\"Unauthorized\\\"}\"";
    const UPLOADED: &str = "time=\"2026-11-22T13:00:34Z\" level=info msg=\"delta upload finished\" full_snapshot=true items=3 response_code=204";
    const NO_LIFECYCLE: &str = "time=\"2026-11-22T13:00:34Z\" level=warning msg=\"failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: a, api error UnauthorizedOperation: You are not authorized to perform this operation. because no identity-based policy allows the ec2:DescribeInstances action\"";

    #[test]
    fn the_first_cause_counts_and_not_the_last_line() {
        let killed = [
            (10, KLOG_TLS),
            (22, KLOG_TLS),
            (
                31,
                "time=\"x\" level=warning msg=\"failed to store metadata in a config map: Patch \\\"https://10.96.0.21:443/api/v1\\\": context canceled\"",
            ),
            (
                46,
                "time=\"x\" level=error msg=\"failed to send logs after shutdown timed out\"",
            ),
        ];
        assert_eq!(told(&killed, 46), [M::TlsHandshakeTimeout]);
        let taken = [
            (
                0,
                "time=\"x\" level=info msg=\"shutdown triggered by \\\"healthz server\\\"\" error=\"listen tcp :9876: bind: address already in use\"",
            ),
            (
                1,
                "time=\"x\" level=error msg=\"registering cluster: requesting castai api: Post \\\"https://api.cast.ai/v1/kubernetes/external-clusters\\\": context canceled\"",
            ),
        ];
        assert_eq!(told(&taken, 16), [M::AgentPortTaken]);
    }

    #[test]
    fn a_vague_cause_gives_way_to_one_that_names_its_phase() {
        let frozen = [
            (
                11,
                "2026/11/22 13:00:11.148702 WARN RESTY Post \"https://api.cast.ai/v1/kubernetes/clusters/x/agent-config\": context deadline exceeded, Attempt 1",
            ),
            (
                17,
                "2026/11/22 13:00:17.148702 WARN RESTY Post \"https://api.cast.ai/v1/kubernetes/clusters/x/agent-config\": net/http: TLS handshake timeout, Attempt 2",
            ),
        ];
        assert_eq!(told(&frozen, 20), [M::TlsHandshakeTimeout]);
    }

    #[test]
    fn a_trouble_that_is_heard_of_no_more_is_over() {
        assert_eq!(
            told(&[(15, CONFIG_401), (30, CONFIG_401)], 100),
            [M::CastaiTokenInvalid]
        );
        assert_eq!(told(&[(15, CONFIG_401), (30, CONFIG_401)], 106), []);
        let lost = "time=\"x\" level=error msg=\"failed sending delta: timed out waiting for the condition\"";
        assert_eq!(told(&[(123, lost)], 240), [M::CastaiDeliveryFailed]);
        assert_eq!(told(&[(123, lost), (140, UPLOADED)], 141), []);
    }

    #[test]
    fn what_is_told_once_lasts() {
        assert_eq!(
            told(&[(34, NO_LIFECYCLE), (35, UPLOADED)], 86_400),
            [M::Ec2DeniedIdentityPolicy]
        );
    }

    #[test]
    fn two_troubles_with_different_others_are_two() {
        let both = [(34, NO_LIFECYCLE), (45, CONFIG_401)];
        assert_eq!(
            told(&both, 50),
            [M::Ec2DeniedIdentityPolicy, M::CastaiTokenInvalid]
        );
    }

    #[test]
    fn a_healthy_start_tells_nothing() {
        let healthy = [
            (
                1,
                "E1122 13:00:01.148702       1 leaderelection.go:441] Failed to update lock optimistically: Put \"https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock-registration?timeout=3s\": context canceled, falling back to slow path",
            ),
            (
                1,
                "E1122 13:00:01.148702       1 leaderelection.go:448] error retrieving resource lock castai-agent/agent-leader-election-lock-registration: client rate limiter Wait returned an error: context canceled",
            ),
            (
                1,
                "E1122 13:00:01.148702       1 leaderelection.go:297] failed to renew lease castai-agent/agent-leader-election-lock-registration: context canceled",
            ),
            (34, UPLOADED),
        ];
        assert_eq!(told(&healthy, 40), []);
    }

    const CONFIG_500: &str = "time=\"x\" level=error msg=\"failed getting agent configuration: request error status_code=500 body={}\"";
    const DELTA_401: &str = "time=\"x\" level=error msg=\"failed sending delta: delta request error: request_id=\\\"0a\\\" status_code=401 body={\\\"message\\\":\\\"Unauthorized\\\"}\"";
    const DELTA_500: &str = "time=\"x\" level=error msg=\"failed sending delta: delta request error: request_id=\\\"0a\\\" status_code=500 body={}\"";
    const CONFIG_SLOW: &str = "2026/11/22 13:00:11.148702 WARN RESTY Post \"https://api.cast.ai/v1/kubernetes/clusters/x/agent-config\": context deadline exceeded, Attempt 1";
    const UNTOLD: &str =
        "time=\"x\" level=error msg=\"failed sending delta: timed out waiting for the condition\"";

    /// A line of the lookup of nodes at EC2, which ends so.
    fn lookup(end: &str) -> String {
        format!(
            "time=\"x\" level=warning msg=\"failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, {end}\""
        )
    }

    const TRUST: &str = "get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, RequestID: a, api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity";
    const LIMIT: &str = "exceeded maximum number of attempts, 3, https response error StatusCode: 503, RequestID: a, api error RequestLimitExceeded: Request limit exceeded.";

    #[test]
    fn a_broken_connection_gives_way_to_what_keeps_a_new_one_from_standing() {
        let broken = "time=\"x\" level=warning msg=\"failed sending delta request: unexpected EOF\" attempts=1";
        let cause = "2026/11/22 13:00:11.148702 WARN RESTY Post \"https://api.cast.ai/v1/kubernetes/clusters/x/agent-config\": tls: failed to verify certificate: x509: certificate signed by unknown authority, Attempt 1";
        assert_eq!(told(&[(0, broken)], 5), [M::NetReset]);
        assert_eq!(
            told(&[(0, broken), (5, cause)], 6),
            [M::TlsUnknownAuthority]
        );
        assert_eq!(
            told(&[(0, cause), (5, broken)], 6),
            [M::TlsUnknownAuthority]
        );
        assert_eq!(
            told(&[(0, cause), (5, broken), (60, broken), (100, broken)], 101),
            [M::NetReset]
        );
    }

    #[test]
    fn a_cause_that_is_heard_of_no_more_gives_way_to_one_that_is() {
        let mut lines = vec![
            (0, CONFIG_500),
            (10, DELTA_500),
            (15, CONFIG_500),
            (25, DELTA_500),
        ];
        for quarter in 2..7 {
            lines.extend([(quarter * 15, CONFIG_401), (quarter * 15 + 10, DELTA_401)]);
        }
        assert_eq!(
            told(&lines, 100),
            [M::CastaiServerError],
            "it was heard of 75 s ago"
        );
        assert_eq!(told(&lines, 101), [M::CastaiTokenInvalid]);
    }

    #[test]
    fn causes_that_take_turns_are_told_by_the_first() {
        let turns: Vec<_> = (0..100)
            .map(|turn| {
                (
                    turn * 30,
                    if turn % 2 == 0 {
                        CONFIG_500
                    } else {
                        CONFIG_401
                    },
                )
            })
            .collect();
        assert_eq!(told(&turns, 2971), [M::CastaiServerError]);
    }

    #[test]
    fn what_names_no_cause_is_told_by_the_cause_before_it_until_that_is_long_ago() {
        let mut lines = vec![(0, DELTA_500)];
        lines.extend((1..40).map(|quarter| (quarter * 15, CONFIG_SLOW)));
        assert_eq!(told(&lines[..21], 300), [M::CastaiServerError]);
        assert_eq!(told(&lines, 590), [M::HttpTimeout]);
        assert_eq!(
            told(
                &[
                    (0, DELTA_500),
                    (1, UNTOLD),
                    (2, UPLOADED),
                    (90, CONFIG_SLOW)
                ],
                91
            ),
            [M::HttpTimeout]
        );
    }

    #[test]
    fn what_lasts_gives_way_to_a_newer_one_that_lasts() {
        let (trust, denied) = (lookup(TRUST), (7200, NO_LIFECYCLE));
        assert_eq!(told(&[(34, &trust)], 7000), [M::AwsIrsaTrustDenied]);
        assert_eq!(
            told(&[(34, &trust), denied], 7300),
            [M::Ec2DeniedIdentityPolicy]
        );
    }

    #[test]
    fn what_is_told_once_and_passes_by_itself_is_over_after_a_while() {
        let limit = lookup(LIMIT);
        for (end, mode) in [
            (LIMIT, M::Ec2Throttled),
            (
                "https response error StatusCode: 503, RequestID: a, api error Unavailable: a",
                M::Ec2ServerError,
            ),
            (
                "https response error StatusCode: 0, RequestID: , canceled, context deadline exceeded",
                M::HttpTimeout,
            ),
            (
                "https response error StatusCode: 0, RequestID: , request send failed, Post \"https://ec2.eu-central-1.amazonaws.com/\": read tcp 10.0.0.7:1->203.0.113.9:443: read: connection reset by peer",
                M::NetReset,
            ),
        ] {
            let line = lookup(end);
            assert_eq!(told(&[(34, &line)], 34 + 15 * 60), [mode]);
            assert_eq!(told(&[(34, &line)], 35 + 15 * 60), []);
        }
        // What lasts was not refuted by it.
        assert_eq!(
            told(&[(34, NO_LIFECYCLE), (400, &limit)], 500),
            [M::Ec2Throttled]
        );
        assert_eq!(
            told(&[(34, NO_LIFECYCLE), (400, &limit)], 7200),
            [M::Ec2DeniedIdentityPolicy]
        );
    }

    #[test]
    fn one_delta_that_arrives_does_not_make_a_warning_of_hours() {
        let mut story = Story::default();
        for (second, line) in [(0, CONFIG_401), (20, UPLOADED), (30, CONFIG_401)] {
            story.tell(at(second), log_line(line));
        }
        let survived = |story: &Story, now| story.delivers_despite(story.troubles(at(now))[0]);
        assert!(survived(&story, 31));
        for quarter in 3..100 {
            story.tell(at(quarter * 15), log_line(CONFIG_401));
        }
        assert!(!survived(&story, 1486));
    }

    #[test]
    fn the_metadata_that_does_not_answer_explains_the_variable_that_is_missing_for_it() {
        let lines = [
            (
                2,
                "time=\"x\" level=error msg=\"failed to retrieve instance metadata: Get \\\"http://169.254.169.254/metadata/instance?api-version=2021-05-01&format=json\\\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)\"",
            ),
            (
                3,
                "time=\"x\" level=error msg=\"registering cluster: autodiscovering cluster metadata: failed to get location metadata: provide required AKS_LOCATION environment variable\"",
            ),
        ];
        assert_eq!(told(&lines, 18), [M::AzureImdsUnreachable]);
        assert_eq!(told(&lines[1..], 18), [M::MetadataUnresolvable]);
    }
}
