//! One round of `check`: reads the verdict of every vantage and merges them.

use std::time::SystemTime;

use crate::catalogue::{CheckId, Need};
use crate::checks::CheckSet;
use crate::cli::check::certificates::{ExpiringCertificate, expiring_in_views};
use crate::cli::check::doctor::session::Doctor;
use crate::cli::check::doctor::short_lived_pod;
use crate::cli::exit::Exit;
use crate::config::AgentDiscovery;
use crate::doctor::discovery::{DiscoveredExporters, exporters};
use crate::doctor::verdict_document::VerdictDocument;
use crate::doctor::visibility::needs_only_the_api;
use crate::doctor::{Findings, Place, View};

/// The merged views of all vantages.
pub(super) struct Examination {
    /// Namespace and Deployment of the agent.
    pub(super) agent: (String, String),
    /// Why the agent's environment is not known.
    pub(super) agent_problem: Option<String>,
    /// The views of all vantages.
    pub(super) views: Vec<View>,
    /// The merged result.
    pub(super) findings: Findings,
    /// Checks that no vantage has run, because only a pod can.
    pub(super) only_in_a_pod: Vec<CheckId>,
    /// Certificates that expire soon.
    pub(super) expiring: Vec<ExpiringCertificate>,
    /// Remarks about the search for the agent.
    pub(super) remarks: Vec<String>,
    /// Whether no vantage has run a check that the caller named, or the pod of `--in-cluster`.
    pub(super) named_but_not_run: bool,
    /// Base URL of the runbooks.
    pub(super) runbook_base: String,
}

impl Examination {
    /// Reads the verdict of every vantage once.
    ///
    /// # Errors
    /// If the short-lived pod has nothing to run, may not be run, or on a signal.
    pub(super) async fn run(doctor: &Doctor<'_>) -> Result<Self, Exit> {
        let (config, client) = (doctor.config(), doctor.client());
        let namespace = config.installation.namespace.as_str();
        let DiscoveredExporters { pods, problems } = if doctor.api_responds() {
            doctor.show("looking for exporters");
            exporters(client, namespace).await
        } else {
            DiscoveredExporters::default()
        };
        let short_lived = if doctor.options().in_cluster && doctor.api_responds() {
            short_lived_pod::run(doctor, &pods).await.map(Some)?
        } else {
            None
        };
        doctor.show("checking");
        let (mut views, own) = tokio::join!(View::ask_all(client, &pods), own_view(doctor));
        views.extend(short_lived);
        views.push(own);
        views.sort_by_key(|view| view.place);
        for view in &mut views {
            view.keep(doctor.selected());
        }
        View::prefer_followed_log(&mut views);
        let findings = Findings::merge(&views);
        let only_in_a_pod = only_in_a_pod(doctor, &findings);
        let mut named = doctor.options().checks.iter();
        let named_but_not_run = named.any(|check| only_in_a_pod.contains(check))
            || doctor.options().in_cluster && !doctor.api_responds();
        Ok(Self {
            agent: (namespace.to_owned(), config.installation.deployment.clone()),
            agent_problem: match &config.agent_discovery {
                AgentDiscovery::Absent(why) | AgentDiscovery::Unreadable(why) => Some(why.clone()),
                AgentDiscovery::Found(_) | AgentDiscovery::NotLookedFor => None,
            },
            only_in_a_pod,
            expiring: expiring_in_views(&views, SystemTime::now()),
            views,
            findings,
            remarks: doctor.remarks().iter().cloned().chain(problems).collect(),
            named_but_not_run,
            runbook_base: config.runbook_base.clone(),
        })
    }

    /// Returns the exit code of the worst status at any vantage. If nothing is failing, a named check
    /// or a short-lived pod that did not run is an error: it must not pass for success.
    pub(super) fn exit(&self, strict: bool) -> Exit {
        let fails = self.findings.any("failing");
        let warns = self.findings.any("warning") || !self.expiring.is_empty();
        let strictly = strict && (warns || self.findings.any("unknown"));
        let pod_failed = |view: &View| view.place == Place::ShortLivedPod && view.verdict.is_err();
        if fails || strictly {
            Exit::Failing
        } else if self.named_but_not_run || self.views.iter().any(pod_failed) {
            Exit::Usage
        } else {
            Exit::Success
        }
    }
}

async fn own_view(doctor: &Doctor<'_>) -> View {
    let document = doctor.own_document().await;
    View::of_this_machine(
        VerdictDocument::parse(document.as_bytes()).expect("this program reads its own format"),
    )
}

/// Returns the checks that the agent needs or the caller named, and that no vantage has run.
fn only_in_a_pod(doctor: &Doctor<'_>, findings: &Findings) -> Vec<CheckId> {
    let ran = |check: CheckId| {
        let shared = &findings.checks;
        shared
            .iter()
            .any(|shared| shared.id.as_str() == check.label())
    };
    let check_set = CheckSet::new(doctor.config());
    let named = &doctor.options().checks;
    let is_needed = |need: Need, check| need != Need::None || named.contains(&check);
    let rows = check_set.checks.iter();
    let needed = rows.filter(|row| is_needed(row.need, row.check));
    let not_run = needed
        .map(|row| row.check)
        .filter(|check| !needs_only_the_api(*check) && doctor.is_selected(*check) && !ran(*check));
    not_run.collect()
}
