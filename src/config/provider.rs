//! Where the agent runs, by the agent's own rule, and what it is told of its cluster there.

pub mod told;

use std::fmt;

pub use told::Told;

/// Where the agent runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Provider {
    /// EKS.
    Eks,
    /// A cluster on EC2 that somebody runs himself.
    SelfHostedEc2,
    /// GKE.
    Gke,
    /// A cluster that kOps made, in whichever cloud.
    Kops,
    /// AKS.
    Aks,
    /// Anywhere else.
    Anywhere,
    /// `OpenShift`, in whichever cloud.
    Openshift,
}

impl Provider {
    /// All of them, in the order in which the agent asks whether it is one.
    pub const ALL: &'static [Self] = &[
        Self::Eks,
        Self::SelfHostedEc2,
        Self::Gke,
        Self::Kops,
        Self::Aks,
        Self::Anywhere,
        Self::Openshift,
    ];

    /// The value of `PROVIDER` for it.
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

    /// The provider with this label.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|provider| provider.label() == label)
    }

    /// Whether the agent asks AWS for something, or may.
    pub const fn is_aws(self) -> bool {
        matches!(self, Self::Eks | Self::SelfHostedEc2)
    }

    /// Why what concerns one cloud has no meaning here.
    pub fn elsewhere(here: Option<Self>, cloud: &str, variables: &str) -> String {
        match here {
            Some(Self::Kops) if cloud == "AWS" => {
                "the use of AWS by the provider kops is not examined".to_owned()
            }
            Some(provider) => {
                format!("the agent's provider is {provider}, which asks nothing of {cloud}")
            }
            None => format!("nothing says that the agent runs on {cloud} (PROVIDER, {variables})"),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
