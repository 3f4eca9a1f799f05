//! What the agent is told of its cluster: the provider and that provider's own group of variables.

use crate::config::Provider;

/// What the agent is told of its cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Told {
    /// Where it runs; `None` when nothing says so, or `PROVIDER` is a word that the agent does not know.
    pub provider: Option<Provider>,
    /// What `PROVIDER` says, where variables of another provider go before it.
    pub overruled: Option<Provider>,
    /// The names of the provider's group that are set, also those that are empty.
    pub set: Vec<&'static str>,
    /// The names of the provider's group that have no value.
    pub missing: Vec<&'static str>,
    values: Vec<(&'static str, String)>,
}

/// The variables that tell of a cluster of one provider.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// What the agent has to know.
    needed: &'static [&'static str],
    /// What else belongs to the group: any of it makes the agent take the group for given.
    beside: &'static [&'static str],
}

/// What it means that a part of a group is given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rule {
    /// One variable of the group makes the agent demand all; else it ends at its start.
    AllOrNone,
    /// It discovers what is missing.
    Each,
    /// It goes on with empty values.
    Unchecked,
}

impl Told {
    /// Reads it from variables.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let written = variable("PROVIDER").and_then(|text| Provider::from_label(&text));
        let is_it = |provider: &Provider| written == Some(*provider) || provider.claims(variable);
        let Some(provider) = Provider::ALL.iter().copied().find(is_it) else {
            return Self::default();
        };
        let Group { needed, beside } = provider.group();
        let value =
            |name: &'static str| Some((name, variable(name).filter(|value| !value.is_empty())?));
        let values: Vec<_> = needed
            .iter()
            .chain(beside)
            .filter_map(|name| value(name))
            .collect();
        let has = |name: &str| values.iter().any(|(of, _)| *of == name);
        Self {
            provider: Some(provider),
            overruled: written.filter(|written| *written != provider),
            set: needed
                .iter()
                .chain(beside)
                .copied()
                .filter(|name| variable(name).is_some())
                .collect(),
            missing: needed.iter().copied().filter(|name| !has(name)).collect(),
            values,
        }
    }

    /// The value of a variable of the group.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .find(|(of, _)| *of == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Provider {
    /// What a part of the group means to the agent.
    pub const fn rule(self) -> Rule {
        match self {
            Self::Eks | Self::Kops | Self::Aks | Self::Openshift => Rule::AllOrNone,
            Self::Gke | Self::Anywhere => Rule::Each,
            Self::SelfHostedEc2 => Rule::Unchecked,
        }
    }

    /// Whether its variables alone tell that it is this one, whatever `PROVIDER` says; empty ones count.
    fn claims(self, variable: &dyn Fn(&str) -> Option<String>) -> bool {
        let Group { needed, beside } = self.group();
        self != Self::Openshift
            && needed
                .iter()
                .chain(beside)
                .any(|name| variable(name).is_some())
    }

    const fn group(self) -> Group {
        const fn group(needed: &'static [&'static str], beside: &'static [&'static str]) -> Group {
            Group { needed, beside }
        }
        match self {
            Self::Eks => group(
                &["EKS_ACCOUNT_ID", "EKS_REGION", "EKS_CLUSTER_NAME"],
                &[
                    "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED",
                    "EKS_API_TIMEOUT",
                ],
            ),
            Self::SelfHostedEc2 => group(
                &[
                    "SELFHOSTEDEC2_ACCOUNT_ID",
                    "SELFHOSTEDEC2_REGION",
                    "SELFHOSTEDEC2_CLUSTER_NAME",
                ],
                &[
                    "SELFHOSTEDEC2_API_NODE_LIFECYCLE_DISCOVERY_ENABLED",
                    "SELFHOSTEDEC2_API_TIMEOUT",
                ],
            ),
            Self::Gke => group(
                &[
                    "GKE_PROJECT_ID",
                    "GKE_CLUSTER_NAME",
                    "GKE_REGION",
                    "GKE_LOCATION",
                ],
                &[],
            ),
            Self::Kops => group(
                &[
                    "KOPS_CSP",
                    "KOPS_REGION",
                    "KOPS_CLUSTER_NAME",
                    "KOPS_STATE_STORE",
                ],
                &[],
            ),
            Self::Aks => group(
                &[
                    "AKS_LOCATION",
                    "AKS_NODE_RESOURCE_GROUP",
                    "AKS_SUBSCRIPTION_ID",
                ],
                &[],
            ),
            Self::Anywhere => group(&["ANYWHERE_CLUSTER_NAME"], &[]),
            Self::Openshift => group(
                &[
                    "OPENSHIFT_CSP",
                    "OPENSHIFT_REGION",
                    "OPENSHIFT_CLUSTER_NAME",
                    "OPENSHIFT_INTERNAL_ID",
                ],
                &[],
            ),
        }
    }
}
