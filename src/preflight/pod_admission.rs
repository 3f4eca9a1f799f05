//! Whether the API server would let the agent's workloads and their pods in: quotas, limit ranges,
//! Pod Security, webhooks and admission policies. It says so itself in a dry run.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use crate::catalogue::FailureMode;
use crate::checks::{Attempt, Check};
use crate::kube::{ApiConnection, Client, ClientError};
use crate::preflight::dry_run;
use crate::preflight::dry_run::DryRun;
use crate::preflight::manifest::{Manifest, PlannedObject, Resource};
use crate::preflight::quantity::Quantity;
use crate::preflight::quota;
use crate::preflight::quota::PodDemand;
use crate::preflight::refusal;
use crate::report::{Evidence, Finding, Report, Verdict};

/// The namespace that is used instead of one that does not exist yet.
const STAND_IN: &str = "default";
/// The assumption behind the amounts if the chart is not rendered.
const ASSUMED_MEMORY: &str = "2Gi of memory is assumed for each pod of the agent; the chart's \
                              autoscaler sets more in a large cluster";

/// The check `agent_workload` before the agent is installed.
#[derive(Debug)]
pub struct PodAdmission {
    client: Arc<Client>,
    manifest: Arc<Manifest>,
    namespace: String,
}

/// Results of the dry runs so far.
#[derive(Debug, Default)]
struct Trial {
    /// The namespace that was tried instead, if the agent's does not exist.
    stand_in: Option<&'static str>,
    refusals: BTreeMap<FailureMode, Vec<String>>,
    /// Why something could not be tried.
    unknown: Vec<String>,
    /// Remarks that are not failures.
    remarks: Vec<String>,
    /// The pods that were admitted.
    demands: Vec<PodDemand>,
    /// Whether a workload exists already, so that quotas count its pods.
    is_installed: bool,
    /// Whether the namespace itself is refused.
    is_namespace_refused: bool,
}

impl PodAdmission {
    /// Creates the check for the workloads of a manifest.
    pub fn new(client: Arc<Client>, manifest: Arc<Manifest>, namespace: &str) -> Self {
        Self {
            client,
            manifest,
            namespace: namespace.to_owned(),
        }
    }

    async fn review(&self) -> Result<Verdict, ClientError> {
        let mut api = self.client.connect().await?;
        let mut trial = Trial::default();
        for planned in self.manifest.workloads(&self.namespace) {
            self.try_workload(&mut api, planned, &mut trial).await?;
            self.try_pod(&mut api, planned, &mut trial).await?;
        }
        if trial.stand_in.is_some() {
            self.try_namespace(&mut api, &mut trial).await?;
        } else if !trial.is_installed {
            self.review_quotas(&mut api, &mut trial).await?;
        }
        Ok(self.judge(trial))
    }

    /// Creates an object as a dry run, in another namespace if its own does not exist.
    async fn create(
        &self,
        api: &mut ApiConnection,
        planned: PlannedObject<'_>,
        trial: &mut Trial,
    ) -> Result<DryRun, ClientError> {
        let own = planned.namespace.unwrap_or(&self.namespace);
        let namespace = trial.stand_in.unwrap_or(own).to_owned();
        let mut object = planned.object.clone();
        object["metadata"]["namespace"] = json!(namespace);
        let path = planned.collection(Some(&namespace));
        let outcome = dry_run::create(api, &path, &object).await?;
        if matches!(outcome, DryRun::NoNamespace) && trial.stand_in.is_none() {
            trial.stand_in = Some(STAND_IN);
            return Box::pin(self.create(api, planned, trial)).await;
        }
        Ok(outcome)
    }

    async fn try_workload(
        &self,
        api: &mut ApiConnection,
        planned: PlannedObject<'_>,
        trial: &mut Trial,
    ) -> Result<(), ClientError> {
        let outcome = self.create(api, planned, trial).await?;
        let what = format!("{} {}", planned.resource.kind, planned.name());
        if matches!(outcome, DryRun::Exists) {
            trial.is_installed = true;
            trial.remarks.push(format!("{what} exists already"));
        }
        self.note(api, &what, planned.resource, outcome, trial);
        Ok(())
    }

    async fn try_pod(
        &self,
        api: &mut ApiConnection,
        workload: PlannedObject<'_>,
        trial: &mut Trial,
    ) -> Result<(), ClientError> {
        let mut pod = pod_of(workload);
        let replicas = replicas(workload.object);
        let what = format!("a pod of {} {}", workload.resource.kind, workload.name());
        for with_account in [true, false] {
            if !with_account && let Some(spec) = pod["spec"].as_object_mut() {
                spec.remove("serviceAccountName");
            }
            let planned = PlannedObject {
                object: &pod,
                resource: Resource::PODS,
                namespace: workload.namespace,
            };
            let outcome = self.create(api, planned, trial).await?;
            let counted = match &outcome {
                // The chart creates it together with the Deployment.
                DryRun::Refused(message)
                    if with_account
                        && refusal::mode(message) == FailureMode::AgentFailedCreateSa =>
                {
                    continue;
                }
                DryRun::Refused(message) if self.lacks_only_a_quota(message, trial) => Some(&pod),
                DryRun::Admitted(admitted) => Some(admitted),
                _ => None,
            };
            trial.demands.extend(counted.map(|pod| PodDemand {
                pod: pod.clone(),
                replicas,
            }));
            self.note(api, &what, Resource::PODS, outcome, trial);
            break;
        }
        Ok(())
    }

    /// Tries to create the namespace that does not exist.
    async fn try_namespace(
        &self,
        api: &mut ApiConnection,
        trial: &mut Trial,
    ) -> Result<(), ClientError> {
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": self.namespace },
        });
        let path = Resource::NAMESPACES.collection("v1", None);
        if let DryRun::Refused(message) = dry_run::create(api, &path, &object).await? {
            let refusals = trial
                .refusals
                .entry(FailureMode::AgentFailedCreateWebhook)
                .or_default();
            refusals.push(format!(
                "namespace {} is refused: {message}",
                self.namespace
            ));
            trial.is_namespace_refused = true;
        }
        Ok(())
    }

    fn note(
        &self,
        api: &ApiConnection,
        what: &str,
        resource: Resource,
        outcome: DryRun,
        trial: &mut Trial,
    ) {
        let namespace = trial.stand_in.unwrap_or(&self.namespace);
        match outcome {
            DryRun::Admitted(_) | DryRun::Exists => {}
            DryRun::NoNamespace => trial
                .unknown
                .push(format!("namespace {namespace} does not exist")),
            DryRun::NotAllowed => {
                let lacking = format!(
                    "{} is not allowed to create {} in namespace {namespace}",
                    api.caller(),
                    resource.qualified()
                );
                if !trial.unknown.contains(&lacking) {
                    trial.unknown.push(lacking);
                }
            }
            DryRun::Unsupported(message) => trial.unknown.push(format!("{what}: {message}")),
            DryRun::Refused(message) => self.note_refusal(what, &message, trial),
        }
    }

    /// Returns whether a cluster limits the priority class to namespaces with a quota for it, and
    /// the manifest creates that quota.
    fn brings_its_quota(&self, message: &str) -> bool {
        refusal::lacks_matching_quota(message) && self.manifest.has_priority_class_quota()
    }

    /// Returns whether everything admits the pod but a quota that does not apply to the agent.
    fn lacks_only_a_quota(&self, message: &str, trial: &Trial) -> bool {
        self.brings_its_quota(message)
            || trial.stand_in.is_some() && refusal::is_resource_quota(message)
    }

    fn note_refusal(&self, what: &str, message: &str, trial: &mut Trial) {
        let mode = refusal::mode(message);
        if self.brings_its_quota(message) {
            trial.remarks.push(
                "this cluster limits the agent's priority class to namespaces with a quota for \
                 it, which the chart creates"
                    .to_owned(),
            );
            return;
        }
        match trial.stand_in {
            Some(_) if refusal::is_resource_quota(message) => {}
            Some(stand_in) if mode != FailureMode::AgentFailedCreateWebhook => {
                trial.unknown.push(format!(
                    "{what} is refused in namespace {stand_in}, whose settings may differ: {message}"
                ));
            }
            _ => trial
                .refusals
                .entry(mode)
                .or_default()
                .push(format!("{what} is refused: {message}")),
        }
    }

    /// Compares what all pods need with what the quotas have left.
    async fn review_quotas(
        &self,
        api: &mut ApiConnection,
        trial: &mut Trial,
    ) -> Result<(), ClientError> {
        if trial.demands.is_empty() {
            return Ok(());
        }
        let path = format!("/api/v1/namespaces/{}/resourcequotas", self.namespace);
        let response = api.get(&path).await?;
        if response.status == StatusCode::FORBIDDEN {
            trial.unknown.push(format!(
                "{} is not allowed to list resourcequotas in namespace {}, so whether they have \
                 room for all pods is unknown",
                api.caller(),
                self.namespace
            ));
            return Ok(());
        }
        let quotas = response.json().filter(|json| json["items"].is_array());
        let quotas = quotas.ok_or_else(|| ClientError::Malformed {
            subject: "resourcequotas".to_owned(),
            cause: format!("{} {}", response.status, response.quoted()),
        })?;
        let exceeded = quota::exceeded(&quotas, &trial.demands);
        if !exceeded.is_empty() {
            let refusals = trial
                .refusals
                .entry(FailureMode::AgentFailedCreateQuota)
                .or_default();
            // The dry run of one pod may have named the quota already.
            refusals.extend(exceeded);
        }
        Ok(())
    }

    fn judge(&self, mut trial: Trial) -> Verdict {
        let Self { namespace, .. } = self;
        let by_amount = trial
            .refusals
            .keys()
            .all(|mode| *mode == FailureMode::AgentFailedCreateQuota);
        if self.manifest.is_default && by_amount && trial.unknown.is_empty() {
            trial.remarks.push(ASSUMED_MEMORY.to_owned());
        }
        let remarks = match trial.stand_in {
            None => trial.remarks.join("; "),
            Some(stand_in) => [
                vec![format!(
                    "namespace {namespace} does not exist yet, so its quotas and labels are \
                     unknown, and the pods were tried in namespace {stand_in}"
                )],
                trial.remarks,
            ]
            .concat()
            .join("; "),
        };
        let noted = |text: String| {
            if remarks.is_empty() {
                Evidence::from(text)
            } else {
                Evidence::from(text).with_remark(&remarks)
            }
        };
        if !trial.refusals.is_empty() {
            let findings = trial
                .refusals
                .into_iter()
                .map(|(mode, sentences)| Finding::new(mode, noted(sentences.join("; "))));
            let findings = findings.collect();
            // Policies may depend on the namespace, so a refusal in another one is only a hint.
            return if trial.stand_in.is_some() && !trial.is_namespace_refused {
                Verdict::Warning(findings)
            } else {
                Verdict::Failing(findings)
            };
        }
        if !trial.unknown.is_empty() {
            return Verdict::Unknown(noted(format!(
                "whether the API server admits the agent's pods is unknown: {}",
                trial.unknown.join("; ")
            )));
        }
        let sum = |resource: &str| -> Quantity {
            let of = |demand: &PodDemand| {
                quota::of_pod(&demand.pod["spec"], "requests", resource) * demand.replicas
            };
            trial.demands.iter().map(of).sum()
        };
        let pods: u32 = trial.demands.iter().map(|demand| demand.replicas).sum();
        let values = if self.manifest.is_default {
            " with the chart's default values"
        } else {
            ""
        };
        Verdict::Ok(noted(format!(
            "the API server admits the agent's {pods} pods{values} (dry run); they request {} CPU \
             and {} memory",
            sum("cpu"),
            sum("memory")
        )))
    }
}

impl Check for PodAdmission {
    async fn run(&self, _attempt: &Attempt) -> Report {
        // Boxed, so that it does not enlarge the attempts of other checks.
        let verdict = Box::pin(self.review()).await;
        Report::from_verdict(verdict.unwrap_or_else(Verdict::from))
    }
}

fn replicas(workload: &Value) -> u32 {
    let replicas = workload["spec"]["replicas"].as_u64().unwrap_or(1);
    u32::try_from(replicas).unwrap_or(u32::MAX)
}

/// Returns a pod as the workload's controller would create it.
fn pod_of(workload: PlannedObject<'_>) -> Value {
    let template = &workload.object["spec"]["template"];
    let mut metadata = template["metadata"].clone();
    metadata["name"] = json!(format!("{}-preflight", workload.name()));
    // Policies exist against pods without a controller.
    metadata["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "controller": true,
        "kind": if workload.resource.kind == "Deployment" { "ReplicaSet" } else { workload.resource.kind },
        "name": workload.name(), "uid": "00000000-0000-0000-0000-000000000000",
    }]);
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"],
    })
}
