//! A healthy world, the exporter in it, and a person who breaks it by name.

pub(crate) mod clouds;
pub(crate) mod exporter;
pub(crate) mod keeper;
pub(crate) mod switch;
pub(crate) mod world;

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clouds::Provider;
use exporter::Exporter;
use switch::Outcome;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time;
use world::World;

/// What was asked for on the command line.
pub(crate) struct Arguments {
    exporter: PathBuf,
    listen: Option<SocketAddr>,
    provider: Provider,
    flags: Vec<OsString>,
}

// === impl Arguments ===

impl Arguments {
    pub(crate) fn read(words: &[OsString]) -> Result<Self, String> {
        let mut words = words.iter();
        let (mut exporter, mut listen, mut provider, mut flags) =
            (None, None, Provider::default(), Vec::new());
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("--exporter") => {
                    exporter = Some(PathBuf::from(
                        words.next().ok_or("--exporter wants a path")?,
                    ))
                }
                Some("--listen") => {
                    let addr = words.next().and_then(|addr| addr.to_str()?.parse().ok());
                    listen = Some(
                        addr.ok_or("--listen wants an address and a port, such as 127.0.0.1:9878")?,
                    );
                }
                Some("--provider") => {
                    let word = words.next().and_then(|word| word.to_str());
                    provider = word
                        .and_then(Provider::read)
                        .ok_or("--provider is eks, gke or aks")?;
                }
                Some("--") => flags.extend(words.by_ref().cloned()),
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
            listen,
            provider,
            flags,
        })
    }
}

/// Runs until the person, a signal or the exporter ends it; then nothing of it is left.
pub(crate) async fn run(arguments: Arguments) -> io::Result<ExitCode> {
    let (mut interrupt, mut terminate, mut hangup) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    );
    let listen = arguments.listen.map_or_else(free_port, Ok)?;
    let mut world = World::of(arguments.provider)?;
    let mut exporter = Exporter::start(&arguments.exporter, &arguments.flags, listen, &world)?;
    let mut lines = lines();

    println!("{}", world.description());
    println!("exporter      {}", exporter.description());
    println!("\n{}\n", switch::HELP);
    let mut answers = std::pin::pin!(answering(listen));
    let mut waiting = true;

    let code = loop {
        tokio::select! {
            up = &mut answers, if waiting => {
                waiting = false;
                println!("{}", if up { "the exporter answers" } else { "the exporter does not answer yet" });
            }
            line = lines.recv() => {
                let Some(line) = line else { break ExitCode::SUCCESS };
                match switch::apply(&line, &mut world).await {
                    Outcome::Said(text) => println!("{text}"),
                    Outcome::Quit => break ExitCode::SUCCESS,
                    Outcome::Restart(text) => {
                        exporter.stop().await;
                        exporter = Exporter::start(&arguments.exporter, &arguments.flags, listen, &world)?;
                        println!("{text}");
                    }
                }
            }
            status = exporter.ended() => {
                eprintln!("lab: the exporter ended: {status}");
                break ExitCode::FAILURE;
            }
            _ = interrupt.recv() => break ExitCode::SUCCESS,
            _ = terminate.recv() => break ExitCode::SUCCESS,
            _ = hangup.recv() => break ExitCode::SUCCESS,
        }
    };
    exporter.stop().await;
    Ok(code)
}

/// The lines of stdin, read by a thread that does not hold up the end of the process.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> io::Result<SocketAddr> {
    std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// Whether something listens there within ten seconds.
async fn answering(addr: SocketAddr) -> bool {
    let connects = async {
        while TcpStream::connect(addr).await.is_err() {
            time::sleep(Duration::from_millis(50)).await;
        }
    };
    time::timeout(Duration::from_secs(10), connects)
        .await
        .is_ok()
}
