//! The web configuration in force, re-read when its files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::exporter::web::FileVersion;
use crate::config::{ConfigErrors, WebConfig};
use crate::server::basic_auth::Auth;
use crate::server::rate_limiter::RateLimiter;

/// The web configuration, kept in sync with its files.
#[derive(Debug)]
pub(super) struct Access {
    path: Option<PathBuf>,
    state: Mutex<State>,
}

/// TLS, headers, users and rate limit for one connection.
#[derive(Debug)]
pub(super) struct AuthPolicy {
    pub(super) config: WebConfig,
    pub(super) auth: Auth,
    pub(super) rate_limiter: Option<RateLimiter>,
}

#[derive(Debug)]
struct State {
    policy: Arc<AuthPolicy>,
    file_version: FileVersion,
}

impl Access {
    /// Reads the file; without one, the server uses plain HTTP without authentication.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, ConfigErrors> {
        let config = path.map(WebConfig::read).transpose()?.unwrap_or_default();
        let file_version = file_version(path, &config);
        let state = State {
            policy: Arc::new(AuthPolicy::new(config)),
            file_version,
        };
        Ok(Self {
            path: path.map(Path::to_owned),
            state: Mutex::new(state),
        })
    }

    /// Returns the policy in force. An invalid file keeps the previous one.
    pub(super) fn policy(&self) -> Arc<AuthPolicy> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = &self.path else {
            return Arc::clone(&state.policy);
        };
        let now = file_version(Some(path), &state.policy.config);
        if now != state.file_version {
            match WebConfig::read(path) {
                Ok(config) => {
                    tracing::info!(file = %path.display(), "web configuration read again");
                    state.file_version = file_version(Some(path), &config);
                    state.policy = Arc::new(AuthPolicy::new(config));
                }
                Err(problems) => {
                    tracing::warn!(%problems, "web configuration is invalid; keeping the previous one");
                    state.file_version = now;
                }
            }
        }
        Arc::clone(&state.policy)
    }
}

impl AuthPolicy {
    fn new(config: WebConfig) -> Self {
        let auth = Auth::new(&config.users);
        let rate_limiter = config.rate_limit.map(RateLimiter::new);
        Self {
            config,
            auth,
            rate_limiter,
        }
    }
}

/// Returns the state of the file and of those it references.
fn file_version(path: Option<&Path>, config: &WebConfig) -> FileVersion {
    let named = config
        .tls
        .as_ref()
        .map(|tls| tls.files().to_vec())
        .unwrap_or_default();
    FileVersion::of(path.map(Path::to_owned).into_iter().chain(named))
}
