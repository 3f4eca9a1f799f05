//! The state as Prometheus metrics.
//!
//! Invariant: a pure function of the check states and of facts about this process. It keeps
//! nothing, so it cannot disagree with the state. It writes what the catalogue lists and nothing
//! else.

mod failures;
mod left_out;
pub mod process;
mod series;
mod text_writer;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::proto::MetricFamily;

use crate::catalogue::metric::MAX_TARGETS;
use crate::catalogue::{CheckId, Status, metric as names};
use crate::diagnosis::Diagnosis;
use crate::exporter::{Exporter, REVISION, RUSTVERSION, VERSION};
use crate::metrics::process::Process;
use crate::metrics::series::{family, histograms};
use crate::metrics::text_writer::TextWriter;
use crate::report::{AwsIdentity, Observation, Report, TargetReport};
use crate::state::CheckState;

/// The content type of [`exposition`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Lifecycle label of nodes with a purchase option that only EC2 knows.
const UNRESOLVED: &str = "unresolved";

/// Renders all metrics in text format 0.0.4.
pub fn exposition(check_states: &[CheckState], exporter: &Exporter, process: &Process) -> String {
    let diagnosis = Diagnosis::new(check_states, exporter.vantage);
    let mut writer = TextWriter::new();
    write_checks(&mut writer, check_states);
    writer.write_all(failures::families(&diagnosis));
    write_targets(&mut writer, check_states);
    writer.write_all(of_facts(check_states));
    writer.write_all(of_cluster(check_states));
    writer.write(left_out::family(check_states));
    writer.write_all(of_exporter(exporter));
    writer.write_all(of_process(process));
    writer.finish()
}

fn write_checks(writer: &mut TextWriter, check_states: &[CheckState]) {
    let one = |value: fn(&CheckState) -> Option<f64>| {
        check_states
            .iter()
            .filter_map(move |of| value(of).map(|value| ([of.check.label()], value)))
    };
    let statuses = check_states.iter().flat_map(|of| {
        let now = of.status();
        Status::ALL
            .iter()
            .map(move |status| ([of.check.label(), status.label()], truth(*status == now)))
    });
    let phases = check_states.iter().flat_map(|of| {
        of.counts
            .phases
            .iter()
            .map(|count| ([of.check.label(), count.phase.label()], count))
    });
    writer.write(family(names::CHECK_STATUS, statuses));
    writer.write(family(
        names::CHECK_ATTEMPTS,
        one(|of| Some(count(of.counts.attempts))),
    ));
    writer.write(family(
        names::CHECK_FAILURES,
        one(|of| Some(count(of.counts.failures))),
    ));
    // Zeros are left out: they would be most of what the rules of a fleet read.
    writer.write(family(
        names::CHECK_PANICS,
        one(|of| Some(count(of.counts.panics)).filter(|panics| *panics > 0.0)),
    ));
    writer.write(family(
        names::CHECK_THROTTLED,
        one(|of| Some(count(of.counts.self_throttled)).filter(|count| *count > 0.0)),
    ));
    writer.write(histograms(names::PHASE_DURATION, phases));
    writer.write(family(
        names::LAST_ATTEMPT,
        one(|of| of.last_attempt.map(since_1970)),
    ));
    writer.write(family(
        names::LAST_SUCCESS,
        one(|of| of.last_success.map(since_1970)),
    ));
    writer.write(family(
        names::EPISODE_START,
        one(|of| {
            of.stable_modes
                .episode()
                .map(|episode| since_1970(episode.began))
        }),
    ));
    writer.write(family(
        names::CHECK_INTERVAL,
        one(|of| Some(of.interval.as_secs_f64())),
    ));
}

fn write_targets(writer: &mut TextWriter, check_states: &[CheckState]) {
    let targets: Vec<(&str, &TargetReport)> = check_states
        .iter()
        .filter_map(|of| of.latest.as_ref().map(|latest| (of.check.label(), latest)))
        .flat_map(|(check, latest)| distinct(&latest.targets).map(move |target| (check, target)))
        .collect();
    let phases = targets.iter().flat_map(|(check, target)| {
        seconds_by_phase(target)
            .into_iter()
            .map(|(phase, seconds)| ([*check, target.target.as_str(), phase], seconds))
    });
    let up = targets
        .iter()
        .map(|(check, of)| ([*check, of.target.as_str()], truth(of.outcome.is_ok())));
    let not_after = targets.iter().filter_map(|(check, of)| {
        of.not_after
            .map(|at| ([*check, of.target.as_str()], whole_seconds(at)))
    });
    writer.write(family(names::TARGET_PHASE, phases));
    writer.write(family(names::TARGET_UP, up));
    writer.write(family(names::CERTIFICATE_NOT_AFTER, not_after));
    writer.write(family(
        names::CLOCK_SKEW,
        skews(check_states)
            .into_iter()
            .map(|(source, skew)| ([source], skew)),
    ));
    writer.write(family(
        names::AWS_CREDENTIALS_EXPIRY,
        credentials_end(check_states).map(|at| ([], whole_seconds(at))),
    ));
    writer.write(family(
        names::AWS_IDENTITY_INFO,
        identity(check_states).map(|of| ([of.account.as_str(), &of.role, of.source], 1.0)),
    ));
}

/// Metrics of what the latest reports observed beside their verdicts.
fn of_facts(check_states: &[CheckState]) -> [MetricFamily; 4] {
    let observations = || {
        check_states
            .iter()
            .filter_map(|of| of.latest.as_ref())
            .flat_map(|report| &report.observations)
    };
    let one_hot = |word: Option<&'static str>, words: &'static [&'static str]| {
        word.into_iter().flat_map(|word| {
            words
                .iter()
                .map(move |known| ([*known], truth(*known == word)))
        })
    };
    let agent = observations().find_map(|fact| {
        if let Observation::AgentStatus(word) = fact {
            Some(*word)
        } else {
            None
        }
    });
    let cluster = observations().find_map(|fact| {
        if let Observation::ClusterStatus(word) = fact {
            Some(*word)
        } else {
            None
        }
    });
    let reads = check_states.iter().any(|of| of.check == CheckId::AgentLog);
    let lines = names::LOG_SOURCES.iter().filter(|_| reads).map(|source| {
        let mut counts = observations().filter_map(|fact| match fact {
            Observation::UnclassifiedLines(of, lines) if of == source => Some(*lines),
            _ => None,
        });
        ([*source], count(counts.next().unwrap_or(0)))
    });
    let received = observations().find_map(|fact| {
        if let Observation::SnapshotReceived(at) = fact {
            Some(*at)
        } else {
            None
        }
    });
    [
        family(
            names::CLUSTER_AGENT_STATUS,
            one_hot(agent, names::AGENT_STATUSES),
        ),
        family(
            names::CLUSTER_STATUS,
            one_hot(cluster, names::CLUSTER_STATUSES),
        ),
        family(names::UNCLASSIFIED_LINES, lines),
        family(
            names::AGENT_LAST_DELIVERY,
            received.map(|at| ([], whole_seconds(at))),
        ),
    ]
}

/// Metrics of watched cluster objects.
fn of_cluster(check_states: &[CheckState]) -> [MetricFamily; 7] {
    let observations = || {
        check_states
            .iter()
            .filter_map(|of| of.latest.as_ref())
            .flat_map(|latest| &latest.observations)
    };
    let restarts = check_states
        .iter()
        .find(|of| of.check == CheckId::AgentWorkload)
        .map(|of| of.counts.agent_restarts);
    let versions = observations().filter_map(|fact| match fact {
        Observation::AgentVersion(version) => Some(([version.as_str()], 1.0)),
        _ => None,
    });
    let replicas = observations().filter_map(|fact| match fact {
        Observation::AgentReplicas(state, count) => Some(([*state], f64::from(*count))),
        _ => None,
    });
    let pods = observations().filter_map(|fact| match fact {
        Observation::AgentPods(exporter, count) => Some(([*exporter], f64::from(*count))),
        _ => None,
    });
    let nodes = || {
        observations().filter_map(|fact| {
            if let Observation::Nodes(kind, count) = fact {
                Some((*kind, *count))
            } else {
                None
            }
        })
    };
    let images = observations().filter_map(|fact| match fact {
        Observation::ImagePullFailures(registry, mode, count) => {
            Some(([*registry, mode.label()], f64::from(*count)))
        }
        _ => None,
    });
    let unresolved = nodes()
        .find(|(kind, _)| *kind == UNRESOLVED)
        .map(|(_, count)| ([], f64::from(count)));
    [
        family(names::AGENT_INFO, versions),
        family(names::AGENT_REPLICAS, replicas),
        family(names::AGENT_PODS, pods),
        family(
            names::AGENT_RESTARTS,
            restarts.map(|total| ([], count(total))),
        ),
        family(
            names::NODES,
            nodes().map(|(kind, count)| ([kind], f64::from(count))),
        ),
        family(names::NODES_UNRESOLVED, unresolved),
        family(names::IMAGE_PULL_FAILURES, images),
    ]
}

fn of_exporter(exporter: &Exporter) -> [MetricFamily; 5] {
    let stands = [
        exporter.vantage.label(),
        exporter.scope_label(),
        exporter.agent_environment.label(),
    ];
    let events = exporter.kube_events.into_iter().flat_map(|events| {
        let counts = [events.written, events.dropped].map(count);
        names::KUBE_EVENT_RESULTS
            .iter()
            .zip(counts)
            .map(|(result, count)| ([*result], count))
    });
    let built = [VERSION, REVISION, RUSTVERSION, std::env::consts::ARCH];
    [
        family(names::EXPORTER_INFO, [(stands, 1.0)]),
        family(names::BUILD_INFO, [(built, 1.0)]),
        family(
            names::RELOAD_SUCCESSFUL,
            [([], truth(exporter.reload.successful))],
        ),
        family(
            names::RELOAD_SUCCESS_TIME,
            [([], since_1970(exporter.reload.succeeded))],
        ),
        family(names::KUBE_EVENTS, events),
    ]
}

fn of_process(process: &Process) -> [MetricFamily; 7] {
    [
        (names::PROCESS_CPU, process.cpu_seconds),
        (names::PROCESS_RESIDENT, process.resident_bytes),
        (names::PROCESS_VIRTUAL, process.virtual_bytes),
        (names::PROCESS_OPEN_FDS, process.open_fds),
        (names::PROCESS_MAX_FDS, process.max_fds),
        (names::PROCESS_START_TIME, process.start_time),
        (names::PROCESS_THREADS, process.threads),
    ]
    .map(|(metric, value)| family(metric, value.map(|value| ([], value))))
}

/// Returns the first targets without repeated names: duplicate series would make the whole scrape
/// invalid.
fn distinct(targets: &[TargetReport]) -> impl Iterator<Item = &TargetReport> {
    let first = |(i, target): &(usize, &TargetReport)| {
        targets[..*i]
            .iter()
            .all(|other| other.target != target.target)
    };
    targets
        .iter()
        .enumerate()
        .filter(first)
        .map(|(_, target)| target)
        .take(MAX_TARGETS)
}

/// Sums the durations per phase; a phase may run twice in one attempt.
fn seconds_by_phase(target: &TargetReport) -> BTreeMap<&'static str, f64> {
    let mut sums = BTreeMap::new();
    for time in &target.phases {
        *sums.entry(time.phase.label()).or_insert(0.0) += time.duration.as_secs_f64();
    }
    sums
}

/// Returns the latest reading of each clock.
fn skews(check_states: &[CheckState]) -> BTreeMap<&'static str, f64> {
    let mut reports: Vec<_> = check_states
        .iter()
        .filter_map(|of| of.latest.as_ref())
        .collect();
    reports.sort_by_key(|report| report.at);
    reports
        .iter()
        .flat_map(|report| &report.dates)
        .map(|date| (date.source, date.skew))
        .collect()
}

/// Returns when the agent's AWS credentials expire: those from STS, or else what the agent would
/// exchange for them.
fn credentials_end(check_states: &[CheckState]) -> Option<i64> {
    let end = |check: CheckId| latest(check_states, check)?.credentials_expiry;
    end(CheckId::StsIdentity).or_else(|| end(CheckId::AwsCredentials))
}

/// Returns the identity that AWS last reported for the agent.
fn identity(check_states: &[CheckState]) -> Option<&AwsIdentity> {
    latest(check_states, CheckId::StsIdentity)?
        .identity
        .as_ref()
}

fn latest(check_states: &[CheckState], check: CheckId) -> Option<&Report> {
    check_states
        .iter()
        .find(|of| of.check == check)?
        .latest
        .as_deref()
}

fn truth(it_is: bool) -> f64 {
    f64::from(u8::from(it_is))
}

fn since_1970(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn count(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn whole_seconds(value: i64) -> f64 {
    value as f64
}
