//! Permissions of the caller, as the API server itself evaluates them: `SelfSubjectRulesReview` and
//! `SelfSubjectAccessReview`.

use std::fmt;

use http::StatusCode;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::classify::kube_status;
use crate::kube::connection::ApiConnection;
use crate::kube::error::ClientError;
use crate::net::Response;

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

impl AccessRules {
    /// Reads the rules that apply to the caller in a namespace, which need not exist. They include
    /// those that apply in all namespaces.
    ///
    /// # Errors
    /// If the API server returns no rules.
    pub async fn read(api: &mut ApiConnection, namespace: &str) -> Result<Self, ClientError> {
        let review = SelfSubjectRulesReview {
            spec: SelfSubjectRulesReviewSpec {
                namespace: Some(namespace.to_owned()),
            },
            ..SelfSubjectRulesReview::default()
        };
        let response = send(api, &review).await?;
        if response.truncated {
            // Each permission is reviewed by itself then.
            return Ok(Self {
                incomplete: true,
                ..Self::default()
            });
        }
        let review: SelfSubjectRulesReview = parse(&response)?;
        let status = review.status.ok_or_else(|| malformed("it has no status"))?;
        Ok(Self {
            rules: status.resource_rules,
            incomplete: status.incomplete,
        })
    }

    /// Returns whether a rule grants the access.
    pub fn allow(&self, access: &ReviewedAccess<'_>) -> bool {
        self.rules.iter().any(|rule| allows(rule, access))
    }
}

fn allows(rule: &ResourceRule, access: &ReviewedAccess<'_>) -> bool {
    let names = |list: &[String], value: &str| {
        list.iter()
            .any(|entry| entry.as_str() == "*" || entry.as_str() == value)
    };
    let listed = |list: &Option<Vec<String>>, value: &str| {
        list.as_ref().is_some_and(|list| names(list, value))
    };
    let names_only = rule.resource_names.as_deref().unwrap_or_default();
    names(&rule.verbs, access.verb)
        && listed(&rule.api_groups, access.group)
        && listed(&rule.resources, access.resource)
        && (names_only.is_empty()
            || access
                .name
                .is_some_and(|name| names_only.iter().any(|one| one == name)))
}

/// Returns whether the caller may do this.
///
/// # Errors
/// If the API server does not say.
pub async fn is_allowed(
    api: &mut ApiConnection,
    access: &ReviewedAccess<'_>,
) -> Result<bool, ClientError> {
    let text = |text: &str| Some(text.to_owned());
    let (resource, subresource) = match access.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource)),
        None => (access.resource, None),
    };
    let attributes = ResourceAttributes {
        verb: text(access.verb),
        group: text(access.group),
        resource: text(resource),
        subresource: subresource.and_then(text),
        namespace: access.namespace.and_then(text),
        name: access.name.and_then(text),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let review: SelfSubjectAccessReview = parse(&send(api, &review).await?)?;
    let status = review.status.ok_or_else(|| malformed("it has no status"))?;
    Ok(status.allowed)
}

/// Creates a review and returns the response with its result.
async fn send<T>(api: &mut ApiConnection, review: &T) -> Result<Response, ClientError>
where
    T: Resource<DynamicType = ()> + Serialize,
{
    let path = T::url_path(&(), None);
    let review = serde_json::to_value(review).map_err(malformed)?;
    let response = api.post(&path, &review).await?;
    accepted(api, &path, &response)?;
    Ok(response)
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

fn parse<T: DeserializeOwned>(response: &Response) -> Result<T, ClientError> {
    serde_json::from_slice(&response.body).map_err(malformed)
}

fn malformed(cause: impl fmt::Display) -> ClientError {
    ClientError::Malformed {
        subject: "the access review".to_owned(),
        cause: cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
