//! Compares published phase durations with the server's clock.
//!
//! `tls` is compared with accept → handshake completed, `request` with request received → last byte
//! of the response handed to the kernel. With several requests the longest one counts, as in the
//! published metric.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use lab::{Connection, Fault};
use tokio::time;

use super::exporter::{Exporter, ExporterSettings};
use super::fetch::series_value;
use super::table::Row;
use super::{error, percentile};
use crate::demo::test_bed::{CASTAI_NAME, TestBed};

const LIMIT_MS: f64 = 1.0;
/// Timeout of an attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

/// A phase to compare.
struct Comparison {
    phase: &'static str,
    fault: Option<Fault>,
    clock: fn(&Connection) -> Option<Duration>,
}

pub(crate) async fn measure(program: &Path, attempts: usize) -> io::Result<[Row; 4]> {
    let case = |phase, fault, clock| {
        compare(
            program,
            attempts,
            Comparison {
                phase,
                fault,
                clock,
            },
        )
    };
    let tls_slow = Fault::TlsSlow(Duration::from_millis(200));
    let answer_slow = Fault::ResponseSlow(Duration::from_millis(300));
    // Concurrently: they sleep most of the time.
    let rows = tokio::try_join!(
        case("tls", Some(tls_slow), handshake),
        case("request", Some(answer_slow), longest_answer),
        case("tls", None, handshake),
        case("request", None, longest_answer),
    )?;
    Ok(rows.into())
}

async fn compare(program: &Path, attempts: usize, case: Comparison) -> io::Result<Row> {
    let test_bed = TestBed::start()?;
    if let Some(fault) = &case.fault {
        test_bed.castai.set(fault.clone()).await;
    }
    let settings = ExporterSettings {
        only: Some("castai_api"),
        every_second: true,
        ..ExporterSettings::default()
    };
    let exporter = Exporter::start(program, &test_bed, settings).await?;
    let target = format!("{CASTAI_NAME}:{}", test_bed.castai.addr().port());
    let phase = case.phase;
    let series = format!(
        "castai_health_target_phase_duration_seconds{{check=\"castai_api\",target=\"{target}\",phase=\"{phase}\"}}"
    );
    let mut differences = Vec::new();
    let mut last: Option<Instant> = None;
    for _ in 0..attempts {
        let connection = next_attempt(&test_bed, last).await?;
        last = Some(connection.accepted);
        let published = series_value(&exporter.metrics().await?, &series)
            .ok_or_else(|| error(format!("{series} is missing")))?;
        let clock = (case.clock)(&connection)
            .ok_or_else(|| error("the server did not complete the phase"))?;
        differences.push((published - clock.as_secs_f64()).abs() * 1000.0);
    }
    let fault = case
        .fault
        .map_or_else(|| "healthy".to_owned(), |fault| fault.to_string());
    let label = format!("{phase} vs. server clock, {fault}");
    let remark = format!(
        "median difference over {attempts} attempts; p95 {:.2} ms",
        percentile(&differences, 95)
    );
    Ok(Row::limited(label, percentile(&differences, 50), LIMIT_MS, "ms").with(remark))
}

/// Waits until the next attempt is complete and published; returns its connection.
async fn next_attempt(test_bed: &TestBed, last: Option<Instant>) -> io::Result<Connection> {
    let attempt = async {
        loop {
            let newest = test_bed.castai.request_log().connections().pop();
            if let Some(newest) =
                newest.filter(|one| one.closed.is_some() && Some(one.accepted) != last)
            {
                // The exporter publishes it right after it closes the connection, long before its
                // next attempt.
                time::sleep(Duration::from_millis(30)).await;
                return newest;
            }
            time::sleep(Duration::from_millis(10)).await;
        }
    };
    time::timeout(ATTEMPT_TIMEOUT, attempt)
        .await
        .map_err(|_| error("timed out waiting for a request to CAST AI"))
}

fn handshake(connection: &Connection) -> Option<Duration> {
    Some(connection.handshake_completed? - connection.accepted)
}

fn longest_answer(connection: &Connection) -> Option<Duration> {
    let durations = connection
        .exchanges
        .iter()
        .map(|one| Some(one.last_byte_sent? - one.received));
    durations.collect::<Option<Vec<_>>>()?.into_iter().max()
}
