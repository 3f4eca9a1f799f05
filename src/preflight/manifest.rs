//! The objects that installing the agent creates: those of its chart with default values, or those
//! that `helm template` printed.

use serde_json::Value;

use crate::config::Installation;
use crate::preflight::chart_objects::{AGENT_IMAGE, Names};

/// Largest number of objects that are read.
const MAX_OBJECTS: usize = 200;

/// The objects that installing the agent creates.
#[derive(Clone, Debug)]
pub struct Manifest {
    objects: Vec<Value>,
    /// Whether these are the chart's defaults.
    pub is_default: bool,
}

/// A resource of the Kubernetes API.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Resource {
    /// The kind of its objects.
    pub kind: &'static str,
    /// The API group; empty is the core group.
    pub group: &'static str,
    /// Its name in paths and permissions.
    pub name: &'static str,
    /// Whether its objects belong to a namespace.
    pub namespaced: bool,
}

/// An object to be created, with its resource.
#[derive(Clone, Copy, Debug)]
pub struct PlannedObject<'a> {
    /// The object.
    pub object: &'a Value,
    /// Its resource.
    pub resource: Resource,
    /// Its namespace; `None` for objects of the cluster.
    pub namespace: Option<&'a str>,
}

/// A reason why a text is not a manifest.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ManifestError {
    /// The text is not YAML.
    #[error("not YAML: {0}")]
    Syntax(String),
    /// No object creates pods.
    #[error("no Deployment, DaemonSet or StatefulSet in it; give the output of `helm template`")]
    NoWorkload,
    /// Too many objects.
    #[error("more than {MAX_OBJECTS} objects")]
    TooLong,
}

const fn resource(
    kind: &'static str,
    group: &'static str,
    name: &'static str,
    namespaced: bool,
) -> Resource {
    Resource {
        kind,
        group,
        name,
        namespaced,
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// The resources that charts of CAST AI create. Objects of others are not reviewed.
const RESOURCES: &[Resource] = &[
    resource("Namespace", "", "namespaces", false),
    resource("ServiceAccount", "", "serviceaccounts", true),
    resource("Secret", "", "secrets", true),
    resource("ConfigMap", "", "configmaps", true),
    resource("Service", "", "services", true),
    resource("ResourceQuota", "", "resourcequotas", true),
    resource("Pod", "", "pods", true),
    resource("Deployment", "apps", "deployments", true),
    resource("DaemonSet", "apps", "daemonsets", true),
    resource("StatefulSet", "apps", "statefulsets", true),
    resource("Job", "batch", "jobs", true),
    resource("CronJob", "batch", "cronjobs", true),
    resource(
        "PodDisruptionBudget",
        "policy",
        "poddisruptionbudgets",
        true,
    ),
    resource(
        "NetworkPolicy",
        "networking.k8s.io",
        "networkpolicies",
        true,
    ),
    resource("Role", RBAC, "roles", true),
    resource("RoleBinding", RBAC, "rolebindings", true),
    resource("ClusterRole", RBAC, "clusterroles", false),
    resource("ClusterRoleBinding", RBAC, "clusterrolebindings", false),
    resource(
        "PriorityClass",
        "scheduling.k8s.io",
        "priorityclasses",
        false,
    ),
    resource(
        "CustomResourceDefinition",
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        false,
    ),
    resource(
        "MutatingWebhookConfiguration",
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        false,
    ),
    resource(
        "ValidatingWebhookConfiguration",
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        false,
    ),
    resource(
        "SecurityContextConstraints",
        "security.openshift.io",
        "securitycontextconstraints",
        false,
    ),
];

/// The kinds with pods that are tried.
const WORKLOADS: &[&str] = &["Deployment", "DaemonSet", "StatefulSet"];

impl Manifest {
    /// Returns the objects of the agent's chart with its default values.
    pub fn of_chart(
        installation: &Installation,
        service_account: &str,
        image: Option<&str>,
    ) -> Self {
        let names = Names {
            installation,
            service_account,
            image: image.unwrap_or(AGENT_IMAGE),
        };
        Self {
            objects: names.objects(),
            is_default: true,
        }
    }

    /// Parses the YAML documents that `helm template` prints.
    ///
    /// # Errors
    /// If the text is not YAML, has too many objects, or creates no pods.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| {
            let error = error.without_snippet();
            let fault = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
            ManifestError::Syntax(match error.location() {
                Some(location) => format!("line {}: {fault}", location.line()),
                None => fault,
            })
        })?;
        let mut objects = Vec::new();
        for document in documents {
            match document["items"].as_array() {
                Some(items) if document["kind"] == "List" => objects.extend(items.iter().cloned()),
                _ if document.is_object() => objects.push(document),
                _ => {}
            }
        }
        if objects.len() > MAX_OBJECTS {
            return Err(ManifestError::TooLong);
        }
        let manifest = Self {
            objects,
            is_default: false,
        };
        if manifest.workloads("").next().is_none() {
            return Err(ManifestError::NoWorkload);
        }
        Ok(manifest)
    }

    /// Returns the objects of known resources; those without a namespace belong to this one.
    pub fn objects<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = PlannedObject<'a>> {
        self.objects.iter().filter_map(move |object| {
            let api_version = object["apiVersion"].as_str().unwrap_or_default();
            let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
            let resource = RESOURCES
                .iter()
                .find(|resource| object["kind"] == resource.kind && group == resource.group)?;
            let own = object["metadata"]["namespace"]
                .as_str()
                .unwrap_or(namespace);
            Some(PlannedObject {
                object,
                resource: *resource,
                namespace: resource.namespaced.then_some(own),
            })
        })
    }

    /// Returns the objects that create pods.
    pub fn workloads<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = PlannedObject<'a>> {
        self.objects(namespace)
            .filter(|planned| WORKLOADS.contains(&planned.resource.kind))
    }

    /// Returns whether a quota for the priority class of these pods is among the objects.
    pub fn has_priority_class_quota(&self) -> bool {
        self.objects("").any(|planned| {
            let scopes = &planned.object["spec"]["scopeSelector"]["matchExpressions"];
            planned.resource.kind == "ResourceQuota"
                && scopes
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|scope| scope["scopeName"] == "PriorityClass")
        })
    }

    /// Returns the images of all pods, each once.
    pub fn images(&self) -> Vec<&str> {
        let mut images = Vec::new();
        for planned in self.workloads("") {
            let spec = &planned.object["spec"]["template"]["spec"];
            for list in ["initContainers", "containers"] {
                let containers = spec[list].as_array().into_iter().flatten();
                images.extend(containers.filter_map(|container| container["image"].as_str()));
            }
        }
        images.sort_unstable();
        images.dedup();
        images
    }
}

impl PlannedObject<'_> {
    /// Returns its name.
    pub fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Returns the path of its collection, in this namespace if it belongs to one.
    pub fn collection(&self, namespace: Option<&str>) -> String {
        let api_version = self.object["apiVersion"].as_str().unwrap_or("v1");
        self.resource.collection(api_version, namespace)
    }
}

impl Resource {
    /// Pods.
    pub const PODS: Self = resource("Pod", "", "pods", true);
    /// Namespaces.
    pub const NAMESPACES: Self = resource("Namespace", "", "namespaces", false);

    /// Returns the path of the objects of one namespace, or of the cluster.
    pub fn collection(&self, api_version: &str, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "api" } else { "apis" };
        let escaped =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let api_version: Vec<String> = api_version.split('/').map(escaped).collect();
        let place = namespace.map(|namespace| format!("namespaces/{}/", escaped(namespace)));
        format!(
            "/{root}/{}/{}{}",
            api_version.join("/"),
            place.unwrap_or_default(),
            self.name
        )
    }

    /// Returns the name with its group, as permissions spell it.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}.{}", self.name, self.group)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENDERED: &str = "---\n# Source: castai-agent/templates/deployment.yaml\napiVersion: apps/v1\n\
        kind: Deployment\nmetadata: {name: castai-agent}\nspec:\n  template:\n    spec:\n      \
        initContainers: [{image: b.example/init}]\n      containers: [{image: a.example/agent:v1}, {image: a.example/agent:v1}]\n\
        ---\napiVersion: example.com/v1\nkind: Deployment\nmetadata: {name: other}\n---\n---\n";

    #[test]
    fn output_of_helm_template_is_read_document_by_document() {
        let manifest = Manifest::parse(RENDERED).unwrap();
        let names: Vec<_> = manifest
            .workloads("here")
            .map(|planned| {
                (
                    planned.name().to_owned(),
                    planned.collection(planned.namespace),
                )
            })
            .collect();
        let path = "/apis/apps/v1/namespaces/here/deployments".to_owned();
        assert_eq!(names, [("castai-agent".to_owned(), path)]);
        assert_eq!(manifest.images(), ["a.example/agent:v1", "b.example/init"]);
        assert!(!manifest.has_priority_class_quota());
    }

    #[test]
    fn text_without_a_workload_is_rejected() {
        let error = |text: &str| Manifest::parse(text).unwrap_err();
        assert_eq!(
            error("kind: ConfigMap\napiVersion: v1\n"),
            ManifestError::NoWorkload
        );
        assert_eq!(error(""), ManifestError::NoWorkload);
        assert!(matches!(error("a: [b"), ManifestError::Syntax(_)));
    }
}
