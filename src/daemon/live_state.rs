//! The state that the handlers serve; a reload replaces it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot};

use crate::alerting::runbooks;
use crate::catalogue::CheckId;
use crate::config::{Config, ConfigErrors};
use crate::daemon::own_access::OwnAccess;
use crate::diagnosis::Diagnosis;
use crate::doctor::{SidecarReader, Sidecars};
use crate::exporter::{Exporter, Reload};
use crate::history::History;
use crate::kube_events::{EventRecorder, RootCauses};
use crate::log;
use crate::metrics::exposition;
use crate::metrics::process::Process;
use crate::pages::{content_security_policy, runbook, status_page};
use crate::scheduler::OnChange;
use crate::server::Handlers;
use crate::state::{CheckSpec, HealthState};
use crate::status::{Document, HistoryDocument};

/// Sends the result of a reload back to the HTTP client that requested it.
pub(super) type ReloadReply = oneshot::Sender<Result<(), String>>;

/// The state that the handlers serve; a reload replaces it.
#[derive(Debug)]
pub(super) struct LiveState {
    pub(super) health: Arc<HealthState>,
    /// Outlives the checks: a reload is part of the history.
    history: History,
    exporter: Mutex<Exporter>,
    /// Writes Kubernetes Events, if they are enabled.
    events: Mutex<Option<EventRecorder>>,
    /// Reads the sidecars, if this is a companion.
    sidecars: Mutex<Option<Arc<SidecarReader>>>,
}

impl LiveState {
    pub(super) fn new(config: &Config, check_specs: &[CheckSpec]) -> Self {
        let now = SystemTime::now();
        let health = HealthState::new(check_specs);
        let history = History::new(now);
        history.replace_checks(&health.check_states(), now);
        Self {
            health: Arc::new(health),
            history,
            exporter: Mutex::new(Exporter::new(config, &checks(check_specs))),
            events: Mutex::default(),
            sidecars: Mutex::new(sidecar_reader(config)),
        }
    }

    pub(super) fn handlers(
        self: &Arc<Self>,
        reload: Option<mpsc::Sender<ReloadReply>>,
    ) -> Handlers {
        let [metrics, status, history, page, ready] = [(); 5].map(|()| Arc::clone(self));
        Handlers {
            metrics: Box::new(move || {
                exposition(
                    &metrics.health.check_states(),
                    &metrics.exporter_with_counts(),
                    &Process::read(),
                )
                .into_bytes()
            }),
            status_json: Box::new(move || Box::pin(Arc::clone(&status).status_json())),
            history_json: Box::new(move || {
                let now = SystemTime::now();
                HistoryDocument::new(&history.history.snapshot(now), now)
                    .json()
                    .into_bytes()
            }),
            page: Box::new(move || Box::pin(Arc::clone(&page).status_page())),
            runbook_index: Box::new(|| runbook::html("Runbooks", &runbooks::index())),
            runbook_page: Box::new(|alert| Some(runbook::html(alert, &runbooks::find(alert)?))),
            content_security_policy: content_security_policy(),
            ready: Box::new(move || ready.ready()),
            runbook: Box::new(runbooks::find),
            reload,
        }
    }

    async fn status_json(self: Arc<Self>) -> Vec<u8> {
        let sidecars = self.read_sidecars().await;
        Document::new(&self.health.check_states(), &self.exporter())
            .with_sidecars(sidecars.as_deref())
            .json()
            .into_bytes()
    }

    async fn status_page(self: Arc<Self>) -> Vec<u8> {
        let sidecars = self.read_sidecars().await;
        let now = SystemTime::now();
        status_page::html(
            &self.health.check_states(),
            &self.exporter(),
            &self.history.snapshot(now),
            sidecars.as_deref(),
            now,
        )
        .into_bytes()
    }

    /// Returns what the sidecars see; `None` if this is one.
    async fn read_sidecars(&self) -> Option<Arc<Sidecars>> {
        let reader = self.sidecars().clone()?;
        // A client that disconnects does not interrupt it, so that none can make it start again.
        tokio::spawn(async move { reader.read().await }).await.ok()
    }

    fn ready(&self) -> Result<(), String> {
        let waiting: Vec<&str> = self
            .health
            .waiting()
            .iter()
            .map(|check| check.label())
            .collect();
        if waiting.is_empty() {
            Ok(())
        } else {
            Err(format!("no verdict yet of {}", waiting.join(", ")))
        }
    }

    /// Applies a new configuration and its checks.
    pub(super) fn replace(&self, config: &Config, check_specs: &[CheckSpec]) {
        self.health.replace_checks(check_specs);
        let check_states = self.health.check_states();
        self.history
            .replace_checks(&check_states, SystemTime::now());
        let exporter = Exporter::new(config, &checks(check_specs));
        let diagnosis = Diagnosis::new(&check_states, exporter.vantage);
        *self.exporter() = exporter;
        *self.sidecars() = sidecar_reader(config);
        let mut events = self.events();
        *events = EventRecorder::for_config(events.take(), config);
        // A new recorder would not see the root causes that already hold until one of them changes.
        if let Some(events) = &*events {
            events.observe(RootCauses::new(&check_states, &diagnosis));
        }
    }

    /// Keeps the previous configuration and returns what is wrong with the new one.
    pub(super) fn refuse(&self, problems: &ConfigErrors) -> String {
        for problem in &problems.0 {
            tracing::error!(
                problem = problem.to_string(),
                "configuration reload failed; keeping the previous configuration"
            );
        }
        let mut exporter = self.exporter();
        exporter.reload = Reload {
            successful: false,
            ..exporter.reload
        };
        problems.to_string()
    }

    pub(super) fn on_change(self: &Arc<Self>) -> OnChange {
        let live = Arc::clone(self);
        Arc::new(move |change| {
            live.history.record(change);
            let exporter = live.exporter();
            let check_states = live.health.check_states();
            let diagnosis = Diagnosis::new(&check_states, exporter.vantage);
            log::change(change, &diagnosis, &exporter.runbook_base);
            if let Some(events) = &*live.events() {
                events.observe(RootCauses::new(&check_states, &diagnosis));
            }
        })
    }

    fn exporter_with_counts(&self) -> Exporter {
        // Unlocked before the exporter is locked: `on_change` locks them in the other order.
        let kube_events = self.events().as_ref().map(EventRecorder::counts);
        Exporter {
            kube_events,
            ..self.exporter().clone()
        }
    }

    fn events(&self) -> MutexGuard<'_, Option<EventRecorder>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sidecars(&self) -> MutexGuard<'_, Option<Arc<SidecarReader>>> {
        self.sidecars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exporter(&self) -> MutexGuard<'_, Exporter> {
        self.exporter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a reader of the sidecars for a companion.
fn sidecar_reader(config: &Config) -> Option<Arc<SidecarReader>> {
    let OwnAccess {
        location,
        client,
        resolver,
    } = OwnAccess::new(config)?;
    Some(Arc::new(SidecarReader::new(
        client,
        resolver,
        &location.namespace,
    )))
}

fn checks(check_specs: &[CheckSpec]) -> Vec<CheckId> {
    check_specs.iter().map(|entry| entry.check).collect()
}
