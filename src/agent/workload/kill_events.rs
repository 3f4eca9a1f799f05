//! Events in which the kubelet states that it kills a container.

use crate::kube::types::event::Event;
use crate::kube::types::pod::{ContainerStatus, ContainerTerminated};

/// Longest time from a kill event to the exit, in seconds: a termination grace period.
const MAX_TERMINATION_SECONDS: i64 = 90;

/// Returns whether an event states that the liveness probe of this container failed and it is
/// killed.
pub(super) fn is_kill_event(event: &Event, container: &ContainerStatus) -> bool {
    let rest = event
        .message
        .strip_prefix("Container ")
        .and_then(|rest| rest.strip_prefix(container.name.as_str()));
    event.reason == "Killing" && rest.is_some_and(|rest| rest.starts_with(" failed liveness probe"))
}

/// Returns whether an event came before an exit. A later one is about the next run.
pub(super) fn precedes(event: &Event, exit: &ContainerTerminated) -> bool {
    seconds_before(event, exit).is_some_and(|seconds| seconds >= 0)
}

/// Returns whether an event explains an exit, by time: it came during the same run, and not long
/// before its end.
pub(super) fn explains(event: &Event, exit: &ContainerTerminated) -> bool {
    let run_seconds = exit.run_seconds().unwrap_or(i64::MAX);
    seconds_before(event, exit)
        .is_some_and(|seconds| (0..=MAX_TERMINATION_SECONDS.min(run_seconds)).contains(&seconds))
}

/// Returns the time from an event to an exit.
fn seconds_before(event: &Event, exit: &ContainerTerminated) -> Option<i64> {
    Some(exit.finished_at?.as_second() - event.last?.as_second())
}
