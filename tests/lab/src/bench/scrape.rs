//! `/metrics` with as many targets as a check can have.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time;

use super::exporter::{Exporter, Setting};
use super::fetch::fetch_with;
use super::percentile;
use super::table::Row;
use crate::demo::world::World;

/// Addresses of the API server: with its service and its name these are ten targets.
pub(crate) const MOST_ENDPOINTS: u8 = 8;

pub(crate) async fn measure(program: &Path, scrapes: usize) -> io::Result<[Row; 4]> {
    let world = World::with_endpoints(MOST_ENDPOINTS)?;
    let exporter = Exporter::start(program, &world, Setting::default()).await?;
    exporter.rounds(1).await?;
    let metrics = exporter.metrics().await?;
    let series = metrics
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .count();
    let plain = times(&exporter, scrapes, "").await?;
    let zipped = times(&exporter, scrapes, "Accept-Encoding: gzip\r\n").await?;
    let remark =
        |millis: &[f64]| format!("median of {scrapes}; p95 {:.2} ms", percentile(millis, 95));
    Ok([
        Row::limited(
            "/metrics, time per scrape, plain",
            percentile(&plain, 50),
            1.5,
            "ms",
        )
        .with(remark(&plain)),
        Row::limited(
            "/metrics, time per scrape, gzip",
            percentile(&zipped, 50),
            1.5,
            "ms",
        )
        .with(remark(&zipped)),
        Row::limited(
            "/metrics, size, plain",
            count(metrics.len()) / 1024.0,
            100.0,
            "KiB",
        ),
        Row::limited(
            "/metrics, series with ten API-server targets",
            count(series),
            800.0,
            "",
        ),
    ])
}

/// Milliseconds of each scrape, from the connection to the last byte.
async fn times(exporter: &Exporter, scrapes: usize, headers: &str) -> io::Result<Vec<f64>> {
    let mut millis = Vec::new();
    for _ in 0..scrapes {
        // So far apart that a round of the checks meets few of them.
        time::sleep(Duration::from_millis(20)).await;
        let began = Instant::now();
        fetch_with(exporter.addr, "/metrics", headers).await?;
        millis.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(millis)
}

pub(crate) fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}
