//! Tests of the diagnosis: which failure is the root cause, and how urgent each is.

use std::collections::BTreeSet;

use castai_health_exporter::catalogue::alert::modes_of;
use castai_health_exporter::catalogue::relation::{blocking, explaining};
use castai_health_exporter::catalogue::{
    CheckId, FailureMode, FailureMode as M, Need, Severity, Status,
};
use castai_health_exporter::config::Vantage;
use castai_health_exporter::diagnosis::{Diagnosis, Failure};
use castai_health_exporter::report::{Finding, Observation, Report, Verdict};
use castai_health_exporter::state::{CheckSpec, CheckState, HealthState};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use test_support::fixture::post;

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

fn history(check: CheckId) -> impl Strategy<Value = History> {
    let modes: Vec<FailureMode> = modes_of(check).collect();
    let need = select(Need::ALL);
    let status = prop_oneof![
        2 => Just(Status::Ok),
        1 => Just(Status::Warning),
        4 => Just(Status::Failing),
        1 => Just(Status::Unknown),
        1 => Just(Status::NotApplicable),
    ];
    let most = modes.len().min(2);
    let attempt = (status, subsequence(modes, 1..=most));
    (need, prop::collection::vec(attempt, 0..4)).prop_map(move |(need, attempts)| History {
        check,
        need,
        attempts,
    })
}

fn any_histories() -> impl Strategy<Value = Vec<History>> {
    CheckId::ALL
        .iter()
        .map(|check| history(*check))
        .collect::<Vec<_>>()
}

fn failure_of(diagnosis: &Diagnosis, check: CheckId) -> Vec<Failure> {
    diagnosis.of(check).copied().collect()
}

proptest! {
    #[test]
    fn every_consequence_leads_to_a_root_cause_that_holds(histories in any_histories()) {
        let diagnosis = diagnose(&histories);
        for failure in &diagnosis.failures {
            let mut cause = *failure;
            let mut steps = 0;
            while let Some(check) = cause.caused_by {
                let causes = failure_of(&diagnosis, check);
                prop_assert!(!causes.is_empty(), "{check} does not fail: {failure:?}");
                cause = *causes.iter().min_by_key(|cause| cause.caused_by).unwrap();
                steps += 1;
                prop_assert!(steps <= CheckId::ALL.len(), "circle: {failure:?}");
            }
        }
        let affected: Vec<CheckId> = diagnosis
            .root_checks()
            .into_iter()
            .flat_map(|root| diagnosis.affected_by(root))
            .collect();
        for failure in &diagnosis.failures {
            let own = failure_of(&diagnosis, failure.check);
            let is_root = own.iter().any(|own| own.caused_by.is_none());
            prop_assert_ne!(is_root, affected.contains(&failure.check), "{:?}", failure);
        }
    }

    #[test]
    fn consequence_becomes_a_root_cause_when_its_cause_heals(
        histories in any_histories(),
        healed in select(CheckId::ALL),
    ) {
        let mut histories = histories;
        for history in histories.iter_mut().filter(|history| history.check == healed) {
            history.attempts.push((Status::Ok, Vec::new()));
        }
        let diagnosis = diagnose(&histories);
        prop_assert!(failure_of(&diagnosis, healed).is_empty());
        let by_healed = |failure: &Failure| failure.caused_by == Some(healed);
        prop_assert!(!diagnosis.failures.iter().any(by_healed), "{:?}", diagnosis);
    }

    #[test]
    fn diagnosis_is_deterministic_and_complete(histories in any_histories()) {
        let states = states(&histories);
        let diagnosis = Diagnosis::new(&states, Vantage::Companion);
        let mut reversed = states.clone();
        reversed.reverse();
        let mut other = Diagnosis::new(&reversed, Vantage::Companion);
        let key = |failure: &Failure| (failure.check, failure.mode);
        other.failures.sort_by_key(key);
        let mut sorted = diagnosis.failures.clone();
        sorted.sort_by_key(key);
        prop_assert_eq!(sorted, other.failures);
        for state in &states {
            let shown: Vec<FailureMode> =
                diagnosis.of(state.check).map(|failure| failure.mode).collect();
            prop_assert_eq!(shown, state.stable_modes.modes());
        }
    }

    #[test]
    fn failure_is_explained_only_by_one_as_severe_unless_the_table_says_so(
        histories in any_histories(),
    ) {
        let states = states(&histories);
        let diagnosis = Diagnosis::new(&states, Vantage::Sidecar);
        for failure in &diagnosis.failures {
            let Some(cause) = failure.caused_by else { continue };
            let causes = failure_of(&diagnosis, cause);
            let explains = explaining(failure.check, failure.mode).any(|relation| {
                relation.cause == cause
                    && causes.iter().any(|cause| {
                        relation.explains(cause.mode, failure.mode)
                            && (relation.at_any_severity || cause.severity >= failure.severity)
                    })
            });
            let state = states.iter().find(|state| state.check == failure.check).unwrap();
            let blocked = state.status() == Status::Unknown
                && blocking(failure.check).any(|relation| relation.cause == cause);
            prop_assert!(explains || blocked, "{failure:?} by {causes:?}");
        }
    }
}
