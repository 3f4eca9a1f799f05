//! Who may ask and how: the web configuration, read again when its files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::web::Stamp;
use crate::config::{Problems, WebConfig};
use crate::server::auth::Auth;

/// The web configuration, always as the files say.
#[derive(Debug)]
pub(super) struct Access {
    path: Option<PathBuf>,
    state: Mutex<State>,
}

/// What holds for one connection.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) config: WebConfig,
    pub(super) auth: Auth,
}

#[derive(Debug)]
struct State {
    terms: Arc<Terms>,
    stamp: Stamp,
}

impl Access {
    /// Reads the file; without one, anybody may ask in plain text.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Problems> {
        let config = path.map(WebConfig::read).transpose()?.unwrap_or_default();
        let stamp = stamp(path, &config);
        let state = State {
            terms: Arc::new(Terms::new(config)),
            stamp,
        };
        Ok(Self {
            path: path.map(Path::to_owned),
            state: Mutex::new(state),
        })
    }

    /// What holds now. A file that makes no sense changes nothing.
    pub(super) fn terms(&self) -> Arc<Terms> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = &self.path else {
            return Arc::clone(&state.terms);
        };
        let now = stamp(Some(path), &state.terms.config);
        if now != state.stamp {
            match WebConfig::read(path) {
                Ok(config) => {
                    tracing::info!(file = %path.display(), "web configuration read again");
                    state.stamp = stamp(Some(path), &config);
                    state.terms = Arc::new(Terms::new(config));
                }
                Err(problems) => {
                    tracing::warn!(%problems, "web configuration makes no sense; the former one holds");
                    state.stamp = now;
                }
            }
        }
        Arc::clone(&state.terms)
    }
}

impl Terms {
    fn new(config: WebConfig) -> Self {
        let auth = Auth::new(&config.users);
        Self { config, auth }
    }
}

/// The state of the file and of those it names.
fn stamp(path: Option<&Path>, config: &WebConfig) -> Stamp {
    let named = config
        .tls
        .as_ref()
        .map(|tls| tls.files().to_vec())
        .unwrap_or_default();
    Stamp::of(path.map(Path::to_owned).into_iter().chain(named))
}
