//! `/metrics` with the maximum number of targets.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time;

use super::exporter::{Exporter, ExporterSettings};
use super::fetch::fetch_with;
use super::percentile;
use super::table::Row;
use crate::demo::test_bed::TestBed;

/// API-server endpoints: ten targets together with the service address and name.
pub(crate) const MAX_ENDPOINTS: u8 = 8;

pub(crate) async fn measure(program: &Path, scrapes: usize) -> io::Result<[Row; 4]> {
    let test_bed = TestBed::with_endpoints(MAX_ENDPOINTS)?;
    let exporter = Exporter::start(program, &test_bed, ExporterSettings::default()).await?;
    exporter.wait_for_rounds(1).await?;
    let metrics = exporter.metrics().await?;
    let series = metrics
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .count();
    let plain = scrape_durations(&exporter, scrapes, "").await?;
    let gzipped = scrape_durations(&exporter, scrapes, "Accept-Encoding: gzip\r\n").await?;
    let remark = |millis: &[f64]| {
        format!(
            "median of {scrapes} scrapes; p95 {:.2} ms",
            percentile(millis, 95)
        )
    };
    Ok([
        Row::limited(
            "/metrics, duration, plain",
            percentile(&plain, 50),
            1.5,
            "ms",
        )
        .with(remark(&plain)),
        Row::limited(
            "/metrics, duration, gzip",
            percentile(&gzipped, 50),
            1.5,
            "ms",
        )
        .with(remark(&gzipped)),
        Row::limited(
            "/metrics, size, plain",
            to_f64(metrics.len()) / 1024.0,
            100.0,
            "KiB",
        ),
        Row::limited(
            "/metrics, series with ten API-server targets",
            to_f64(series),
            800.0,
            "",
        ),
    ])
}

/// Returns the duration of each scrape in milliseconds, from connect to the last byte.
async fn scrape_durations(
    exporter: &Exporter,
    scrapes: usize,
    headers: &str,
) -> io::Result<Vec<f64>> {
    let mut millis = Vec::new();
    for _ in 0..scrapes {
        // Spread out, so that few scrapes coincide with a round of checks.
        time::sleep(Duration::from_millis(20)).await;
        let start = Instant::now();
        fetch_with(exporter.addr, "/metrics", headers).await?;
        millis.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(millis)
}

pub(crate) fn to_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
