//! Time: intervals, jitter, deadlines, quick re-probe after a change, panics contained.

use std::sync::Arc;

use crate::board::Board;
use crate::board::Change;
use crate::checks::Plan;

/// What is told of every change of verdict.
pub type OnChange = Arc<dyn Fn(&Change) + Send + Sync>;

/// Examines every check of the plan once, prerequisites first, and posts to the board.
pub async fn once(_plan: &Plan, _board: &Arc<Board>, _on_change: &OnChange) {}

/// Checks that run for ever, until stopped.
#[derive(Debug)]
pub struct Watch {}

impl Watch {
    /// Starts every check of the plan.
    pub fn start(_plan: Plan, _board: &Arc<Board>, _on_change: &OnChange) -> Self {
        Self {}
    }

    /// Ends all attempts; returns when nothing runs any more.
    pub async fn stop(self) {}
}
