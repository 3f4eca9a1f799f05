//! `lab bench`: measures an exporter binary and compares the figures with the budgets.

mod blackbox;
mod explain;
mod exporter;
mod fetch;
mod handshakes;
mod idle;
mod machine;
mod phases;
mod process;
mod scale;
mod scrape;
mod start;
mod table;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use scale::ClusterSize;
use table::{Row, Table};
use tokio::signal::unix::{SignalKind, signal};

/// Command-line arguments of `lab bench`.
pub(crate) struct Arguments {
    exporter: PathBuf,
    effort: Effort,
    /// Measure a large cluster only.
    scale: bool,
}

/// Number and duration of the measurements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Number of starts.
    starts: usize,
    /// Number of scrapes.
    scrapes: usize,
    /// Number of check rounds before memory is measured.
    rounds: u32,
    /// Duration of the idle CPU measurement.
    idle: Duration,
    /// Duration of the comparison with `blackbox_exporter`.
    handshakes: Duration,
    /// Number of attempts to compare phase durations of.
    phases: usize,
    /// Size in bytes of the logs that are explained.
    log_bytes: usize,
    /// Size of the large cluster.
    large: ClusterSize,
}

// === impl Arguments ===

impl Arguments {
    pub(crate) fn parse(args: &[OsString]) -> Result<Self, String> {
        let (mut exporter, mut effort, mut scale) = (None, Effort::FULL, false);
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--exporter") => {
                    exporter = Some(PathBuf::from(
                        args.next().ok_or("--exporter requires a path")?,
                    ));
                }
                Some("--quick") => effort = Effort::QUICK,
                Some("--scale") => scale = true,
                _ => return Err(format!("unexpected argument: {}", arg.display())),
            }
        }
        let exporter = exporter.ok_or("--exporter is required")?;
        if !exporter.is_file() {
            return Err(format!(
                "{} does not exist; build it first",
                exporter.display()
            ));
        }
        Ok(Self {
            exporter,
            effort,
            scale,
        })
    }
}

// === impl Effort ===

impl Effort {
    const FULL: Self = Self {
        starts: 21,
        scrapes: 300,
        rounds: 100,
        idle: Duration::from_mins(2),
        handshakes: Duration::from_mins(1),
        phases: 40,
        log_bytes: 50_000_000,
        large: ClusterSize {
            nodes: 5000,
            pods: 150_000,
            duration: Duration::from_mins(1),
        },
    };
    /// Smoke test: the figures are rough.
    const QUICK: Self = Self {
        starts: 5,
        scrapes: 20,
        rounds: 5,
        idle: Duration::from_secs(10),
        handshakes: Duration::from_secs(5),
        phases: 5,
        log_bytes: 5_000_000,
        large: ClusterSize {
            nodes: 500,
            pods: 5000,
            duration: Duration::from_secs(10),
        },
    };
}

/// Runs all measurements, prints the table, and fails if a limit is exceeded.
pub(crate) async fn run(arguments: Arguments) -> io::Result<ExitCode> {
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    // Every exit drops the processes and files, which cleans them up.
    let table = tokio::select! {
        table = measure(&arguments) => table?,
        _ = interrupt.recv() => return Ok(ExitCode::FAILURE),
        _ = terminate.recv() => return Ok(ExitCode::FAILURE),
    };
    println!("{table}");
    Ok(if table.is_within_limits() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn measure(arguments: &Arguments) -> io::Result<Table> {
    if arguments.scale {
        return measure_large(arguments).await;
    }
    let Arguments {
        exporter, effort, ..
    } = arguments;
    let blackbox_version = blackbox::version().await?;
    let mut table = Table::default();
    table.note(machine::description()?);
    table.note(blackbox_version);
    table.row(size(exporter)?);
    report_progress("start-up time");
    table.row(start::measure(exporter, effort.starts).await?);
    report_progress("phase durations against the servers' clocks");
    table.rows(phases::measure(exporter, effort.phases).await?);
    report_progress("fresh HTTPS probes against blackbox_exporter");
    table.rows(handshakes::measure(exporter, effort.handshakes).await?);
    report_progress("throughput of explain");
    table.rows(explain::measure(exporter, effort.log_bytes).await?);
    report_progress("scrapes");
    table.rows(scrape::measure(exporter, effort.scrapes).await?);
    report_progress("idle CPU at default intervals");
    table.row(idle::cpu(exporter, effort.idle).await?);
    report_progress("memory");
    table.rows(idle::memory(exporter, effort.rounds).await?);
    table.note(format!("load average at the end: {}", machine::load()?));
    Ok(table)
}

/// Measures the cost of a large cluster.
async fn measure_large(
    Arguments {
        exporter, effort, ..
    }: &Arguments,
) -> io::Result<Table> {
    let mut table = Table::default();
    table.note(machine::description()?);
    report_progress("large cluster");
    table.rows(scale::measure(exporter, effort.large).await?);
    table.note(format!("load average at the end: {}", machine::load()?));
    Ok(table)
}

fn size(exporter: &std::path::Path) -> io::Result<Row> {
    let bytes = std::fs::metadata(exporter)?.len();
    Ok(Row::limited("binary size", bytes, 14_000_000, "bytes"))
}

fn report_progress(step: &str) {
    eprintln!("bench: {step}");
}

/// Returns a percentile of the values, by the nearest rank.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

fn error(message: impl Into<String>) -> io::Error {
    io::Error::other(message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_one_of_the_values() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        let found = [0, 50, 95, 100].map(|percent| percentile(&values, percent).to_string());
        assert_eq!(found, ["1", "3", "5", "5"]);
        assert!(percentile(&[], 50).is_nan());
    }
}
