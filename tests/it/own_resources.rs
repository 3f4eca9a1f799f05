//! Tests that a shortage of this process itself is not blamed on the agent's dependencies.

use castai_health_exporter::catalogue::CheckId;
use serde_json::Value;
use test_support::exporter::program;
use test_support::lab_cluster::LabCluster;
use tokio::process::Command;

/// Runs `check` in a healthy cluster with this limit of file descriptors.
async fn check_with(world: &LabCluster, descriptors: u32) -> Option<Value> {
    world.config();
    let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
    let output = Command::new("/bin/sh")
        .args(["-c", &script])
        .arg(program())
        .args(["check", "--output", "json", "--config.file"])
        .arg(world.mounted("exporter.yaml"))
        .env_clear()
        .envs(&world.env)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(
        !shown.contains("panicked") && !shown.contains("internal error"),
        "{shown}"
    );
    serde_json::from_slice(&output.stdout).ok()
}

#[tokio::test]
async fn exhausted_file_descriptors_are_unknown_and_named() {
    let world = LabCluster::start();
    let mut named = 0;
    for descriptors in [9, 11, 13, 15, 18, 22, 28] {
        // With even fewer, the program cannot start.
        let Some(document) = check_with(&world, descriptors).await else {
            continue;
        };
        let checks = document["checks"].as_array().unwrap();
        assert_eq!(checks.len(), CheckId::ALL.len());
        for check in checks {
            let status = check["status"].as_str().unwrap();
            assert!(
                !matches!(status, "failing" | "warning"),
                "with {descriptors} file descriptors: {check}"
            );
            named += usize::from(check.to_string().contains("EMFILE"));
        }
    }
    assert!(named > 0, "no limit was low enough");
}
