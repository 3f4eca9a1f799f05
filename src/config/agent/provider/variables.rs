//! The provider and the cluster metadata in the agent's environment.

use crate::config::agent::provider::kind::Provider;

/// The provider and the cluster metadata in the agent's environment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProviderVariables {
    /// The provider; `None` if nothing identifies it, or the agent does not know the value of
    /// `PROVIDER`.
    pub provider: Option<Provider>,
    /// The value of `PROVIDER`, if variables of another provider take precedence.
    pub overruled: Option<Provider>,
    /// Variables of the provider's group that are set, including empty ones.
    pub set: Vec<&'static str>,
    /// Variables of the provider's group without a value.
    pub missing: Vec<&'static str>,
    values: Vec<(&'static str, String)>,
}

/// The metadata variables of one provider.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// Variables that the agent requires.
    needed: &'static [&'static str],
    /// Optional variables: if any of them is set, the agent treats the group as configured.
    beside: &'static [&'static str],
}

/// The agent's handling of a partially configured group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VariableRule {
    /// One variable of the group makes the agent require all; otherwise it exits at startup.
    AllOrNone,
    /// It discovers what is missing.
    Each,
    /// It continues with empty values.
    Unchecked,
}

impl ProviderVariables {
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

    /// Returns the name of the cluster, if the environment contains it.
    pub fn cluster_name(&self) -> Option<&str> {
        let mut values = self.values.iter();
        let name = values.find(|(variable, _)| variable.ends_with("_CLUSTER_NAME"));
        name.map(|(_, name)| name.as_str())
    }

    /// Returns the value of a variable of the group.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .find(|(of, _)| *of == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Provider {
    /// Returns how the agent handles a partially configured group.
    pub const fn rule(self) -> VariableRule {
        match self {
            Self::Eks | Self::Kops | Self::Aks | Self::Openshift => VariableRule::AllOrNone,
            Self::Gke | Self::Anywhere => VariableRule::Each,
            Self::SelfHostedEc2 => VariableRule::Unchecked,
        }
    }

    /// Returns whether its variables alone identify this provider, whatever `PROVIDER` is; empty
    /// ones count.
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
