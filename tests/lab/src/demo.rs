//! `lab demo`: fake servers, the exporter, and commands that inject faults by name.

pub(crate) mod check_script;
pub(crate) mod clouds;
pub(crate) mod commands;
pub(crate) mod exporter;
pub(crate) mod supervisor;
pub(crate) mod test_bed;

use std::ffi::OsString;
use std::io;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clouds::Provider;
use commands::Outcome;
use exporter::Exporter;
use test_bed::TestBed;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time;

/// Command-line arguments of `lab demo`.
pub(crate) struct Arguments {
    exporter: PathBuf,
    listen: Option<SocketAddr>,
    provider: Provider,
    flags: Vec<OsString>,
}

// === impl Arguments ===

impl Arguments {
    pub(crate) fn parse(args: &[OsString]) -> Result<Self, String> {
        let mut args = args.iter();
        let (mut exporter, mut listen, mut provider, mut flags) =
            (None, None, Provider::default(), Vec::new());
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--exporter") => {
                    exporter = Some(PathBuf::from(
                        args.next().ok_or("--exporter requires a path")?,
                    ));
                }
                Some("--listen") => {
                    let addr = args.next().and_then(|addr| addr.to_str()?.parse().ok());
                    listen = Some(addr.ok_or(
                        "--listen requires an address and a port, such as 127.0.0.1:9878",
                    )?);
                }
                Some("--provider") => {
                    let arg = args.next().and_then(|arg| arg.to_str());
                    provider = arg
                        .and_then(Provider::parse)
                        .ok_or("--provider must be eks, gke or aks")?;
                }
                Some("--") => flags.extend(args.by_ref().cloned()),
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
            listen,
            provider,
            flags,
        })
    }
}

/// Runs until the user quits, a signal arrives or the exporter exits. Leaves nothing behind.
pub(crate) async fn run(arguments: Arguments) -> io::Result<ExitCode> {
    let (mut interrupt, mut terminate, mut hangup) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    );
    let listen = arguments.listen.map_or_else(free_port, Ok)?;
    let mut test_bed = TestBed::with_provider(arguments.provider)?;
    let mut exporter = Exporter::start(&arguments.exporter, &arguments.flags, listen, &test_bed)?;
    let mut lines = stdin_lines();

    println!("{}", test_bed.description());
    println!("exporter      {}", exporter.description());
    println!(
        "log           tail -f {}",
        exporter::log_file(&test_bed).display()
    );
    println!("\n{}\n", commands::HELP);
    let check = check_script::path(&test_bed);
    println!("Run the checks from another terminal:\n");
    for flags in ["", " -o short", " castai_api"] {
        println!("  {}{flags}", check.display());
    }
    println!();
    let mut listening = std::pin::pin!(listens(listen));
    let mut waiting = true;

    let code = loop {
        tokio::select! {
            up = &mut listening, if waiting => {
                waiting = false;
                println!("{}", if up { "exporter is listening" } else { "exporter is not listening yet" });
                prompt();
            }
            line = lines.recv() => {
                let Some(line) = line else { break ExitCode::SUCCESS };
                match commands::execute(&line, &mut test_bed).await {
                    Outcome::Print(text) => println!("{text}"),
                    Outcome::Quit => break ExitCode::SUCCESS,
                    Outcome::Restart(text) => {
                        exporter.stop().await;
                        exporter = Exporter::start(&arguments.exporter, &arguments.flags, listen, &test_bed)?;
                        println!("{text}");
                    }
                }
                prompt();
            }
            status = exporter.exited() => {
                eprintln!("lab: exporter exited: {status}; the end of its log:\n{}", exporter::end_of_log(&test_bed));
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

/// Shows on a terminal that a command can be typed.
fn prompt() {
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        print!("demo> ");
        // If the terminal is gone, stdin is closed too.
        let _ = io::stdout().flush();
    }
}

/// Reads lines of stdin on a thread, which does not delay the exit of the process.
fn stdin_lines() -> mpsc::Receiver<String> {
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

/// Returns a port that was free a moment ago.
pub(crate) fn free_port() -> io::Result<SocketAddr> {
    std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// Whether a server listens at `addr` within ten seconds.
async fn listens(addr: SocketAddr) -> bool {
    let connects = async {
        while TcpStream::connect(addr).await.is_err() {
            time::sleep(Duration::from_millis(50)).await;
        }
    };
    time::timeout(Duration::from_secs(10), connects)
        .await
        .is_ok()
}
