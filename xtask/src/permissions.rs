//! What the chart's roles grant: the rights that implemented checks need, and those of a companion.

use std::fmt::Write;

use castai_health_exporter::alerting::file::GeneratedFile;
use castai_health_exporter::catalogue::Right;
use castai_health_exporter::catalogue::permission::{ENDPOINT_SLICES, Place, RIGHTS};

use crate::generate::YAML_HEADER;

/// What the chart's templates read.
const CHART: &str = "deploy/chart/files/rights.yaml";
/// What the Kustomize component adds to the agent's account.
const KUSTOMIZE: &str = "deploy/kustomize/rbac.yaml";
/// Stands for the agent's account.
const ACCOUNT: &str = "serviceAccount";
/// What the agent's chart calls its account, and where.
const AGENT: &str = "castai-agent";

const TEXT: &str = "\
#
# What each account may do beside what it may already; `reads` says what does not work without it.
# place: cluster, agent (the agent's namespace) or a namespace's name. The names deployment and serviceAccount stand for the
# chart's values.
";

const ROLES: &str = "\
#
# What the agent's account may do beside its own rights, so that a sidecar can read it.
";

/// Why writing into a string cannot fail.
const STRING: &str = "a string takes everything";

/// What a companion does beside the checks: it looks for the agent, acts as it, and reads what a check asks for by name.
const COMPANION: &str = r#"  - {place: agent, apiGroup: "apps", resource: deployments, name: deployment, verbs: [get], reads: "The agent's template."}
  - {place: agent, apiGroup: "apps", resource: replicasets, verbs: [get], reads: "Which pods are the agent's."}
  - {place: agent, apiGroup: "", resource: serviceaccounts/token, name: serviceAccount, verbs: [create], reads: "Tokens of ten minutes with which the checks act as the agent."}
"#;

/// One slice by its name is enough, and is less than the list.
const SLICE: &Right = &Right {
    verbs: &["get"],
    names: &["kubernetes"],
    purpose: "The API servers' own addresses.",
    ..*ENDPOINT_SLICES
};

/// What the agent's own roles grant to its account, and so to a sidecar.
const AGENT_MAY: &[&str] = &[
    "configmaps",
    "daemonsets",
    "deployments",
    "events",
    "leases",
    "namespaces",
    "nodes",
    "pods",
    "replicasets",
    "statefulsets",
];

/// The namespace is read as the agent, the slice by its name.
const GRANTED_OTHERWISE: [&str; 2] = ["namespaces", "endpointslices"];

/// Both files.
pub(crate) fn files() -> [GeneratedFile; 2] {
    let sidecar: Vec<&Right> = needed()
        .filter(|right| !AGENT_MAY.contains(&right.resource))
        .collect();
    let mut chart = format!("{YAML_HEADER}{TEXT}companion:\n{COMPANION}");
    chart.extend(needed().map(rule));
    chart.push_str("sidecar:\n");
    chart.extend(sidecar.iter().map(|right| rule(right)));
    let file = |path: &str, contents: String| GeneratedFile {
        path: path.to_owned(),
        contents,
    };
    [file(CHART, chart), file(KUSTOMIZE, roles(&sidecar))]
}

/// What implemented checks read, the slice by its name.
fn needed() -> impl Iterator<Item = &'static Right> {
    let elsewhere = |right: &Right| GRANTED_OTHERWISE.contains(&right.resource);
    let needed = RIGHTS
        .iter()
        .copied()
        .filter(move |right| !right.checks.is_empty() && !elsewhere(right));
    std::iter::once(SLICE).chain(needed)
}

/// A role and its binding to the agent's account for each namespace.
fn roles(rights: &[&Right]) -> String {
    let mut namespaces: Vec<&str> = rights.iter().map(|right| namespace(right)).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    let mut text = format!("{YAML_HEADER}{ROLES}");
    for (at, namespace_of) in namespaces.into_iter().enumerate() {
        let name = format!("{{name: castai-health-exporter-sidecar, namespace: {namespace_of}}}");
        let separator = if at == 0 { "" } else { "---\n" };
        write!(text, "{separator}apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name}\nrules:\n")
            .expect(STRING);
        for right in rights
            .iter()
            .filter(|right| namespace(right) == namespace_of)
        {
            let Right {
                group,
                resource,
                verbs,
                names,
                purpose,
                ..
            } = right;
            let verbs = verbs.join(", ");
            let only = names
                .first()
                .map(|name| if *name == ACCOUNT { AGENT } else { name });
            let only = only
                .map(|name| format!(", resourceNames: [{name}]"))
                .unwrap_or_default();
            writeln!(text, "  # {purpose}").expect(STRING);
            writeln!(
                text,
                "  - {{apiGroups: [{group:?}], resources: [{resource}]{only}, verbs: [{verbs}]}}"
            )
            .expect(STRING);
        }
        write!(
            text,
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: castai-health-exporter-sidecar}}\n\
             subjects:\n  - {{kind: ServiceAccount, name: {AGENT}, namespace: {AGENT}}}\n"
        )
        .expect(STRING);
    }
    text
}

/// Where a right of the sidecar holds.
fn namespace(right: &Right) -> &'static str {
    match right.place {
        Place::Namespace(name) => name,
        Place::AgentNamespace | Place::Cluster => AGENT,
    }
}

fn rule(right: &Right) -> String {
    let Right {
        group,
        resource,
        verbs,
        place,
        names,
        purpose,
        ..
    } = right;
    let place = match place {
        Place::Cluster => "cluster",
        Place::AgentNamespace => "agent",
        Place::Namespace(name) => name,
    };
    let name = names
        .first()
        .map(|name| format!(" name: {name},"))
        .unwrap_or_default();
    let verbs = verbs.join(", ");
    format!(
        "  - {{place: {place}, apiGroup: {group:?}, resource: {resource},{name} verbs: [{verbs}], reads: {purpose:?}}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_granted_that_writes_but_tokens_and_nothing_that_tells_secrets() {
        let [GeneratedFile { contents, .. }, _] = files();
        assert!(!contents.contains("secrets"), "{contents}");
        for rule in contents.lines().filter(|line| line.starts_with("  - ")) {
            let (_, verbs) = rule.split_once("verbs: [").unwrap();
            let (verbs, _) = verbs.split_once(']').unwrap();
            let reads = verbs
                .split(", ")
                .all(|verb| ["get", "list", "watch"].contains(&verb));
            assert!(
                reads
                    || rule.contains(
                        "resource: serviceaccounts/token, name: serviceAccount, verbs: [create]"
                    ),
                "{rule}"
            );
        }
    }
}
