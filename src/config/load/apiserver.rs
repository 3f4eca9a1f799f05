//! Where the API server is: what a pod is told, or a kubeconfig.

use std::path::PathBuf;

use crate::config::agent_env::Service;
use crate::config::load::Sources;
use crate::config::written::{Written, Wrong};
use crate::config::{Apiserver, InCluster, NamedFile, Purpose, values};

/// What the kubelet mounts for a pod.
pub(super) const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const DNS_NAME: (&str, u16) = ("kubernetes.default.svc", 443);
/// Service address, DNS name and these are targets, of which a check has at most ten.
const MOST_ADDRESSES: usize = 8;

impl Sources<'_> {
    pub(super) fn apiserver(&mut self) -> Apiserver {
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
                let empty = || Wrong::new("is empty", "write the name of a context");
                (!text.is_empty())
                    .then(|| text.to_owned())
                    .ok_or_else(empty)
            },
        );
        if let Some(path) = kubeconfig {
            self.contradiction(
                "only a pod's own API server has these; a kubeconfig names its server",
            );
            return Apiserver::Kubeconfig { path, context };
        }
        if context.is_some() {
            let written = match &self.flags.context {
                Some(context) => Written::flag("--context", context),
                None => self
                    .file
                    .one("context")
                    .cloned()
                    .unwrap_or(Written::flag("--context", "")),
            };
            let wrong = Wrong::new(
                "names a context, but there is no kubeconfig",
                "add --kubeconfig, or set KUBECONFIG",
            );
            self.problems.0.push(written.problem(wrong));
        }
        match &self.env.service {
            Service::Absent => Apiserver::Absent,
            Service::Invalid(problem) => Apiserver::Invalid(problem.clone()),
            Service::At(host, port) => Apiserver::InCluster(InCluster {
                host: host.clone(),
                port: *port,
                service_account_dir: service_account_dir
                    .unwrap_or_else(|| PathBuf::from(SERVICE_ACCOUNT)),
                dns_name: dns_name.unwrap_or_else(|| (DNS_NAME.0.to_owned(), DNS_NAME.1)),
                addresses,
            }),
        }
    }

    /// The kubeconfig to use: what was typed or written; the environment's where the agent would use it.
    ///
    /// The agent takes `KUBECONFIG` before its pod's own account. Where nothing tells of the agent, the variable is
    /// `kubectl`'s, and a pod's own account goes before it.
    fn kubeconfig(&mut self) -> Option<PathBuf> {
        if let Some(path) = &self.flags.kubeconfig {
            let written = Written::flag("--kubeconfig", &path.display().to_string());
            self.named_files.push(NamedFile {
                purpose: Purpose::Kubeconfig,
                path: path.clone(),
                written,
            });
            // It is read all the same, so that what is wrong in the file is told.
            self.path("kubeconfig");
            return Some(path.clone());
        }
        let written = self.named_file("kubeconfig", Purpose::Kubeconfig);
        let named = self
            .env
            .kubeconfig
            .as_deref()
            .filter(|_| self.env.known || self.env.service == Service::Absent);
        // kubectl's may be a list.
        written.or_else(|| {
            named?
                .split(':')
                .find(|path| !path.is_empty())
                .map(PathBuf::from)
        })
    }

    /// Keys of the file that mean nothing beside a kubeconfig.
    fn contradiction(&mut self, right: &str) {
        for key in [
            "apiserver.service_account_dir",
            "apiserver.dns_name",
            "apiserver.addresses",
        ] {
            if let Some(written) = self.file.one(key) {
                let wrong = Wrong::new("contradicts the kubeconfig that is in use", right);
                self.problems.0.push(written.problem(wrong));
            }
        }
    }
}
