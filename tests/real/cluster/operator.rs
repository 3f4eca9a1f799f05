//! Tests of Prometheus Operator objects against the operator's CRD schemas on a real API server.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use tempfile::TempDir;

use super::chart::{SWITCHES, template};
use crate::support::cluster::Cluster;
use crate::support::helm::Helm;

/// Variable with the folder that `scripts/install-crds` creates.
const FOLDER: &str = "CRD_TEST_FOLDER";
const KINDS: [&str; 3] = ["podmonitors", "prometheusrules", "alertmanagerconfigs"];
/// Time that an API server may take to serve a new kind.
const SERVED: Duration = Duration::from_secs(30);
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every value that changes an operator object.
const MONITORED: &[&[&str]] = &[
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
    &["prometheusRule.enabled=true"],
    &[
        "prometheusRule.enabled=true",
        "prometheusRule.labels.release=prometheus",
        "nameOverride=other",
    ],
];

/// An API server with the operator's CRDs.
struct Operated {
    cluster: Cluster,
    dir: TempDir,
}

impl Operated {
    async fn start() -> Self {
        let folder = env::var_os(FOLDER)
            .map(PathBuf::from)
            .filter(|folder| folder.is_dir());
        let folder = folder.unwrap_or_else(|| {
            panic!("{FOLDER} names no folder; run `make test`, or: export {FOLDER}=\"$(scripts/install-crds)\"")
        });
        let cluster = Cluster::start(1).await.unwrap();
        for kind in KINDS {
            let path = folder.join(format!("{kind}.yaml"));
            cluster
                .kubectl(&["apply", "--server-side", "-f", path.to_str().unwrap()])
                .await
                .unwrap();
            let began = Instant::now();
            while let Err(error) = cluster
                .kubectl(&["get", &format!("{kind}.monitoring.coreos.com")])
                .await
            {
                assert!(began.elapsed() < SERVED, "{error}");
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
    async fn accepts(&self, objects: &str) -> Result<(), String> {
        let path = self.dir.path().join("objects.yaml");
        fs::write(&path, objects).unwrap();
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
async fn the_operators_schemas_accept_what_is_made_for_it_and_no_slip() {
    let operated = Operated::start().await;
    for (helm, values) in Helm::both()
        .iter()
        .flat_map(|helm| MONITORED.iter().map(move |values| (helm, values)))
    {
        let rendered = template(helm, values).await.unwrap();
        assert!(rendered.contains("monitoring.coreos.com/v1"), "{values:?}");
        operated
            .accepts(&rendered)
            .await
            .unwrap_or_else(|error| panic!("{values:?}: {error}"));
    }
    let monitored = ["podMonitor.enabled=true", "prometheusRule.enabled=true"];
    for values in SWITCHES {
        let rendered = template(&Helm::four(), &[*values, &monitored].concat())
            .await
            .unwrap();
        operated
            .accepts(&rendered)
            .await
            .unwrap_or_else(|error| panic!("{values:?}: {error}"));
    }
    let rendered = template(&Helm::four(), &monitored).await.unwrap();
    for (right, slip, complaint) in [
        (
            "- port: health-metrics",
            "- prot: health-metrics",
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
            .accepts(&rendered.replacen(right, slip, 1))
            .await
            .expect_err(slip);
        assert!(refused.contains(complaint), "{slip}: {refused}");
    }
}

#[tokio::test]
async fn the_operators_schemas_accept_the_rules_and_routes_of_the_repository() {
    let operated = Operated::start().await;
    for file in [
        "alerts/prometheusrule.yaml",
        "alerts/alertmanager/alertmanagerconfig.yaml",
    ] {
        let objects = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        operated
            .accepts(&objects)
            .await
            .unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}
