//! Tests of the diagnosis: which failure is the root cause, and how urgent each is.

mod control_plane;
mod properties;

use std::collections::BTreeSet;
use std::time::Duration;

use castai_health_exporter::catalogue::{
    CheckId, FailureMode, FailureMode as M, Need, Severity, Status,
};
use castai_health_exporter::config::Vantage;
use castai_health_exporter::diagnosis::Diagnosis;
use castai_health_exporter::report::{Finding, Observation, Report, Verdict};
use castai_health_exporter::state::{CheckSpec, CheckState, HealthState};
use test_support::fixture::{self, post};

/// The attempts of a check, oldest first.
#[derive(Clone, Debug)]
struct History {
    check: CheckId,
    need: Need,
    attempts: Vec<(Status, Vec<FailureMode>)>,
}

fn verdict(status: Status, modes: &[FailureMode]) -> Verdict {
    let findings = || {
        modes
            .iter()
            .map(|mode| Finding::new(*mode, "seen"))
            .collect()
    };
    match status {
        Status::Ok => Verdict::Ok("fine".into()),
        Status::Warning => Verdict::Warning(findings()),
        Status::Failing => Verdict::Failing(findings()),
        Status::Unknown => Verdict::Unknown("unknown".into()),
        Status::NotApplicable => Verdict::NotApplicable("not here".into()),
    }
}

fn states(histories: &[History]) -> Vec<CheckState> {
    let specs: Vec<CheckSpec> = histories
        .iter()
        .map(|history| CheckSpec {
            check: history.check,
            need: history.need,
            interval: history.check.entry().interval,
            subject: 0,
        })
        .collect();
    let health = HealthState::new(&specs);
    for history in histories {
        for (status, modes) in &history.attempts {
            post(
                &health,
                history.check,
                Report::from_verdict(verdict(*status, modes)),
            );
        }
    }
    health.check_states()
}

fn diagnose(histories: &[History]) -> Diagnosis {
    Diagnosis::new(&states(histories), Vantage::Sidecar)
}

/// Returns the diagnosis of checks that fail in these modes, which the agent needs to start.
fn failing(failures: &[(CheckId, FailureMode)]) -> Diagnosis {
    let histories: Vec<History> = failures
        .iter()
        .map(|(check, mode)| History {
            check: *check,
            need: Need::Start,
            attempts: vec![(Status::Failing, vec![*mode])],
        })
        .collect();
    diagnose(&histories)
}

/// Asserts that one check is the only root cause and that all others are its consequences.
#[track_caller]
fn assert_one_root(root: CheckId, failures: &[(CheckId, FailureMode)]) {
    let diagnosis = failing(failures);
    assert_eq!(diagnosis.root_checks(), [root], "{diagnosis:#?}");
    let others: BTreeSet<CheckId> = failures.iter().map(|(check, _)| *check).collect();
    let affected: Vec<CheckId> = others.into_iter().filter(|check| *check != root).collect();
    assert_eq!(diagnosis.affected_by(root), affected);
}

#[test]
fn proxy_that_refuses_is_one_root_cause() {
    for mode in [
        M::ProxyAuthRequired,
        M::ProxyDenied,
        M::ProxyUnreachable,
        M::ProxyBlockPage,
        M::TlsHandshakeTimeout,
    ] {
        let all = [CheckId::CastaiApi, CheckId::StsIdentity, CheckId::Ec2Api];
        let failures: Vec<_> = all
            .into_iter()
            .filter(|check| mode.shown_by(*check))
            .map(|check| (check, mode))
            .collect();
        assert!(failures.len() > 1, "{mode}");
        assert_one_root(CheckId::CastaiApi, &failures);
    }
}

#[test]
fn dns_outage_is_one_root_cause_whatever_each_lookup_shows() {
    assert_one_root(
        CheckId::Dns,
        &[
            (CheckId::Dns, M::NetDnsTimeout),
            (CheckId::CastaiApi, M::NetDnsServfail),
            (CheckId::StsIdentity, M::NetDnsTimeout),
            (CheckId::Ec2Api, M::NetDnsNxdomain),
            (CheckId::AgentLog, M::NetDnsTimeout),
        ],
    );
}

#[test]
fn blocked_egress_is_one_root_cause_while_apiserver_is_ok() {
    for mode in [M::NetConnectTimeout, M::NetUnreachable, M::NetRefused] {
        assert_one_root(
            CheckId::CastaiApi,
            &[
                (CheckId::CastaiApi, mode),
                (CheckId::StsIdentity, mode),
                (CheckId::Ec2Api, mode),
            ],
        );
    }
}

#[test]
fn intercepting_ca_at_several_hosts_is_one_root_cause() {
    assert_one_root(
        CheckId::CastaiApi,
        &[
            (CheckId::CastaiApi, M::TlsIntercepted),
            (CheckId::StsIdentity, M::TlsUnknownAuthority),
            (CheckId::Ec2Api, M::TlsIntercepted),
        ],
    );
}

#[test]
fn revoked_api_key_is_one_root_cause_of_agent_and_cluster_controller() {
    assert_one_root(
        CheckId::CastaiApi,
        &[
            (CheckId::CastaiApi, M::CastaiTokenInvalid),
            (CheckId::AgentLog, M::CastaiTokenInvalid),
            (CheckId::AgentWorkload, M::AgentLivenessKilled),
            (CheckId::ClusterController, M::CastaiTokenInvalid),
        ],
    );
}

#[test]
fn dead_node_is_one_root_cause_of_all_workloads_on_it() {
    assert_one_root(
        CheckId::AgentWorkload,
        &[
            (CheckId::AgentWorkload, M::AgentUnavailable),
            (CheckId::ClusterController, M::AgentUnavailable),
            (CheckId::Components, M::AgentUnavailable),
            (CheckId::AgentHealth, M::AgentHealthUnreachable),
            (CheckId::ClusterStatus, M::CastaiNotResponding),
        ],
    );
}

#[test]
fn unrelated_failures_stay_two_root_causes() {
    let diagnosis = failing(&[
        (CheckId::CastaiApi, M::NetConnectTimeout),
        (CheckId::Ec2Api, M::Ec2DeniedScp),
    ]);
    assert_eq!(
        diagnosis.root_checks(),
        [CheckId::CastaiApi, CheckId::Ec2Api]
    );
}

#[test]
fn most_severe_of_several_causes_explains_a_failure() {
    let history = |check, need, status, mode| History {
        check,
        need,
        attempts: vec![(status, vec![mode])],
    };
    let diagnosis = diagnose(&[
        history(
            CheckId::Dns,
            Need::Start,
            Status::Warning,
            M::NetDnsNxdomain,
        ),
        history(
            CheckId::CastaiApi,
            Need::Start,
            Status::Failing,
            M::NetRefused,
        ),
        history(
            CheckId::AgentHealth,
            Need::Feature,
            Status::Failing,
            M::AgentUnhealthy,
        ),
    ]);
    assert_eq!(
        diagnosis.root_of(CheckId::AgentHealth),
        Some(CheckId::CastaiApi)
    );
}

#[test]
fn failure_kept_while_its_check_is_blocked_is_a_consequence() {
    let history = |check, attempts| History {
        check,
        need: Need::Start,
        attempts,
    };
    let diagnosis = diagnose(&[
        history(
            CheckId::AwsCredentials,
            vec![(Status::Failing, vec![M::AwsNoCredentials])],
        ),
        history(
            CheckId::Ec2Api,
            vec![
                (Status::Failing, vec![M::Ec2DeniedScp]),
                (Status::Unknown, Vec::new()),
            ],
        ),
    ]);
    assert_eq!(diagnosis.root_checks(), [CheckId::AwsCredentials]);
    assert_eq!(
        diagnosis.affected_by(CheckId::AwsCredentials),
        [CheckId::Ec2Api]
    );
}

#[test]
fn warning_three_times_in_a_row_is_no_longer_critical() {
    const FAILING: Status = Status::Failing;
    const WARNING: Status = Status::Warning;
    let severity = |attempts: &[Status]| {
        let attempts = attempts
            .iter()
            .map(|status| (*status, vec![M::NetRefused]))
            .collect();
        let diagnosis = diagnose(&[History {
            check: CheckId::Apiserver,
            need: Need::Start,
            attempts,
        }]);
        diagnosis.failures[0].severity
    };
    assert_eq!(severity(&[FAILING, WARNING, WARNING]), Severity::Critical);
    assert_eq!(
        severity(&[FAILING, WARNING, WARNING, WARNING]),
        Severity::Warning
    );
    assert_eq!(
        severity(&[FAILING, WARNING, WARNING, WARNING, FAILING]),
        Severity::Critical
    );
}

#[test]
fn companion_reports_pod_scope_as_info_while_every_agent_pod_has_a_sidecar() {
    const CRITICAL: Severity = Severity::Critical;
    const INFO: Severity = Severity::Info;
    let severities = |vantage: Vantage, present: u32, missing: u32| {
        let specs = [CheckId::CastaiApi, CheckId::AgentWorkload].map(|check| CheckSpec {
            check,
            need: Need::Start,
            interval: check.entry().interval,
            subject: 0,
        });
        let health = HealthState::new(&specs);
        let report = |mode| Report {
            observations: vec![
                Observation::AgentPods("present", present),
                Observation::AgentPods("missing", missing),
            ],
            ..Report::from_verdict(verdict(Status::Failing, &[mode]))
        };
        post(&health, CheckId::CastaiApi, report(M::CastaiForbidden));
        post(&health, CheckId::AgentWorkload, report(M::AgentOomkilled));
        let diagnosis = Diagnosis::new(&health.check_states(), vantage);
        let of = |check| diagnosis.of(check).next().unwrap().severity;
        (of(CheckId::CastaiApi), of(CheckId::AgentWorkload))
    };
    assert_eq!(severities(Vantage::Companion, 2, 0), (INFO, CRITICAL));
    assert_eq!(severities(Vantage::Companion, 1, 1), (CRITICAL, CRITICAL));
    assert_eq!(severities(Vantage::Companion, 0, 0), (CRITICAL, CRITICAL));
    assert_eq!(severities(Vantage::Sidecar, 2, 0), (CRITICAL, CRITICAL));
}

#[test]
fn companion_reports_what_needs_all_pods_of_the_agent_beside_sidecars() {
    let specs = [CheckId::AgentHealth, CheckId::AgentWorkload].map(|check| CheckSpec {
        check,
        need: Need::Feature,
        interval: check.entry().interval,
        subject: 0,
    });
    let severity = |mode| {
        let health = HealthState::new(&specs);
        let workload = Report {
            observations: vec![Observation::AgentPods("present", 2)],
            ..Report::from_verdict(verdict(Status::Ok, &[]))
        };
        post(&health, CheckId::AgentWorkload, workload);
        let failing = Report::from_verdict(verdict(Status::Failing, &[mode]));
        post(&health, CheckId::AgentHealth, failing);
        let diagnosis = Diagnosis::new(&health.check_states(), Vantage::Companion);
        diagnosis.severity_of(CheckId::AgentHealth)
    };
    assert_eq!(severity(M::AgentLeaseStale), Some(Severity::Info));
    assert_eq!(severity(M::AgentLeaseStolen), Some(Severity::Warning));
}

#[test]
fn check_with_an_old_result_is_stalled_unless_it_is_unknown() {
    let old = fixture::at(0);
    let report = |seconds, status, modes: &[FailureMode]| Report {
        at: old + Duration::from_secs(seconds),
        ..Report::from_verdict(verdict(status, modes))
    };
    let stalled = |last: Status, newest: u64| {
        let health = fixture::blank();
        post(
            &health,
            CheckId::CastaiApi,
            report(0, Status::Failing, &[M::NetRefused]),
        );
        post(
            &health,
            CheckId::CastaiApi,
            report(1, last, &[M::NetRefused]),
        );
        post(&health, CheckId::Dns, report(newest, Status::Ok, &[]));
        Diagnosis::new(&health.check_states(), Vantage::Sidecar).stalled_checks
    };
    assert_eq!(stalled(Status::Failing, 900), []);
    assert_eq!(stalled(Status::Failing, 902), [CheckId::CastaiApi]);
    assert_eq!(stalled(Status::Unknown, 902), []);
}

#[test]
fn warning_blocks_no_check() {
    let blocked_by = |status: Status| {
        let diagnosis = diagnose(&[
            History {
                check: CheckId::Imds,
                need: Need::Start,
                attempts: vec![(status, vec![M::AwsImdsUnreachable])],
            },
            History {
                check: CheckId::ClusterMetadata,
                need: Need::Start,
                attempts: vec![(Status::Unknown, Vec::new())],
            },
        ]);
        diagnosis.root_of(CheckId::ClusterMetadata)
    };
    assert_eq!(blocked_by(Status::Failing), Some(CheckId::Imds));
    assert_eq!(blocked_by(Status::Warning), None);
}
