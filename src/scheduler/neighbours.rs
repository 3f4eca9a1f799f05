//! Changes of verdict, counted for the checks that they concern.

use std::collections::BTreeMap;

use crate::catalogue::{CheckId, Effect, FailureMode, Relation};

/// The number of changes that concern each check.
#[derive(Debug, Default)]
pub(super) struct NeighbourChanges(BTreeMap<CheckId, u64>);

impl NeighbourChanges {
    /// Returns the number of changes that concern a check.
    pub(super) fn concerning(&self, check: CheckId) -> u64 {
        self.0.get(&check).copied().unwrap_or(0)
    }

    /// Records a change of a check that showed these modes before or shows them now.
    pub(super) fn record(
        &mut self,
        changed: CheckId,
        modes: &[FailureMode],
        relations: &[Relation],
    ) {
        for check in CheckId::ALL {
            if concerns(changed, modes, *check, relations) {
                *self.0.entry(*check).or_default() += 1;
            }
        }
    }
}

/// Returns whether a change concerns another check: that one is derived from it, or one of the modes
/// has its cause or its effect there.
fn concerns(
    changed: CheckId,
    modes: &[FailureMode],
    other: CheckId,
    relations: &[Relation],
) -> bool {
    let entry = other.entry();
    if entry.is_derived() && entry.prerequisites.contains(&changed) {
        return true;
    }
    relations.iter().any(|relation| {
        let is_cause = relation.cause == changed
            && relation.affected == other
            && !matches!(relation.effect, Effect::Blocks);
        let is_effect = relation.affected == changed && relation.cause == other;
        modes.iter().any(|mode| {
            is_cause && relation.modes.contains(mode) || is_effect && relation.can_explain(*mode)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::relation::RELATIONS;

    #[test]
    fn refusals_elsewhere_repeat_agent_permissions() {
        for (check, mode) in [
            (CheckId::AgentLog, FailureMode::K8sRbacForbidden),
            (CheckId::AgentHealth, FailureMode::K8sRbacForbidden),
            (CheckId::AgentWorkload, FailureMode::AgentCrashloop),
        ] {
            let concerned = concerns(check, &[mode], CheckId::AgentPermissions, RELATIONS);
            assert!(concerned, "{check} {mode}");
        }
    }

    #[test]
    fn granted_permissions_repeat_agent_log() {
        let granted = CheckId::AgentPermissions;
        assert!(concerns(granted, &[], CheckId::AgentLog, RELATIONS));
    }
}
