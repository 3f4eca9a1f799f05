//! The board as Prometheus sees it.
//!
//! Invariant: a pure function of the standings and of facts about this process. It keeps nothing, so it cannot
//! disagree with the board. It writes what the catalogue lists and nothing else.

pub mod process;
mod series;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::TextEncoder;
use prometheus::proto::MetricFamily;

use crate::catalogue::metric::MAX_TARGETS;
use crate::catalogue::{CheckId, Need, Status, metric as names};
use crate::exporter::{Exporter, REVISION, RUSTVERSION, VERSION};
use crate::metrics::process::Process;
use crate::metrics::series::{family, histograms};
use crate::report::{AwsIdentity, Fact, Report, TargetReport};
use crate::state::Standing;

/// The content type of [`exposition`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The lifecycle of nodes of which only EC2 can tell.
const UNRESOLVED: &str = "unresolved";

/// Everything that Prometheus is told, in text format 0.0.4.
pub fn exposition(standings: &[Standing], exporter: &Exporter, process: &Process) -> String {
    let mut families = of_checks(standings);
    families.extend(of_targets(standings));
    families.extend(of_facts(standings));
    families.extend(of_cluster(standings));
    families.extend(of_exporter(exporter));
    families.extend(of_process(process));
    families.retain(|family| !family.get_metric().is_empty());
    let mut text = String::with_capacity(32 * 1024);
    TextEncoder::new()
        .encode_utf8(&families, &mut text)
        .expect("every family has a name, a series and a valid type");
    text
}

fn of_checks(standings: &[Standing]) -> Vec<MetricFamily> {
    let one = |value: fn(&Standing) -> Option<f64>| {
        standings
            .iter()
            .filter_map(move |of| value(of).map(|value| ([of.check.label()], value)))
    };
    let statuses = standings.iter().flat_map(|of| {
        let now = of.status();
        Status::ALL
            .iter()
            .map(move |status| ([of.check.label(), status.label()], truth(*status == now)))
    });
    let needs = standings.iter().flat_map(|of| {
        Need::ALL
            .iter()
            .map(move |need| ([of.check.label(), need.label()], truth(*need == of.need)))
    });
    let failures = standings.iter().flat_map(|of| {
        of.settled
            .modes()
            .iter()
            .map(|mode| ([of.check.label(), mode.label()], 1.0))
    });
    let phases = standings.iter().flat_map(|of| {
        of.counts
            .phases
            .iter()
            .map(|count| ([of.check.label(), count.phase.label()], count))
    });
    vec![
        family(names::CHECK_STATUS, statuses),
        family(names::FAILURE, failures),
        family(names::CHECK_NEED, needs),
        family(
            names::CHECK_ATTEMPTS,
            one(|of| Some(count(of.counts.attempts))),
        ),
        family(
            names::CHECK_FAILURES,
            one(|of| Some(count(of.counts.failures))),
        ),
        family(names::CHECK_PANICS, one(|of| Some(count(of.counts.panics)))),
        family(
            names::CHECK_DISTURBED,
            one(|of| Some(count(of.counts.disturbed))),
        ),
        histograms(names::PHASE_DURATION, phases),
        family(
            names::LAST_ATTEMPT,
            one(|of| of.last_attempt.map(since_1970)),
        ),
        family(
            names::LAST_SUCCESS,
            one(|of| of.last_success.map(since_1970)),
        ),
        family(
            names::EPISODE_START,
            one(|of| {
                of.settled
                    .episode()
                    .map(|episode| since_1970(episode.began))
            }),
        ),
        family(
            names::CHECK_INTERVAL,
            one(|of| Some(of.interval.as_secs_f64())),
        ),
    ]
}

fn of_targets(standings: &[Standing]) -> Vec<MetricFamily> {
    let targets: Vec<(&str, &TargetReport)> = standings
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
    vec![
        family(names::TARGET_PHASE, phases),
        family(names::TARGET_UP, up),
        family(names::CERTIFICATE_NOT_AFTER, not_after),
        family(
            names::CLOCK_SKEW,
            skews(standings)
                .into_iter()
                .map(|(source, skew)| ([source], skew)),
        ),
        family(
            names::AWS_CREDENTIALS_EXPIRY,
            credentials_end(standings).map(|at| ([], whole_seconds(at))),
        ),
        family(
            names::AWS_IDENTITY_INFO,
            identity(standings).map(|of| ([of.account.as_str(), &of.role, of.source], 1.0)),
        ),
    ]
}

/// What the latest reports saw beside their verdicts.
fn of_facts(standings: &[Standing]) -> [MetricFamily; 4] {
    let facts = || {
        standings
            .iter()
            .filter_map(|of| of.latest.as_ref())
            .flat_map(|report| &report.facts)
    };
    let one_hot = |word: Option<&'static str>, words: &'static [&'static str]| {
        word.into_iter().flat_map(|word| {
            words
                .iter()
                .map(move |known| ([*known], truth(*known == word)))
        })
    };
    let agent = facts().find_map(|fact| {
        if let Fact::AgentStatus(word) = fact {
            Some(*word)
        } else {
            None
        }
    });
    let cluster = facts().find_map(|fact| {
        if let Fact::ClusterStatus(word) = fact {
            Some(*word)
        } else {
            None
        }
    });
    let reads = standings.iter().any(|of| of.check == CheckId::AgentLog);
    let lines = names::LOG_SOURCES.iter().filter(|_| reads).map(|source| {
        let mut counts = facts().filter_map(|fact| match fact {
            Fact::UnclassifiedLines(of, lines) if of == source => Some(*lines),
            _ => None,
        });
        ([*source], count(counts.next().unwrap_or(0)))
    });
    let received = facts().find_map(|fact| {
        if let Fact::SnapshotReceived(at) = fact {
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

/// What is watched in the cluster.
fn of_cluster(standings: &[Standing]) -> [MetricFamily; 8] {
    let facts = || {
        standings
            .iter()
            .filter_map(|of| of.latest.as_ref())
            .flat_map(|latest| &latest.facts)
    };
    let restarts = standings
        .iter()
        .find(|of| of.check == CheckId::AgentWorkload)
        .map(|of| of.counts.agent_restarts);
    let versions = facts().filter_map(|fact| match fact {
        Fact::AgentVersion(version) => Some(([version.as_str()], 1.0)),
        _ => None,
    });
    let replicas = facts().filter_map(|fact| match fact {
        Fact::AgentReplicas(state, count) => Some(([*state], f64::from(*count))),
        _ => None,
    });
    let pods = facts().filter_map(|fact| match fact {
        Fact::AgentPods(exporter, count) => Some(([*exporter], f64::from(*count))),
        _ => None,
    });
    let components = facts().filter_map(|fact| match fact {
        Fact::ComponentFailure(component, mode) => Some(([*component, mode.label()], 1.0)),
        _ => None,
    });
    let nodes = || {
        facts().filter_map(|fact| {
            if let Fact::Nodes(kind, count) = fact {
                Some((*kind, *count))
            } else {
                None
            }
        })
    };
    let images = facts().filter_map(|fact| match fact {
        Fact::ImagePullFailures(registry, mode, count) => {
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
        family(names::COMPONENT_FAILURE, components),
        family(
            names::NODES,
            nodes().map(|(kind, count)| ([kind], f64::from(count))),
        ),
        family(names::NODES_UNRESOLVED, unresolved),
        family(names::IMAGE_PULL_FAILURES, images),
    ]
}

fn of_exporter(exporter: &Exporter) -> [MetricFamily; 4] {
    let stands = [
        exporter.vantage.label(),
        exporter.scope_label(),
        exporter.agent_environment.label(),
    ];
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

/// The first targets, no name twice: two series with the same labels would make the whole scrape invalid.
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

/// A phase that was taken twice in one attempt counts with the sum.
fn seconds_by_phase(target: &TargetReport) -> BTreeMap<&'static str, f64> {
    let mut sums = BTreeMap::new();
    for time in &target.phases {
        *sums.entry(time.phase.label()).or_insert(0.0) += time.took.as_secs_f64();
    }
    sums
}

/// The newest reading of each clock.
fn skews(standings: &[Standing]) -> BTreeMap<&'static str, f64> {
    let mut reports: Vec<_> = standings
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

/// When the agent's AWS credentials end: those that STS gave, or else what the agent would exchange for them.
fn credentials_end(standings: &[Standing]) -> Option<i64> {
    let end = |check: CheckId| latest(standings, check)?.credentials_end;
    end(CheckId::StsIdentity).or_else(|| end(CheckId::AwsCredentials))
}

/// Who AWS said the agent is, the last time.
fn identity(standings: &[Standing]) -> Option<&AwsIdentity> {
    latest(standings, CheckId::StsIdentity)?.identity.as_ref()
}

fn latest(standings: &[Standing], check: CheckId) -> Option<&Report> {
    standings
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
