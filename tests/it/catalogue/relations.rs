//! The table of relations: acyclic, and every row says something.

use std::collections::BTreeSet;

use castai_health_exporter::catalogue::relation::RELATIONS;
use castai_health_exporter::catalogue::{CheckId, Effect, FailureMode, Relation};

/// Returns the (cause, affected) modes that a row relates; blocked checks show no mode.
fn related(relation: &Relation) -> BTreeSet<(FailureMode, Option<FailureMode>)> {
    let affected = |cause: &FailureMode| -> Vec<(FailureMode, Option<FailureMode>)> {
        match relation.effect {
            Effect::Fails(modes) => modes.iter().map(|mode| (*cause, Some(*mode))).collect(),
            Effect::FailsAlike => vec![(*cause, Some(*cause))],
            Effect::Blocks => vec![(*cause, None)],
        }
    };
    relation.modes.iter().flat_map(affected).collect()
}

#[test]
fn relations_are_acyclic() {
    /// Returns a path from a check back to itself.
    fn cycle(path: &mut Vec<CheckId>) -> bool {
        let last = *path.last().expect("the path has a start");
        for relation in RELATIONS.iter().filter(|relation| relation.cause == last) {
            path.push(relation.affected);
            if relation.affected == path[0] || path.len() <= CheckId::ALL.len() && cycle(path) {
                return true;
            }
            path.pop();
        }
        false
    }
    for check in CheckId::ALL {
        let mut path = vec![*check];
        assert!(!cycle(&mut path), "{path:?}");
    }
}

#[test]
fn checks_show_the_modes_of_their_relations() {
    for relation in RELATIONS {
        assert!(!relation.modes.is_empty(), "{relation:?}");
        assert_ne!(relation.cause, relation.affected, "{relation:?}");
        for (cause, affected) in related(relation) {
            let (from, to) = (relation.cause, relation.affected);
            assert!(cause.shown_by(from), "{from} never shows {cause}: {to}");
            let shown = affected.is_none_or(|mode| mode.shown_by(to));
            assert!(shown, "{to} never shows {affected:?}: {from}");
        }
    }
}

#[test]
fn every_relation_is_reachable() {
    for (at, relation) in RELATIONS.iter().enumerate() {
        let earlier = RELATIONS[..at].iter().filter(|one| {
            one.cause == relation.cause
                && one.affected == relation.affected
                && (one.at_any_severity || !relation.at_any_severity)
        });
        let covered: BTreeSet<_> = earlier.flat_map(related).collect();
        assert!(
            !related(relation).is_subset(&covered),
            "earlier rows relate all of these modes: {relation:?}"
        );
    }
}

#[test]
fn only_prerequisites_block_a_check() {
    for relation in RELATIONS {
        let blocks = matches!(relation.effect, Effect::Blocks);
        let prerequisites = relation.affected.entry().prerequisites;
        assert!(
            !blocks || prerequisites.contains(&relation.cause),
            "{} blocks {}",
            relation.cause,
            relation.affected
        );
    }
}
