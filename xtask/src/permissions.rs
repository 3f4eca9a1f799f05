//! RBAC permissions for the chart and the Kustomize component.

use std::fmt::Write;

use castai_health_exporter::alerting::file::GeneratedFile;
use castai_health_exporter::catalogue::Permission;
use castai_health_exporter::catalogue::permission::{
    ENDPOINT_SLICES, PERMISSIONS, RoleScope, WRITTEN_EVENTS,
};

use crate::header::YAML_HEADER;

/// File that the templates of the chart read.
const CHART: &str = "deploy/chart/files/permissions.yaml";
/// Roles that the Kustomize component adds to the agent's service account.
const KUSTOMIZE: &str = "deploy/kustomize/rbac.yaml";
/// Placeholder for the agent's service account.
const ACCOUNT: &str = "serviceAccount";
/// Service account and namespace of the agent in its own chart.
const AGENT: &str = "castai-agent";

const TEXT: &str = "\
#
# Permissions that each service account needs in addition to its own; `reads` names what they are for.
# place: cluster, agent (the agent's namespace) or the name of a namespace.
# The chart replaces the names deployment and serviceAccount with its values.
# With events.enabled, every account also gets the permissions under events.
";

const ROLES: &str = "\
#
# Permissions that a sidecar needs in addition to those of the agent's service account.
";

/// Message of an `expect` that cannot fail.
const STRING: &str = "writing to a string succeeds";

/// Permissions of a companion besides those of the checks: finding the agent and requesting its token.
const COMPANION: &str = r#"  - {place: agent, apiGroup: "apps", resource: deployments, name: deployment, verbs: [get], reads: "The pod template of the agent."}
  - {place: agent, apiGroup: "apps", resource: replicasets, verbs: [get], reads: "Ownership of the agent's pods."}
  - {place: agent, apiGroup: "", resource: serviceaccounts/token, name: serviceAccount, verbs: [create], reads: "Ten-minute tokens with which the checks authenticate as the agent."}
"#;

/// Only the `EndpointSlice` of the API server, which is less than listing all.
const SLICE: &Permission = &Permission {
    verbs: &["get"],
    names: &["kubernetes"],
    purpose: "Addresses of the API servers.",
    ..*ENDPOINT_SLICES
};

/// Resources that the agent's own roles let a sidecar read.
const GRANTED_TO_AGENT: &[&str] = &[
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

/// Resources with another rule: the namespace is read as the agent, the slice by name.
const GRANTED_OTHERWISE: [&str; 2] = ["namespaces", "endpointslices"];

/// Returns the permissions of the chart and of the Kustomize component.
pub(crate) fn files() -> [GeneratedFile; 2] {
    let sidecar: Vec<&Permission> = needed()
        .filter(|permission| !GRANTED_TO_AGENT.contains(&permission.resource))
        .collect();
    let mut chart = format!("{YAML_HEADER}{TEXT}companion:\n{COMPANION}");
    chart.extend(needed().map(rule));
    chart.push_str("sidecar:\n");
    chart.extend(sidecar.iter().map(|permission| rule(permission)));
    chart.push_str("events:\n");
    chart.push_str(&rule(WRITTEN_EVENTS));
    let file = |path: &str, contents: String| GeneratedFile {
        path: path.to_owned(),
        contents,
    };
    [file(CHART, chart), file(KUSTOMIZE, roles(&sidecar))]
}

/// Returns the permissions of the checks, with the slice by name.
fn needed() -> impl Iterator<Item = &'static Permission> {
    let elsewhere = |permission: &Permission| GRANTED_OTHERWISE.contains(&permission.resource);
    let needed = PERMISSIONS
        .iter()
        .copied()
        .filter(move |permission| !permission.checks.is_empty() && !elsewhere(permission));
    std::iter::once(SLICE).chain(needed)
}

/// Returns a Role and a `RoleBinding` per namespace.
fn roles(permissions: &[&Permission]) -> String {
    let mut namespaces: Vec<&str> = permissions
        .iter()
        .map(|permission| namespace(permission))
        .collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    let mut text = format!("{YAML_HEADER}{ROLES}");
    for (at, namespace_of) in namespaces.into_iter().enumerate() {
        let name = format!("{{name: castai-health-exporter-sidecar, namespace: {namespace_of}}}");
        let separator = if at == 0 { "" } else { "---\n" };
        write!(text, "{separator}apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name}\nrules:\n")
            .expect(STRING);
        for permission in permissions
            .iter()
            .filter(|permission| namespace(permission) == namespace_of)
        {
            let Permission {
                group,
                resource,
                verbs,
                names,
                purpose,
                ..
            } = permission;
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

/// Returns the namespace of a sidecar's permission.
fn namespace(permission: &Permission) -> &'static str {
    match permission.scope {
        RoleScope::Namespace(name) => name,
        RoleScope::AgentNamespace | RoleScope::Cluster => AGENT,
    }
}

fn rule(permission: &Permission) -> String {
    let Permission {
        group,
        resource,
        verbs,
        scope,
        names,
        purpose,
        ..
    } = permission;
    let place = match scope {
        RoleScope::Cluster => "cluster",
        RoleScope::AgentNamespace => "agent",
        RoleScope::Namespace(name) => name,
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
    fn permissions_are_read_only_except_tokens_and_events_and_never_include_secrets() {
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
                    )
                    || rule.contains("resource: events, verbs: [create, patch]"),
                "{rule}"
            );
        }
    }
}
