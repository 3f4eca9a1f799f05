//! CPU cost of fresh HTTPS probes, side by side with `blackbox_exporter`.
//!
//! Both probe the same targets at the same time; the servers' request logs count the handshakes.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use lab::RequestLog;
use tokio::time;

use super::blackbox::Blackbox;
use super::error;
use super::exporter::{Exporter, ExporterSettings};
use super::idle::SCRAPE_INTERVAL;
use super::scrape::{MAX_ENDPOINTS, to_f64};
use super::table::Row;
use crate::demo::test_bed::TestBed;

/// Time for start-up work to finish.
const WARM_UP: Duration = Duration::from_secs(3);
const ROUND: Duration = Duration::from_secs(1);
const LIMIT: f64 = 0.25;

pub(crate) async fn measure(program: &Path, duration: Duration) -> io::Result<[Row; 4]> {
    let test_bed = TestBed::with_endpoints(MAX_ENDPOINTS)?;
    let settings = ExporterSettings {
        only: Some("apiserver"),
        every_second: true,
        static_addresses: true,
        ..ExporterSettings::default()
    };
    let exporter = Exporter::start(program, &test_bed, settings).await?;
    let blackbox = Blackbox::start(&test_bed).await?;
    let servers: Vec<_> = std::iter::once(test_bed.apiserver.service())
        .chain(test_bed.apiserver.endpoints())
        .collect();
    // The service is two targets, by address and by DNS name, as in the exporter.
    let targets: Vec<_> = [servers[0]]
        .iter()
        .chain(&servers)
        .map(|server| server.addr())
        .collect();
    for _ in 0..2 {
        probe_all(&blackbox, &targets).await?;
    }
    time::sleep(WARM_UP).await;

    let mut counts = HandshakeCounts::default();
    let update = |counts: &mut HandshakeCounts| {
        for server in &servers {
            counts.update(server.addr(), server.request_log());
        }
    };
    update(&mut counts);
    let before = (
        exporter.process.cpu()?,
        blackbox.process.cpu()?,
        counts.ours.len(),
        counts.blackbox.len(),
    );
    let start = Instant::now();
    let mut scraped = start;
    while start.elapsed() < duration {
        let next_round = time::sleep(ROUND);
        probe_all(&blackbox, &targets).await?;
        if scraped.elapsed() >= SCRAPE_INTERVAL {
            scraped = Instant::now();
            exporter.metrics().await?;
        }
        next_round.await;
        update(&mut counts);
    }
    let ours = Cost {
        millis: exporter.process.cpu()? - before.0,
        handshakes: counts.ours.len() - before.2,
    };
    let theirs = Cost {
        millis: blackbox.process.cpu()? - before.1,
        handshakes: counts.blackbox.len() - before.3,
    };
    if counts.unknown > 0 || ours.handshakes == 0 || theirs.handshakes == 0 {
        return Err(error(format!(
            "the request logs do not identify the clients: {counts:?}"
        )));
    }
    let metrics = exporter.metrics().await?;
    if metrics.contains("\ncastai_health_failure{") {
        return Err(error("a target fails although the test bed is healthy"));
    }
    let checks = metrics.matches("\ncastai_health_check_attempts_total{");
    if checks.count() > 1 {
        return Err(error("other checks run too, and would count as probes"));
    }
    let (memory, peak) = blackbox.process.memory()?;
    Ok([
        Row::limited(
            "CPU per fresh HTTPS probe, relative to blackbox",
            ours.per_handshake() / theirs.per_handshake(),
            LIMIT,
            "×",
        )
        .with("same targets, same time"),
        Row::unlimited("  this exporter", ours.per_handshake(), "ms")
            .with(format!("{} handshakes", ours.handshakes)),
        Row::unlimited("  blackbox", theirs.per_handshake(), "ms")
            .with(format!("{} handshakes", theirs.handshakes)),
        Row::unlimited("  blackbox, memory", memory, "MiB").with(format!("peak {peak:.1} MiB")),
    ])
}

async fn probe_all(blackbox: &Blackbox, targets: &[SocketAddr]) -> io::Result<()> {
    for target in targets {
        blackbox.probe(*target).await?;
    }
    Ok(())
}

/// CPU time for a number of handshakes.
struct Cost {
    millis: f64,
    handshakes: usize,
}

/// Completed handshakes by client. A connection is identified by its two addresses and its time.
#[derive(Debug, Default)]
struct HandshakeCounts {
    ours: HashSet<(SocketAddr, SocketAddr, Instant)>,
    blackbox: HashSet<(SocketAddr, SocketAddr, Instant)>,
    unknown: usize,
}

// === impl Cost ===

impl Cost {
    fn per_handshake(&self) -> f64 {
        self.millis / to_f64(self.handshakes)
    }
}

// === impl HandshakeCounts ===

impl HandshakeCounts {
    fn update(&mut self, server: SocketAddr, request_log: &RequestLog) {
        for connection in request_log.connections() {
            let Some(exchange) = connection
                .exchanges
                .first()
                .filter(|_| connection.handshake_completed.is_some())
            else {
                continue;
            };
            let user_agent = exchange.request.header("user-agent").unwrap_or_default();
            let id = (server, connection.peer, connection.accepted);
            if user_agent.starts_with("castai-health-exporter/") {
                self.ours.insert(id);
            } else if user_agent.starts_with("Blackbox") || user_agent.starts_with("Go-http-client")
            {
                self.blackbox.insert(id);
            } else {
                self.unknown += 1;
            }
        }
    }
}
