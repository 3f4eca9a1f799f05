//! Collects a bundle: plans what to read, reads it with bounded concurrency until the time is up,
//! and writes the archive.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::bundle::archive::{Archive, ArchiveError, CollectedFile, Content};
use crate::bundle::index;
use crate::bundle::learned_secrets::LearnedSecrets;
use crate::bundle::limits::{CONCURRENCY, Limits};
use crate::bundle::manifest::{LeftOut, Manifest, Reason, SCHEMA_VERSION};
use crate::bundle::outcome::{Outcome, Task};
use crate::bundle::ownership::Ownership;
use crate::bundle::sources::own_state::OwnReport;
use crate::bundle::sources::{
    configuration, events, exporters, logs, objects, own_state, versions,
};
use crate::doctor::discovery::DiscoveredExporters;
use crate::doctor::{Findings, View, discovery};
use crate::exporter::{REVISION, VERSION};
use crate::kube::Client;
use crate::redaction::shareable;

/// The file that people open after the index.
const REPORT: &str = "report.txt";

/// The request: what to collect, and with which access.
pub struct BundleRequest<'a> {
    /// The client for the API server; `None` if there is none.
    pub client: Option<&'a Client>,
    /// The agent's namespace.
    pub namespace: &'a str,
    /// The name of the agent's Deployment.
    pub deployment: &'a str,
    /// When the collection starts.
    pub at: Timestamp,
    /// The limits.
    pub limits: Limits,
    /// The report of this process.
    pub own: Vec<OwnReport>,
    /// The configuration file of this process.
    pub own_configuration: Option<String>,
    /// Renders what the command line renders elsewhere.
    pub renderers: Renderers<'a>,
}

/// Renders what the command line renders elsewhere.
pub struct Renderers<'a> {
    /// Explains a log; `None` if it recognises nothing.
    pub explain: &'a dyn Fn(&str) -> Option<String>,
    /// Renders the verdicts of all vantages as text.
    pub report: &'a dyn Fn(Vec<View>) -> String,
}

/// A finished bundle.
#[derive(Debug)]
pub struct CollectedBundle {
    /// The archive.
    pub bytes: Vec<u8>,
    /// Number of files, without index and manifest.
    pub files: usize,
    /// Parts that were left out, without those that are never collected.
    pub left_out: Vec<LeftOut>,
}

/// Collects everything and writes the archive.
///
/// # Errors
/// If the archive cannot be written. What cannot be collected is not an error.
pub async fn collect(request: BundleRequest<'_>) -> Result<CollectedBundle, ArchiveError> {
    let name = archive_name(request.namespace, request.at);
    let deadline = Instant::now() + request.limits.time;
    let mut collection = Collection {
        archive: Archive::new(&name, request.at),
        learned: LearnedSecrets::default(),
        left_out: never_collected(),
        views: Vec::new(),
        deadline,
        time: request.limits.time,
    };
    // First: what is secret in it is hidden in everything that follows.
    if let Some(file) = &request.own_configuration {
        let read = configuration::of_this_process(file, &mut collection.learned);
        collection.archive.add(read)?;
    }
    if let Some(client) = request.client {
        collection.cluster(&request, client).await?;
    }
    for own in &request.own {
        collection.accept(own_state::outcome(own))?;
    }
    collection.finish(&request)
}

/// Returns the name of an archive, without its extension.
pub fn archive_name(namespace: &str, at: Timestamp) -> String {
    let at = at.strftime("%Y%m%dT%H%M%SZ");
    shareable(&format!("castai-health-{namespace}-{at}")).text
}

struct Collection {
    archive: Archive,
    learned: LearnedSecrets,
    left_out: Vec<LeftOut>,
    views: Vec<View>,
    deadline: Instant,
    time: Duration,
}

impl Collection {
    /// Reads objects first: the secrets in them are hidden in everything that follows.
    async fn cluster(
        &mut self,
        request: &BundleRequest<'_>,
        client: &Client,
    ) -> Result<(), ArchiveError> {
        let namespace = request.namespace;
        let ownership = Ownership::new(namespace, request.deployment);
        // Half of the time: slow lists must not cost the reports and logs.
        let until = self.deadline - self.time / 2;
        let lists = objects::read(client, namespace, &ownership, &mut self.learned, until).await;
        let exporters = timeout_at(until, discovery::exporters(client, namespace)).await;
        let found = exporters.unwrap_or_else(|_elapsed| DiscoveredExporters {
            problems: vec!["the API server took too long".to_owned()],
            ..DiscoveredExporters::default()
        });
        for problem in found.problems {
            let left_out = LeftOut::new("exporters", Reason::Failed, problem);
            self.left_out.push(left_out);
        }
        let mut files = configuration::of_config_maps(&lists, &mut self.learned);
        files.extend(events::table(&lists));
        files.push(versions::images(&lists));
        let logs = logs::plan(&lists, &found.pods, namespace);
        for file in files {
            self.archive.add(file)?;
        }
        self.accept(objects::outcome(lists))?;
        let mut tasks = versions::tasks(client);
        tasks.push(objects::cluster_wide_task(client, namespace));
        tasks.extend(exporters::tasks(client, &found.pods));
        self.run(tasks).await?;
        self.left_out.extend(logs.left_out);
        let (lines, explain) = (request.limits.log_lines, request.renderers.explain);
        self.run(logs::tasks(client, logs.logs, lines, explain))
            .await
    }

    /// Runs tasks until the time is up, and adds what they find in their order.
    async fn run(&mut self, tasks: Vec<Task<'_>>) -> Result<(), ArchiveError> {
        let (deadline, time) = (self.deadline, self.time);
        let outcomes = tasks.into_iter().map(|task| async move {
            let (what, run) = task.into_parts();
            timeout_at(deadline, run)
                .await
                .unwrap_or_else(|_elapsed| Outcome {
                    left_out: vec![LeftOut::timed_out(what, time)],
                    ..Outcome::default()
                })
        });
        let mut outcomes = stream::iter(outcomes).buffered(CONCURRENCY);
        while let Some(outcome) = outcomes.next().await {
            self.accept(outcome)?;
        }
        Ok(())
    }

    fn accept(&mut self, outcome: Outcome) -> Result<(), ArchiveError> {
        self.left_out.extend(outcome.left_out);
        self.views.extend(outcome.views);
        for file in outcome.files {
            self.archive.add(file)?;
        }
        Ok(())
    }

    fn finish(mut self, request: &BundleRequest<'_>) -> Result<CollectedBundle, ArchiveError> {
        self.views.sort_by_key(|view| view.place);
        let findings = Findings::merge(&self.views);
        let vantages: Vec<String> = self.views.iter().map(|view| view.pod.clone()).collect();
        let report = (request.renderers.report)(self.views);
        self.archive.add(CollectedFile::new(
            &[REPORT],
            "the report of all vantages, root causes first",
            Content::Text(report),
        ))?;
        let mut left_out = std::mem::take(&mut self.archive.left_out);
        left_out.extend(self.left_out);
        let mut files = std::mem::take(&mut self.archive.files);
        files.sort_by_key(|file| (file.path != REPORT, file.path.clone()));
        let manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            at: request.at,
            collected_by: format!("castai-health-exporter {VERSION} (revision {REVISION})"),
            namespace: request.namespace.to_owned(),
            files,
            left_out,
        };
        let page = index::page(&manifest, &findings, &vantages);
        let json = serde_json::to_value(&manifest).expect("strings and numbers can be written");
        let bytes = self.archive.finish(vec![
            ("index.html", Content::Text(page)),
            ("manifest.json", Content::Json(json)),
        ])?;
        let mut left_out = manifest.left_out;
        left_out.retain(|left_out| left_out.reason != Reason::ByDesign);
        Ok(CollectedBundle {
            bytes,
            files: manifest.files.len(),
            left_out,
        })
    }
}

fn never_collected() -> Vec<LeftOut> {
    let never = |what, detail| LeftOut::new(what, Reason::ByDesign, detail);
    vec![
        never(
            "Secrets",
            "they are not requested; objects name them and their keys",
        ),
        never(
            "values of ConfigMaps, variables, arguments, labels and annotations",
            "only those of a closed list are shown; the others are replaced by their length",
        ),
        never("kubeconfig and web configuration", "they hold credentials"),
    ]
}
