//! The metrics: names, types, labels and help texts.

use crate::catalogue::check::{CheckId, Need, Phase, Status};
use crate::catalogue::mode::FailureMode;

/// The prefix of every metric of ours; `process_*` has none, as in every exporter.
pub const PREFIX: &str = "castai_health_";

/// Upper bounds of the phase histogram in seconds; 5 and 10 are limits of the agent.
pub const PHASE_BUCKETS: [f64; 10] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];

/// At most so many targets of one check have series.
pub const MAX_TARGETS: usize = 10;

/// The type of a metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Observations in the buckets of [`PHASE_BUCKETS`].
    Histogram,
}

/// Which values a label takes.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// The labels of [`Check::ALL`].
    Checks,
    /// The labels of [`FailureMode::ALL`].
    Modes,
    /// The labels of [`Status::ALL`].
    Statuses,
    /// The labels of [`Need::ALL`].
    Needs,
    /// The labels of [`Phase::ALL`].
    Phases,
    /// These words.
    Words(&'static [&'static str]),
    /// Addresses, at most [`MAX_TARGETS`] of a check.
    Targets,
    /// One value in the life of a process; says which.
    Constant(&'static str),
    /// One value at a time; says which.
    OneOf(&'static str),
}

/// A label and the values it takes.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: Values,
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// The name without [`PREFIX`].
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [Label],
    /// The unit, where it has one.
    pub unit: Option<&'static str>,
    /// The help text.
    pub help: &'static str,
}

const CHECK: Label = Label {
    name: "check",
    values: Values::Checks,
};
const PHASE: Label = Label {
    name: "phase",
    values: Values::Phases,
};
const TARGET: Label = Label {
    name: "target",
    values: Values::Targets,
};
const SECONDS: Option<&str> = Some("seconds");
const BYTES: Option<&str> = Some("bytes");

macro_rules! metrics {
    ($( $id:ident = $kind:ident $name:literal [$($label:expr),*] $unit:expr, $help:literal; )+) => {
        $( #[doc = concat!("`", $name, "`")] pub const $id: &Metric =
            &Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], unit: $unit, help: $help }; )+

        /// Every metric, in the order of `/metrics`.
        pub const METRICS: &[&Metric] = &[$($id),+];
    };
}

metrics! {
    CHECK_STATUS = Gauge "check_status" [CHECK, Label { name: "status", values: Values::Statuses }] None,
        "1 for the status that the check has now, 0 for the others; unknown before the first verdict.";
    FAILURE = Gauge "failure" [CHECK, Label { name: "mode", values: Values::Modes }] None,
        "1 for each failure mode that holds now, as settled in the episode and kept while the check is unknown; absent otherwise.";
    CHECK_NEED = Gauge "check_need" [CHECK, Label { name: "need", values: Values::Needs }] None,
        "1 for what the agent needs the check for (start: it cannot work without; feature: something is worse without), 0 for the others.";
    CHECK_ATTEMPTS = Counter "check_attempts_total" [CHECK] None,
        "Attempts that examined something; unknown and not_applicable do not count.";
    CHECK_FAILURES = Counter "check_failures_total" [CHECK] None,
        "Attempts that found the check failing.";
    CHECK_PANICS = Counter "check_panics_total" [CHECK] None,
        "Attempts that ended in a bug of this program.";
    CHECK_DISTURBED = Counter "check_disturbed_total" [CHECK] None,
        "Attempts during which this process itself was throttled or late.";
    PHASE_DURATION = Histogram "phase_duration_seconds" [CHECK, PHASE] SECONDS,
        "How long a phase took on the way to the targets that the agent uses; time-outs count with the time they took, quick failures do not.";
    TARGET_PHASE = Gauge "target_phase_seconds" [CHECK, TARGET, PHASE] SECONDS,
        "How long the phase took in the last attempt, or had taken when it was given up.";
    TARGET_UP = Gauge "target_up" [CHECK, TARGET] None,
        "1 when nothing was wrong with the target in the last attempt, else 0.";
    LAST_ATTEMPT = Gauge "check_last_attempt_timestamp_seconds" [CHECK] SECONDS,
        "When the last attempt ended that examined something.";
    LAST_SUCCESS = Gauge "check_last_success_timestamp_seconds" [CHECK] SECONDS,
        "When the check was last ok or warning.";
    EPISODE_START = Gauge "check_episode_start_timestamp_seconds" [CHECK] SECONDS,
        "When the check began to fail; absent unless an episode is open, which lasts until it is ok or not_applicable.";
    CHECK_INTERVAL = Gauge "check_interval_seconds" [CHECK] SECONDS,
        "The time between two attempts.";
    CERTIFICATE_NOT_AFTER = Gauge "tls_certificate_not_after_timestamp_seconds" [CHECK, TARGET] SECONDS,
        "When the certificate that the target presents ends; also when its verification failed.";
    CLOCK_SKEW = Gauge "clock_skew_seconds" [Label { name: "source", values: Values::Words(CLOCK_SOURCES) }] SECONDS,
        "This clock minus the clock of the server that dated its answer.";
    AWS_CREDENTIALS_EXPIRY = Gauge "aws_credentials_expiry_timestamp_seconds" [] SECONDS,
        "When the agent's AWS credentials, or the token that it exchanges for them, end; absent where they have no end that is known here.";
    CLUSTER_AGENT_STATUS = Gauge "cluster_agent_status" [Label { name: "status", values: Values::Words(AGENT_STATUSES) }] None,
        "1 for the status of the agent that CAST AI tells, 0 for the others; absent until it told.";
    CLUSTER_STATUS = Gauge "cluster_status" [Label { name: "status", values: Values::Words(CLUSTER_STATUSES) }] None,
        "1 for the status of the cluster that CAST AI tells, 0 for the others; absent until it told.";
    AGENT_LAST_DELIVERY = Gauge "agent_last_delivery_timestamp_seconds" [] SECONDS,
        "When CAST AI last received a snapshot from the agent, by CAST AI's own word.";
    AWS_IDENTITY_INFO = Gauge "aws_identity_info" [
        Label { name: "account", values: Values::OneOf("account that AWS takes the agent for, twelve digits") },
        Label { name: "role", values: Values::OneOf("role or user that AWS takes the agent for") },
        Label { name: "credential_source", values: Values::Words(CREDENTIAL_SOURCES) }
    ] None,
        "Who AWS says the agent is, and where its credentials come from; absent until AWS has said so.";
    AGENT_INFO = Gauge "agent_info" [Label { name: "version", values: Values::Constant("tag of the agent's image") }] None,
        "The version of the agent that is installed.";
    AGENT_REPLICAS = Gauge "agent_replicas" [Label { name: "state", values: Values::Words(REPLICA_STATES) }] None,
        "Pods of the agent that its Deployment wants, and that are of its present template, ready, available.";
    AGENT_PODS = Gauge "agent_pods" [Label { name: "exporter", values: Values::Words(EXPORTER_IN_POD) }] None,
        "Pods of the agent by whether this exporter stands in them; where it does not, it is missing only if it was told that it is expected there.";
    AGENT_RESTARTS = Counter "agent_restarts_total" [] None,
        "Restarts of containers of the agent since this process began, over all of its pods.";
    COMPONENT_FAILURE = Gauge "component_failure" [
        Label { name: "component", values: Values::Words(COMPONENTS) }, Label { name: "mode", values: Values::Modes }
    ] None,
        "1 for each failure mode of another component of CAST AI that holds now; absent otherwise.";
    NODES = Gauge "nodes" [Label { name: "lifecycle", values: Values::Words(LIFECYCLES) }] None,
        "Nodes by purchase option, as the agent decides it by their labels; of those that are unresolved only EC2 can tell.";
    NODES_UNRESOLVED = Gauge "nodes_lifecycle_unresolved" [] None,
        "Nodes whose purchase option only EC2 can tell: without EC2 the agent takes them for on-demand.";
    IMAGE_PULL_FAILURES = Gauge "image_pull_failures" [
        Label { name: "registry", values: Values::Words(REGISTRIES) }, Label { name: "mode", values: Values::Modes }
    ] None,
        "Containers that wait for their image in vain now, by kind of registry; absent where there are none.";
    UNCLASSIFIED_LINES = Counter "unclassified_lines_total" [Label { name: "source", values: Values::Words(LOG_SOURCES) }] None,
        "Lines of the agent's log that tell of a fault which no rule knows, by container.";
    EXPORTER_INFO = Gauge "exporter_info" [
        Label { name: "vantage", values: Values::Words(&["sidecar", "companion"]) },
        Label { name: "scope", values: Values::Words(&["all", "pod", "cluster"]) },
        Label { name: "agent_environment", values: Values::Words(&["own", "pod", "deployment", "none"]) }
    ] None,
        "Where this process stands, which checks it runs, and where it read the agent's environment.";
    BUILD_INFO = Gauge "build_info" [
        Label { name: "version", values: Values::Constant("version of this program") },
        Label { name: "revision", values: Values::Constant("commit it was built from") },
        Label { name: "rustversion", values: Values::Constant("compiler it was built with") },
        Label { name: "arch", values: Values::Constant("processor it was built for") }
    ] None,
        "What this program was built from.";
    RELOAD_SUCCESSFUL = Gauge "config_last_reload_successful" [] None,
        "1 when the configuration was read without a problem the last time, else 0.";
    RELOAD_SUCCESS_TIME = Gauge "config_last_reload_success_timestamp_seconds" [] SECONDS,
        "When the configuration was last read without a problem.";
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

/// Stands for every word that CAST AI may come to use and that is not known here.
pub const OTHER: &str = "other";

/// What CAST AI says of an agent: `agentStatus` of its API.
pub const AGENT_STATUSES: &[&str] = &[
    "waiting-connection",
    "online",
    "non-responding",
    "disconnected",
    "disconnecting",
    OTHER,
];

/// What CAST AI says of a cluster: `status` of its API.
pub const CLUSTER_STATUSES: &[&str] = &[
    "connecting",
    "ready",
    "warning",
    "failed",
    "deleting",
    "deleted",
    "hibernating",
    "hibernated",
    "resuming",
    "archived",
    OTHER,
];

/// The metric with this name, [`PREFIX`] left off.
pub fn named(name: &str) -> Option<&'static Metric> {
    METRICS.iter().copied().find(|metric| metric.name == name)
}

/// What of its pods a Deployment counts.
pub const REPLICA_STATES: &[&str] = &["desired", "updated", "ready", "available"];

/// Whether the exporter is in a pod of the agent.
pub const EXPORTER_IN_POD: &[&str] = &["present", "missing", "not_expected"];

/// What the agent takes a node for.
pub const LIFECYCLES: &[&str] = &["on_demand", "spot", "unresolved"];

/// The kinds of registries that images come from.
pub const REGISTRIES: &[&str] = &[
    "acr",
    "ecr",
    "gar",
    "gcr",
    "dockerhub",
    "quay",
    "ghcr",
    "mcr",
    "k8s",
    "other",
];

/// CAST AI's components beside the agent and the cluster controller: the names of their workloads without `castai-`.
pub const COMPONENTS: &[&str] = &[
    "agent-cpvpa",
    "evictor",
    "spot-handler",
    "pod-mutator",
    "pod-pinner",
    "workload-autoscaler",
    "workload-autoscaler-exporter",
    "kvisor-agent",
    "kvisor-controller",
    "castware-operator",
    "live",
    "egressd",
    "watchdog",
    "hibernate",
    "kentroller",
    "node-storage-agent",
    "gpu-metrics-exporter",
    "omni-agent",
];

/// The containers whose log is read.
pub const LOG_SOURCES: &[&str] = &["agent", "monitor"];

/// Whose clocks are read.
pub const CLOCK_SOURCES: &[&str] = &["apiserver", "castai_api", "sts"];

/// Where the agent's AWS credentials may come from.
pub const CREDENTIAL_SOURCES: &[&str] = &["static", "web_identity", "profile", "container", "imds"];

impl Metric {
    /// The name as Prometheus sees it.
    pub fn full_name(&self) -> String {
        let prefix = if self.name.starts_with("process_") {
            ""
        } else {
            PREFIX
        };
        format!("{prefix}{}", self.name)
    }
}

impl Kind {
    /// The word for it, as in the exposition format.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Values {
    /// The closed list, where there is one.
    pub fn closed(self) -> Option<Vec<&'static str>> {
        match self {
            Self::Checks => Some(CheckId::ALL.iter().map(|check| check.label()).collect()),
            Self::Modes => Some(FailureMode::ALL.iter().map(|mode| mode.label()).collect()),
            Self::Statuses => Some(Status::ALL.iter().map(|status| status.label()).collect()),
            Self::Needs => Some(Need::ALL.iter().map(|need| need.label()).collect()),
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
    fn names_follow_the_conventions_of_prometheus() {
        for metric in METRICS {
            let name = metric.full_name();
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{name}"
            );
            assert_eq!(
                name.ends_with("_total"),
                metric.kind == Kind::Counter,
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
    fn no_name_is_used_twice() {
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
    }
}
