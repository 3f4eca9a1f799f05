//! Tests of Prometheus Operator objects against the operator's CRD schemas on a real API server.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::chart::values::{POD_MONITOR_VALUES, VALUE_SETS};
use super::chart::{template, without_tests};
use crate::support::cluster::Cluster;
use crate::support::crds::operator_crd;
use crate::support::helm::Helm;

const KINDS: [&str; 2] = ["podmonitors", "prometheusrules"];
/// Time that an API server may take to serve a new kind.
const CRD_TIMEOUT: Duration = Duration::from_secs(30);
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every value that changes an operator object.
const OPERATOR_VALUES: &[&[&str]] = &[
    &["podMonitor.enabled=true"],
    &[
        "podMonitor.enabled=true",
        "podMonitor.interval=30s",
        "podMonitor.scrapeTimeout=10s",
    ],
    &[
        "podMonitor.enabled=true",
        "podMonitor.labels.release=prometheus",
        "agent.namespace=elsewhere",
    ],
    POD_MONITOR_VALUES,
    &["prometheusRule.enabled=true"],
    &[
        "prometheusRule.enabled=true",
        "prometheusRule.labels.release=prometheus",
        "nameOverride=other",
    ],
    &[
        "prometheusRule.enabled=true",
        "prometheusRule.namespace=monitoring",
        "prometheusRule.disabled={CastaiDnsFailing,CastaiErrorBudgetBurn}",
        "prometheusRule.overrides.CastaiClockSkew.for=1d12h",
        "prometheusRule.overrides.CastaiClockSkew.keepFiringFor=0s",
        "prometheusRule.overrides.CastaiClockSkew.severity=page",
        "prometheusRule.additionalRuleLabels.team=sre",
        "prometheusRule.additionalRuleAnnotations.owner=sre",
        "prometheusRule.runbookBaseUrl=https://runbooks.example.com",
        "prometheusRule.watchdog=true",
        "prometheusRule.sameRootInManyClusters=true",
    ],
];

/// An API server with the operator's CRDs.
struct OperatorCluster {
    cluster: Cluster,
    dir: TempDir,
}

impl OperatorCluster {
    async fn start() -> Self {
        let cluster = Cluster::start(1).await.unwrap();
        for kind in KINDS {
            let path = operator_crd(kind);
            cluster
                .kubectl(&["apply", "--server-side", "-f", path.to_str().unwrap()])
                .await
                .unwrap();
            let began = Instant::now();
            while let Err(error) = cluster
                .kubectl(&["get", &format!("{kind}.monitoring.coreos.com")])
                .await
            {
                assert!(began.elapsed() < CRD_TIMEOUT, "{error}");
            }
        }
        for namespace in ["castai-agent", "elsewhere", "monitoring"] {
            cluster
                .kubectl(&["create", "namespace", namespace])
                .await
                .unwrap();
        }
        Self {
            cluster,
            dir: TempDir::new().unwrap(),
        }
    }

    /// Validates objects strictly (server-side dry run).
    async fn validate(&self, objects: &str) -> Result<(), String> {
        let path = self.dir.path().join("objects.yaml");
        fs::write(&path, without_tests(objects)).unwrap();
        let arguments = [
            "apply",
            "--dry-run=server",
            "--validate=strict",
            "-f",
            path.to_str().unwrap(),
        ];
        self.cluster
            .kubectl(&arguments)
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    }
}

#[tokio::test]
async fn operator_schemas_accept_chart_objects_and_reject_typos() {
    let operated = OperatorCluster::start().await;
    for (helm, values) in Helm::both()
        .iter()
        .flat_map(|helm| OPERATOR_VALUES.iter().map(move |values| (helm, values)))
    {
        let rendered = template(helm, values).await.unwrap();
        assert!(rendered.contains("monitoring.coreos.com/v1"), "{values:?}");
        operated
            .validate(&rendered)
            .await
            .unwrap_or_else(|error| panic!("{values:?}: {error}"));
    }
    let monitored = ["podMonitor.enabled=true", "prometheusRule.enabled=true"];
    for values in VALUE_SETS {
        let rendered = template(&Helm::latest(), &[*values, &monitored].concat())
            .await
            .unwrap();
        operated
            .validate(&rendered)
            .await
            .unwrap_or_else(|error| panic!("{values:?}: {error}"));
    }
    let rendered = template(&Helm::latest(), &monitored).await.unwrap();
    for (right, slip, complaint) in [
        (
            "path: /metrics\n      port: health-metrics",
            "path: /metrics\n      prot: health-metrics",
            "unknown field \"spec.podMetricsEndpoints[0].prot\"",
        ),
        (
            "keep_firing_for: ",
            "keep_fireing_for: ",
            "keep_fireing_for",
        ),
        ("selector: {}", "selector: health", "selector"),
    ] {
        assert!(rendered.contains(right), "{right}");
        let refused = operated
            .validate(&rendered.replacen(right, slip, 1))
            .await
            .expect_err(slip);
        assert!(refused.contains(complaint), "{slip}: {refused}");
    }
}

#[tokio::test]
async fn operator_schemas_accept_committed_rules() {
    let operated = OperatorCluster::start().await;
    let file = "alerts/prometheusrule.yaml";
    let objects = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
    operated
        .validate(&objects)
        .await
        .unwrap_or_else(|error| panic!("{file}: {error}"));
}
