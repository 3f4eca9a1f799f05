//! The durations that are published, held against the server's own clock.
//!
//! `tls` against accept → handshake finished, `request` against request received → answer's last byte given to the
//! kernel; of several requests the longest, as it is published.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use lab::{Connection, Fault};
use tokio::time;

use super::exporter::{Exporter, Setting};
use super::fetch::value;
use super::table::Row;
use super::{failed, percentile};
use crate::demo::world::{CASTAI_NAME, World};

const LIMIT_MS: f64 = 1.0;
/// How long an attempt may be waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// One comparison that is made again and again.
struct Case {
    phase: &'static str,
    fault: Option<Fault>,
    clock: fn(&Connection) -> Option<Duration>,
}

pub(crate) async fn measure(program: &Path, attempts: usize) -> io::Result<[Row; 4]> {
    let case = |phase, fault, clock| {
        of_case(
            program,
            attempts,
            Case {
                phase,
                fault,
                clock,
            },
        )
    };
    let tls_slow = Fault::TlsSlow(Duration::from_millis(200));
    let answer_slow = Fault::AnswerSlow(Duration::from_millis(300));
    // Side by side: they sleep most of the time.
    let rows = tokio::try_join!(
        case("tls", Some(tls_slow), handshake),
        case("request", Some(answer_slow), longest_answer),
        case("tls", None, handshake),
        case("request", None, longest_answer),
    )?;
    Ok(rows.into())
}

async fn of_case(program: &Path, attempts: usize, case: Case) -> io::Result<Row> {
    let world = World::start()?;
    if let Some(fault) = &case.fault {
        world.castai.set(fault.clone()).await;
    }
    let setting = Setting {
        only: Some("castai_api"),
        hurried: true,
        ..Setting::default()
    };
    let exporter = Exporter::start(program, &world, setting).await?;
    let target = format!("{CASTAI_NAME}:{}", world.castai.addr().port());
    let phase = case.phase;
    let series = format!(
        "castai_health_target_phase_seconds{{check=\"castai_api\",target=\"{target}\",phase=\"{phase}\"}}"
    );
    let mut differences = Vec::new();
    let mut last: Option<Instant> = None;
    for _ in 0..attempts {
        let connection = next(&world, last).await?;
        last = Some(connection.accepted);
        let told = value(&exporter.metrics().await?, &series)
            .ok_or_else(|| failed(format!("{series} is missing")))?;
        let clock =
            (case.clock)(&connection).ok_or_else(|| failed("the server did not come to an end"))?;
        differences.push((told - clock.as_secs_f64()).abs() * 1000.0);
    }
    let fault = case
        .fault
        .map_or_else(|| "healthy".to_owned(), |fault| fault.to_string());
    let what = format!("{phase} against the server's clock, {fault}");
    let remark = format!(
        "median difference of {attempts}; p95 {:.2} ms",
        percentile(&differences, 95)
    );
    Ok(Row::limited(what, percentile(&differences, 50), LIMIT_MS, "ms").with(remark))
}

/// The connection of the next attempt, when the attempt is over and published.
async fn next(world: &World, last: Option<Instant>) -> io::Result<Connection> {
    let came = async {
        loop {
            let newest = world.castai.journal().connections().pop();
            if let Some(newest) =
                newest.filter(|one| one.ended.is_some() && Some(one.accepted) != last)
            {
                // It is published once the client has closed the connection, and long before the next attempt.
                time::sleep(Duration::from_millis(30)).await;
                return newest;
            }
            time::sleep(Duration::from_millis(10)).await;
        }
    };
    time::timeout(PATIENCE, came)
        .await
        .map_err(|_| failed("the exporter does not come to CAST AI"))
}

fn handshake(connection: &Connection) -> Option<Duration> {
    Some(connection.handshaken? - connection.accepted)
}

fn longest_answer(connection: &Connection) -> Option<Duration> {
    let took = connection
        .exchanges
        .iter()
        .map(|one| Some(one.last_byte_sent? - one.received));
    took.collect::<Option<Vec<_>>>()?.into_iter().max()
}
