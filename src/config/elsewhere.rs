//! The agent as it is seen from another pod: where it is, and what the API shows of its environment.
//!
//! Pure: whoever reads the API fills it in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::aws::Version;
use crate::config::{AgentEnvironment, Secret};

/// Where the agent is, for a process that does not stand in its pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AgentPlace {
    /// Its namespace.
    pub namespace: String,
    /// Its Deployment.
    pub deployment: String,
    /// Its service account, while no pod of it says otherwise.
    pub service_account: String,
    /// Folder in which Secrets and `ConfigMap`s of the agent are mounted, as `secrets/NAME/KEY` and `configmaps/NAME/KEY`.
    pub mounts: PathBuf,
}

/// What was seen of the agent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum AgentSeen {
    /// Nobody looked: this process stands in the agent's pod, or was not told where the agent is.
    #[default]
    NotLookedFor,
    /// Its environment.
    Found(Elsewhere),
    /// It is not installed; the sentence says what is missing.
    Absent(String),
    /// It could not be found out, and why.
    Unreadable(String),
}

/// The agent's environment, as its pod or its Deployment tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Elsewhere {
    /// The kind of object that told it.
    pub source: AgentEnvironment,
    /// That object's name.
    pub object: String,
    /// The address of its pod, where one has an address.
    pub address: Option<String>,
    /// The account that the agent's pods run as.
    pub service_account: String,
    /// The variables whose values are seen.
    pub variables: BTreeMap<String, Secret>,
    /// What is not seen.
    pub unseen: Vec<Unseen>,
    /// The tokens of that account which its container is given as files.
    pub tokens: Vec<MountedToken>,
    /// The agent's version, from its image's tag.
    pub version: Option<Version>,
    /// Whether an annotation of its pod keeps the webhook of EKS from its container.
    pub skips_agent: bool,
}

/// A token of the agent's account that lies in the agent's pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MountedToken {
    /// Where it lies there.
    pub file: PathBuf,
    /// Whom it is made for; `None` is the API server.
    pub audience: Option<String>,
}

/// A value, or a whole source of variables, that is not seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unseen {
    /// The variable; `None` is all that the place may hold.
    pub variable: Option<String>,
    /// Where it lies: `the Secret castai-agent`.
    pub place: String,
}

impl AgentSeen {
    /// The environment, when it was found.
    pub fn found(&self) -> Option<&Elsewhere> {
        if let Self::Found(elsewhere) = self {
            Some(elsewhere)
        } else {
            None
        }
    }

    /// Why nothing could be found out.
    pub fn unreadable(&self) -> Option<&str> {
        if let Self::Unreadable(why) = self {
            Some(why)
        } else {
            None
        }
    }
}

impl Elsewhere {
    /// What is known of the token that lies in the agent's pod at this path.
    pub fn token(&self, file: &Path) -> Option<&MountedToken> {
        self.tokens.iter().find(|token| token.file == file)
    }

    /// Why a variable that has no value here may have one in the agent's pod; `None` when it has none there either.
    pub fn unseen(&self, variable: &str) -> Option<String> {
        if self.variables.contains_key(variable) {
            return None;
        }
        let whole = || self.unseen.iter().find(|unseen| unseen.variable.is_none());
        self.referred(variable)
            .or_else(|| whole().map(|unseen| not_mounted(variable, "may lie", &unseen.place)))
    }

    /// The same for a variable of which it is certain where it lies.
    pub fn referred(&self, variable: &str) -> Option<String> {
        let unseen = self
            .unseen
            .iter()
            .find(|unseen| unseen.variable.as_deref() == Some(variable))?;
        Some(not_mounted(variable, "lies", &unseen.place))
    }
}

fn not_mounted(variable: &str, lies: &str, place: &str) -> String {
    format!(
        "{variable} {lies} in {place}, which is not mounted here; the companion sees those that its chart's \
         agent.secrets and agent.configMaps list, in the agent's own namespace"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_missing_there_only_when_nothing_hides_it() {
        let unseen = |variable: Option<&str>, place: &str| Unseen {
            variable: variable.map(str::to_owned),
            place: place.to_owned(),
        };
        let mut elsewhere = Elsewhere {
            source: AgentEnvironment::Pod,
            object: "castai-agent-1".to_owned(),
            address: None,
            service_account: "castai-agent".to_owned(),
            variables: BTreeMap::from([("API_URL".to_owned(), Secret::new("https://api.cast.ai"))]),
            unseen: vec![unseen(Some("API_KEY"), "the Secret a")],
            tokens: Vec::new(),
            version: None,
            skips_agent: false,
        };
        assert!(
            elsewhere
                .unseen("API_KEY")
                .is_some_and(|why| why.starts_with("API_KEY lies in the Secret a"))
        );
        assert_eq!(elsewhere.unseen("API_URL"), None);
        assert_eq!(elsewhere.unseen("PROVIDER"), None);
        elsewhere.unseen.push(unseen(None, "the Secret b"));
        assert!(
            elsewhere
                .unseen("PROVIDER")
                .is_some_and(|why| why.starts_with("PROVIDER may lie in the Secret b"))
        );
    }
}
