//! The agent's AWS identity in the API server: its role annotation, its pod and its EC2
//! instance.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::config::agent::aws::Version;
use crate::kube::types::object::{Map, Object};
use crate::kube::types::pod_spec::{Container, PodSpec};

/// The annotation with the IAM role of a service account.
pub const ROLE_ARN_ANNOTATION: &str = "eks.amazonaws.com/role-arn";
/// The annotation with the containers of a pod that get no AWS credentials.
pub const SKIP_CONTAINERS_ANNOTATION: &str = "eks.amazonaws.com/skip-containers";
/// The agent's container in its pod.
const AGENT_CONTAINER: &str = "agent";
/// The variable that the webhook of EKS adds to a container.
const TOKEN_FILE_VARIABLE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
/// The label with the region of a node.
const REGION_LABEL: &str = "topology.kubernetes.io/region";

/// The agent's service account.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AgentServiceAccount {
    /// The IAM role in its annotation.
    pub role_arn: Option<String>,
}

/// A pod of the agent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AgentPod {
    /// The agent's version, from the image tag.
    pub version: Option<Version>,
    /// Whether an annotation excludes the agent's container from credential injection.
    pub skips_agent: bool,
    /// Whether the agent's container has a token file for STS.
    pub has_token_file: bool,
}

/// The EC2 instance of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ec2Node {
    /// The ID of the instance.
    pub instance: String,
    /// Its region.
    pub region: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeSpec {
    #[serde(rename = "providerID")]
    provider_id: Option<String>,
}

impl AgentServiceAccount {
    /// Parses a `ServiceAccount`; `None` for any other body.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let object: Object<IgnoredAny, IgnoredAny, IgnoredAny, Option<Map>> = parse(body)?;
        let role = annotation(object.metadata.annotations.as_ref(), ROLE_ARN_ANNOTATION)
            .filter(|role| !role.is_empty());
        Some(Self {
            role_arn: role.map(str::to_owned),
        })
    }
}

impl AgentPod {
    /// Parses a pod; `None` for a pod without the agent and for any other body.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let object: Object<PodSpec, IgnoredAny, IgnoredAny, Option<Map>> = parse(body)?;
        let agent = object
            .spec
            .containers
            .iter()
            .find(|container| container.name == AGENT_CONTAINER)?;
        Some(Self {
            version: image_version(&agent.image),
            skips_agent: skips_agent(annotation(
                object.metadata.annotations.as_ref(),
                SKIP_CONTAINERS_ANNOTATION,
            )),
            has_token_file: agent
                .env
                .iter()
                .any(|variable| variable.name == TOKEN_FILE_VARIABLE),
        })
    }
}

impl Ec2Node {
    /// Parses a node; `None` for a node outside EC2 and for any other body.
    ///
    /// The provider ID of an EC2 instance is `aws:///ZONE/i-…`.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let object: Object<NodeSpec, IgnoredAny, Option<Map>> = parse(body)?;
        let instance = object
            .spec
            .provider_id?
            .strip_prefix("aws://")?
            .rsplit('/')
            .next()?
            .to_owned();
        let region = object.metadata.labels?.remove(REGION_LABEL)?;
        instance
            .starts_with("i-")
            .then_some(Self { instance, region })
    }
}

/// Returns the agent's container, or the first one if none has its name.
pub(super) fn agent_container(spec: &PodSpec) -> Option<&Container> {
    let named = spec
        .containers
        .iter()
        .find(|container| container.name == AGENT_CONTAINER);
    named.or(spec.containers.first())
}

/// Returns whether the annotation [`SKIP_CONTAINERS_ANNOTATION`] lists the agent's container.
pub(super) fn skips_agent(annotation: Option<&str>) -> bool {
    annotation
        .unwrap_or_default()
        .split(',')
        .any(|name| name.trim() == AGENT_CONTAINER)
}

/// Returns the version in an image's tag.
pub(super) fn image_version(image: &str) -> Option<Version> {
    let name = image.split('@').next()?.rsplit('/').next()?;
    Version::of_tag(name.split_once(':')?.1)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

fn annotation<'a>(annotations: Option<&'a Map>, name: &str) -> Option<&'a str> {
    annotations?.get(name).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agent_pod_is_parsed_from_the_agents_container_only() {
        let pod = |text: &str| AgentPod::parse(text.as_bytes());
        let complete = r#"{"metadata":{"annotations":{"eks.amazonaws.com/skip-containers":"monitor, agent"}},"spec":{"containers":[
            {"name":"monitor","image":"a/b:v1.0.0","env":[{"name":"AWS_WEB_IDENTITY_TOKEN_FILE","value":"x"}]},
            {"name":"agent","image":"r.example:5000/castai/agent:v0.93.1@sha256:00","env":[{"name":"API_KEY"}]}]}}"#;
        assert_eq!(
            pod(complete),
            Some(AgentPod {
                version: Some(Version(0, 93, 1)),
                skips_agent: true,
                has_token_file: false
            })
        );
        for text in [
            "",
            "[]",
            "{}",
            r#"{"metadata":{},"spec":{"containers":[{"name":"other"}]}}"#,
            r#"{"metadata":{},"spec":{"containers":[{"name":7}]}}"#,
        ] {
            assert_eq!(pod(text), None, "{text}");
        }
        for image in [
            "",
            "agent",
            "r:5000/agent",
            "agent:latest",
            "agent@sha256:00",
        ] {
            assert_eq!(image_version(image), None, "{image}");
        }
    }

    #[test]
    fn ec2_node_is_parsed_from_provider_id_and_region_label() {
        let node = |id: &str, labels: &str| {
            let text =
                format!(r#"{{"metadata":{{"labels":{labels}}},"spec":{{"providerID":{id}}}}}"#);
            Ec2Node::parse(text.as_bytes())
        };
        let label = r#"{"topology.kubernetes.io/region":"eu-central-1"}"#;
        let provider_id = r#""aws:///eu-central-1a/i-0a1b""#;
        let (instance, region) = ("i-0a1b".to_owned(), "eu-central-1".to_owned());
        assert_eq!(node(provider_id, label), Some(Ec2Node { instance, region }));
        for id in [
            "null",
            "\"\"",
            r#""aws:///a/fargate-ip""#,
            r#""gce://p/z/i-0a1b""#,
            r#""aws:///""#,
        ] {
            assert_eq!(node(id, label), None, "{id}");
        }
        assert_eq!(node(provider_id, "null"), None);
    }

    #[test]
    fn service_account_without_annotation_has_no_role() {
        let account = |text: &str| AgentServiceAccount::parse(text.as_bytes());
        let role = r#"{"metadata":{"annotations":{"eks.amazonaws.com/role-arn":"arn:aws:iam::1:role/x"}}}"#;
        assert_eq!(
            account(role)
                .expect("a service account")
                .role_arn
                .as_deref(),
            Some("arn:aws:iam::1:role/x")
        );
        for none in [
            r#"{"metadata":{}}"#,
            r#"{"metadata":{"annotations":null}}"#,
            &role.replace("arn:aws:iam::1:role/x", ""),
        ] {
            assert_eq!(
                account(none),
                Some(AgentServiceAccount::default()),
                "{none}"
            );
        }
        assert_eq!(account("<html>"), None);
    }
}
