//! CPU and memory of an exporter while everything is healthy.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time;

use super::exporter::{Exporter, ExporterSettings};
use super::table::Row;
use crate::demo::test_bed::TestBed;

/// Time for all checks to start and for start-up work to finish.
const WARM_UP: Duration = Duration::from_secs(5);
/// Scrape interval of Prometheus.
pub(crate) const SCRAPE_INTERVAL: Duration = Duration::from_secs(15);
const LIMIT_MIB: f64 = 12.0;

/// Measures CPU time at default intervals, including scrapes.
pub(crate) async fn cpu(program: &Path, duration: Duration) -> io::Result<Row> {
    let test_bed = TestBed::start()?;
    let exporter = Exporter::start(program, &test_bed, ExporterSettings::default()).await?;
    exporter.wait_for_rounds(1).await?;
    time::sleep(WARM_UP).await;
    let (before, start) = (exporter.process.cpu()?, Instant::now());
    while start.elapsed() < duration {
        time::sleep(SCRAPE_INTERVAL.min(duration.saturating_sub(start.elapsed()))).await;
        exporter.metrics().await?;
    }
    let used = exporter.process.cpu()? - before;
    let remark = format!(
        "{used:.0} ms in {:.0} s, including a scrape every 15 s",
        start.elapsed().as_secs_f64()
    );
    let per_second = used / start.elapsed().as_secs_f64();
    Ok(Row::limited("CPU per second at default intervals", per_second, 2.0, "ms").with(remark))
}

/// Measures memory after some rounds, with one trusted CA and with all of the system's.
pub(crate) async fn memory(program: &Path, rounds: u32) -> io::Result<[Row; 2]> {
    let test_bed = TestBed::start()?;
    let one = after_rounds(program, &test_bed, rounds, false);
    let system = after_rounds(program, &test_bed, rounds, true);
    let (one, system) = tokio::try_join!(one, system)?;
    Ok([one, system])
}

async fn after_rounds(
    program: &Path,
    test_bed: &TestBed,
    rounds: u32,
    system_roots: bool,
) -> io::Result<Row> {
    let settings = ExporterSettings {
        every_second: true,
        system_roots,
        ..ExporterSettings::default()
    };
    let exporter = Exporter::start(program, test_bed, settings).await?;
    exporter.wait_for_rounds(rounds).await?;
    let (now, peak) = exporter.process.memory()?;
    let roots = if system_roots {
        "the system's CAs"
    } else {
        "one CA"
    };
    let remark = format!("peak {peak:.1} MiB");
    Ok(Row::limited(
        format!("memory after {rounds} rounds, {roots}"),
        now,
        LIMIT_MIB,
        "MiB",
    )
    .with(remark))
}
