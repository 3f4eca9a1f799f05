//! The alerts that belong to no single failure mode: about the exporter itself, about silence, and about what adds up.

use std::time::Duration;

use crate::catalogue::check::CheckId;

/// How loud an alert is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// It always fires and tells nobody; its silence is the news.
    None,
    /// Looked at while something else is mended.
    Info,
    /// A ticket: the agent survives it, or something is worse.
    Warning,
    /// A page: the agent cannot do its work.
    Critical,
}

/// What is published about it.
#[derive(Debug)]
pub struct OwnAlertEntry {
    /// The name, which never changes.
    pub name: &'static str,
    /// How loud; of the error budget's four rules the loudest.
    pub severity: Severity,
    /// How long it must last.
    pub patience: Duration,
    /// One static sentence.
    pub summary: &'static str,
    /// What is the case when it fires; `{label}` stands for the value of a label.
    pub meaning: &'static str,
    /// What it means for the cluster.
    pub impact: &'static str,
    /// Commands that show the trouble from another side.
    pub diagnosis: &'static [&'static str],
    /// What mends it.
    pub remedy: &'static str,
}

/// The checks that have an objective, and so a budget for errors: those whose every failure is felt.
pub const OBJECTIVES: &[CheckId] = &[CheckId::Apiserver, CheckId::CastaiApi];

/// The share of attempts that must succeed.
pub const OBJECTIVE: f64 = 0.99;

macro_rules! own_alerts {
    ($( #[doc = $doc:literal] $alert:ident { $($field:ident: $value:expr,)+ } )+) => {
        /// One alert of this kind.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum OwnAlert { $( #[doc = $doc] $alert, )+ }

        impl OwnAlert {
            /// All of them, in the order of the runbook index.
            pub const ALL: &'static [Self] = &[$(Self::$alert),+];

            /// Everything published about it.
            pub const fn entry(self) -> &'static OwnAlertEntry {
                match self {$(
                    Self::$alert => const { &OwnAlertEntry { $($field: $value,)+ } },
                )+}
            }
        }
    };
}

impl OwnAlert {
    /// The alert with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|alert| alert.entry().name == name)
    }

    /// Those that say nothing new while this one fires in the same cluster and namespace.
    pub const fn mutes(self) -> &'static [Self] {
        match self {
            Self::Silent => &[Self::VantageSilent, Self::ExporterDown],
            Self::ExporterDown => &[Self::VantageSilent],
            _ => &[],
        }
    }
}

own_alerts! {
    /// Nothing is heard any more from a place where the agent was watched.
    Silent {
        name: "CastaiHealthSilent",
        severity: Severity::Critical,
        patience: Duration::from_mins(5),
        summary: "Nothing is heard any more from the exporter beside the CAST AI agent.",
        meaning: "No exporter of this cluster and namespace has been scraped for ten minutes, although one was within the last day. A sidecar vanishes together with the agent's pod, so the agent itself may be deleted, scaled to zero, or not schedulable; or this cluster's monitoring is cut off.",
        impact: "Nobody knows whether the agent works. If its pod is gone, CAST AI gets no snapshot, shows the cluster as not responding after about five minutes, and neither optimises nor heals it.",
        diagnosis: &[
            "kubectl -n castai-agent get deployments,pods -o wide",
            "kubectl -n castai-agent get events --sort-by=.lastTimestamp | tail -20",
            "helm list -n castai-agent",
        ],
        remedy: "Deployment missing: `helm repo update && helm upgrade castai-agent castai-helm/castai-agent -n castai-agent --reuse-values` makes it anew with the values it had while Helm still knows the release; else run the script of the Connect cluster screen again. Scaled to zero: `kubectl -n castai-agent scale deployment/castai-agent --replicas=1`. Pod pending: the events say which resource, taint or quota is in the way. Pod running: the exporter's container is missing or Prometheus cannot reach it; see Prometheus' page of targets. If every rule of this cluster is silent, its own Prometheus or the way from there to the central one is down. A cluster that was taken down on purpose: silence this alert for a day; it ends by itself.",
    }
    /// One of two exporters is gone.
    VantageSilent {
        name: "CastaiHealthVantageSilent",
        severity: Severity::Warning,
        patience: Duration::from_mins(5),
        summary: "One of the exporters that watch the CAST AI agent is gone.",
        meaning: "The exporter as {vantage} has not been scraped for ten minutes, although it was within the last day; the other one still speaks.",
        impact: "What only that place can see is not watched: the sidecar sees what the agent's own pod sees, the companion still speaks when the agent is gone.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -o wide",
            "kubectl -n castai-agent get pods -o jsonpath='{range .items[*]}{.metadata.name}{\": \"}{.spec.containers[*].name}{\"\\n\"}{end}'",
        ],
        remedy: "Sidecar: an upgrade of the agent may have taken the container away; install it again as the deployment notes say. If the agent's pod is gone, that is the trouble: `kubectl -n castai-agent get deployment castai-agent`. Companion: look at its Deployment and events. Taken away on purpose: silence this alert for a day; it ends by itself.",
    }
    /// A pod of the agent lacks the exporter that should be in it.
    SidecarMissing {
        name: "CastaiHealthSidecarMissing",
        severity: Severity::Warning,
        patience: Duration::from_mins(15),
        summary: "Pods of the CAST AI agent run without the exporter that should stand in them.",
        meaning: "A sidecar is expected in each pod of the agent, and for twenty minutes at least one pod has had none. A pod gets it when it is made, never later.",
        impact: "The agent is not affected. What only its own pod can tell (a node that cannot reach AWS, a token that was not mounted) is not watched for that pod; the companion still sees the rest.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o jsonpath='{range .items[*]}{.metadata.name}{\": \"}{.spec.containers[*].name}{\"\\n\"}{end}'",
            "kubectl get mutatingadmissionpolicy,mutatingadmissionpolicybinding castai-health-exporter",
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent --show-labels",
        ],
        remedy: "The pods are older than the policy: replace them one by one, as the chart's notes say: `for pod in $(kubectl -n castai-agent get pod -l app.kubernetes.io/name=castai-agent -o name); do kubectl -n castai-agent delete $pod; kubectl -n castai-agent rollout status deploy/castai-agent; done`. New pods have none either: the policy or its binding is gone (`helm upgrade` of castai-health-exporter brings them back), the namespace or the pods' labels are not those that the chart was told (`agent.namespace`, `sidecar.podLabels`), or a container of the agent takes the port 9878 (`port`). A pod that should have none: label it `castai-health-exporter/inject: \"false\"`.",
    }
    /// A target of the scrape does not answer.
    ExporterDown {
        name: "CastaiHealthExporterDown",
        severity: Severity::Warning,
        patience: Duration::from_mins(10),
        summary: "Prometheus knows the exporter beside the CAST AI agent but cannot scrape it.",
        meaning: "Every scrape of the job {job} failed for five minutes or more.",
        impact: "The agent is not watched; alerts that were firing are kept for a quarter of an hour.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -o wide",
            "kubectl -n castai-agent logs -l app.kubernetes.io/name=castai-health-exporter --tail=50",
            "kubectl -n castai-agent get networkpolicy",
        ],
        remedy: "Read the error on Prometheus' page of targets. Refused or timed out: is the container running, is its port (9878) named in the PodMonitor or annotation, does a NetworkPolicy let Prometheus in. 401 or a TLS error: the scrape must use what `--web.config.file` asks for.",
    }
    /// A check fails and no alert says why.
    CheckFailing {
        name: "CastaiCheckFailing",
        severity: Severity::Critical,
        patience: Duration::from_mins(20),
        summary: "Something that the CAST AI agent cannot work without fails, and no other alert says why.",
        meaning: "The check {check} has been failing for twenty minutes, and its cause changed too often for an alert of its own, or follows from a trouble that is not seen elsewhere.",
        impact: "The agent cannot work without what this check examines.",
        diagnosis: &[
            "castai-health-exporter check",
            "kubectl -n castai-agent get pods -o wide",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=15m | castai-health-exporter explain -",
        ],
        remedy: "The status page of the exporter shows the evidence of the last attempt and names its mode; `castai-health-exporter explain MODE` says what mends it. Modes that alternate have one cause on the way: a proxy, a firewall or a load balancer that treats connections differently.",
    }
    /// Too much of the budget for errors is used.
    ErrorBudgetBurn {
        name: "CastaiErrorBudgetBurn",
        severity: Severity::Critical,
        patience: Duration::from_mins(12),
        summary: "Too many attempts to reach what the CAST AI agent depends on fail, now and again.",
        meaning: "Of the attempts of the check {check}, more fail than an objective of 99 % allows, over {long} as over {short}; not long enough in a row for an alert that names the cause.",
        impact: "The agent reconnects and repeats; its snapshots are late, and it may lose its lease and restart.",
        diagnosis: &[
            "castai-health-exporter check --wait 5m",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=1h | castai-health-exporter explain -",
            "kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes",
        ],
        remedy: "The exporter's log has a line for each change with the mode and the evidence: see whether it is always the same address (one dead endpoint or proxy of several), always the same time (a job that saturates the node or the gateway), or one node (move the agent: `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`). The runbook section of the mode that recurs says what mends it.",
    }
    /// A check cannot find out.
    CheckUnknown {
        name: "CastaiHealthCheckUnknown",
        severity: Severity::Warning,
        patience: Duration::from_hours(1),
        summary: "A check of what the CAST AI agent depends on could not find out anything for an hour.",
        meaning: "The check {check} is unknown: it lacks a right, something it needs first, or a setting. It says neither that all is well nor that something is wrong.",
        impact: "A fault of what this check examines would not be noticed.",
        diagnosis: &[
            "castai-health-exporter check",
            "kubectl auth can-i --list --as system:serviceaccount:castai-agent:castai-agent -n castai-agent",
        ],
        remedy: "The status page of the exporter says why it is unknown, and names the right that is missing: grant it, or switch the check off in the exporter's file (`checks.<check>.enabled: false`).",
    }
    /// A check has stopped.
    CheckStalled {
        name: "CastaiHealthCheckStalled",
        severity: Severity::Warning,
        patience: Duration::from_mins(5),
        summary: "A check of what the CAST AI agent depends on has stopped running.",
        meaning: "The check {check} claims a result but has made no attempt for many times its interval.",
        impact: "What is shown of this check is old; a fault that began since would not be noticed.",
        diagnosis: &[
            "kubectl -n castai-agent logs -l app.kubernetes.io/name=castai-health-exporter --tail=100",
        ],
        remedy: "Restart the exporter's container. Please report it with the log: a check that stops is a bug of the exporter.",
    }
    /// A check's code panicked.
    CheckPanicked {
        name: "CastaiHealthCheckPanicked",
        severity: Severity::Warning,
        patience: Duration::ZERO,
        summary: "A check of what the CAST AI agent depends on ended in a bug of the exporter.",
        meaning: "The code of the check {check} panicked within the last quarter of an hour; the exporter goes on, and tries it again.",
        impact: "That check is unknown while it lasts.",
        diagnosis: &[
            "kubectl -n castai-agent logs -l app.kubernetes.io/name=castai-health-exporter --tail=200 | grep -i panic",
        ],
        remedy: "Upgrade the exporter; if it is the newest, report the line of the log. Until then switch the check off: `checks.<check>.enabled: false`.",
    }
    /// The process is starved.
    Disturbed {
        name: "CastaiHealthExporterDisturbed",
        severity: Severity::Info,
        patience: Duration::from_mins(30),
        summary: "The exporter beside the CAST AI agent gets too little CPU to judge time.",
        meaning: "In more than half of its attempts the check {check} was throttled or late itself.",
        impact: "Time-outs are noticed later, since such an attempt proves nothing; nothing else is affected.",
        diagnosis: &["kubectl -n castai-agent top pods --containers"],
        remedy: "Raise the exporter's CPU limit or take it away (its use is a few milliseconds a second), or move the pod off a node without spare CPU; the agent there suffers likewise.",
    }
    /// The configuration was refused.
    ReloadFailed {
        name: "CastaiHealthConfigReloadFailed",
        severity: Severity::Warning,
        patience: Duration::from_mins(10),
        summary: "The exporter beside the CAST AI agent refused its new configuration.",
        meaning: "The last reload failed; the exporter goes on with the configuration that it had.",
        impact: "What was meant to change has not changed, and after a restart the exporter would not start.",
        diagnosis: &[
            "castai-health-exporter --config.check",
            "kubectl -n castai-agent logs -l app.kubernetes.io/name=castai-health-exporter --tail=50 | grep -i config",
        ],
        remedy: "The log names file, line and key of every problem: correct them and reload.",
    }
    /// Errors that no rule knows.
    UnclassifiedLines {
        name: "CastaiHealthUnclassifiedErrors",
        severity: Severity::Info,
        patience: Duration::from_mins(10),
        summary: "The CAST AI agent reports errors that the exporter has no name for.",
        meaning: "Lines of {source} say that something failed, and no rule knows them.",
        impact: "Unknown: it may be harmless or new.",
        diagnosis: &[
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=1h | castai-health-exporter explain -",
        ],
        remedy: "Read the line in the exporter's log and judge by it. Please report it, without secrets, so that it gets a name.",
    }
    /// A certificate ends soon.
    CertificateExpiring {
        name: "CastaiCertificateExpiring",
        severity: Severity::Warning,
        patience: Duration::from_hours(1),
        summary: "A certificate that the CAST AI agent depends on ends within a week.",
        meaning: "A certificate presented to the check {check} ends within seven days.",
        impact: "From that day on the agent refuses the connection.",
        diagnosis: &[
            "castai-health-exporter check",
            "openssl s_client -connect HOST:PORT </dev/null 2>/dev/null | openssl x509 -noout -subject -issuer -dates",
        ],
        remedy: "Managed control planes and CAST AI renew their own certificates in time: if it is one of theirs, something in between presents it. Self-managed API server: `kubeadm certs check-expiration`, `kubeadm certs renew all`, then restart the control plane. A proxy's or filter's certificate: its owner has to renew it.",
    }
    /// The way from the rules to the people works.
    Watchdog {
        name: "CastaiHealthWatchdog",
        severity: Severity::None,
        patience: Duration::ZERO,
        summary: "The way from these rules to the receiver works.",
        meaning: "This alert always fires. Send it to a receiver that raises an alarm when it stops coming.",
        impact: "None; its absence would mean that no alert of these rules arrives.",
        diagnosis: &["amtool alert query alertname=CastaiHealthWatchdog"],
        remedy: "Nothing while it fires. When it stops: are Prometheus and Alertmanager running, are the rules loaded (Prometheus' page of rules), does the route of Alertmanager lead to the receiver.",
    }
}

impl Severity {
    /// The value of the label `severity`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
