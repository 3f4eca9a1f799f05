//! What one container's log tells, line by line: which troubles there are, since when, and whether they are over.
//!
//! Pure: lines with their times in, troubles out. Within a trouble the first cause counts, because what follows it is
//! mostly its consequence; only a cause that names no phase gives way to one that does.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::catalogue::FailureMode;
use crate::catalogue::FailureMode as M;
use crate::classify::About;
use crate::classify::LogLine;
use crate::classify::Sign;

/// A trouble that is not heard of for so long is over: the agent repeats everything every 15 s.
const QUIET: SignedDuration = SignedDuration::from_secs(75);
/// One about deltas may be silent for two minutes between two attempts; a delta that arrives ends it earlier.
const QUIET_DELIVERY: SignedDuration = SignedDuration::from_mins(6);

/// What a container has told so far.
#[derive(Clone, Debug, Default)]
pub struct Story {
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
    delivery: bool,
}

impl Story {
    /// Takes in the next line.
    pub(super) fn tell(&mut self, at: Timestamp, line: LogLine) {
        match line.sign {
            Some(Sign::Delivered) => self.delivered = Some(at),
            Some(Sign::Follows) => self.follows = Some(at),
            None => {}
        }
        let Some(mode) = line.reading.mode() else { return };
        self.unclassified += u64::from(mode == M::Unclassified);
        let same = |trouble: &&mut Trouble| trouble.about == line.about && trouble.lasts == line.lasts;
        let known = self.troubles.iter_mut().find(same);
        if let Some(trouble) =
            known.filter(|trouble| trouble.lasts || at.duration_since(trouble.last) <= trouble.quiet())
        {
            trouble.last = at;
            trouble.count += 1;
            trouble.delivery |= line.delivery;
            if is_vague(trouble.mode) && !is_vague(mode) {
                (trouble.mode, trouble.words) = (mode, line.words);
            }
            return;
        }
        self.troubles.retain(|trouble| trouble.about != line.about || trouble.lasts != line.lasts);
        let LogLine { about, words, lasts, delivery, .. } = line;
        self.troubles.push(Trouble { mode, about, words, first: at, last: at, count: 1, lasts, delivery });
    }

    /// The troubles that hold at a moment, the first one first.
    pub fn troubles(&self, now: Timestamp) -> Vec<&Trouble> {
        let mut holding: Vec<_> = self.troubles.iter().filter(|trouble| self.holds(trouble, now)).collect();
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

    /// Whether deltas arrived after a trouble had begun.
    pub fn delivers_despite(&self, trouble: &Trouble) -> bool {
        self.delivered.is_some_and(|delivered| delivered > trouble.first)
    }

    fn holds(&self, trouble: &Trouble, now: Timestamp) -> bool {
        let arrived = trouble.delivery && self.delivered.is_some_and(|delivered| delivered > trouble.last);
        trouble.lasts || !arrived && now.duration_since(trouble.last) <= trouble.quiet()
    }
}

impl Trouble {
    /// How often it was told, and when, for the middle of a sentence.
    pub fn often(&self) -> String {
        let time = |at: &Timestamp| at.strftime("%H:%M:%S").to_string();
        match self.count {
            1 => format!("at {}", time(&self.first)),
            count => format!("{count} times from {} to {} UTC", time(&self.first), time(&self.last)),
        }
    }

    fn quiet(&self) -> SignedDuration {
        if self.delivery { QUIET_DELIVERY } else { QUIET }
    }
}

/// Whether a mode says that something did not come in time or arrive, and not where it got stuck.
fn is_vague(mode: FailureMode) -> bool {
    matches!(
        mode,
        M::HttpTimeout | M::K8sNoAnswer | M::CastaiDeliveryFailed | M::Unclassified | M::AgentNotReadyInitialising
    )
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
        story.troubles(at(now)).iter().map(|trouble| trouble.mode).collect()
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
            (46, "time=\"x\" level=error msg=\"failed to send logs after shutdown timed out\""),
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
        assert_eq!(told(&[(15, CONFIG_401), (30, CONFIG_401)], 100), [M::CastaiTokenInvalid]);
        assert_eq!(told(&[(15, CONFIG_401), (30, CONFIG_401)], 106), []);
        let lost = "time=\"x\" level=error msg=\"failed sending delta: timed out waiting for the condition\"";
        assert_eq!(told(&[(123, lost)], 240), [M::CastaiDeliveryFailed]);
        assert_eq!(told(&[(123, lost), (140, UPLOADED)], 141), []);
    }

    #[test]
    fn what_is_told_once_lasts() {
        assert_eq!(told(&[(34, NO_LIFECYCLE), (35, UPLOADED)], 86_400), [M::Ec2DeniedIdentityPolicy]);
    }

    #[test]
    fn two_troubles_with_different_others_are_two() {
        let both = [(34, NO_LIFECYCLE), (45, CONFIG_401)];
        assert_eq!(told(&both, 50), [M::Ec2DeniedIdentityPolicy, M::CastaiTokenInvalid]);
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
}
