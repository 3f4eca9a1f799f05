//! Checks that the agent's service account has the permissions that the agent needs.
//!
//! An agent that loses a permission stays ready and delivers incomplete data, and its watches keep
//! running for minutes. The API server knows at once.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;

use crate::catalogue::agent_permission::{AGENT_PERMISSIONS, AgentNeed, AgentScope};
use crate::catalogue::{AgentPermission, CheckId, FailureMode, Situation};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::agent::aws::version::Version;
use crate::config::{Config, ObjectName};
use crate::kube::access_review::is_allowed;
use crate::kube::caller::CallerOwner;
use crate::kube::{
    AccessRules, ApiConnection, Client, ClientError, ReviewedAccess, ServiceAccountTokens,
    TokenError,
};
use crate::report::{Evidence, Finding, LatestReports, Observation, Report, Verdict};

/// A namespace with only the rules of all namespaces: it does not exist, so no role of a
/// namespace adds to them.
const NO_NAMESPACE: &str = "castai-health-exporter-no-such-namespace";

/// The check `agent_permissions`.
#[derive(Debug)]
pub struct AgentPermissions {
    client: Arc<Client>,
    /// Requests tokens of the agent's account outside the agent's pod.
    tokens: Option<Arc<ServiceAccountTokens>>,
    /// The leader election lease; `None` if leader election is disabled.
    lease: Option<ObjectName>,
    /// The agent's version, which outlives the permission to read it.
    version: Mutex<Option<Version>>,
}

/// A permission that the agent's account lacks.
struct MissingPermission {
    permission: &'static AgentPermission,
    verbs: Vec<&'static str>,
    namespace: Option<String>,
}

/// The rules of the agent's account.
struct AgentRules {
    cluster: AccessRules,
    lease_namespace: AccessRules,
}

/// The reason why the permissions are unknown.
#[derive(Debug, thiserror::Error)]
enum ReviewError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl AgentPermissions {
    /// Creates the check.
    pub fn new(config: &Config, context: &CheckContext) -> Self {
        Self {
            client: Arc::clone(&context.store.client),
            tokens: context.agent.tokens().cloned(),
            lease: config.agent.lease.clone(),
            version: Mutex::new(config.aws.agent),
        }
    }

    async fn review(&self, version: Option<Version>) -> Result<Verdict, ReviewError> {
        let mut api = self.client.connect().await?;
        if let Some(tokens) = &self.tokens {
            api.act_as_agent(tokens).await?;
        }
        let rules = AgentRules {
            cluster: AccessRules::read(&mut api, NO_NAMESPACE).await?,
            lease_namespace: match &self.lease {
                Some(lease) => AccessRules::read(&mut api, &lease.namespace).await?,
                None => AccessRules::default(),
            },
        };
        let (mut missing, mut reviewed) = (Vec::new(), 0);
        for permission in AGENT_PERMISSIONS {
            if !self.is_used(permission, version) {
                continue;
            }
            reviewed += 1;
            missing.extend(self.missing_verbs(&mut api, &rules, permission).await?);
        }
        Ok(judge(&api, &missing, reviewed))
    }

    /// Returns whether the installed agent uses a permission.
    fn is_used(&self, permission: &AgentPermission, version: Option<Version>) -> bool {
        let is_recent = match permission.need {
            AgentNeed::Required => true,
            AgentNeed::Optional { since, .. } => {
                let (major, minor, patch) = since;
                version.is_some_and(|version| version >= Version(major, minor, patch))
            }
        };
        is_recent
            && match permission.scope {
                AgentScope::Cluster => true,
                AgentScope::LeaseNamespace => self.lease.is_some(),
            }
    }

    async fn missing_verbs(
        &self,
        api: &mut ApiConnection,
        rules: &AgentRules,
        permission: &'static AgentPermission,
    ) -> Result<Option<MissingPermission>, ClientError> {
        let (rules, object) = match (permission.scope, &self.lease) {
            (AgentScope::LeaseNamespace, Some(lease)) => (&rules.lease_namespace, Some(lease)),
            _ => (&rules.cluster, None),
        };
        let mut verbs = Vec::new();
        for verb in permission.verbs {
            let access = ReviewedAccess {
                verb,
                group: permission.group,
                resource: permission.resource,
                namespace: object.map(|object| object.namespace.as_str()),
                name: object
                    .filter(|_| *verb != "create")
                    .map(|object| object.name.as_str()),
            };
            let allowed =
                rules.allow(&access) || rules.incomplete && is_allowed(api, &access).await?;
            if !allowed {
                verbs.push(*verb);
            }
        }
        if verbs.is_empty() || !is_served(api, permission).await? {
            return Ok(None);
        }
        Ok(Some(MissingPermission {
            permission,
            verbs,
            namespace: object.map(|object| object.namespace.clone()),
        }))
    }

    /// Returns the agent's version: of the running image, or else the last known one.
    fn version(&self, reports: &LatestReports) -> Option<Version> {
        let observations = reports
            .report(CheckId::AgentWorkload)
            .map(|report| report.observations.as_slice())
            .unwrap_or_default();
        let running = observations
            .iter()
            .find_map(|observation| match observation {
                Observation::AgentVersion(tag) => Version::of_tag(tag),
                _ => None,
            });
        let mut version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        *version = running.or(*version);
        *version
    }
}

impl Check for AgentPermissions {
    async fn run(&self, attempt: &Attempt) -> Report {
        if self.tokens.is_none() && self.client.owner() != CallerOwner::Agent {
            return Report::from_verdict(Verdict::NotApplicable(Evidence::from(
                "the exporter has no credentials of the agent's service account; only a sidecar \
                 in the agent's pod or a companion that finds the agent can check them",
            )));
        }
        let version = self.version(attempt.reports());
        // Boxed, so that it does not enlarge the attempts of other checks.
        let verdict = match Box::pin(self.review(version)).await {
            Ok(verdict) => verdict,
            Err(error) => {
                if let Some(tokens) = &self.tokens {
                    // A requested token may have been revoked since.
                    tokens.discard();
                }
                error.into()
            }
        };
        Report::from_verdict(verdict)
    }
}

/// Returns whether the cluster serves a resource that is installed separately.
async fn is_served(
    api: &mut ApiConnection,
    permission: &AgentPermission,
) -> Result<bool, ClientError> {
    let AgentNeed::Optional {
        installed_separately: true,
        ..
    } = permission.need
    else {
        return Ok(true);
    };
    let path = format!("/apis/{}/{}", permission.group, permission.version);
    let response = api.get(&path).await?;
    let json = response.json().unwrap_or_default();
    let mut resources = json["resources"].as_array().into_iter().flatten();
    Ok(response.status == StatusCode::OK
        && resources.any(|resource| resource["name"] == permission.resource))
}

fn judge(api: &ApiConnection, missing: &[MissingPermission], reviewed: usize) -> Verdict {
    let account = api.caller();
    if missing.is_empty() {
        return Verdict::Ok(Evidence::from(format!(
            "{account} has the permissions for all {reviewed} kinds of objects that the agent uses"
        )));
    }
    let listed = |required: bool| {
        let listed: Vec<String> = missing
            .iter()
            .filter(|missing| missing.permission.is_required() == required)
            .map(ToString::to_string)
            .collect();
        listed.join("; ")
    };
    let (required, optional) = (listed(true), listed(false));
    let finding = |evidence: String| Finding::new(FailureMode::K8sRbacForbidden, evidence);
    if required.is_empty() {
        let finding = finding(format!(
            "{account} is not allowed to {optional}; the agent works without, but skips these \
             objects, so CAST AI does not take them into account"
        ));
        return Verdict::Warning(vec![
            finding.in_situation(Some(Situation::OptionalPermission)),
        ]);
    }
    let optional = if optional.is_empty() {
        String::new()
    } else {
        format!("; optional permissions are missing too: {optional}")
    };
    Verdict::failing(finding(format!(
        "{account} is not allowed to {required}; the agent needs this{optional}"
    )))
}

impl fmt::Display for MissingPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verbs = self.verbs.join(", ");
        write!(f, "{verbs} {}", self.permission.qualified_resource())?;
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => Ok(()),
        }
    }
}

impl From<ReviewError> for Verdict {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::Client(error) => error.into(),
            ReviewError::Token(error @ TokenError::AccountNotFound { .. }) => {
                Self::NotApplicable(error.into())
            }
            ReviewError::Token(error) => Self::Unknown(error.into()),
        }
    }
}
