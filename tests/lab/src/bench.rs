//! The budgets, measured on an exporter binary in the pretend world: one table, the limits beside the figures.

mod blackbox;
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

use scale::Scale;
use table::{Row, Table};
use tokio::signal::unix::{SignalKind, signal};

/// What was asked for on the command line.
pub(crate) struct Arguments {
    exporter: PathBuf,
    effort: Effort,
    /// A large cluster is measured, and nothing else.
    scale: bool,
}

/// How often and how long is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Starts.
    starts: usize,
    /// Scrapes.
    scrapes: usize,
    /// Rounds before the memory is looked at.
    rounds: u32,
    /// How long the CPU time of the idle exporter is counted.
    idle: Duration,
    /// How long fresh connections are made side by side.
    handshakes: Duration,
    /// Attempts whose phases are compared.
    phases: usize,
    /// The large cluster.
    large: Scale,
}

// === impl Arguments ===

impl Arguments {
    pub(crate) fn read(words: &[OsString]) -> Result<Self, String> {
        let (mut exporter, mut effort, mut scale) = (None, Effort::FULL, false);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("--exporter") => {
                    exporter = Some(PathBuf::from(
                        words.next().ok_or("--exporter wants a path")?,
                    ))
                }
                Some("--quick") => effort = Effort::QUICK,
                Some("--scale") => scale = true,
                _ => return Err(format!("{} means nothing here", word.display())),
            }
        }
        let exporter = exporter.ok_or("--exporter is missing")?;
        if !exporter.is_file() {
            return Err(format!(
                "{} is not there; build it first",
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
        large: Scale {
            nodes: 5000,
            pods: 150_000,
            span: Duration::from_mins(1),
        },
    };
    /// Shows that everything can be measured; the figures are rough.
    const QUICK: Self = Self {
        starts: 5,
        scrapes: 20,
        rounds: 5,
        idle: Duration::from_secs(10),
        handshakes: Duration::from_secs(5),
        phases: 5,
        large: Scale {
            nodes: 500,
            pods: 5000,
            span: Duration::from_secs(10),
        },
    };
}

/// Measures everything, prints the table, and fails when a limit is exceeded.
pub(crate) async fn run(arguments: Arguments) -> io::Result<ExitCode> {
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    // Whatever ends it drops the processes and the files.
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
    let blackbox = blackbox::version().await?;
    let mut table = Table::default();
    table.note(machine::description()?);
    table.note(format!("blackbox: {blackbox}"));
    table.row(size(exporter)?);
    say("starts");
    table.row(start::measure(exporter, effort.starts).await?);
    say("phases against the servers' clocks");
    table.rows(phases::measure(exporter, effort.phases).await?);
    say("fresh connections beside blackbox");
    table.rows(handshakes::measure(exporter, effort.handshakes).await?);
    say("scrapes");
    table.rows(scrape::measure(exporter, effort.scrapes).await?);
    say("idle at default intervals");
    table.row(idle::cpu(exporter, effort.idle).await?);
    say("memory");
    table.rows(idle::memory(exporter, effort.rounds).await?);
    table.note(format!("load at the end: {}", machine::load()?));
    Ok(table)
}

/// What a large cluster costs.
async fn measure_large(
    Arguments {
        exporter, effort, ..
    }: &Arguments,
) -> io::Result<Table> {
    let mut table = Table::default();
    table.note(machine::description()?);
    say("a large cluster");
    table.rows(scale::measure(exporter, effort.large).await?);
    table.note(format!("load at the end: {}", machine::load()?));
    Ok(table)
}

fn size(exporter: &std::path::Path) -> io::Result<Row> {
    let bytes = std::fs::metadata(exporter)?.len();
    Ok(Row::limited(
        "size of the binary",
        bytes,
        9_000_000,
        "bytes",
    ))
}

fn say(what: &str) {
    eprintln!("bench: {what}");
}

/// The value below which so many hundredths of the values are.
fn percentile(values: &[f64], hundredths: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .get((sorted.len() * hundredths / 100).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

fn failed(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        let found = [0, 50, 95, 100].map(|hundredths| percentile(&values, hundredths).to_string());
        assert_eq!(found, ["1", "3", "5", "5"]);
        assert!(percentile(&[], 50).is_nan());
    }
}
