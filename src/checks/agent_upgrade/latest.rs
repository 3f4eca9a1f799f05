//! The latest version of the agent: by CAST AI's word, asked with the agent's key, else as configured.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::castai::client;
use crate::castai::client::CastaiWay;
use crate::catalogue::CheckId;
use crate::checks::CheckContext;
use crate::config::aws::Version;
use crate::config::{CheckSettings, Config};
use crate::report::evidence::quote;
use crate::report::{Peers, Verdict};

/// Where CAST AI tells of its components.
const PATH: &str = "/cluster-management/v1/components:getByName?name=castai-agent";
/// How long an answer counts: a new version is published every few days.
const COUNTS: Duration = Duration::from_hours(1);
/// How long is waited after a refusal.
const REFUSED: Duration = Duration::from_mins(5);

/// Who is asked, and what was said last.
#[derive(Debug)]
pub(super) struct Latest {
    way: CastaiWay,
    configured: Option<Version>,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    version: Option<Version>,
    /// Why the last question was not answered.
    trouble: Option<String>,
    /// When to ask again.
    next: Option<Instant>,
}

impl Latest {
    pub(super) fn new(config: &Config, check: &CheckSettings, world: &CheckContext) -> Self {
        let way = CastaiWay::new(&config.castai, check, world);
        Self {
            way,
            configured: config.installation.latest,
            said: Mutex::default(),
        }
    }

    /// The latest version; what CAST AI said once counts until it says something else.
    ///
    /// # Errors
    /// Why it is not known.
    pub(super) async fn find(&self, peers: &Peers) -> Result<Version, String> {
        let mut said = self.said.lock().await;
        let broken = peers
            .report(CheckId::CastaiApi)
            .is_some_and(|api| matches!(api.verdict, Verdict::Failing(_)));
        if broken {
            said.trouble = Some(format!("{} fails", CheckId::CastaiApi));
        } else if said.next.is_none_or(|next| next <= Instant::now()) {
            match self.ask().await {
                Ok(version) => {
                    let next = Some(Instant::now() + COUNTS);
                    *said = Said {
                        version: Some(version),
                        trouble: None,
                        next,
                    };
                }
                Err(why) => (said.trouble, said.next) = (Some(why), Some(Instant::now() + REFUSED)),
            }
        }
        let unknown = || {
            let trouble = said.trouble.as_deref().unwrap_or("nobody was asked");
            format!("{trouble}, and agent.latest_version is not set")
        };
        said.version.or(self.configured).ok_or_else(unknown)
    }

    async fn ask(&self) -> Result<Version, String> {
        let why = |verdict: Verdict| format!("CAST AI did not tell: {}", verdict.evidence());
        let (url, key) = self.way.settings().map_err(why)?;
        let answer = self
            .way
            .read(url, key, &client::below(url, PATH))
            .await
            .map_err(why)?;
        let json = answer.json().unwrap_or_default();
        let latest = json["latestVersion"].as_str().and_then(Version::of_tag);
        latest.ok_or_else(|| {
            format!(
                "CAST AI answered {}, which names no version",
                quote(&answer.body)
            )
        })
    }
}
