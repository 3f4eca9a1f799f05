//! What is known of this process itself: facts for every view.

use std::time::SystemTime;

use crate::catalogue::{CheckId, Scope};
use crate::config::{AgentEnvironment, Config, Vantage};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from, or `unknown`.
pub const REVISION: &str = env!("BUILD_REVISION");
/// The compiler it was built with.
pub const RUSTVERSION: &str = env!("BUILD_RUSTVERSION");

/// Where this process stands and what it was told to do.
#[derive(Clone, Debug)]
pub struct Exporter {
    /// Where it stands.
    pub vantage: Vantage,
    /// Which checks run; `None` is all of them.
    pub scope: Option<Scope>,
    /// Where the agent's environment was read.
    pub agent_environment: AgentEnvironment,
    /// Where the runbooks are published.
    pub runbook_base: String,
    /// What makes no sense in the agent's environment.
    pub environment_problems: Vec<String>,
    /// The checks that do not run, and why.
    pub skipped: Vec<Skipped>,
    /// How the last reading of the configuration went.
    pub reload: Reload,
}

/// A check that does not run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Skipped {
    /// Which.
    pub check: CheckId,
    /// Why.
    pub why: String,
}

/// How the last reading of the configuration went.
#[derive(Clone, Copy, Debug)]
pub struct Reload {
    /// Whether it was without a problem.
    pub successful: bool,
    /// When it was last without a problem.
    pub succeeded: SystemTime,
}

impl Exporter {
    /// What a configuration says, when the board holds these checks.
    pub fn new(config: &Config, entered: &[CheckId]) -> Self {
        Self {
            vantage: config.vantage,
            scope: config.scope,
            agent_environment: config.agent_environment,
            runbook_base: config.runbook_base.clone(),
            environment_problems: config
                .environment_problems
                .0
                .iter()
                .map(ToString::to_string)
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
        }
    }

    /// The value of the label `scope`.
    pub fn scope_label(&self) -> &'static str {
        self.scope.map_or("all", Scope::label)
    }
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
