//! What the API tells of this pod, its service account and its node, beside what the pod was given.
//!
//! The webhook of EKS gives a pod the role of its service account when the pod is made, and never later: an annotation
//! that came afterwards, or a webhook that was away, shows nowhere but here.

use tokio::sync::OnceCell;

use super::Seen;
use crate::catalogue::{CheckId, FailureMode as M, Limits};
use crate::checks::CheckContext;
use crate::config::aws::{Source, Variables};
use crate::config::{AgentEnvironment, Apiserver, Config, Elsewhere};
use crate::kube::object_reader::{Found, Wanted};
use crate::kube::self_pod::{Account, Node, Own, Pod, ROLE_ARN, SKIP_CONTAINERS};
use crate::kube::{Access, Door, object_reader};
use crate::net::Answer;
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, Instance, Peers, Verdict};

/// Reads this pod, its service account and its node.
#[derive(Debug)]
pub(super) struct Injection {
    place: Apiserver,
    door: Door,
    /// The pod's name, where its token does not tell.
    pod: Option<String>,
    /// A pod never leaves its node.
    node: OnceCell<Option<Node>>,
    /// The agent's pod and account, when they are not this process's own.
    agent: Option<(String, Elsewhere)>,
}

/// What the API tells.
#[derive(Debug)]
pub(super) struct Told {
    own: Own,
    account: Result<Account, Evidence>,
    /// `None` is a pod that is not the agent's.
    pod: Result<Option<Pod>, Evidence>,
    node: Option<Node>,
}

impl Injection {
    pub(super) fn new(config: &Config, world: &CheckContext) -> Self {
        let door = world.store.door.within(Limits::ASIDE);
        let agent = config.agent_place.as_ref().zip(config.agent_seen.found());
        let agent = agent.map(|(place, seen)| (place.namespace.clone(), seen.clone()));
        Self {
            place: config.apiserver.clone(),
            door,
            pod: config.agent.pod.clone(),
            node: OnceCell::new(),
            agent,
        }
    }

    /// Asks the API; nothing outside of a pod, or while the API server is out of reach anyway.
    pub(super) async fn look(&self, peers: &Peers) -> Option<Told> {
        let Apiserver::InCluster(place) = &self.place else {
            return None;
        };
        let reached = peers
            .report(CheckId::Apiserver)
            .is_none_or(|report| !matches!(report.verdict, Verdict::Failing(_)));
        if !reached {
            return None;
        }
        let claims = Access::in_cluster(place).ok()?.claims()?;
        let own = Own::of(&claims)?;
        let pod = async {
            if let Some((_, seen)) = &self.agent {
                return pod_of(seen);
            }
            let name = own.pod.as_ref().or(self.pod.as_ref());
            let name = name.ok_or_else(|| Evidence::from("nothing tells this pod's name"))?;
            Ok(Pod::read(
                &self.object(Some(&own.namespace), "pods", name).await?.body,
            ))
        };
        let node = async {
            let name = own.node.as_ref()?;
            let read = async || {
                Ok::<_, Evidence>(Node::read(&self.object(None, "nodes", name).await?.body))
            };
            // On the heap, as it is seldom more than a look at what is known.
            Box::pin(self.node.get_or_try_init(read))
                .await
                .ok()?
                .clone()
        };
        let whose = match &self.agent {
            Some((namespace, seen)) => Own {
                namespace: namespace.clone(),
                account: seen.service_account.clone(),
                ..own.clone()
            },
            None => own.clone(),
        };
        let (account, pod, node) = tokio::join!(self.account(&whose), pod, node);
        Some(Told {
            own: whose,
            account,
            pod,
            node,
        })
    }

    async fn account(&self, own: &Own) -> Result<Account, Evidence> {
        let Own {
            namespace,
            account: name,
            ..
        } = own;
        let answer = self
            .object(Some(namespace), "serviceaccounts", name)
            .await?;
        Account::read(&answer.body).ok_or_else(|| odd("serviceaccounts", name))
    }

    /// An object; of the whole cluster when no namespace is named.
    async fn object(
        &self,
        namespace: Option<&str>,
        kind: &str,
        name: &str,
    ) -> Result<Answer, Evidence> {
        let escaped =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (place, words) = match namespace {
            Some(namespace) => (
                format!("namespaces/{}/", escaped(namespace)),
                format!(" in the namespace {namespace}"),
            ),
            None => (String::new(), String::new()),
        };
        let wanted = Wanted {
            right: format!("get {kind}/{name}{words}"),
            path: format!("/api/v1/{place}{kind}/{}", escaped(name)),
        };
        match object_reader::read(&self.door, &wanted).await? {
            Found::Object(answer) => Ok(answer),
            Found::Nothing => Err(Evidence::from(format!(
                "{kind}/{name} does not exist{words}"
            ))),
        }
    }
}

impl Told {
    /// The agent's pod, when this is one and it may be read.
    pub(super) fn pod(&self) -> Option<&Pod> {
        self.pod.as_ref().ok()?.as_ref()
    }

    /// The role that the service account's annotation names.
    pub(super) fn role(&self) -> Option<&str> {
        self.account.as_ref().ok()?.role_arn.as_deref()
    }

    /// The instance of the pod's node.
    pub(super) fn instance(&self) -> Option<Instance> {
        let Node { instance, region } = self.node.clone()?;
        Some(Instance {
            id: Some(instance),
            region,
            account: None,
            cluster: None,
        })
    }

    /// What was seen of a source, in the light of what was told.
    pub(super) fn compare(&self, variables: &Variables, source: Source, seen: Seen) -> Seen {
        if variables.token_file.is_some() {
            return seen;
        }
        let account = match &self.account {
            Ok(account) => account,
            Err(why) => {
                return seen.remarked(&format!(
                    "whether its service account has a role is not known: {why}"
                ));
            }
        };
        let Some(role) = &account.role_arn else {
            return seen;
        };
        let Own {
            namespace,
            account: name,
            ..
        } = &self.own;
        let annotated = format!(
            "the service account {namespace}/{name} has the annotation {ROLE_ARN} {}",
            quote(role.as_bytes())
        );
        let why = match &self.pod {
            Ok(None) => {
                return seen.remarked(&format!(
                    "{annotated}, and this pod, which is not the agent's, does not use it"
                ));
            }
            Ok(Some(pod)) if pod.has_token_file => {
                let why = "the agent's container is given its token, and this exporter's container is not: it cannot \
                           judge the agent's credentials";
                return Seen {
                    verdict: Verdict::Unknown(Evidence::from(format!("{annotated}; {why}"))),
                    ..seen
                };
            }
            Ok(Some(pod)) if pod.skips_agent => {
                format!(
                    "the pod's annotation {SKIP_CONTAINERS} leaves the agent's container out: take it away"
                )
            }
            Ok(Some(_)) | Err(_) => {
                "the pod is older than the annotation, or the webhook of EKS did not see it"
                    .to_owned()
            }
        };
        let evidence = format!(
            "{annotated}, and AWS_WEB_IDENTITY_TOKEN_FILE is not set: {why}; then kubectl -n {namespace} rollout restart \
             deploy/castai-agent; until then: {}",
            seen.verdict.evidence()
        );
        let finding = Finding::new(M::AwsIrsaNotInjected, evidence);
        // Another source that somebody chose still serves; the node's role serves only by chance.
        let chosen =
            source != Source::Imds && matches!(seen.verdict, Verdict::Ok(_) | Verdict::Warning(_));
        let verdict = if chosen {
            Verdict::Warning(vec![finding])
        } else {
            Verdict::failing(finding)
        };
        Seen { verdict, ..seen }
    }
}

/// The agent's pod as it was seen from another.
fn pod_of(seen: &Elsewhere) -> Result<Option<Pod>, Evidence> {
    if seen.source != AgentEnvironment::Pod {
        return Err(Evidence::from("the agent has no pod"));
    }
    let has_token_file = seen.variables.contains_key("AWS_WEB_IDENTITY_TOKEN_FILE");
    Ok(Some(Pod {
        version: seen.version,
        skips_agent: seen.skips_agent,
        has_token_file,
    }))
}

fn odd(kind: &str, name: &str) -> Evidence {
    Evidence::from(format!(
        "what the API server answers for {kind}/{name} is none"
    ))
}
