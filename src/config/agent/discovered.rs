//! The agent as discovered from another pod: its location, and what the API server shows of its
//! environment.
//!
//! Pure; `agent::discovery` fills it in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::agent::aws::version::Version;
use crate::config::agent::environment_source::AgentEnvironment;
use crate::config::agent::mounted_token::MountedToken;
use crate::config::secret::Secret;

/// Where to discover the agent, for a process outside its pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AgentLocation {
    /// Its namespace.
    pub namespace: String,
    /// Its Deployment.
    pub deployment: String,
    /// The agent's service account, used until a running pod reports one.
    pub service_account: String,
    /// Directory in which Secrets and `ConfigMap`s of the agent are mounted, as `secrets/NAME/KEY`,
    /// `secret-keys/NAME/KEY` if a Secret is not mounted with all its keys, and
    /// `configmaps/NAME/KEY`.
    pub mounts: PathBuf,
    /// Whether tokens of the agent's service account may be requested.
    pub token_requests: bool,
}

/// Result of discovery.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum AgentDiscovery {
    /// Not attempted: this process runs in the agent's pod, or no location is configured.
    #[default]
    NotLookedFor,
    /// The agent's environment.
    Found(DiscoveredAgent),
    /// The agent is not installed; says what is missing.
    Absent(String),
    /// Discovery failed; gives the reason.
    Unreadable(String),
}

/// The agent's environment as read from its pod or its Deployment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DiscoveredAgent {
    /// The kind of object it was read from.
    pub source: AgentEnvironment,
    /// The name of that object.
    pub object: String,
    /// IP address of the pod, if it has one.
    pub address: Option<String>,
    /// The service account of the agent's pods.
    pub service_account: String,
    /// Variables with known values.
    pub variables: BTreeMap<String, Secret>,
    /// Variables and sources without visible values.
    pub unseen: Vec<UnresolvedVariable>,
    /// Service-account tokens mounted into its container.
    pub tokens: Vec<MountedToken>,
    /// The agent's version, from its image tag.
    pub version: Option<Version>,
    /// Whether an annotation of its pod excludes its container from the EKS webhook.
    pub skips_agent: bool,
}

/// A variable, or a whole source of variables, without a visible value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnresolvedVariable {
    /// The variable; `None` means everything that the source may contain.
    pub variable: Option<String>,
    /// Where it is stored, for example `the Secret castai-agent`.
    pub place: String,
}

impl AgentDiscovery {
    /// Returns the environment, if discovered.
    pub fn found(&self) -> Option<&DiscoveredAgent> {
        if let Self::Found(elsewhere) = self {
            Some(elsewhere)
        } else {
            None
        }
    }

    /// Returns why discovery failed.
    pub fn unreadable(&self) -> Option<&str> {
        if let Self::Unreadable(why) = self {
            Some(why)
        } else {
            None
        }
    }
}

impl DiscoveredAgent {
    /// Returns the token mounted in the agent's pod at this path.
    pub fn token(&self, file: &Path) -> Option<&MountedToken> {
        self.tokens.iter().find(|token| token.file == file)
    }

    /// Returns why a variable without a value here may have one in the agent's pod; `None` if it
    /// has none there either.
    pub fn unseen(&self, variable: &str) -> Option<String> {
        if self.variables.contains_key(variable) {
            return None;
        }
        let whole = || self.unseen.iter().find(|unseen| unseen.variable.is_none());
        self.referred(variable)
            .or_else(|| whole().map(|unseen| not_mounted(variable, "may be stored", &unseen.place)))
    }

    /// The same, for a variable with a certain source.
    pub fn referred(&self, variable: &str) -> Option<String> {
        let unseen = self
            .unseen
            .iter()
            .find(|unseen| unseen.variable.as_deref() == Some(variable))?;
        Some(not_mounted(variable, "is stored", &unseen.place))
    }
}

fn not_mounted(variable: &str, verb: &str, place: &str) -> String {
    format!(
        "{variable} {verb} in {place}, which is not mounted here; the companion sees those that its chart's \
         agent.secrets and agent.configMaps list, in the agent's own namespace"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_is_unset_only_if_no_source_may_contain_it() {
        let unseen = |variable: Option<&str>, place: &str| UnresolvedVariable {
            variable: variable.map(str::to_owned),
            place: place.to_owned(),
        };
        let mut elsewhere = DiscoveredAgent {
            source: AgentEnvironment::Pod,
            object: "castai-agent-1".to_owned(),
            address: None,
            service_account: "castai-agent".to_owned(),
            variables: BTreeMap::from([(
                "API_URL".to_owned(),
                Secret::unregistered("https://api.cast.ai"),
            )]),
            unseen: vec![unseen(Some("API_KEY"), "the Secret a")],
            tokens: Vec::new(),
            version: None,
            skips_agent: false,
        };
        assert!(
            elsewhere
                .unseen("API_KEY")
                .is_some_and(|why| why.starts_with("API_KEY is stored in the Secret a"))
        );
        assert_eq!(elsewhere.unseen("API_URL"), None);
        assert_eq!(elsewhere.unseen("PROVIDER"), None);
        elsewhere.unseen.push(unseen(None, "the Secret b"));
        assert!(
            elsewhere
                .unseen("PROVIDER")
                .is_some_and(|why| why.starts_with("PROVIDER may be stored in the Secret b"))
        );
    }
}
