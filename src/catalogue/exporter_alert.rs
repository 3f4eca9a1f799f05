//! Alerts that do not belong to one failure mode: about the exporter itself, missing data and error
//! budgets.

use std::time::Duration;

use crate::catalogue::check::CheckId;
use crate::catalogue::remedy::{Remedy, RemedyValues};
use crate::catalogue::severity::Severity;

/// The published row of an alert.
#[derive(Debug)]
pub struct ExporterAlertEntry {
    /// The name, which never changes after a release.
    pub name: &'static str,
    /// The severity; for the error budget, the highest of its four rules.
    pub severity: Severity,
    /// The `for` duration of the rule.
    pub for_duration: Duration,
    /// One static sentence that names the broken thing.
    pub summary: &'static str,
    /// The condition that it reports; `{label}` is replaced by the value of that label.
    pub meaning: &'static str,
    /// The impact on the cluster.
    pub impact: &'static str,
    /// Commands that confirm the problem independently of the exporter.
    pub diagnosis: &'static [&'static str],
    /// Remediation, most likely fix first; marked text of a [`Remedy`].
    pub remedy: &'static str,
}

/// The checks with an error budget: every failure of theirs affects the agent.
pub const SLO_CHECKS: &[CheckId] = &[CheckId::Apiserver, CheckId::CastaiApi];

/// The ratio of attempts that must succeed.
pub const SLO_TARGET: f64 = 0.99;

macro_rules! exporter_alerts {
    ($( #[doc = $doc:literal] $alert:ident { $($field:ident: $value:expr,)+ } )+) => {
        /// An alert that does not belong to one failure mode.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum ExporterAlert { $( #[doc = $doc] $alert, )+ }

        impl ExporterAlert {
            /// All of them, in the order of the runbook index.
            pub const ALL: &'static [Self] = &[$(Self::$alert),+];

            /// Returns the published row of this alert.
            pub const fn entry(self) -> &'static ExporterAlertEntry {
                match self {$(
                    Self::$alert => const { &ExporterAlertEntry { $($field: $value,)+ } },
                )+}
            }
        }
    };
}

impl ExporterAlert {
    /// Returns the remedy.
    pub fn remedy(self) -> Remedy {
        Remedy::new(self.entry().remedy, &RemedyValues::default())
    }

    /// Returns the alert with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|alert| alert.entry().name == name)
    }

    /// Returns whether users have to switch it on.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::Watchdog | Self::SameRootInManyClusters)
    }
}

exporter_alerts! {
    /// No exporter of a monitored cluster is scraped any more.
    ExporterAbsent {
        name: "CastaiHealthExporterAbsent",
        severity: Severity::Critical,
        for_duration: Duration::from_mins(5),
        summary: "The exporter that watches the CAST AI agent is gone.",
        meaning: "No exporter in this cluster and namespace has been scraped for ten minutes, although one was scraped within the last day. Either it does not run, or Prometheus cannot scrape it. A sidecar disappears together with the agent's pod, so the agent itself may be deleted, scaled to zero or unschedulable. Or this cluster's monitoring is cut off.",
        impact: "The agent's health is unknown. If its pod is gone, CAST AI receives no snapshots, shows the cluster as not responding after about five minutes, and stops optimising and healing it.",
        diagnosis: &[
            "kubectl -n castai-agent get deployments,pods -o wide",
            "kubectl -n castai-agent get events --sort-by=.lastTimestamp | tail -20",
            "helm list -n castai-agent",
        ],
        remedy: "Deployment missing: while Helm still has the release, recreate it with its \
            previous values; otherwise run the script from the Connect cluster screen again:\n\
            $ helm repo update\n\
            $ helm upgrade {release} castai-helm/castai-agent -n {namespace} --reuse-values\n\
            Scaled to zero:\n\
            $ kubectl -n {namespace} scale deployment/{deployment} --replicas=1\n\
            Pod pending: the events name the resource, taint or quota that blocks it. Pod running: \
            the exporter's container is missing or Prometheus cannot reach it; the Targets page of \
            Prometheus shows the error. Connection refused or timed out: check that the PodMonitor \
            or annotation names the port (9878), and that no NetworkPolicy blocks Prometheus. 401 \
            or a TLS error: configure the scrape with the credentials or certificate that \
            `--web.config.file` requires. If no rule of this cluster returns data, its own \
            Prometheus or the connection from it to the central one is down. If the cluster was \
            removed on purpose, silence this alert for a day; it then resolves by itself.",
    }
    /// One of two exporters is no longer scraped.
    VantageAbsent {
        name: "CastaiHealthVantageAbsent",
        severity: Severity::Warning,
        for_duration: Duration::from_mins(5),
        summary: "One of the two exporters that watch the CAST AI agent is gone.",
        meaning: "The {vantage} exporter has not been scraped for ten minutes, although it was scraped within the last day. The other exporter is still running.",
        impact: "Failures that only this vantage can detect go unnoticed: the sidecar sees the network and credentials of the agent's own pod, the companion keeps running when the agent is gone.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -o wide",
            "kubectl -n castai-agent get pods -o jsonpath='{range .items[*]}{.metadata.name}{\": \"}{.spec.containers[*].name}{\"\\n\"}{end}'",
        ],
        remedy: "Sidecar: an upgrade of the agent may have removed the container; install it again \
            as described in the deployment notes. If the agent's pod itself is gone, fix that \
            first:\n\
            $ kubectl -n {namespace} get deployment {deployment}\n\
            Companion: check its Deployment and events. If it was removed on purpose, silence this \
            alert for a day; it then resolves by itself.",
    }
    /// A pod of the agent lacks its sidecar.
    SidecarMissing {
        name: "CastaiHealthSidecarMissing",
        severity: Severity::Warning,
        for_duration: Duration::from_mins(15),
        summary: "Pods of the CAST AI agent run without the exporter sidecar.",
        meaning: "Every pod of the agent is expected to have a sidecar, and for fifteen minutes at least one pod has had none. The sidecar is injected when a pod is created, never later.",
        impact: "The agent is not affected. Failures that only its own pod can detect (a node that cannot reach AWS, a token that was not mounted) go unnoticed for that pod; the companion still covers the rest.",
        diagnosis: &[
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent -o jsonpath='{range .items[*]}{.metadata.name}{\": \"}{.spec.containers[*].name}{\"\\n\"}{end}'",
            "kubectl get mutatingadmissionpolicy,mutatingadmissionpolicybinding castai-health-exporter",
            "kubectl -n castai-agent get pods -l app.kubernetes.io/name=castai-agent --show-labels",
        ],
        remedy: "If the pods are older than the policy, replace them one by one:\n\
            $ for pod in $(kubectl -n {namespace} get pod -l app.kubernetes.io/name=castai-agent \
            -o name); do kubectl -n {namespace} delete \"$pod\"; kubectl -n {namespace} rollout \
            status deploy/{deployment}; done\n\
            If new pods have no sidecar either, check three things: the policy or its binding is \
            gone (`helm upgrade` of castai-health-exporter restores them); the namespace or the \
            pods' labels differ from the chart's values (`agent.namespace`, `sidecar.podLabels`); \
            a container of the agent already uses port 9878 (`port`). To exclude a pod, label it \
            `castai-health-exporter/inject: \"false\"`.",
    }
    /// A check fails and no other alert names the cause.
    CheckFailing {
        name: "CastaiCheckFailing",
        severity: Severity::Critical,
        for_duration: Duration::from_mins(15),
        summary: "A check that the CAST AI agent depends on is failing, and no other alert names the cause.",
        meaning: "The check {check} has been failing for fifteen minutes. Its failure mode changed too often for an alert of that mode.",
        impact: "The agent cannot work while this check fails.",
        diagnosis: &[
            "castai-health-exporter check",
            "kubectl -n castai-agent get pods -o wide",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=15m | castai-health-exporter explain -",
        ],
        remedy: "Open the exporter's status page: it shows the evidence of the last attempt and \
            the failure mode. Then read the fix, with the label `mode` of the alert:\n\
            $ castai-health-exporter explain MODE\n\
            Modes that alternate usually have one cause on the network path: a proxy, a firewall \
            or a load balancer that treats connections differently.",
    }
    /// The error budget is used up too fast.
    ErrorBudgetBurn {
        name: "CastaiErrorBudgetBurn",
        severity: Severity::Critical,
        for_duration: Duration::from_mins(12),
        summary: "Requests to an API that the CAST AI agent depends on fail intermittently.",
        meaning: "The failure ratio of the check {check} exceeds its objective of 99 %, over {long} as well as over {short}. No failure lasts long enough for an alert that names the cause.",
        impact: "The agent reconnects and retries; its snapshots are late, and it may lose its lease and restart.",
        diagnosis: &[
            "castai-health-exporter check --wait 5m",
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=1h | castai-health-exporter explain -",
            "kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes",
        ],
        remedy: "Find the pattern in the exporter's log, which has a line with mode and evidence \
            for every change. Always the same address: one endpoint or proxy of several is broken. \
            Always the same time: a job saturates the node or the gateway. Always the same node: \
            move the agent to another one:\n\
            $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent\n\
            Then follow the runbook section of the recurring mode.",
    }
    /// A check returns no result.
    CheckUnknown {
        name: "CastaiHealthCheckUnknown",
        severity: Severity::Warning,
        for_duration: Duration::from_hours(1),
        summary: "A check of the CAST AI agent's dependencies has returned no result for an hour.",
        meaning: "The check {check} is unknown: a permission, a prerequisite or a setting is missing. Its target may or may not work.",
        impact: "Failures that this check covers go unnoticed.",
        diagnosis: &[
            "castai-health-exporter check",
            "kubectl auth can-i --list --as system:serviceaccount:castai-agent:castai-health-exporter -n castai-agent",
            "kubectl auth can-i --list --as system:serviceaccount:castai-agent:castai-agent -n castai-agent",
        ],
        remedy: "Open the exporter's status page: it shows the reason and names the missing permission. Grant it, or disable the check in the exporter's configuration file (`checks.<check>.enabled: false`).",
    }
    /// A check no longer runs.
    CheckStalled {
        name: "CastaiHealthCheckStalled",
        severity: Severity::Warning,
        for_duration: Duration::from_mins(5),
        summary: "A check of the CAST AI agent's dependencies has stopped running.",
        meaning: "The check {check} still reports a result, but its last attempt is many intervals old.",
        impact: "The reported result is stale; failures since then go unnoticed.",
        diagnosis: &[
            "kubectl -n castai-agent logs -l app.kubernetes.io/name=castai-health-exporter --tail=100",
        ],
        remedy: "Restart the exporter's container. A check that stops running is a bug of the exporter: please report it with the log.",
    }
    /// A check panicked.
    CheckPanicked {
        name: "CastaiHealthCheckPanicked",
        severity: Severity::Warning,
        for_duration: Duration::ZERO,
        summary: "A check of the CAST AI agent's dependencies crashed because of a bug in the exporter.",
        meaning: "The check {check} panicked within the last 15 minutes. The exporter keeps running and retries it.",
        impact: "The check is unknown until an attempt completes.",
        diagnosis: &[
            "kubectl -n castai-agent logs -l app.kubernetes.io/name=castai-health-exporter --tail=200 | grep -i panic",
        ],
        remedy: "Upgrade the exporter. If it is the latest version, report the log line, and disable the check until then: `checks.<check>.enabled: false`.",
    }
    /// The exporter is CPU-throttled.
    ExporterThrottled {
        name: "CastaiHealthExporterThrottled",
        severity: Severity::Info,
        for_duration: Duration::from_mins(30),
        summary: "The exporter that watches the CAST AI agent does not get enough CPU to measure timeouts.",
        meaning: "During more than half of the attempts of the check {check}, the exporter itself was CPU-throttled or delayed.",
        impact: "Timeouts are reported late, because throttled attempts are inconclusive. Nothing else is affected.",
        diagnosis: &["kubectl -n castai-agent top pods --containers"],
        remedy: "Raise or remove the exporter's CPU limit (it uses a few milliseconds of CPU per second), or move the pod to a node with spare CPU; the agent is affected there as well.",
    }
    /// A configuration reload failed.
    ReloadFailed {
        name: "CastaiHealthConfigReloadFailed",
        severity: Severity::Warning,
        for_duration: Duration::from_mins(10),
        summary: "The exporter that watches the CAST AI agent could not reload its configuration.",
        meaning: "The last configuration reload failed; the exporter keeps its previous configuration.",
        impact: "The change is not in effect, and the exporter would not start after a restart.",
        diagnosis: &[
            "castai-health-exporter --config.check",
            "kubectl -n castai-agent logs -l app.kubernetes.io/name=castai-health-exporter --tail=50 | grep -i config",
        ],
        remedy: "Fix the problems that the exporter's log lists with file, line and key, then reload.",
    }
    /// The agent logs errors that no rule classifies.
    UnclassifiedLines {
        name: "CastaiHealthUnclassifiedErrors",
        severity: Severity::Info,
        for_duration: Duration::from_mins(10),
        summary: "The CAST AI agent logs errors that the exporter does not recognise.",
        meaning: "The container {source} logs failures that match no known failure mode.",
        impact: "Unknown: the failure may be harmless or new.",
        diagnosis: &[
            "kubectl -n castai-agent logs deployment/castai-agent -c agent --since=1h | castai-health-exporter explain -",
        ],
        remedy: "Read the line in the exporter's log and decide whether it matters. Please report it, without secrets, so that it can be classified.",
    }
    /// A certificate expires soon.
    CertificateExpiring {
        name: "CastaiCertificateExpiring",
        severity: Severity::Warning,
        for_duration: Duration::from_hours(1),
        summary: "A certificate that the CAST AI agent depends on expires within a week.",
        meaning: "A certificate that was presented to the check {check} expires within seven days.",
        impact: "Once it has expired, the agent refuses the connection.",
        diagnosis: &[
            "castai-health-exporter check",
            "openssl s_client -connect HOST:PORT </dev/null 2>/dev/null | openssl x509 -noout -subject -issuer -dates",
        ],
        remedy: "Self-managed API server: renew its certificates, then restart the control \
            plane:\n\
            $ kubeadm certs check-expiration\n\
            $ kubeadm certs renew all\n\
            Certificate of a proxy or filter: have its owner renew it. Managed control planes and \
            CAST AI renew their certificates in time: if one of theirs is about to expire, \
            something in between presents it.",
    }
    /// Many clusters have the same root cause.
    SameRootInManyClusters {
        name: "CastaiHealthSameRootInManyClusters",
        severity: Severity::Critical,
        for_duration: Duration::from_mins(5),
        summary: "The same failure keeps the CAST AI agents of ten or more clusters from working.",
        meaning: "The check {check} fails with the failure mode {mode} in at least ten clusters at the same time.",
        impact: "The agents of these clusters do not work. The cause is probably one that they share: CAST AI itself, an AWS region, a proxy, a firewall or a certificate authority.",
        diagnosis: &[
            "promtool query instant http://localhost:9090 'count by (cluster) (castai_health_failure{caused_by=\"\", severity=\"critical\"})'",
            "castai-health-exporter check",
        ],
        remedy: "Fix the shared cause, not each cluster: look at https://status.cast.ai for CAST AI, at the AWS Health Dashboard for the region, and at the last change of the proxy, the firewall or the certificate authority that these clusters share. The runbook of the failure mode has the rest.",
    }
    /// Notifications reach the receiver.
    Watchdog {
        name: "CastaiHealthWatchdog",
        severity: Severity::None,
        for_duration: Duration::ZERO,
        summary: "Notifications from these rules reach the receiver.",
        meaning: "This alert always fires. Route it to a receiver that raises an alarm when the notifications stop.",
        impact: "None. If it stops, no alert of these rules is delivered.",
        diagnosis: &["amtool alert query alertname=CastaiHealthWatchdog"],
        remedy: "Do nothing while it fires. If it stops, check that Prometheus and Alertmanager run, that the rules are loaded (Rules page of Prometheus), and that Alertmanager's route leads to the receiver.",
    }
}
