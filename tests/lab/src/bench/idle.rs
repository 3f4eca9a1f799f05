//! What an exporter costs while all is well.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time;

use super::exporter::{Exporter, Setting};
use super::table::Row;
use crate::demo::world::World;

/// When the checks have begun, and what is done once is done.
const SETTLED: Duration = Duration::from_secs(5);
/// How often Prometheus asks.
pub(crate) const SCRAPE_INTERVAL: Duration = Duration::from_secs(15);
const LIMIT_MIB: f64 = 9.0;

/// CPU time at default intervals, scrapes included.
pub(crate) async fn cpu(program: &Path, span: Duration) -> io::Result<Row> {
    let world = World::start()?;
    let exporter = Exporter::start(program, &world, Setting::default()).await?;
    exporter.rounds(1).await?;
    time::sleep(SETTLED).await;
    let (before, began) = (exporter.process.cpu()?, Instant::now());
    while began.elapsed() < span {
        time::sleep(SCRAPE_INTERVAL.min(span.saturating_sub(began.elapsed()))).await;
        exporter.metrics().await?;
    }
    let used = exporter.process.cpu()? - before;
    let remark = format!(
        "{used:.0} ms in {:.0} s, a scrape each 15 s among it",
        began.elapsed().as_secs_f64()
    );
    let per_second = used / began.elapsed().as_secs_f64();
    Ok(Row::limited("CPU per second at default intervals", per_second, 2.0, "ms").with(remark))
}

/// Memory after so many rounds, with the world's one authority and with all of the system's.
pub(crate) async fn memory(program: &Path, rounds: u32) -> io::Result<[Row; 2]> {
    let world = World::start()?;
    let one = after_rounds(program, &world, rounds, false);
    let system = after_rounds(program, &world, rounds, true);
    let (one, system) = tokio::try_join!(one, system)?;
    Ok([one, system])
}

async fn after_rounds(
    program: &Path,
    world: &World,
    rounds: u32,
    system_roots: bool,
) -> io::Result<Row> {
    let setting = Setting {
        hurried: true,
        system_roots,
        ..Setting::default()
    };
    let exporter = Exporter::start(program, world, setting).await?;
    exporter.rounds(rounds).await?;
    let (now, highest) = exporter.process.memory()?;
    let roots = if system_roots {
        "the system's authorities"
    } else {
        "one authority"
    };
    let remark = format!("highest {highest:.1} MiB");
    Ok(Row::limited(
        format!("memory after {rounds} rounds, {roots}"),
        now,
        LIMIT_MIB,
        "MiB",
    )
    .with(remark))
}
