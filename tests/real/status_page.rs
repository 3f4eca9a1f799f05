//! Tests of the pages in Chromium: size, accessibility, and how the status page follows changes.

use std::fs;
use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode};
use lab::apiserver::workload;
use lab::{ApiFault, Ec2Fault};
use serde_json::Value;
use test_support::exporter::Exporter;
use test_support::lab_cluster::LabCluster;
use tokio::task::JoinSet;

use crate::support::browser::{follow, inspect};

/// Time to name a failure on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Starts an exporter with checks that run often.
async fn exporter_of(cluster: &LabCluster) -> Exporter {
    let mut file: Value = serde_saphyr::from_str(&cluster.file).unwrap();
    for check in CheckId::ALL {
        file["checks"][check.label()]["interval"] = "3s".into();
    }
    let path = cluster.mounted("exporter.yaml");
    fs::write(&path, file.to_string()).unwrap();
    Exporter::start(&cluster.env, &path).await
}

/// Starts a lab cluster with an agent that renews its lease.
fn lab_cluster(leaders: &mut JoinSet<()>) -> LabCluster {
    let cluster = LabCluster::start();
    leaders.spawn(workload::renew_leases(cluster.api.objects().clone()));
    cluster
}

fn page(exporter: &Exporter, path: &str) -> String {
    format!("http://{}{path}", exporter.address())
}

/// Asserts that reports name no problem.
fn assert_fine(reports: &[Value], pages: usize) {
    assert_eq!(reports.len(), pages * 6, "three widths in two themes");
    for report in reports {
        let problems = report["problems"].as_array().expect("a list");
        assert!(problems.is_empty(), "{report:#}");
    }
}

#[tokio::test]
async fn pages_are_accessible_and_fit_every_width() {
    let pictures = tempfile::tempdir().unwrap();
    let mut leaders = JoinSet::new();
    let (healthy, broken) = (lab_cluster(&mut leaders), lab_cluster(&mut leaders));
    broken
        .api
        .set("tls-hang".parse::<ApiFault>().unwrap())
        .await;
    broken.ec2.set(Ec2Fault::DeniedScp).await;
    let (healthy, broken) = tokio::join!(exporter_of(&healthy), exporter_of(&broken));
    let ok =
        |check: CheckId| format!("castai_health_check_status{{check=\"{check}\",status=\"ok\"}} 1");
    healthy
        .wait_for_metrics(&[&ok(CheckId::Ec2Api)], TIMEOUT)
        .await;
    let root = |check: CheckId, mode: FailureMode, severity: &str| {
        format!(
            "castai_health_failure{{check=\"{check}\",mode=\"{mode}\",severity=\"{severity}\",caused_by=\"\"}} 1"
        )
    };
    let roots = [
        root(
            CheckId::Apiserver,
            FailureMode::TlsHandshakeTimeout,
            "critical",
        ),
        root(CheckId::Ec2Api, FailureMode::Ec2DeniedScp, "warning"),
    ];
    broken
        .wait_for_metrics(&[&roots[0], &roots[1]], TIMEOUT)
        .await;
    let pages = [
        ("healthy", page(&healthy, "/")),
        ("broken", page(&broken, "/")),
        ("runbooks", page(&healthy, "/runbooks/")),
        (
            "runbook",
            page(&healthy, "/runbooks/CastaiEc2Denied#ec2-api-ec2-denied-scp"),
        ),
    ];
    let reports = inspect(pictures.path(), &pages).await;
    assert_fine(&reports, pages.len());
}

#[tokio::test]
async fn status_page_follows_changes_and_keeps_what_is_open() {
    let mut leaders = JoinSet::new();
    let cluster = lab_cluster(&mut leaders);
    let exporter = exporter_of(&cluster).await;
    let ok = "castai_health_check_status{check=\"ec2_api\",status=\"ok\"} 1";
    exporter.wait_for_metrics(&[ok], TIMEOUT).await;
    let report = follow(&page(&exporter, "/"), async {
        cluster.ec2.set(Ec2Fault::DeniedScp).await;
    })
    .await;
    let (before, after) = (&report["before"], &report["after"]);
    assert_eq!(report["problems"], Value::Array(Vec::new()));
    assert_eq!(after["loads"], 1, "the page was not loaded again");
    assert_eq!(after["isOpen"], true, "{after}");
    assert_eq!(after["focus"], "check-dns", "{after}");
    assert_ne!(before["headline"], after["headline"]);
    let announced = after["announced"].as_array().expect("a list");
    assert!(announced.contains(&after["headline"]), "{after:#}");
}
