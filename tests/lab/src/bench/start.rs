//! From exec to the first complete scrape.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time;

use super::exporter::{Exporter, Setting};
use super::fetch::fetch;
use super::table::Row;
use super::{failed, percentile};
use crate::demo::world::World;

/// How often it is asked whether it answers.
const AGAIN: Duration = Duration::from_millis(1);

pub(crate) async fn measure(program: &Path, starts: usize) -> io::Result<Row> {
    let world = World::start()?;
    let mut millis = Vec::new();
    for _ in 0..starts {
        // The first reads of files and the fork are on the exporter's account, as they are for a kubelet.
        let began = Instant::now();
        let exporter = Exporter::begin(
            program,
            &world,
            Setting {
                system_roots: true,
                ..Setting::default()
            },
        )?;
        while fetch(exporter.addr, "/metrics").await.is_err() {
            if began.elapsed() > Duration::from_secs(10) {
                return Err(failed("the exporter does not answer"));
            }
            time::sleep(AGAIN).await;
        }
        millis.push(began.elapsed().as_secs_f64() * 1000.0);
        exporter.process.end().await?;
    }
    let remark = format!(
        "median of {starts} starts; p95 {:.1} ms",
        percentile(&millis, 95)
    );
    Ok(Row::limited(
        "start to the first complete /metrics",
        percentile(&millis, 50),
        30.0,
        "ms",
    )
    .with(remark))
}
