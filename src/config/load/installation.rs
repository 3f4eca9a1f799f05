//! Where the agent is installed, and as what.

use std::path::PathBuf;

use crate::config::agent_env::Service;
use crate::config::aws::Version;
use crate::config::load::Sources;
use crate::config::load::apiserver::SERVICE_ACCOUNT;
use crate::config::written::Wrong;
use crate::config::{Installation, file, values};

/// The name of the agent's namespace and of its Deployment, unless somebody chose others.
const NAME: &str = "castai-agent";

impl Sources<'_> {
    pub(super) fn installation(&mut self) -> Installation {
        let name = |text: &str| {
            let fits = values::is_name(text)
                && !text
                    .bytes()
                    .any(|byte| byte.is_ascii_uppercase() || byte == b'_');
            let wrong = || {
                Wrong::new(
                    format!("{} is no name of Kubernetes", values::shown(text)),
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

    /// The namespace of the mounted service account: the exporter stands beside the agent.
    fn own_namespace(&self) -> Option<String> {
        if self.env.service == Service::Absent {
            return None;
        }
        // What is wrong with the path is told where the account itself is read.
        let written = self
            .file
            .one("apiserver.service_account_dir")
            .map(|written| self.folder.join(&written.value));
        let folder = written.unwrap_or_else(|| PathBuf::from(SERVICE_ACCOUNT));
        let text = file::read_text(&folder.join("namespace")).ok()?;
        Some(text.trim().to_owned())
    }
}
