//! Detects a service-account role that the EKS webhook did not inject into the pod.
//!
//! The webhook injects the role only when a pod is created. An annotation that was added later, or
//! a webhook outage, only shows when the API objects are compared with the pod's environment.

use tokio::sync::OnceCell;

use crate::agent::aws_identity::{
    AgentPod, AgentServiceAccount, Ec2Node, ROLE_ARN_ANNOTATION, SKIP_CONTAINERS_ANNOTATION,
};
use crate::catalogue::{CheckId, FailureMode as M, Timeouts};
use crate::checks::CheckContext;
use crate::checks::aws_credentials::source_result::SourceResult;
use crate::config::agent::aws::{CredentialSource, CredentialVariables};
use crate::config::{AgentEnvironment, ApiserverLocation, Config, DiscoveredAgent};
use crate::kube::self_pod::SelfPod;
use crate::kube::{ApiEndpoint, Client, ObjectRequest};
use crate::net::Response;
use crate::report::evidence::quote;
use crate::report::{Ec2Instance, Evidence, Finding, LatestReports, Verdict};

/// Reads the agent's pod, its service account and its node from the API.
#[derive(Debug)]
pub(super) struct RoleInjection {
    apiserver: ApiserverLocation,
    kube_client: Client,
    /// The pod's name, used if its token does not contain it.
    pod: Option<String>,
    /// Cached, as a pod never moves to another node.
    node: OnceCell<Option<Ec2Node>>,
    /// The agent's namespace and pod if this process runs outside of them.
    agent: Option<(String, DiscoveredAgent)>,
}

/// The state of the API objects.
#[derive(Debug)]
pub(super) struct AgentObjects {
    self_pod: SelfPod,
    account: Result<AgentServiceAccount, Evidence>,
    /// `None` if the pod is not the agent's.
    pod: Result<Option<AgentPod>, Evidence>,
    node: Option<Ec2Node>,
}

impl RoleInjection {
    pub(super) fn new(config: &Config, context: &CheckContext) -> Self {
        let kube_client = context.store.client.with_timeouts(Timeouts::AUXILIARY);
        let agent = config
            .agent_location
            .as_ref()
            .zip(config.agent_discovery.found());
        let agent = agent.map(|(apiserver, result)| (apiserver.namespace.clone(), result.clone()));
        Self {
            apiserver: config.apiserver.clone(),
            kube_client,
            pod: config.agent.pod.clone(),
            node: OnceCell::new(),
            agent,
        }
    }

    /// Reads the objects. Returns `None` outside a pod or while `apiserver` is failing.
    pub(super) async fn read_objects(&self, reports: &LatestReports) -> Option<AgentObjects> {
        let ApiserverLocation::InCluster(apiserver) = &self.apiserver else {
            return None;
        };
        let reached = reports
            .report(CheckId::Apiserver)
            .is_none_or(|report| !matches!(report.verdict, Verdict::Failing(_)));
        if !reached {
            return None;
        }
        let claims = ApiEndpoint::in_cluster(apiserver)
            .ok()?
            .credentials
            .claims()?;
        let self_pod = SelfPod::from_claims(&claims)?;
        let pod = async {
            if let Some((_, result)) = &self.agent {
                return discovered_pod(result);
            }
            let name = self_pod.pod.as_ref().or(self.pod.as_ref());
            let name = name.ok_or_else(|| Evidence::from("this pod's name is unknown"))?;
            Ok(AgentPod::parse(
                &self
                    .object(Some(&self_pod.namespace), "pods", name)
                    .await?
                    .body,
            ))
        };
        let node = async {
            let name = self_pod.node.as_ref()?;
            let read = async || {
                Ok::<_, Evidence>(Ec2Node::parse(
                    &self.object(None, "nodes", name).await?.body,
                ))
            };
            // Boxed to keep the future small: the node is usually cached.
            Box::pin(self.node.get_or_try_init(read))
                .await
                .ok()?
                .clone()
        };
        let agent_pod = match &self.agent {
            Some((namespace, result)) => SelfPod {
                namespace: namespace.clone(),
                service_account: result.service_account.clone(),
                ..self_pod.clone()
            },
            None => self_pod.clone(),
        };
        let (account, pod, node) = tokio::join!(self.account(&agent_pod), pod, node);
        Some(AgentObjects {
            self_pod: agent_pod,
            account,
            pod,
            node,
        })
    }

    async fn account(&self, self_pod: &SelfPod) -> Result<AgentServiceAccount, Evidence> {
        let SelfPod {
            namespace,
            service_account: name,
            ..
        } = self_pod;
        let response = self
            .object(Some(namespace), "serviceaccounts", name)
            .await?;
        AgentServiceAccount::parse(&response.body)
            .ok_or_else(|| invalid_object("serviceaccounts", name))
    }

    /// Reads an object, cluster-scoped if `namespace` is `None`.
    async fn object(
        &self,
        namespace: Option<&str>,
        kind: &str,
        name: &str,
    ) -> Result<Response, Evidence> {
        let escaped =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (apiserver, location) = match namespace {
            Some(namespace) => (
                format!("namespaces/{}/", escaped(namespace)),
                format!(" in the namespace {namespace}"),
            ),
            None => (String::new(), String::new()),
        };
        let request = ObjectRequest {
            permission: format!("get {kind}/{name}{location}"),
            path: format!("/api/v1/{apiserver}{kind}/{}", escaped(name)),
        };
        match self
            .kube_client
            .get_object(&request)
            .await
            .map_err(Evidence::from)?
        {
            Some(response) => Ok(response),
            None => Err(Evidence::from(format!(
                "{kind}/{name} does not exist{location}"
            ))),
        }
    }
}

impl AgentObjects {
    /// Returns the agent's pod if it could be read.
    pub(super) fn pod(&self) -> Option<&AgentPod> {
        self.pod.as_ref().ok()?.as_ref()
    }

    /// Returns the role in the service account's annotation.
    pub(super) fn role(&self) -> Option<&str> {
        self.account.as_ref().ok()?.role_arn.as_deref()
    }

    /// Returns the EC2 instance of the pod's node.
    pub(super) fn instance(&self) -> Option<Ec2Instance> {
        let Ec2Node { instance, region } = self.node.clone()?;
        Some(Ec2Instance {
            id: Some(instance),
            region,
            account: None,
            cluster: None,
        })
    }

    /// Adjusts the verdict on a source if a role should have been injected.
    pub(super) fn compare(
        &self,
        variables: &CredentialVariables,
        source: CredentialSource,
        result: SourceResult,
    ) -> SourceResult {
        if variables.token_file.is_some() {
            return result;
        }
        let account = match &self.account {
            Ok(account) => account,
            Err(why) => {
                return result.with_remark(&format!(
                    "whether the agent's service account has a role annotation is unknown: {why}"
                ));
            }
        };
        let Some(role) = &account.role_arn else {
            return result;
        };
        let SelfPod {
            namespace,
            service_account: name,
            ..
        } = &self.self_pod;
        let annotated = format!(
            "service account {namespace}/{name} has the annotation {ROLE_ARN_ANNOTATION} {}",
            quote(role.as_bytes())
        );
        let why = match &self.pod {
            Ok(None) => {
                return result.with_remark(&format!(
                    "{annotated}, which this pod does not use because it is not the agent's"
                ));
            }
            Ok(Some(pod)) if pod.has_token_file => {
                let why = "the agent's container has the role's token but the exporter's \
                           container does not, so the agent's credentials cannot be checked from \
                           here";
                return SourceResult {
                    verdict: Verdict::Unknown(Evidence::from(format!("{annotated}; {why}"))),
                    ..result
                };
            }
            Ok(Some(pod)) if pod.skips_agent => {
                format!(
                    "the pod's annotation {SKIP_CONTAINERS_ANNOTATION} excludes the agent's \
                     container: remove it"
                )
            }
            Ok(Some(_)) | Err(_) => {
                "the pod was created before the annotation, or the EKS webhook did not process it"
                    .to_owned()
            }
        };
        let evidence = format!(
            "{annotated}, but the agent has no AWS_WEB_IDENTITY_TOKEN_FILE: {why}; then run \
             kubectl -n {namespace} rollout restart deploy/castai-agent; until then: {}",
            result.verdict.evidence()
        );
        let finding = Finding::new(M::AwsIrsaNotInjected, evidence);
        // Another configured source still works; the node's role works only by accident.
        let chosen = source != CredentialSource::Imds
            && matches!(result.verdict, Verdict::Ok(_) | Verdict::Warning(_));
        let verdict = if chosen {
            Verdict::Warning(vec![finding])
        } else {
            Verdict::failing(finding)
        };
        SourceResult { verdict, ..result }
    }
}

/// Returns the agent's pod as discovered from another pod.
fn discovered_pod(result: &DiscoveredAgent) -> Result<Option<AgentPod>, Evidence> {
    if result.source != AgentEnvironment::Pod {
        return Err(Evidence::from("the agent has no running pod"));
    }
    let has_token_file = result.variables.contains_key("AWS_WEB_IDENTITY_TOKEN_FILE");
    Ok(Some(AgentPod {
        version: result.version,
        skips_agent: result.skips_agent,
        has_token_file,
    }))
}

fn invalid_object(kind: &str, name: &str) -> Evidence {
    Evidence::from(format!(
        "the API server's response for {kind}/{name} is not a valid object"
    ))
}
