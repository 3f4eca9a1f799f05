//! The recorder: takes the root causes after each change of a verdict, and writes Events in a task
//! that does nothing else.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::config::Config;
use crate::exporter::EventCounts;
use crate::kube_events::event::EventText;
use crate::kube_events::event_writer::{EventError, EventWriter};
use crate::kube_events::root_causes::RootCauses;
use crate::kube_events::root_tracker::{EventTiming, RootChange, RootTracker};
use crate::kube_events::token_bucket::TokenBucket;

/// Writes Events until it is dropped.
#[derive(Debug)]
pub struct EventRecorder {
    /// Holds the latest root causes only, so that it never grows.
    causes: watch::Sender<RootCauses>,
    counts: Arc<Counters>,
    /// The settings that it depends on.
    settings: String,
    _task: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Counters {
    written: AtomicU64,
    dropped: AtomicU64,
}

struct EventTask {
    causes: watch::Receiver<RootCauses>,
    tracker: RootTracker,
    bucket: TokenBucket,
    writer: EventWriter,
    counts: Arc<Counters>,
    /// Whether the last Event could not be written; only the first failure is logged.
    is_failing: bool,
}

impl EventRecorder {
    /// Starts the recorder. Needs a runtime.
    pub fn start(config: &Config, timing: EventTiming) -> Self {
        let (causes, receiver) = watch::channel(RootCauses::default());
        let counts = Arc::<Counters>::default();
        let task = EventTask {
            causes: receiver,
            tracker: RootTracker::new(timing),
            bucket: TokenBucket::new(Instant::now()),
            writer: EventWriter::new(config),
            counts: Arc::clone(&counts),
            is_failing: false,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(task.run());
        Self {
            causes,
            counts,
            settings: settings(config),
            _task: tasks,
        }
    }

    /// Returns the recorder for a configuration, if that enables Events. One that runs is kept if
    /// its settings are unchanged, so that it knows what it wrote.
    #[must_use]
    pub fn for_config(running: Option<Self>, config: &Config) -> Option<Self> {
        if !config.kube_events {
            return None;
        }
        let kept = running.filter(|recorder| recorder.settings == settings(config));
        Some(kept.unwrap_or_else(|| Self::start(config, EventTiming::default())))
    }

    /// Takes the root causes that hold now. Never waits.
    pub fn observe(&self, causes: RootCauses) {
        self.causes.send_replace(causes);
    }

    /// Returns the number of Events so far.
    pub fn counts(&self) -> EventCounts {
        EventCounts {
            written: self.counts.written.load(Ordering::Relaxed),
            dropped: self.counts.dropped.load(Ordering::Relaxed),
        }
    }
}

/// Returns what an Event depends on.
fn settings(config: &Config) -> String {
    let parts: [&dyn fmt::Debug; 5] = [
        &config.installation,
        &config.apiserver,
        &config.agent_location,
        &config.dns,
        &config.proxy,
    ];
    format!("{parts:?}")
}

impl EventTask {
    async fn run(mut self) {
        loop {
            let due = self.tracker.next_due();
            let waits = async {
                match due {
                    Some(due) => sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.causes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = waits => {}
            }
            let causes = self.causes.borrow_and_update().clone();
            for change in self.tracker.update(&causes, Instant::now()) {
                self.write(&change).await;
            }
        }
    }

    async fn write(&mut self, change: &RootChange) {
        let at = SystemTime::now();
        let written = if self.bucket.take(Instant::now()) {
            let text = EventText::new(change, at);
            self.writer.write(&text, at).await
        } else {
            Err(EventError::TooMany)
        };
        match written {
            Ok(()) => {
                self.counts.written.fetch_add(1, Ordering::Relaxed);
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!("Events are written again");
                }
            }
            Err(error) => {
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                if let RootChange::Holds(root) = change {
                    self.tracker.retry(root, Instant::now());
                }
                self.log(&error);
            }
        }
    }

    /// Logs the first of several failures. Without the agent's Deployment there is nothing to
    /// write to, which `agent_workload` reports.
    fn log(&mut self, error: &EventError) {
        let is_first = !std::mem::replace(&mut self.is_failing, true);
        if is_first && !matches!(error, EventError::NoDeployment { .. }) {
            tracing::warn!(error = error.to_string(), "Events cannot be written");
        } else {
            tracing::debug!(error = error.to_string(), "an Event was dropped");
        }
    }
}
