//! Permissions of the caller, as the API server itself evaluates them: `SelfSubjectRulesReview` and
//! `SelfSubjectAccessReview`.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::classify::kube_status;
use crate::kube::connection::ApiConnection;
use crate::kube::error::ClientError;
use crate::net::Response;

const RULES_REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
const ACCESS_REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const API_VERSION: &str = "authorization.k8s.io/v1";

/// One permission to be reviewed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReviewedAccess<'a> {
    /// The verb.
    pub verb: &'a str,
    /// The API group; empty is the core group.
    pub group: &'a str,
    /// The resource, with a subresource as in `pods/log`.
    pub resource: &'a str,
    /// The namespace; `None` is all namespaces.
    pub namespace: Option<&'a str>,
    /// The name of the object; `None` is all objects.
    pub name: Option<&'a str>,
}

/// The rules that apply to the caller in one namespace.
#[derive(Debug, Default)]
pub struct AccessRules {
    rules: Vec<ResourceRule>,
    /// Whether the authorizers could not list all rules, so that a missing one proves nothing.
    pub incomplete: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceRule {
    verbs: Vec<String>,
    #[serde(default)]
    api_groups: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
}

#[derive(Deserialize)]
struct RulesReview {
    status: RulesStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RulesStatus {
    #[serde(default)]
    resource_rules: Vec<ResourceRule>,
    #[serde(default)]
    incomplete: bool,
}

#[derive(Deserialize)]
struct AccessReview {
    status: AccessStatus,
}

#[derive(Deserialize)]
struct AccessStatus {
    #[serde(default)]
    allowed: bool,
}

impl AccessRules {
    /// Reads the rules that apply to the caller in a namespace, which need not exist. They include
    /// those that apply in all namespaces.
    ///
    /// # Errors
    /// If the API server returns no rules.
    pub async fn read(api: &mut ApiConnection, namespace: &str) -> Result<Self, ClientError> {
        let body = json!({
            "kind": "SelfSubjectRulesReview", "apiVersion": API_VERSION,
            "spec": { "namespace": namespace },
        });
        let response = api.post(RULES_REVIEWS, &body).await?;
        accepted(api, RULES_REVIEWS, &response)?;
        if response.truncated {
            // Each permission is reviewed by itself then.
            return Ok(Self {
                incomplete: true,
                ..Self::default()
            });
        }
        let review: RulesReview = parse(&response)?;
        Ok(Self {
            rules: review.status.resource_rules,
            incomplete: review.status.incomplete,
        })
    }

    /// Returns whether a rule grants the access.
    pub fn allow(&self, access: &ReviewedAccess<'_>) -> bool {
        self.rules.iter().any(|rule| rule.allows(access))
    }
}

impl ResourceRule {
    fn allows(&self, access: &ReviewedAccess<'_>) -> bool {
        let names = |list: &[String], value: &str| {
            list.iter()
                .any(|entry| entry.as_str() == "*" || entry.as_str() == value)
        };
        names(&self.verbs, access.verb)
            && names(&self.api_groups, access.group)
            && names(&self.resources, access.resource)
            && (self.resource_names.is_empty()
                || access
                    .name
                    .is_some_and(|name| self.resource_names.iter().any(|one| one == name)))
    }
}

/// Returns whether the caller may do this.
///
/// # Errors
/// If the API server does not say.
pub async fn is_allowed(
    api: &mut ApiConnection,
    access: &ReviewedAccess<'_>,
) -> Result<bool, ClientError> {
    let (resource, subresource) = access
        .resource
        .split_once('/')
        .unwrap_or((access.resource, ""));
    let body = json!({
        "kind": "SelfSubjectAccessReview", "apiVersion": API_VERSION,
        "spec": { "resourceAttributes": {
            "verb": access.verb, "group": access.group,
            "resource": resource, "subresource": subresource,
            "namespace": access.namespace, "name": access.name,
        } },
    });
    let response = api.post(ACCESS_REVIEWS, &body).await?;
    accepted(api, ACCESS_REVIEWS, &response)?;
    let review: AccessReview = parse(&response)?;
    Ok(review.status.allowed)
}

fn accepted(api: &ApiConnection, path: &str, response: &Response) -> Result<(), ClientError> {
    let media = response.content_type();
    match response.status {
        StatusCode::FORBIDDEN => Err(api.forbidden(format!(
            "create {} (the cluster role system:basic-user usually permits it): {}",
            path.rsplit('/').next().unwrap_or_default(),
            response.quoted()
        ))),
        status => match kube_status(status.as_u16(), Some(&media), &response.body) {
            None => Ok(()),
            mode => Err(ClientError::rejected(
                &format!("POST {path}"),
                response,
                mode,
            )),
        },
    }
}

fn parse<T: for<'a> Deserialize<'a>>(response: &Response) -> Result<T, ClientError> {
    serde_json::from_slice(&response.body).map_err(|error| ClientError::Malformed {
        subject: "the access review".to_owned(),
        cause: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: serde_json::Value) -> AccessRules {
        AccessRules {
            rules: serde_json::from_value(json).unwrap(),
            incomplete: false,
        }
    }

    const LIST_PODS: ReviewedAccess<'_> = ReviewedAccess {
        verb: "list",
        group: "",
        resource: "pods",
        namespace: None,
        name: None,
    };

    #[test]
    fn wildcards_and_exact_names_grant_access() {
        for rule in [
            json!([{ "verbs": ["get", "list"], "apiGroups": [""], "resources": ["nodes", "pods"] }]),
            json!([{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }]),
        ] {
            assert!(rules(rule.clone()).allow(&LIST_PODS), "{rule}");
        }
    }

    #[test]
    fn other_verbs_groups_resources_and_subresources_grant_nothing() {
        for rule in [
            json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["pods"] }]),
            json!([{ "verbs": ["list"], "apiGroups": ["metrics.k8s.io"], "resources": ["pods"] }]),
            json!([{ "verbs": ["list"], "apiGroups": [""], "resources": ["pods/log"] }]),
            json!([{ "verbs": ["list"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"] }]),
            json!([]),
        ] {
            assert!(!rules(rule.clone()).allow(&LIST_PODS), "{rule}");
        }
    }

    #[test]
    fn rule_for_named_objects_grants_access_to_them_only() {
        let rules = rules(
            json!([{ "verbs": ["update"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"] }]),
        );
        let named = |name| ReviewedAccess {
            verb: "update",
            name: Some(name),
            ..LIST_PODS
        };
        assert!(rules.allow(&named("a")));
        assert!(!rules.allow(&named("b")));
    }
}
