//! Whether the account that installs the agent may create what its chart creates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalogue::{FailureMode, Situation};
use crate::checks::{Attempt, Check};
use crate::kube::access_review::is_allowed;
use crate::kube::caller::CallerOwner;
use crate::kube::{ApiConnection, Client, ClientError, ObjectRequest, ReviewedAccess};
use crate::preflight::dry_run;
use crate::preflight::dry_run::DryRun;
use crate::preflight::manifest::Manifest;
use crate::report::{Evidence, Finding, Report, Verdict};

/// Verbs of Helm on the Secrets in which it stores a release.
const HELM_VERBS: [&str; 4] = ["create", "get", "list", "update"];

/// The check `agent_permissions` before the agent is installed.
#[derive(Debug)]
pub struct InstallerPermissions {
    client: Arc<Client>,
    manifest: Arc<Manifest>,
    namespace: String,
}

/// A permission that installing the agent takes.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct NeededAccess {
    /// `None` for objects of the cluster.
    namespace: Option<String>,
    group: &'static str,
    resource: &'static str,
    verb: &'static str,
}

impl InstallerPermissions {
    /// Creates the check for the objects of a manifest.
    pub fn new(client: Arc<Client>, manifest: Arc<Manifest>, namespace: &str) -> Self {
        Self {
            client,
            manifest,
            namespace: namespace.to_owned(),
        }
    }

    async fn review(&self) -> Result<Verdict, ClientError> {
        let namespace_exists = self.namespace_exists().await;
        let needed = self.needed(namespace_exists);
        let mut api = self.client.connect().await?;
        let (mut lacking, total) = (Vec::new(), needed.len());
        for access in needed {
            if !is_allowed(&mut api, &access.as_review()).await? {
                lacking.push(access);
            }
        }
        let mut missing = described(&lacking);
        if missing.is_empty()
            && let Some(message) = self.escalation(&mut api).await?
        {
            missing.push(message);
        }
        Ok(self.judge(&api, &missing, total))
    }

    /// Returns whether the namespace exists; `None` if that is not known.
    async fn namespace_exists(&self) -> Option<bool> {
        let request = ObjectRequest {
            permission: format!("get namespaces/{}", self.namespace),
            path: format!("/api/v1/namespaces/{}", self.namespace),
        };
        let found = self.client.get_object(&request).await.ok()?;
        Some(found.is_some())
    }

    fn needed(&self, namespace_exists: Option<bool>) -> BTreeSet<NeededAccess> {
        let objects = self.manifest.objects(&self.namespace);
        let created = objects.filter_map(|planned| {
            // Only a namespace that certainly does not exist has to be created.
            let exists = planned.resource.kind == "Namespace" && namespace_exists != Some(false);
            (!exists).then(|| NeededAccess {
                namespace: planned.namespace.map(str::to_owned),
                group: planned.resource.group,
                resource: planned.resource.name,
                verb: "create",
            })
        });
        let of_helm = HELM_VERBS.iter().map(|verb| NeededAccess {
            namespace: Some(self.namespace.clone()),
            group: "",
            resource: "secrets",
            verb,
        });
        created.chain(of_helm).collect()
    }

    /// Returns why the API server refuses the agent's cluster roles: who creates a role must hold
    /// what it grants.
    async fn escalation(&self, api: &mut ApiConnection) -> Result<Option<String>, ClientError> {
        for planned in self.manifest.objects(&self.namespace) {
            if planned.resource.kind != "ClusterRole" {
                continue;
            }
            let outcome = dry_run::create(api, &planned.collection(None), planned.object).await?;
            if let DryRun::Refused(message) = outcome
                && message.contains("attempting to grant")
            {
                return Ok(Some(format!(
                    "create ClusterRole {}: {message}",
                    planned.name()
                )));
            }
        }
        Ok(None)
    }

    fn judge(&self, api: &ApiConnection, missing: &[String], total: usize) -> Verdict {
        let account = api.caller();
        if missing.is_empty() {
            return Verdict::Ok(Evidence::from(format!(
                "{account} may create everything that the agent's chart creates ({total} \
                 permissions)"
            )));
        }
        let missing = missing.join("; ");
        // The account of a pod is rarely the one that installs.
        if self.client.owner() != CallerOwner::Kubeconfig {
            return Verdict::Unknown(Evidence::from(format!(
                "whether the person who installs the agent may do so is unknown: this runs as \
                 {account}, which is not allowed to {missing}; run the command with their \
                 kubeconfig"
            )));
        }
        let evidence = format!(
            "{account} is not allowed to {missing}; installing the agent's chart needs this"
        );
        Verdict::failing(
            Finding::new(FailureMode::K8sRbacForbidden, evidence)
                .in_situation(Some(Situation::NotInstalled)),
        )
    }
}

impl Check for InstallerPermissions {
    async fn run(&self, _attempt: &Attempt) -> Report {
        // Boxed, so that it does not enlarge the attempts of other checks.
        let verdict = Box::pin(self.review()).await;
        Report::from_verdict(verdict.unwrap_or_else(Verdict::from))
    }
}

impl NeededAccess {
    fn as_review(&self) -> ReviewedAccess<'_> {
        ReviewedAccess {
            verb: self.verb,
            group: self.group,
            resource: self.resource,
            namespace: self.namespace.as_deref(),
            name: None,
        }
    }

    /// Returns the resource with its group, as permissions spell it.
    fn qualified_resource(&self) -> String {
        if self.group.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }
}

/// Returns one phrase per namespace and set of verbs.
fn described(lacking: &[NeededAccess]) -> Vec<String> {
    let mut verbs: BTreeMap<(Option<&str>, String), Vec<&str>> = BTreeMap::new();
    for access in lacking {
        let place = (access.namespace.as_deref(), access.qualified_resource());
        verbs.entry(place).or_default().push(access.verb);
    }
    let mut resources: BTreeMap<(Option<&str>, String), Vec<String>> = BTreeMap::new();
    for ((namespace, resource), verbs) in verbs {
        let group = resources.entry((namespace, verbs.join(", ")));
        group.or_default().push(resource);
    }
    let phrase = |((namespace, verbs), resources): ((Option<&str>, String), Vec<String>)| {
        let place = namespace.map_or_else(String::new, |name| format!(" in namespace {name}"));
        format!("{verbs} {}{place}", resources.join(", "))
    };
    resources.into_iter().map(phrase).collect()
}
