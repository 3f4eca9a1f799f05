//! Properties of the diagnosis of random states.

use castai_health_exporter::catalogue::alert::modes_of;
use castai_health_exporter::catalogue::relation::{blocking, explaining};
use castai_health_exporter::catalogue::{CheckId, FailureMode, Need, Status};
use castai_health_exporter::config::Vantage;
use castai_health_exporter::diagnosis::{Diagnosis, Failure};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::diagnosis::{History, diagnose, states};

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
