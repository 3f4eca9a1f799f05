//! CRDs of the monitoring systems that the chart supports.

use std::path::PathBuf;
use std::{env, fs};

/// Variable with the folder that `scripts/install-crds` creates.
const CRD_FOLDER_VARIABLE: &str = "CRD_TEST_FOLDER";
/// Group of the Prometheus Operator, and that of Azure's copy of its `PodMonitor`.
const OPERATOR_GROUP: &str = "monitoring.coreos.com";
const AZURE_GROUP: &str = "azmonitoring.coreos.com";
const GOOGLE: &str = include_str!("crds/podmonitoring.yaml");

/// Returns the path of the operator's CRD of this kind.
pub(crate) fn operator_crd(kind: &str) -> PathBuf {
    let folder = env::var_os(CRD_FOLDER_VARIABLE)
        .map(PathBuf::from)
        .filter(|folder| folder.is_dir());
    let folder = folder.unwrap_or_else(|| {
        panic!("{CRD_FOLDER_VARIABLE} is not a folder; run `make test`, or: export {CRD_FOLDER_VARIABLE}=\"$(scripts/install-crds)\"")
    });
    folder.join(format!("{kind}.yaml"))
}

/// Returns the CRDs of the operator, of Azure and of Google Cloud.
pub(crate) fn all() -> [String; 4] {
    let [monitors, rules] = ["podmonitors", "prometheusrules"]
        .map(|kind| fs::read_to_string(operator_crd(kind)).unwrap());
    let azure = monitors.replace(OPERATOR_GROUP, AZURE_GROUP);
    [monitors, rules, azure, GOOGLE.to_owned()]
}
