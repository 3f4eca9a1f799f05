//! The log: one line per change of verdict, to standard error.
//!
//! Invariant: findings reach the log through [`change`] only; nothing above debug is logged per
//! attempt.

mod format;
mod line_queue;

use std::io;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::catalogue::{CheckId, FailureMode, Severity, Status, first_sentence, runbook_url};
use crate::config::LogFormat;
use crate::diagnosis::Diagnosis;
use crate::log::format::Lines;
use crate::log::line_queue::LineQueue;
pub use crate::log::line_queue::LogFlush;
use crate::state::VerdictChange;

/// Logs the exporter's events of at least this level, and warnings of libraries, to standard error.
///
/// Logging never blocks. The caller keeps the result until the process exits.
pub fn install(level: Level, format: LogFormat) -> LogFlush {
    let ours = Targets::new()
        .with_default(LevelFilter::from_level(level.min(Level::WARN)))
        .with_target(env!("CARGO_CRATE_NAME"), level)
        // They log each failure, some with the text of the response; checks report it instead.
        .with_targets([
            ("kube_client", LevelFilter::OFF),
            ("kube_runtime", LevelFilter::OFF),
        ]);
    let dropped = move |count| format::dropped_lines(format, count);
    let queue = LineQueue::start(io::stderr(), dropped).ok();
    let writer = match queue.clone() {
        Some(queue) => BoxMakeWriter::new(move || queue.clone()),
        // Without a thread, logging can block.
        None => BoxMakeWriter::new(io::stderr),
    };
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Lines(format))
        .with_writer(writer)
        .with_filter(ours);
    // A second call, in a test, keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(lines).try_init();
    LogFlush::new(queue)
}

/// Logs a panic as one line, which log parsers understand, instead of several.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let said = panic.payload_as_str().unwrap_or("no message");
        let at = panic.location().map(ToString::to_string);
        tracing::error!(at, panic = said, "internal error");
    }));
}

/// Logs a change of verdict.
pub fn change(change: &VerdictChange, diagnosis: &Diagnosis, runbook_base: &str) {
    let verdict = &change.report.verdict;
    let status = verdict.status();
    let first = verdict.findings().first();
    let modes = change.report.verdict.modes();
    let line = Line {
        check: change.check.label(),
        status: status.label(),
        before: change.before.map(Status::label),
        modes: listed(&modes),
        // The modes that alerts see, if they differ from what this attempt found.
        stable_modes: listed(&change.stable_modes).filter(|_| change.stable_modes != modes),
        severity: diagnosis.severity_of(change.check).map(Severity::label),
        caused_by: diagnosis.root_of(change.check).map(CheckId::label),
        also_affected: {
            let affected = diagnosis.affected_by(change.check);
            let labels: Vec<_> = affected.iter().map(|check| check.label()).collect();
            (!labels.is_empty()).then(|| labels.join(","))
        },
        evidence: verdict.evidence().to_string(),
        cause: first.map(|finding| first_sentence(finding.mode.entry().meaning)),
        hint: first.map(|finding| finding.remedy(change.check).to_line()),
        runbook: first.and_then(|finding| runbook_url(runbook_base, change.check, finding.mode)),
    };
    match status {
        Status::Failing => line.error(),
        Status::Warning | Status::Unknown => line.warn(),
        Status::Ok | Status::NotApplicable => line.info(),
    }
}

struct Line {
    check: &'static str,
    status: &'static str,
    before: Option<&'static str>,
    modes: Option<String>,
    stable_modes: Option<String>,
    severity: Option<&'static str>,
    caused_by: Option<&'static str>,
    also_affected: Option<String>,
    cause: Option<&'static str>,
    evidence: String,
    hint: Option<String>,
    runbook: Option<String>,
}

macro_rules! levels {
    ($($level:ident)+) => {
        impl Line {
            $( fn $level(&self) {
                tracing::$level!(
                    check = self.check,
                    status = self.status,
                    previous = self.before,
                    modes = self.modes,
                    stable_modes = self.stable_modes,
                    severity = self.severity,
                    caused_by = self.caused_by,
                    also_affected = self.also_affected,
                    cause = self.cause,
                    evidence = self.evidence,
                    hint = self.hint,
                    runbook = self.runbook,
                    "{} is {}",
                    self.check,
                    self.status.replace('_', " "),
                );
            } )+
        }
    };
}

levels! { error warn info }

fn listed(modes: &[FailureMode]) -> Option<String> {
    let labels: Vec<_> = modes.iter().map(|mode| mode.label()).collect();
    (!labels.is_empty()).then(|| labels.join(","))
}
