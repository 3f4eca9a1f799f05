//! The README of the Helm chart, with a table of the values documented in `values.yaml`.

pub(crate) mod known_values;

use std::fmt::Write;

use castai_health_exporter::alerting::file::{DASHBOARDS, GeneratedFile, OPTIONAL_RULES, RULES};

use crate::header::MARKDOWN_HEADER;
use crate::markdown::escape_cell;

/// Path in the repository.
const README: &str = "deploy/chart/README.md";
/// Path of the chart's values.
pub(crate) const VALUES: &str = "deploy/chart/values.yaml";
/// Folder of the rules that the chart installs.
pub(crate) const CHART_RULES: &str = "deploy/chart/files/rules";
/// Folder of the dashboards that the chart installs.
const CHART_DASHBOARDS: &str = "deploy/chart/files/dashboards";
/// Base URL of the runbooks in the chart's dashboards. The chart replaces it, or removes the links.
pub(crate) const RUNBOOK_BASE: &str = "https://runbooks.invalid";
/// Prefix of a comment that documents a value, as in helm-docs.
const MARK: &str = "-- ";

const TEXT: &str = "\
# castai-health-exporter

Installs the exporter next to the CAST AI agent: the companion by default, and the sidecar with `sidecar.enabled` (Kubernetes 1.36 or \
newer). [docs/install.md](../../docs/install.md) has the steps for Helm, umbrella charts, Argo CD, Flux and Terraform, and \
[docs/monitoring.md](../../docs/monitoring.md) those for each kind of Prometheus.

```sh
helm install castai-health-exporter deploy/chart --namespace castai-agent --set image.repository=registry.example.com/castai-health-exporter
```

The chart fails if a value is unknown, and names similar ones. It rejects values that the API server would reject, because an invalid \
sidecar would keep new agent pods from starting. It uses no hooks, apart from the pod of `helm test`, and reads nothing from the cluster, \
so `helm template` renders what `helm install` does. `helm template` cannot discover API versions: with `sidecar.enabled` it needs \
`--api-versions admissionregistration.k8s.io/v1/MutatingAdmissionPolicy`.

[ci](ci) contains sets of values for common platforms, which the tests render and install.

Only the companion checks control plane access, configured by `companion.config.control_plane`: on GKE and AKS with its own service account, \
which needs a cloud identity through `serviceAccount.annotations`, on EKS with the agent's. Without a companion the sidecar runs \
this check with the agent's service account and default settings.

| Value | Default | Description |
|---|---|---|
";

/// A value of the chart.
#[derive(Debug, Eq, PartialEq)]
struct Value {
    path: String,
    default: String,
    meaning: String,
}

/// Returns the chart's README, given `values.yaml`.
pub(crate) fn readme(values: &str) -> GeneratedFile {
    let mut contents = format!("{MARKDOWN_HEADER}\n{TEXT}");
    for Value {
        path,
        default,
        meaning,
    } in documented(values)
    {
        let default = if default.is_empty() {
            String::new()
        } else {
            format!("`{}`", default.replace('|', "\\|"))
        };
        writeln!(
            contents,
            "| `{path}` | {default} | {} |",
            escape_cell(&meaning)
        )
        .expect("writing to a string succeeds");
    }
    GeneratedFile {
        path: README.to_owned(),
        contents,
    }
}

/// Returns the chart's copy of a generated rule file or dashboard.
pub(crate) fn copy(file: &GeneratedFile) -> Option<GeneratedFile> {
    let rules = file
        .path
        .strip_prefix(RULES)
        .map(|name| format!("{CHART_RULES}{name}"));
    let dashboards = || {
        file.path
            .strip_prefix(DASHBOARDS)
            .map(|name| format!("{CHART_DASHBOARDS}{name}"))
    };
    let optional = || (file.path == OPTIONAL_RULES).then(|| format!("{CHART_RULES}/optional.yaml"));
    let path = rules.or_else(dashboards).or_else(optional)?;
    Some(GeneratedFile {
        path,
        contents: file.contents.clone(),
    })
}

/// Returns the leaf values; one without a comment inherits that of its group.
fn documented(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut groups: Vec<(usize, &str, String)> = Vec::new();
    let mut comment = String::new();
    for line in text.lines() {
        let bare = line.trim_start();
        if let Some(words) = bare.strip_prefix("# ") {
            match words.strip_prefix(MARK) {
                Some(words) => words.clone_into(&mut comment),
                None if !comment.is_empty() => {
                    comment.push(' ');
                    comment.push_str(words);
                }
                None => {}
            }
            continue;
        }
        let Some((key, value)) = bare.split_once(':') else {
            comment.clear();
            continue;
        };
        let depth = line.len() - bare.len();
        groups.retain(|(above, ..)| *above < depth);
        let own = std::mem::take(&mut comment);
        let inherited = groups
            .last()
            .map(|(.., meaning)| meaning.clone())
            .unwrap_or_default();
        let meaning = if own.is_empty() { inherited } else { own };
        if value.trim().is_empty() {
            groups.push((depth, key, meaning));
        } else {
            let path: Vec<&str> = groups.iter().map(|(_, key, _)| *key).chain([key]).collect();
            found.push(Value {
                path: path.join("."),
                default: value.trim().to_owned(),
                meaning,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_has_path_default_and_comment() {
        let text = "# not in the table\na:\n  # -- what b\n  # means\n  b: 1\n  # -- of both\n  c:\n    d: {x: y}\n    e: []\nf: \"\"\n";
        let value = |path: &str, default: &str, meaning: &str| Value {
            path: path.to_owned(),
            default: default.to_owned(),
            meaning: meaning.to_owned(),
        };
        let wanted = [
            value("a.b", "1", "what b means"),
            value("a.c.d", "{x: y}", "of both"),
            value("a.c.e", "[]", "of both"),
            value("f", "\"\"", ""),
        ];
        assert_eq!(documented(text), wanted);
    }

    #[test]
    fn chart_has_a_copy_of_rules_and_dashboards_only() {
        let copied = |path: &str| {
            let contents = String::new();
            let path = path.to_owned();
            copy(&GeneratedFile { path, contents }).map(|copy| copy.path)
        };
        for (path, chart_path) in [
            (
                "alerts/rules/cloud.yaml",
                Some("deploy/chart/files/rules/cloud.yaml"),
            ),
            (
                "alerts/optional.yaml",
                Some("deploy/chart/files/rules/optional.yaml"),
            ),
            (
                "dashboards/fleet.json",
                Some("deploy/chart/files/dashboards/fleet.json"),
            ),
            ("alerts/prometheusrule.yaml", None),
        ] {
            assert_eq!(copied(path).as_deref(), chart_path, "{path}");
        }
    }

    #[test]
    fn chart_values_are_documented() {
        let text = include_str!("../../deploy/chart/values.yaml");
        let values = documented(text);
        assert!(values.len() > 50, "{}", values.len());
        let meant = |path: &str| {
            values
                .iter()
                .find(|value| value.path == path)
                .map(|value| value.meaning.is_empty())
        };
        assert_eq!(meant("sidecar.enabled"), Some(false));
        assert_eq!(meant("resources.limits"), Some(false));
    }
}
