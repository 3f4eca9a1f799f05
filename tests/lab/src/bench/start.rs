//! Time from exec to the first complete scrape.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time;

use super::exporter::{Exporter, ExporterSettings};
use super::fetch::fetch;
use super::table::Row;
use super::{error, percentile};
use crate::demo::test_bed::TestBed;

/// Polling interval.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

pub(crate) async fn measure(program: &Path, starts: usize) -> io::Result<Row> {
    let test_bed = TestBed::start()?;
    let mut millis = Vec::new();
    for _ in 0..starts {
        // Fork and cold file reads count, as they do for a kubelet.
        let start = Instant::now();
        let exporter = Exporter::spawn(
            program,
            &test_bed,
            ExporterSettings {
                system_roots: true,
                ..ExporterSettings::default()
            },
        )?;
        while fetch(exporter.addr, "/metrics").await.is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                return Err(error("the exporter did not respond within 10 s"));
            }
            time::sleep(POLL_INTERVAL).await;
        }
        millis.push(start.elapsed().as_secs_f64() * 1000.0);
        exporter.process.kill().await?;
    }
    let remark = format!(
        "median of {starts} starts; p95 {:.1} ms",
        percentile(&millis, 95)
    );
    Ok(Row::limited(
        "start to first complete /metrics",
        percentile(&millis, 50),
        30.0,
        "ms",
    )
    .with(remark))
}
