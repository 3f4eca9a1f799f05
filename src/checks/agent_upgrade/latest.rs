//! The latest agent version, from CAST AI's API or the configuration.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::castai::client::CastaiClient;
use crate::castai::{CastaiError, client};
use crate::catalogue::CheckId;
use crate::checks::CheckContext;
use crate::config::agent::aws::Version;
use crate::config::{CheckSettings, Config};
use crate::report::evidence::quote;
use crate::report::{LatestReports, Verdict};

/// The API path that returns the agent's latest version.
const PATH: &str = "/cluster-management/v1/components:getByName?name=castai-agent";
/// The time for which a version is cached. New versions are published every few days.
const CACHE_TTL: Duration = Duration::from_hours(1);
/// The delay after a failed request.
const RETRY_DELAY: Duration = Duration::from_mins(5);

/// Looks up the latest version and caches it.
#[derive(Debug)]
pub(super) struct LatestVersion {
    client: CastaiClient,
    configured: Option<Version>,
    cache: Mutex<Cache>,
}

/// The reason why the latest version is unknown.
#[derive(Debug, thiserror::Error)]
#[error("{0}, and agent.latest_version is not set")]
pub(super) struct LatestVersionError(String);

#[derive(Debug, Default)]
struct Cache {
    version: Option<Version>,
    /// The error of the last request.
    error: Option<String>,
    /// The time of the next request.
    next: Option<Instant>,
}

impl LatestVersion {
    pub(super) fn new(config: &Config, check: &CheckSettings, context: &CheckContext) -> Self {
        let client = CastaiClient::new(&config.castai, check, &context.network);
        Self {
            client,
            configured: config.installation.latest,
            cache: Mutex::default(),
        }
    }

    /// Returns the latest version. A version from CAST AI stays valid until CAST AI returns
    /// another.
    ///
    /// # Errors
    /// When neither CAST AI nor the configuration provides a version.
    pub(super) async fn find(
        &self,
        reports: &LatestReports,
    ) -> Result<Version, LatestVersionError> {
        let mut cache = self.cache.lock().await;
        let broken = reports
            .report(CheckId::CastaiApi)
            .is_some_and(|api| matches!(api.verdict, Verdict::Failing(_)));
        if broken {
            cache.error = Some(format!("{} is failing", CheckId::CastaiApi));
        } else if cache.next.is_none_or(|next| next <= Instant::now()) {
            match self.request().await {
                Ok(version) => {
                    let next = Some(Instant::now() + CACHE_TTL);
                    *cache = Cache {
                        version: Some(version),
                        error: None,
                        next,
                    };
                }
                Err(why) => {
                    (cache.error, cache.next) = (Some(why), Some(Instant::now() + RETRY_DELAY));
                }
            }
        }
        let unknown = || {
            let error = cache.error.as_deref().unwrap_or("CAST AI was not queried");
            LatestVersionError(error.to_owned())
        };
        cache.version.or(self.configured).ok_or_else(unknown)
    }

    async fn request(&self) -> Result<Version, String> {
        let failed = |error: CastaiError| format!("the request to CAST AI failed: {error}");
        let (url, key) = self.client.settings().map_err(failed)?;
        let response = self
            .client
            .get(url, key, &client::join_path(url, PATH))
            .await
            .map_err(failed)?;
        let json = response.json().unwrap_or_default();
        let latest = json["latestVersion"].as_str().and_then(Version::of_tag);
        latest.ok_or_else(|| {
            format!(
                "CAST AI's response contains no version: {}",
                quote(&response.body)
            )
        })
    }
}
