//! Throughput of `explain -`.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::error;
use super::table::Row;

/// Lines of healthy components.
const HEALTHY: &[&str] = &[
    r#"time="2026-11-22T13:04:54Z" level=info msg="delta upload finished" items=31 response_code=204 took=412.31ms version=v0.123.1"#,
    "I1122 13:04:55.148702       1 leaderelection.go:271] successfully acquired lease castai-agent/agent-leader-election-lock",
    r#"time="2026-11-22T13:05:09Z" level=debug msg="item received" kind="*v1.Pod" namespace=default name=web-5559cfb4b6-92rkm event=update"#,
    r#"{"level":"info","ts":"2026-11-22T13:05:12.123Z","logger":"controller","msg":"reconciled","controller":"workload","duration":"31ms"}"#,
    "  Normal   Pulled     2m    kubelet  Successfully pulled image \"us-docker.pkg.dev/castai-hub/library/agent:v0.123.1\" in 812ms",
    r#"2026-11-22T13:05:12.123Z	INFO	setup	starting manager	{"version": "v1.2.3"}"#,
];
/// The classifier's cases: faults in the words of many programs.
const CASES: &[&str] = &[
    include_str!("../../../it/classify/cases/lines.jsonl"),
    include_str!("../../../it/classify/cases/variations.jsonl"),
    include_str!("../../../it/classify/cases/more_variations.jsonl"),
    include_str!("../../../it/classify/cases/programs.jsonl"),
];
/// Runs of which the fastest counts.
const RUNS: usize = 3;
/// Limit for each megabyte: 20 MB/s.
const MAX_MILLIS: f64 = 50.0;

/// Measures logs of this many bytes.
pub(crate) async fn measure(program: &Path, bytes: usize) -> io::Result<Vec<Row>> {
    let faults = faults()?;
    let mixed: Vec<&str> = faults
        .iter()
        .zip(HEALTHY.iter().cycle())
        .flat_map(|(fault, healthy)| [fault.as_str(), healthy])
        .collect();
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    let mut rows = Vec::new();
    for (label, input) in [
        ("half healthy, half faults", repeated(&mixed, "\n", bytes)),
        ("faults only", repeated(&faults, "\n", bytes)),
        ("a single line", repeated(&faults, " ", bytes / 5)),
    ] {
        let duration = fastest(program, input.as_bytes()).await?;
        #[expect(clippy::cast_precision_loss, reason = "the figure has three digits")]
        let megabytes = input.len() as f64 / 1e6;
        let millis = duration.as_secs_f64() * 1000.0 / megabytes;
        let remark = format!("{megabytes:.0} MB, {:.0} MB/s", 1000.0 / millis);
        rows.push(
            Row::limited(
                format!("explain, {label}, a megabyte"),
                millis,
                MAX_MILLIS,
                "ms",
            )
            .with(remark),
        );
    }
    Ok(rows)
}

/// Returns the cases' texts as lines.
fn faults() -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    for case in CASES.iter().flat_map(|cases| cases.lines()) {
        let case: Value = serde_json::from_str(case)?;
        let text = case["text"].as_str().ok_or_else(|| error("no text"))?;
        lines.extend(text.lines().map(str::to_owned));
    }
    Ok(lines)
}

/// Returns the lines over and over, up to this many bytes.
fn repeated(lines: &[&str], separator: &str, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 4096);
    for line in lines.iter().cycle() {
        if text.len() >= bytes {
            break;
        }
        text.push_str(line);
        text.push_str(separator);
    }
    text
}

async fn fastest(program: &Path, input: &[u8]) -> io::Result<Duration> {
    let mut fastest = Duration::MAX;
    for _ in 0..RUNS {
        let begun = Instant::now();
        let mut child = Command::new(program)
            .args(["explain", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut stdin = child.stdin.take().ok_or_else(|| error("no input"))?;
        stdin.write_all(input).await?;
        drop(stdin);
        let status = child.wait().await?;
        if !status.success() {
            return Err(error(format!("explain ended with {status}")));
        }
        fastest = fastest.min(begun.elapsed());
    }
    Ok(fastest)
}
