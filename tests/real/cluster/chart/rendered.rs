//! The objects of a rendered chart.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::template;
use crate::support::helm::{CHART, Helm, POLICY_API_VERSION};

/// The objects of a rendered chart.
#[derive(Debug, PartialEq)]
pub(super) struct Rendered(Vec<Value>);

impl Rendered {
    /// Renders the chart with these values.
    pub(super) async fn with(helm: &Helm, values: &[&str]) -> Self {
        let rendered = template(helm, values)
            .await
            .unwrap_or_else(|error| panic!("{values:?}: {error}"));
        Self::parse(&rendered)
    }

    pub(super) fn parse(rendered: &str) -> Self {
        let documents = rendered.split("\n---\n");
        Self(
            documents
                .map(|document| serde_saphyr::from_str(document).unwrap())
                .collect(),
        )
    }

    pub(super) fn of_kind(&self, kind: &str) -> Vec<&Value> {
        let objects = self.0.iter();
        objects.filter(|object| object["kind"] == kind).collect()
    }

    /// Returns the only object of a kind.
    pub(super) fn one(&self, kind: &str) -> &Value {
        let objects = self.of_kind(kind);
        assert_eq!(objects.len(), 1, "{kind}");
        objects[0]
    }

    /// Returns the specification of the companion's pod.
    pub(super) fn pod(&self) -> &Value {
        &self.one("Deployment")["spec"]["template"]["spec"]
    }

    /// Returns the companion's container.
    pub(super) fn container(&self) -> &Value {
        &self.pod()["containers"][0]
    }

    /// Returns the arguments of the companion.
    pub(super) fn arguments(&self) -> Vec<String> {
        serde_json::from_value(self.container()["args"].clone()).unwrap()
    }
}

/// A file in `deploy/chart/ci`: values of a realistic installation.
#[derive(Debug)]
pub(super) struct ValueFile {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

impl ValueFile {
    /// Returns all files, sorted by name.
    pub(super) fn all() -> Vec<Self> {
        let mut files: Vec<Self> = fs::read_dir(format!("{CHART}/ci"))
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                let name = name.strip_suffix("-values.yaml").unwrap().to_owned();
                Self { name, path }
            })
            .collect();
        files.sort_by(|one, other| one.name.cmp(&other.name));
        files
    }

    /// Renders the chart with this file.
    pub(super) async fn template(&self, helm: &Helm) -> String {
        let arguments = [
            "template",
            "castai",
            CHART,
            "--namespace",
            "castai-agent",
            "--api-versions",
            POLICY_API_VERSION,
            "--values",
            self.path.to_str().unwrap(),
        ];
        helm.offline(&arguments)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}
