//! This pod, its service account and its node: who they are, and the few fields on which what AWS is asked depends.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::aws::Version;
use crate::kube::service_account_token::Claims;

/// The annotation that gives a service account a role.
pub const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
/// The annotation that leaves containers of a pod out.
pub const SKIP_CONTAINERS: &str = "eks.amazonaws.com/skip-containers";
/// The agent's container in the agent's pod.
const AGENT: &str = "agent";
/// What the webhook of EKS gives a container.
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
/// The label by which the cloud's controller says where a node is.
const REGION: &str = "topology.kubernetes.io/region";

/// Who this pod is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Own {
    /// Its namespace.
    pub namespace: String,
    /// Its service account.
    pub account: String,
    /// Its name, where the token tells.
    pub pod: Option<String>,
    /// The node that it runs on, where the token tells.
    pub node: Option<String>,
}

/// A service account.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Account {
    /// The role that its annotation names.
    pub role_arn: Option<String>,
}

/// A pod of the agent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pod {
    /// The agent's version, from its image's tag.
    pub version: Option<Version>,
    /// Whether an annotation leaves the agent's container out.
    pub skips_agent: bool,
    /// Whether the agent's container is given a token for STS.
    pub has_token_file: bool,
}

/// The node's instance at EC2.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Node {
    /// The instance's id.
    pub instance: String,
    /// Its region.
    pub region: String,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
struct Spec {
    #[serde(default)]
    containers: Vec<Container>,
    #[serde(default, rename = "providerID")]
    provider_id: Option<String>,
}

#[derive(Deserialize)]
struct Container {
    name: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    env: Option<Vec<Variable>>,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
}

impl Own {
    /// Who a mounted token speaks for; `None` when it is not a service account's.
    pub fn of(claims: &Claims) -> Option<Self> {
        let (namespace, account) = claims
            .subject
            .as_deref()?
            .strip_prefix("system:serviceaccount:")?
            .split_once(':')?;
        let (namespace, account) = (namespace.to_owned(), account.to_owned());
        Some(Self {
            namespace,
            account,
            pod: claims.pod.clone(),
            node: claims.node.clone(),
        })
    }
}

impl Account {
    /// Reads a `ServiceAccount`; `None` is something else.
    pub fn read(body: &[u8]) -> Option<Self> {
        let object: Object = serde_json::from_slice(body).ok()?;
        let role = object
            .metadata
            .annotation(ROLE_ARN)
            .filter(|role| !role.is_empty());
        Some(Self {
            role_arn: role.map(str::to_owned),
        })
    }
}

impl Pod {
    /// Reads a `Pod`; `None` is one without the agent, or something else.
    pub fn read(body: &[u8]) -> Option<Self> {
        let Object { metadata, spec } = serde_json::from_slice(body).ok()?;
        let agent = spec
            .containers
            .into_iter()
            .find(|container| container.name == AGENT)?;
        Some(Self {
            version: version(&agent.image),
            skips_agent: skips_agent(metadata.annotation(SKIP_CONTAINERS)),
            has_token_file: agent
                .env
                .into_iter()
                .flatten()
                .any(|variable| variable.name == TOKEN_FILE),
        })
    }
}

impl Node {
    /// Reads a `Node`; `None` is one that is no instance of EC2, or something else.
    ///
    /// The id is `aws:///ZONE/i-…`, as the cloud's controller writes it.
    pub fn read(body: &[u8]) -> Option<Self> {
        let Object { metadata, spec } = serde_json::from_slice(body).ok()?;
        let instance = spec
            .provider_id?
            .strip_prefix("aws://")?
            .rsplit('/')
            .next()?
            .to_owned();
        let region = metadata.labels?.remove(REGION)?;
        instance
            .starts_with("i-")
            .then_some(Self { instance, region })
    }
}

impl Metadata {
    fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }
}

/// Whether the annotation [`SKIP_CONTAINERS`] names the agent's container.
pub fn skips_agent(annotation: Option<&str>) -> bool {
    annotation
        .unwrap_or_default()
        .split(',')
        .any(|name| name.trim() == AGENT)
}

/// The version in an image's tag, if it has one.
pub fn version(image: &str) -> Option<Version> {
    let name = image.split('@').next()?.rsplit('/').next()?;
    Version::of_tag(name.split_once(':')?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_is_named_by_its_token() {
        let claims = |subject: &str| Claims {
            subject: Some(subject.to_owned()),
            ..Claims::default()
        };
        let own = Own::of(&claims("system:serviceaccount:castai-agent:agent")).expect("it is one");
        let (namespace, account) = ("castai-agent".to_owned(), "agent".to_owned());
        assert_eq!(
            own,
            Own {
                namespace,
                account,
                pod: None,
                node: None
            }
        );
        assert_eq!(Own::of(&claims("system:node:a")), None);
        assert_eq!(Own::of(&Claims::default()), None);
    }

    #[test]
    fn of_a_pod_only_the_agent_is_looked_at() {
        let pod = |text: &str| Pod::read(text.as_bytes());
        let whole = r#"{"metadata":{"annotations":{"eks.amazonaws.com/skip-containers":"monitor, agent"}},"spec":{"containers":[
            {"name":"monitor","image":"a/b:v1.0.0","env":[{"name":"AWS_WEB_IDENTITY_TOKEN_FILE","value":"x"}]},
            {"name":"agent","image":"r.example:5000/castai/agent:v0.93.1@sha256:00","env":[{"name":"API_KEY"}]}]}}"#;
        let version = Version(0, 93, 1);
        assert_eq!(
            pod(whole),
            Some(Pod {
                version: Some(version),
                skips_agent: true,
                has_token_file: false
            })
        );
        assert_eq!(pod(r#"{"spec":{"containers":[{"name":"other"}]}}"#), None);
        for text in ["", "[]", "{}", r#"{"spec":{"containers":[{"name":7}]}}"#] {
            assert_eq!(pod(text), None, "{text}");
        }
        for image in [
            "",
            "agent",
            "r:5000/agent",
            "agent:latest",
            "agent@sha256:00",
        ] {
            assert_eq!(super::version(image), None, "{image}");
        }
    }

    #[test]
    fn a_node_of_ec2_is_known_by_its_provider_id_and_region() {
        let node = |id: &str, labels: &str| {
            let text =
                format!(r#"{{"metadata":{{"labels":{labels}}},"spec":{{"providerID":{id}}}}}"#);
            Node::read(text.as_bytes())
        };
        let label = r#"{"topology.kubernetes.io/region":"eu-central-1"}"#;
        let ours = r#""aws:///eu-central-1a/i-0a1b""#;
        let (instance, region) = ("i-0a1b".to_owned(), "eu-central-1".to_owned());
        assert_eq!(node(ours, label), Some(Node { instance, region }));
        for id in [
            "null",
            "\"\"",
            r#""aws:///a/fargate-ip""#,
            r#""gce://p/z/i-0a1b""#,
            r#""aws:///""#,
        ] {
            assert_eq!(node(id, label), None, "{id}");
        }
        assert_eq!(node(ours, "null"), None);
    }

    #[test]
    fn an_account_without_an_annotation_has_no_role() {
        let account = |text: &str| Account::read(text.as_bytes());
        let role = r#"{"metadata":{"annotations":{"eks.amazonaws.com/role-arn":"arn:aws:iam::1:role/x"}}}"#;
        assert_eq!(
            account(role).expect("it is one").role_arn.as_deref(),
            Some("arn:aws:iam::1:role/x")
        );
        for none in [
            "{}",
            r#"{"metadata":{"annotations":null}}"#,
            &role.replace("arn:aws:iam::1:role/x", ""),
        ] {
            assert_eq!(account(none), Some(Account::default()), "{none}");
        }
        assert_eq!(account("<html>"), None);
    }
}
