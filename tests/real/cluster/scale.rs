//! Memory and CPU of the companion in a large cluster on a real API server; kwok simulates the
//! kubelets.

use std::ffi::OsString;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;
use std::{env, fs};

use test_support::exporter::fetch;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::support::cluster::Cluster;

const NODES: usize = 5000;
const PODS: usize = 50_000;
const STAGES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/cluster/kwok-stages.yaml"
);
/// Memory limit in KiB while watching 5,000 nodes and three times as many pods.
const MAX_RSS_KIB: u64 = 14 * 1024;
/// Duration of the measurement.
const MEASURED_FOR: Duration = Duration::from_mins(1);

fn named(variable: &str) -> OsString {
    env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not a program; run `make test-scale`"))
}

fn begin(program: OsString, arguments: &[&str]) -> Child {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PROVIDER", "eks")
        .stdin(Stdio::null());
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Returns a field of `/proc/PID/status`, in KiB.
fn proc_status_kib(pid: u32, name: &str) -> u64 {
    let proc_status_kib = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = proc_status_kib
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Returns the CPU seconds of the main thread, which does everything except password hashing.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    Duration::from_nanos(stat.split_whitespace().next().unwrap().parse().unwrap()).as_secs_f64()
}

#[tokio::test]
#[ignore = "it takes minutes and five gigabytes; `make test-scale` runs it"]
async fn companion_watches_5000_nodes_within_memory_budget() {
    let cluster = Cluster::start_with(&[
        "kube-apiserver=--max-requests-inflight=3000",
        "kube-apiserver=--max-mutating-requests-inflight=2000",
        // kwok renews a lease after a quarter of its duration, 50 s, which is the default grace
        // period for marking pods not ready.
        "kube-controller-manager=--node-monitor-grace-period=30m",
    ])
    .await
    .unwrap();
    let kubeconfig = cluster.kubeconfig().to_str().unwrap().to_owned();
    let _kwok = begin(
        named("KWOK_TEST_BINARY"),
        &[
            "--kubeconfig",
            &kubeconfig,
            "--config",
            STAGES,
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=200",
        ],
    );
    for (what, count, spread) in [("--nodes", NODES, "1"), ("--pods", PODS, "5000")] {
        let made = Command::new(named("KUBE_TEST_BINARY"))
            .arg("fake")
            .arg("--dir")
            .arg(cluster.path())
            .args([what, &count.to_string(), "--spread", spread])
            .status()
            .await
            .unwrap();
        assert!(made.success(), "{what}");
    }
    // kwok has started every pod once none is pending.
    let pending = [
        "get",
        "--raw",
        "/api/v1/namespaces/default/pods?fieldSelector=status.phase%3DPending&limit=1",
    ];
    while !cluster
        .kubectl(&pending)
        .await
        .unwrap()
        .contains(r#""items":[]"#)
    {
        sleep(Duration::from_secs(2)).await;
    }

    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let listen = format!("--web.listen-address={address}");
    let exporter = begin(
        named("EXPORTER_TEST_BINARY"),
        &["--kubeconfig", &kubeconfig, &listen, "--log.level=error"],
    );
    let (pid, began) = (exporter.id().unwrap(), Instant::now());
    let all = format!("castai_health_nodes_lifecycle_unresolved {NODES}");
    while !fetch(&address, "/metrics")
        .await
        .is_ok_and(|metrics| metrics.lines().any(|line| line == all))
    {
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "{:?}",
            fetch(&address, "/metrics").await
        );
        sleep(Duration::from_millis(50)).await;
    }
    let (known, spent) = (began.elapsed().as_secs_f64(), cpu_seconds(pid));
    sleep(MEASURED_FOR).await;
    let (now, highest, followed) = (
        proc_status_kib(pid, "VmRSS:"),
        proc_status_kib(pid, "VmHWM:"),
        cpu_seconds(pid) - spent,
    );
    println!(
        "{NODES} nodes and {PODS} pods: all nodes counted after {known:.2} s, {spent:.2} s of one core"
    );
    println!("memory {now} KiB, highest {highest} KiB (limit {MAX_RSS_KIB})");
    println!(
        "{:.2} ms CPU per second while kwok renews leases",
        followed * 1000.0 / MEASURED_FOR.as_secs_f64()
    );
    assert!(highest <= MAX_RSS_KIB, "{highest} KiB");
}
