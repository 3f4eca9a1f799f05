//! Fresh HTTPS probes beside blackbox: the same targets, at the same time, counted by the servers' own journals.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use lab::Journal;
use tokio::time;

use super::blackbox::Blackbox;
use super::exporter::{Exporter, Setting};
use super::failed;
use super::idle::SCRAPE_INTERVAL;
use super::scrape::{MOST_ENDPOINTS, count};
use super::table::Row;
use crate::demo::world::World;

/// When both have done what they do once.
const SETTLED: Duration = Duration::from_secs(3);
const ROUND: Duration = Duration::from_secs(1);
const LIMIT: f64 = 0.3;

pub(crate) async fn measure(program: &Path, span: Duration) -> io::Result<[Row; 4]> {
    let world = World::with_endpoints(MOST_ENDPOINTS)?;
    let setting = Setting {
        only: Some("apiserver"),
        hurried: true,
        fixed: true,
        ..Setting::default()
    };
    let exporter = Exporter::start(program, &world, setting).await?;
    let blackbox = Blackbox::start(&world).await?;
    let servers: Vec<_> = std::iter::once(world.apiserver.service())
        .chain(world.apiserver.endpoints())
        .collect();
    // The service stands for its address and for its name, as with ours.
    let targets: Vec<_> = [servers[0]]
        .iter()
        .chain(&servers)
        .map(|server| server.addr())
        .collect();
    for _ in 0..2 {
        round(&blackbox, &targets).await?;
    }
    time::sleep(SETTLED).await;

    let mut seen = Seen::default();
    let look = |seen: &mut Seen| {
        servers
            .iter()
            .for_each(|server| seen.look(server.addr(), server.journal()))
    };
    look(&mut seen);
    let before = (
        exporter.process.cpu()?,
        blackbox.process.cpu()?,
        seen.ours.len(),
        seen.blackbox.len(),
    );
    let began = Instant::now();
    let mut scraped = began;
    while began.elapsed() < span {
        let next = time::sleep(ROUND);
        round(&blackbox, &targets).await?;
        if scraped.elapsed() >= SCRAPE_INTERVAL {
            scraped = Instant::now();
            exporter.metrics().await?;
        }
        next.await;
        look(&mut seen);
    }
    let ours = Cost {
        millis: exporter.process.cpu()? - before.0,
        handshakes: seen.ours.len() - before.2,
    };
    let theirs = Cost {
        millis: blackbox.process.cpu()? - before.1,
        handshakes: seen.blackbox.len() - before.3,
    };
    if seen.unknown > 0 || ours.handshakes == 0 || theirs.handshakes == 0 {
        return Err(failed(format!(
            "the journals cannot tell who shook hands: {seen:?}"
        )));
    }
    if exporter
        .metrics()
        .await?
        .contains("\ncastai_health_failure{")
    {
        return Err(failed(
            "a target fails in a healthy world; the figures would tell nothing",
        ));
    }
    let (memory, highest) = blackbox.process.memory()?;
    Ok([
        Row::limited(
            "CPU per fresh HTTPS probe, of blackbox's",
            ours.each() / theirs.each(),
            LIMIT,
            "×",
        )
        .with("side by side, the same targets"),
        Row::told("  this exporter", ours.each(), "ms")
            .with(format!("{} handshakes", ours.handshakes)),
        Row::told("  blackbox", theirs.each(), "ms")
            .with(format!("{} handshakes", theirs.handshakes)),
        Row::told("  blackbox, memory", memory, "MiB").with(format!("highest {highest:.1} MiB")),
    ])
}

async fn round(blackbox: &Blackbox, targets: &[SocketAddr]) -> io::Result<()> {
    for target in targets {
        blackbox.probe(*target).await?;
    }
    Ok(())
}

/// CPU time for so many handshakes.
struct Cost {
    millis: f64,
    handshakes: usize,
}

/// Whose handshakes a server finished; a connection is known by both of its ends and its time.
#[derive(Debug, Default)]
struct Seen {
    ours: HashSet<(SocketAddr, SocketAddr, Instant)>,
    blackbox: HashSet<(SocketAddr, SocketAddr, Instant)>,
    unknown: usize,
}

// === impl Cost ===

impl Cost {
    fn each(&self) -> f64 {
        self.millis / count(self.handshakes)
    }
}

// === impl Seen ===

impl Seen {
    fn look(&mut self, server: SocketAddr, journal: &Journal) {
        for connection in journal.connections() {
            let Some(exchange) = connection
                .exchanges
                .first()
                .filter(|_| connection.handshaken.is_some())
            else {
                continue;
            };
            let who = exchange.request.header("user-agent").unwrap_or_default();
            let id = (server, connection.peer, connection.accepted);
            if who.starts_with("castai-health-exporter/") {
                self.ours.insert(id);
            } else if who.starts_with("Blackbox") || who.starts_with("Go-http-client") {
                self.blackbox.insert(id);
            } else {
                self.unknown += 1;
            }
        }
    }
}
