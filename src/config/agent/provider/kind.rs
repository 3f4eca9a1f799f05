//! The environment that the agent runs in.

use std::fmt;

/// The environment that the agent runs in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Provider {
    /// EKS.
    Eks,
    /// A self-managed cluster on EC2.
    SelfHostedEc2,
    /// GKE.
    Gke,
    /// A kOps cluster, in any cloud.
    Kops,
    /// AKS.
    Aks,
    /// Any other cluster.
    Anywhere,
    /// `OpenShift`, in any cloud.
    Openshift,
}

impl Provider {
    /// All providers, in the order in which the agent tests them.
    pub const ALL: &'static [Self] = &[
        Self::Eks,
        Self::SelfHostedEc2,
        Self::Gke,
        Self::Kops,
        Self::Aks,
        Self::Anywhere,
        Self::Openshift,
    ];

    /// Returns the value of `PROVIDER`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Eks => "eks",
            Self::SelfHostedEc2 => "selfhostedec2",
            Self::Gke => "gke",
            Self::Kops => "kops",
            Self::Aks => "aks",
            Self::Anywhere => "anywhere",
            Self::Openshift => "openshift",
        }
    }

    /// Returns the provider with this label.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|provider| provider.label() == label)
    }

    /// Returns whether the agent uses AWS, or may.
    pub const fn is_aws(self) -> bool {
        matches!(self, Self::Eks | Self::SelfHostedEc2)
    }

    /// Returns why a check for one cloud does not apply here.
    pub fn elsewhere(here: Option<Self>, cloud: &str, variables: &str) -> String {
        match here {
            Some(Self::Kops) if cloud == "AWS" => {
                "the use of AWS by the provider kops is not checked".to_owned()
            }
            Some(provider) => {
                format!("the agent's provider is {provider}, which does not use {cloud}")
            }
            None => {
                format!("no setting shows that the agent runs on {cloud} (PROVIDER, {variables})")
            }
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
