//! Runs the exporter and kills it when the demo exits for any reason.
//!
//! The demo holds the other end of this process's stdin. When the demo dies, even by SIGKILL, the
//! kernel closes that end, and the supervisor kills the exporter and exits.

use std::ffi::OsString;
use std::io;
use std::process::{ExitCode, Stdio};

use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Hidden subcommand with which the demo starts the supervisor.
pub(crate) const SUBCOMMAND: &str = "supervise";

/// Runs a command until it exits or stdin is closed.
pub(crate) async fn supervise(command: &[OsString]) -> io::Result<ExitCode> {
    let (mut interrupt, mut terminate, mut hangup) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    );
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;

    let (stdin_open, stdin_closed) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        // The demo never writes to stdin, it only closes it.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        drop(stdin_open);
    });
    tokio::select! {
        status = child.wait() => {
            let code = status?.code().and_then(|code| u8::try_from(code).ok());
            return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
        }
        _ = stdin_closed => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    child.kill().await?;
    Ok(ExitCode::SUCCESS)
}
