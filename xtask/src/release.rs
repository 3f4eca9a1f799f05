//! Version, registry and repository: Cargo.toml holds them, and every other file that needs them is
//! derived from it.

use castai_health_exporter::alerting::file::GeneratedFile;

/// Path of the file that holds them.
pub(crate) const MANIFEST: &str = "Cargo.toml";

/// A line that ends in a value of the release, from this start on.
type Stamp = (&'static str, Value);

/// A value of the release.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Version,
    /// The registry in quotes; empty before the first release.
    Registry,
    /// The repository, or the agent's documentation before the first release.
    Home,
    /// The repository as a list, or that of the agent before the first release.
    Sources,
}

/// The files with such lines.
pub(crate) const FILES: [(&str, &[Stamp]); 4] = [
    (
        "deploy/chart/Chart.yaml",
        &[
            ("version: ", Value::Version),
            ("appVersion: ", Value::Version),
            ("home: ", Value::Home),
            ("sources: ", Value::Sources),
        ],
    ),
    (
        "deploy/chart/values.yaml",
        &[("  registry: ", Value::Registry)],
    ),
    (
        "deploy/server-side-apply/add.yaml",
        &[("          image: castai-health-exporter:", Value::Version)],
    ),
    ("Dockerfile", &[("ARG VERSION=", Value::Version)]),
];

/// Version, registry and repository of a release.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Release {
    version: String,
    registry: String,
    repository: String,
}

/// Links of the chart while there is no repository.
const AGENT_DOCUMENTATION: &str = "https://docs.cast.ai";
const AGENT_REPOSITORY: &str = "https://github.com/castai/k8s-agent";

impl Release {
    /// Parses Cargo.toml. The first `version`, `registry` and `repository` are those of the workspace.
    pub(crate) fn parse(manifest: &str) -> Self {
        let value = |key: &str| {
            let start = format!("{key} = \"");
            let line = manifest.lines().find_map(|line| line.strip_prefix(&start));
            line.and_then(|rest| rest.split_once('"'))
                .map(|(value, _)| value.to_owned())
        };
        Self {
            version: value("version").unwrap_or_else(|| panic!("{MANIFEST} has no version")),
            registry: value("registry").unwrap_or_default(),
            repository: value("repository").unwrap_or_default(),
        }
    }

    /// Returns the file with its lines updated.
    pub(crate) fn stamp(&self, path: &str, stamps: &[Stamp], file: &str) -> GeneratedFile {
        let mut contents = String::new();
        for line in file.lines() {
            let stamp = stamps.iter().find(|(start, _)| line.starts_with(start));
            match stamp {
                Some((start, value)) => {
                    contents.push_str(start);
                    contents.push_str(&self.text(*value));
                }
                None => contents.push_str(line),
            }
            contents.push('\n');
        }
        GeneratedFile {
            path: path.to_owned(),
            contents,
        }
    }

    fn text(&self, value: Value) -> String {
        match value {
            Value::Version => self.version.clone(),
            Value::Registry => format!("{:?}", self.registry),
            Value::Home => self.repository_or(AGENT_DOCUMENTATION).to_owned(),
            Value::Sources => format!("[{}]", self.repository_or(AGENT_REPOSITORY)),
        }
    }
}

impl Release {
    fn repository_or<'a>(&'a self, other: &'a str) -> &'a str {
        if self.repository.is_empty() {
            other
        } else {
            &self.repository
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARGO: &str = "[workspace.package]\nversion = \"1.2.3\"\n[workspace.metadata.release]\nregistry = \"registry.example.com/a\" # where\n[package]\nversion = \"9\"\n";

    #[test]
    fn lines_with_a_stamp_are_replaced() {
        let release = Release::parse(CARGO);
        let text = "name: x\nversion: 0\n  registry: \"\"\n";
        let stamps: &[Stamp] = &[
            ("version: ", Value::Version),
            ("  registry: ", Value::Registry),
        ];
        let stamped = release.stamp("f", stamps, text).contents;
        assert_eq!(
            stamped,
            "name: x\nversion: 1.2.3\n  registry: \"registry.example.com/a\"\n"
        );
        assert_eq!(release.stamp("f", stamps, &stamped).contents, stamped);
    }

    #[test]
    fn links_lead_to_the_repository_once_there_is_one() {
        let stamps: &[Stamp] = &[("home: ", Value::Home), ("sources: ", Value::Sources)];
        let file = "home: x\nsources: x\n";
        let without = Release::parse(CARGO).stamp("f", stamps, file).contents;
        assert!(
            without.contains("home: https://docs.cast.ai\n"),
            "{without}"
        );
        let manifest = format!("repository = \"https://git.example.com/a\"\n{CARGO}");
        assert_eq!(
            Release::parse(&manifest).stamp("f", stamps, file).contents,
            "home: https://git.example.com/a\nsources: [https://git.example.com/a]\n"
        );
    }

    #[test]
    fn every_file_has_its_lines() {
        for (path, stamps) in FILES {
            let file = std::fs::read_to_string(crate::repository().join(path))
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            for (start, _) in stamps {
                let lines = file.lines().filter(|line| line.starts_with(start));
                assert_eq!(lines.count(), 1, "{path}: {start}");
            }
        }
    }
}
