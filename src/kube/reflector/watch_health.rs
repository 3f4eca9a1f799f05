//! Whether a watch is alive.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::kube::error::ClientError;

/// The last sign of life of a watch, and the error that interrupted it.
#[derive(Debug, Default)]
pub(super) struct WatchHealth(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last_contact: Option<Instant>,
    error: Option<ClientError>,
}

/// The state of a watch.
pub(super) enum WatchState {
    /// Its objects are current.
    Current,
    /// It has received nothing for too long.
    Stale(Duration, Option<ClientError>),
    /// It has never worked, or its permission was withdrawn.
    Failed(ClientError),
}

impl WatchHealth {
    /// Notes a list, an event or a bookmark.
    pub(super) fn heard(&self) {
        let mut state = self.lock();
        state.last_contact = Some(Instant::now());
        state.error = None;
    }

    /// Notes the error that interrupted the watch.
    pub(super) fn failed(&self, error: ClientError) {
        self.lock().error = Some(error);
    }

    /// Forgets all signs of life.
    pub(super) fn reset(&self) {
        *self.lock() = State::default();
    }

    /// Returns the state of a watch that is stale after this time.
    pub(super) fn state(&self, stale_after: Duration) -> WatchState {
        let state = self.lock();
        match (state.last_contact, &state.error) {
            (Some(last_contact), _) if last_contact.elapsed() <= stale_after => WatchState::Current,
            (None, Some(error)) => WatchState::Failed(error.clone()),
            (last_contact, error) => WatchState::Stale(
                last_contact.map_or(Duration::ZERO, |at| at.elapsed()),
                error.clone(),
            ),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
