//! Helm 3 and Helm 4, built from their published Go modules.

use std::env;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::support::cluster::Cluster;

/// Variable with the folder that `scripts/build-helm` creates.
const HELM_FOLDER_VARIABLE: &str = "HELM_TEST_BINARIES";

/// Our chart, and one shaped like the agent's.
pub(crate) const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/chart");
pub(crate) const AGENT_CHART: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/agent-chart");
/// API version of the policy; `helm template` cannot discover it.
pub(crate) const POLICY_API_VERSION: &str =
    "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy";

/// Image of our chart in tests; without a registry the chart refuses to render.
pub(crate) const IMAGE: &str = "image.repository=local.test/castai-health-exporter";

/// A version of Helm.
#[derive(Clone, Debug)]
pub(crate) struct Helm {
    program: PathBuf,
}

impl Helm {
    /// Returns both versions.
    pub(crate) fn both() -> [Self; 2] {
        let folder = env::var_os(HELM_FOLDER_VARIABLE)
            .map(PathBuf::from)
            .filter(|folder| folder.join("helm4").is_file());
        let folder = folder.unwrap_or_else(|| {
            panic!("{HELM_FOLDER_VARIABLE} is not a folder; run `make test`, or: export {HELM_FOLDER_VARIABLE}=\"$(scripts/build-helm)\"")
        });
        ["helm3", "helm4"].map(|name| Self {
            program: folder.join(name),
        })
    }

    /// Returns Helm 4.
    pub(crate) fn latest() -> Self {
        let [_, latest] = Self::both();
        latest
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Runs Helm without a cluster and returns its output, or its error output.
    pub(crate) async fn offline(&self, arguments: &[&str]) -> Result<String, String> {
        self.run(arguments, Path::new("/nonexistent")).await
    }

    /// Runs Helm as the cluster's administrator.
    pub(crate) async fn on(&self, cluster: &Cluster, arguments: &[&str]) -> Result<String, String> {
        self.run(arguments, cluster.kubeconfig()).await
    }

    async fn run(&self, arguments: &[&str], kubeconfig: &Path) -> Result<String, String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .env("KUBECONFIG", kubeconfig)
            .kill_on_drop(true)
            .output();
        let output = output.await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }
}
