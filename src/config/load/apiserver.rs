//! Access to the API server: a pod's environment, or a kubeconfig.

use std::path::PathBuf;

use crate::config::agent::env::KubernetesServiceVariable;
use crate::config::apiserver::{ApiserverLocation, InCluster};
use crate::config::exporter::named_file::{NamedFile, Purpose};
use crate::config::load::sources::Sources;
use crate::config::sourced_value::{InvalidValue, SourcedValue};
use crate::config::values;

/// Where the kubelet mounts a pod's service account.
pub(super) const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const DNS_NAME: (&str, u16) = ("kubernetes.default.svc", 443);
/// Service address, DNS name and these are targets, and a check has at most ten.
const MOST_ADDRESSES: usize = 8;

impl Sources<'_> {
    pub(super) fn apiserver(&mut self) -> ApiserverLocation {
        let service_account_dir =
            self.named_file("apiserver.service_account_dir", Purpose::ServiceAccount);
        let dns_name = self.key("apiserver.dns_name", |text| {
            values::host_and_port(text, DNS_NAME.1)
        });
        let addresses = self.keys("apiserver.addresses", MOST_ADDRESSES, |text| {
            values::server_address(text, None)
        });
        let kubeconfig = self.kubeconfig();
        let context = self.setting(
            "--context",
            self.flags.context.as_deref(),
            "context",
            |text| {
                let empty = || InvalidValue::new("is empty", "write the name of a context");
                (!text.is_empty())
                    .then(|| text.to_owned())
                    .ok_or_else(empty)
            },
        );
        if let Some(files) = kubeconfig {
            self.contradiction(
                "remove the key: it applies only in a pod, and the kubeconfig names its server",
            );
            return ApiserverLocation::Kubeconfig { files, context };
        }
        if context.is_some() {
            let written = match &self.flags.context {
                Some(context) => SourcedValue::flag("--context", context),
                None => self
                    .file
                    .one("context")
                    .cloned()
                    .unwrap_or(SourcedValue::flag("--context", "")),
            };
            let wrong = InvalidValue::new(
                "selects a context, but no kubeconfig is configured",
                "add --kubeconfig, or set KUBECONFIG",
            );
            self.problems.0.push(written.problem(wrong));
        }
        match &self.env.service {
            KubernetesServiceVariable::Absent => ApiserverLocation::Absent,
            KubernetesServiceVariable::Invalid(problem) => {
                ApiserverLocation::Invalid(problem.clone())
            }
            KubernetesServiceVariable::At(host, port) => ApiserverLocation::InCluster(InCluster {
                host: host.clone(),
                port: *port,
                service_account_dir: service_account_dir
                    .unwrap_or_else(|| PathBuf::from(SERVICE_ACCOUNT)),
                dns_name: dns_name.unwrap_or_else(|| (DNS_NAME.0.to_owned(), DNS_NAME.1)),
                addresses,
            }),
        }
    }

    /// Returns the kubeconfig files to use: from flag or file; from the environment where the agent
    /// would use it; else the user's own, outside a cluster.
    ///
    /// The agent prefers `KUBECONFIG` over its pod's service account. Where nothing identifies the
    /// agent, the variable is meant for `kubectl`, and a pod's service account takes precedence.
    fn kubeconfig(&mut self) -> Option<Vec<PathBuf>> {
        if let Some(path) = &self.flags.kubeconfig {
            let written = SourcedValue::flag("--kubeconfig", &path.display().to_string());
            self.named_files.push(NamedFile {
                purpose: Purpose::Kubeconfig,
                path: path.clone(),
                written,
            });
            // Read in any case, so that errors in the file are reported.
            self.path("kubeconfig");
            return Some(vec![path.clone()]);
        }
        let written = self.named_file("kubeconfig", Purpose::Kubeconfig);
        let is_outside = self.env.service == KubernetesServiceVariable::Absent;
        let named = self.env.kubeconfig.as_deref();
        let named: Vec<PathBuf> = named
            .filter(|_| self.env.known || is_outside)
            .unwrap_or_default()
            .split(':')
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .collect();
        let default = self.flags.default_kubeconfig.clone();
        match written {
            Some(path) => Some(vec![path]),
            None if !named.is_empty() => Some(named),
            None => default
                .filter(|_| is_outside && !self.env.known)
                .map(|path| vec![path]),
        }
    }

    /// Reports keys of the file that have no effect with a kubeconfig.
    fn contradiction(&mut self, right: &str) {
        for key in [
            "apiserver.service_account_dir",
            "apiserver.dns_name",
            "apiserver.addresses",
        ] {
            if let Some(written) = self.file.one(key) {
                let wrong = InvalidValue::new("conflicts with the kubeconfig in use", right);
                self.problems.0.push(written.problem(wrong));
            }
        }
    }
}
