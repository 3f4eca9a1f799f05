//! Facts about this process that every view shows.

use std::time::SystemTime;

use crate::catalogue::{CheckId, Scope, Timeouts};
use crate::config::{AgentEnvironment, Config, Vantage};

/// The version of the exporter.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from, or `unknown`.
pub const REVISION: &str = env!("BUILD_REVISION");
/// The compiler it was built with.
pub const RUSTVERSION: &str = env!("BUILD_RUSTVERSION");
/// The platform it was built for, such as `linux/arm64`.
pub const PLATFORM: &str = env!("BUILD_PLATFORM");

/// Settings and state of this process.
#[derive(Clone, Debug)]
pub struct Exporter {
    /// Its vantage.
    pub vantage: Vantage,
    /// The checks to run; `None` means all of them.
    pub scope: Option<Scope>,
    /// Where the agent's environment was read from.
    pub agent_environment: AgentEnvironment,
    /// Name of the cluster, else its ID at CAST AI, as far as the agent's environment contains them.
    pub cluster: Option<String>,
    /// Base URL of the published runbooks.
    pub runbook_base: String,
    /// Invalid values in the agent's environment.
    pub environment_problems: Vec<String>,
    /// The checks that do not run, with the reason.
    pub skipped: Vec<Skipped>,
    /// The agent's timeouts where they differ from the catalogue.
    pub agent_timeouts: Vec<(CheckId, Timeouts)>,
    /// Result of the latest configuration reload.
    pub reload: Reload,
    /// Number of Kubernetes Events; `None` if they are not enabled.
    pub kube_events: Option<EventCounts>,
}

/// Number of Kubernetes Events since they were enabled.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EventCounts {
    /// Written.
    pub written: u64,
    /// Not written: over the limit, or the API server did not take them.
    pub dropped: u64,
}

/// A check that does not run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Skipped {
    /// The check.
    pub check: CheckId,
    /// The reason.
    pub why: String,
}

/// Result of the latest configuration reload.
#[derive(Clone, Copy, Debug)]
pub struct Reload {
    /// Whether it succeeded.
    pub successful: bool,
    /// When a reload last succeeded.
    pub succeeded: SystemTime,
}

impl Exporter {
    /// Builds the facts from a configuration and the checks that run.
    pub fn new(config: &Config, entered: &[CheckId]) -> Self {
        Self {
            vantage: config.vantage,
            scope: config.scope,
            agent_environment: config.agent_environment,
            cluster: cluster(config),
            runbook_base: config.runbook_base.clone(),
            environment_problems: config
                .environment_problems
                .0
                .iter()
                .map(ToString::to_string)
                .collect(),
            agent_timeouts: CheckId::ALL
                .iter()
                .map(|check| (*check, config.check(*check).timeouts))
                .filter(|(check, timeouts)| check.entry().timeouts != *timeouts)
                .collect(),
            skipped: CheckId::ALL
                .iter()
                .filter(|check| !entered.contains(check))
                .map(|check| Skipped {
                    check: *check,
                    why: why_skipped(config, *check),
                })
                .collect(),
            reload: Reload {
                successful: true,
                succeeded: SystemTime::now(),
            },
            kube_events: None,
        }
    }

    /// Returns the agent's timeouts for the targets of a check.
    pub fn timeouts_of(&self, check: CheckId) -> &Timeouts {
        let mut configured = self.agent_timeouts.iter();
        configured
            .find(|(of, _)| *of == check)
            .map_or(&check.entry().timeouts, |(_, timeouts)| timeouts)
    }

    /// Returns the value of the label `scope`.
    pub fn scope_label(&self) -> &'static str {
        self.scope.map_or("all", Scope::label)
    }
}

fn cluster(config: &Config) -> Option<String> {
    let name = config.provider_variables.cluster_name();
    let name = name.or(config.castai.cluster_id.as_deref())?;
    Some(name.to_owned())
}

fn why_skipped(config: &Config, check: CheckId) -> String {
    let own = check.entry().scope;
    if !config.check(check).enabled {
        "disabled in the configuration".to_owned()
    } else if let Some(scope) = config.scope.filter(|scope| *scope != own) {
        format!(
            "its scope is {}, and this process looks at scope {} only",
            own.label(),
            scope.label()
        )
    } else {
        "not asked for".to_owned()
    }
}
