//! What the agent's environment says of AWS, by the agent's own rules.
//!
//! Pure but for [`profile::read`] and [`ca_bundle`], which read the files that the environment names.

pub mod container;
pub mod endpoints;
pub mod given;
pub mod metadata;
pub mod profile;
pub mod source;
pub mod version;

use std::path::{Path, PathBuf};

pub use container::{CredentialServer, Unasked};
pub use endpoints::{Endpoint, Endpoints, Service};
pub use given::Given;
pub use metadata::Metadata;
pub use profile::Profile;
pub use source::{Container, Key, Source, Variables};
pub use version::Version;

use crate::config::elsewhere::MountedToken;
use crate::config::{Provider, agent_env, file};

/// What the agent's environment says of AWS.
#[derive(Clone, Debug)]
pub struct Aws {
    /// Where the agent runs, where that is known.
    pub provider: Option<Provider>,
    /// What it is told of the cluster.
    pub given: Given,
    /// Whether it asks EC2 which nodes are spot instances.
    pub lifecycle: bool,
    /// What its SDK is given to find credentials.
    pub variables: Variables,
    /// How its SDK asks for instance metadata.
    pub metadata: Metadata,
    /// `AWS_REGION`, or `AWS_DEFAULT_REGION`.
    pub region: Option<String>,
    /// Where its SDK finds AWS's services.
    pub endpoints: Endpoints,
    /// `AWS_CA_BUNDLE`.
    pub ca_bundle: Option<PathBuf>,
    /// The agent's version, where it is known.
    pub agent: Option<Version>,
    /// The token for STS of an agent in another pod: the like of it is asked for instead of a file that lies there.
    pub asked: Option<MountedToken>,
}

/// What the agent asks AWS for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Use {
    /// Nothing, and why.
    Nothing(String),
    /// Which nodes are spot instances: without AWS it works, and shows them as on-demand.
    Lifecycle,
    /// Also account, region and name of the cluster: without AWS it does not start.
    Discovery,
}

impl Aws {
    /// Reads it from variables, for an agent of this provider.
    pub fn read(provider: Option<Provider>, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let names = if provider == Some(Provider::SelfHostedEc2) {
            given::PREFIXES[1]
        } else {
            given::PREFIXES[0]
        };
        let lifecycle = set(names.lifecycle).is_none_or(|text| !go_false(&text));
        Self {
            provider,
            given: names.given(variable),
            lifecycle,
            variables: Variables::read(&set),
            metadata: Metadata::read(&set),
            region: set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION")),
            endpoints: Endpoints::read(&set),
            ca_bundle: set("AWS_CA_BUNDLE").map(PathBuf::from),
            agent: None,
            asked: None,
        }
    }

    /// What the agent asks AWS for.
    pub fn used(&self) -> Use {
        if !self.provider.is_some_and(Provider::is_aws) {
            return Use::Nothing(Provider::elsewhere(self.provider, "AWS", "EKS_*"));
        }
        match self.given {
            Given::Nothing => Use::Discovery,
            Given::Complete { .. } if !self.lifecycle => Use::Nothing(
                "the cluster's metadata is given and the lookup of spot instances is switched off, so the agent asks \
                 AWS for nothing"
                    .to_owned(),
            ),
            Given::Complete { .. } | Given::Partial { .. } => Use::Lifecycle,
        }
    }
}

/// Go's `strconv.ParseBool`, where it says no.
fn go_false(text: &str) -> bool {
    matches!(text, "0" | "f" | "F" | "false" | "FALSE" | "False")
}

/// Reads `AWS_CA_BUNDLE` as Go does: one readable certificate in it is enough.
///
/// # Errors
/// Why the agent does not start with it.
pub fn ca_bundle(path: &Path) -> Result<Vec<u8>, String> {
    let text = file::read_text(path).map_err(|wrong| wrong.what)?;
    let readable = agent_env::pem(&text).is_ok();
    readable
        .then(|| text.into_bytes())
        .ok_or_else(|| format!("{} holds no readable certificate", path.display()))
}
