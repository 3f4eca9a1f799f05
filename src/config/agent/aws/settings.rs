//! The agent's AWS settings.

use std::path::{Path, PathBuf};

use crate::config::agent::aws::cluster_identity;
use crate::config::agent::aws::cluster_identity::ClusterIdentity;
use crate::config::agent::aws::credential_variables::CredentialVariables;
use crate::config::agent::aws::endpoints::Endpoints;
use crate::config::agent::aws::imds::Metadata;
use crate::config::agent::aws::version::Version;
use crate::config::agent::env;
use crate::config::agent::mounted_token::MountedToken;
use crate::config::agent::provider::kind::Provider;
use crate::config::agent::setting_error::SettingError;
use crate::config::exporter::file;

/// The agent's AWS settings.
#[derive(Clone, Debug)]
pub struct Aws {
    /// Where the agent runs, if known.
    pub provider: Option<Provider>,
    /// The configured account, region and name of the cluster.
    pub given: ClusterIdentity,
    /// Whether the agent queries EC2 for spot instances.
    pub lifecycle: bool,
    /// Credential settings of its SDK.
    pub variables: CredentialVariables,
    /// Instance metadata settings of its SDK.
    pub metadata: Metadata,
    /// `AWS_REGION`, or `AWS_DEFAULT_REGION`.
    pub region: Option<String>,
    /// Endpoint settings of its SDK.
    pub endpoints: Endpoints,
    /// `AWS_CA_BUNDLE`.
    pub ca_bundle: Option<PathBuf>,
    /// The agent's version, if known.
    pub agent: Option<Version>,
    /// The STS token mounted in another pod of the agent; an equivalent token is requested, because
    /// the file is not accessible.
    pub asked: Option<MountedToken>,
}

/// Purpose of the agent's AWS access.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AwsUsage {
    /// Nothing; gives the reason.
    Nothing(String),
    /// To find spot instances: without AWS the agent works and shows them as on-demand.
    Lifecycle,
    /// Also to discover the cluster's account, region and name: without AWS the agent does not
    /// start.
    Discovery,
}

impl Aws {
    /// Reads the settings of an agent of this provider from its variables.
    pub fn read(provider: Option<Provider>, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let names = if provider == Some(Provider::SelfHostedEc2) {
            cluster_identity::PREFIXES[1]
        } else {
            cluster_identity::PREFIXES[0]
        };
        let lifecycle = set(names.lifecycle).is_none_or(|text| !go_false(&text));
        Self {
            provider,
            given: names.given(variable),
            lifecycle,
            variables: CredentialVariables::read(&set),
            metadata: Metadata::read(&set),
            region: set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION")),
            endpoints: Endpoints::read(&set),
            ca_bundle: set("AWS_CA_BUNDLE").map(PathBuf::from),
            agent: None,
            asked: None,
        }
    }

    /// Returns what the agent uses AWS for.
    pub fn used(&self) -> AwsUsage {
        if !self.provider.is_some_and(Provider::is_aws) {
            return AwsUsage::Nothing(Provider::elsewhere(self.provider, "AWS", "EKS_*"));
        }
        match self.given {
            ClusterIdentity::Nothing => AwsUsage::Discovery,
            ClusterIdentity::Complete { .. } if !self.lifecycle => AwsUsage::Nothing(
                "the cluster's metadata is given and the lookup of spot instances is switched off, so the agent asks \
                 AWS for nothing"
                    .to_owned(),
            ),
            ClusterIdentity::Complete { .. } | ClusterIdentity::Partial { .. } => AwsUsage::Lifecycle,
        }
    }
}

/// Returns whether Go's `strconv.ParseBool` yields false.
fn go_false(text: &str) -> bool {
    matches!(text, "0" | "f" | "F" | "false" | "FALSE" | "False")
}

/// Reads `AWS_CA_BUNDLE` as Go does: one readable certificate is enough.
///
/// # Errors
/// Why the agent does not start with it.
pub fn ca_bundle(path: &Path) -> Result<Vec<u8>, SettingError> {
    let text = file::read_text(path).map_err(|wrong| wrong.what)?;
    let readable = env::pem(&text).is_ok();
    readable
        .then(|| text.into_bytes())
        .ok_or_else(|| format!("{} contains no readable certificate", path.display()).into())
}
