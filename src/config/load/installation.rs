//! The agent's installation: namespace, Deployment, release.

use std::path::PathBuf;

use crate::config::agent::aws::version::Version;
use crate::config::agent::env::KubernetesServiceVariable;
use crate::config::agent::installation::Installation;
use crate::config::exporter::file;
use crate::config::load::apiserver::SERVICE_ACCOUNT;
use crate::config::load::sources::Sources;
use crate::config::sourced_value::InvalidValue;
use crate::config::values;

/// Default name of the agent's namespace and Deployment.
const NAME: &str = "castai-agent";

impl Sources<'_> {
    pub(super) fn installation(&mut self) -> Installation {
        let name = |text: &str| {
            let fits = values::is_name(text)
                && !text
                    .bytes()
                    .any(|byte| byte.is_ascii_uppercase() || byte == b'_');
            let wrong = || {
                InvalidValue::new(
                    format!("{} is not a valid Kubernetes name", values::shown(text)),
                    "castai-agent",
                )
            };
            fits.then(|| text.to_owned()).ok_or_else(wrong)
        };
        let own = self.own_namespace().filter(|own| name(own).is_ok());
        let flags = self.flags;
        let expected = self.key("agent.sidecar_expected", |text| Ok(text == "true"));
        Installation {
            namespace: self
                .setting(
                    "--agent.namespace",
                    flags.agent_namespace.as_deref(),
                    "agent.namespace",
                    name,
                )
                .or(own)
                .unwrap_or_else(|| NAME.to_owned()),
            deployment: self
                .setting(
                    "--agent.deployment",
                    flags.agent_deployment.as_deref(),
                    "agent.deployment",
                    name,
                )
                .unwrap_or_else(|| NAME.to_owned()),
            release: self.key("agent.release", name),
            latest: self.key("agent.latest_version", Version::read),
            sidecar_expected: flags.agent_sidecar_expected.or(expected).unwrap_or(false),
        }
    }

    /// Returns the namespace of the mounted service account: the exporter runs beside the agent.
    fn own_namespace(&self) -> Option<String> {
        if self.env.service == KubernetesServiceVariable::Absent {
            return None;
        }
        // Errors in the path are reported where the service account itself is read.
        let written = self
            .file
            .one("apiserver.service_account_dir")
            .map(|written| self.folder.join(&written.value));
        let folder = written.unwrap_or_else(|| PathBuf::from(SERVICE_ACCOUNT));
        let text = file::read_text(&folder.join("namespace")).ok()?;
        Some(text.trim().to_owned())
    }
}
