//! Checks that CAST AI's other components, if installed, are running and have valid tokens.

use std::sync::Arc;

use crate::agent::logs::SkippedLogs;
use crate::agent::rejected_tokens::{
    InstalledComponent, RejectedTokens, RejectionScan, containers_to_scan,
};
use crate::agent::workload::{ExitTracker, NamespaceSnapshot, WorkloadHealth};
use crate::catalogue::metric::COMPONENTS;
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::Config;
use crate::kube::Store;
use crate::kube::types::pod::Pod;
use crate::kube::types::workload::{ContainerImage, DaemonSet, Deployment};
use crate::report::{Evidence, Finding, Observation, Report, Verdict};

/// The check `components`.
#[derive(Debug)]
pub struct Components {
    store: Arc<Store>,
    exits: ExitTracker,
    rejected_tokens: RejectedTokens,
}

impl Components {
    /// Creates the check.
    pub fn new(config: &Config, context: &CheckContext) -> Self {
        let (store, rejected_tokens) = (
            Arc::clone(&context.store),
            RejectedTokens::new(config, &context.store),
        );
        Self {
            store,
            exits: ExitTracker::default(),
            rejected_tokens,
        }
    }

    async fn evaluate(&self) -> Result<Report, Verdict> {
        let snapshot = NamespaceSnapshot::read(&self.store)
            .await?
            .with_exits(&self.exits);
        let daemon_sets = self.store.daemon_sets.read().await?;
        let components = judge(&snapshot, &daemon_sets);
        if components.is_empty() {
            return Ok(Report::from_verdict(Verdict::NotApplicable(
                Evidence::from("no other CAST AI component is installed"),
            )));
        }
        let (rejected, scan) = self.rejected_tokens(&snapshot, &components).await;
        // Unreadable logs only matter if nothing else is known.
        let runs = components
            .iter()
            .all(|component| component.health.findings.is_empty());
        match scan.error.filter(|_| runs && rejected.is_empty()) {
            Some(error) => Err(error.into()),
            None => Ok(report(&components, rejected, &scan.skipped)),
        }
    }

    /// Reads the log of one pod of each running component for rejected tokens.
    async fn rejected_tokens(
        &self,
        snapshot: &NamespaceSnapshot,
        components: &[Component<'_>],
    ) -> (Vec<ComponentFinding>, RejectionScan) {
        let working: Vec<_> = components
            .iter()
            .filter(|component| component.health.working > 0)
            .collect();
        let log = |component: &&Component<'_>| {
            containers_to_scan(
                &self.store.namespace,
                component.pods.iter().copied(),
                component.main,
                1,
            )
        };
        let mut findings = Vec::new();
        let scan = self
            .rejected_tokens
            .scan(working.iter().flat_map(log).collect())
            .await;
        for rejection in &scan.rejections {
            let owner = working
                .iter()
                .find(|component| component.pods.iter().any(|pod| pod.name == rejection.pod));
            if let Some(component) = owner {
                findings.push((
                    component.label,
                    self.rejected_tokens
                        .finding(rejection, snapshot, component.installed)
                        .await,
                ));
            }
        }
        (findings, scan)
    }
}

/// An installed component.
#[derive(Debug)]
struct Component<'a> {
    /// One of [`COMPONENTS`].
    label: &'static str,
    installed: InstalledComponent<'a>,
    pods: Vec<&'a Pod>,
    /// The main container.
    main: &'a str,
    health: WorkloadHealth,
}

/// A component's label and a failure of it.
type ComponentFinding = (&'static str, Finding);

impl Check for Components {
    async fn run(&self, _attempt: &Attempt) -> Report {
        self.evaluate().await.unwrap_or_else(Report::from_verdict)
    }
}

/// Finds a component's Deployment, with or without the `castai-` prefix.
fn find_deployment<'a>(snapshot: &'a NamespaceSnapshot, component: &str) -> Option<&'a Deployment> {
    snapshot
        .deployment(&format!("castai-{component}"))
        .or_else(|| snapshot.deployment(component))
}

/// Returns the main container, which charts name after the component or after the chart.
fn main_container<'a>(containers: &'a [ContainerImage], component: &'a str) -> &'a str {
    let is_it = |name: &&str| name.strip_prefix("castai-").unwrap_or(name) == component;
    let mut names = containers.iter().map(|container| container.name.as_str());
    let first = names.clone().next();
    names.find(is_it).or(first).unwrap_or(component)
}

fn judge<'a>(
    snapshot: &'a NamespaceSnapshot,
    daemon_sets: &'a [Arc<DaemonSet>],
) -> Vec<Component<'a>> {
    let mut components = Vec::new();
    for label in COMPONENTS {
        if let Some(deployment) = find_deployment(snapshot, label) {
            let main = main_container(&deployment.containers, label);
            let (installed, pods) = (deployment.into(), snapshot.pods_of(deployment).collect());
            components.push(Component {
                label,
                installed,
                pods,
                main,
                health: snapshot.deployment_health(deployment, main),
            });
        }
        let is_it =
            |set: &&Arc<DaemonSet>| set.name.strip_prefix("castai-").unwrap_or(&set.name) == *label;
        if let Some(set) = daemon_sets.iter().find(is_it) {
            let main = main_container(&set.containers, label);
            let (installed, pods) = (
                set.as_ref().into(),
                snapshot.pods_of_daemon_set(set).collect(),
            );
            components.push(Component {
                label,
                installed,
                pods,
                main,
                health: snapshot.daemon_set_health(set, main),
            });
        }
    }
    components
}

fn report(
    components: &[Component<'_>],
    rejected: Vec<ComponentFinding>,
    skipped: &SkippedLogs,
) -> Report {
    let any_down = components
        .iter()
        .any(|component| component.health.is_down());
    let failing = any_down || !rejected.is_empty();
    let unhealthy = components.iter().flat_map(|component| {
        component
            .health
            .findings
            .iter()
            .map(move |finding| (component.label, finding.clone()))
    });
    let component_findings: Vec<ComponentFinding> = unhealthy.chain(rejected).collect();
    let mut observations: Vec<Observation> = component_findings
        .iter()
        .map(|(component, finding)| Observation::ComponentFailure(component, finding.mode))
        .collect();
    observations.dedup();
    let mut findings: Vec<Finding> = Vec::new();
    for (component, finding) in &component_findings {
        let evidence = format!("{component}: {}", finding.evidence);
        match findings.iter_mut().find(|known| known.mode == finding.mode) {
            Some(known) => {
                // The remedies of several components follow each other.
                let remedies = [known.own_remedy.take(), finding.own_remedy.clone()];
                let remedies: Vec<String> = remedies.into_iter().flatten().collect();
                known.own_remedy = (!remedies.is_empty()).then(|| remedies.join("\n"));
                known.evidence = format!("{}; {evidence}", known.evidence).into();
            }
            None => findings.push(finding.clone().with_evidence(evidence)),
        }
    }
    skipped.append_to(&mut findings);
    let verdict = match (findings.is_empty(), failing) {
        (true, _) => {
            let each = components.iter().map(|component| {
                format!(
                    "{} {}/{}",
                    component.label, component.health.working, component.health.desired
                )
            });
            Verdict::Ok(Evidence::from(format!(
                "healthy pods: {}{skipped}",
                each.collect::<Vec<_>>().join(", ")
            )))
        }
        (false, true) => Verdict::Failing(findings),
        (false, false) => Verdict::Warning(findings),
    };
    Report {
        observations,
        ..Report::from_verdict(verdict)
    }
}
