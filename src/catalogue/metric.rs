//! The metrics: names, types, labels and help texts.

mod label_words;

pub use label_words::{
    AGENT_STATUSES, CLOCK_SOURCES, CLUSTER_STATUSES, COMPONENTS, CREDENTIAL_SOURCES,
    EXPORTER_IN_POD, KUBE_EVENT_RESULTS, LIFECYCLES, LOG_SOURCES, OTHER, REGISTRIES,
    REPLICA_STATES,
};

use crate::catalogue::check::{CheckId, Status};
use crate::catalogue::mode::FailureMode;
use crate::catalogue::permission::{LEFT_OUT_REASONS, WATCHED_RESOURCES};
use crate::catalogue::phase::Phase;
use crate::catalogue::severity::Severity;

/// Prefix of every metric except `process_*`.
pub const PREFIX: &str = "castai_health_";

/// Upper bounds of the phase histogram in seconds; 5 and 10 are timeouts of the agent.
pub const PHASE_BUCKETS: [f64; 10] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];

/// Maximum number of targets of one check that have series.
pub const MAX_TARGETS: usize = 10;

/// The type of a metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricKind {
    /// Only increases.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations in the buckets of [`PHASE_BUCKETS`].
    Histogram,
}

/// The values of a label.
#[derive(Clone, Copy, Debug)]
pub enum LabelValues {
    /// The labels of [`CheckId::ALL`].
    Checks,
    /// The labels of [`FailureMode::ALL`].
    Modes,
    /// The labels of [`Status::ALL`].
    Statuses,
    /// The labels of [`Severity::OF_FAILURES`].
    Severities,
    /// The labels of [`CheckId::ALL`], or empty.
    Causes,
    /// The labels of [`Phase::ALL`].
    Phases,
    /// One of these words.
    Words(&'static [&'static str]),
    /// Addresses, at most [`MAX_TARGETS`] for each check.
    Targets,
    /// One value for the life of the process, described here.
    Constant(&'static str),
    /// One value at a time, described here.
    OneOf(&'static str),
}

/// A label and its values.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: LabelValues,
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// The name without [`PREFIX`].
    pub name: &'static str,
    /// Its type.
    pub kind: MetricKind,
    /// Its labels.
    pub labels: &'static [Label],
    /// The unit, if it has one.
    pub unit: Option<&'static str>,
    /// The help text.
    pub help: &'static str,
}

const CHECK: Label = Label {
    name: "check",
    values: LabelValues::Checks,
};
const MODE: Label = Label {
    name: "mode",
    values: LabelValues::Modes,
};
const SEVERITY: Label = Label {
    name: "severity",
    values: LabelValues::Severities,
};
const CAUSED_BY: Label = Label {
    name: "caused_by",
    values: LabelValues::Causes,
};
const PHASE: Label = Label {
    name: "phase",
    values: LabelValues::Phases,
};
const TARGET: Label = Label {
    name: "target",
    values: LabelValues::Targets,
};
const SECONDS: Option<&str> = Some("seconds");
const BYTES: Option<&str> = Some("bytes");

macro_rules! metrics {
    ($( $id:ident = $kind:ident $name:literal [$($label:expr),*] $unit:expr, $help:literal; )+) => {
        $( #[doc = concat!("`", $name, "`")] pub const $id: &Metric =
            &Metric { name: $name, kind: MetricKind::$kind, labels: &[$($label),*], unit: $unit, help: $help }; )+

        /// Every metric, in the order of `/metrics`.
        pub const METRICS: &[&Metric] = &[$($id),+];
    };
}

metrics! {
    CHECK_STATUS = Gauge "check_status" [CHECK, Label { name: "status", values: LabelValues::Statuses }] None,
        "Whether this is the current status of the check; unknown before the first verdict.";
    FAILURE = Gauge "failure" [CHECK, MODE, SEVERITY, CAUSED_BY] None,
        "1 for each failure that holds now; settled over the attempts of an episode and kept while the check is unknown. caused_by is the check whose failure explains this one, empty for a root cause.";
    CHECK_UNKNOWN = Gauge "check_unknown" [CHECK, CAUSED_BY] None,
        "1 for each check without a result although the agent needs what it tests. caused_by is the check whose failure blocks it, empty if none does.";
    CHECK_STALLED = Gauge "check_stalled" [CHECK] None,
        "1 for each check whose last attempt is older than 10 intervals and 15 minutes, compared with those of the other checks.";
    CHECK_ATTEMPTS = Counter "check_attempts_total" [CHECK] None,
        "Number of attempts that tested the target; unknown and not_applicable do not count.";
    CHECK_FAILURES = Counter "check_failures_total" [CHECK] None,
        "Number of attempts after which the check was failing.";
    CHECK_PANICS = Counter "check_panics_total" [CHECK] None,
        "Number of attempts that panicked because of a bug in this program; absent before the first.";
    CHECK_THROTTLED = Counter "check_throttled_total" [CHECK] None,
        "Number of attempts during which this process was CPU-throttled or delayed; absent before the first.";
    PHASE_DURATION = Histogram "phase_duration_seconds" [CHECK, PHASE] SECONDS,
        "Duration of a phase of the connection to the targets that the agent uses. Timeouts count with the time they took, immediate failures do not count.";
    TARGET_PHASE = Gauge "target_phase_duration_seconds" [CHECK, TARGET, PHASE] SECONDS,
        "Duration of a phase in the last attempt, up to the timeout if it did not finish.";
    TARGET_UP = Gauge "target_up" [CHECK, TARGET] None,
        "Whether the last attempt found no problem with the target.";
    LAST_ATTEMPT = Gauge "check_last_attempt_timestamp_seconds" [CHECK] SECONDS,
        "Unix time of the last completed attempt that tested the target.";
    LAST_SUCCESS = Gauge "check_last_success_timestamp_seconds" [CHECK] SECONDS,
        "Unix time of the last result that was ok or warning.";
    EPISODE_START = Gauge "check_episode_start_timestamp_seconds" [CHECK] SECONDS,
        "Unix time of the first failing attempt of the open episode; absent once the check is ok or not_applicable.";
    CHECK_INTERVAL = Gauge "check_interval_seconds" [CHECK] SECONDS,
        "Interval between two attempts.";
    CERTIFICATE_NOT_AFTER = Gauge "tls_certificate_not_after_timestamp_seconds" [CHECK, TARGET] SECONDS,
        "Unix time at which the certificate presented by the target expires, even if its verification failed.";
    CLOCK_SKEW = Gauge "clock_skew_seconds" [Label { name: "source", values: LabelValues::Words(CLOCK_SOURCES) }] SECONDS,
        "Difference between the clock of this node and that of the server, positive if this clock is ahead.";
    AWS_CREDENTIALS_EXPIRY = Gauge "aws_credentials_expiry_timestamp_seconds" [] SECONDS,
        "Unix time at which the agent's AWS credentials, or the token exchanged for them, expire; absent if no expiry is known.";
    CLUSTER_AGENT_STATUS = Gauge "cluster_agent_status" [Label { name: "status", values: LabelValues::Words(AGENT_STATUSES) }] None,
        "Whether this is the agent's status reported by CAST AI; absent until CAST AI has reported one.";
    CLUSTER_STATUS = Gauge "cluster_status" [Label { name: "status", values: LabelValues::Words(CLUSTER_STATUSES) }] None,
        "Whether this is the cluster's status reported by CAST AI; absent until CAST AI has reported one.";
    AGENT_LAST_DELIVERY = Gauge "agent_last_delivery_timestamp_seconds" [] SECONDS,
        "Unix time of the last snapshot that CAST AI received from the agent, as reported by CAST AI.";
    AWS_IDENTITY_INFO = Gauge "aws_identity_info" [
        Label { name: "account", values: LabelValues::OneOf("account of the agent's identity at AWS, twelve digits") },
        Label { name: "role", values: LabelValues::OneOf("role or user of the agent's identity at AWS") },
        Label { name: "credential_source", values: LabelValues::Words(CREDENTIAL_SOURCES) }
    ] None,
        "Identity that the agent has at AWS, and the source of its credentials; absent until AWS has confirmed it.";
    AGENT_INFO = Gauge "agent_info" [Label { name: "version", values: LabelValues::Constant("tag of the agent's image") }] None,
        "Version of the agent that is installed.";
    AGENT_REPLICAS = Gauge "agent_replicas" [Label { name: "state", values: LabelValues::Words(REPLICA_STATES) }] None,
        "Number of the agent's pods by state: desired by its Deployment, updated to its current template, ready, available.";
    AGENT_PODS = Gauge "agent_pods" [Label { name: "exporter", values: LabelValues::Words(EXPORTER_IN_POD) }] None,
        "Number of the agent's pods by whether they have the exporter sidecar; a pod counts as missing it only if a sidecar is expected there.";
    AGENT_RESTARTS = Counter "agent_restarts_total" [] None,
        "Number of container restarts over all pods of the agent since this process started.";
    COMPONENT_FAILURE = Gauge "component_failure" [
        Label { name: "component", values: LabelValues::Words(COMPONENTS) }, MODE, SEVERITY, CAUSED_BY
    ] None,
        "1 for each failure of another CAST AI component that holds now, with the labels of the failure.";
    NODES = Gauge "nodes" [Label { name: "lifecycle", values: LabelValues::Words(LIFECYCLES) }] None,
        "Number of nodes by purchase option as the agent derives it from their labels; only EC2 knows the option of unresolved nodes.";
    NODES_UNRESOLVED = Gauge "nodes_lifecycle_unresolved" [] None,
        "Number of nodes whose purchase option only EC2 knows; without EC2 the agent treats them as on-demand.";
    IMAGE_PULL_FAILURES = Gauge "image_pull_failures" [
        Label { name: "registry", values: LabelValues::Words(REGISTRIES) }, Label { name: "mode", values: LabelValues::Modes }
    ] None,
        "Number of containers that currently cannot pull their image, by kind of registry; absent if there are none.";
    OBJECTS_LEFT_OUT = Gauge "watched_objects_left_out" [
        CHECK,
        Label { name: "resource", values: LabelValues::Words(WATCHED_RESOURCES) },
        Label { name: "reason", values: LabelValues::Words(LEFT_OUT_REASONS) }
    ] None,
        "Number of Kubernetes objects that a check leaves out because they are unreadable, too large, or more than fit into memory; absent if there are none.";
    UNCLASSIFIED_LINES = Counter "unclassified_lines_total" [Label { name: "source", values: LabelValues::Words(LOG_SOURCES) }] None,
        "Number of log lines of the agent, by container, that report a failure of no known mode.";
    EXPORTER_INFO = Gauge "exporter_info" [
        Label { name: "vantage", values: LabelValues::Words(&["sidecar", "companion"]) },
        Label { name: "scope", values: LabelValues::Words(&["all", "pod", "cluster"]) },
        Label { name: "agent_environment", values: LabelValues::Words(&["own", "pod", "deployment", "none"]) }
    ] None,
        "Vantage of this exporter, the scope of its checks, and the source of the agent's environment.";
    BUILD_INFO = Gauge "build_info" [
        Label { name: "version", values: LabelValues::Constant("version of this program") },
        Label { name: "revision", values: LabelValues::Constant("commit it was built from") },
        Label { name: "rustversion", values: LabelValues::Constant("compiler it was built with") },
        Label { name: "arch", values: LabelValues::Constant("processor it was built for") }
    ] None,
        "Version, revision, compiler and architecture that this program was built with.";
    RELOAD_SUCCESSFUL = Gauge "config_last_reload_successful" [] None,
        "Whether the last configuration reload succeeded.";
    RELOAD_SUCCESS_TIME = Gauge "config_last_reload_success_timestamp_seconds" [] SECONDS,
        "Unix time of the last successful configuration reload.";
    KUBE_EVENTS = Counter "kube_events_total" [
        Label { name: "result", values: LabelValues::Words(KUBE_EVENT_RESULTS) }
    ] None,
        "Number of Kubernetes Events for changes of root causes, written or dropped.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" [] SECONDS,
        "Total user and system CPU time spent in seconds.";
    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" [] BYTES,
        "Resident memory size in bytes.";
    PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" [] BYTES,
        "Virtual memory size in bytes.";
    PROCESS_OPEN_FDS = Gauge "process_open_fds" [] None,
        "Number of open file descriptors.";
    PROCESS_MAX_FDS = Gauge "process_max_fds" [] None,
        "Maximum number of open file descriptors.";
    PROCESS_START_TIME = Gauge "process_start_time_seconds" [] SECONDS,
        "Start time of the process since unix epoch in seconds.";
    PROCESS_THREADS = Gauge "process_threads" [] None,
        "Number of OS threads in the process.";
}

/// Returns the metric with this name, without [`PREFIX`].
pub fn by_name(name: &str) -> Option<&'static Metric> {
    METRICS.iter().copied().find(|metric| metric.name == name)
}

impl Metric {
    /// Returns the full name, including the prefix.
    pub fn full_name(&self) -> String {
        let prefix = if self.name.starts_with("process_") {
            ""
        } else {
            PREFIX
        };
        format!("{prefix}{}", self.name)
    }
}

impl MetricKind {
    /// Returns the type as the exposition format spells it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl LabelValues {
    /// Returns all values, if the list is closed.
    pub fn closed(self) -> Option<Vec<&'static str>> {
        match self {
            Self::Checks => Some(CheckId::ALL.iter().map(|check| check.label()).collect()),
            Self::Modes => Some(FailureMode::ALL.iter().map(|mode| mode.label()).collect()),
            Self::Statuses => Some(Status::ALL.iter().map(|status| status.label()).collect()),
            Self::Severities => {
                let all = Severity::OF_FAILURES.iter();
                Some(all.map(|severity| severity.label()).collect())
            }
            Self::Causes => {
                let checks = CheckId::ALL.iter().map(|check| check.label());
                Some(checks.chain([""]).collect())
            }
            Self::Phases => Some(Phase::ALL.iter().map(|phase| phase.label()).collect()),
            Self::Words(words) => Some(words.to_vec()),
            Self::Targets | Self::Constant(_) | Self::OneOf(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_names_follow_prometheus_conventions() {
        for metric in METRICS {
            let name = metric.full_name();
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{name}"
            );
            assert_eq!(
                name.ends_with("_total"),
                metric.kind == MetricKind::Counter,
                "{name}"
            );
            if let Some(unit) = metric.unit {
                assert!(
                    name.trim_end_matches("_total").ends_with(unit),
                    "{name} is in {unit}"
                );
            }
            assert!(
                metric.help.ends_with('.') && !metric.help.contains('\n'),
                "{name}: {}",
                metric.help
            );
        }
    }

    #[test]
    fn metric_names_are_unique() {
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
    }
}
