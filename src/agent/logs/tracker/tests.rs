use super::*;
use crate::catalogue::FailureMode;
use crate::classify::log_line;

const START: &str = "2026-11-22T13:00:00Z";

fn at(seconds: i64) -> Timestamp {
    START.parse::<Timestamp>().expect("a time") + SignedDuration::from_secs(seconds)
}

/// Returns the modes that are active after these lines, each with its second.
fn active(lines: &[(i64, &str)], now: i64) -> Vec<FailureMode> {
    let mut tracker = IncidentTracker::default();
    for (second, line) in lines {
        tracker.record(at(*second), log_line(line));
    }
    tracker
        .active(at(now))
        .iter()
        .map(|incident| incident.mode)
        .collect()
}

const KLOG_TLS: &str = "E1122 13:00:10.148702       1 leaderelection.go:316] error retrieving resource lock castai-agent/agent-leader-election-lock-registration: Get \"https://10.96.0.21:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/x?timeout=3s\": net/http: TLS handshake timeout";
const CONFIG_401: &str = "time=\"2026-11-22T13:00:15Z\" level=error msg=\"failed getting agent configuration: request error status_code=401 body={\\\"message\\\":\\\"Unauthorized\\\"}\"";
const UPLOADED: &str = "time=\"2026-11-22T13:00:34Z\" level=info msg=\"delta upload finished\" full_snapshot=true items=3 response_code=204";
const NO_LIFECYCLE: &str = "time=\"2026-11-22T13:00:34Z\" level=warning msg=\"failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: a, api error UnauthorizedOperation: You are not authorized to perform this operation. because no identity-based policy allows the ec2:DescribeInstances action\"";

#[test]
fn first_cause_is_reported_not_the_last_line() {
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
    assert_eq!(active(&killed, 46), [M::TlsHandshakeTimeout]);
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
    assert_eq!(active(&taken, 16), [M::AgentPortTaken]);
}

#[test]
fn symptom_gives_way_to_a_cause_with_its_phase() {
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
    assert_eq!(active(&frozen, 20), [M::TlsHandshakeTimeout]);
}

#[test]
fn incident_resolves_when_it_is_no_longer_logged() {
    assert_eq!(
        active(&[(15, CONFIG_401), (30, CONFIG_401)], 100),
        [M::CastaiTokenInvalid]
    );
    assert_eq!(active(&[(15, CONFIG_401), (30, CONFIG_401)], 106), []);
    let lost =
        "time=\"x\" level=error msg=\"failed sending delta: timed out waiting for the condition\"";
    assert_eq!(active(&[(123, lost)], 240), [M::CastaiDeliveryFailed]);
    assert_eq!(active(&[(123, lost), (140, UPLOADED)], 141), []);
}

#[test]
fn sticky_incident_lasts() {
    assert_eq!(
        active(&[(34, NO_LIFECYCLE), (35, UPLOADED)], 86_400),
        [M::Ec2DeniedIdentityPolicy]
    );
}

#[test]
fn incidents_with_different_peers_are_both_active() {
    let both = [(34, NO_LIFECYCLE), (45, CONFIG_401)];
    assert_eq!(
        active(&both, 50),
        [M::Ec2DeniedIdentityPolicy, M::CastaiTokenInvalid]
    );
}

#[test]
fn healthy_start_has_no_incidents() {
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
    assert_eq!(active(&healthy, 40), []);
}

const CONFIG_500: &str = "time=\"x\" level=error msg=\"failed getting agent configuration: request error status_code=500 body={}\"";
const DELTA_401: &str = "time=\"x\" level=error msg=\"failed sending delta: delta request error: request_id=\\\"0a\\\" status_code=401 body={\\\"message\\\":\\\"Unauthorized\\\"}\"";
const DELTA_500: &str = "time=\"x\" level=error msg=\"failed sending delta: delta request error: request_id=\\\"0a\\\" status_code=500 body={}\"";
const CONFIG_SLOW: &str = "2026/11/22 13:00:11.148702 WARN RESTY Post \"https://api.cast.ai/v1/kubernetes/clusters/x/agent-config\": context deadline exceeded, Attempt 1";
const DELTA_TIMEOUT: &str =
    "time=\"x\" level=error msg=\"failed sending delta: timed out waiting for the condition\"";

/// Returns the line of a failed node lookup at EC2 with this end.
fn lookup(end: &str) -> String {
    format!(
        "time=\"x\" level=warning msg=\"failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, {end}\""
    )
}

const TRUST: &str = "get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, RequestID: a, api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity";
const LIMIT: &str = "exceeded maximum number of attempts, 3, https response error StatusCode: 503, RequestID: a, api error RequestLimitExceeded: Request limit exceeded.";

#[test]
fn broken_connection_gives_way_to_the_cause_of_the_failed_reconnect() {
    let broken =
        "time=\"x\" level=warning msg=\"failed sending delta request: unexpected EOF\" attempts=1";
    let cause = "2026/11/22 13:00:11.148702 WARN RESTY Post \"https://api.cast.ai/v1/kubernetes/clusters/x/agent-config\": tls: failed to verify certificate: x509: certificate signed by unknown authority, Attempt 1";
    assert_eq!(active(&[(0, broken)], 5), [M::NetReset]);
    assert_eq!(
        active(&[(0, broken), (5, cause)], 6),
        [M::TlsUnknownAuthority]
    );
    assert_eq!(
        active(&[(0, cause), (5, broken)], 6),
        [M::TlsUnknownAuthority]
    );
    assert_eq!(
        active(&[(0, cause), (5, broken), (60, broken), (100, broken)], 101),
        [M::NetReset]
    );
}

#[test]
fn cause_that_is_no_longer_logged_gives_way_to_the_next() {
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
        active(&lines, 65),
        [M::CastaiServerError],
        "logged 40 s ago"
    );
    assert_eq!(active(&lines, 66), [M::CastaiTokenInvalid]);
}

#[test]
fn alternating_causes_report_the_first() {
    let turns: Vec<_> = (0..100)
        .map(|turn| {
            (
                turn * 15,
                if turn % 2 == 0 {
                    CONFIG_500
                } else {
                    CONFIG_401
                },
            )
        })
        .collect();
    assert_eq!(active(&turns, 1486), [M::CastaiServerError]);
}

#[test]
fn symptom_is_explained_by_a_recent_cause() {
    let mut lines = vec![(0, DELTA_500)];
    lines.extend((1..40).map(|quarter| (quarter * 15, CONFIG_SLOW)));
    assert_eq!(active(&lines[..21], 300), [M::CastaiServerError]);
    assert_eq!(active(&lines, 590), [M::NetNoAnswer]);
    assert_eq!(
        active(
            &[
                (0, DELTA_500),
                (1, DELTA_TIMEOUT),
                (2, UPLOADED),
                (90, CONFIG_SLOW)
            ],
            91
        ),
        [M::NetNoAnswer]
    );
}

#[test]
fn sticky_incident_is_replaced_by_a_newer_one() {
    let (trust, denied) = (lookup(TRUST), (7200, NO_LIFECYCLE));
    assert_eq!(active(&[(34, &trust)], 7000), [M::AwsIrsaTrustDenied]);
    assert_eq!(
        active(&[(34, &trust), denied], 7300),
        [M::Ec2DeniedIdentityPolicy]
    );
}

#[test]
fn self_resolving_sticky_incident_resolves_after_15_minutes() {
    let limit = lookup(LIMIT);
    for (end, mode) in [
        (LIMIT, M::Ec2Throttled),
        (
            "https response error StatusCode: 503, RequestID: a, api error Unavailable: a",
            M::Ec2ServerError,
        ),
        (
            "https response error StatusCode: 0, RequestID: , canceled, context deadline exceeded",
            M::NetNoAnswer,
        ),
        (
            "https response error StatusCode: 0, RequestID: , request send failed, Post \"https://ec2.eu-central-1.amazonaws.com/\": read tcp 10.0.0.7:1->203.0.113.9:443: read: connection reset by peer",
            M::NetReset,
        ),
    ] {
        let line = lookup(end);
        assert_eq!(active(&[(34, &line)], 34 + 15 * 60), [mode]);
        assert_eq!(active(&[(34, &line)], 35 + 15 * 60), []);
    }
    // A self-resolving incident does not disprove a lasting one.
    assert_eq!(
        active(&[(34, NO_LIFECYCLE), (400, &limit)], 500),
        [M::Ec2Throttled]
    );
    assert_eq!(
        active(&[(34, NO_LIFECYCLE), (400, &limit)], 7200),
        [M::Ec2DeniedIdentityPolicy]
    );
}

#[test]
fn single_delivery_does_not_excuse_hours_of_failures() {
    let mut tracker = IncidentTracker::default();
    for (second, line) in [(0, CONFIG_401), (20, UPLOADED), (30, CONFIG_401)] {
        tracker.record(at(second), log_line(line));
    }
    let survives =
        |tracker: &IncidentTracker, now| tracker.delivers_despite(tracker.active(at(now))[0]);
    assert!(survives(&tracker, 31));
    for quarter in 3..100 {
        tracker.record(at(quarter * 15), log_line(CONFIG_401));
    }
    assert!(!survives(&tracker, 1486));
}

#[test]
fn unreachable_metadata_explains_the_missing_location() {
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
    assert_eq!(active(&lines, 18), [M::AzureImdsUnreachable]);
    assert_eq!(active(&lines[1..], 18), [M::MetadataUnresolvable]);
}

/// Returns a tracker that has read these lines.
fn tracker(lines: &[(i64, &str)]) -> IncidentTracker {
    let mut tracker = IncidentTracker::default();
    for (second, line) in lines {
        tracker.record(at(*second), log_line(line));
    }
    tracker
}

fn modes(incidents: &[&Incident]) -> Vec<FailureMode> {
    incidents.iter().map(|incident| incident.mode).collect()
}

#[test]
fn delivery_resolves_castai_incident_that_was_retried_meanwhile() {
    let polls = [(15, CONFIG_500), (30, CONFIG_500)];
    let delivered = |second| [polls[0], polls[1], (second, UPLOADED)];
    assert_eq!(
        active(&delivered(45), 46),
        [M::CastaiServerError],
        "the configuration was not polled again before"
    );
    assert_eq!(active(&delivered(50), 51), []);
}

#[test]
fn delivery_resolves_a_rejected_key_but_not_a_forbidden_request() {
    let forbidden = CONFIG_401.replace("401", "403");
    let after = |line| active(&[(15, line), (16, UPLOADED)], 17);
    assert_eq!(after(CONFIG_401), []);
    assert_eq!(
        after(&forbidden),
        [M::CastaiForbidden],
        "the key may lack the permission for this request only"
    );
}

#[test]
fn rarely_retried_request_lasts_longer() {
    // A watch backs off up to a minute.
    let watch = "E1122 13:00:10.148702       1 reflector.go:205] \"Failed to watch\" err=\"failed to list *v1.Pod: the server is currently unable to handle the request (get pods)\"";
    assert_eq!(active(&[(0, watch)], 41), []);
    assert_eq!(active(&[(0, watch), (36, watch)], 100), [M::K8sServerError]);
    assert_eq!(active(&[(0, watch), (36, watch)], 112), []);
}

#[test]
fn exit_is_explained_by_what_was_logged_last() {
    let lines = [
        (0, NO_LIFECYCLE),
        (700, CONFIG_500),
        (760, KLOG_TLS),
        (765, KLOG_TLS),
    ];
    let tracker = tracker(&lines);
    assert_eq!(modes(&tracker.at_exit(at(770))), [M::TlsHandshakeTimeout]);
    assert_eq!(modes(&tracker.at_exit(at(900))), []);
}

#[test]
fn refuted_incident_stays_over_until_it_is_logged_again() {
    let mut tracker = tracker(&[(34, NO_LIFECYCLE)]);
    tracker.refute(|incident| incident.mode == M::Ec2DeniedIdentityPolicy);
    tracker.refute(|_| false);
    assert_eq!(modes(&tracker.active(at(60))), []);
    tracker.record(at(90), log_line(NO_LIFECYCLE));
    let again = tracker.active(at(91));
    assert_eq!(modes(&again), [M::Ec2DeniedIdentityPolicy]);
    assert_eq!((again[0].first, again[0].count), (at(90), 1));
}

#[test]
fn complaint_about_credentials_ends_when_it_is_refuted() {
    let trust = lookup(TRUST);
    let mut tracker = tracker(&[(34, &trust), (40, CONFIG_401)]);
    assert_eq!(tracker.last_credentials_complaint(), Some(at(34)));
    tracker.refute(|incident| incident.credentials);
    assert_eq!(tracker.last_credentials_complaint(), None);
}

const CONFLICT: &str = "E1122 13:00:10.148702       1 leaderelection.go:441] Failed to update lock optimistically: Operation cannot be fulfilled on leases.coordination.k8s.io \"agent-leader-election-lock\": the object has been modified; please apply your changes to the latest version and try again, falling back to slow path";
const CLIENT_WAIT: &str = "E1122 13:00:18.148702       1 leaderelection.go:448] error retrieving resource lock castai-agent/agent-leader-election-lock: client rate limiter Wait returned an error: context deadline exceeded";

#[test]
fn late_lease_renewal_after_a_conflict_does_not_blame_the_api_server() {
    assert_eq!(active(&[(0, CLIENT_WAIT)], 5), [M::K8sNoAnswer]);
    assert!(active(&[(0, CONFLICT), (8, CLIENT_WAIT)], 10).is_empty());
    assert_eq!(
        active(&[(0, CONFLICT), (40, CLIENT_WAIT)], 42),
        [M::K8sNoAnswer],
        "the conflict is too old to explain it"
    );
}
